"""The memory bill: what a model will take once it is loaded.

The engine has the exact one from a simulated load (`engine.simulation`). `estimate` is a first one, from the header
alone: what llama.cpp itself says for models of the plain kind, the llamas, on a processor. For the others it errs on
the high side: a cache that slides, is compressed or exists in some layers only is counted as a full one.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

from app.core.gguf import GgufHeader
from app.core.gguf_reader import Skipped

RAM = "RAM"

_CACHE_NUMBER = 2  # bytes; f16
_BATCH = 128  # tokens that the engine computes at once on a processor
_FLOAT = 4  # bytes
_TOKEN, _MERGE = 180, 140  # bytes that llama.cpp keeps of each of the vocabulary's; measured


@dataclass(frozen=True, slots=True)
class DeviceBill:
    """What one loaded model takes of one device, in bytes. `device` is RAM, or the name of a GPU, such as CUDA0.

    `mapped` are pages of the model's file. They are there beside the rest, but the system may drop them.
    """

    device: str
    weights: int
    kv_cache: int
    buffers: int
    mapped: int = 0

    @property
    def required(self) -> int:
        """What must fit."""
        return self.weights + self.kv_cache + self.buffers


@dataclass(frozen=True, slots=True)
class MemoryBill:
    """What one loaded model takes of each device."""

    devices: tuple[DeviceBill, ...]

    @property
    def weights(self) -> int:
        return sum(device.weights for device in self.devices)

    @property
    def kv_cache(self) -> int:
        return sum(device.kv_cache for device in self.devices)

    @property
    def buffers(self) -> int:
        return sum(device.buffers for device in self.devices)

    @property
    def mapped(self) -> int:
        return sum(device.mapped for device in self.devices)

    @property
    def required(self) -> int:
        return sum(device.required for device in self.devices)

    def counted_in_ram(self, devices: Sequence[str]) -> MemoryBill:
        """The same, but what these devices take is a part of what RAM has to give."""
        in_ram = [part for part in self.devices if part.device in (RAM, *devices)]
        ram = DeviceBill(
            RAM,
            weights=sum(part.weights for part in in_ram),
            kv_cache=sum(part.kv_cache for part in in_ram),
            buffers=sum(part.buffers for part in in_ram),
            mapped=sum(part.mapped for part in in_ram),
        )
        return MemoryBill((ram, *(part for part in self.devices if part not in in_ram)))

    def corrected(self, share: float) -> MemoryBill:
        """The same with larger buffers: the whole of each device grows by `share`."""
        return MemoryBill(
            tuple(
                dataclasses.replace(part, buffers=max(0, part.buffers + round(share * (part.required + part.mapped))))
                for part in self.devices
            )
        )

    def on(self, device: str) -> DeviceBill:
        """The part of `device`: nothing if the model does not use it."""
        return next((part for part in self.devices if part.device == device), DeviceBill(device, 0, 0, 0))


@dataclass(frozen=True, slots=True)
class DeviceMemory:
    """One memory of this computer, in bytes. `device` is RAM, or the name of a GPU that has memory of its own.

    Of `free`, `given_back` are still in use: by the model that will go first.
    """

    device: str
    description: str
    total: int
    free: int
    given_back: int = 0


def estimate(header: GgufHeader, context_length: int) -> MemoryBill:
    """What the model takes in RAM with a context of `context_length` tokens, its file read and not mapped."""
    heads = header.head_count_kv
    all_heads = sum(heads) if isinstance(heads, tuple) else heads * header.layers
    cached = all_heads * (header.key_length + header.value_length)
    return MemoryBill(
        (
            DeviceBill(
                RAM,
                weights=header.tensor_bytes,
                kv_cache=cached * context_length * _CACHE_NUMBER,
                buffers=_buffers(header, context_length) + vocabulary(header),
            ),
        )
    )


def vocabulary(header: GgufHeader) -> int:
    """What the words take, in bytes of RAM. They are no tensors, and llama.cpp keeps them in tables."""
    merges = header.metadata.get("tokenizer.ggml.merges", ())
    count = merges.length if isinstance(merges, Skipped) else len(merges) if isinstance(merges, tuple) else 0
    return _TOKEN * header.vocabulary_size + _MERGE * count


def _buffers(header: GgufHeader, context_length: int) -> int:
    """What a computation holds at its widest, which is within a layer.

    Measured with llama.cpp as the engine sets it up, flash attention on, no GPU: exact from half a billion parameters
    up.
    """
    mask = context_length // 2  # of f16
    return _BATCH * _FLOAT * (3 * header.feed_forward_length + 4 * header.embedding_length + mask)
