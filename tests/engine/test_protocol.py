from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.engine import protocol

MESSAGES = [
    protocol.LoadModel("id", "/models/a b.gguf", 2048, 4, None),
    protocol.UnloadModel(),
    protocol.Generate(
        "r1",
        (protocol.ChatMessage("system", "Be brief."), protocol.ChatMessage("user", "Hi")),
        protocol.Sampling(seed=7),
    ),
    protocol.Interrupt("r1"),
    protocol.Hello(1, "b1", (protocol.Device("CPU", "a processor", "cpu", 1 << 34, 1 << 35),)),
    protocol.LoadProgress("id", 0.5),
    protocol.LoadCancelled("id"),
    protocol.ModelUnloaded(),
    protocol.PromptProgress("r1", 1, 2, 0, 3),
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
