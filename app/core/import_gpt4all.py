"""Reads the chats that GPT4All keeps beside its models, one in each file `gpt4all-<id>.chat`.

They are written with Qt's QDataStream: big-endian, a string as its length in bytes and UTF-16, a list as its length and
its items. A mark and a version come first, and what follows depends on the version; those from 1 (summer 2023) to 12
(the newest) are known. Up to 10 the state of the model is among it, which is passed over, as are the excerpts of
documents that a question was given.

A length is compared with what is left of the file before anything is made of it. Nothing tells where the next item
begins if one makes no sense: what comes before it is kept.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import PurePosixPath
from urllib.parse import unquote

from app.core.conversation import Attachment
from app.core.text_files import harmless_name, text_in

PROMPT, RESPONSE, SYSTEM = "Prompt: ", "Response: ", "System: "

_MARK = bytes.fromhex("f5d553cc")
_NEWEST = 12
_TEXT, _THINK, _TOOL_CALL, _TOOL_RESPONSE = "Text: ", "Think: ", "ToolCall: ", "ToolResponse: "
_NOTHING = 0xFFFF_FFFF  # in place of a length: a string or bytes that are not there, which is as good as empty
_DEEPEST = 16  # GPT4All itself nests to 3
_MOST_ITEMS = 100_000
_VALUES = {0: 0, 1: 1, 2: 4, 3: 4, 4: 8, 5: 8, 6: 8}  # types of QVariant (none, bool, numbers) and their sizes in bytes
_STRING_VALUE, _LIST_VALUE, _BYTES_VALUE = 10, 11, 12


class UnknownChat(ValueError):
    """It cannot be read at all. The text is the reason, for the user."""


@dataclass(frozen=True, slots=True)
class Item:
    """One turn. `kind` is `PROMPT`, `RESPONSE` or `SYSTEM`."""

    kind: str
    text: str
    attachments: tuple[Attachment, ...] = ()
    was_stopped: bool = False
    is_error: bool = False  # then `text` says what happened


@dataclass(frozen=True, slots=True)
class Chat:
    """What is in a file. Not `is_whole` if the rest of it made no sense."""

    title: str
    model: str
    created_at: int  # seconds since 1970
    items: tuple[Item, ...]
    is_whole: bool


def is_chat(data: bytes) -> bool:
    """Whether GPT4All wrote these bytes, as far as their beginning tells."""
    return data.startswith(_MARK)


def read_chat(data: bytes) -> Chat:
    """The chat in a file of these bytes. Raises `UnknownChat`."""
    stream = _Stream(data, len(_MARK))
    try:
        version = stream.whole("i")
        if version > _NEWEST:
            raise UnknownChat("A version of GPT4All wrote it that is newer than Paddock knows.")
        if version < 1:
            raise UnknownChat("No version of GPT4All writes such files.")
        created_at = stream.whole("q")
        stream.skip_block()  # its id
        title = stream.string()
        stream.skip_block()  # what the user is called
        model = stream.string()
        if version >= 3:
            stream.skip_strings()  # collections of documents
        if version < 11:
            _skip_model_state(stream, version)
        count = stream.whole("i")
    except _Damaged as error:
        raise UnknownChat("It is damaged.") from error
    items: list[Item] = []
    try:
        while len(items) < min(count, _MOST_ITEMS):
            items.append(_item(stream, version))
    except _Damaged:
        pass
    return Chat(title, model, created_at, tuple(items), is_whole=len(items) == count)


def _skip_model_state(stream: _Stream, version: int) -> None:
    has_cache = stream.flag() if version >= 6 else True
    if version >= 2:
        stream.skip(8)  # the kind of model, and the version of its state
    stream.skip_block()  # the newest reply, again
    stream.skip_block()  # and the reply that named the chat
    stream.skip(4)  # tokens
    if not has_cache:
        return
    if version < 4:
        stream.skip(4)
    stream.skip(8 if version >= 7 else 4)  # how much of the context is taken, and from 7 on its length
    if version < 9:
        stream.skip(4 * stream.whole("Q"))  # logits
    stream.skip(4 * stream.whole("Q"))  # tokens
    stream.skip_block()  # the cache


def _item(stream: _Stream, version: int) -> Item:
    if version < 12:
        stream.skip(4)  # its number
    kind = stream.string()
    if kind not in (PROMPT, RESPONSE, SYSTEM):
        raise _Damaged
    text = stream.string()
    if version < 10:
        stream.skip_block()  # the prompt with its template
    stream.skip_block()  # what the user would rather have read
    stream.skip(1)  # whether it is the newest
    was_stopped = stream.flag()
    stream.skip(2)  # thumbs up, thumbs down
    is_error = version >= 11 and kind == RESPONSE and stream.flag()
    _skip_sources(stream, version)
    attachments = [_attachment(stream) for _ in range(stream.count())] if version >= 10 else []
    parts = [_part(stream, 1) for _ in range(stream.count())] if version >= 12 else []
    known = tuple(one for one in attachments if one is not None)
    return Item(kind, _joined([*parts, text]), known, was_stopped, is_error)


def _skip_sources(stream: _Stream, version: int) -> None:
    if version >= 8:
        for _ in range(stream.count()):
            for _text in range(7):
                stream.skip_block()
            stream.skip(12)  # the page and lines
    elif version >= 3:
        stream.skip_block()
        stream.skip_strings()


def _attachment(stream: _Stream) -> Attachment | None:
    """A text file. None for a spreadsheet: GPT4All keeps it as it is, and what is in it is not text."""
    address, content = stream.block(), stream.block()
    name = PurePosixPath(unquote(bytes(address).decode("utf-8", "replace"))).name
    text = text_in(bytes(content))
    return None if text is None else Attachment(harmless_name(PurePosixPath(name)), text)


def _part(stream: _Stream, depth: int) -> str:
    """A part of a reply: words, what was thought, a tool that was called and its answer, or parts again."""
    kind, text = stream.string(), stream.string()
    if kind == _TOOL_CALL:
        text = _called(text, _tool_result(stream))
    elif kind == _THINK:
        stream.skip(4)  # milliseconds
    elif kind == _TOOL_RESPONSE:
        text = ""  # the call has it
    elif kind not in (_TEXT, RESPONSE):
        raise _Damaged
    count = stream.count()
    if count and depth == _DEEPEST:
        raise _Damaged
    return _joined([*[_part(stream, depth + 1) for _ in range(count)], text])


def _tool_result(stream: _Stream) -> str:
    stream.skip_block()  # the tool
    for _ in range(stream.count()):
        stream.skip_block()
        stream.skip(4)  # its type
        _skip_value(stream)
    result = stream.string()
    stream.skip(4)  # the number of an error
    stream.skip_block()  # and its words
    return result


def _skip_value(stream: _Stream) -> None:
    kind = stream.whole("I")
    stream.skip(1)  # whether it is there
    if kind in (_STRING_VALUE, _BYTES_VALUE):
        stream.skip_block()
    elif kind == _LIST_VALUE:
        stream.skip_strings()
    elif kind in _VALUES:
        stream.skip(_VALUES[kind])
    else:
        raise _Damaged


def _called(call: str, result: str) -> str:
    """Code that the model had run, without the tags around it, and what came of it."""
    code = call.strip().removeprefix("<code_interpreter>").removesuffix("</code_interpreter>")
    return _joined([code, f"```\n{result.rstrip()}\n```" if result.strip() else ""])


def _joined(texts: list[str]) -> str:
    return "\n\n".join(text.strip() for text in texts if text.strip()) if len(texts) > 1 else "".join(texts)


class _Damaged(ValueError):
    """The bytes end too early, or say what cannot be."""


class _Stream:
    """Bytes that are read from front to back. All methods raise `_Damaged`."""

    def __init__(self, data: bytes, place: int) -> None:
        self._data = memoryview(data)
        self._place = place

    def whole(self, kind: str) -> int:
        """A number. `kind` is a letter of `struct`."""
        (value,) = struct.unpack(f">{kind}", self._take(struct.calcsize(kind)))
        return int(value)

    def flag(self) -> bool:
        return self.whole("b") != 0

    def count(self) -> int:
        """How many items follow. Each takes a byte at least."""
        value = self.whole("q")
        if not 0 <= value <= len(self._data) - self._place:
            raise _Damaged
        return value

    def block(self) -> memoryview:
        """Bytes after their length."""
        length = self.whole("I")
        return self._take(0 if length == _NOTHING else length)

    def string(self) -> str:
        data = self.block()
        if len(data) % 2:
            raise _Damaged
        return str(data, "utf-16-be", "replace")

    def skip(self, length: int) -> None:
        self._take(length)

    def skip_block(self) -> None:
        self.block()

    def skip_strings(self) -> None:
        for _ in range(self.whole("I")):
            self.skip_block()

    def _take(self, length: int) -> memoryview:
        start, self._place = self._place, self._place + length
        if self._place > len(self._data):
            raise _Damaged
        return self._data[start : self._place]
