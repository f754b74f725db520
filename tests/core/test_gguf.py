from __future__ import annotations

import ctypes
import io
import re
import struct
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core import errors, gguf, gguf_reader, gguf_tables, memory
from tests.gguf_writer import (
    CHATML,
    Shape,
    write_container,
    write_cut_short,
    write_gguf,
    write_projector,
    write_vocabulary,
)

TINY = Shape(layers=1, width=64, heads=2, kv_heads=1, ff=128, context=512)
LLAMA = {"general.architecture": "llama"}
ONE_TENSOR = {"token_embd.weight": (4, 32)}


@pytest.fixture
def path(tmp_path) -> Path:
    return tmp_path / "model.gguf"


def _header_of(path: Path, **values: object) -> gguf.GgufHeader:
    metadata = {key.replace("__", "."): value for key, value in values.items()}
    return gguf.read_header(write_container(path, LLAMA | metadata, ONE_TENSOR))


def test_a_header_says_what_the_model_is(path):
    header = gguf.check_file(write_gguf(path, Shape(), quant="Q8_0", template=CHATML, name="Test model"))
    assert (header.version, header.architecture, header.name, header.quant) == (3, "llama", "Test model", "Q8_0")
    assert (header.context_length, header.layers, header.embedding_length) == (2048, 4, 256)
    assert (header.head_count, header.head_count_kv, header.key_length, header.value_length) == (8, 4, 32, 32)
    assert (header.feed_forward_length, header.vocabulary_size) == (512, 2048)
    assert header.chat_template == CHATML
    assert header.split_count == 0


def test_sizes_come_from_the_tensor_table(path):
    header = gguf.check_file(write_gguf(path, TINY, quant="Q8_0"))
    first = header.tensors[0]
    assert (first.name, first.shape, first.type) == ("token_embd.weight", (64, 2048), "Q8_0")
    assert (first.offset, first.size, first.elements) == (0, 64 * 2048 // 32 * 34, 64 * 2048)
    assert header.parameters == sum(tensor.elements for tensor in header.tensors)
    assert header.tensor_bytes == sum(tensor.size for tensor in header.tensors)
    assert header.data_offset % 32 == 0
    assert header.expected_file_size == path.stat().st_size


@pytest.mark.model
def test_types_are_as_big_as_llama_cpp_says():
    from llama_cpp import _ggml, llama_cpp

    library = llama_cpp._lib if hasattr(llama_cpp._lib, "ggml_type_size") else _ggml.libggml
    library.ggml_type_size.restype, library.ggml_blck_size.restype = ctypes.c_size_t, ctypes.c_int64
    library.ggml_type_name.restype = ctypes.c_char_p
    known = {
        number: (
            library.ggml_type_name(number).decode(),
            library.ggml_blck_size(number),
            library.ggml_type_size(number),
        )
        for number in range(43)
        if library.ggml_blck_size(number)
    }
    ours = {number: (name.lower(), *sizes) for number, (name, *sizes) in gguf_tables.TENSOR_TYPES.items()}
    assert ours == {number: (name.lower(), *sizes) for number, (name, *sizes) in known.items()}


def test_a_value_too_long_to_keep_leaves_its_length(path):
    words = ["word"] * 600
    header = _header_of(path, short=words[:3], long=words, numbers=[1.5] * 600, text="x" * 2**20 + "y")
    assert header.metadata["short"] == ("word",) * 3
    assert header.metadata["long"] == header.metadata["numbers"] == gguf_reader.Skipped(600)
    assert header.metadata["text"] == gguf_reader.Skipped(2**20 + 1)
    assert header.tensors


def test_layers_may_differ(path):
    header = _header_of(path, llama__attention__head_count=[8, 16], llama__attention__head_count_kv=[4, 0])
    assert header.head_count == 16
    assert header.head_count_kv == (4, 0)


def test_what_a_header_does_not_state_is_nothing(path):
    header = _header_of(path)
    assert (header.name, header.quant, header.chat_template) == ("", "", "")
    assert (header.context_length, header.head_count_kv, header.key_length, header.vocabulary_size) == (0, 0, 0, 0)


def test_what_a_header_states_as_something_else_is_nothing(path):
    header = _header_of(
        path, general__name=3, general__file_type="Q4", llama__block_count="many", llama__attention__head_count=[0.5]
    )
    assert (header.name, header.quant, header.layers, header.head_count, header.key_length) == ("", "", 0, 0, 0)


@pytest.mark.parametrize(("file_type", "quant"), [(15, "Q4_K_M"), (15 + 1024, "Q4_K_M"), (0, "F32"), (999, "")])
def test_the_quant_is_named_as_in_file_names(file_type, quant, path):
    assert _header_of(path, general__file_type=file_type).quant == quant


@pytest.mark.parametrize(
    ("write", "words"),
    [
        (write_projector, "mmproj"),
        (write_vocabulary, "vocabulary"),
        (lambda path: write_container(path, {"general.type": "imatrix"}, ONE_TENSOR), "importance matrix"),
        (lambda path: write_container(path, LLAMA | {"general.type": "adapter"}, ONE_TENSOR), "LoRA"),
        (lambda path: write_container(path, {"general.architecture": "nomic-bert"}, ONE_TENSOR), "searching"),
        (lambda path: write_container(path, LLAMA | {"llama.attention.causal": False}, ONE_TENSOR), "searching"),
        (lambda path: write_container(path, LLAMA | {"llama.pooling_type": 3}, ONE_TENSOR), "searching"),
        (lambda path: write_container(path, {"general.architecture": "llada"}, ONE_TENSOR), "diffusion"),
        (lambda path: write_container(path, {"general.architecture": "eagle3"}, ONE_TENSOR), "draft"),
        (lambda path: write_container(path, {"split.no": 1, "split.count": 3}, ONE_TENSOR), "part 2 of 3"),
    ],
)
def test_a_file_one_cannot_chat_with_is_refused_with_what_it_is(write, words, path):
    with pytest.raises(errors.NotAChatModel, match=words):
        gguf.check_file(write(path))


def _write_parts(folder: Path, count: int) -> list[Path]:
    paths = [folder / f"big-{number:05}-of-{count:05}.gguf" for number in range(1, count + 1)]
    for index, path in enumerate(paths):
        split = {"split.no": index, "split.count": count}
        write_container(path, (LLAMA if index == 0 else {}) | split, ONE_TENSOR)
    return paths


def test_the_first_part_of_a_split_model_stands_for_all(tmp_path):
    first, *_ = _write_parts(tmp_path, 3)
    header = gguf.check_file(first)
    assert header.architecture == "llama"
    assert header.parameters == 3 * gguf.read_header(first).parameters


def test_a_split_model_with_a_part_missing_or_cut_short_is_refused(tmp_path):
    first, second, third = _write_parts(tmp_path, 3)
    third.write_bytes(third.read_bytes()[:-100])
    with pytest.raises(errors.ModelCutShort):
        gguf.check_file(first)
    second.unlink()
    with pytest.raises(errors.ModelNotFound, match=re.escape(second.name)):
        gguf.check_file(first)


def test_a_split_model_under_another_name_cannot_find_its_parts(tmp_path):
    first, *_ = _write_parts(tmp_path, 2)
    with pytest.raises(errors.ModelNotFound, match="Part 2 of 2"):
        gguf.check_file(first.rename(tmp_path / "mine.gguf"))


def test_a_file_that_is_not_there_is_not_found(path):
    with pytest.raises(errors.ModelNotFound, match=re.escape(str(path))):
        gguf.check_file(path)


def test_what_the_system_will_not_read_is_unreadable(tmp_path):
    with pytest.raises(errors.UnreadableModel):
        gguf.check_file(tmp_path)


@pytest.mark.parametrize("content", [b"", b"GG", b"<!doctype html><title>404</title>", b"\x00" * 100])
def test_a_file_that_does_not_start_as_gguf_is_no_model(content, path):
    path.write_bytes(content)
    with pytest.raises(errors.NotAModel):
        gguf.check_file(path)


def test_a_file_cut_short_says_how_much_is_missing(path):
    with pytest.raises(errors.ModelCutShort, match=r"^The model file is incomplete: 3 MiB of its 7 MiB are missing\.$"):
        gguf.check_file(write_cut_short(path, 0.5))
    whole = write_gguf(path, TINY).read_bytes()
    path.write_bytes(whole[:-1])
    with pytest.raises(errors.ModelCutShort, match="1 B of its"):
        gguf.check_file(path)
    path.write_bytes(whole + b"more")
    assert gguf.check_file(path).tensors


@pytest.mark.parametrize("length", [4, 10, 24, 100, 1000, 30_000])
def test_a_file_cut_short_within_its_header_is_incomplete(length, path):
    path.write_bytes(write_gguf(path, TINY).read_bytes()[:length])
    with pytest.raises(errors.ModelCutShort, match="within its header"):
        gguf.read_header(path)


@pytest.mark.parametrize(
    ("version", "error"),
    [
        (1, errors.ModelError),
        (4, errors.UnknownArchitecture),
        (3 << 24, errors.ModelError),
        (77_777, errors.DamagedModel),
    ],
)
def test_other_versions_of_the_format_are_told_apart(version, error, path):
    with pytest.raises(errors.ModelError) as raised:
        gguf.read_header(write_container(path, LLAMA, ONE_TENSOR, version=version))
    assert type(raised.value) is error


def _bytes(values: bytes = b"", tensors: bytes = b"", *, value_count: int = 0, tensor_count: int = 0) -> io.BytesIO:
    return io.BytesIO(b"GGUF" + struct.pack("<IQQ", 3, tensor_count, value_count) + values + tensors)


def _tensor(dimensions: int = 1, shape: tuple[int, ...] = (32,), kind: int = 0, offset: int = 0) -> bytes:
    name = struct.pack("<Q", 1) + b"t"
    return name + struct.pack(f"<I{len(shape)}QIQ", dimensions, *shape, kind, offset)


KEY = struct.pack("<Q", 1) + b"k"


@pytest.mark.parametrize(
    "file",
    [
        _bytes(value_count=2**60),
        _bytes(tensor_count=2**60),
        _bytes(struct.pack("<Q", 2**60), value_count=1),
        _bytes(KEY + struct.pack("<I", 13), value_count=1),
        _bytes(KEY + struct.pack("<IIQ", 9, 9, 1), value_count=1),
        _bytes(KEY + struct.pack("<IIQ", 9, 99, 2**60), value_count=1),
        _bytes(
            struct.pack("<Q", 17) + b"general.alignment" + struct.pack("<II", 4, 24),
            _tensor(),
            value_count=1,
            tensor_count=1,
        ),
        _bytes(tensors=_tensor(dimensions=5, shape=(1,) * 5), tensor_count=1),
        _bytes(tensors=_tensor(kind=2**31), tensor_count=1),
        _bytes(tensors=_tensor(kind=8, shape=(33,)), tensor_count=1),
        _bytes(tensors=_tensor(shape=(2**62,)), tensor_count=1),
        _bytes(tensors=_tensor(offset=2**63), tensor_count=1),
    ],
    ids=[
        "values without end",
        "tensors without end",
        "a key without end",
        "a type that does not exist",
        "an array of arrays",
        "an array of a type that does not exist",
        "an alignment that is no power of two",
        "five dimensions",
        "a tensor type that cannot be",
        "a tensor that ends within a block",
        "a tensor larger than any disk",
        "a tensor behind the end of any disk",
    ],
)
def test_nonsense_is_damage(file):
    with pytest.raises(errors.DamagedModel):
        gguf.parse_header(file)


def test_a_tensor_type_of_another_version_is_no_damage():
    with pytest.raises(errors.UnknownArchitecture, match="137"):
        gguf.parse_header(_bytes(tensors=_tensor(kind=137), tensor_count=1))


class Endless(io.RawIOBase):
    """A header that announces an array without end, and then goes on for ever."""

    def __init__(self) -> None:
        self._start = _bytes(KEY + struct.pack("<IIQ", 9, 0, 2**60), value_count=1)
        self.given = 0

    def read(self, size: int = -1) -> bytes:
        data = self._start.read(size) or bytes(size)
        self.given += len(data)
        return data


def test_a_header_without_end_is_given_up_in_little_memory():
    file = Endless()
    tracemalloc.start()
    with pytest.raises(errors.DamagedModel):
        gguf.parse_header(file)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert file.given < 100 * 2**20
    assert peak < 10 * 2**20


@pytest.fixture(scope="module")
def sound(tmp_path_factory) -> bytes:
    """A whole header without a vocabulary, so that most bytes matter."""
    path = tmp_path_factory.mktemp("models") / "sound.gguf"
    metadata = {
        "general.architecture": "llama",
        "general.alignment": 32,
        "general.file_type": 15,
        "llama.context_length": 2048,
        "llama.embedding_length": 64,
        "llama.block_count": 2,
        "llama.feed_forward_length": [128, 256],
        "llama.attention.head_count": 4,
        "llama.attention.head_count_kv": [2, 1],
        "llama.attention.key_length": 16,
        "llama.attention.causal": True,
        "tokenizer.ggml.tokens": ["a", "b"],
        "tokenizer.chat_template": CHATML,
        "split.count": 1,
    }
    shapes: dict[str, tuple[int, ...]] = {"token_embd.weight": (2, 64), "blk.0.attn_norm.weight": (64,)}
    return write_container(path, metadata, shapes).read_bytes()


changes = st.lists(st.tuples(st.integers(0, 1500), st.integers(0, 255)), max_size=6)
lengths = st.none() | st.integers(0, 1500)


@settings(deadline=None, max_examples=500)
@given(changes=changes, length=lengths)
def test_whatever_happened_to_a_header_it_is_read_or_refused(changes, length, sound):
    damaged = bytearray(sound)
    for position, byte in changes:
        damaged[position % len(sound)] = byte
    try:
        header = gguf.parse_header(io.BytesIO(damaged[:length]))
    except errors.ModelError:
        return
    for name, value in vars(gguf.GgufHeader).items():
        if isinstance(value, property):
            getattr(header, name)
    memory.estimate(header, 2048)
