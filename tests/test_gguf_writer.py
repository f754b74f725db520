"""The models that the other tests run on: do they load, tokenize and write as `storyteller` says?"""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.core import gguf
from tests.gguf_writer import (
    BENCH,
    CHATML_TOKENS,
    HUGE,
    Shape,
    write_cut_short,
    write_gguf,
    write_projector,
    write_vocabulary,
)
from tests.storyteller import STORY_LENGTH

TINY = Shape(layers=1, width=64, heads=2, kv_heads=1, ff=128, context=512)
QUESTION = "<|user|>\nWhat do you see?</s>\n<|assistant|>\n"
END = 2


@functools.cache  # llama.cpp keeps calling it
def _silence() -> Any:
    import llama_cpp.llama_cpp as lib

    return lib.llama_log_callback(lambda _level, _text, _data: None)


class Llama:
    """The real llama.cpp with one model: just enough to ask and listen."""

    def __init__(self, path: Path, context_length: int = 4096) -> None:
        import llama_cpp.llama_cpp as lib

        self._lib = lib
        lib.llama_log_set(_silence(), ctypes.c_void_p(0))
        self._model = lib.llama_model_load_from_file(str(path).encode(), lib.llama_model_default_params())
        self.loaded = bool(self._model)
        self._context: Any = None
        if self.loaded:
            parameters = lib.llama_context_default_params()
            parameters.n_ctx = context_length
            parameters.n_threads = parameters.n_threads_batch = 1
            self._context = lib.llama_init_from_model(self._model, parameters)
            self._vocabulary = lib.llama_model_get_vocab(self._model)

    def close(self) -> None:
        if self._context:
            self._lib.llama_free(self._context)
        if self._model:
            self._lib.llama_model_free(self._model)

    def tokenize(self, text: str, *, special: bool = True) -> list[int]:
        data = text.encode()
        tokens = (self._lib.llama_token * (len(data) + 2))()
        count = self._lib.llama_tokenize(self._vocabulary, data, len(data), tokens, len(tokens), True, special)
        return list(tokens[:count])

    def text(self, tokens: list[int]) -> bytes:
        piece = ctypes.create_string_buffer(64)
        lengths = (self._lib.llama_token_to_piece(self._vocabulary, token, piece, 64, 0, True) for token in tokens)
        return b"".join(piece.raw[:length] for length in lengths)

    def is_control(self, token: int) -> bool:
        return bool(self._lib.llama_vocab_is_control(self._vocabulary, token))

    def reply(self, prompt: list[int], limit: int, temperature: float = 0.0, seed: int = 0) -> list[int]:
        """The tokens of a reply, with the end token if it came."""
        lib = self._lib
        lib.llama_memory_clear(lib.llama_get_memory(self._context), True)
        sampler = lib.llama_sampler_chain_init(lib.llama_sampler_chain_default_params())
        if temperature:
            lib.llama_sampler_chain_add(sampler, lib.llama_sampler_init_temp(temperature))
            lib.llama_sampler_chain_add(sampler, lib.llama_sampler_init_dist(seed))
        else:
            lib.llama_sampler_chain_add(sampler, lib.llama_sampler_init_greedy())
        written: list[int] = []
        following = prompt
        while len(written) < limit and not (written and lib.llama_vocab_is_eog(self._vocabulary, written[-1])):
            array = (lib.llama_token * len(following))(*following)  # the batch only points to it
            assert lib.llama_decode(self._context, lib.llama_batch_get_one(array, len(array))) == 0
            written.append(lib.llama_sampler_sample(sampler, self._context, -1))
            following = written[-1:]
        lib.llama_sampler_free(sampler)
        return written


@pytest.fixture
def load(tmp_path: Path) -> Iterator[Any]:
    opened: list[Llama] = []

    def load(shape: Shape = TINY, **options: Any) -> Llama:
        opened.append(Llama(write_gguf(tmp_path / "model.gguf", shape, **options)))
        return opened[-1]

    yield load
    for llama in opened:
        llama.close()


@pytest.mark.model
@pytest.mark.parametrize(
    "options",
    [{"quant": "F32"}, {"quant": "F16"}, {"quant": "Q8_0"}, {"tokenizer": "bpe"}],
    ids=lambda options: next(iter(options.values())),
)
def test_a_model_of_every_kind_loads_and_tells_a_story(load, options):
    llama = load(**options)
    story = llama.text(llama.reply(llama.tokenize(QUESTION), STORY_LENGTH)).decode("utf-8")
    assert " café " in story
    assert "🦙" in story
    assert story.endswith((" smile.\n", " agree.\n", " listen.\n", " sleep.\n"))


@pytest.mark.model
def test_a_reply_without_end_goes_on_and_repeats_no_token_within_64(load):
    llama = load(Shape())
    tokens = llama.reply(llama.tokenize(QUESTION), 1000)
    assert len(tokens) == 1000
    assert not any(llama.is_control(token) for token in tokens)
    assert all(tokens[index] not in tokens[max(0, index - 64) : index] for index in range(len(tokens)))
    pages = [tuple(tokens[index : index + STORY_LENGTH]) for index in range(0, len(tokens), STORY_LENGTH)]
    assert len(set(pages)) == len(pages)


@pytest.mark.model
def test_no_temperature_makes_an_endless_reply_end(load):
    llama = load()
    assert len(llama.reply(llama.tokenize(QUESTION), 300, temperature=5.0)) == 300


@pytest.mark.model
@pytest.mark.parametrize("length", [1, 20, STORY_LENGTH - 1])
def test_a_reply_ends_after_the_length_one_asked_for(load, length):
    llama = load(reply_length=length)
    prompt = llama.tokenize(QUESTION)
    for tokens in (llama.reply(prompt, 200), llama.reply(prompt, 200, temperature=0.7, seed=5)):
        assert len(tokens) == length + 1
        assert tokens[-1] == END


@pytest.mark.model
def test_what_was_said_before_changes_the_reply(load):
    llama = load(Shape())
    one = llama.reply(llama.tokenize(QUESTION), 100)
    other = llama.reply(llama.tokenize(QUESTION.replace("see", "hear")), 100)
    assert sum(left != right for left, right in zip(one, other, strict=True)) >= 5


@pytest.mark.model
def test_other_seeds_of_the_sampler_and_of_the_weights_tell_other_stories(load):
    llama = load()
    prompt = llama.tokenize(QUESTION)
    assert llama.reply(prompt, 50, 0.7, seed=1) == llama.reply(prompt, 50, 0.7, seed=1)
    assert llama.reply(prompt, 50, 0.7, seed=1) != llama.reply(prompt, 50, 0.7, seed=2)
    assert llama.reply(prompt, 50) != load(seed=1).reply(prompt, 50)


@pytest.mark.model
def test_the_text_of_a_reply_gives_its_tokens_back(load):
    llama = load()
    reply = llama.reply(llama.tokenize(QUESTION), STORY_LENGTH)
    beginning = llama.tokenize("", special=False)
    assert llama.tokenize(llama.text(reply).decode().removeprefix(" "), special=False) == beginning + reply


@pytest.mark.model
def test_any_text_comes_back_from_its_tokens_byte_by_byte_where_there_is_no_piece(load):
    llama = load()
    text = "Zoë has 7 llamas: 🦙🦙\n\t北京 {}"
    assert llama.text(llama.tokenize(text)[1:]).decode() == f" {text}"


@pytest.mark.model
@pytest.mark.parametrize("tokenizer", ["spm", "bpe"])
def test_further_special_tokens_are_control_tokens_and_end_replies(load, tokenizer):
    llama = load(tokenizer=tokenizer, special_tokens=CHATML_TOKENS, reply_length=3)
    start, end = (llama.tokenize(token)[-1] for token in CHATML_TOKENS)
    assert llama.is_control(start)
    assert llama.is_control(end)
    assert not any(map(llama.is_control, llama.tokenize("<|im_end|>", special=False)[1:]))
    assert llama.reply(llama.tokenize("<|im_start|>assistant\n"), 10)[-1] == end


@pytest.mark.model
@pytest.mark.parametrize(
    "write",
    [
        write_cut_short,
        write_projector,
        write_vocabulary,
        lambda path: write_gguf(path, TINY, architecture="alpaca"),
    ],
    ids=["cut short", "projector", "vocabulary", "unknown architecture"],
)
def test_llama_cpp_refuses_what_is_broken(write, tmp_path):
    llama = Llama(write(tmp_path / "broken.gguf"))
    loaded = llama.loaded
    llama.close()
    assert not loaded


def test_the_same_seed_writes_the_same_file(tmp_path):
    one, again, other = (write_gguf(tmp_path / name, TINY, seed=seed) for name, seed in (("a", 1), ("b", 1), ("c", 2)))
    assert one.read_bytes() == again.read_bytes()
    assert one.read_bytes() != other.read_bytes()


def test_a_sparse_file_is_as_long_as_the_real_one(tmp_path):
    real, sparse = write_gguf(tmp_path / "real.gguf", TINY), write_gguf(tmp_path / "sparse.gguf", TINY, sparse=True)
    assert sparse.stat().st_size == real.stat().st_size


def test_the_shapes_are_as_big_as_they_are_meant_to_be(tmp_path):
    assert write_gguf(tmp_path / "default.gguf").stat().st_size < 20e6
    assert 60e6 < gguf.check_file(write_gguf(tmp_path / "bench.gguf", BENCH, sparse=True)).parameters < 100e6
    huge = write_gguf(tmp_path / "huge.gguf", HUGE, sparse=True)
    assert gguf.check_file(huge).tensor_bytes > 190e9
    assert getattr(huge.stat(), "st_blocks", 0) * 512 < 10e6
