"""A line of the memory bill's legend."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QAccessible, QColor, QFocusEvent, QPainter, QPaintEvent, QPalette, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.core.units import format_bytes
from app.ui.accessibility import describe, name_changed
from app.ui.bill_bar import Part, paint_part
from app.ui.plain_text import tool_tip
from app.ui.theme import colours


class BillRow(QWidget):
    """A line of the legend. It says what the part is where the mouse rests on it, or when the arrow keys get there."""

    def __init__(self, part: Part, name: str) -> None:
        super().__init__()
        describe(BillRow, QAccessible.Role.ListItem, BillRow.words_in_sight)
        self.part = part
        self._name = name
        self._size = ""
        self._explanation = ""
        self.setObjectName(f"bill_{part.name.lower()}")
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)

    def words(self) -> str:
        """Name and size."""
        return f"{self._name} {self._size}"

    def words_in_sight(self) -> str:
        """Nothing if it is hidden: some programs that read the screen read that too."""
        return "" if self.isHidden() else self.words()

    def show_size(self, size: int, explanation: str) -> None:
        """Shows `size`, in bytes."""
        self._size = format_bytes(size)
        self._explanation = explanation
        self.setAccessibleDescription(explanation)
        self.setToolTip(tool_tip(explanation))
        name_changed(self)
        self.updateGeometry()
        self.update()

    def heightForWidth(self, width: int) -> int:  # noqa: N802
        text = self._text_area(width)
        bounds = self.fontMetrics().boundingRect(text, int(Qt.TextFlag.TextWordWrap), self._name)
        return bounds.height() + 2 * self._padding()

    def sizeHint(self) -> QSize:  # noqa: N802
        metrics = self.fontMetrics()
        width = metrics.horizontalAdvance(self._name + self._size) + metrics.height() * 3
        return QSize(width, metrics.height() + 2 * self._padding())

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        metrics = self.fontMetrics()
        longest_word = max(map(metrics.horizontalAdvance, self._name.split()))
        width = longest_word + metrics.horizontalAdvance(self._size) + metrics.height() * 2
        return QSize(width, metrics.height() + 2 * self._padding())

    def _padding(self) -> int:
        return max(1, self.fontMetrics().height() // 10)

    def _text_area(self, width: int) -> QRect:
        """Between the square and the size; as high as needed."""
        em = self.fontMetrics().height()
        left = round(em * 1.15)
        right = width - self.fontMetrics().horizontalAdvance(self._size) - em // 2
        return QRect(left, self._padding(), max(1, right - left), 1000 * em)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        look = colours(self.palette())
        em = self.fontMetrics().height()
        side = round(em * 0.6)
        square = QRectF(em * 0.2, self._padding() + (em - side) // 2, side, side)
        paint_part(painter, square, self.part, look, em)
        painter.setPen(QPen(QColor(look.secondary), 1))
        painter.drawRect(square)
        painter.setPen(self.palette().color(QPalette.ColorRole.WindowText))
        painter.drawText(self._text_area(self.width()), int(Qt.TextFlag.TextWordWrap), self._name)
        amount = self.rect().adjusted(0, self._padding(), -em // 6, 0)
        painter.drawText(amount, int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignTop), self._size)
        if self.hasFocus():
            painter.end()
            paint_border(self, look.accent)

    def focusInEvent(self, event: QFocusEvent) -> None:  # noqa: N802
        super().focusInEvent(event)
        self.update()

    def focusOutEvent(self, event: QFocusEvent) -> None:  # noqa: N802
        super().focusOutEvent(event)
        self.update()

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802
        super().changeEvent(event)
        if event.type() == QEvent.Type.FontChange:
            self.updateGeometry()


def paint_border(widget: QWidget, colour: str) -> None:
    """A thin, rounded line around `widget`, such as shows where the focus is."""
    painter = QPainter(widget)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(QColor(colour))
    radius = widget.fontMetrics().height() * 0.3
    painter.drawRoundedRect(QRectF(widget.rect()).adjusted(0.5, 0.5, -0.5, -0.5), radius, radius)
