"""One setting on screen: its label, a fitting editor, a way back to the default, and a line of help.

Drawn from `app.core.settings`, so that a new setting needs nothing here. `None`, which means automatic, is the spin
box's value below the minimum, or the first of the choices: one control to reach and to read out, where a check box
beside it would make two.
"""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import (
    QCoreApplication,
    QEvent,
    QLocale,
    QObject,
    QRegularExpression,
    QSignalBlocker,
    QSize,
    Qt,
    QTimer,
    Signal,
)
from PySide6.QtGui import QFocusEvent, QPalette, QRegularExpressionValidator
from PySide6.QtWidgets import (
    QAbstractSpinBox,
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QSizePolicy,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from app.core.settings import Group, Setting, Settings, setting_of
from app.ui.icons import IconButton
from app.ui.plain_text import tool_tip
from app.ui.system_prompt import PAUSE_MS, PromptEditor


class SettingEditor(QWidget):
    """Edits the field `name` of `Settings`."""

    value_changed = Signal(object)  # what the user made it: a number, a text, a truth, or None for automatic

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        setting = setting_of(name)
        self._default = getattr(Settings(), name)
        self._help = self.tr(setting.help)
        self._reason = ""
        self._is_automatic = False
        self._editor = _editor_for(setting, self._default)
        self._editor.setObjectName(_object_name(setting.label))
        self._editor.setAccessibleName(setting.label)
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
        self._note = QLabel(wordWrap=True)
        self._note.setTextFormat(Qt.TextFormat.PlainText)
        self._note.setForegroundRole(QPalette.ColorRole.PlaceholderText)
        has_label = isinstance(self._editor, _Switch)
        top = QHBoxLayout()
        top.addWidget(self._editor if has_label else self._label(setting), 1)
        top.addWidget(self._reset)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(max(2, self.fontMetrics().height() // 6))
        layout.addLayout(top)
        if not has_label:
            layout.addWidget(self._editor)
        layout.addWidget(self._note)
        self.setTabOrder(self._editor, self._reset)

    def _label(self, setting: Setting) -> QLabel:
        label = QLabel(self.tr(setting.label))
        label.setBuddy(self._editor)
        return label

    def set_value(self, value: Any) -> None:
        """Shows `value`."""
        with QSignalBlocker(self._editor):
            self._editor.show_value(value)
        self._show_state(value)

    def set_automatic_value(self, value: Any) -> None:
        """What automatic means now. Only for settings that can be automatic."""
        if isinstance(self._editor, _WholeNumber | _Choice):
            self._editor.set_automatic_value(value)

    def set_reason(self, reason: str) -> None:
        """Why automatic means what it does. Shown in place of the help while it is automatic."""
        self._reason = reason
        self._show_note()

    def _show_state(self, value: Any) -> None:
        self._reset.setVisible(value != self._default)
        self._is_automatic = value is None
        self._show_note()

    def _show_note(self) -> None:
        has_reason = self._is_automatic and bool(self._reason)
        self._note.setText(self._reason if has_reason else self._help)
        self._note.setToolTip(tool_tip(self._help if has_reason else ""))
        self._editor.setAccessibleDescription(f"{self._reason} {self._help}" if has_reason else self._help)

    def flush(self) -> None:
        """Emits `value_changed` now if a text was typed and not yet reported."""
        if isinstance(self._editor, _Text | _Line):
            self._editor.flush()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802
        """Leaves the wheel to the scroll area while the editor does not have the focus."""
        if event.type() == QEvent.Type.Wheel and not self._editor.hasFocus():
            event.ignore()
            return True
        return super().eventFilter(watched, event)

    def _on_editor_value_edited(self, value: Any) -> None:
        self._show_state(value)
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
        self.setSpecialValueText(_automatic_text(self._setting, QLocale().toString(value)))

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        return _narrow(self, super().minimumSizeHint())

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

    def __init__(self, setting: Setting, default: float) -> None:
        super().__init__()
        assert setting.minimum is not None and setting.maximum is not None
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setRange(setting.minimum, setting.maximum)
        self.setDecimals(0 if (setting.step or 0) >= 1 else 2)
        if setting.group is Group.LOADING and default == setting.minimum == 0:
            self.setSpecialValueText(self.tr("the model's own"))
        _set_up(self, setting)
        self.valueChanged.connect(self.value_edited.emit)

    def show_value(self, value: float) -> None:
        self.setValue(value)

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        return _narrow(self, super().minimumSizeHint())


class _Switch(QCheckBox):
    """Its own label."""

    value_edited = Signal(object)

    def __init__(self, setting: Setting) -> None:
        super().__init__()
        self.setText(self.tr(setting.label))
        self.toggled.connect(self.value_edited.emit)

    def show_value(self, value: bool) -> None:
        self.setChecked(value)


class _Choice(QComboBox):
    value_edited = Signal(object)

    def __init__(self, setting: Setting) -> None:
        super().__init__()
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._setting = setting
        self._labels: dict[str | None, str] = {None: setting.automatic} if setting.automatic else {}
        self._labels.update(setting.choices)
        self._values = list(self._labels)
        for label in self._labels.values():
            self.addItem(self.tr(label))
        self.currentIndexChanged.connect(self._on_current_index_changed)

    def show_value(self, value: str | None) -> None:
        self.setCurrentIndex(self._values.index(value))

    def set_automatic_value(self, value: str) -> None:
        self.setItemText(0, _automatic_text(self._setting, self.tr(self._labels.get(value, value))))

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        return _narrow(self, super().minimumSizeHint())

    def _on_current_index_changed(self, index: int) -> None:
        self.value_edited.emit(self._values[index])


class _Line(QLineEdit):
    """Reports a short text when typing pauses, with Enter, when the focus leaves, or at `flush`.

    One that makes no sense is not reported, and gone when the focus leaves.
    """

    value_edited = Signal(object)

    def __init__(self, setting: Setting) -> None:
        super().__init__()
        self.setValidator(QRegularExpressionValidator(QRegularExpression(setting.pattern), self))
        self._known_text = ""
        self._timer = QTimer(self, singleShot=True, interval=PAUSE_MS)
        self._timer.timeout.connect(self.flush)
        self.textEdited.connect(self._timer.start)
        self.editingFinished.connect(self.flush)

    def show_value(self, value: str) -> None:
        self._known_text = value
        self._timer.stop()
        if value != self.text().strip():
            self.setText(value)

    def flush(self) -> None:
        self._timer.stop()
        text = self.text().strip()
        if text != self._known_text and (not text or self.hasAcceptableInput()):
            self._known_text = text
            self.value_edited.emit(text)

    def focusOutEvent(self, event: QFocusEvent) -> None:  # noqa: N802
        super().focusOutEvent(event)
        self.flush()
        # Who only looks something up elsewhere comes back to go on typing.
        if event.reason() not in (Qt.FocusReason.ActiveWindowFocusReason, Qt.FocusReason.PopupFocusReason):
            self.setText(self._known_text)


class _Text(PromptEditor):
    value_edited = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self.edited.connect(self.value_edited.emit)

    def show_value(self, value: str) -> None:
        self.set_text(value)


_Editor = _WholeNumber | _Number | _Switch | _Choice | _Line | _Text


def _editor_for(setting: Setting, default: Any) -> _Editor:
    if setting.choices:
        return _Choice(setting)
    if isinstance(default, bool):
        return _Switch(setting)
    if setting.minimum is None:
        return _Line(setting) if setting.pattern else _Text()
    return _Number(setting, default) if isinstance(default, float) else _WholeNumber(setting)


def _automatic_text(setting: Setting, value: str) -> str:
    text = QCoreApplication.translate("SettingEditor", "{automatic} ({value})")
    return text.format(automatic=QCoreApplication.translate("SettingEditor", setting.automatic), value=value)


def _narrow(editor: QWidget, size: QSize) -> QSize:
    """Less than its longest text needs, so that the panel does not keep the window wide."""
    return QSize(editor.fontMetrics().averageCharWidth() * 14, size.height())


def _set_up(box: QSpinBox | QDoubleSpinBox, setting: Setting) -> None:
    box.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    box.setGroupSeparatorShown(True)
    box.lineEdit().setTextMargins(box.fontMetrics().averageCharWidth() // 2, 0, 0, 0)  # a style sheet cannot
    box.setCorrectionMode(QAbstractSpinBox.CorrectionMode.CorrectToNearestValue)
    if isinstance(box, QSpinBox):
        box.setSingleStep(int(setting.step or 1))
    else:
        box.setSingleStep(setting.step or 0.1)


def _object_name(label: str) -> str:
    return label.lower().replace(" ", "_").replace("-", "_")
