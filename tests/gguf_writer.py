"""Writes small GGUF files, so that tests run the real llama.cpp without a download: models, and what is not one.

What the models write, and why, is told in `storyteller`.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from app.core import gguf_tables
from tests.storyteller import Matrix, Vocabulary, Weights
from tools.gguf_encoding import ALIGNMENT, q8_0, string, value

ZEPHYR = (
    "{% for message in messages %}"
    "{{ '<|' + message['role'] + '|>\n' + message['content'] + eos_token + '\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|assistant|>\n' }}{% endif %}"
)
CHATML = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
CHATML_TOKENS = ("<|im_start|>", "<|im_end|>")

Values = Callable[[str, tuple[int, ...]], Matrix]


@dataclass(frozen=True, slots=True)
class Shape:
    """How big a model is. The default makes a file of 7 MB that is written and loaded in a blink."""

    layers: int = 4
    width: int = 256
    heads: int = 8
    kv_heads: int = 4
    ff: int = 512
    context: int = 2048
    vocabulary: int = 2048


BENCH = Shape(layers=12, width=640, heads=10, kv_heads=5, ff=1792, context=4096, vocabulary=32000)  # 97 M parameters
HUGE = Shape(layers=64, width=12288, heads=96, kv_heads=8, ff=32768, context=8192, vocabulary=32000)  # 198 GB in F16

_TENSOR_TYPES = {name: number for number, (name, _, _) in gguf_tables.TENSOR_TYPES.items()}
_FILE_TYPES = {name: number for number, name in gguf_tables.QUANTS.items()}


def write_gguf(
    path: Path,
    shape: Shape = Shape(),
    *,
    template: str | None = ZEPHYR,
    quant: str = "F16",
    tokenizer: str = "spm",
    special_tokens: Sequence[str] = (),
    reply_length: int | None = None,
    seed: int = 0,
    name: str = "Storyteller",
    architecture: str = "llama",
    sparse: bool = False,
    mixed: Mapping[str, str] | None = None,
) -> Path:
    """Writes a model that llama.cpp loads and runs. Returns `path`.

    `quant` is F32, F16 or Q8_0, and any type of tensor in a sparse file; `tokenizer` is spm or bpe. `special_tokens`
    are further control tokens: `</s>` ends a reply, or `<|im_end|>` if that is among them. A reply never ends, or after
    `reply_length` tokens: fewer than `STORY_LENGTH`, the end token not counted. A `sparse` file has its full length, no
    weights, and takes little disk. `mixed` are other types for tensors whose names end so.
    """
    vocabulary = Vocabulary(shape.vocabulary, tokenizer, special_tokens, reply_length)
    metadata = {
        "general.architecture": architecture,
        "general.type": "model",
        "general.name": name,
        "general.file_type": _FILE_TYPES.get(quant, 0),
        f"{architecture}.context_length": shape.context,
        f"{architecture}.embedding_length": shape.width,
        f"{architecture}.block_count": shape.layers,
        f"{architecture}.feed_forward_length": shape.ff,
        f"{architecture}.attention.head_count": shape.heads,
        f"{architecture}.attention.head_count_kv": shape.kv_heads,
        f"{architecture}.attention.layer_norm_rms_epsilon": 1e-5,
        f"{architecture}.rope.dimension_count": shape.width // shape.heads,
        f"{architecture}.vocab_size": shape.vocabulary,
        **vocabulary.metadata(),
    }
    if template is not None:
        metadata["tokenizer.chat_template"] = template
    values = None if sparse else Weights(vocabulary, seed)
    return write_container(path, metadata, _tensor_shapes(shape), quant, values, mixed=mixed)


def write_projector(path: Path) -> Path:
    """Writes the image part of a model, as it lies beside models that see."""
    metadata = {"general.architecture": "clip", "general.type": "mmproj", "clip.has_vision_encoder": True}
    return write_container(path, metadata, {"v.patch_embd.weight": (8, 32)})


def write_vocabulary(path: Path) -> Path:
    """Writes a file that holds a tokenizer and no weights."""
    vocabulary = Vocabulary(Shape().vocabulary, "spm", (), None)
    return write_container(path, {"general.architecture": "llama", **vocabulary.metadata()})


def write_cut_short(path: Path, share: float = 0.5) -> Path:
    """Writes a model of which only the first `share` has arrived."""
    write_gguf(path)
    with path.open("r+b") as file:
        file.truncate(int(path.stat().st_size * share))
    return path


def write_container(
    path: Path,
    metadata: Mapping[str, Any],
    shapes: Mapping[str, tuple[int, ...]] | None = None,
    quant: str = "F16",
    values: Values | None = None,
    *,
    version: int = 3,
    mixed: Mapping[str, str] | None = None,
) -> Path:
    """Writes any GGUF file. `values(name, shape)` gives the numbers of a tensor; without it the file is sparse.

    Shapes are numpy's: rows first. Tensors of one dimension are F32, as everywhere; `mixed` are the types of those
    whose names end so.
    """
    shapes = shapes or {}
    quants = {name: quant if len(shape) > 1 else "F32" for name, shape in shapes.items()}
    quants |= {name: other for ending, other in (mixed or {}).items() for name in shapes if name.endswith(ending)}
    table, offset = bytearray(), 0
    for name, shape in shapes.items():
        table += string(name) + struct.pack(f"<I{len(shape)}Q", len(shape), *reversed(shape))
        table += struct.pack("<IQ", _TENSOR_TYPES[quants[name]], offset)
        offset += _padded(_size(shape, quants[name]))
    header = b"GGUF" + struct.pack("<IQQ", version, len(shapes), len(metadata))
    header += b"".join(string(key) + value(content) for key, content in metadata.items()) + table
    with path.open("wb") as file:
        file.write(header.ljust(_padded(len(header)), b"\0"))
        if values:
            for name, shape in shapes.items():
                data = _encoded(values(name, shape), quants[name])
                file.write(data.ljust(_padded(len(data)), b"\0"))
        file.truncate(_padded(len(header)) + offset)
    return path


def _padded(size: int) -> int:
    return -(-size // ALIGNMENT) * ALIGNMENT


def _size(shape: tuple[int, ...], quant: str) -> int:
    _, block, size = gguf_tables.TENSOR_TYPES[_TENSOR_TYPES[quant]]
    return math.prod(shape) // block * size


def _encoded(values: Matrix, quant: str) -> bytes:
    if quant != "Q8_0":
        return values.astype(np.float32 if quant == "F32" else np.float16).tobytes()
    return q8_0(values)


def _tensor_shapes(shape: Shape) -> dict[str, tuple[int, ...]]:
    width, kv_width = shape.width, shape.width // shape.heads * shape.kv_heads
    block: dict[str, tuple[int, ...]] = {
        "attn_norm": (width,),
        "attn_q": (width, width),
        "attn_k": (kv_width, width),
        "attn_v": (kv_width, width),
        "attn_output": (width, width),
        "ffn_norm": (width,),
        "ffn_gate": (shape.ff, width),
        "ffn_up": (shape.ff, width),
        "ffn_down": (width, shape.ff),
    }
    blocks = {f"blk.{layer}.{name}.weight": size for layer in range(shape.layers) for name, size in block.items()}
    table = (shape.vocabulary, width)
    return {"token_embd.weight": table, **blocks, "output_norm.weight": (width,), "output.weight": table}
