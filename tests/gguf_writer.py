"""Writes small GGUF files, so that tests run the real llama.cpp without a download.

The models are llamas with random weights and a real tokenizer, built so that what they write can be tested. Their
vocabulary holds a story whose words stand in rows, and after any word of one row comes some word of the next. Which
one depends, through attention, on all that came before, so that a lost or a stale KV cache changes the text. A reply
reads a little like English, starts with the first row whatever the prompt, holds characters of two and four tokens,
repeats no token within 64, and either never ends or ends after exactly `reply_length` tokens.

How: the embedding of a word carries the code of its row, a random direction, and the output weights of a word carry
the code of the row before. The first dimension is 1 in every embedding and never written by a layer, which makes it a
bias: it keeps every token outside the story, control tokens among them, from being written, at any temperature.
"""

from __future__ import annotations

import itertools
import math
import struct
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

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

Matrix = npt.NDArray[np.float32]
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

_TENSOR_TYPES = {"F32": (0, 0), "F16": (1, 1), "Q8_0": (8, 7)}  # quant: its tensor type and its file type
_NORMAL, _UNKNOWN, _CONTROL, _BYTE = 1, 2, 3, 6  # token types
_ALIGNMENT = 32


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
) -> Path:
    """Writes a model that llama.cpp loads and runs. Returns `path`.

    `quant` is F32, F16 or Q8_0; `tokenizer` is spm or bpe. `special_tokens` are further control tokens: `</s>` ends a
    reply, or `<|im_end|>` if that is among them. A reply ends after `reply_length` tokens (1 to `LONGEST_REPLY`; the
    end token not counted), or never. A `sparse` file has its full length and no weights, and takes hardly any disk.
    """
    vocabulary = _Vocabulary(shape.vocabulary, tokenizer, special_tokens, reply_length)
    metadata = {
        "general.architecture": architecture,
        "general.type": "model",
        "general.name": name,
        "general.file_type": _TENSOR_TYPES[quant][1],
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
    values = None if sparse else _Weights(vocabulary, seed)
    return write_container(path, metadata, _tensor_shapes(shape), quant, values)


def write_projector(path: Path) -> Path:
    """Writes the image part of a model, as it lies beside models that see."""
    metadata = {"general.architecture": "clip", "general.type": "mmproj", "clip.has_vision_encoder": True}
    return write_container(path, metadata, {"v.patch_embd.weight": (8, 32)})


def write_vocabulary(path: Path) -> Path:
    """Writes a file that holds a tokenizer and no weights."""
    vocabulary = _Vocabulary(Shape().vocabulary, "spm", (), None)
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
) -> Path:
    """Writes any GGUF file. `values(name, shape)` gives the numbers of a tensor; without it the file is sparse.

    Shapes are numpy's: rows first. Tensors of one dimension are F32, as everywhere.
    """
    shapes = shapes or {}
    quants = {name: quant if len(shape) > 1 else "F32" for name, shape in shapes.items()}
    table, offset = bytearray(), 0
    for name, shape in shapes.items():
        table += _string(name) + struct.pack(f"<I{len(shape)}Q", len(shape), *reversed(shape))
        table += struct.pack("<IQ", _TENSOR_TYPES[quants[name]][0], offset)
        offset += _padded(_size(shape, quants[name]))
    header = b"GGUF" + struct.pack("<IQQ", version, len(shapes), len(metadata))
    header += b"".join(_string(key) + _value(value) for key, value in metadata.items()) + table
    with path.open("wb") as file:
        file.write(header.ljust(_padded(len(header)), b"\0"))
        if values:
            for name, shape in shapes.items():
                data = _encoded(values(name, shape), quants[name])
                file.write(data.ljust(_padded(len(data)), b"\0"))
        file.truncate(_padded(len(header)) + offset)
    return path


def _padded(size: int) -> int:
    return -(-size // _ALIGNMENT) * _ALIGNMENT


def _size(shape: tuple[int, ...], quant: str) -> int:
    elements = math.prod(shape)
    return {"F32": elements * 4, "F16": elements * 2, "Q8_0": elements // 32 * 34}[quant]


def _encoded(values: Matrix, quant: str) -> bytes:
    if quant != "Q8_0":
        return values.astype(np.float32 if quant == "F32" else np.float16).tobytes()
    blocks = values.reshape(-1, 32)
    scales = np.abs(blocks).max(axis=1) / 127
    encoded = np.empty(len(blocks), dtype=[("scale", np.float16), ("numbers", np.int8, 32)])
    encoded["scale"] = scales
    encoded["numbers"] = np.rint(blocks / np.maximum(scales, 1e-9)[:, None])
    return encoded.tobytes()


def _string(text: str) -> bytes:
    data = text.encode("utf-8")
    return struct.pack("<Q", len(data)) + data


def _value(value: Any) -> bytes:
    number, data = _typed(value)
    return struct.pack("<I", number) + data


def _typed(value: Any) -> tuple[int, bytes]:
    """The type number of a metadata value, and its bytes. Whole numbers in arrays are signed, as llama.cpp wants."""
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
        case _:
            items = [_typed(item) for item in value]
            return 9, struct.pack("<IQ", items[0][0], len(items)) + b"".join(data for _, data in items)


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
LONGEST_REPLY = len(_ROWS)


def _pieces() -> Iterator[str]:
    """Tokens of several letters: every beginning of every word, so that merging letter by letter finds it; then noise.

    No other token holds letters of a word, or merging could take a wrong turn.
    """
    words = [word.decode() for row in _ROWS for word in row if len(word) > 1 and word.isascii()]
    yield from dict.fromkeys(word[:length] for word in words for length in range(2, len(word) + 1))
    syllables = [consonant + vowel for consonant in "bcdfghjklmnpqrstvwxyz" for vowel in "aeiou"]
    for count in itertools.count(1):
        yield from map("".join, itertools.product(syllables, repeat=count))


class _Vocabulary:
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


class _Weights:
    """The numbers of each tensor, by name. The strengths were found by trying (tests/test_gguf_writer.py)."""

    def __init__(self, vocabulary: _Vocabulary, seed: int) -> None:
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
            case "attn_q" | "attn_k":
                return values * np.float32(1.4 / math.sqrt(shape[1]))  # sharp attention
            case "attn_output" | "ffn_down":
                values[0] = 0  # the bias
                return values * np.float32(0.5 / math.sqrt(shape[1]))
        return values / np.float32(math.sqrt(shape[1]))

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
        values = codes[code_of] + values * np.float32(0.5)
        values[:, 0] = 1
        return values

    def _output(self, values: Matrix) -> Matrix:
        width = values.shape[1]
        rows, codes = self._vocabulary.rows, self._codes(width) * np.float32(20 / math.sqrt(width))
        values *= np.float32(1 / math.sqrt(width))
        values[:, 0] = -30
        for index, row in enumerate(rows):
            values[row, 0] = 0
            values[row] += codes[index - 1]  # the first row comes after the tokens outside the story
        after_last = [self._vocabulary.end] if self._vocabulary.ends else rows[0]
        values[after_last, 0] = 0
        values[after_last] += codes[len(rows) - 1]
        return values
