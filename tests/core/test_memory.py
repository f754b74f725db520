from __future__ import annotations

import pytest

from app.core import gguf, gguf_reader, memory
from app.core.memory import RAM, DeviceBill, MemoryBill
from tests.gguf_writer import Shape, write_container, write_gguf

MIB = 2**20
TINYLLAMA = Shape(layers=22, width=2048, heads=32, kv_heads=4, ff=5632, context=2048, vocabulary=32000)


@pytest.fixture
def header(tmp_path):
    def header(shape: Shape = TINYLLAMA, **metadata: object) -> gguf.GgufHeader:
        path = write_gguf(tmp_path / "model.gguf", shape, sparse=True)
        found = gguf.read_header(path)
        return gguf.GgufHeader(3, {**found.metadata, **metadata}, found.tensors, 0, 0)

    return header


def test_tinyllama_at_its_own_context_takes_what_was_measured(header):
    bill = memory.estimate(header(), 2048)
    assert bill.kv_cache == 44 * MIB
    assert bill.buffers == 12.75 * MIB + memory.vocabulary(header())
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


def test_a_bill_sums_up_its_devices():
    gpu = DeviceBill("CUDA0", weights=100, kv_cache=20, buffers=3)
    bill = MemoryBill((DeviceBill(RAM, weights=1000, kv_cache=200, buffers=30, mapped=4000), gpu))
    assert (bill.weights, bill.kv_cache, bill.buffers, bill.mapped) == (1100, 220, 33, 4000)
    assert bill.required == 1230 + 123
    assert bill.on("CUDA0") is gpu
    assert bill.on("CUDA1").required == 0


def test_a_header_that_says_nothing_costs_nothing(tmp_path):
    empty = gguf.read_header(write_container(tmp_path / "empty.gguf", {"general.architecture": "mamba"}))
    assert memory.estimate(empty, 4096).kv_cache == 0


def test_the_words_and_how_they_merge_take_memory_too(header):
    assert memory.vocabulary(header()) == 32000 * 180
    merged = header(**{"tokenizer.ggml.merges": gguf_reader.Skipped(1000)})
    assert memory.vocabulary(merged) == 32000 * 180 + 1000 * 140


def test_what_a_gpu_takes_from_ram_can_be_counted_there():
    gpu = DeviceBill("CUDA0", 100, 20, 3)
    bill = MemoryBill((DeviceBill(RAM, 1000, 200, 30, mapped=4000), DeviceBill("Vulkan1", 1, 2, 3), gpu))
    assert bill.counted_in_ram(["Vulkan1"]).devices == (DeviceBill(RAM, 1001, 202, 33, mapped=4000), gpu)
    assert bill.counted_in_ram([]) == bill


def test_a_corrected_bill_grows_by_a_share_of_the_whole():
    bill = MemoryBill((DeviceBill(RAM, 100, 50, 10, mapped=40), DeviceBill("CUDA0", 100, 0, 10)))
    assert [part.buffers for part in bill.corrected(0.1).devices] == [30, 21]
    assert [part.buffers for part in bill.corrected(-0.5).devices] == [0, 0]
    assert bill.corrected(0.0) == bill
