"""The tokenizer: trained by merging frequent pairs, applied as llama.cpp applies one of SentencePiece."""

from __future__ import annotations

import functools
import heapq
import itertools
import random
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

UNKNOWN, BOS, EOS = range(3)
SPACE = "▁"  # how SentencePiece writes a space
_RUN = re.compile(rf"{SPACE}?[^\W\d_]+|{SPACE}?\d|{SPACE}?[^\w\s{SPACE}]+|{SPACE}|\s|_")
_LEFT_OUT = 0.1  # share of merges
_PRINTABLE = [chr(code) for code in range(33, 127)]


def train(texts: Mapping[str, int], size: int) -> list[str]:
    """At most `size` pieces, the most useful first, from texts and how much each counts."""
    runs: Counter[str] = Counter()
    for text, count in texts.items():
        for run in _RUN.findall(_escaped(text)):
            runs[run] += count
    letters = Counter(letter for run, count in runs.items() for letter in run * min(count, 4))
    pieces = list(
        dict.fromkeys([SPACE, "\n", *_PRINTABLE, *(letter for letter, count in letters.items() if count > 3)])
    )
    words = [(list(run), count) for run, count in runs.items()]
    while len(pieces) < size:
        pairs: Counter[tuple[str, str]] = Counter()
        for word, count in words:
            for pair in itertools.pairwise(word):
                pairs[pair] += count
        best = max(pairs.items(), key=lambda item: (item[1], item[0]), default=None)
        if best is None or best[1] < 3:
            break
        merged = "".join(best[0])
        if merged not in pieces:
            pieces.append(merged)
        for word, _ in words:
            _merge(word, best[0], merged)
    return pieces


def _merge(word: list[str], pair: tuple[str, str], merged: str) -> None:
    place = 0
    while place < len(word) - 1:
        if (word[place], word[place + 1]) == pair:
            word[place : place + 2] = [merged]
        place += 1


def _escaped(text: str) -> str:
    return SPACE + text.replace(" ", SPACE)


class Tokenizer:
    """Ids: unknown, begin, end, the special tokens, the 256 bytes, the pieces."""

    def __init__(self, special: Sequence[str], pieces: Sequence[str]) -> None:
        self.special = ["<unk>", "<s>", "</s>", *special]
        self.pieces = list(pieces)
        self.special_ids = {text: place for place, text in enumerate(self.special)}
        self._first_byte = len(self.special)
        self._ids = {piece: self._first_byte + 256 + rank for rank, piece in enumerate(self.pieces)}

    def __len__(self) -> int:
        return self._first_byte + 256 + len(self.pieces)

    def encode(self, text: str, rng: random.Random | None = None) -> list[int]:
        """The tokens of a text that begins after a special token.

        With `rng` some merges are left out, so that training sees a word in other pieces too, as if mistyped.
        """
        return self._tokens(_escaped(text), rng) if text else []

    def encode_continuation(self, text: str) -> list[int]:
        """The same without the space in front."""
        return self._tokens(text.replace(" ", SPACE))

    def decode(self, tokens: Iterable[int]) -> str:
        return b"".join(self._bytes_of(token) for token in tokens).decode("utf-8", "replace")

    def _bytes_of(self, token: int) -> bytes:
        if token < self._first_byte:
            return b""
        if token < self._first_byte + 256:
            return bytes([token - self._first_byte])
        return self.pieces[token - self._first_byte - 256].replace(SPACE, " ").encode()

    def _tokens(self, escaped: str, rng: random.Random | None = None) -> list[int]:
        # No piece has a space but at its beginning, so merges never cross one.
        parts = re.findall(rf"{SPACE}[^{SPACE}]*|[^{SPACE}]+", escaped)
        if rng:
            return [token for part in parts for token in self._merged(part, rng)]
        return [token for part in parts for token in self._tokens_of_word(part)]

    @functools.lru_cache(1 << 18)  # noqa: B019 (one tokenizer, as long as the program)
    def _tokens_of_word(self, word: str) -> tuple[int, ...]:
        return self._merged(word)

    def _merged(self, word: str, rng: random.Random | None = None) -> tuple[int, ...]:
        symbols = list(word)
        following = list(range(1, len(symbols) + 1))
        before = list(range(-1, len(symbols) - 1))
        queue: list[tuple[int, int, int, str]] = []

        def propose(left: int, right: int) -> None:
            if left < 0 or right >= len(symbols):
                return
            merged = symbols[left] + symbols[right]
            if merged in self._ids and not (rng and rng.random() < _LEFT_OUT):
                heapq.heappush(queue, (self._ids[merged], left, right, merged))

        for place in range(len(symbols) - 1):
            propose(place, place + 1)
        while queue:
            _, left, right, merged = heapq.heappop(queue)
            if not symbols[left] or not symbols[right] or symbols[left] + symbols[right] != merged:
                continue
            symbols[left], symbols[right] = merged, ""
            following[left] = following[right]
            if following[right] < len(symbols):
                before[following[right]] = left
            propose(before[left], left)
            propose(left, following[left])
        return tuple(token for symbol in symbols if symbol for token in self._tokens_of_symbol(symbol))

    def _tokens_of_symbol(self, symbol: str) -> Iterator[int]:
        if symbol in self._ids:
            yield self._ids[symbol]
        else:
            yield from (self._first_byte + byte for byte in symbol.encode())

    def metadata(self) -> dict[str, object]:
        """The vocabulary as GGUF keeps it. Where two pieces could be made, llama.cpp makes the one of higher score."""
        unknown, control, byte, normal = 2, 3, 6, 1
        tokens = [*self.special, *(f"<0x{number:02X}>" for number in range(256)), *self.pieces]
        return {
            "tokenizer.ggml.model": "llama",
            "tokenizer.ggml.pre": "default",
            "tokenizer.ggml.tokens": tokens,
            "tokenizer.ggml.scores": [0.0] * (self._first_byte + 256) + [-float(r) for r in range(len(self.pieces))],
            "tokenizer.ggml.token_type": [unknown]
            + [control] * (len(self.special) - 1)
            + [byte] * 256
            + [normal] * len(self.pieces),
            "tokenizer.ggml.bos_token_id": BOS,
            "tokenizer.ggml.eos_token_id": EOS,
            "tokenizer.ggml.unknown_token_id": UNKNOWN,
            "tokenizer.ggml.add_bos_token": True,
            "tokenizer.ggml.add_space_prefix": True,
        }
