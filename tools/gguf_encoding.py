"""The pieces of a GGUF file as bytes: for the guide, and for the files that tests write."""

from __future__ import annotations

import struct

import numpy as np
import numpy.typing as npt

Matrix = npt.NDArray[np.float32]

ALIGNMENT = 32


def padded(data: bytes) -> bytes:
    """Filled up to where the next tensor may begin."""
    return data.ljust(-(-len(data) // ALIGNMENT) * ALIGNMENT, b"\0")


def q8_0(values: Matrix) -> bytes:
    """Blocks of 32 numbers, each a byte, and a scale per block."""
    blocks = values.reshape(-1, 32)
    encoded = np.empty(len(blocks), dtype=[("scale", "<f2"), ("numbers", "i1", 32)])
    encoded["scale"] = np.abs(blocks).max(axis=1) / 127
    scales = encoded["scale"].astype(np.float32)[:, None]
    encoded["numbers"] = np.rint(np.divide(blocks, scales, out=np.zeros_like(blocks), where=scales > 0)).clip(-127, 127)
    return encoded.tobytes()


def string(text: str) -> bytes:
    data = text.encode("utf-8")
    return struct.pack("<Q", len(data)) + data


def value(anything: object) -> bytes:
    """A value of the metadata, with the number of its type in front."""
    number, data = _typed(anything)
    return struct.pack("<I", number) + data


def _typed(anything: object) -> tuple[int, bytes]:
    """The type number of a metadata value, and its bytes. Whole numbers in lists are signed, as llama.cpp wants."""
    match anything:
        case bool():
            return 7, struct.pack("<?", anything)
        case int():
            return 4, struct.pack("<I", anything)
        case float():
            return 6, struct.pack("<f", anything)
        case str():
            return 8, string(anything)
        case [int(), *_]:
            return 9, struct.pack(f"<IQ{len(anything)}i", 5, len(anything), *anything)
        case [*items]:
            kinds = [_typed(item) for item in items]
            return 9, struct.pack("<IQ", kinds[0][0], len(kinds)) + b"".join(data for _, data in kinds)
    raise TypeError(f"GGUF has no {type(anything).__name__}")
