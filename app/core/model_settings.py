"""Settings of loading that were fixed by hand for single models.

What suits one model rarely suits another, so a model remembers its own. It is known by the name of its file: that stays
when the file is moved or downloaded again, and two files of one name are the same quant of the same model.
"""

from __future__ import annotations

import dataclasses
import json
import logging
from pathlib import Path
from typing import Any

from app.core.files import replace_file
from app.core.settings import Group, Settings, names_in

log = logging.getLogger(__name__)

Values = dict[str, Any]  # of fields of `Settings`


class ModelSettings:
    """Kept in one JSON file, replaced atomically. A damaged or unknown value costs only itself."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._kept = _read(path)

    def of(self, file_name: str, shared: Settings) -> Settings:
        """The settings for the model in `file_name`: its own, and beside them the `shared` ones."""
        return dataclasses.replace(shared, **self._kept.get(file_name, {})).clamped()

    def keep(self, file_name: str, settings: Settings, shared: Settings) -> None:
        """What of loading differs from `shared` is the model's own from now on.

        Raises `OSError` if the disk refuses; it holds all the same, for this run.
        """
        own, others = _loading(settings), _loading(shared)
        self._kept[file_name] = {name: value for name, value in own.items() if value != others[name]}
        if not self._kept[file_name]:
            del self._kept[file_name]
        # A lone surrogate, as in a file name that is no valid UTF-8, can only be written escaped.
        replace_file(self._path, (json.dumps(self._kept, indent=2, ensure_ascii=True) + "\n").encode("ascii"))


def with_loading_of(settings: Settings, other: Settings) -> Settings:
    """`settings`, but loading as `other` does."""
    return dataclasses.replace(settings, **_loading(other))


def _loading(settings: Settings) -> Values:
    return {name: getattr(settings, name) for name in names_in(Group.LOADING)}


def _read(path: Path) -> dict[str, Values]:
    try:
        models = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        log.warning("the settings of single models were not read: %s", error)
        return {}
    if not isinstance(models, dict):
        return {}
    known = names_in(Group.LOADING)
    return {
        model: {name: value for name, value in values.items() if name in known}
        for model, values in models.items()
        if isinstance(values, dict)
    }
