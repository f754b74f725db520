"""The settings beside a conversation: those of loading a model, and those of writing replies.

The memory bill comes before `More settings`, which are many: what it says stays in sight of all that change it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from functools import partial
from typing import Any

from PySide6.QtCore import QTimer, Signal
from PySide6.QtGui import QPalette
from PySide6.QtWidgets import QGroupBox, QLabel, QPushButton, QVBoxLayout, QWidget

from app.core.settings import Group, Settings, names_in, setting_of
from app.ui.fold import FoldButton
from app.ui.memory_bill import MemoryBillView
from app.ui.setting_editor import SettingEditor

PAUSE_MS = 200


class SettingsPanel(QWidget):
    """Emits `changed` when the user pauses after a change. Those of loading also wait for `Apply and reload`."""

    changed = Signal(object)  # Settings, whole
    edited = Signal(object)  # Settings, whole, at once with every change
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
        self._apply = self._button("Apply and reload", self.tr("Apply and reload"))
        self._apply.clicked.connect(self._on_apply_clicked)
        self._suit = self._button("Suit this computer", self.tr("Suit this computer"))
        self._suit.setToolTip(self.tr("Makes all settings of loading automatic again, so that they fit what is free."))
        self._suit.clicked.connect(self._on_suit_clicked)
        self._more = QWidget()
        self._fold = FoldButton(self._more)
        self._fold.setObjectName("more_settings")
        self._fold.setAccessibleName("More settings")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._loading_box())
        layout.addWidget(self._sampling_box())
        layout.addStretch(1)
        self._update_state()

    def _button(self, name: str, text: str) -> QPushButton:
        button = QPushButton(text)
        button.setObjectName(name.lower().replace(" ", "_"))
        button.setAccessibleName(name)
        return button

    def _editor(self, name: str) -> SettingEditor:
        editor = SettingEditor(name)
        editor.value_changed.connect(partial(self._on_editor_value_changed, name))
        return editor

    def _loading_box(self) -> QGroupBox:
        box = QGroupBox(self.tr("Loading the model"))
        self._loading = self._column(box)
        for name in names_in(Group.LOADING):
            if not setting_of(name).advanced:
                self._loading.addWidget(self._editors[name])
        self._loading.addWidget(self._suit)
        self._loading.addWidget(self._fold)
        self._loading.addWidget(self._more)
        self._loading.addWidget(self._hint)
        self._loading.addWidget(self._apply)
        more = self._column(self._more)
        more.setContentsMargins(0, 0, 0, 0)
        for name in _ADVANCED:
            more.addWidget(self._editors[name])
        return box

    def _sampling_box(self) -> QGroupBox:
        box = QGroupBox(self.tr("Writing replies"))
        column = self._column(box)
        for name in names_in(Group.SAMPLING):
            column.addWidget(self._editors[name])
        return box

    def _column(self, widget: QWidget) -> QVBoxLayout:
        layout = QVBoxLayout(widget)
        layout.setSpacing(self.fontMetrics().height())
        return layout

    def set_bill(self, view: MemoryBillView) -> None:
        """Shows `view` below the settings that it follows. Once only."""
        self._loading.insertWidget(self._loading.indexOf(self._fold), view)
        self.setTabOrder(self._suit, view)

    def set_settings(self, settings: Settings) -> None:
        """Shows `settings`; what the user has changed and not yet been reported stays."""
        self._settings = settings
        for name, editor in self._editors.items():
            if name not in self._unsaid:
                editor.set_value(getattr(settings, name))
        self._update_state()

    def set_in_force(self, settings: Settings | None) -> None:
        """The settings that the model now loaded was asked for with; None if there is none."""
        self._in_force = settings
        self._update_state()

    def set_automatic_values(self, values: Mapping[str, object]) -> None:
        """What automatic means now, by field name."""
        for name, value in values.items():
            self._editors[name].set_automatic_value(value)

    def set_reasons(self, reasons: Mapping[str, str]) -> None:
        """Why automatic means what it does, by field name; the others have no reason any more."""
        for name, editor in self._editors.items():
            editor.set_reason(reasons.get(name, ""))

    def flush(self) -> None:
        """Emits `changed` now if there is something to tell."""
        for editor in self._editors.values():
            editor.flush()
        self._timer.stop()
        if self._unsaid:
            self._settings = self._shown()
            self._unsaid.clear()
            self.changed.emit(self._settings)

    def _shown(self) -> Settings:
        return dataclasses.replace(self._settings, **self._unsaid)

    def _update_state(self) -> None:
        shown = self._shown()
        self._suit.setEnabled(_loading_values(shown) != _loading_values(Settings()))
        count = sum(getattr(shown, name) != getattr(Settings(), name) for name in _ADVANCED)
        self._fold.setText(self.tr("More settings ({0} changed)").format(count) if count else self.tr("More settings"))
        self._fold.setAccessibleDescription(self.tr("{0} changed").format(count) if count else "")
        self._update_apply(shown)

    def _update_apply(self, shown: Settings) -> None:
        if self._in_force is None:
            differs = False
            hint = self.tr("These take effect when a model is loaded.")
        else:
            differs = _loading_values(shown) != _loading_values(self._in_force)
            hint = self.tr("Not in force yet.") if differs else self.tr("In force for the model that is loaded.")
        self._apply.setEnabled(differs)
        self._hint.setText(hint)

    def _on_editor_value_changed(self, name: str, value: Any) -> None:
        self._unsaid[name] = value
        self._on_settings_edited()

    def _on_settings_edited(self) -> None:
        self._timer.start()
        self._update_state()
        self.edited.emit(self._shown())

    def _on_suit_clicked(self) -> None:
        for name in names_in(Group.LOADING):
            self._unsaid[name] = getattr(Settings(), name)
            self._editors[name].set_value(self._unsaid[name])
        self._on_settings_edited()

    def _on_apply_clicked(self) -> None:
        self.flush()
        self.apply_requested.emit()


_GROUPS = (Group.LOADING, Group.SAMPLING)
_ADVANCED = [name for name in names_in(Group.LOADING) if setting_of(name).advanced]


def _loading_values(settings: Settings) -> list[Any]:
    return [getattr(settings, name) for name in names_in(Group.LOADING)]
