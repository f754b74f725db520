"""The exact bill, from real llama.cpp."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.core import errors, gguf, memory
from app.core.load_options import LoadOptions
from app.core.memory import RAM
from app.engine import breakdown, llama
from app.engine.simulation import Simulator
from tests.gguf_writer import Shape, write_gguf
from tests.model_layouts import LAYOUTS

pytestmark = pytest.mark.model

MIB = 2**20
TINYLLAMA = Shape(layers=22, width=2048, heads=32, kv_heads=4, ff=5632, context=2048, vocabulary=32000)
SHAPES = {
    "1 billion": TINYLLAMA,
    "large vocabulary": Shape(layers=2, width=896, heads=14, kv_heads=2, ff=4864, context=32768, vocabulary=151936),
    "wide layers": Shape(layers=2, width=8192, heads=64, kv_heads=8, ff=28672, context=8192, vocabulary=32000),
}


@pytest.fixture(scope="module")
def native_log() -> llama.NativeLog:
    llama.start_backends()
    return llama.NativeLog()


@pytest.fixture
def simulator(native_log) -> Iterator[Simulator]:
    simulator = Simulator(native_log)
    yield simulator
    simulator.forget()


@pytest.fixture(scope="module")
def tinyllama(tmp_path_factory) -> Path:
    return write_gguf(tmp_path_factory.mktemp("models") / "tinyllama.gguf", TINYLLAMA, quant="Q8_0", sparse=True)


def options(path: Path, context_length: int = 2048, **others: object) -> LoadOptions:
    return LoadOptions(path, context_length, 2, 0, **others)


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("context_length", [512, 4096, 131_072])
def test_the_first_estimate_is_nearly_exact_for_llamas(shape, context_length, tmp_path, simulator):
    path = write_gguf(tmp_path / "model.gguf", shape, quant="F16", sparse=True)
    estimate = memory.estimate(gguf.read_header(path), context_length)
    bill = simulator.bill(options(path, context_length, mapped=False))
    assert estimate.kv_cache == bill.kv_cache
    assert estimate.weights == pytest.approx(bill.weights, rel=0.001)
    assert estimate.buffers == pytest.approx(bill.buffers, rel=0.02)


def test_the_bill_is_what_llama_cpp_then_allocates(tmp_path, simulator, native_log):
    path = write_gguf(tmp_path / "model.gguf")
    asked = options(path, mapped=False)
    bill = simulator.bill(asked)
    with llama.Model(asked, llama.Flag(), native_log, lambda _fraction: None) as model:
        (real,) = breakdown.parts(llama.lib._lib, model._context)
    assert (bill.weights, bill.kv_cache, bill.buffers) == (real.model, real.context, real.compute)


def test_tinyllama_takes_what_was_measured(tinyllama, simulator):
    (bill,) = simulator.bill(options(tinyllama, mapped=False)).devices
    assert bill.device == RAM
    assert bill.kv_cache == 44 * MIB
    assert bill.weights == pytest.approx(gguf.read_header(tinyllama).tensor_bytes, rel=0.0001)
    assert bill.mapped == 0


def test_a_mapped_file_has_its_weights_in_pages(tinyllama, simulator):
    mapped, read = (simulator.bill(options(tinyllama, mapped=mapped)).on(RAM) for mapped in (True, False))
    assert mapped.mapped == read.weights
    assert mapped.kv_cache == read.kv_cache
    assert mapped.weights < read.weights


def test_repacked_weights_are_held_twice_where_the_processor_repacks_them(tmp_path, simulator):
    path = write_gguf(tmp_path / "model.gguf", TINYLLAMA, quant="Q4_0", sparse=True)
    mapped, read = (simulator.bill(options(path, mapped=mapped)).on(RAM) for mapped in (True, False))
    if not mapped.weights:
        pytest.skip("this processor repacks nothing")
    assert mapped.weights < read.weights == mapped.mapped


def test_a_quantized_cache_takes_half(tinyllama, simulator):
    bill = simulator.bill(options(tinyllama, cache_type_k="q8_0", cache_type_v="q8_0"))
    assert bill.kv_cache == 44 * MIB * 17 // 32


def test_larger_micro_batches_need_larger_buffers(tinyllama, simulator):
    small, large = (simulator.bill(options(tinyllama, micro_batch=tokens)).buffers for tokens in (32, 128))
    assert small < large


def test_the_header_alone_gives_the_same_bill(tmp_path, simulator):
    path = write_gguf(tmp_path / "model.gguf")
    header_only = tmp_path / "header.gguf"
    with header_only.open("wb") as file:
        file.write(path.read_bytes()[: gguf.read_header(path).data_offset])
        file.truncate(path.stat().st_size)
    assert simulator.bill(options(header_only)) == simulator.bill(options(path))


@pytest.mark.parametrize("write", LAYOUTS.values(), ids=LAYOUTS)
def test_every_layout_has_a_bill_and_loads(write, tmp_path, simulator, native_log):
    asked = options(write(tmp_path / "model.gguf"), 4096)
    bill = simulator.bill(asked)
    assert bill.kv_cache > 0
    with llama.Model(asked, llama.Flag(), native_log, lambda _fraction: None) as model:
        real = list(breakdown.parts(llama.lib._lib, model._context))
    assert bill.kv_cache == sum(part.context for part in real)
    assert bill.buffers == sum(part.compute for part in real)


def test_what_a_recurrent_model_remembers_does_not_grow_with_the_context(tmp_path, simulator):
    path = LAYOUTS["recurrent"](tmp_path / "model.gguf")
    assert simulator.bill(options(path, 32768)).kv_cache == simulator.bill(options(path, 512)).kv_cache


def test_what_cannot_be_loaded_is_told_in_words(tmp_path, tinyllama, simulator):
    with pytest.raises(errors.UnknownArchitecture):
        simulator.bill(options(write_gguf(tmp_path / "model.gguf", architecture="zebra")))
    with pytest.raises(errors.ModelLoadFailed):
        simulator.bill(options(tinyllama, cache_type_v="q8_0", flash_attention="off"))
    assert simulator.bill(options(tinyllama)).kv_cache == 44 * MIB


def test_a_file_that_has_changed_is_read_again(tmp_path, simulator):
    path = write_gguf(tmp_path / "model.gguf")
    first = simulator.bill(options(path))
    write_gguf(path, dataclasses.replace(Shape(), layers=8))
    assert simulator.bill(options(path)).kv_cache == 2 * first.kv_cache
