"""The box one types messages in, and the text files that go with them."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from PySide6.QtCore import QEvent, QMimeData, QSignalBlocker, Qt, Signal
from PySide6.QtGui import (
    QAccessible,
    QAccessibleAnnouncementEvent,
    QDragEnterEvent,
    QDropEvent,
    QFocusEvent,
    QFontMetricsF,
    QKeyEvent,
    QKeySequence,
    QShortcut,
    QTextCursor,
)
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from app.core.conversation import Attachment
from app.ui.attachments import AttachmentChips
from app.ui.icons import IconButton
from app.ui.plain_text import TextBox, tool_tip

MOST_LINES = 8


class Composer(QWidget):
    """Turns typing into `send_requested`. Enter sends, Shift+Enter breaks the line.

    It does not clear itself: whoever sends the message calls `clear` once it is safely kept. What its owner puts in
    with `set_text`, `set_attachments` or `clear` is not reported by `text_changed` and `draft_changed`; these are for
    drafts, and tell what the user did.

    Text files that are dropped on it, or chosen, are wished for with `attach_requested`. A model that is dropped on it
    is left to the window.
    """

    send_requested = Signal(str)  # `attachments` go with it
    stop_requested = Signal()
    attach_requested = Signal(object)  # list of Path
    reading_cancel_requested = Signal()
    text_changed = Signal(str)
    draft_changed = Signal()  # the text or the attachments
    attachments_changed = Signal()  # by whomever

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("composer")
        self._writing = False
        self._is_reading = False
        self._can_send = True
        self._why_not = ""
        self._attachments: tuple[Attachment, ...] = ()
        self.setAcceptDrops(True)
        self._problem = QLabel(wordWrap=True)
        self._problem.hide()
        self._problem.setObjectName("problem")
        self._problem.setTextFormat(Qt.TextFormat.PlainText)
        self._chips = AttachmentChips()
        self._chips.remove_requested.connect(self._on_chips_remove_requested)
        self._chips.cancel_requested.connect(self.reading_cancel_requested)
        self._attach = IconButton("attach")
        self._attach.setObjectName("attach_file")
        self._attach.setAccessibleName("Attach file")
        self._attach.setToolTip(self.tr("Attach text files. They can be dropped here as well."))
        self._attach.setFocusPolicy(Qt.FocusPolicy.TabFocus)  # a click leaves the focus in the box
        self._attach.clicked.connect(self._on_attach_clicked)
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
        row.addWidget(self._attach, 0, Qt.AlignmentFlag.AlignBottom)
        row.addWidget(self._box, 1)
        row.addWidget(self._send, 0, Qt.AlignmentFlag.AlignBottom)
        row.addWidget(self._stop, 0, Qt.AlignmentFlag.AlignBottom)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._problem)
        layout.addWidget(self._chips)
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

    def attachments(self) -> tuple[Attachment, ...]:
        """The files that go with the message, in the order they were added."""
        return self._attachments

    def set_attachments(self, attachments: Sequence[Attachment]) -> None:
        """Shows these files in place of those that are there."""
        had_focus = self._chips.has_focus()
        self._attachments = tuple(attachments)
        self._chips.show_attachments(attachments)
        if had_focus and not self._chips.has_focus():
            self._box.setFocus()
        self._order_tabs()
        self._update_buttons()
        self.attachments_changed.emit()

    def _order_tabs(self) -> None:
        for before, after in itertools.pairwise([self._attach, *self._chips.buttons()]):
            self.setTabOrder(before, after)

    def add_attachments(self, attachments: Sequence[Attachment]) -> None:
        """Shows these files besides those that are there, as something that the user did."""
        if attachments:
            self.set_attachments([*self._attachments, *attachments])
            self.draft_changed.emit()

    def show_tokens(self, tokens: Mapping[Attachment, int]) -> None:
        """Shows how many tokens the files are for the model, as far as that is known."""
        self._chips.show_tokens(tokens)

    def show_reading(self, text: str) -> None:
        """Says that files are being read, which can be cancelled; with an empty text, nothing."""
        had_focus = self._chips.has_focus()
        self._chips.show_reading(text)
        if had_focus and not self._chips.has_focus():
            self._box.setFocus()
        self._order_tabs()

    def set_reading(self, reading: bool) -> None:
        """Whether files of this message are being read: then it is not sent."""
        self._is_reading = reading
        self._update_buttons()

    def clear(self) -> None:
        """Empties the box and takes the files away."""
        self.set_attachments(())
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
        self._send.setEnabled(self._can_send and not (self._writing or self._is_reading) and self._has_content())

    def _has_content(self) -> bool:
        return bool(self.text().strip() or self._attachments)

    # Events

    def focusInEvent(self, event: QFocusEvent) -> None:  # noqa: N802
        # A focus proxy would do the same, but Tab on its way in would skip what comes before it.
        self._box.setFocus(event.reason())

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:  # noqa: N802
        if _files_in(event.mimeData()):
            event.acceptProposedAction()
        else:
            event.ignore()  # so that the window is asked

    def dropEvent(self, event: QDropEvent) -> None:  # noqa: N802
        if files := _files_in(event.mimeData()):
            event.acceptProposedAction()
            self.attach_requested.emit(files)
        else:
            event.ignore()

    def _on_attach_clicked(self) -> None:
        dialog = QFileDialog(self, self.tr("Attach file"))
        dialog.setObjectName("choose_attachments")
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setFileMode(QFileDialog.FileMode.ExistingFiles)
        dialog.filesSelected.connect(lambda paths: self.attach_requested.emit([Path(path) for path in paths]))
        dialog.open()

    def _on_chips_remove_requested(self, place: int) -> None:
        self.set_attachments([*self._attachments[:place], *self._attachments[place + 1 :]])
        self.show_problem("")
        self.draft_changed.emit()

    def _on_box_text_changed(self) -> None:
        self.show_problem("")
        self._update_buttons()
        self.text_changed.emit(self.text())
        self.draft_changed.emit()

    def _on_box_enter_pressed(self) -> None:
        text = self.text()
        if self._writing or not (self._has_content() or self._is_reading):
            return
        if self._is_reading:
            self.show_problem(self.tr("A file is still being read. It can be taken away above."))
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


def _files_in(data: QMimeData) -> list[Path]:
    """The local files of a drag, unless a model is among them: that one is left to the window."""
    files = [Path(url.toLocalFile()) for url in data.urls() if url.isLocalFile()]
    return [] if any(file.suffix.lower() == ".gguf" for file in files) else files
