"""The exact memory bill: llama.cpp itself is asked, by a load that allocates nothing.

It knows every architecture that llama.cpp knows, and needs of the file no more than the header. The model takes some
10 ms, and each context for it 3 ms; so the models of one file, one for each number of layers on the GPU, are kept for
the next question.
"""

from __future__ import annotations

import functools
from pathlib import Path

from app.core import gguf, memory
from app.core.load_options import LoadOptions
from app.core.memory import RAM, DeviceBill, MemoryBill
from app.engine import llama

_MOST_MODELS = 64


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
        return _bill(allocations, options.mapped) if allocations else memory.estimate(header, options.context_length)

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
