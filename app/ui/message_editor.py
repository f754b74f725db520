"""The words of a message while they are changed, in its place.

A layout of more than `LONGEST` characters, which may be one line, would stop the window with each key. Then the editor
says what to do instead.
"""

from __future__ import annotations

import math

from PySide6.QtCore import QEvent, QMimeData, Qt, Signal
from PySide6.QtGui import QFontMetricsF, QKeyEvent, QPalette, QTextCursor
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from app.ui.keys import claim_escape, is_escape
from app.ui.plain_text import TextBox

LONGEST = 100_000  # characters in the box
_MOST_LINES = 16  # a longer text scrolls
_FEWEST_LINES = 2


class MessageEditor(QWidget):
    """Enter saves, Shift+Enter breaks the line, Esc leaves the message as it was."""

    saved = Signal(str)  # the new words; never the old ones, never none
    cancelled = Signal()

    def __init__(self, old: str, text: str, parent: QWidget | None = None) -> None:
        """`text` is what the box begins with: `old`, or an edit of it to go on with."""
        super().__init__(parent)
        self.setObjectName("message_editor")
        self._old = old
        self._is_busy = False
        self._is_too_long = max(len(old), len(text)) > LONGEST
        self._box = _Box()
        self._box.setObjectName("edit_message")
        self._box.setAccessibleName("Edit message")
        self._box.setPlainText("" if self._is_too_long else text)
        self._box.moveCursor(QTextCursor.MoveOperation.End)
        self._box.textChanged.connect(self._update_state)
        self._box.refused.connect(self._on_box_refused)
        self._box.enter_pressed.connect(self._on_save_requested)
        self._box.escape_pressed.connect(self.cancelled)
        self._hint = QLabel(wordWrap=True)
        self._hint.setObjectName("edit_hint")
        self._hint.setForegroundRole(QPalette.ColorRole.PlaceholderText)
        self._save = _button("save", self.tr("Save"), "Save")
        self._save.clicked.connect(self._on_save_requested)
        self._cancel = _button("cancel", self.tr("Cancel"), "Cancel")
        self._cancel.clicked.connect(self.cancelled)
        self._box.setHidden(self._is_too_long)
        self._save.setHidden(self._is_too_long)
        self._first = self._cancel if self._is_too_long else self._box
        self.setFocusProxy(self._first)
        self._lay_out()
        self._update_state()

    def _lay_out(self) -> None:
        row = QHBoxLayout()
        row.addWidget(self._hint, 1)
        row.addWidget(self._save)
        row.addWidget(self._cancel)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(self.fontMetrics().height() // 3)
        layout.addWidget(self._box)
        layout.addLayout(row)

    def text(self) -> str:
        """What is in the box, exactly."""
        return self._old if self._is_too_long else self._box.text()

    def set_busy(self, busy: bool) -> None:
        """Whether a reply is being written: until it is, nothing can be saved."""
        self._is_busy = busy
        self._update_state()

    def tab_chain(self) -> list[QWidget]:
        """What one gets to with the tab key, in reading order."""
        return [self._cancel] if self._is_too_long else [self._box, self._save, self._cancel]

    def _update_state(self) -> None:
        if self._is_too_long:
            hint = self.tr("This is too long to be changed here. Copy it, change it elsewhere, attach it as a file.")
        elif self._is_busy:
            hint = self.tr("A reply is being written. This can be saved when it is done.")
        else:
            hint = self.tr("Enter saves as a new version, Esc keeps the old.")
        self._show_hint(hint)
        self._save.setEnabled(not self._is_busy and bool(self.text().strip()))

    def _show_hint(self, hint: str) -> None:
        self._hint.setText(hint)
        self._first.setAccessibleDescription(hint)

    def _on_box_refused(self) -> None:
        self._show_hint(self.tr("That is too long to be pasted here. Attach it to a message as a file."))

    def _on_save_requested(self) -> None:
        if not self._save.isEnabled():
            return
        if self.text() == self._old:
            self.cancelled.emit()
        else:
            self.saved.emit(self.text())


class _Box(TextBox):
    """As high as its text, within reason."""

    enter_pressed = Signal()
    escape_pressed = Signal()
    refused = Signal()  # to take in what would be too long

    def __init__(self) -> None:
        super().__init__()
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.document().setDocumentMargin(self.fontMetrics().height() / 2)
        self.document().documentLayout().documentSizeChanged.connect(self._fit)
        self._fit()

    def event(self, event: QEvent) -> bool:
        return claim_escape(event) or super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        is_enter = event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter)
        if is_escape(event):
            self.escape_pressed.emit()
        elif not is_enter or self._is_composing():
            super().keyPressEvent(event)
        elif event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
            self.textCursor().insertBlock()
            self.ensureCursorVisible()
        else:
            self.enter_pressed.emit()

    def insertFromMimeData(self, source: QMimeData) -> None:  # noqa: N802
        if self.document().characterCount() + len(source.text()) > LONGEST:
            self.refused.emit()
        else:
            super().insertFromMimeData(source)

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802
        super().changeEvent(event)
        if event.type() in (QEvent.Type.FontChange, QEvent.Type.StyleChange):
            self._fit()

    def _is_composing(self) -> bool:
        """Whether an input method is at work on a word; then Enter is its own."""
        return bool(self.textCursor().block().layout().preeditAreaText())

    def _fit(self) -> None:
        # The layout of a plain text document counts its height in lines, and each line takes whole pixels.
        lines = math.ceil(self.document().size().height())
        shown = max(_FEWEST_LINES, min(lines, _MOST_LINES))
        frame = self.contentsMargins()
        around = 2 * self.document().documentMargin() + frame.top() + frame.bottom() + 1
        self.setFixedHeight(math.ceil(math.ceil(QFontMetricsF(self.font()).lineSpacing()) * shown + around))
        policy = Qt.ScrollBarPolicy.ScrollBarAsNeeded if lines > _MOST_LINES else Qt.ScrollBarPolicy.ScrollBarAlwaysOff
        self.setVerticalScrollBarPolicy(policy)


def _button(name: str, text: str, accessible_name: str) -> QPushButton:
    button = QPushButton(text)
    button.setObjectName(name)
    button.setAccessibleName(accessible_name)
    return button
