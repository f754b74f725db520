"""The memory bill: what a model will take once it is loaded, from its header alone.

The formulas give what llama.cpp itself says for models of the plain kind, the llamas. For the others they err on the
high side: a cache that slides, is compressed or exists in some layers only is counted as a full one.
"""

from __future__ import annotations

import bisect
from dataclasses import dataclass

from app.core.gguf import GgufHeader

_CONTEXT_STEP = 256  # llama.cpp rounds up to it
_SHORTEST_CONTEXT = 512
_UNSTATED_CONTEXT = 4096
_CACHE_NUMBER = 2  # bytes; f16
_BATCH = 512  # tokens that llama.cpp computes at once
_FLOAT = 4  # bytes


@dataclass(frozen=True, slots=True)
class MemoryBill:
    """What one loaded model takes, in bytes."""

    weights: int
    kv_cache: int
    buffers: int

    @property
    def required(self) -> int:
        return self.weights + self.kv_cache + self.buffers


def estimate(header: GgufHeader, context_length: int) -> MemoryBill:
    """What the model takes with a context of `context_length` tokens."""
    heads = header.head_count_kv
    all_heads = sum(heads) if isinstance(heads, tuple) else heads * header.layers
    cached = all_heads * (header.key_length + header.value_length)
    return MemoryBill(
        weights=header.tensor_bytes,
        kv_cache=cached * context_length * _CACHE_NUMBER,
        buffers=_buffers(header, context_length),
    )


def automatic_context(header: GgufHeader, available: int) -> int:
    """The context length for someone who has not chosen one: the model's own, or what fits in `available` bytes."""
    return largest_context(header, available, header.context_length or _UNSTATED_CONTEXT)


def largest_context(header: GgufHeader, available: int, trained: int) -> int:
    """The longest context, up to `trained` tokens, that fits: a multiple of 256, and never less than 512.

    It may take half of what the weights leave of `available`. The other half is for the rest of the computer:
    models are trained for contexts that would fill any memory, and few conversations need them.
    """
    weights = header.tensor_bytes
    affordable = weights + (available - weights) // 2
    lengths = range(_SHORTEST_CONTEXT, trained + 1, _CONTEXT_STEP)
    fitting = bisect.bisect_right(lengths, affordable, key=lambda length: estimate(header, length).required)
    return lengths[fitting - 1] if fitting else _SHORTEST_CONTEXT


def _buffers(header: GgufHeader, context_length: int) -> int:
    """What a computation holds at its widest: either at the logits, or within a layer, where the mask is as well.

    Measured with llama.cpp at its default batch, flash attention on, no GPU: exact from half a billion parameters up.
    """
    width = header.embedding_length
    at_logits = header.vocabulary_size + 2 * width
    in_layer = 3 * header.feed_forward_length + 4 * width + context_length // 2  # the mask is of f16
    return _BATCH * _FLOAT * max(at_logits, in_layer)
