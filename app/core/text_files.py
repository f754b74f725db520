"""Reads the text files that go with a message.

Whatever is dropped on the window gets here, so nothing is taken for granted: not that it is a file, nor that it holds
text, nor that its name is one. What is read goes to the model as it is, and is never run or followed.
"""

from __future__ import annotations

import codecs
import unicodedata
from collections.abc import Sequence
from pathlib import Path, PurePath

from app.core.conversation import Attachment
from app.core.errors import AppError
from app.core.file_names import safe_name
from app.core.units import format_bytes

LARGEST = 2 * 2**20  # bytes; half a million tokens are more than most models hold
MOST_FILES = 10  # with one message

_LONGEST_SUFFIX = 12  # characters
_MARKS = (  # what a file begins with that says how it is written; the longest first
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_GUESSES = ("utf-8", "cp1252")  # Windows-1252 is Latin-1 with quotes and dashes where that has nothing
_IN_TEXTS = set("\t\n\r\f\b\x1b")  # control characters that logs and manuals have


class CannotAttach(AppError):
    title = "This file cannot be attached"
    hint = "Attach text, such as notes, tables or source code."


def read_text_file(path: Path) -> Attachment:
    """The text of a file, under a name that can do no harm. Lines end with a line feed.

    Raises `CannotAttach`, with the reason.
    """
    name = harmless_name(path)
    data = _content(path, name)
    text = text_in(data)
    if text is None:
        raise CannotAttach(f"{name} holds something other than text.")
    if not text.strip():
        raise CannotAttach(f"{name} is empty.")
    return Attachment(name, text.replace("\r\n", "\n").replace("\r", "\n"))


def read_text_files(paths: Sequence[Path], others: Sequence[Attachment]) -> tuple[list[Attachment], list[CannotAttach]]:
    """The texts of files that are to go with the same message as `others`, and why some cannot."""
    read: list[Attachment] = []
    problems: list[CannotAttach] = []
    for path in paths:
        try:
            read.append(_read_beside(path, [*others, *read]))
        except CannotAttach as error:
            problems.append(error)
    return read, problems


def _read_beside(path: Path, others: Sequence[Attachment]) -> Attachment:
    """Together with the `others` it may not be more than one file may be: all of it goes to the model."""
    if len(others) >= MOST_FILES:
        raise CannotAttach(f"At most {MOST_FILES} files go with a message.")
    attachment = read_text_file(path)
    if sum(len(one.text) for one in (*others, attachment)) > LARGEST:
        raise CannotAttach(f"With {attachment.name} the files would be larger than {format_bytes(LARGEST)}.")
    return attachment


def harmless_name(path: PurePath) -> str:
    """What a file is called, on one line, without anything that could hide, turn round or pass for something else."""
    ending = safe_name(path.suffix.removeprefix("."), "")[:_LONGEST_SUFFIX].strip()
    return safe_name(path.stem, "file") + (f".{ending}" if ending else "")


def _content(path: Path, name: str) -> bytes:
    try:
        if path.is_dir():
            raise CannotAttach(f"{name} is a folder.")
        if not path.is_file():  # a pipe would be waited for
            raise CannotAttach(f"{name} is not there, or is no plain file.")
        with path.open("rb") as file:
            data = file.read(LARGEST + 1)
    except (OSError, ValueError) as error:  # a name with a zero in it is a ValueError
        reason = error.strerror if isinstance(error, OSError) else ""
        raise CannotAttach(f"{name} cannot be read{f': {reason}' if reason else ''}.") from error
    if len(data) > LARGEST:
        raise CannotAttach(f"{name} is larger than {format_bytes(LARGEST)}.")
    return data


def text_in(data: bytes) -> str | None:
    """These bytes as text, or None if they are not text, as far as one can tell."""
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return _decoded(data[len(mark) :], encoding)
    if b"\0" in data:
        return _unmarked_utf16(data)
    return next((text for text in (_decoded(data, guess) for guess in _GUESSES) if text is not None), None)


def _unmarked_utf16(data: bytes) -> str | None:
    """Every Latin letter has a zero byte, always first or always last; in other files with zeros they lie anywhere."""
    first, last = data[::2].count(0), data[1::2].count(0)
    if max(first, last) < len(data) // 8:
        return None
    return _decoded(data, "utf-16-be" if first > last else "utf-16-le")


def _decoded(data: bytes, encoding: str) -> str | None:
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        return None
    return text if _is_readable(text) else None


def _is_readable(text: str) -> bool:
    """A text has no control characters but those of texts."""
    return all(one in _IN_TEXTS or unicodedata.category(one) != "Cc" for one in set(text))
