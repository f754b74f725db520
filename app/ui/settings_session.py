"""The settings as they are now, shared ones and those of single models, and their way to the disk."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QObject, Signal, Slot

from app.core import errors
from app.core.guide import is_guide
from app.core.model_settings import ModelSettings, with_loading_of
from app.core.paths import DataPaths
from app.core.settings import Settings, SettingsStore


class SettingsSession(QObject):
    """Lives on the GUI thread."""

    changed = Signal()
    failed = Signal(object)  # StorageError: what was changed holds until the app ends

    def __init__(self, paths: DataPaths, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._store = SettingsStore(paths.settings)
        self._models = ModelSettings(paths.model_settings)
        self._shared = self._store.load()

    def shared(self) -> Settings:
        """Those of the whole app, and for loading models that have none of their own."""
        return self._shared

    def of(self, path: str) -> Settings:
        """Those for the model at `path`, which may be a mere name; the shared ones if there is no model."""
        return self._models.of(_name(path), self._shared) if _has_own(path) else self._shared

    @Slot(object)
    def change(self, settings: Settings) -> None:
        """From now on these, also after the next start."""
        self._shared = settings
        self.changed.emit()
        self._save_shared()

    def change_of(self, path: str, settings: Settings) -> None:
        """From now on these while the model at `path` is present; those of loading are its own."""
        if not _has_own(path):
            self.change(settings)
            return
        try:
            self._models.keep(_name(path), settings, self._shared)
        except OSError as error:
            self._tell(error)
        self.change(with_loading_of(settings, self._shared))

    def _save_shared(self) -> None:
        try:
            self._store.save(self._shared)
        except OSError as error:
            self._tell(error)

    def _tell(self, error: OSError) -> None:
        self.failed.emit(errors.StorageError(str(error.strerror)))


def _has_own(path: str) -> bool:
    return bool(path) and not is_guide(path)


def _name(path: str) -> str:
    return Path(path).name
