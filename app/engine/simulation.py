"""The exact memory bill: llama.cpp itself is asked, by a load that allocates nothing.

It knows every architecture that llama.cpp knows, and needs of the file no more than the header. The model takes some
30 ms, and each context for it 3 ms; so the model is kept for the next question.
"""

from __future__ import annotations

from app.core import gguf, memory
from app.core.load_options import LoadOptions
from app.core.memory import RAM, DeviceBill, MemoryBill
from app.engine import llama


class Simulator:
    """Makes out bills, at most one model at a time."""

    def __init__(self, native_log: llama.NativeLog) -> None:
        self._native_log = native_log
        self._key: tuple[object, ...] = ()
        self._model: llama.SimulatedModel | None = None

    def bill(self, options: LoadOptions) -> MemoryBill:
        """Raises a `ModelError` if the model cannot be loaded that way."""
        if not llama.can_simulate():
            return memory.estimate(gguf.read_header(options.path), options.context_length)
        return _bill(self._simulated(options).allocations(options), options.mapped)

    def forget(self) -> None:
        """Frees the model that is kept."""
        if self._model is not None:
            self._model.close()
        self._model = None

    def _simulated(self, options: LoadOptions) -> llama.SimulatedModel:
        status = options.path.stat()
        placed = (options.gpu_layers, options.devices, options.tensor_split, options.experts_on_cpu)
        key = (options.path, status.st_size, status.st_mtime_ns, *placed)
        if self._model is None or key != self._key:
            self.forget()
            self._model = llama.SimulatedModel(options, self._native_log)
            self._key = key
        return self._model


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
