"""The exact bill, from real llama.cpp."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.core import errors, gguf, memory
from app.core.load_options import LoadOptions
from app.core.memory import RAM
from app.engine import breakdown, llama
from app.engine.protocol import Device
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
    words = memory.vocabulary(gguf.read_header(path))
    assert (bill.weights, bill.kv_cache, bill.buffers) == (real.model, real.context, real.compute + words)


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
    path = write(tmp_path / "model.gguf")
    asked = options(path, 4096)
    bill = simulator.bill(asked)
    assert bill.kv_cache > 0
    with llama.Model(asked, llama.Flag(), native_log, lambda _fraction: None) as model:
        real = list(breakdown.parts(llama.lib._lib, model._context))
    assert bill.kv_cache == sum(part.context for part in real)
    assert bill.buffers == sum(part.compute for part in real) + memory.vocabulary(gguf.read_header(path))


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


def test_devices_that_are_not_there_and_experts_in_ram_leave_all_in_ram(tmp_path, simulator, native_log):
    path = LAYOUTS["experts"](tmp_path / "model.gguf")
    plain = simulator.bill(options(path))
    asked = dataclasses.replace(
        options(path, devices=("CUDA7",), tensor_split=(3.0, 1.0), experts_on_cpu=13), gpu_layers=99
    )
    assert simulator.bill(asked) == plain
    with llama.Model(asked, llama.Flag(), native_log, lambda _fraction: None) as model:
        assert model.offloaded == 0


@pytest.mark.parametrize("layers", [1, 9, 10, 11, 48, 100, 999])
def test_the_experts_of_the_first_layers_are_meant_and_no_others(layers):
    pattern = llama._experts_in_ram(layers)[0].pattern.decode()
    names = [f"blk.{layer}.ffn_up_exps.weight" for layer in range(1200)]
    assert [re.search(pattern, name) is not None for name in names] == [layer < layers for layer in range(1200)]
    assert not re.search(pattern, "blk.0.ffn_up.weight")


def test_where_llama_cpp_cannot_be_asked_a_formula_answers(tinyllama, simulator, monkeypatch):
    exact = simulator.bill(options(tinyllama, mapped=False))
    monkeypatch.setattr(llama, "can_simulate", lambda: False)
    (ram,) = simulator.bill(options(tinyllama, mapped=False)).devices
    assert ram.required == pytest.approx(exact.required, rel=0.01)
    (mapped,) = simulator.bill(options(tinyllama, cache_type_k="q8_0")).devices
    assert (mapped.weights, mapped.mapped) == (0, ram.weights)
    assert mapped.kv_cache < ram.kv_cache


def test_the_formula_shares_layers_out_to_the_gpus(tinyllama, simulator, monkeypatch):
    gpus = tuple(Device(f"CUDA{index}", "a card", "gpu", 2**30, 2**33) for index in range(2))
    monkeypatch.setattr(llama, "can_simulate", lambda: False)
    monkeypatch.setattr(llama, "devices", lambda: gpus)
    header = gguf.read_header(tinyllama)
    on_gpus = dataclasses.replace(options(tinyllama, mapped=False, tensor_split=(3.0, 1.0)), gpu_layers=99)
    ram, first, second = simulator.bill(on_gpus).devices
    assert (ram.weights, ram.kv_cache) == (0, 0)
    assert first.weights + second.weights == pytest.approx(header.tensor_bytes)
    assert first.weights == pytest.approx(3 * second.weights)
    assert len(simulator.bill(dataclasses.replace(on_gpus, devices=())).devices) == 1


@pytest.mark.parametrize(
    ("said", "detail"),
    [
        ("alloc_tensor_range: failed to allocate CUDA0 buffer of size 9\n", "CUDA0"),
        ("llama_model_load: error loading model: unable to allocate Vulkan1 buffer\n", "Vulkan1"),
        ("llama_model_load: error loading model: unable to allocate CPU buffer\n", ""),
    ],
)
def test_a_device_that_is_full_is_named(native_log, said, detail):
    with native_log.kept_to_itself():
        native_log._take(4, said.encode(), None)
        error = llama._load_error(native_log)
    assert type(error) is errors.NotEnoughMemory
    assert (detail in error.detail) and bool(error.detail) == bool(detail)


def test_the_features_of_the_processor_are_told():
    assert "=" not in llama.features()
    assert "REPACK" not in llama.features()


def test_every_device_names_its_backend(native_log):
    assert all(device.backend for device in llama.devices())
