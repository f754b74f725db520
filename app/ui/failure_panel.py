"""A failure told in its place, in words, with what can be done about it at once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from PySide6.QtCore import QRectF, Qt, Signal
from PySide6.QtGui import QColor, QFont, QPainter, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from app.ui.plain_text import button_text
from app.ui.theme import colours


@dataclass(frozen=True, slots=True)
class Failure:
    """What happened, its particulars, what to do now. `actions` are ids and labels of buttons."""

    title: str
    detail: str
    hint: str
    actions: tuple[tuple[str, str], ...] = ()


class FailurePanel(QWidget):
    """Shows one `Failure`."""

    action_requested = Signal(str)  # its id

    def __init__(self, failure: Failure, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("failure")
        layout = QVBoxLayout(self)
        em = self.fontMetrics().height()
        layout.setContentsMargins(em, em * 2 // 3, em, em * 2 // 3)
        layout.setSpacing(em // 4)
        for text in (failure.title, failure.detail, failure.hint):
            if text:
                layout.addWidget(_label(text, is_title=text is failure.title))
        self.buttons = [self._button(action, label) for action, label in failure.actions]
        row = QHBoxLayout()
        row.setContentsMargins(0, em // 4, 0, 0)
        for button in self.buttons:
            row.addWidget(button)
        row.addStretch(1)
        layout.addLayout(row)

    def _button(self, action: str, label: str) -> QPushButton:
        button = QPushButton(button_text(label))
        button.setObjectName(action)
        button.setAccessibleName(label)
        button.clicked.connect(partial(self.action_requested.emit, action))
        return button

    def show_actions(self, shown: bool) -> None:
        """Whether anything can still be done about it."""
        for button in self.buttons:
            button.setVisible(shown)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        look = colours(self.palette())
        radius = self.fontMetrics().height() * 0.4
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QColor(look.outline))
        painter.setBrush(QColor(look.danger_surface))
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), radius, radius)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(look.danger))
        painter.drawRoundedRect(QRectF(0, 0, radius / 2, self.height()), radius / 4, radius / 4)


def _label(text: str, *, is_title: bool) -> QLabel:
    label = QLabel(text, wordWrap=True)
    label.setTextFormat(Qt.TextFormat.PlainText)
    font = QFont()
    font.setBold(is_title)
    label.setFont(font)
    return label
