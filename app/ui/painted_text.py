"""Lines of text for delegates that draw their rows themselves."""

from __future__ import annotations

from PySide6.QtCore import QRect, Qt
from PySide6.QtGui import QColor, QFont, QFontMetrics, QPainter, QPalette
from PySide6.QtWidgets import QStyle, QStyleOptionViewItem

LEFT = int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft)
RIGHT = int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight)


def draw_line(painter: QPainter, line: QRect, text: str, font: QFont, alignment: int = LEFT) -> int:
    """Draws what fits of `text`, and returns how wide that is."""
    metrics = QFontMetrics(font)
    elided = metrics.elidedText(text, Qt.TextElideMode.ElideRight, max(0, line.width()))
    painter.setFont(font)
    painter.drawText(line, alignment, elided)
    return metrics.horizontalAdvance(elided)


def bold(font: QFont) -> QFont:
    """The same font, bold."""
    made = QFont(font)
    made.setBold(True)
    return made


def text_colours(option: QStyleOptionViewItem) -> tuple[QColor, QColor]:
    """Of the texts in a row that matter, and of those that matter less."""
    text = option.palette.color(QPalette.ColorRole.Text)
    if option.state & QStyle.StateFlag.State_Selected:
        return text, text  # grey would be hard to read there
    return text, option.palette.color(QPalette.ColorRole.PlaceholderText)
