"""A vocabulary and weights for llamas that tell a story.

The tokenizer is a real one and the weights are random, but built so that what the models write can be tested. The
vocabulary holds a story whose words stand in rows, and after any word of one row comes some word of the next. Which
one depends, through attention, on all that came before, so that a lost or a stale KV cache changes the text. A greedy
reply reads a little like English, starts with the first row whatever was asked, holds characters of two and of four
tokens, repeats no token within 64, and either never ends or ends after exactly `reply_length` tokens.

How: the embedding of a word carries the code of its row, a random direction, and the output weights of a word carry
the code of the row before. The first dimension is 1 in every embedding and never written by a layer, which makes it a
bias: it keeps every token outside the story, control tokens among them, from being written, at any temperature.
"""

from __future__ import annotations

import itertools
import math
import zlib
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Matrix = npt.NDArray[np.float32]

_NORMAL, _UNKNOWN, _CONTROL, _BYTE = 1, 2, 3, 6  # token types
# Found by trying: sharp attention, so that what was said long ago still counts, and layers that do not drown the code.
_STRENGTHS = {"attn_q": 2.0, "attn_k": 2.0, "ffn_down": 0.5}

# A row a line. Each word stands once. What is not ASCII becomes bytes, a row each. A line break is the last row.
_STORY = """
Small/Old/Quiet/Green
rivers/gardens/houses/mountains
carry/hold/gather/remember
warm/soft/bright/silver
light/water/rain/music
past/behind/below/beside
sleeping/empty/distant/narrow
towns./fields./forests./harbours.
🦙
Travellers/Children/Sailors/Teachers
drink/share/pour/praise
sweet/strong/fresh/dark
café
coffee/honey/milk/bread
with/without/before/after
friendly/patient/curious/clever
neighbours./strangers./cousins./merchants.
Winter/Summer/Autumn/Spring
mornings/evenings/nights/days
bring/promise/offer/lend
long/short/gentle/sudden
shadows/letters/stories/answers
across/through/around/over
frozen/painted/wooden/golden
bridges,/roads,/windows,/doors,
where/while/because/until
seven/nine/twelve/twenty
birds/horses/foxes/bees
sing/wait/rest/dance
under/near/inside/beyond
ancient/tall/hollow/crooked
trees./towers./walls./stones.
Somewhere/Sometimes/Perhaps/Certainly
young/wise/tired/careful
farmers/painters/doctors/writers
plant/draw/heal/invent
useful/simple/strange/lovely
things/tools/words/pictures
for/among/between/against
hungry/lonely/cheerful/famous
cities./islands./villages./kingdoms.
Numbers/Questions/Letters/Maps
explain/measure/compare/describe
large/tiny/hidden/open
circles/engines/planets/machines
when/if/whenever/since
careless/honest/modest/brave
people/students/readers/pilots
study/follow/repair/build
broken/heavy/perfect/modern
clocks./ships./radios./lamps.
Beneath/Above/Along/Towards
deep/wide/calm/blue
oceans/valleys/lakes/deserts
move/drift/rise/turn
slowly/gladly/softly/rarely
copper/iron/marble/velvet
boats/wheels/curtains/ribbons,
made/found/lost/kept
by/from/like/as
cold/kind/proud/shy
winds./queens./giants./cats.
Nobody/Everybody/Somebody/Anybody
forgets/knows/hears/believes
what/how/why/whether
early/late/recent/final
trains/lessons/journeys/songs
begin/end/return/continue
today,/tomorrow,/tonight,/again,
yet/so/and/but
all/few/many/most
smile./agree./listen./sleep.
"""


def _rows() -> list[list[bytes]]:
    rows: list[list[bytes]] = []
    for line in _STORY.split():
        words = [f" {word}".encode() for word in line.split("/")]
        plain = words[0].rstrip(bytes(range(128, 256)))
        rest = words[0][len(plain) :]
        rows += [words] if not rest else [[plain], *([bytes([byte])] for byte in rest)]
    return [*rows, [b"\n"]]


_ROWS = _rows()
STORY_LENGTH = len(_ROWS)


def _pieces() -> Iterator[str]:
    """Tokens of several letters, the likeliest first: every beginning of every word, so that merging finds the words
    letter by letter; then syllables to fill any vocabulary.
    """
    words = [word.decode() for row in _ROWS for word in row if len(word) > 1 and word.isascii()]
    yield from dict.fromkeys(word[:length] for word in words for length in range(2, len(word) + 1))
    syllables = [consonant + vowel for consonant in "bcdfghjklmnpqrstvwxyz" for vowel in "aeiou"]
    for count in itertools.count(1):
        yield from map("".join, itertools.product(syllables, repeat=count))


class Vocabulary:
    """A tokenizer with byte fallback, and which tokens stand in which row of the story."""

    def __init__(self, size: int, tokenizer: str, special_tokens: Sequence[str], reply_length: int | None) -> None:
        self._tokenizer = tokenizer
        self._special = ["<unk>", "<s>", "</s>", *special_tokens]
        letters = map(chr, range(32, 127)) if tokenizer == "spm" else ()  # in BPE they are bytes
        count = size - len(self._special) - 256
        self._pieces = list(itertools.islice(itertools.chain(letters, _pieces()), count))
        tokens = [*(bytes([byte]) for byte in range(256)), *(piece.encode() for piece in self._pieces)]
        ids = {token: len(self._special) + index for index, token in enumerate(tokens)}
        self.rows = [[ids[word] for word in row] for row in _ROWS[:reply_length]]
        self.end = self._special.index("<|im_end|>" if "<|im_end|>" in special_tokens else "</s>")
        self.ends = reply_length is not None

    def metadata(self) -> dict[str, Any]:
        spm = self._tokenizer == "spm"
        names = self._spm_names() if spm else self._bpe_names()
        kinds = [_UNKNOWN, *[_CONTROL] * (len(self._special) - 1), *[_BYTE if spm else _NORMAL] * 256]
        values = {
            "tokenizer.ggml.model": "llama" if spm else "gpt2",
            "tokenizer.ggml.pre": "default" if spm else "llama-bpe",
            "tokenizer.ggml.tokens": [*self._special, *names],
            "tokenizer.ggml.token_type": [*kinds, *[_NORMAL] * len(self._pieces)],
            "tokenizer.ggml.bos_token_id": 1,
            "tokenizer.ggml.eos_token_id": self.end,
            "tokenizer.ggml.unknown_token_id": 0,
            "tokenizer.ggml.add_bos_token": True,
        }
        if spm:  # the first piece is the likeliest
            scores = [0.0] * (len(self._special) + 256) + [-float(rank) for rank in range(len(self._pieces))]
            return {**values, "tokenizer.ggml.scores": scores}
        return {**values, "tokenizer.ggml.merges": ["b a"]}  # whole words are looked up, not merged

    def _spm_names(self) -> list[str]:
        return [f"<0x{byte:02X}>" for byte in range(256)] + [piece.replace(" ", "▁") for piece in self._pieces]

    def _bpe_names(self) -> list[str]:
        """Byte-level BPE writes each byte as one visible character."""
        visible = {*range(33, 127), *range(161, 173), *range(174, 256)}
        spare = itertools.count(256)
        letters = [chr(byte if byte in visible else next(spare)) for byte in range(256)]
        return letters + ["".join(letters[byte] for byte in piece.encode()) for piece in self._pieces]


class Weights:
    """The numbers of each tensor, by name: the same for the same seed."""

    def __init__(self, vocabulary: Vocabulary, seed: int) -> None:
        self._vocabulary = vocabulary
        self._seed = seed

    def __call__(self, name: str, shape: tuple[int, ...]) -> Matrix:
        part = name.split(".")[-2]
        if part.endswith("norm"):
            return np.ones(shape, dtype=np.float32)
        values = self._random(name, shape)
        match part:
            case "token_embd":
                return self._embedding(values)
            case "output":
                return self._output(values)
            case "attn_output" | "ffn_down":
                values[0] = 0  # the bias stays as it is
        return values * np.float32(_STRENGTHS.get(part, 1) / math.sqrt(shape[1]))

    def _random(self, name: str, shape: tuple[int, ...]) -> Matrix:
        return np.random.default_rng([self._seed, zlib.crc32(name.encode())]).standard_normal(shape, dtype=np.float32)

    def _codes(self, width: int) -> Matrix:
        """The direction of each row, of unit length, and last that of every token outside the story."""
        codes = self._random("codes", (len(self._vocabulary.rows) + 1, width))
        codes[:, 0] = 0
        return codes / np.linalg.norm(codes, axis=1, keepdims=True)

    def _embedding(self, values: Matrix) -> Matrix:
        width = values.shape[1]
        codes = self._codes(width) * np.float32(math.sqrt(width))
        code_of = np.full(len(values), -1)
        for index, row in enumerate(self._vocabulary.rows):
            code_of[row] = index
        values = codes[code_of] + values * np.float32(0.2)
        values[:, 0] = 1
        return values

    def _output(self, values: Matrix) -> Matrix:
        width = values.shape[1]
        rows, codes = self._vocabulary.rows, self._codes(width) * np.float32(30 / math.sqrt(width))
        values *= np.float32(1 / math.sqrt(width))
        values[:, 0] = -30
        for index, row in enumerate(rows):
            values[row, 0] = 0
            values[row] += codes[index - 1]  # the first row comes after the tokens outside the story
        after_last = [self._vocabulary.end] if self._vocabulary.ends else rows[0]
        values[after_last, 0] = 0
        values[after_last] += codes[len(rows) - 1]
        return values
