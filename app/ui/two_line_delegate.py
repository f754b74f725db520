"""Rows of two lines for the lists: what it is, and in grey what else there is to say."""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRect, QSize, Qt
from PySide6.QtGui import QColor, QFontMetrics, QPainter, QPalette
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem

Index = QModelIndex | QPersistentModelIndex

SECOND_LINE_ROLE = int(Qt.ItemDataRole.UserRole) + 1
MARKED_ROLE = SECOND_LINE_ROLE + 1  # bool: a dot at the end of the row


class TwoLineDelegate(QStyledItemDelegate):
    """Draws `DisplayRole` over `SECOND_LINE_ROLE`, each on one line and elided."""

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:  # noqa: N802
        metrics = QFontMetrics(option.font)
        return QSize(metrics.averageCharWidth() * 12, metrics.lineSpacing() * 2 + _margin(metrics) * 3)

    def first_line(self, option: QStyleOptionViewItem) -> QRect:
        """Where the first line of the row is."""
        metrics = QFontMetrics(option.font)
        margin = _margin(metrics)
        inner = option.rect.adjusted(margin * 2, margin, -margin * 2, -margin)
        return QRect(inner.topLeft(), QSize(inner.width(), metrics.lineSpacing()))

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        self.initStyleOption(option, index)
        title, option.text = option.text, ""
        style = option.widget.style()
        style.drawControl(QStyle.ControlElement.CE_ItemViewItem, option, painter, option.widget)
        painter.save()
        line = self.first_line(option)
        text, muted = _colours(option)
        if index.data(MARKED_ROLE):
            line.setWidth(line.width() - line.height())
            _draw_dot(painter, QRect(line.right(), line.top(), line.height(), line.height()), muted)
        _draw_line(painter, line, title, text)
        line.translate(0, line.height() + _margin(painter.fontMetrics()))
        _draw_line(painter, line, str(index.data(SECOND_LINE_ROLE)), muted)
        painter.restore()


def _margin(metrics: QFontMetrics) -> int:
    return max(2, metrics.lineSpacing() // 5)


def _colours(option: QStyleOptionViewItem) -> tuple[QColor, QColor]:
    """The colours of the two lines."""
    palette: QPalette = option.palette
    state: QStyle.StateFlag = option.state
    active = bool(state & QStyle.StateFlag.State_Active)
    group = QPalette.ColorGroup.Active if active else QPalette.ColorGroup.Inactive
    if state & QStyle.StateFlag.State_Selected:
        text = palette.color(group, QPalette.ColorRole.HighlightedText)
        return text, text
    return palette.color(group, QPalette.ColorRole.Text), palette.color(group, QPalette.ColorRole.PlaceholderText)


def _draw_line(painter: QPainter, line: QRect, text: str, colour: QColor) -> None:
    painter.setPen(colour)
    elided = painter.fontMetrics().elidedText(text, Qt.TextElideMode.ElideRight, line.width())
    painter.drawText(line, int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft), elided)


def _draw_dot(painter: QPainter, square: QRect, colour: QColor) -> None:
    third = square.width() // 3
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(colour)
    painter.drawEllipse(square.adjusted(third, third, -third, -third))
