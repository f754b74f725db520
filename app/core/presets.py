"""Presets: a system prompt and the settings of writing replies, under a name, to be used again and passed on.

How a model is loaded is no part of one: that belongs to a computer. Of a damaged preset what makes sense is kept, as
with the settings. A preset that somebody else made is hostile input, but all it can do is to fill in a form.
"""

from __future__ import annotations

import dataclasses
import errno
import itertools
import json
import logging
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.core.errors import AppError, DiskFull, StorageError
from app.core.files import replace_file
from app.core.settings import Group, Settings, names_in

log = logging.getLogger(__name__)

FORMAT = "paddock-preset"
VERSION = 1
LONGEST_NAME = 60  # characters
LARGEST = 2**20  # bytes of a file with one preset

_UNSEEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}  # control, direction, half a character, line break


class CannotImportPreset(AppError):
    title = "This file holds no preset"
    hint = "Choose a file that was made with Export in the menu beside the presets."


@dataclass(frozen=True, slots=True)
class Preset:
    """Of `settings` only those of writing replies are meant."""

    name: str
    system_prompt: str
    settings: Settings

    def applied_to(self, settings: Settings) -> Settings:
        """`settings` with those of the preset."""
        return dataclasses.replace(settings, **_sampling(self.settings))


def clean_name(text: str) -> str:
    """`text` as the name of a preset: one line, of letters that can be seen. Empty if there are none."""
    seen = "".join(" " if unicodedata.category(one) in _UNSEEN else one for one in text)
    return " ".join(seen.split())[:LONGEST_NAME].strip()


def to_json(preset: Preset) -> str:
    """The preset as a file to pass on. `from_json` reads it again."""
    return json.dumps({"format": FORMAT, "version": VERSION, **_values(preset)}, indent=2, ensure_ascii=True) + "\n"


def from_json(data: bytes) -> Preset:
    """The preset that somebody passed on. Raises `CannotImportPreset`, with the reason."""
    if len(data) > LARGEST:
        raise CannotImportPreset("It is larger than any preset.")
    try:
        document = json.loads(data.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise CannotImportPreset("It is not JSON.") from error
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise CannotImportPreset("It is something else.")
    if document.get("version") != VERSION:
        raise CannotImportPreset("It was made by another version of Paddock.")
    preset = _preset(document)
    if preset is None:
        raise CannotImportPreset("It has no name.")
    return preset


class PresetStore:
    """Keeps presets in one JSON file, replaced atomically. A name is there once, in whichever case it is written."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def all(self) -> list[Preset]:
        """The presets by name. Raises `StorageError` if there is a file that may not be read."""
        try:
            document = json.loads(self._path.read_bytes())
        except FileNotFoundError:
            return []
        except OSError as error:
            raise StorageError(f"{self._path.name}: {error.strerror}") from error
        except (ValueError, RecursionError) as error:
            log.warning("presets not read: %s", error)
            return []
        found = (_preset(values) for values in _items(document))
        return _sorted({preset.name.casefold(): preset for preset in found if preset is not None}.values())

    def save(self, preset: Preset) -> None:
        """Adds the preset, in place of one of that name. Raises `StorageError`."""
        others = [one for one in self.all() if not _is_called(one, preset.name)]
        self._write([*others, preset])

    def add(self, preset: Preset) -> Preset:
        """Adds the preset, under another name if there is one of that name; returned as it was added.

        Raises `StorageError`.
        """
        taken = {one.name.casefold() for one in self.all()}
        names = itertools.chain([preset.name], (_numbered(preset.name, number) for number in itertools.count(2)))
        free = next(name for name in names if name.casefold() not in taken)
        added = dataclasses.replace(preset, name=free)
        self.save(added)
        return added

    def delete(self, name: str) -> None:
        """Removes the preset of that name, if there is one. Raises `StorageError`."""
        self._write([one for one in self.all() if not _is_called(one, name)])

    def _write(self, presets: Sequence[Preset]) -> None:
        document = {"version": VERSION, "presets": [_values(preset) for preset in _sorted(presets)]}
        # A lone surrogate (half a character pasted from elsewhere) is no valid UTF-8; escaping is.
        text = json.dumps(document, indent=2, ensure_ascii=True) + "\n"
        try:
            self._put_damaged_file_aside()
            replace_file(self._path, text.encode("ascii"))
        except OSError as error:
            kind = DiskFull if error.errno == errno.ENOSPC else StorageError
            raise kind(f"{self._path.name}: {error.strerror}") from error

    def _put_damaged_file_aside(self) -> None:
        """What cannot be read is not written over: somebody may be able to mend it."""
        try:
            json.loads(self._path.read_bytes())
        except FileNotFoundError:
            pass
        except (ValueError, RecursionError):
            self._path.replace(self._path.with_name(f"{self._path.name}.damaged"))


def _preset(values: Any) -> Preset | None:
    """None if it has no name; what else makes no sense is left as it is by default."""
    if not isinstance(values, dict):
        return None
    name, prompt, settings = values.get("name"), values.get("system_prompt"), values.get("settings")
    name = clean_name(name) if isinstance(name, str) else ""
    known = {key: value for key, value in settings.items() if key in _NAMES} if isinstance(settings, dict) else {}
    return Preset(name, prompt if isinstance(prompt, str) else "", Settings(**known).clamped()) if name else None


def _values(preset: Preset) -> dict[str, Any]:
    return {"name": preset.name, "system_prompt": preset.system_prompt, "settings": _sampling(preset.settings)}


def _sampling(settings: Settings) -> dict[str, Any]:
    return {name: getattr(settings, name) for name in _NAMES}


def _items(document: Any) -> list[Any]:
    items = document.get("presets") if isinstance(document, dict) else None
    return items if isinstance(items, list) else []


def _is_called(preset: Preset, name: str) -> bool:
    return preset.name.casefold() == name.casefold()


def _numbered(name: str, number: int) -> str:
    ending = f" {number}"
    return name[: LONGEST_NAME - len(ending)] + ending


def _sorted(presets: Iterable[Preset]) -> list[Preset]:
    return sorted(presets, key=lambda preset: preset.name.casefold())


_NAMES = tuple(names_in(Group.SAMPLING))
