"""Writes the trained model as a GGUF file in Q8_0."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt

Matrix = npt.NDArray[np.float32]

_ALIGNMENT = 32
_F32, _Q8_0 = 0, 8  # tensor types
FILE_TYPE_Q8_0 = 7


def write_gguf(path: Path, metadata: Mapping[str, object], tensors: Mapping[str, Matrix]) -> None:
    """Matrices become Q8_0, vectors stay F32. Rows must be multiples of 32 long."""
    table, data = bytearray(), bytearray()
    for name, values in tensors.items():
        is_matrix = values.ndim > 1
        table += _string(name) + struct.pack(f"<I{values.ndim}Q", values.ndim, *reversed(values.shape))
        table += struct.pack("<IQ", _Q8_0 if is_matrix else _F32, len(data))
        data += _padded(_q8_0(values) if is_matrix else values.astype("<f4").tobytes())
    header = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(metadata))
    header += b"".join(_string(key) + _value(value) for key, value in metadata.items()) + table
    path.write_bytes(_padded(header) + data)


def _padded(data: bytes) -> bytes:
    return data.ljust(-(-len(data) // _ALIGNMENT) * _ALIGNMENT, b"\0")


def _q8_0(values: Matrix) -> bytes:
    """Blocks of 32 numbers, each a byte, and a scale per block."""
    blocks = values.reshape(-1, 32)
    encoded = np.empty(len(blocks), dtype=[("scale", "<f2"), ("numbers", "i1", 32)])
    encoded["scale"] = np.abs(blocks).max(axis=1) / 127
    scales = encoded["scale"].astype(np.float32)[:, None]
    encoded["numbers"] = np.rint(np.divide(blocks, scales, out=np.zeros_like(blocks), where=scales > 0)).clip(-127, 127)
    return encoded.tobytes()


def _string(text: str) -> bytes:
    data = text.encode("utf-8")
    return struct.pack("<Q", len(data)) + data


def _value(value: object) -> bytes:
    number, data = _typed(value)
    return struct.pack("<I", number) + data


def _typed(value: object) -> tuple[int, bytes]:
    """The type number of a metadata value, and its bytes. Whole numbers in lists are signed, as llama.cpp wants."""
    match value:
        case bool():
            return 7, struct.pack("<?", value)
        case int():
            return 4, struct.pack("<I", value)
        case float():
            return 6, struct.pack("<f", value)
        case str():
            return 8, _string(value)
        case [int(), *_]:
            return 9, struct.pack(f"<IQ{len(value)}i", 5, len(value), *value)
        case [*items]:
            kinds = [_typed(item) for item in items]
            return 9, struct.pack("<IQ", kinds[0][0], len(kinds)) + b"".join(data for _, data in kinds)
    raise TypeError(f"GGUF has no {type(value).__name__}")
