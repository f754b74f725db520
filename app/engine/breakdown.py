"""What llama.cpp allocates for a context, or would in a simulated load, by kind of memory and to the byte.

llama.cpp tells it in a C++ function only, which returns a `std::map`; its log rounds, and in a simulated load says 0
for weights and for the KV cache of each device. So this walks the map: a red-black tree, whose nodes have had the same
layout in each C++ library for decades. Where the function is not found under its name, as on Windows, `is_there` says
so, and the formulas of `core.memory` have to do.

Source: llama-ext.h of the llama.cpp that llama-cpp-python 0.3.36 bundles.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterator
from typing import Any, NamedTuple

_FUNCTION = "_Z26llama_get_memory_breakdownPK13llama_context"


class Part(NamedTuple):
    """Bytes of one kind of memory; `buffer_type` is a `ggml_backend_buffer_type_t`."""

    buffer_type: int
    model: int
    context: int
    compute: int


class _Layout(NamedTuple):
    """Where pointers lie: the root's in the map, and those to the branches in a node. In bytes."""

    root: int
    left: int
    right: int


_LIBSTDCXX = _Layout(root=16, left=16, right=24)
_LIBCXX = _Layout(root=8, left=0, right=8)
_LAYOUT = _LIBCXX if sys.platform == "darwin" else _LIBSTDCXX
_VALUE = 32  # where it lies in a node, in both libraries


class _Map(ctypes.Structure):
    """Large enough for a `std::map` of any library, and so returned the way that one is: in the caller's memory."""

    _fields_ = (("words", ctypes.c_size_t * 6),)


def is_there(library: ctypes.CDLL) -> bool:
    return hasattr(library, _FUNCTION)


def parts(library: ctypes.CDLL, context: Any) -> Iterator[Part]:
    """What the `llama_context` has or would have. The map is never freed: it is some 64 bytes a device."""
    function = getattr(library, _FUNCTION)
    function.restype, function.argtypes = _Map, [ctypes.c_void_p]
    found = function(context)
    yield from _walk(_pointer(ctypes.addressof(found) + _LAYOUT.root))


def _walk(node: int) -> Iterator[Part]:
    if node:
        yield from _walk(_pointer(node + _LAYOUT.left))
        yield Part(*(ctypes.c_size_t * len(Part._fields)).from_address(node + _VALUE))
        yield from _walk(_pointer(node + _LAYOUT.right))


def _pointer(address: int) -> int:
    return ctypes.c_size_t.from_address(address).value
