"""The exact memory bill: llama.cpp itself is asked, by a load that allocates nothing.

It knows every architecture that llama.cpp knows, and needs of the file no more than the header. The model takes some
10 ms, and each context for it 3 ms; so the models of one file, one for each number of layers on the GPU, are kept for
the next question.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Sequence
from pathlib import Path

from app.core import gguf, memory
from app.core.load_options import LoadOptions
from app.core.memory import RAM, DeviceBill, MemoryBill
from app.engine import llama
from app.engine.protocol import Device

_MOST_MODELS = 64
_CACHE_SHARES = {"f16": 1.0, "q8_0": 17 / 32, "q4_0": 9 / 32}


class Simulator:
    """Makes out bills, at most of one file at a time."""

    def __init__(self, native_log: llama.NativeLog) -> None:
        self._native_log = native_log
        self._header: gguf.GgufHeader | None = None
        self._models: dict[tuple[object, ...], llama.SimulatedModel] = {}  # of that header, by what is where

    def bill(self, options: LoadOptions) -> MemoryBill:
        """Raises a `ModelError` if the model cannot be loaded that way."""
        header = header_of(options.path)
        allocations = self._simulated(options, header).allocations(options) if llama.can_simulate() else ()
        if not allocations:
            return _by_formula(header, options, _gpus(options))
        ram, *gpus = _bill(allocations, options.mapped).devices
        ram = dataclasses.replace(ram, buffers=ram.buffers + memory.vocabulary(header))
        return MemoryBill((ram, *gpus))

    def forget(self) -> None:
        """Frees the models that are kept."""
        for model in self._models.values():
            model.close()
        self._models.clear()

    def _simulated(self, options: LoadOptions, header: gguf.GgufHeader) -> llama.SimulatedModel:
        if header is not self._header or len(self._models) >= _MOST_MODELS:
            self.forget()
            self._header = header
        placed = (options.gpu_layers, options.devices, options.tensor_split, options.experts_on_cpu)
        if placed not in self._models:
            self._models[placed] = llama.SimulatedModel(options, header, self._native_log)
        return self._models[placed]


def header_of(path: Path) -> gguf.GgufHeader:
    """The header of a file that may be asked about again and again. Raises what `gguf.check_file` raises."""
    try:
        status = path.stat()
    except OSError:
        return gguf.check_file(path)  # which says what is wrong
    return _header(path, status.st_size, status.st_mtime_ns)


@functools.lru_cache(maxsize=32)
def _header(path: Path, _size: int, _changed_at: int) -> gguf.GgufHeader:
    return gguf.check_file(path)


def _bill(allocations: tuple[llama.Allocation, ...], is_mapped: bool) -> MemoryBill:
    """RAM first, then the GPUs."""
    gpus = dict.fromkeys(one.device for one in allocations if one.device != RAM)
    return MemoryBill(tuple(_device_bill(name, allocations, is_mapped) for name in (RAM, *gpus)))


def _device_bill(name: str, allocations: tuple[llama.Allocation, ...], is_mapped: bool) -> DeviceBill:
    here = [one for one in allocations if one.device == name]
    # Of a mapped file, weights that were repacked for this processor are in memory twice.
    in_pages = is_mapped and name == RAM
    return DeviceBill(
        name,
        weights=sum(one.weights for one in here if not (in_pages and one.mappable)),
        kv_cache=sum(one.kv_cache for one in here),
        buffers=sum(one.buffers for one in here),
        mapped=sum(one.weights for one in here) if in_pages else 0,
    )


def _gpus(options: LoadOptions) -> list[Device]:
    gpus = [device for device in llama.devices() if device.kind in ("gpu", "integrated")]
    return [device for device in gpus if options.devices is None or device.name in options.devices]


def _by_formula(header: gguf.GgufHeader, options: LoadOptions, gpus: Sequence[Device]) -> MemoryBill:
    """A bill for a llama.cpp that cannot be asked: layers are taken to be equal, and each GPU needs all the buffers."""
    (whole,) = memory.estimate(header, options.context_length).devices
    cache = whole.kv_cache * (_CACHE_SHARES[options.cache_type_k] + _CACHE_SHARES[options.cache_type_v]) / 2
    offloaded = min(1.0, options.gpu_layers / (header.layers + 1)) if gpus else 0.0
    weights = round(whole.weights * (1 - offloaded))
    in_ram = dataclasses.replace(
        whole,
        weights=0 if options.mapped else weights,
        mapped=weights if options.mapped else 0,
        kv_cache=round(cache * (1 - offloaded)),
    )
    shares = [*options.tensor_split, *[0.0] * len(gpus)][: len(gpus)]
    shares = shares if sum(shares) else [max(1.0, gpu.memory_free) for gpu in gpus]
    parts = [
        DeviceBill(
            gpu.name,
            weights=round(whole.weights * offloaded * share / sum(shares)),
            kv_cache=round(cache * offloaded * share / sum(shares)),
            buffers=whole.buffers,
        )
        for gpu, share in zip(gpus, shares, strict=True)
    ]
    return MemoryBill((in_ram, *parts))
