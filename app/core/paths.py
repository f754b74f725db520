"""Where Paddock keeps what it keeps: one folder, so that a person can find it, back it up, or move it.

Spreading it over the system's config, cache and log folders was rejected: it would make `--data-dir` a special case.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path

from app.core.errors import DataFolderUnusable

_CARRIED = "Paddock data"


@dataclass(frozen=True, slots=True)
class DataPaths:
    """The places under one data folder. Nothing exists on disk before `create`."""

    root: Path

    @classmethod
    def default(cls) -> DataPaths:
        """The folder that was carried along, or else that of this user on this computer: ~/.local/share/Paddock."""
        if carried := _carried_folder():
            return cls(carried)
        import platformdirs  # noqa: PLC0415 (--data-dir does without)

        return cls(platformdirs.user_data_path("Paddock", appauthor=False, roaming=False))

    @classmethod
    def at(cls, directory: Path) -> DataPaths:
        """Everything under `directory`, wherever the app's working folder is later."""
        return cls(directory.absolute())

    @property
    def database(self) -> Path:
        return self.root / "conversations.db"

    @property
    def settings(self) -> Path:
        return self.root / "settings.json"

    @property
    def model_settings(self) -> Path:
        return self.root / "model-settings.json"

    @property
    def bill_history(self) -> Path:
        return self.root / "memory-bills.json"

    @property
    def presets(self) -> Path:
        return self.root / "presets.json"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def models(self) -> Path:
        return self.root / "models"

    @property
    def headers(self) -> Path:
        """The beginnings of models at the Hub; whatever lies there can be fetched again."""
        return self.root / "headers"

    @property
    def packs(self) -> Path:
        """Backends that were added by hand; see `app.engine.packs`."""
        return self.root / "backends"

    @property
    def releases(self) -> Path:
        return self.root / "releases.json"

    def create(self) -> None:
        """Makes the folders, for this user's eyes only; one that exists keeps its permissions.

        Raises `DataFolderUnusable`. Nothing is written to find out: on a full disk the app must still start.
        """
        for folder in (self.root, self.logs, self.models):
            try:
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            except OSError as error:
                raise DataFolderUnusable(f"{folder}: {error.strerror}") from error
            if not os.access(folder, os.W_OK | os.X_OK):
                raise DataFolderUnusable(f"{folder} cannot be written to")


def _carried_folder() -> Path | None:
    """The folder beside the packaged program that makes it portable, if there is one that can be written to."""
    folder = Path(sys.executable).parent / _CARRIED
    usable = getattr(sys, "frozen", False) and folder.is_dir() and os.access(folder, os.W_OK | os.X_OK)
    return folder if usable else None
