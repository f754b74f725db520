"""What is painted behind the text of a message: grounds and heads for code, bars beside quotes, rules.

A block format cannot say that, so blocks are marked with properties of our own.
"""

from __future__ import annotations

from collections.abc import Iterator

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QTextBlock, QTextDocument, QTextFormat

from app.ui.looks import Looks

_USER = int(QTextFormat.Property.UserProperty)
CONTAINERS = _USER + 1  # `Place.containers`
CODE = _USER + 2  # one of the three below
RULE = _USER + 3
LANGUAGE = _USER + 4  # of code, at its first line

FIRST_LINE = 1
OTHER_LINE = 2
CUT_LINE = 3  # goes on with the line before


def paint_decorations(painter: QPainter, document: QTextDocument, looks: Looks, exposed: QRectF) -> None:
    """Paints what is behind the text of `document`, as far as it is in `exposed`, in the document's coordinates."""
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    code: QRectF | None = None
    heads: list[tuple[QPointF, float, str]] = []
    bottom = exposed.top()  # of the block before
    for block, area in _blocks_in(document, exposed):
        area.setRight(document.textWidth())
        kind = block.blockFormat().property(CODE)
        if code is not None and kind not in (OTHER_LINE, CUT_LINE):
            _paint_code(painter, looks, code)
            code = None
        if kind:
            area.setLeft(block.blockFormat().leftMargin() - looks.padding())
            if kind == FIRST_LINE:
                area.setTop(area.top() - looks.head())
                heads.append((area.topLeft(), area.width(), block.blockFormat().property(LANGUAGE) or ""))
            code = area if code is None else code.united(area)
        if block.blockFormat().property(RULE):
            area.setLeft(block.blockFormat().leftMargin())
            painter.fillRect(QRectF(area.left(), area.center().y(), area.width(), 1), QColor(looks.colours.border))
        _paint_bars(painter, looks, block, area.top(), area.bottom(), bottom)
        bottom = area.bottom()
    if code is not None:
        _paint_code(painter, looks, code)
    for place, width, language in heads:
        _paint_head(painter, looks, place, width, language)


def _blocks_in(document: QTextDocument, exposed: QRectF) -> Iterator[tuple[QTextBlock, QRectF]]:
    """The blocks in sight with their areas, and one more on either side, whose decoration may reach in."""
    layout = document.documentLayout()
    block = document.findBlock(layout.hitTest(QPointF(0, exposed.top()), Qt.HitTestAccuracy.FuzzyHit))
    if block.previous().isValid():
        block = block.previous()
    while block.isValid():
        area = layout.blockBoundingRect(block)
        yield block, area
        if area.top() > exposed.bottom():
            return
        block = block.next()


def _paint_code(painter: QPainter, looks: Looks, area: QRectF) -> None:
    padding = looks.padding()
    painter.setPen(QColor(looks.colours.outline))
    painter.setBrush(QColor(looks.colours.code))
    painter.drawRoundedRect(area.adjusted(0.5, -padding, -0.5, padding), padding, padding)
    painter.setPen(Qt.PenStyle.NoPen)


def _paint_head(painter: QPainter, looks: Looks, place: QPointF, width: float, language: str) -> None:
    """The language's name. The `Copy` button beside it is a widget."""
    line = QRectF(place.x() + looks.padding(), place.y() - looks.padding() / 2, width / 2, looks.head())
    painter.setFont(looks.font)
    painter.setPen(QColor(looks.colours.secondary))
    name = looks.metrics.elidedText(language, Qt.TextElideMode.ElideRight, line.width())
    painter.drawText(line, int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft), name)
    painter.setPen(Qt.PenStyle.NoPen)


def _paint_bars(
    painter: QPainter, looks: Looks, block: QTextBlock, top: float, bottom: float, bottom_before: float
) -> None:
    """Beside a quote, and beside the room above it if the quote goes on there."""
    containers = _containers(block)
    above = _containers(block.previous())
    for index, container in enumerate(containers):
        if container == ">":
            goes_on = above[: index + 1] == containers[: index + 1]
            start = bottom_before if goes_on else top
            bar = QRectF(looks.width_of(containers[:index]), start, max(2.0, looks.em * 0.15), bottom - start)
            painter.fillRect(bar, QColor(looks.colours.border))


def _containers(block: QTextBlock) -> str:
    return block.blockFormat().property(CONTAINERS) or ""
