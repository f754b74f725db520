"""The rows of the list `Models on this computer`: what they say, and how they are drawn."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication, QSize, Qt
from PySide6.QtGui import QFontMetrics, QPainter, QStandardItem
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem

from app.core.library import ModelFile
from app.core.units import format_bytes
from app.ui.moments import moment_in_words
from app.ui.painted_text import RIGHT, bold, draw_line, text_colours
from app.ui.plain_text import tool_tip
from app.ui.two_line_delegate import SECOND_LINE_ROLE, Index

MODEL_ROLE = SECOND_LINE_ROLE + 10  # ModelFile
_NOTE_ROLE = MODEL_ROLE + 1  # what stands behind the name
_SIZE_ROLE = MODEL_ROLE + 2  # what stands at the end of the line


def model_item(model: ModelFile, *, is_loaded: bool) -> QStandardItem:
    """The row of `model`."""
    note = _joined(model.quant, tr("loaded") if is_loaded else "")
    size = format_bytes(model.size)
    second_line = _joined(
        model.problem,
        tr("memory about {0}").format(format_bytes(model.memory)) if model.memory >= 0 else "",
        tr("used {0}").format(moment_in_words(model.used_at)) if model.used_at else tr("never used"),
        str(model.path.parent),
    )
    item = QStandardItem(model.name)
    item.setData(model, MODEL_ROLE)
    item.setData(note, _NOTE_ROLE)
    item.setData(size, _SIZE_ROLE)
    item.setData(second_line, SECOND_LINE_ROLE)
    item.setData(_joined(model.name, note, size, second_line), int(Qt.ItemDataRole.AccessibleTextRole))
    item.setToolTip(tool_tip(_joined(model.problem, str(model.path))))
    return item


class ModelDelegate(QStyledItemDelegate):
    """Draws name, note and size on one line, and below what else there is to say."""

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:  # noqa: N802
        line = QFontMetrics(option.font).lineSpacing()
        return QSize(line * 10, line * 2 + line // 5 + 2 * (line // 2))

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        self.initStyleOption(option, index)
        title, option.text = option.text, ""
        option.widget.style().drawControl(QStyle.ControlElement.CE_ItemViewItem, option, painter, option.widget)
        line = option.fontMetrics.lineSpacing()
        first = option.rect.adjusted(line // 2, line // 2, -line // 2, 0)
        first.setHeight(line)
        second = first.translated(0, line + line // 5)
        text, muted = text_colours(option)
        painter.save()
        painter.setPen(text)
        first.setRight(first.right() - draw_line(painter, first, index.data(_SIZE_ROLE), option.font, RIGHT) - line)
        first.setLeft(first.left() + draw_line(painter, first, title, bold(option.font)) + line)
        painter.setPen(muted)
        draw_line(painter, first, index.data(_NOTE_ROLE), option.font)
        draw_line(painter, second, index.data(SECOND_LINE_ROLE), option.font)
        painter.restore()


def _joined(*parts: str) -> str:
    return " · ".join(part for part in parts if part)


def tr(text: str) -> str:
    return QCoreApplication.translate("MyModels", text)
