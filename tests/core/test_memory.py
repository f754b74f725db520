from __future__ import annotations

import ctypes
import re

import pytest

from app.core import gguf, memory
from tests.gguf_writer import Shape, write_container, write_gguf

MIB = 2**20
TINYLLAMA = Shape(layers=22, width=2048, heads=32, kv_heads=4, ff=5632, context=2048, vocabulary=32000)
SHAPES = {
    "1 billion": TINYLLAMA,
    "large vocabulary": Shape(layers=2, width=896, heads=14, kv_heads=2, ff=4864, context=32768, vocabulary=151936),
    "wide layers": Shape(layers=2, width=8192, heads=64, kv_heads=8, ff=28672, context=8192, vocabulary=32000),
}


@pytest.fixture
def header(tmp_path):
    def header(shape: Shape = TINYLLAMA, **metadata: object) -> gguf.GgufHeader:
        path = write_gguf(tmp_path / "model.gguf", shape, sparse=True)
        found = gguf.read_header(path)
        return gguf.GgufHeader(3, {**found.metadata, **metadata}, found.tensors, 0, 0)

    return header


def _simulated_load(path, context_length: int) -> tuple[float, float]:
    """What llama.cpp itself says it would allocate for the KV cache and for computing, in MiB."""
    import llama_cpp.llama_cpp as lib

    said: list[str] = []
    listener = lib.llama_log_callback(lambda _level, text, _data: said.append(text.decode()))
    lib.llama_log_set(listener, ctypes.c_void_p(0))
    parameters = lib.llama_model_default_params()
    parameters.no_alloc, parameters.load_mode = True, lib.LLAMA_LOAD_MODE_NONE
    model = lib.llama_model_load_from_file(str(path).encode(), parameters)
    parameters = lib.llama_context_default_params()
    parameters.n_ctx = context_length
    lib.llama_free(lib.llama_init_from_model(model, parameters))
    lib.llama_model_free(model)
    lib.llama_log_set(lib.llama_log_callback(), ctypes.c_void_p(0))
    text = "".join(said)
    cache = re.search(r"size = +([\d.]+) MiB \( *\d+ cells", text)
    buffers = re.search(r"CPU compute buffer size = +([\d.]+) MiB", text)
    assert cache
    assert buffers
    return float(cache[1]), float(buffers[1])


@pytest.mark.model
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("context_length", [512, 4096, 131_072])
def test_the_estimate_is_what_llama_cpp_would_allocate(shape, context_length, tmp_path):
    path = write_gguf(tmp_path / "model.gguf", shape, sparse=True)
    cache, buffers = _simulated_load(path, context_length)
    bill = memory.estimate(gguf.read_header(path), context_length)
    assert bill.kv_cache / MIB == pytest.approx(cache, rel=0.01)
    assert bill.buffers / MIB == pytest.approx(buffers, rel=0.02)


def test_tinyllama_at_its_own_context_takes_what_was_measured(header):
    bill = memory.estimate(header(), 2048)
    assert bill.kv_cache == 44 * MIB
    assert bill.buffers == 70.5 * MIB
    assert bill.weights == header().tensor_bytes
    assert bill.required == bill.weights + bill.kv_cache + bill.buffers


def test_layers_without_attention_have_no_cache(header):
    half = header(**{"llama.attention.head_count_kv": (4, 0) * 11})
    assert memory.estimate(half, 2048).kv_cache == 22 * MIB


def test_heads_may_be_wider_than_their_share_of_the_embedding(header):
    wide = header(**{"llama.attention.key_length": 128, "llama.attention.value_length": 64})
    assert memory.estimate(wide, 2048).kv_cache == 66 * MIB


def test_only_the_experts_in_use_count_for_the_buffers(header):
    mixture = header(**{"llama.expert_feed_forward_length": 8192, "llama.expert_used_count": 8})
    assert memory.estimate(mixture, 512).buffers > memory.estimate(header(), 512).buffers


def test_the_automatic_context_is_the_models_own_where_there_is_room(header):
    assert memory.automatic_context(header(), available=8 * 2**30) == 2048
    unstated = header(**{"llama.context_length": 0})
    assert memory.automatic_context(unstated, available=8 * 2**30) == 4096


def test_a_long_context_leaves_half_of_what_the_weights_leave(header):
    model = header(**{"llama.context_length": 2**20})
    room = 4 * 2**30
    length = memory.automatic_context(model, model.tensor_bytes + room)
    assert length % 256 == 0
    fits, too_long = (memory.estimate(model, count).required - model.tensor_bytes for count in (length, length + 256))
    assert fits <= room // 2 < too_long


@pytest.mark.parametrize("available", [0, 100 * MIB, 2200 * MIB])
def test_the_context_is_never_shorter_than_512_tokens(available, header):
    assert memory.largest_context(header(), available, trained=2048) == 512


def test_a_model_trained_for_less_than_512_tokens_gets_512(header):
    assert memory.largest_context(header(), 8 * 2**30, trained=128) == 512


def test_a_header_that_says_nothing_costs_nothing(tmp_path):
    empty = gguf.read_header(write_container(tmp_path / "empty.gguf", {"general.architecture": "mamba"}))
    assert memory.estimate(empty, 4096).kv_cache == 0
    assert memory.automatic_context(empty, 2**30) == 4096
