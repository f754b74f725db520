"""One memory of the computer as a stacked bar: who takes what of it, and what does not fit.

The bar ends where the memory ends. What does not fit lies beyond a mark there, hatched. Between the parts there is a
gap in the colour of the ground, so that they stay apart whichever of them are there.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QEvent, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QHelpEvent, QPainter, QPainterPath, QPaintEvent, QPalette, QPen
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from app.core.memory import DeviceBill, DeviceMemory
from app.ui.plain_text import tool_tip
from app.ui.theme import Colours, colours


class Part(enum.Enum):
    """What a piece of memory is for, in the order of the bar."""

    OTHERS = enum.auto()
    WEIGHTS = enum.auto()
    CACHE = enum.auto()
    BUFFERS = enum.auto()
    PAGES = enum.auto()
    LEFT = enum.auto()
    MISSING = enum.auto()


@dataclass(frozen=True, slots=True)
class Share:
    """How many bytes a part takes. `words` say what it is."""

    part: Part
    size: int
    words: str = ""


def needed(bill: DeviceBill) -> int:
    """Bytes that must be there for the model to run well: pages count as far as they are nowhere else."""
    return bill.required + max(0, bill.mapped - bill.weights)


def sizes_of(memory: DeviceMemory, bill: DeviceBill) -> dict[Part, int]:
    """How `memory` would be shared out with the model loaded. Without a known total, only what the model takes."""
    is_known = memory.total > 0
    room = memory.free - bill.required if is_known else bill.mapped
    # The system drops pages that are there twice before anything else has to go.
    pages = max(needed(bill) - bill.required, min(bill.mapped, room))
    return {
        Part.OTHERS: max(0, memory.total - memory.free) if is_known else 0,
        Part.WEIGHTS: bill.weights,
        Part.CACHE: bill.kv_cache,
        Part.BUFFERS: bill.buffers,
        Part.PAGES: pages,
        Part.LEFT: max(0, room - pages),
        Part.MISSING: max(0, pages - room),
    }


class BillBar(QWidget):
    """Draws shares. Each says what it is where the mouse rests on it."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._shares: tuple[Share, ...] = ()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def show_shares(self, shares: Sequence[Share]) -> None:
        """Those of one memory, in their order; those that take nothing are left out."""
        self._shares = tuple(share for share in shares if share.size > 0)
        self.update()

    def areas(self) -> list[tuple[Share, QRectF]]:
        """Where each share is drawn, in the widget's coordinates."""
        em = self.fontMetrics().height()
        top = em * 0.15
        height = self.height() - 2 * top
        areas = []
        left = 0.0
        for share, width in zip(self._shares, self._widths(em * 0.3), strict=True):
            areas.append((share, QRectF(left, top, width, height)))
            left += width
        return areas

    def _widths(self, least: float) -> list[float]:
        """In proportion, but none so narrow that it could not be seen."""
        sizes = _cut_to_total(self._shares)
        each = self.width() / max(1, sum(sizes))
        narrow = [size * each < least for size in sizes]
        wide = sum(size for size, is_narrow in zip(sizes, narrow, strict=True) if not is_narrow)
        each = (self.width() - least * sum(narrow)) / max(1, wide)
        return [least if is_narrow else size * each for size, is_narrow in zip(sizes, narrow, strict=True)]

    def sizeHint(self) -> QSize:  # noqa: N802
        em = self.fontMetrics().height()
        return QSize(em * 10, round(em * 1.2))

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        return QSize(self.fontMetrics().height() * 4, self.sizeHint().height())

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent) and event.type() == QEvent.Type.ToolTip:
            self._show_tool_tip(event)
            return True
        return super().event(event)

    def _show_tool_tip(self, event: QHelpEvent) -> None:
        for share, area in self.areas():
            if area.left() <= event.pos().x() < area.right():
                QToolTip.showText(event.globalPos(), tool_tip(share.words), self, area.toAlignedRect())
                return

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        areas = self.areas()
        if not areas:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        look = colours(self.palette())
        em = self.fontMetrics().height()
        whole = QRectF(0, areas[0][1].top(), self.width(), areas[0][1].height()).adjusted(0.5, 0, -0.5, 0)
        outline = QPainterPath()
        outline.addRoundedRect(whole, em * 0.2, em * 0.2)
        painter.setClipPath(outline)
        gap = max(1.0, em * 0.08)
        for share, area in areas:
            paint_part(painter, area.adjusted(0, 0, -gap, 0), share.part, look, em)
        painter.setClipping(False)
        painter.setPen(QPen(QColor(look.secondary), 1))
        painter.drawPath(outline)
        if areas[-1][0].part is Part.MISSING:
            end = QRectF(areas[-1][1].left() - gap, 0, gap * 2, self.height())
            painter.fillRect(end, self.palette().color(QPalette.ColorRole.WindowText))


def paint_part(painter: QPainter, area: QRectF, part: Part, look: Colours, em: float) -> None:
    """Fills `area` as that of `part`; `em` is the height of the font."""
    if part is Part.MISSING:
        _paint_hatching(painter, area, look, em)
    elif part in _COLOURS:
        painter.fillRect(area, QColor(getattr(look, _COLOURS[part])))
    else:
        painter.fillRect(area, QColor(look.surface))


_COLOURS = {
    Part.OTHERS: "bill_others",
    Part.WEIGHTS: "bill_weights",
    Part.CACHE: "bill_cache",
    Part.BUFFERS: "bill_buffers",
    Part.PAGES: "bill_pages",
}


def _paint_hatching(painter: QPainter, area: QRectF, look: Colours, em: float) -> None:
    painter.save()
    painter.setClipRect(area, Qt.ClipOperation.IntersectClip)
    painter.fillRect(area, QColor(look.danger_surface))
    painter.setPen(QPen(QColor(look.danger), max(1.2, em * 0.1)))
    left = area.left() - area.height()
    while left < area.right():
        painter.drawLine(round(left), round(area.bottom()), round(left + area.height()), round(area.top()))
        left += max(4.0, em * 0.32)
    painter.restore()


def _cut_to_total(shares: Sequence[Share]) -> list[int]:
    """The sizes to be drawn. What is missing is drawn on its own, so it is taken off the others, last first."""
    sizes = [share.size for share in shares]
    excess = sum(share.size for share in shares if share.part is Part.MISSING)
    for index in reversed(range(len(shares))):
        if shares[index].part is not Part.MISSING:
            cut = min(excess, sizes[index])
            sizes[index] -= cut
            excess -= cut
    return sizes
