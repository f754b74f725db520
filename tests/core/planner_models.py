"""Models of several shapes, and the bill that llama.cpp would make out for them, roughly, at no cost."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path

from app.core.load_options import LoadOptions
from app.core.memory import RAM, DeviceBill, MemoryBill
from app.core.planner import Free, ModelFacts

MIB = 1 << 20
GIB = 1 << 30
_CACHE_BITS = {"f16": 16.0, "q8_0": 8.5, "q4_0": 4.5}


@dataclass(frozen=True)
class FakeModel:
    """`repacked` is the share of the weights in RAM that is held twice if the file is mapped."""

    layers: int
    layer_bytes: int
    width: int
    cache_width: int  # numbers that one layer keeps of a token, as K, and again as V
    vocabulary: int
    trained: int
    repacked: float = 0.0
    helped_by_gpu: bool = False  # a GPU without layers is used, too

    @property
    def facts(self) -> ModelFacts:
        return ModelFacts(Path("model.gguf"), self.layers, self.trained)

    @property
    def token_bytes(self) -> int:
        """Of the table of tokens, which stays in RAM, and of the output."""
        return self.vocabulary * self.width

    def bill(self, options: LoadOptions, free: Free) -> MemoryBill:
        if options.devices is not None:
            gpus = tuple(gpu for gpu in free.gpus if gpu[0] in options.devices)
            free = dataclasses.replace(free, gpus=gpus)
        count = min(options.gpu_layers, self.layers + 1) if free.gpus else 0
        on_gpus = max(0, count - 1)
        in_ram = self.token_bytes * (1 if count else 2) + (self.layers - on_gpus) * self.layer_bytes
        held_twice = int(in_ram * self.repacked)
        ram = DeviceBill(
            RAM,
            weights=held_twice if options.mapped else in_ram,
            kv_cache=(self.layers - on_gpus) * self._cache(options),
            buffers=self._buffers(options, has_output=not count),
            mapped=in_ram if options.mapped else 0,
        )
        return MemoryBill((ram, *self._gpus(options, free, count, on_gpus)))

    def _gpus(self, options: LoadOptions, free: Free, count: int, layers: int) -> list[DeviceBill]:
        """The layers go to the GPUs in turn, in shares of what is free, the output to the last one."""
        if not (count or self.helped_by_gpu):
            return []
        whole = sum(bytes_free for _, bytes_free in free.gpus) or 1
        bills, before, passed = [], 0, 0
        for index, (name, bytes_free) in enumerate(free.gpus):
            passed += bytes_free
            is_last = index == len(free.gpus) - 1
            until = layers if is_last else round(layers * passed / whole)
            has_output = is_last and count > 0
            weights = (until - before) * self.layer_bytes + (self.token_bytes if has_output else 0)
            cache = (until - before) * self._cache(options)
            bills.append(DeviceBill(name, weights, cache, self._buffers(options, has_output)))
            before = until
        return bills

    def _cache(self, options: LoadOptions) -> int:
        bits = _CACHE_BITS[options.cache_type_k] + _CACHE_BITS[options.cache_type_v]
        return int(options.context_length * self.cache_width * bits / 8)

    def _buffers(self, options: LoadOptions, has_output: bool) -> int:
        at_logits = self.vocabulary + 2 * self.width if has_output else 0
        in_layer = 12 * self.width + options.context_length // 2
        return options.micro_batch * 4 * max(at_logits, in_layer)


TINYLLAMA = FakeModel(22, 25 * MIB, 2048, 256, 32_000, 2048, repacked=0.7)
MODELS = {
    "tiny": FakeModel(2, MIB, 64, 32, 512, 256),
    "TinyLlama": TINYLLAMA,
    "huge vocabulary": FakeModel(26, 50 * MIB, 2304, 1024, 262_144, 32_768, repacked=0.5),
    "8 billion": FakeModel(32, 130 * MIB, 4096, 1024, 128_256, 131_072),
    "8 billion that a GPU helps": FakeModel(32, 130 * MIB, 4096, 1024, 128_256, 131_072, helped_by_gpu=True),
    "multi-head": FakeModel(32, 120 * MIB, 4096, 4096, 32_000, 4096, repacked=0.9),
    "mixture of experts": FakeModel(48, 370 * MIB, 2048, 512, 151_936, 262_144, repacked=0.95),
    "70 billion": FakeModel(80, 500 * MIB, 8192, 1024, 128_256, 131_072),
    "a million tokens": FakeModel(28, 150 * MIB, 3584, 512, 152_064, 1_048_576),
    "says nothing": dataclasses.replace(TINYLLAMA, trained=0),
}
