"""The walk through a GGUF header: bytes to values, with `struct` alone.

Files come from strangers, so no length is believed before it is checked, and what is long, the vocabulary first of
all, is skipped and not kept. That also makes it fast: a fraction of a second for the largest vocabularies, where a
reader that keeps everything takes many. The limits are several times what any known file holds.

It reads forward only, so that it works on a file that is still arriving. The format: docs/gguf.md of ggml.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO

from app.core import errors
from app.core.gguf_tables import TENSOR_TYPES, TENSOR_TYPES_TO_COME

_HEADER_LIMIT = 64 * 2**20  # bytes; the longest known header has 16 MiB
_STRING_LIMIT = 2**20  # bytes of a string that is kept; the longest known chat template has 20 KiB
_ARRAY_LIMIT = 512  # items of an array that is kept; as many layers as llama.cpp allows
_NAME_LIMIT = 2**16  # bytes; llama.cpp allows 63 for a tensor
_VALUES_LIMIT = 2**12  # metadata values; a model has some 50
_TENSORS_LIMIT = 2**16  # a mixture of experts from the days before they were stacked may have 50 000
_SIZE_LIMIT = 2**63
_DIMENSION_LIMIT = 4
_DEFAULT_ALIGNMENT = 32

_UINT32, _STRING, _ARRAY, _UINT64 = 4, 8, 9, 10
_NUMBERS = {
    kind: struct.Struct("<" + code)
    for kind, code in zip((0, 1, 2, 3, 4, 5, 6, 7, 10, 11, 12), "BbHhIif?Qqd", strict=True)
}
_TOO_MUCH = "It announces more than any model holds."


@dataclass(frozen=True, slots=True)
class Skipped:
    """Stands for a value too long to keep: an array of `length` items, or a string of `length` bytes."""

    length: int


@dataclass(frozen=True, slots=True)
class Tensor:
    """One entry of the tensor table. `shape` has the contiguous dimension first."""

    name: str
    shape: tuple[int, ...]
    type: str  # such as Q4_K
    offset: int  # bytes, from the start of the data
    size: int  # bytes

    @property
    def elements(self) -> int:
        return math.prod(self.shape)


def walk(file: BinaryIO) -> tuple[int, Mapping[str, Any], tuple[Tensor, ...], int]:
    """Version, metadata, tensors, and where the data starts.

    Raises `NotAModel`; `ModelCutShort` if the header ends early; `DamagedModel` if it makes no sense;
    `UnknownArchitecture` if it is newer than this reader; `ModelError` if it is of a kind llama.cpp does not read.
    """
    reader = _Reader(file)
    version = _version(reader)
    tensor_count, value_count = reader.number(_UINT64), reader.number(_UINT64)
    if tensor_count > _TENSORS_LIMIT or value_count > _VALUES_LIMIT:
        raise errors.DamagedModel(_TOO_MUCH)
    metadata = {reader.name(): reader.value() for _ in range(value_count)}
    tensors = tuple(_tensor(reader) for _ in range(tensor_count))
    padding = -reader.position % _alignment(metadata) if tensors else 0
    return version, metadata, tensors, reader.position + padding


class _Reader:
    """Reads forward, so far and no further."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.position = 0

    def take(self, size: int) -> bytes:
        self.position += size
        if self.position > _HEADER_LIMIT:
            raise errors.DamagedModel(_TOO_MUCH)
        data = self._file.read(size)
        if len(data) < size:
            raise errors.ModelCutShort("It ends within its header.")
        return data

    def number(self, kind: int) -> Any:
        number = _NUMBERS[kind]
        return number.unpack(self.take(number.size))[0]

    def name(self) -> str:
        """The key of a value, or the name of a tensor."""
        length = self.number(_UINT64)
        if length > _NAME_LIMIT:
            raise errors.DamagedModel(_TOO_MUCH)
        return self.take(length).decode("utf-8", "replace")

    def value(self) -> Any:
        """What follows a key: a number, a string, a tuple of them, or `Skipped`."""
        kind = self.number(_UINT32)
        if kind != _ARRAY:
            return self._item(kind)
        kind, length = self.number(_UINT32), self.number(_UINT64)
        if length <= _ARRAY_LIMIT:
            return tuple(self._item(kind) for _ in range(length))
        self._skip_items(kind, length)
        return Skipped(length)

    def _item(self, kind: int) -> Any:
        if kind != _STRING:
            return self.number(_existing(kind))
        length = self.number(_UINT64)
        if length <= _STRING_LIMIT:
            return self.take(length).decode("utf-8", "replace")
        self._skip(length)
        return Skipped(length)

    def _skip_items(self, kind: int, count: int) -> None:
        if kind != _STRING:
            self._skip(count * _NUMBERS[_existing(kind)].size)
            return
        for _ in range(count):
            self._skip(self.number(_UINT64))

    def _skip(self, size: int) -> None:
        while size > 0:
            size -= len(self.take(min(size, _STRING_LIMIT)))


def _existing(kind: int) -> int:
    if kind not in _NUMBERS:
        raise errors.DamagedModel(f"It has a value of type {kind}, which does not exist.")
    return kind


def _version(reader: _Reader) -> int:
    """Checks that this is a GGUF file, of a version that llama.cpp reads."""
    try:
        magic = reader.take(4)
    except errors.ModelCutShort:
        magic = b""
    if magic != b"GGUF":
        raise errors.NotAModel
    version: int = reader.number(_UINT32)
    if version in (2, 3):
        return version
    if version == 1:
        raise errors.ModelError("It is in version 1 of GGUF, which is no longer read. Look for a newer file of it.")
    if version < 100:
        raise errors.UnknownArchitecture(f"It is in version {version} of GGUF.")
    if version & 0xFFFF == 0:
        raise errors.ModelError("It is made for big-endian computers.")
    raise errors.DamagedModel(f"It says it is in version {version} of GGUF.")


def _alignment(metadata: Mapping[str, Any]) -> int:
    alignment = metadata.get("general.alignment", _DEFAULT_ALIGNMENT)
    if not isinstance(alignment, int) or alignment <= 0 or alignment & (alignment - 1):
        raise errors.DamagedModel("Its alignment is not a power of two.")
    return alignment


def _tensor(reader: _Reader) -> Tensor:
    name = reader.name()
    dimensions = reader.number(_UINT32)
    if dimensions > _DIMENSION_LIMIT:
        raise errors.DamagedModel(f"One of its tensors has {dimensions} dimensions.")
    shape = tuple(reader.number(_UINT64) for _ in range(dimensions))
    kind, offset = reader.number(_UINT32), reader.number(_UINT64)
    if kind not in TENSOR_TYPES:
        unknown = errors.UnknownArchitecture if kind in TENSOR_TYPES_TO_COME else errors.DamagedModel
        raise unknown(f"Its weights are of type {kind}.")
    type_name, block_elements, block_bytes = TENSOR_TYPES[kind]
    blocks, rest = divmod(math.prod(shape), block_elements)
    size = blocks * block_bytes
    if rest or offset + size > _SIZE_LIMIT:
        raise errors.DamagedModel("One of its tensors has an impossible size.")
    return Tensor(name, shape, type_name, offset, size)
