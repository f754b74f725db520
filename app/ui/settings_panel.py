"""The settings beside a conversation: those of loading a model, and those of writing replies."""

from __future__ import annotations

import dataclasses
from functools import partial
from typing import Any

from PySide6.QtCore import QTimer, Signal
from PySide6.QtGui import QPalette
from PySide6.QtWidgets import QGroupBox, QLabel, QPushButton, QVBoxLayout, QWidget

from app.core.settings import Group, Settings, names_in
from app.ui.setting_editor import SettingEditor

PAUSE_MS = 200


class SettingsPanel(QWidget):
    """Emits `changed` when the user pauses after a change. Those of loading also wait for `Apply and reload`."""

    changed = Signal(object)  # Settings, whole
    apply_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._settings = Settings()
        self._in_force: Settings | None = None
        self._unsaid: dict[str, Any] = {}  # what was changed since the last `changed`
        self._timer = QTimer(self, singleShot=True, interval=PAUSE_MS)
        self._timer.timeout.connect(self.flush)
        self._editors = {name: self._editor(name) for group in _GROUPS for name in names_in(group)}
        self._hint = QLabel(wordWrap=True)
        self._hint.setObjectName("apply_hint")
        self._hint.setForegroundRole(QPalette.ColorRole.PlaceholderText)
        self._apply = QPushButton(self.tr("Apply and reload"))
        self._apply.setObjectName("apply_and_reload")
        self._apply.setAccessibleName("Apply and reload")
        self._apply.clicked.connect(self._on_apply_clicked)
        loading = self._box(self.tr("Loading the model"), Group.LOADING, self._hint, self._apply)
        sampling = self._box(self.tr("Writing replies"), Group.SAMPLING)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(loading)
        layout.addWidget(sampling)
        layout.addStretch(1)
        self._update_apply()

    def _editor(self, name: str) -> SettingEditor:
        editor = SettingEditor(name)
        editor.value_changed.connect(partial(self._on_editor_value_changed, name))
        return editor

    def _box(self, title: str, group: Group, *below: QWidget) -> QGroupBox:
        box = QGroupBox(title)
        layout = QVBoxLayout(box)
        layout.setSpacing(self.fontMetrics().height())
        for widget in (*(self._editors[name] for name in names_in(group)), *below):
            layout.addWidget(widget)
        return box

    def set_settings(self, settings: Settings) -> None:
        """Shows `settings`; what the user has changed and not yet been reported stays."""
        self._settings = settings
        for name, editor in self._editors.items():
            if name not in self._unsaid:
                editor.set_value(getattr(settings, name))
        self._update_apply()

    def set_in_force(self, settings: Settings | None) -> None:
        """The settings that the model now loaded was asked for with; None if there is none."""
        self._in_force = settings
        self._update_apply()

    def set_automatic_values(self, values: dict[str, int]) -> None:
        """What automatic means now, by field name."""
        for name, value in values.items():
            self._editors[name].set_automatic_value(value)

    def flush(self) -> None:
        """Emits `changed` now if there is something to tell."""
        self._timer.stop()
        if self._unsaid:
            self._settings = self._shown()
            self._unsaid.clear()
            self.changed.emit(self._settings)

    def _shown(self) -> Settings:
        return dataclasses.replace(self._settings, **self._unsaid)

    def _update_apply(self) -> None:
        if self._in_force is None:
            differs = False
            hint = self.tr("These take effect when a model is loaded.")
        else:
            differs = _loading_values(self._shown()) != _loading_values(self._in_force)
            hint = self.tr("Not in force yet.") if differs else self.tr("In force for the model that is loaded.")
        self._apply.setEnabled(differs)
        self._hint.setText(hint)

    def _on_editor_value_changed(self, name: str, value: Any) -> None:
        self._unsaid[name] = value
        self._timer.start()
        self._update_apply()

    def _on_apply_clicked(self) -> None:
        self.flush()
        self.apply_requested.emit()


_GROUPS = (Group.LOADING, Group.SAMPLING)


def _loading_values(settings: Settings) -> list[Any]:
    return [getattr(settings, name) for name in names_in(Group.LOADING)]
