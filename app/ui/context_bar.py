"""The context of the model as a bar: what fills it, and what is left.

The colours are those of the memory bill, in its order, so that neighbours differ; between the parts there is a gap in
the colour of the ground.
"""

from __future__ import annotations

import enum

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPainterPath, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.engine.protocol import PromptPreviewed
from app.ui.theme import Colours, colours


class Part(enum.Enum):
    """What tokens of the context are for, in the order of the bar. The value is a colour of the theme."""

    SYSTEM = "bill_others"
    HISTORY = "bill_weights"
    PINNED = "bill_cache"
    NEXT = "bill_buffers"
    RESERVE = "bill_pages"
    FREE = "surface"


def sizes_of(preview: PromptPreviewed) -> dict[Part, int]:
    """How many tokens each part takes."""
    sizes = {
        Part.SYSTEM: preview.system,
        Part.HISTORY: preview.history,
        Part.PINNED: preview.pinned,
        Part.NEXT: preview.last,
        Part.RESERVE: preview.reserve,
    }
    return {**sizes, Part.FREE: max(0, preview.context_length - sum(sizes.values()))}


class ContextBar(QWidget):
    """Draws how the context is filled. It says nothing by itself: the meter around it does."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._sizes: dict[Part, int] = {}
        self._is_over = False
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

    def show_sizes(self, sizes: dict[Part, int]) -> None:
        """In tokens. None at all: nothing is known."""
        self._sizes, self._is_over = sizes, False
        self.update()

    def show_over(self) -> None:
        """More than the context holds is wanted."""
        self._sizes, self._is_over = {}, True
        self.update()

    def sizeHint(self) -> QSize:  # noqa: N802
        em = self.fontMetrics().height()
        return QSize(em * 9, round(em * 0.6))

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        return self.sizeHint()

    def areas(self) -> list[tuple[Part, QRectF]]:
        """Where each part is drawn, in the widget's coordinates; one that takes something is never too thin to see."""
        least = self.fontMetrics().height() * 0.2
        sizes = {part: size for part, size in self._sizes.items() if size > 0}
        each = self.width() / max(1, sum(sizes.values()))
        wanted = {part: max(least, size * each) for part, size in sizes.items()}
        shrink = self.width() / max(1.0, sum(wanted.values()))
        areas, left = [], 0.0
        for part, width in wanted.items():
            areas.append((part, QRectF(left, 0, width * shrink, self.height())))
            left += width * shrink
        return areas

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        look = colours(self.palette())
        outline = QPainterPath()
        radius = self.height() * 0.3
        outline.addRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), radius, radius)
        painter.setClipPath(outline)
        if self._is_over:
            _paint_hatching(painter, self.rect().toRectF(), look)
        gap = max(1.0, self.height() * 0.12)
        for part, area in self.areas():
            painter.fillRect(area.adjusted(0, 0, -gap, 0), QColor(getattr(look, part.value)))
        painter.setClipping(False)
        painter.setPen(QPen(QColor(look.danger if self._is_over else look.secondary), 1))
        painter.drawPath(outline)


def _paint_hatching(painter: QPainter, area: QRectF, look: Colours) -> None:
    """The pattern that the memory bill has for what does not fit."""
    painter.fillRect(area, QColor(look.danger_surface))
    painter.setPen(QPen(QColor(look.danger), 1.5, Qt.PenStyle.SolidLine))
    step = max(4.0, area.height() * 0.6)
    for number in range(-2, int(area.width() / step) + 1):
        left = area.left() + number * step
        painter.drawLine(int(left), int(area.bottom()), int(left + area.height()), int(area.top()))
