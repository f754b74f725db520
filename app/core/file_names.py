"""Which file names from elsewhere may be used on this computer: what the Hub names, anyone may have named.

One rule for all systems, the strictest of each: a library is moved between computers, and a name that only one of
them refuses would surprise on that one.
"""

from __future__ import annotations

import re
import unicodedata

_LONGEST_NAME = 200  # bytes; file systems take 255, and a part of a download has a longer name than its file
_LONGEST_PATH = 400  # characters
_LONGEST_TITLE = 60  # characters of a title in a file name
_NOT_IN_NAMES = set('<>:"|?*\\')  # on Windows; a colon would even write into a hidden stream of another file
_UNSEEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}  # control, direction, half a character, line break
_DEVICE = re.compile(r"(CON|PRN|AUX|NUL|CONIN\$|CONOUT\$|CLOCK\$|COM[0-9¹²³]|LPT[0-9¹²³])", re.IGNORECASE)


def is_safe_path(path: str) -> bool:
    """Whether a relative path such as `folder/model.gguf` stays in its folder and names a plain file everywhere."""
    return len(path) <= _LONGEST_PATH and all(_is_safe_name(name) for name in path.split("/"))


def _is_safe_name(name: str) -> bool:
    return (
        bool(name)
        and name[0] != " "
        and name[-1] not in " ."  # Windows drops these, and `..` is among them
        and not any(character in _NOT_IN_NAMES or unicodedata.category(character) in _UNSEEN for character in name)
        and not _DEVICE.fullmatch(name.partition(".")[0].rstrip(" "))  # CON.gguf is the console as well
        and len(name.encode()) <= _LONGEST_NAME
    )


def safe_name(text: str, otherwise: str) -> str:
    """A name for a file that is called after `text`, without an ending; `otherwise` if nothing of it can stay."""
    words = "".join(" " if _is_unfit(character) else character for character in text)
    name = " ".join(words.split())[:_LONGEST_TITLE].strip(" .")
    return name if name and not _DEVICE.fullmatch(name.partition(".")[0]) else otherwise


def _is_unfit(character: str) -> bool:
    return character in _NOT_IN_NAMES or character == "/" or unicodedata.category(character) in _UNSEEN
