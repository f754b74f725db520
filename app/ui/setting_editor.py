"""One setting on screen: its label, a fitting editor, a way back to the default, and a line of help.

Drawn from `app.core.settings`, so that a new setting needs nothing here. `None`, which means automatic, is the spin
box's value below the minimum: one control to reach and to read out, where a check box beside it would make two.
"""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QEvent, QLocale, QObject, QSignalBlocker, QSize, Qt, Signal
from PySide6.QtGui import QPalette
from PySide6.QtWidgets import (
    QAbstractSpinBox,
    QComboBox,
    QDoubleSpinBox,
    QHBoxLayout,
    QLabel,
    QSizePolicy,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from app.core.settings import Setting, Settings, setting_of
from app.ui.icons import IconButton
from app.ui.system_prompt import PromptEditor


class SettingEditor(QWidget):
    """Edits the field `name` of `Settings`."""

    value_changed = Signal(object)  # what the user made it: a number, a text, or None for automatic

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        setting = setting_of(name)
        self._default = getattr(Settings(), name)
        self._editor = _editor_for(setting, self._default)
        self._editor.setObjectName(_object_name(setting.label))
        self._editor.setAccessibleName(setting.label)
        self._editor.setAccessibleDescription(self.tr(setting.help))
        self._editor.installEventFilter(self)
        self._editor.value_edited.connect(self._on_editor_value_edited)
        self._reset = IconButton("reset", scale=1.0)
        self._reset.setObjectName(f"reset_{_object_name(setting.label)}")
        self._reset.setAccessibleName(f"Reset {setting.label}")
        self._reset.setToolTip(self.tr("Back to the default"))
        self._reset.clicked.connect(self._on_reset_clicked)
        self.setFocusProxy(self._editor)
        self._lay_out(setting)
        self.set_value(self._default)

    def _lay_out(self, setting: Setting) -> None:
        policy = self._reset.sizePolicy()
        policy.setRetainSizeWhenHidden(True)
        self._reset.setSizePolicy(policy)
        label = QLabel(self.tr(setting.label))
        label.setBuddy(self._editor)
        note = QLabel(self.tr(setting.help), wordWrap=True)
        note.setForegroundRole(QPalette.ColorRole.PlaceholderText)
        top = QHBoxLayout()
        top.addWidget(label, 1)
        top.addWidget(self._reset)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(max(2, self.fontMetrics().height() // 6))
        layout.addLayout(top)
        layout.addWidget(self._editor)
        layout.addWidget(note)
        self.setTabOrder(self._editor, self._reset)

    def set_value(self, value: Any) -> None:
        """Shows `value`."""
        with QSignalBlocker(self._editor):
            self._editor.show_value(value)
        self._reset.setVisible(value != self._default)

    def set_automatic_value(self, value: int) -> None:
        """What automatic means now. Only for settings that can be automatic."""
        if isinstance(self._editor, _WholeNumber):
            self._editor.set_automatic_value(value)

    def flush(self) -> None:
        """Emits `value_changed` now if a text was typed and not yet reported."""
        if isinstance(self._editor, _Text):
            self._editor.flush()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802
        """Leaves the wheel to the scroll area while the editor does not have the focus."""
        if event.type() == QEvent.Type.Wheel and not self._editor.hasFocus():
            event.ignore()
            return True
        return super().eventFilter(watched, event)

    def _on_editor_value_edited(self, value: Any) -> None:
        self._reset.setVisible(value != self._default)
        self.value_changed.emit(value)

    def _on_reset_clicked(self) -> None:
        self._editor.setFocus()
        self.set_value(self._default)
        self.value_changed.emit(self._default)


class _WholeNumber(QSpinBox):
    value_edited = Signal(object)

    def __init__(self, setting: Setting) -> None:
        super().__init__()
        assert setting.minimum is not None and setting.maximum is not None
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._setting = setting
        self._least = int(setting.minimum)
        self._automatic_value: int | None = None
        self.setRange(self._least - 1 if setting.automatic else self._least, int(setting.maximum))
        self.setSpecialValueText(self.tr(setting.automatic))
        _set_up(self, setting)
        self.valueChanged.connect(self._on_value_changed)

    def show_value(self, value: int | None) -> None:
        self.setValue(self._least - 1 if value is None else value)

    def set_automatic_value(self, value: int) -> None:
        self._automatic_value = value
        text = self.tr("{automatic} ({value})")
        words = self.tr(self._setting.automatic)
        self.setSpecialValueText(text.format(automatic=words, value=QLocale().toString(value)))

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        """Less than its longest text needs, so that the panel does not keep the window wide."""
        return QSize(self.fontMetrics().averageCharWidth() * 14, super().minimumSizeHint().height())

    def stepBy(self, steps: int) -> None:  # noqa: N802
        """From automatic up to a value near what it means; from the least value down to automatic."""
        if self.value() < self._least and steps > 0:
            self.setValue(max(self._least, self._automatic_value or self._least))
        elif self.value() > self._least:
            self.setValue(max(self._least, self.value() + steps * self.singleStep()))
        else:
            super().stepBy(steps)

    def _on_value_changed(self, value: int) -> None:
        self.value_edited.emit(value if value >= self._least else None)


class _Number(QDoubleSpinBox):
    value_edited = Signal(object)

    def __init__(self, setting: Setting) -> None:
        super().__init__()
        assert setting.minimum is not None and setting.maximum is not None
        self.setRange(setting.minimum, setting.maximum)
        self.setDecimals(2)
        _set_up(self, setting)
        self.valueChanged.connect(self.value_edited.emit)

    def show_value(self, value: float) -> None:
        self.setValue(value)


class _Choice(QComboBox):
    value_edited = Signal(object)

    def __init__(self, setting: Setting) -> None:
        super().__init__()
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        for value, label in setting.choices:
            self.addItem(self.tr(label), value)
        self.currentIndexChanged.connect(self._on_current_index_changed)

    def show_value(self, value: str) -> None:
        self.setCurrentIndex(self.findData(value))

    def _on_current_index_changed(self, index: int) -> None:
        self.value_edited.emit(self.itemData(index))


class _Text(PromptEditor):
    value_edited = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self.edited.connect(self.value_edited.emit)

    def show_value(self, value: str) -> None:
        self.set_text(value)


def _editor_for(setting: Setting, default: Any) -> _WholeNumber | _Number | _Choice | _Text:
    if setting.choices:
        return _Choice(setting)
    if setting.minimum is None:
        return _Text()
    return _Number(setting) if isinstance(default, float) else _WholeNumber(setting)


def _set_up(box: QSpinBox | QDoubleSpinBox, setting: Setting) -> None:
    box.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    box.setGroupSeparatorShown(True)
    box.setCorrectionMode(QAbstractSpinBox.CorrectionMode.CorrectToNearestValue)
    if isinstance(box, QSpinBox):
        box.setSingleStep(int(setting.step or 1))
    else:
        box.setSingleStep(setting.step or 0.1)


def _object_name(label: str) -> str:
    return label.lower().replace(" ", "_").replace("-", "_")
