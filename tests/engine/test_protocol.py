from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.memory import DeviceBill, DeviceMemory
from app.core.settings import Settings
from app.engine import protocol

BILL = (DeviceBill("RAM", 1, 2, 3, 1 << 33), DeviceBill("CUDA0", 4, 5, 6))
ESTIMATE = protocol.MemoryEstimated(
    "id",
    BILL,
    (DeviceMemory("RAM", "a processor", 1 << 35, 1 << 34, 1 << 30),),
    2048,
    0,
    22,
    4,
    "f16",
    "f16",
    True,
    "fits in RAM",
    0,
    "",
    (("threads", "Why."),),
)
MESSAGES = [
    protocol.LoadModel("id", "/models/a b.gguf", Settings(context_length=2048), force=True),
    protocol.EstimateMemory("id", "/models/a b.gguf", Settings(cache_type_k="q8_0"), (("RAM", 1 << 40),), 0.1),
    protocol.UnloadModel(),
    protocol.Generate(
        "r1",
        (protocol.ChatMessage("system", "Be brief."), protocol.ChatMessage("user", "Hi")),
        protocol.Sampling(seed=7),
    ),
    protocol.Interrupt("r1"),
    protocol.Hello(1, "b1", (protocol.Device("CPU", "a processor", "cpu", 1 << 34, 1 << 35, "CPU"),), "AVX2"),
    protocol.LoadProgress("id", 0.5),
    protocol.LoadCancelled("id"),
    ESTIMATE,
    protocol.LoadedModel(
        *("id", "/models/a b.gguf", "a b", "llama", "Q4_K_M", 1 << 30, 1 << 29, 2048, 4096, 4, 0, 22, "CPU", "model"),
        bill=BILL,
        plan=ESTIMATE,
    ),
    protocol.ModelUnloaded(),
    protocol.PromptProgress("r1", 1, 2, 0, (3,)),
    protocol.WriteProgress("r1", 5, 12.5, 300),
    protocol.TextReceived("r1", "text"),
    protocol.ReplyFinished("r1", protocol.ReplyStats("end", seed=1)),
    protocol.Failed("r1", "MessageTooLong", "detail"),
]


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: type(message).__name__)
def test_what_is_said_is_what_is_heard(message):
    assert protocol.decode(protocol.encode(message)) == message


@given(st.text())
def test_any_text_crosses_on_one_line(text):
    line = protocol.encode(protocol.TextReceived("r", text))
    assert line.count(b"\n") == 1
    assert line.endswith(b"\n")
    assert protocol.decode(line).text == text


@pytest.mark.parametrize(
    "line", [b"", b"hello", b"[]", b"3", b'{"type":"Nonsense"}', b'{"type":"Hello"}', b"\xff\xfe", b"{}"]
)
def test_what_is_no_message_is_refused(line):
    with pytest.raises(protocol.ProtocolError):
        protocol.decode(line)
