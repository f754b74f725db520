"""Maths in a document: first as its source, then, when there is time, as a drawing in its place.

A drawing is a character with an object of our own: no image format, so that Qt has no name that it could look up. The
source stays with it, to be copied. A drawing that is wider than the text is made smaller.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from itertools import repeat

from PySide6.QtCore import QByteArray, QRect, QRectF, QSizeF, Qt
from PySide6.QtGui import (
    QFontMetricsF,
    QImage,
    QPainter,
    QPyTextObject,
    QTextBlock,
    QTextCharFormat,
    QTextCursor,
    QTextDocument,
    QTextFormat,
)
from PySide6.QtSvg import QSvgRenderer

from app.ui.looks import Looks
from app.ui.maths import Drawing, Formula, drawing_of

_USER = int(QTextFormat.Property.UserProperty)
SOURCE = _USER + 10  # as it was written, of the source and of the drawing
_TEX = _USER + 11
_IS_DISPLAY = _USER + 12
_INDEX = _USER + 13  # of the drawing
_KIND = int(QTextFormat.ObjectTypes.UserObject) + 1
OBJECT = "\ufffc"
_MOST_INSERTED = 1000  # drawings out of sight: for each, Qt asks for its size whenever it lays out the text
_LARGER = 1.15  # than the text around it: its letters are smaller


class MathsObjects(QPyTextObject):
    """Draws the maths of one document."""

    def __init__(self, document: QTextDocument, looks: Looks) -> None:
        super().__init__(document)
        self._document = document
        self._looks = looks
        self._drawings: list[Drawing] = []
        self._indices: dict[Drawing, int] = {}
        self._inserted = 0
        self._sizes: dict[tuple[int, float], QSizeF] = {}  # by the index and the width of the text
        self._refused: set[str] = set()  # sources that stay as they are
        self.waits = False  # whether `replace_one` has seen maths that may become a drawing soon
        document.documentLayout().registerHandler(_KIND, self)

    # Writing

    def insert(self, cursor: QTextCursor, text: str, tex: str, look: QTextCharFormat, *, is_display: bool) -> None:
        """Inserts maths: its drawing if there is one already, else its source, `text`."""
        marked = QTextCharFormat(look)
        marked.setProperty(SOURCE, text)
        marked.setProperty(_TEX, tex)
        marked.setProperty(_IS_DISPLAY, is_display)
        made = self._object(marked) if self._inserted < _MOST_INSERTED else None
        if made is not None:
            self._inserted += 1
            cursor.insertText(OBJECT, made)
        else:
            cursor.insertText(text, marked)

    def replace_one(self, first: QTextBlock, last: int) -> tuple[int, int] | None:
        """Puts a drawing in the place of a source, up to the block of number `last`.

        Returns where the source ended, and how much nearer the beginning what comes after is now.
        """
        block, self.waits = first, False
        while block.isValid() and block.blockNumber() <= last:
            for start, marked in list(_sources_in(block)):
                source = marked.property(SOURCE)
                if source in self._refused:
                    continue
                made = self._object(marked)
                if made is None:
                    self.waits = self.waits or source not in self._refused
                    continue
                cursor = QTextCursor(self._document)
                cursor.setPosition(start)
                cursor.setPosition(start + _units(source), QTextCursor.MoveMode.KeepAnchor)
                cursor.insertText(OBJECT, made)
                return start + _units(source), _units(source) - 1
            block = block.next()
        return None

    def _object(self, marked: QTextCharFormat) -> QTextCharFormat | None:
        """The look of the drawing; None if there is none, or not yet."""
        drawing = self._drawing(marked)
        if drawing is None:
            return None
        if drawing not in self._indices:
            self._indices[drawing] = len(self._drawings)
            self._drawings.append(drawing)
        made = QTextCharFormat(marked)
        made.setObjectType(_KIND)
        made.setVerticalAlignment(QTextCharFormat.VerticalAlignment.AlignMiddle)
        made.setProperty(_INDEX, self._indices[drawing])
        return made

    def _drawing(self, marked: QTextCharFormat) -> Drawing | None:
        # A heading is larger by steps of a fifth.
        steps = marked.property(QTextFormat.Property.FontSizeAdjustment) or 0
        size = self._looks.pixels * _LARGER * (1 + 0.2 * steps)
        is_display = bool(marked.property(_IS_DISPLAY))
        colour = self._looks.colours.accent if marked.isAnchor() else self._looks.text_colour
        future = drawing_of(Formula(marked.property(_TEX), is_display, size, colour))
        if future is None or not future.done():
            return None
        drawing = future.result()
        if drawing is None:
            self._refused.add(marked.property(SOURCE))
        return drawing

    # Qt

    def intrinsicSize(self, document: QTextDocument, _position: int, look: QTextFormat) -> QSizeF:  # noqa: N802
        """As high as it takes for Qt, which puts the middle of it at that of a small letter.

        Qt asks for each drawing whenever it paints.
        """
        place = (look.property(_INDEX), document.textWidth())
        if place not in self._sizes:
            self._sizes[place] = self._size(self._drawings[place[0]], look, place[1])
        return self._sizes[place]

    def _size(self, drawing: Drawing, look: QTextFormat, width: float) -> QSizeF:
        scale = self._scale(drawing, width)
        ascent, descent = (drawing.height - drawing.descent) * scale, drawing.descent * scale
        middle = QFontMetricsF(look.toCharFormat().font()).xHeight() / 2
        return QSizeF(drawing.width * scale, max(2 * ascent - middle, 2 * descent + middle))

    def drawObject(  # noqa: N802
        self, painter: QPainter, area: QRectF | QRect, document: QTextDocument, position: int, look: QTextFormat
    ) -> None:
        drawing = self._drawings[look.property(_INDEX)]
        scale = self._scale(drawing, document.textWidth())
        block = document.findBlock(position)
        line = block.layout().lineForTextPosition(position - block.position())
        baseline = document.documentLayout().blockBoundingRect(block).top() + line.y() + line.ascent()
        top = baseline - (drawing.height - drawing.descent) * scale
        target = QRectF(area.left(), top, drawing.width * scale, drawing.height * scale)
        painter.drawImage(target, _picture(drawing, painter.device().devicePixelRatioF() * scale))

    def _scale(self, drawing: Drawing, width: float) -> float:
        room = width - self._looks.em * 2
        return min(1.0, room / drawing.width) if room > 0 else 1.0


@functools.lru_cache(maxsize=200)
def _picture(drawing: Drawing, ratio: float) -> QImage:
    picture = QImage(
        max(1, round(drawing.width * ratio)),
        max(1, round(drawing.height * ratio)),
        QImage.Format.Format_ARGB32_Premultiplied,
    )
    picture.fill(Qt.GlobalColor.transparent)
    painter = QPainter(picture)
    QSvgRenderer(QByteArray(drawing.svg)).render(painter)
    painter.end()
    return picture


def _sources_in(block: QTextBlock) -> Iterator[tuple[int, QTextCharFormat]]:
    """Maths that is not drawn, and where it begins."""
    for part in block:  # type: ignore[attr-defined]
        fragment = part.fragment()
        look = fragment.charFormat()
        if look.hasProperty(_TEX) and look.objectType() != _KIND:
            yield fragment.position(), look


def formulas_with(text: str, document: QTextDocument) -> Iterator[QTextCursor]:
    """What is drawn in `document` and has `text` in its source: once for each time."""
    sought = text.lower()
    cursor = document.find(OBJECT)
    while not cursor.isNull():
        source = str(cursor.charFormat().property(SOURCE) or "")
        yield from repeat(cursor, source.lower().count(sought))
        cursor = document.find(OBJECT, cursor)


def source_in(text: str, document: QTextDocument, start: int, end: int) -> str:
    """`text`, which is that between two places of `document`, with the sources of what is drawn in it."""
    if OBJECT not in text:
        return text
    sources = _drawn_between(document, start, end)
    return "".join(next(sources, "") if char == OBJECT else char for char in text)


def _drawn_between(document: QTextDocument, start: int, end: int) -> Iterator[str]:
    block = document.findBlock(start)
    while block.isValid() and block.position() < end:
        for part in block:  # type: ignore[attr-defined]
            fragment = part.fragment()
            look = fragment.charFormat()
            if look.objectType() == _KIND:
                first = max(start, fragment.position())
                for _ in range(first, min(end, fragment.position() + fragment.length())):
                    yield str(look.property(SOURCE)).replace("\u2028", "\n")
        block = block.next()


def _units(text: str) -> int:
    """The length that Qt counts."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2
