"""What llama.cpp allocates for a context, or would in a simulated load, by kind of memory and to the byte.

llama.cpp tells it in a C++ function only, which returns a `std::map`; its log rounds, and in a simulated load says 0
for weights and for the KV cache of each device. So this walks the map: a red-black tree, whose nodes have had the same
layout in each C++ library for decades. Where the function is not found under its name, as on Windows, `is_there` says
so, and the formulas of `core.memory` have to do. They also have to where the map turns out to be another one: every
pointer is looked at before it is followed, the nodes are counted against the size of the map, and they must know their
parents. A library that keeps its maps otherwise would have to lie three times over.

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
    """Where things lie, in bytes: in the map its root and its size, in a node its branches and its parent."""

    root: int
    size: int
    left: int
    right: int
    parent: int


_LIBSTDCXX = _Layout(root=16, size=40, left=16, right=24, parent=8)
_LIBCXX = _Layout(root=8, size=16, left=0, right=8, parent=16)
_LAYOUT = _LIBCXX if sys.platform == "darwin" else _LIBSTDCXX
_VALUE = 32  # where it lies in a node, in both libraries
_MOST_NODES = 64  # kinds of memory; a computer has a few for each device
_POINTER = ctypes.sizeof(ctypes.c_size_t)


class _Map(ctypes.Structure):
    """Large enough for a `std::map` of any library, and so returned the way that one is: in the caller's memory."""

    _fields_ = (("words", ctypes.c_size_t * 6),)


class _AnotherLayoutError(Exception):
    """This is no map as we know it."""


def is_there(library: ctypes.CDLL) -> bool:
    return hasattr(library, _FUNCTION)


def parts(library: ctypes.CDLL, context: Any) -> tuple[Part, ...]:
    """What the `llama_context` has or would have; nothing if that cannot be made out.

    The map is never freed: it is some 64 bytes a kind of memory, and this process does not live long.
    """
    function = getattr(library, _FUNCTION)
    function.restype, function.argtypes = _Map, [ctypes.c_void_p]
    found = function(context)
    return _read(ctypes.addressof(found))


def _read(address: int) -> tuple[Part, ...]:
    """The values of the map at `address`."""
    size = _word(address + _LAYOUT.size)
    try:
        nodes = list(_walk(_branch(address + _LAYOUT.root), min(size, _MOST_NODES)))
    except _AnotherLayoutError:
        return ()
    if len(nodes) != size:
        return ()
    return tuple(Part(*(ctypes.c_size_t * len(Part._fields)).from_address(node + _VALUE)) for node in nodes)


def _walk(node: int, depth: int) -> Iterator[int]:
    """The nodes at and below `node`, in order. Below it there may be no more than `depth` levels."""
    if not node:
        return
    left, right = (_branch(node + side) for side in (_LAYOUT.left, _LAYOUT.right))
    if depth <= 0 or any(child and _word(child + _LAYOUT.parent) != node for child in (left, right)):
        raise _AnotherLayoutError
    yield from _walk(left, depth - 1)
    yield node
    yield from _walk(right, depth - 1)


def _branch(address: int) -> int:
    """The pointer at `address`, if it can be one: memory that was allocated is aligned and not at the very start."""
    pointer = _word(address)
    if pointer % _POINTER or 0 < pointer < 2**16:
        raise _AnotherLayoutError
    return pointer


def _word(address: int) -> int:
    return ctypes.c_size_t.from_address(address).value
