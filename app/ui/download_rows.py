"""The rows of the list `Downloads`: what they hold, and how they are drawn."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QAbstractListModel, QModelIndex, QObject, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFontMetrics, QPainter, QPalette
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem

from app.core.downloads import Phase, Plan, Progress
from app.ui.download_words import words_of
from app.ui.painted_text import RIGHT, bold, draw_line, text_colours
from app.ui.plain_text import tool_tip
from app.ui.theme import colours
from app.ui.two_line_delegate import SECOND_LINE_ROLE, Index

PROGRESS_ROLE = SECOND_LINE_ROLE + 10  # Progress

_ROOT = QModelIndex()
_STANDING = (Phase.QUEUED, Phase.WAITING, Phase.PAUSED)


class DownloadModel(QAbstractListModel):
    """A row for each download, in the order of the queue."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._rows: list[tuple[Plan, Progress]] = []

    def show(self, rows: Sequence[tuple[Plan, Progress]]) -> None:
        """Makes the rows these; nothing is laid out anew if they are the same downloads in the same order."""
        if [plan.id for plan, _ in rows] == [plan.id for plan, _ in self._rows]:
            for plan, progress in rows:
                self.show_progress(plan.id, progress)
            return
        self.beginResetModel()
        self._rows = list(rows)
        self.endResetModel()

    def show_progress(self, plan_id: str, progress: Progress) -> None:
        """Changes one row, if it is there."""
        row = self.row_of(plan_id)
        if row >= 0 and self._rows[row][1] != progress:
            self._rows[row] = self._rows[row][0], progress
            self.dataChanged.emit(self.index(row), self.index(row))

    def row_of(self, plan_id: str) -> int:
        """-1 if it is not there."""
        return next((row for row, (plan, _) in enumerate(self._rows) if plan.id == plan_id), -1)

    def at(self, row: int) -> tuple[Plan, Progress]:
        return self._rows[row]

    def rowCount(self, parent: Index = _ROOT) -> int:  # noqa: N802
        return 0 if parent.isValid() else len(self._rows)

    def data(self, index: Index, role: int = int(Qt.ItemDataRole.DisplayRole)) -> object:
        plan, progress = self._rows[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return title_of(plan)
        if role == SECOND_LINE_ROLE:
            return words_of(progress)
        if role == PROGRESS_ROLE:
            return progress
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return f"{title_of(plan)}, {words_of(progress)}"
        if role == Qt.ItemDataRole.ToolTipRole:
            return tool_tip(f"{plan.repo}: {words_of(progress)}")
        return None


def title_of(plan: Plan) -> str:
    """Name and quant, which most names have in them."""
    has_quant = plan.quant.lower() in plan.name.lower()
    return plan.name if has_quant else f"{plan.name} · {plan.quant}"


def fraction_of(progress: Progress) -> float:
    """How far it is, 0..1: with verifying if it is verifying, else with receiving. 0 if that is not known."""
    if progress.phase is Phase.VERIFYING:
        return progress.verified
    return min(1.0, progress.received / progress.total) if progress.total > 0 else 0.0


class DownloadDelegate(QStyledItemDelegate):
    """Draws a title with the percentage at the end of the line, a bar, and what it is doing."""

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:  # noqa: N802
        line = QFontMetrics(option.font).lineSpacing()
        return QSize(line * 10, row_height(line))

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        self.initStyleOption(option, index)
        title, option.text = option.text, ""
        option.widget.style().drawControl(QStyle.ControlElement.CE_ItemViewItem, option, painter, option.widget)
        progress: Progress = index.data(PROGRESS_ROLE)
        line = option.fontMetrics.lineSpacing()
        first = option.rect.adjusted(line // 2, line // 2, -line // 2, 0)
        first.setHeight(line)
        bar = QRect(first.left(), first.bottom() + line // 3, first.width(), max(3, line // 4))
        second = first.translated(0, bar.bottom() + line // 4 - first.top())
        text, muted = text_colours(option)
        painter.save()
        painter.setPen(muted)
        draw_line(painter, second, index.data(SECOND_LINE_ROLE), option.font)
        if progress.total > 0:
            percent = self.tr("{0} %").format(int(fraction_of(progress) * 100))
            draw_line(painter, first, percent, option.font, RIGHT)
            first.setRight(first.right() - option.fontMetrics.horizontalAdvance("100 %") - line)
        painter.setPen(text)
        draw_line(painter, first, title, bold(option.font))
        _draw_bar(painter, bar, progress, option.palette)
        painter.restore()


def row_height(line: int) -> int:
    """In pixels, of a row whose font needs `line` pixels for a line."""
    return 2 * line + 2 * (line // 2) + line // 3 + max(3, line // 4) + line // 4


def _draw_bar(painter: QPainter, bar: QRect, progress: Progress, palette: QPalette) -> None:
    radius = bar.height() / 2
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    groove = palette.color(QPalette.ColorRole.Text)
    groove.setAlphaF(0.15)  # to be seen on every ground
    painter.setBrush(groove)
    painter.drawRoundedRect(QRectF(bar), radius, radius)
    done = QRectF(bar)
    done.setWidth(bar.width() * fraction_of(progress))
    if done.width() > 0:
        done.setWidth(max(done.width(), bar.height()))  # else it could not be round
        painter.setBrush(_bar_colour(progress, palette))
        painter.drawRoundedRect(done, radius, radius)


def _bar_colour(progress: Progress, palette: QPalette) -> QColor:
    if progress.phase is Phase.FAILED:
        return QColor(colours(palette).danger)
    return palette.color(
        QPalette.ColorRole.PlaceholderText if progress.phase in _STANDING else QPalette.ColorRole.Accent
    )
