"""Writes the trained model as a GGUF file in Q8_0."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from pathlib import Path

from tools.gguf_encoding import Matrix, padded, q8_0, string, value

_F32, _Q8_0 = 0, 8  # tensor types
FILE_TYPE_Q8_0 = 7


def write_gguf(path: Path, metadata: Mapping[str, object], tensors: Mapping[str, Matrix]) -> None:
    """Matrices become Q8_0, vectors stay F32. Rows must be multiples of 32 long."""
    table, data = bytearray(), bytearray()
    for name, values in tensors.items():
        is_matrix = values.ndim > 1
        table += string(name) + struct.pack(f"<I{values.ndim}Q", values.ndim, *reversed(values.shape))
        table += struct.pack("<IQ", _Q8_0 if is_matrix else _F32, len(data))
        data += padded(q8_0(values) if is_matrix else values.astype("<f4").tobytes())
    header = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(metadata))
    header += b"".join(string(key) + value(content) for key, content in metadata.items()) + table
    path.write_bytes(padded(header) + data)
