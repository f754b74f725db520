"""Chats of GPT4All come in, whichever version wrote them and whatever was done to the file."""

from __future__ import annotations

import random
import struct
from dataclasses import dataclass, field

import pytest

from app.core.conversation import MessageState
from app.core.imports import CannotImport, Import, read

MARK = b"\xf5\xd5\x53\xcc"


def number(kind: str, value: float) -> bytes:
    return struct.pack(f">{kind}", value)


def block(data: bytes | None) -> bytes:
    return b"\xff\xff\xff\xff" if data is None else number("I", len(data)) + data


def string(text: str | None) -> bytes:
    return block(None if text is None else text.encode("utf-16-be", "surrogatepass"))


def strings(*texts: str) -> bytes:
    return number("I", len(texts)) + b"".join(map(string, texts))


def listed(*items: bytes) -> bytes:
    return number("q", len(items)) + b"".join(items)


def source(version: int) -> bytes:
    """An excerpt of a document that a question was given."""
    if version >= 8:
        texts = ("Papers", "/home/me/paper.pdf", "paper.pdf", "Title", "Author", "May", "Excerpt")
        return listed(b"".join(map(string, texts)) + struct.pack(">3i", 1, 2, 3))
    return string('1. "Title". In paper.pdf.') + strings("Excerpt") if version >= 3 else b""


@dataclass
class Turn:
    name: str
    text: str
    stopped: bool = False
    error: bool = False
    attachments: list[tuple[str, bytes]] = field(default_factory=list)
    parts: list[bytes] = field(default_factory=list)  # of version 12

    def written(self, version: int) -> bytes:
        data = (number("i", 7) if version < 12 else b"") + string(self.name) + string(self.text)
        if version < 10:
            data += string("### Human: with its template")
        data += string(None) + bytes([0, self.stopped, 1, 0])
        if version >= 11 and self.name == "Response: ":
            data += bytes([self.error])
        data += source(version)
        if version >= 10:
            data += listed(*(block(address.encode()) + block(content) for address, content in self.attachments))
        return data + (listed(*self.parts) if version >= 12 else b"")


def part(name: str, text: str, *parts: bytes, more: bytes = b"") -> bytes:
    return string(name) + string(text) + more + listed(*parts)


def call(code: str, result: str, value: bytes) -> bytes:
    """A tool that was called with one parameter, of that value."""
    parameters = listed(string("code") + number("i", 0) + value)
    told = string("javascript") + parameters + string(result) + number("i", 0) + string(None)
    return part("ToolCall: ", f"<code_interpreter>{code}</code_interpreter>", more=told)


STRING_VALUE = number("I", 10) + b"\0" + string("1 + 1")


def model_state(version: int) -> bytes:
    """What was kept of the model up to version 10, with a cache where there was always one."""
    data = b"\0" if version >= 6 else b""
    if version >= 2:
        data += number("i", 3) + number("i", 0)
    data += string("the newest reply") + string("nonempty") + number("I", 99)
    if version >= 6:
        return data
    if version < 4:
        data += number("I", 0)
    return data + number("i", 5) + number("Q", 3) + b"\1" * 12 + number("Q", 2) + b"\2" * 8 + block(b"cache" * 99)


def chat(version: int, *turns: Turn, title: str = "Llamas", count: int | None = None) -> bytes:
    data = MARK + number("i", version) + number("q", 1_700_000_000)
    data += string("8f6e1c9e") + string(title) + string("") + string("Llama 3.2 3B Instruct")
    if version >= 3:
        data += strings("Papers", "Notes")
    if version < 11:
        data += model_state(version)
    return data + number("i", len(turns) if count is None else count) + b"".join(one.written(version) for one in turns)


TALK = (Turn("Prompt: ", "Was ist ein Lama? 🦙"), Turn("Response: ", "An animal.", stopped=True))


def texts(result: Import) -> list[tuple[str, str]]:
    return [(message.role, message.text) for one in result.conversations for message in one.messages]


@pytest.mark.parametrize("version", range(1, 13))
def test_a_chat_of_every_version_comes_in(version: int) -> None:
    result = read(chat(version, *TALK))
    assert (result.source, result.left_out, result.cut_short) == ("GPT4All", 0, 0)
    assert texts(result) == [("user", "Was ist ein Lama? 🦙"), ("assistant", "An animal.")]
    (one,) = result.conversations
    assert (one.conversation.title, one.conversation.created_at) == ("Llamas", 1_700_000_000)
    question, answer = one.messages
    assert (question.parent_id, answer.parent_id) == (None, question.id)
    assert (question.model, answer.model) == ("", "Llama 3.2 3B Instruct")
    assert (question.state, answer.state) == (MessageState.COMPLETE, MessageState.STOPPED)


@pytest.mark.parametrize("version", [7, 8, 9, 10])
def test_a_kept_cache_of_the_model_is_passed_over(version: int) -> None:
    cached = b"\1" + number("i", 3) + number("i", 0) + string("reply") + string("name") + number("I", 99)
    cached += struct.pack(">II", 5, 2048) + (number("Q", 2) + b"\1" * 8 if version < 9 else b"")
    cached += number("Q", 1) + b"\2" * 4 + block(b"cache")
    assert texts(read(chat(version, *TALK).replace(model_state(version), cached))) == texts(read(chat(version, *TALK)))


@pytest.mark.parametrize("version", [10, 11, 12])
def test_attached_texts_come_along_and_spreadsheets_do_not(version: int) -> None:
    files = [
        ("file:///home/me/my%20notes.txt", "Grüße\n".encode()),
        ("file:///home/me/table.xlsx", b"PK\3\4\x14\0\x08\x08"),
        ("file:///home/me/..", b"where?"),
    ]
    result = read(chat(version, Turn("Prompt: ", "Sum up", attachments=files), TALK[1]))
    assert result.cut_short == 0
    question = result.conversations[0].messages[0]
    assert [(one.name, one.text) for one in question.attachments] == [("my notes.txt", "Grüße\n"), ("file", "where?")]


def test_thoughts_and_tools_are_part_of_the_reply() -> None:
    thought = part("Think: ", "<think>Hm.</think>", more=number("i", 1200))
    thinking = part("Response: ", "", part("Text: ", "Let me see."), thought)
    calling = part("Response: ", "", call("\n```javascript\n1 + 1\n```\n", "2", STRING_VALUE))
    answer = Turn("Response: ", "It is 2.", parts=[thinking, calling, part("ToolResponse: ", "2")])
    ((_, text),) = texts(read(chat(12, answer)))
    assert text == "Let me see.\n\n<think>Hm.</think>\n\n```javascript\n1 + 1\n```\n\n```\n2\n```\n\nIt is 2."


@pytest.mark.parametrize(
    "value",
    [
        number("I", 0) + b"\1",
        number("I", 1) + b"\0\1",
        number("I", 2) + b"\0" + number("i", 5),
        number("I", 6) + b"\0" + number("d", 1.5),
        number("I", 11) + b"\0" + strings("a", "b"),
    ],
)
def test_whatever_a_tool_was_given_is_passed_over(value: bytes) -> None:
    answer = Turn("Response: ", "Done.", parts=[part("Response: ", "", call("x", "", value))])
    result = read(chat(12, answer, TALK[0]))
    assert texts(result) == [("assistant", "x\n\nDone."), ("user", TALK[0].text)]


def test_what_a_tool_was_given_that_nobody_knows_ends_what_can_be_read() -> None:
    value = number("I", 65_536) + b"\0" + block(b"SomeClass")
    answer = Turn("Response: ", "Done.", parts=[part("Response: ", "", call("x", "", value))])
    result = read(chat(12, TALK[0], answer))
    assert (texts(result), result.cut_short) == ([("user", TALK[0].text)], 1)


def test_a_reply_that_failed_says_so() -> None:
    _, reply = read(chat(12, TALK[0], Turn("Response: ", "Error: no memory", error=True))).conversations[0].messages
    assert (reply.text, reply.state, reply.note) == ("", MessageState.FAILED, "Error: no memory")


def test_a_system_message_is_the_system_prompt() -> None:
    (one,) = read(chat(12, Turn("System: ", "Be brief."), *TALK)).conversations
    assert (one.conversation.system_prompt, len(one.messages)) == ("Be brief.", 2)


@pytest.mark.parametrize(("version", "reason"), [(13, "newer"), (0, "No version"), (-1, "No version")])
def test_versions_that_are_not_known_are_refused(version: int, reason: str) -> None:
    with pytest.raises(CannotImport, match=reason):
        read(chat(version, *TALK))


@pytest.mark.parametrize("version", range(1, 13))
def test_a_file_that_ends_early_gives_the_messages_before_that(version: int) -> None:
    data = chat(version, *TALK)
    first = len(chat(version, TALK[0]))
    for end in range(len(MARK), len(data)):
        try:
            result = read(data[:end])
        except CannotImport:
            assert end < first
            continue
        assert texts(result) == [(TALK[0].name[:-2].replace("Prompt", "user"), TALK[0].text)][: int(end >= first)]
        assert (result.cut_short, result.left_out) == ((1, 0) if end >= first else (0, 1))


@pytest.mark.parametrize(
    "length", [b"\xff\xff\xff\xfe", b"\x7f\xff\xff\xff", b"\0\0\0\x0d"], ids=["all", "half of all", "odd"]
)
def test_a_length_that_cannot_be_takes_no_memory(length: bytes) -> None:
    hostile = string("Prompt: ") + length + b"\0" * 20
    result = read(chat(12, TALK[0], count=2) + hostile)
    assert (texts(result), result.cut_short) == ([("user", TALK[0].text)], 1)


def test_lists_that_are_longer_than_the_file_are_not_begun() -> None:
    head = chat(12, count=1) + string("Prompt: ") + string("Hi") + string("") + b"\0\0\0\0"
    for count in (2**62, -1, -(2**63)):
        assert read(head + number("q", count) + b"\0" * 99).left_out == 1
    assert read(chat(12, *TALK, count=2**31 - 1)).cut_short == 1
    assert read(chat(12, *TALK, count=-5)).left_out == 1
    with pytest.raises(CannotImport, match="damaged"):
        read(MARK + number("i", 12) + number("q", 0) + string("") * 4 + b"\xff\xff\xff\xff")


def test_parts_that_are_nested_without_end_are_given_up() -> None:
    nested = part("Text: ", "deep")
    for _ in range(5_000):
        nested = part("Response: ", "", nested)
    result = read(chat(12, TALK[0], Turn("Response: ", "x", parts=[nested])))
    assert (texts(result), result.cut_short) == ([("user", TALK[0].text)], 1)


def test_half_a_character_is_no_reason_to_stop() -> None:
    assert texts(read(chat(12, Turn("Prompt: ", "a\ud800b"), TALK[1]))) == [
        ("user", "a\ufffdb"),
        ("assistant", "An animal."),
    ]


def test_no_byte_that_changes_can_be_worse_than_a_refusal() -> None:
    thought = part("Think: ", "<think>Hm.</think>", more=number("i", 1200))
    parts = [part("Response: ", "", thought, call("x", "2", STRING_VALUE)), part("ToolResponse: ", "2")]
    files = [("file:///a.txt", b"words")]
    turns = (Turn("Prompt: ", "Hi", attachments=files), Turn("Response: ", "2", parts=parts))
    chance = random.Random(1)
    for version in (1, 5, 9, 12):
        data = chat(version, *turns)
        for _ in range(1_000):
            changed = bytearray(data)
            for _ in range(chance.randint(1, 4)):
                changed[chance.randrange(4, len(data))] = chance.choice((0, 1, 0x7F, 0xFF, chance.randrange(256)))
            try:
                result = read(bytes(changed))
            except CannotImport:
                continue
            assert sum(len(one.messages) for one in result.conversations) <= 2
