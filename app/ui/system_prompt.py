"""The editor of a conversation's system prompt."""

from __future__ import annotations

from PySide6.QtCore import QSignalBlocker, Qt, QTimer, Signal
from PySide6.QtGui import QFocusEvent, QPalette, QTextCursor
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from app.ui.plain_text import TextBox

PAUSE_MS = 400


class PromptEditor(TextBox):
    """A box that reports what was typed into it when typing pauses, the focus leaves, or at `flush`."""

    edited = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._known_text = ""  # what the owner put in, or was told
        self._timer = QTimer(self, singleShot=True, interval=PAUSE_MS)
        self._timer.timeout.connect(self.flush)
        self.textChanged.connect(self._timer.start)
        self.setMinimumHeight(self.fontMetrics().lineSpacing() * 5)

    def set_text(self, text: str) -> None:
        """Shows `text`, and forgets what was typed since the last `edited`: it belonged to another text."""
        self._known_text = text
        self._timer.stop()
        if text != self.text():
            with QSignalBlocker(self):
                self.setPlainText(text)

    def replace_text(self, text: str) -> None:
        """Puts `text` in as if it had been typed: it is reported, and can be undone."""
        cursor = self.textCursor()
        cursor.select(QTextCursor.SelectionType.Document)
        cursor.insertText(text)
        self.flush()

    def flush(self) -> None:
        """Emits `edited` now if there is something to tell."""
        self._timer.stop()
        text = self.text()
        if text != self._known_text:
            self._known_text = text
            self.edited.emit(text)

    def focusOutEvent(self, event: QFocusEvent) -> None:  # noqa: N802
        super().focusOutEvent(event)
        self.flush()


class SystemPrompt(QWidget):
    """Edits one system prompt in place. Call `flush` before showing that of another conversation."""

    edited = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._default = ""
        self._editor = PromptEditor()
        self._editor.setObjectName("system_prompt")
        self._editor.setAccessibleName("System prompt")
        self._editor.edited.connect(self.edited)
        self._editor.textChanged.connect(self._update_button)
        self._use_default = QPushButton(self.tr("Use the default"))
        self._use_default.setObjectName("use_the_default")
        self._use_default.setAccessibleName("Use the default")
        self._use_default.clicked.connect(self._on_use_default_clicked)
        label = QLabel(self.tr("System prompt"))
        label.setBuddy(self._editor)
        note = QLabel(self.tr("Takes effect with the next message."), wordWrap=True)
        note.setForegroundRole(QPalette.ColorRole.PlaceholderText)
        bottom = QHBoxLayout()
        bottom.addWidget(note, 1)
        bottom.addWidget(self._use_default, 0, Qt.AlignmentFlag.AlignTop)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(label)
        layout.addWidget(self._editor, 1)
        layout.addLayout(bottom)
        self.setFocusProxy(self._editor)
        self._update_button()

    def text(self) -> str:
        """The prompt as it is in the editor."""
        return self._editor.text()

    def set_text(self, text: str) -> None:
        """Shows `text` as the prompt."""
        self._editor.set_text(text)
        self._update_button()

    def replace_text(self, text: str) -> None:
        """Puts `text` in as if it had been typed."""
        self._editor.replace_text(text)

    def set_default(self, text: str) -> None:
        """What `Use the default` puts in."""
        self._default = text
        self._update_button()

    def flush(self) -> None:
        """Emits `edited` now if there is something to tell."""
        self._editor.flush()

    def _update_button(self) -> None:
        self._use_default.setEnabled(self._editor.text() != self._default)

    def _on_use_default_clicked(self) -> None:
        self._editor.replace_text(self._default)
