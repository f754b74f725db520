"""Brings presets, the system prompt and the settings together, and presets into files and out of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QObject, Qt, Signal, Slot
from PySide6.QtWidgets import QFileDialog

from app.core import errors
from app.core.file_names import safe_name
from app.core.files import replace_file
from app.core.presets import CannotImportPreset, Preset, PresetStore, from_json, to_json
from app.ui.presets_box import PresetsBox
from app.ui.settings_session import SettingsSession
from app.ui.system_prompt import SystemPrompt


class PresetsPresenter(QObject):
    """Owns no widget but the dialogs it opens, and no data."""

    failed = Signal(object)  # AppError

    def __init__(
        self,
        store: PresetStore,
        settings: SettingsSession,
        box: PresetsBox,
        system_prompt: SystemPrompt,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._store = store
        self._settings = settings
        self._box = box
        self._system_prompt = system_prompt
        box.preset_chosen.connect(self._on_box_preset_chosen)
        box.save_requested.connect(self._on_box_save_requested)
        box.delete_requested.connect(lambda name: self._try(lambda: self._store.delete(name)))
        box.import_requested.connect(self._on_box_import_requested)
        box.export_requested.connect(self._on_box_export_requested)

    def begin(self) -> None:
        """Offers the presets there are."""
        self._try(lambda: None)

    def _try(self, do: Callable[[], object], current: str = "") -> None:
        """Something that the disk may refuse; then shows the presets as they are."""
        try:
            do()
            self._box.set_presets(self._store.all())
        except errors.AppError as error:
            self.failed.emit(error)
        if current:
            self._box.set_current(current)

    @Slot(object)
    def _on_box_preset_chosen(self, preset: Preset) -> None:
        self._system_prompt.replace_text(preset.system_prompt)
        self._settings.change(preset.applied_to(self._settings.shared()))
        self._box.set_current(preset.name)

    @Slot(str)
    def _on_box_save_requested(self, name: str) -> None:
        self._system_prompt.flush()
        preset = Preset(name, self._system_prompt.text(), self._settings.shared())
        self._try(lambda: self._store.save(preset), name)

    @Slot()
    def _on_box_import_requested(self) -> None:
        dialog = self._dialog(self.tr("Import preset"))
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.fileSelected.connect(lambda path: self.read(Path(path)))
        dialog.open()

    def read(self, path: Path) -> None:
        """Adds the preset in that file."""
        self._try(lambda: self._store.add(_preset_in(path)))

    @Slot(str)
    def _on_box_export_requested(self, name: str) -> None:
        preset = next((one for one in self._store.all() if one.name == name), None)
        if preset is None:
            return
        dialog = self._dialog(self.tr("Export preset"))
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setDefaultSuffix("json")
        dialog.selectFile(safe_name(name, "preset") + ".json")
        dialog.fileSelected.connect(lambda path: self._try(lambda: _write(preset, Path(path))))
        dialog.open()

    def _dialog(self, title: str) -> QFileDialog:
        dialog = QFileDialog(self._box.window(), title)
        dialog.setObjectName("preset_file")
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setNameFilters([self.tr("Presets") + " (*.json)", self.tr("All files") + " (*)"])
        return dialog


def _preset_in(path: Path) -> Preset:
    try:
        return from_json(path.read_bytes())
    except OSError as error:
        raise CannotImportPreset(str(error.strerror)) from error


def _write(preset: Preset, path: Path) -> None:
    try:
        replace_file(path, to_json(preset).encode("ascii"))
    except OSError as error:
        raise errors.StorageError(f"{path}: {error.strerror}") from error
