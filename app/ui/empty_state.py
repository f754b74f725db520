"""What a conversation without messages shows instead: an inviting word, and what one can do."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtGui import QFont, QPalette
from PySide6.QtWidgets import QLabel, QPushButton, QVBoxLayout, QWidget

from app.ui.plain_text import button_text


class EmptyState(QWidget):
    """A title, a text, and a button for each of `actions`: ids and labels."""

    action_requested = Signal(str, str)  # id, label

    def __init__(self, title: str, text: str, actions: Sequence[tuple[str, str]]) -> None:
        super().__init__()
        self.setObjectName("empty_state")
        self._title = _centred_label(title)
        explanation = _centred_label(text)
        explanation.setForegroundRole(QPalette.ColorRole.PlaceholderText)
        self.buttons = [self._button(action, label) for action, label in actions]
        for first in self.buttons[:1]:
            first.setDefault(True)  # stands out
        column = QVBoxLayout()  # a label may be a whole question
        column.setSpacing(self.fontMetrics().height() // 2)
        for button in self.buttons:
            column.addWidget(button, 0, Qt.AlignmentFlag.AlignHCenter)
        layout = QVBoxLayout(self)
        layout.setSpacing(self.fontMetrics().height())
        layout.addWidget(self._title)
        layout.addWidget(explanation)
        layout.addLayout(column)
        self._enlarge_title()

    def _button(self, action: str, label: str) -> QPushButton:
        button = QPushButton(button_text(label))
        button.setObjectName(action)
        button.setAccessibleName(label)
        button.clicked.connect(partial(self.action_requested.emit, action, label))
        return button

    def _enlarge_title(self) -> None:
        font = QFont(self.font())
        font.setPointSizeF(font.pointSizeF() * 1.6)
        self._title.setFont(font)

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802
        super().changeEvent(event)
        if event.type() == QEvent.Type.FontChange:
            self._enlarge_title()


def _centred_label(text: str) -> QLabel:
    label = QLabel(text, wordWrap=True)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setAlignment(Qt.AlignmentFlag.AlignCenter)
    return label
