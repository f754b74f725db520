"""The place for what concerns the whole app: its settings, where its data lies, and what it is made of."""

from __future__ import annotations

import dataclasses
from functools import partial
from typing import Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import (
    QFrame,
    QGroupBox,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from app.core.settings import Group, Settings, names_in
from app.core.versions import versions_text
from app.ui.plain_text import tool_tip
from app.ui.setting_editor import SettingEditor


class SettingsPlace(QScrollArea):
    """Emits `changed` with all of `Settings` when the user has changed one."""

    changed = Signal(object)  # Settings, whole
    open_folder_requested = Signal()
    needed = Signal()  # about to be seen for the first time: whoever has more to set adds it

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("settings_place")
        self._settings = Settings()
        self._editors = {name: self._editor(name) for name in names_in(Group.APPLICATION)}
        self._folder = QLineEdit(readOnly=True)
        self._folder.setObjectName("data_folder")
        self._folder.setAccessibleName("Data folder")
        self._versions = QLabel(wordWrap=True)
        self._versions.setObjectName("versions")
        self._versions.setTextFormat(Qt.TextFormat.PlainText)
        self._versions.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setWidgetResizable(True)
        self.setWidget(self._page())
        self.setFocusProxy(self._editors[names_in(Group.APPLICATION)[0]])

    def _editor(self, name: str) -> SettingEditor:
        editor = SettingEditor(name)
        editor.value_changed.connect(partial(self._on_editor_value_changed, name))
        return editor

    def _page(self) -> QWidget:
        """One column, no wider than is good to read."""
        column = QWidget()
        column.setMaximumWidth(self.fontMetrics().averageCharWidth() * 135)
        self._sections = layout = QVBoxLayout(column)
        general = QGroupBox(self.tr("General"))
        rows = QVBoxLayout(general)
        rows.setSpacing(self.fontMetrics().height())
        for editor in self._editors.values():
            rows.addWidget(editor)
        layout.addWidget(general)
        layout.addWidget(self._data())
        layout.addWidget(self._about())
        layout.addStretch(1)
        page = QWidget()
        QHBoxLayout(page).addWidget(column)
        return page

    def _data(self) -> QWidget:
        button = QPushButton(self.tr("Open data folder"))
        button.setObjectName("open_data_folder")
        button.setAccessibleName("Open data folder")
        button.clicked.connect(self.open_folder_requested)
        box = QGroupBox(self.tr("Your data"))
        layout = QVBoxLayout(box)
        layout.addWidget(QLabel(self.tr("Conversations and settings are kept in this folder."), wordWrap=True))
        row = QHBoxLayout()
        row.addWidget(self._folder, 1)
        row.addWidget(button)
        layout.addLayout(row)
        return box

    def _about(self) -> QWidget:
        box = QGroupBox(self.tr("Versions"))
        QVBoxLayout(box).addWidget(self._versions)
        return box

    def add_section(self, title: str, content: QWidget) -> None:
        """Shows `content` between the general settings and the data."""
        box = QGroupBox(title)
        QVBoxLayout(box).addWidget(content)
        self._sections.insertWidget(self._sections.count() - 3, box)

    def set_settings(self, settings: Settings) -> None:
        """Shows `settings`."""
        self._settings = settings
        for name, editor in self._editors.items():
            editor.set_value(getattr(settings, name))

    def set_data_folder(self, path: str) -> None:
        """Shows where the data lies."""
        self._folder.setText(path)
        self._folder.setToolTip(tool_tip(path))
        self._folder.setCursorPosition(0)

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802
        # Not before: finding out takes as long as building the whole place.
        if not self._versions.text():
            self._versions.setText(versions_text())
            self.needed.emit()
        super().showEvent(event)

    def flush(self) -> None:
        """Emits `changed` now if there is something to tell."""
        for editor in self._editors.values():
            editor.flush()

    def _on_editor_value_changed(self, name: str, value: Any) -> None:
        self._settings = dataclasses.replace(self._settings, **{name: value})
        self.changed.emit(self._settings)
