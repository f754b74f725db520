"""The text of one message: selectable, read-only, as high as it is long, written a little at a time.

It never reads a file or opens an address: what Qt asks it to load is an empty picture, whatever the name. Returning
nothing would not do, since Qt then loads the name by itself.

Colours of code and drawings of maths come after the text, once they have been in sight, in slices of their own: what
nobody looks at costs nothing. What a model thought before it answered stands folded above the text.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QMimeData, QPointF, QRect, QRectF, QSize, Qt, QTimer, QUrl, Signal, Slot
from PySide6.QtGui import (
    QHelpEvent,
    QImage,
    QKeyEvent,
    QKeySequence,
    QPainter,
    QPaintEvent,
    QPalette,
    QResizeEvent,
    QTextBlock,
    QTextCursor,
    QWheelEvent,
)
from PySide6.QtWidgets import QFrame, QSizePolicy, QTextBrowser, QTextEdit, QToolTip, QWidget

from app.core.reasoning import LAST_TAG, ReasoningSplitter, answer_in, ends_without_beginning
from app.ui.code_buttons import CodeButtons
from app.ui.code_colours import CodeColours
from app.ui.decorations import paint_decorations
from app.ui.leaves import Paragraph, Span
from app.ui.looks import Looks
from app.ui.markdown_stream import TextStream
from app.ui.message_text import TextWriter
from app.ui.plain_text import tool_tip
from app.ui.theme import colours, take_font

if TYPE_CHECKING:
    from app.ui.reasoning_block import ReasoningBlock

MOST_SHOWN = 100_000  # characters; a document takes a hundred times the memory of its text
_SLICE = 2_000  # characters written at once at most,
_FIRST_SLICE = 1_000  # and before it is known how long they take
_QUICK = 0.008  # seconds that a slice should take at most
_ADORNING = 0.003  # seconds of a frame for colours and maths
_FRAME = 16  # milliseconds
_REST = 1.0  # seconds without a word, after which what is not finished gets its colours too
_LONGEST_ADDRESS = 300  # characters shown of where a link leads to

_INTERACTION = Qt.TextInteractionFlag.TextBrowserInteraction | Qt.TextInteractionFlag.TextSelectableByKeyboard


class MessageBrowser(QTextBrowser):
    """Shows what `append` was given once `work` was called often enough."""

    link_activated = Signal(str)
    caret_moved = Signal(QRect)  # by a key, in the widget's coordinates: it has to be brought into sight
    rewrite_wanted = Signal()  # font or colours have changed: there is work again

    def __init__(
        self, new_stream: Callable[[], TextStream], parent: QWidget | None = None, *, has_reasoning: bool = False
    ) -> None:
        super().__init__(parent)
        self._has_reasoning = has_reasoning  # whether a text may begin with it
        self._splitter: ReasoningSplitter | None = None
        self._is_begun = False  # whether the text begins with reasoning, though no tag says so
        self._recent = ""  # the last characters
        self._is_ended = False
        self._reasoning = ""
        self._reasoning_seconds = 0.0
        self._thinking_since: float | None = None
        self._block: ReasoningBlock | None = None
        self._opens_reasoning = False
        self._colours: CodeColours | None = None
        self._buttons = CodeButtons(self)
        self._written_at = 0.0
        self._timer = QTimer(self, singleShot=True, interval=_FRAME)
        self._timer.timeout.connect(self._on_timer_timeout)
        self._new_stream = new_stream
        self._stream = new_stream()
        self._writer: TextWriter | None = None
        self._looks: Looks | None = None
        self._pieces: list[str] = []
        self._next = (0, 0)  # the piece to be written next, and where in it
        self._written = 0  # characters
        self._slice = _FIRST_SLICE
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
            self._is_ended = False
            recent = self._recent + text
            self._recent = recent[-len(LAST_TAG) :]
            if self._has_reasoning and LAST_TAG in recent and not self._is_begun:
                self._look_for_an_end()

    def text(self) -> str:
        """The whole text, as it was given."""
        return "".join(self._pieces)

    def answer(self) -> str:
        """The text without the reasoning before it."""
        return answer_in(self.text()) if self._has_reasoning else self.text()

    def formulas_with(self, text: str) -> Iterator[QTextCursor]:
        """The drawings of maths that have `text` in their source."""
        if self._writer is None or self._writer.maths is None:
            return iter(())
        from app.ui.maths_objects import formulas_with  # noqa: PLC0415 - it has been imported if there is maths

        return formulas_with(text, self.document())

    def end_writing(self, reasoning_seconds: float = 0) -> None:
        """Nothing more will come for now. 0: it is not known how long the reasoning took."""
        self._is_ended = True
        self._reasoning_seconds = reasoning_seconds or self._reasoning_seconds
        self._show_reasoning("")

    def has_work(self) -> bool:
        """Whether there is text that is not shown yet."""
        if self._block is not None and self._block.is_open() and self._inner.has_work():
            return True
        return self._writer is None or (self._next[0] < len(self._pieces) and self._written <= MOST_SHOWN)

    def tab_chain(self) -> list[QWidget]:
        """What one gets to with the tab key, in reading order."""
        return [*(self._block.tab_chain() if self._block else []), self, *self._buttons.buttons]

    def work(self, deadline: float) -> None:
        """Shows some more, until `time.perf_counter()` is `deadline`, or all is shown."""
        caret = self.textCursor()
        selected = (caret.anchor(), caret.position())
        writer = self._writer or self._begin()
        began = time.perf_counter()
        while piece := self._take():
            writer.write(*self._stream.advance(self._without_reasoning(piece)))
            now = time.perf_counter()
            self._slice = max(_SLICE // 16, min(round(len(piece) * _QUICK / (now - began)), _SLICE))
            began = now
            if self._written > MOST_SHOWN:
                note = self.tr("The rest is too long to be shown. Copy takes all of it.")
                writer.write([Paragraph((Span(note, italic=True),))], [])
            if time.perf_counter() > deadline:
                break
        self._select(*selected)
        self._written_at = time.perf_counter()
        if self._block is not None and self._block.is_open() and self._inner.has_work():
            self._inner.work(deadline)
        self._buttons.show(writer.codes)
        self._place_children()
        self.updateGeometry()
        if self._splitter and self._splitter.undecided:
            self._timer.start(_FRAME)

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
        self._next, self._written, self._slice = (0, 0), 0, _FIRST_SLICE
        self._colours = CodeColours(self.document(), self._looks)
        self._begin_reasoning()
        space = self._looks.metrics.horizontalAdvance(" ")
        self.setTabStopDistance(space * 8)
        return self._writer

    def _take(self) -> str:
        """What is written next: some pieces, or a part of one. Empty if there is nothing, or enough is shown."""
        taken: list[str] = []
        size = 0
        index, offset = self._next
        while index < len(self._pieces) and size < self._slice and self._written + size <= MOST_SHOWN:
            part = self._pieces[index][offset : offset + self._slice - size]
            taken.append(part)
            size += len(part)
            offset += len(part)
            if offset >= len(self._pieces[index]):
                index, offset = index + 1, 0
        self._next = (index, offset)
        self._written += size
        return "".join(taken)

    # Reasoning

    @property
    def is_reasoning_open(self) -> bool:
        """Whether all of the reasoning is shown, if there is any."""
        return self._opens_reasoning if self._block is None else self._block.is_open()

    def open_reasoning(self) -> None:
        """Shows all of it, once it is there."""
        self._opens_reasoning = True
        if self._block is not None and not self._block.is_open():
            self._block.button.click()

    def _look_for_an_end(self) -> None:
        """A tag that only ends reasoning may show that all there is was reasoning."""
        if ends_without_beginning(self.text()):
            self._is_begun = True
            if self._writer is not None:
                self._writer = None
                self.rewrite_wanted.emit()

    def _begin_reasoning(self) -> None:
        self._splitter = ReasoningSplitter(is_begun=self._is_begun) if self._has_reasoning else None
        self._reasoning = ""
        if self._block is not None:
            self._inner.clear_text()

    def _without_reasoning(self, piece: str) -> str:
        """What of `piece` belongs to the answer."""
        if self._splitter is None:
            return piece
        reasoning, answer = self._splitter.advance(piece)
        self._reasoning += reasoning if self._reasoning else reasoning.lstrip()
        if self._reasoning:
            self._new_block()
            self._inner.append_text(reasoning)
        now = time.perf_counter()
        if self._splitter.is_inside and self._thinking_since is None and not self._is_ended:
            self._thinking_since = now
        elif not self._splitter.is_inside and self._thinking_since is not None:
            self._reasoning_seconds = self._reasoning_seconds or now - self._thinking_since
            self._thinking_since = None
        if reasoning or answer:
            self._show_reasoning(reasoning)
        return answer

    def _new_block(self) -> None:
        from app.ui.reasoning_block import ReasoningBlock  # noqa: PLC0415 - at first use

        if self._block is not None:
            return
        self._inner = MessageBrowser(self._new_stream)
        self._inner.link_activated.connect(self.link_activated)
        self._inner.rewrite_wanted.connect(self.rewrite_wanted)
        self._block = ReasoningBlock(self._inner, self)
        take_font(self._block)
        self._block.follow(self.palette())
        self._block.button.set_open(self._opens_reasoning)
        self._block.folded.connect(self._on_block_folded)
        QWidget.setTabOrder(self._block.button, self._inner)
        QWidget.setTabOrder(self._inner, self)
        self._block.show()

    def _show_reasoning(self, _more: str) -> None:
        if self._block is None or self._splitter is None:
            return
        if self._splitter.is_inside and not self._is_ended:
            lines = self._reasoning[-_LONGEST_ADDRESS:].rstrip().rsplit("\n", 1)
            self._block.show_thinking(lines[-1].strip())
        else:
            self._block.show_thought(self._reasoning_seconds)

    def _on_block_folded(self) -> None:
        self._place_children()
        self.updateGeometry()
        self.rewrite_wanted.emit()

    # Colours and maths

    def _on_timer_timeout(self) -> None:
        if self._writer is not None and self._show_undecided(self._writer) | self._adorn(self._writer):
            self._timer.start(_FRAME)

    def _show_undecided(self, writer: TextWriter) -> bool:
        """Shows what might have become a tag, if it does not go on. True if it still may."""
        if self._splitter is None or not self._splitter.undecided:
            return False
        if not self._is_at_rest():
            return True
        closed, tail = self._new_stream().advance(self._splitter.undecided)
        writer.write([], [*closed, *tail])
        self.updateGeometry()
        return False

    def _is_at_rest(self) -> bool:
        return self._is_ended or time.perf_counter() - self._written_at > _REST

    def _adorn(self, writer: TextWriter) -> bool:
        """Colours and draws some of what is in sight. True if there is more."""
        if self._colours is None or not (writer.codes or writer.maths):
            return False
        seen = self.visibleRegion().boundingRect().translated(-self.viewport().pos())
        if seen.isEmpty():
            return False
        deadline = time.perf_counter() + _ADORNING
        first, last = self._block_at(seen.top()), self._block_at(seen.bottom()).blockNumber() + 1
        return self._draw(writer, first, last, deadline) | self._colour(writer, first, last, deadline)

    def _draw(self, writer: TextWriter, first: QTextBlock, last: int, deadline: float) -> bool:
        if writer.maths is None:
            return False
        drawn = False
        while writer.draw_maths(first, last):
            drawn = True
            if time.perf_counter() > deadline:
                break
        if drawn:
            self._place_children()
            self.updateGeometry()
        return drawn or writer.maths.waits

    def _colour(self, writer: TextWriter, first: QTextBlock, last: int, deadline: float) -> bool:
        at_rest, more = self._is_at_rest(), False
        assert self._colours is not None
        for index, place in enumerate(writer.codes):
            following = writer.codes[index + 1].cursor if index + 1 < len(writer.codes) else None
            if following is not None and following.position() <= first.position():
                continue
            if place.cursor.block().blockNumber() > last:
                break
            finished, version = writer.finished, writer.version
            more |= self._colours.work(place, last, finished, version, deadline, at_rest=at_rest)
        if not at_rest and writer.codes and writer.finished <= self.document().characterCount() - 1:
            more = True
        return more

    def _block_at(self, y: float) -> QTextBlock:
        layout = self.document().documentLayout()
        block = self.document().findBlock(layout.hitTest(QPointF(0, y), Qt.HitTestAccuracy.FuzzyHit))
        return block if block.isValid() else self.document().lastBlock()

    # Size

    def _place_children(self) -> None:
        """Puts the reasoning above the text and the buttons on it."""
        top = 0
        if self._block is not None:
            top = self._block.height_for(self.width())
            self._block.setGeometry(0, 0, self.width(), top)
        if self.viewportMargins().top() != top:
            self.setViewportMargins(0, top, 0, 0)
        if self._buttons.buttons and self._looks and self._writer:
            layout = self.document().documentLayout()
            for index, place in enumerate(self._writer.codes[: len(self._buttons.buttons)]):
                area = layout.blockBoundingRect(place.cursor.block()).translated(0, top)
                area.setRight(self.document().textWidth())
                self._buttons.place(index, area, self._looks)

    def clear_text(self) -> None:
        """Begins again with nothing."""
        self._pieces = []
        self._writer = None

    def hasHeightForWidth(self) -> bool:  # noqa: N802
        return True

    def heightForWidth(self, width: int) -> int:  # noqa: N802
        if width != self.lineWrapColumnOrWidth():
            self.setLineWrapColumnOrWidth(width)
        if not self._written or self._writer is None:
            return 0
        above = self._block.height_for(width) if self._block is not None else 0
        if above and self.document().isEmpty():
            return above
        return math.ceil(self.document().size().height() + self._writer.room_below) + above

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
        cursor = self.textCursor()
        text = cursor.selection().toPlainText()
        if self._writer is not None and self._writer.maths is not None:
            from app.ui.maths_objects import source_in  # noqa: PLC0415 - it has been imported if there is maths

            text = source_in(text, self.document(), cursor.selectionStart(), cursor.selectionEnd())
        data.setText(text)
        return data

    def viewportEvent(self, event: QEvent) -> bool:  # noqa: N802
        """Says where a link leads to."""
        if isinstance(event, QHelpEvent):
            address = self.anchorAt(event.pos())
            QToolTip.showText(event.globalPos(), tool_tip(address[:_LONGEST_ADDRESS]), self.viewport())
            return True
        return super().viewportEvent(event)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        super().resizeEvent(event)
        self._place_children()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        if self._looks is not None:
            painter = QPainter(self.viewport())
            paint_decorations(painter, self.document(), self._looks, QRectF(event.rect()))
            painter.end()
        super().paintEvent(event)
        if self._writer and (self._writer.codes or self._writer.maths) and not self._timer.isActive():
            self._timer.start(0 if self._is_at_rest() else _FRAME)

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
            self.caret_moved.emit(self.cursorRect().translated(self.viewport().pos()))

    def focusNextPrevChild(self, forward: bool) -> bool:  # noqa: N802
        """In the text the tab key goes to its links; from what lies on it, on to what is next."""
        if not self.hasFocus():
            return QWidget.focusNextPrevChild(self, forward)
        has_moved = super().focusNextPrevChild(forward)
        if self.hasFocus():
            self.caret_moved.emit(self.cursorRect().translated(self.viewport().pos()))
        return has_moved

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802
        super().changeEvent(event)
        looks = self._looks
        if looks is None:
            return
        text_colour = self.palette().color(QPalette.ColorRole.Text).name()
        has_other_colours = colours(self.palette()) is not looks.colours
        if self._block is not None and event.type() == QEvent.Type.PaletteChange:
            self._block.follow(self.palette())
        if self._block is not None and event.type() == QEvent.Type.FontChange:
            take_font(self._block)
        if self._writer is not None and self._writer.maths is not None:
            has_other_colours |= text_colour != looks.text_colour
        if self.font() != looks.font or has_other_colours:
            self._writer = self._looks = None
            self.rewrite_wanted.emit()

    @Slot(QUrl)
    def _on_anchor_clicked(self, address: QUrl) -> None:
        self.link_activated.emit(address.toString(QUrl.ComponentFormattingOption.FullyEncoded))
