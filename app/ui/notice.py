"""Something worth knowing that is no failure, told in its place, with what can be done about it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from PySide6.QtCore import QRectF, Qt, Signal
from PySide6.QtGui import QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QWidget

from app.ui.plain_text import button_text
from app.ui.theme import colours


class Notice(QWidget):
    """A text on a quiet ground, and a button for each of `actions`: ids and labels."""

    action_requested = Signal(str)  # its id

    def __init__(self, text: str, actions: Sequence[tuple[str, str]] = ()) -> None:
        super().__init__()
        self.setObjectName("notice")
        em = self.fontMetrics().height()
        layout = QHBoxLayout(self)
        layout.setContentsMargins(em, em * 2 // 3, em, em * 2 // 3)
        label = QLabel(wordWrap=True)
        label.setTextFormat(Qt.TextFormat.PlainText)
        label.setText(text)
        layout.addWidget(label, 1)
        self.buttons = [self._button(action, name) for action, name in actions]
        for button in self.buttons:
            layout.addWidget(button)

    def _button(self, action: str, label: str) -> QPushButton:
        button = QPushButton(button_text(label))
        button.setObjectName(action)
        button.setAccessibleName(label)
        button.clicked.connect(partial(self.action_requested.emit, action))
        return button

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        look = colours(self.palette())
        radius = self.fontMetrics().height() * 0.4
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QColor(look.outline))
        painter.setBrush(QColor(look.bubble))
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), radius, radius)
