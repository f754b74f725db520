"""The box one types messages in."""

from __future__ import annotations

import math

from PySide6.QtCore import QEvent, QSignalBlocker, Qt, Signal
from PySide6.QtGui import (
    QAccessible,
    QAccessibleAnnouncementEvent,
    QFontMetricsF,
    QKeyEvent,
    QKeySequence,
    QShortcut,
    QTextCursor,
)
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from app.ui.plain_text import TextBox, tool_tip

MOST_LINES = 8


class Composer(QWidget):
    """Turns typing into `send_requested`. Enter sends, Shift+Enter breaks the line.

    It does not clear itself: whoever sends the message calls `clear` once it is safely kept. What its owner puts in
    with `set_text` or `clear` is not reported by `text_changed`; that signal is for drafts, and tells what was typed.
    """

    send_requested = Signal(str)
    stop_requested = Signal()
    text_changed = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("composer")
        self._writing = False
        self._can_send = True
        self._why_not = ""
        self._problem = QLabel(wordWrap=True)
        self._problem.hide()
        self._problem.setObjectName("problem")
        self._problem.setTextFormat(Qt.TextFormat.PlainText)
        self._box = _MessageBox()
        self._box.setObjectName("message")
        self._box.setAccessibleName("Message")
        self._box.enter_pressed.connect(self._on_box_enter_pressed)
        self._box.textChanged.connect(self._on_box_text_changed)
        self._send = self._button("send", self.tr("Send"), "Send")
        self._send.clicked.connect(self._on_box_enter_pressed)
        self._stop = self._button("stop", self.tr("Stop"), "Stop")
        self._stop.clicked.connect(self.stop_requested)
        self._escape = QShortcut(QKeySequence(Qt.Key.Key_Escape), self)
        self._escape.activated.connect(self.stop_requested)
        self.setFocusProxy(self._box)
        self._lay_out()
        self.set_writing(False)

    def _button(self, name: str, text: str, accessible_name: str) -> QPushButton:
        button = QPushButton(text)
        button.setObjectName(name)
        button.setAccessibleName(accessible_name)
        button.setFocusPolicy(Qt.FocusPolicy.TabFocus)  # a click leaves the focus in the box
        return button

    def _lay_out(self) -> None:
        row = QHBoxLayout()
        row.addWidget(self._box, 1)
        row.addWidget(self._send, 0, Qt.AlignmentFlag.AlignBottom)
        row.addWidget(self._stop, 0, Qt.AlignmentFlag.AlignBottom)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._problem)
        layout.addLayout(row)

    def text(self) -> str:
        """What is in the box, exactly."""
        return self._box.text()

    def set_text(self, text: str) -> None:
        """Puts `text` into the box, in place of what is there."""
        with QSignalBlocker(self._box):
            self._box.setPlainText(text)
        self._box.moveCursor(QTextCursor.MoveOperation.End)
        self.show_problem("")
        self._update_buttons()

    def clear(self) -> None:
        """Empties the box."""
        self.set_text("")

    def set_writing(self, writing: bool) -> None:
        """Whether a reply is being written: then it can be stopped, and nothing be sent."""
        had_focus = self._stop.hasFocus()
        self._writing = writing
        self._stop.setVisible(writing)
        self._escape.setEnabled(writing)
        if had_focus:
            self._box.setFocus()
        self._update_buttons()

    def set_send_enabled(self, enabled: bool, why: str = "") -> None:
        """Whether a message can be sent; `why` not is shown where the message would be typed."""
        self._can_send = enabled
        self._why_not = "" if enabled else why
        self._send.setToolTip(tool_tip(self._why_not))
        self._send.setAccessibleDescription(self._why_not)
        self._update_buttons()

    def show_problem(self, text: str) -> None:
        """Says above the box what is wrong with the message, until it is changed. Empty: nothing is."""
        self._problem.setText(text)
        self._problem.setVisible(bool(text))
        if text:
            QAccessible.updateAccessibility(QAccessibleAnnouncementEvent(self._box, text))

    def _update_buttons(self) -> None:
        self._box.setPlaceholderText(self._why_not or self.tr("Type a message"))
        self._send.setEnabled(self._can_send and not self._writing and bool(self.text().strip()))

    def _on_box_text_changed(self) -> None:
        self.show_problem("")
        self._update_buttons()
        self.text_changed.emit(self.text())

    def _on_box_enter_pressed(self) -> None:
        text = self.text()
        if self._writing or not text.strip():
            return
        if not self._can_send:
            self.show_problem(self._why_not)
            return
        self.send_requested.emit(text)


class _MessageBox(TextBox):
    """Grows with its text from one line to `MOST_LINES`."""

    enter_pressed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.document().setDocumentMargin(self.fontMetrics().height() / 2)
        self.document().documentLayout().documentSizeChanged.connect(self._fit)
        self._fit()

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        is_enter = event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter)
        if not is_enter or self._is_composing():
            super().keyPressEvent(event)
        elif event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
            self.textCursor().insertBlock()
            self.ensureCursorVisible()
        else:
            self.enter_pressed.emit()

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802
        super().changeEvent(event)
        if event.type() in (QEvent.Type.FontChange, QEvent.Type.StyleChange):
            self._fit()

    def _is_composing(self) -> bool:
        """Whether an input method is at work on a word; then Enter is its own."""
        return bool(self.textCursor().block().layout().preeditAreaText())

    def _fit(self) -> None:
        # The layout of a plain text document counts its height in lines, and each line takes whole pixels.
        lines = max(1, math.ceil(self.document().size().height()))
        text = math.ceil(QFontMetricsF(self.font()).lineSpacing()) * min(lines, MOST_LINES)
        frame = self.contentsMargins()
        around = 2 * self.document().documentMargin() + frame.top() + frame.bottom() + 1
        self.setFixedHeight(math.ceil(text + around))
        policy = Qt.ScrollBarPolicy.ScrollBarAsNeeded if lines > MOST_LINES else Qt.ScrollBarPolicy.ScrollBarAlwaysOff
        self.setVerticalScrollBarPolicy(policy)
