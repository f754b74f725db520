"""The text of one message: selectable, read-only, as high as it is long, written a little at a time.

It never reads a file or opens an address: what Qt asks it to load is an empty picture, whatever the name. Returning
nothing would not do, since Qt then loads the name by itself.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from PySide6.QtCore import QEvent, QMimeData, QRect, QRectF, QSize, Qt, QUrl, Signal, Slot
from PySide6.QtGui import QImage, QKeyEvent, QKeySequence, QPainter, QPaintEvent, QTextCursor, QWheelEvent
from PySide6.QtWidgets import QFrame, QSizePolicy, QTextBrowser, QTextEdit, QWidget

from app.ui.decorations import paint_decorations
from app.ui.leaves import Paragraph, Span
from app.ui.looks import Looks
from app.ui.markdown_stream import TextStream
from app.ui.message_text import TextWriter
from app.ui.theme import colours

MOST_SHOWN = 200_000  # characters; a document takes a hundred times the memory of its text
_SLICE = 2_000  # characters written at once

_INTERACTION = Qt.TextInteractionFlag.TextBrowserInteraction | Qt.TextInteractionFlag.TextSelectableByKeyboard


class MessageBrowser(QTextBrowser):
    """Shows what `append` was given once `work` was called often enough."""

    link_activated = Signal(str)
    caret_moved = Signal(QRect)  # by a key, in the widget's coordinates: it has to be brought into sight
    rewrite_wanted = Signal()  # font or colours have changed: there is work again

    def __init__(self, new_stream: Callable[[], TextStream], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._new_stream = new_stream
        self._stream = new_stream()
        self._writer: TextWriter | None = None
        self._looks: Looks | None = None
        self._pieces: list[str] = []
        self._next = (0, 0)  # the piece to be written next, and where in it
        self._written = 0  # characters
        self.setObjectName("text")
        self.setAccessibleName("Text")
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.viewport().setAutoFillBackground(False)
        self.document().setUndoRedoEnabled(False)
        self.document().setDocumentMargin(0)
        self.setOpenLinks(False)
        self.setTextInteractionFlags(_INTERACTION)
        # The width is set where the height is asked for, so that a text is laid out once for a new width, not twice.
        self.setLineWrapMode(QTextEdit.LineWrapMode.FixedPixelWidth)
        policy = QSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)
        self.anchorClicked.connect(self._on_anchor_clicked)

    # Text

    def append_text(self, text: str) -> None:
        """Adds `text`; `work` shows it."""
        if text:
            self._pieces.append(text)

    def text(self) -> str:
        """The whole text, as it was given."""
        return "".join(self._pieces)

    def has_work(self) -> bool:
        """Whether there is text that is not shown yet."""
        return self._writer is None or (self._next[0] < len(self._pieces) and self._written <= MOST_SHOWN)

    def work(self, deadline: float) -> None:
        """Shows some more, until `time.perf_counter()` is `deadline`, or all is shown."""
        caret = self.textCursor()
        selected = (caret.anchor(), caret.position())
        writer = self._writer or self._begin()
        while piece := self._take():
            writer.write(*self._stream.advance(piece))
            if self._written > MOST_SHOWN:
                note = self.tr("The rest is too long to be shown. Copy takes all of it.")
                writer.write([Paragraph((Span(note, italic=True),))], [])
            if time.perf_counter() > deadline:
                break
        self._select(*selected)
        self.updateGeometry()

    def _select(self, anchor: int, position: int) -> None:
        """Puts the caret back where it was: what is written at it would move it, or its anchor alone."""
        caret = self.textCursor()
        if (caret.anchor(), caret.position()) == (anchor, position):
            return
        last = self.document().characterCount() - 1
        caret.setPosition(min(anchor, last))
        caret.setPosition(min(position, last), QTextCursor.MoveMode.KeepAnchor)
        self.setTextCursor(caret)

    def _begin(self) -> TextWriter:
        self.document().clear()
        self._looks = Looks(self.font(), self.palette())
        self._writer = TextWriter(self.document(), self._looks)
        self._stream = self._new_stream()
        self._next, self._written = (0, 0), 0
        space = self._looks.metrics.horizontalAdvance(" ")
        self.setTabStopDistance(space * 8)
        return self._writer

    def _take(self) -> str:
        """What is written next: some pieces, or a part of one. Empty if there is nothing, or enough is shown."""
        taken: list[str] = []
        size = 0
        index, offset = self._next
        while index < len(self._pieces) and size < _SLICE and self._written + size <= MOST_SHOWN:
            part = self._pieces[index][offset : offset + _SLICE - size]
            taken.append(part)
            size += len(part)
            offset += len(part)
            if offset >= len(self._pieces[index]):
                index, offset = index + 1, 0
        self._next = (index, offset)
        self._written += size
        return "".join(taken)

    # Size

    def hasHeightForWidth(self) -> bool:  # noqa: N802
        return True

    def heightForWidth(self, width: int) -> int:  # noqa: N802
        if width != self.lineWrapColumnOrWidth():
            self.setLineWrapColumnOrWidth(width)
        if not self._written or self._writer is None:
            return 0
        return math.ceil(self.document().size().height() + self._writer.room_below)

    def sizeHint(self) -> QSize:  # noqa: N802
        return QSize(0, 0)

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        return QSize(0, 0)

    # Qt

    def loadResource(self, kind: int, name: QUrl | str) -> object:  # noqa: N802
        return QImage(1, 1, QImage.Format.Format_ARGB32)

    def createMimeDataFromSelection(self) -> QMimeData:  # noqa: N802
        """Plain text only, for the clipboard and for dragging."""
        data = QMimeData()
        data.setText(self.textCursor().selection().toPlainText())
        return data

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        if self._looks is not None:
            painter = QPainter(self.viewport())
            paint_decorations(painter, self.document(), self._looks, QRectF(event.rect()))
            painter.end()
        super().paintEvent(event)

    def wheelEvent(self, event: QWheelEvent) -> None:  # noqa: N802
        event.ignore()  # the conversation scrolls, not the message

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        if event.matches(QKeySequence.StandardKey.MoveToNextPage) or event.matches(
            QKeySequence.StandardKey.MoveToPreviousPage
        ):
            event.ignore()
            return
        before = self.textCursor().position()
        super().keyPressEvent(event)
        if self.textCursor().position() != before:
            self.caret_moved.emit(self.cursorRect())

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802
        super().changeEvent(event)
        looks = self._looks
        if looks is not None and (self.font() != looks.font or colours(self.palette()) is not looks.colours):
            self._writer = self._looks = None
            self.rewrite_wanted.emit()

    @Slot(QUrl)
    def _on_anchor_clicked(self, address: QUrl) -> None:
        self.link_activated.emit(address.toString(QUrl.ComponentFormattingOption.FullyEncoded))
