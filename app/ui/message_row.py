"""One message of a conversation: who wrote it, its text, what can be done with it, how it ended."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import QEvent, QRectF, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QEnterEvent,
    QFont,
    QGuiApplication,
    QPainter,
    QPaintEvent,
    QPalette,
)
from PySide6.QtGui import QAccessible
from PySide6.QtWidgets import QHBoxLayout, QLabel, QProgressBar, QPushButton, QVBoxLayout, QWidget

from app.core.conversations import Message, MessageState
from app.ui import accessibility, words
from app.ui.failure_panel import Failure, FailurePanel
from app.ui.markdown_stream import MarkdownStream, PlainStream
from app.ui.message_browser import MessageBrowser
from app.ui.theme import colours

TRY_AGAIN = "try_again"
REGENERATE = "regenerate"


class MessageRow(QWidget):
    """Shows a message. A user's own words stand as they were typed, a reply is formatted."""

    action_requested = Signal(str, str)  # message id, id of the action
    link_activated = Signal(str)

    def __init__(self, message: Message, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("message_row")
        self.message_id = message.id
        self._is_reply = message.role == "assistant"
        self._is_writing = message.state is MessageState.WRITING
        self._is_last = False
        self._failure: FailurePanel | None = None
        self._bar: QProgressBar | None = None
        self.browser = MessageBrowser(MarkdownStream if self._is_reply else PlainStream)
        self.browser.link_activated.connect(self.link_activated)
        self._author = QLabel(self.tr("Assistant") if self._is_reply else self.tr("You"))
        self._author.setFont(_bold())
        self._model = _secondary_label(message.model)
        self._copy = self._button("copy", self.tr("Copy"), "Copy")
        self._copy.clicked.connect(self._on_copy_clicked)
        self._regenerate = self._button(REGENERATE, self.tr("Regenerate"), "Regenerate")
        self._regenerate.clicked.connect(partial(self._on_action_requested, REGENERATE))
        self._regenerate.hide()
        self._footer = _secondary_label("")
        self._lay_out()
        self.browser.append_text(message.text)
        self._show_end(message)
        self._update_buttons()

    def _button(self, name: str, text: str, accessible_name: str) -> _QuietButton:
        button = _QuietButton(text)
        button.setObjectName(name)
        button.setAccessibleName(accessible_name)
        return button
