"""What a GGUF file is, from its header: nothing is loaded, and a wrong file costs a few milliseconds."""

from __future__ import annotations

import contextlib
import dataclasses
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from app.core import errors, gguf_reader, gguf_tables
from app.core.units import format_bytes


@dataclass(frozen=True, slots=True)
class GgufHeader:
    """What a GGUF file says of itself. Numbers it does not state, or states as something else, are 0; words empty."""

    version: int
    metadata: Mapping[str, Any]
    tensors: tuple[gguf_reader.Tensor, ...]
    data_offset: int
    expected_file_size: int  # bytes: where the last tensor ends

    @property
    def architecture(self) -> str:
        return self._text("general.architecture")

    @property
    def name(self) -> str:
        return self._text("general.name")

    @property
    def chat_template(self) -> str:
        return self._text("tokenizer.chat_template")

    @property
    def quant(self) -> str:
        """Such as Q4_K_M; empty if unknown."""
        file_type = self.metadata.get("general.file_type")
        return gguf_tables.QUANTS.get(file_type & ~gguf_tables.GUESSED_QUANT, "") if isinstance(file_type, int) else ""

    @property
    def context_length(self) -> int:
        """The tokens the model was trained for."""
        return self._number("context_length")

    @property
    def layers(self) -> int:
        return self._number("block_count")

    @property
    def embedding_length(self) -> int:
        return self._number("embedding_length")

    @property
    def feed_forward_length(self) -> int:
        """The width of a layer at its widest, of the one that is widest. With experts, of those used together."""
        experts = self._number("expert_feed_forward_length") * self._number("expert_used_count")
        return max([experts, *self._per_layer("feed_forward_length")])

    @property
    def vocabulary_size(self) -> int:
        tokens = self.metadata.get("tokenizer.ggml.tokens")
        if isinstance(tokens, gguf_reader.Skipped):
            return tokens.length
        return len(tokens) if isinstance(tokens, tuple) else self._number("vocab_size")

    @property
    def head_count(self) -> int:
        """Attention heads of a layer, of the one that has most."""
        return max(self._per_layer("attention.head_count"), default=0)

    @property
    def head_count_kv(self) -> int | tuple[int, ...]:
        """KV heads of every layer, or of each."""
        counts = self._per_layer("attention.head_count_kv")
        if not counts:
            return self.head_count
        return counts if len(counts) > 1 else counts[0]

    @property
    def key_length(self) -> int:
        """Numbers in the key of one head."""
        return self._number("attention.key_length") or self._head_width

    @property
    def value_length(self) -> int:
        return self._number("attention.value_length") or self._head_width

    @property
    def parameters(self) -> int:
        return sum(tensor.elements for tensor in self.tensors)

    @property
    def tensor_bytes(self) -> int:
        return sum(tensor.size for tensor in self.tensors)

    @property
    def split_count(self) -> int:
        """How many files the model is split into; 0 or 1 if it is whole."""
        return self._whole_number("split.count")

    @property
    def why_no_chat(self) -> str:
        """A sentence that says what this is if one cannot chat with it, else empty."""
        part = self._whole_number("split.no")
        if part > 0:
            return f"It is part {part + 1} of {self.split_count}."
        for reasons, name in (
            (gguf_tables.NOT_CHAT_TYPES, self._text("general.type")),
            (gguf_tables.NOT_CHAT_ARCHITECTURES, self.architecture),
        ):
            if name in reasons:
                return reasons[name]
        if self.metadata.get(f"{self.architecture}.attention.causal") is False or self._number("pooling_type"):
            return gguf_tables.ENCODER
        if not self.tensors and self.split_count <= 1:
            return "It holds a vocabulary only."
        return ""

    @property
    def _head_width(self) -> int:
        return self.embedding_length // self.head_count if self.head_count else 0

    def _text(self, key: str) -> str:
        value = self.metadata.get(key)
        return value if isinstance(value, str) else ""

    def _number(self, key: str) -> int:
        return self._whole_number(f"{self.architecture}.{key}")

    def _whole_number(self, key: str) -> int:
        value = self.metadata.get(key)
        return value if isinstance(value, int) and value > 0 else 0

    def _per_layer(self, key: str) -> tuple[int, ...]:
        """One number for all layers or one for each; empty if not stated."""
        value = self.metadata.get(f"{self.architecture}.{key}")
        values = value if isinstance(value, tuple) else (value,)
        return tuple(number for number in values if isinstance(number, int) and number >= 0)


def check_file(path: Path) -> GgufHeader:
    """The header of a file one can chat with. Raises a `ModelError` that says what else it is, or what is missing.

    Of a split model all parts must be there, and the header has the tensors of all.
    """
    header = _check_part(path)
    if header.why_no_chat:
        raise errors.NotAChatModel(header.why_no_chat)
    parts = [header, *(_check_part(part) for part in _other_parts(path, header.split_count))]
    return dataclasses.replace(header, tensors=tuple(tensor for part in parts for tensor in part.tensors))


def read_header(path: Path) -> GgufHeader:
    """Raises `ModelNotFound`, `UnreadableModel`, or what `parse_header` raises."""
    with _opened(path) as file:
        return parse_header(file)


def parse_header(file: BinaryIO) -> GgufHeader:
    """Reads `file` forward, from its start to the end of its tensor table. Raises what `gguf_reader.walk` raises."""
    version, metadata, tensors, data_offset = gguf_reader.walk(file)
    data_length = max((tensor.offset + tensor.size for tensor in tensors), default=0)
    return GgufHeader(version, metadata, tensors, data_offset, data_offset + data_length)


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    try:
        with path.open("rb") as file:
            yield file
    except FileNotFoundError as error:
        raise errors.ModelNotFound(str(path)) from error
    except OSError as error:
        raise errors.UnreadableModel(error.strerror or str(error)) from error


def _check_part(path: Path) -> GgufHeader:
    with _opened(path) as file:
        header = parse_header(file)
        missing = header.expected_file_size - os.fstat(file.fileno()).st_size
    if missing > 0:
        whole = format_bytes(header.expected_file_size)
        raise errors.ModelCutShort(f"{format_bytes(missing)} of its {whole} are missing.")
    return header


def _other_parts(path: Path, count: int) -> Iterator[Path]:
    """The parts after the first, which llama.cpp finds by their names."""
    stem = path.name.removesuffix(f"-00001-of-{count:05}.gguf")
    if count > 1 and stem == path.name:
        raise errors.ModelNotFound(f"Part 2 of {count}; the name of part 1 should end in -00001-of-{count:05}.gguf.")
    for number in range(2, count + 1):
        yield path.with_name(f"{stem}-{number:05}-of-{count:05}.gguf")
