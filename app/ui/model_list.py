"""The list in which one looks for a model: what its rows say, how they look, and how one is chosen."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QCoreApplication, QModelIndex, QRect, QSize, Qt, Signal
from PySide6.QtGui import QFont, QFontMetrics, QKeyEvent, QPainter, QPalette, QStandardItem, QStandardItemModel
from PySide6.QtWidgets import QAbstractItemView, QListView, QStyle, QStyledItemDelegate, QStyleOptionViewItem

from app.core.catalogue import ShelfModel
from app.core.hub_model import SearchRow
from app.core.units import format_count
from app.ui.moments import moment_in_words
from app.ui.plain_text import tool_tip
from app.ui.two_line_delegate import MARKED_ROLE, SECOND_LINE_ROLE, Index

NOTE_ROLE = MARKED_ROLE + 1  # what stands in grey behind the title

_REPO_ROLE = NOTE_ROLE + 1
_LEFT = int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft)


class ModelList(QListView):
    """A click or Enter chooses a row, on every platform alike."""

    model_chosen = Signal(str)  # owner/name

    def __init__(self) -> None:
        super().__init__()
        self._rows = QStandardItemModel(self)
        self.setModel(self._rows)
        self.setObjectName("models")
        self.setAccessibleName("Models")
        self.setItemDelegate(_RowDelegate(self))
        self.setUniformItemSizes(True)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.clicked.connect(self._choose)

    def show_items(self, items: Sequence[QStandardItem]) -> None:
        """Shows `items` from the first on, none of them chosen."""
        self._rows.clear()
        self.add_items(items)
        self.scrollToTop()

    def add_items(self, items: Sequence[QStandardItem]) -> None:
        """Shows `items` below those there are."""
        for item in items:
            self._rows.appendRow(item)

    def enter(self) -> None:
        """Takes the focus, on a row."""
        if not self.currentIndex().isValid():
            self.setCurrentIndex(self._rows.index(0, 0))
        self.setFocus()

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        is_enter = event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter)
        if is_enter and self.currentIndex().isValid():
            self.choose_current()
        else:
            super().keyPressEvent(event)

    def choose_current(self) -> None:
        """Chooses the row that is marked."""
        self._choose(self.currentIndex())

    def _choose(self, index: QModelIndex) -> None:
        self.model_chosen.emit(index.data(_REPO_ROLE))


# --- what rows say -------------------------------------------------------------------------------------------------


def shelf_item(model: ShelfModel) -> QStandardItem:
    """A row of the shelf."""
    machine = tr("for {0}").format(QCoreApplication.translate("catalogue", model.smallest))
    context = tr("context {0}").format(format_count(model.context_length))
    sentence = QCoreApplication.translate("catalogue", model.sentence)
    return _item(model.id, [machine, model.licence, context], sentence)


def result_item(row: SearchRow) -> QStandardItem:
    """A row of what was found."""
    details = [tr("{0} downloads").format(format_count(row.downloads)), likes_in_words(row.likes)]
    if row.changed_at:
        details.append(tr("changed {0}").format(moment_in_words(row.changed_at)))
    details += [row.licence, tr("gated") if row.gated else ""]
    return _item(row.id, [], _joined(details))


def likes_in_words(count: int) -> str:
    return tr("1 like") if count == 1 else tr("{0} likes").format(format_count(count))


def _item(repo: str, notes: Sequence[str], second_line: str) -> QStandardItem:
    owner, _, name = repo.rpartition("/")
    note = _joined([owner, *notes])
    item = QStandardItem(name)
    item.setData(repo, _REPO_ROLE)
    item.setData(note, NOTE_ROLE)
    item.setData(second_line, SECOND_LINE_ROLE)
    item.setData(f"{name}, {note}, {second_line}", int(Qt.ItemDataRole.AccessibleTextRole))
    item.setToolTip(tool_tip(f"{repo}: {second_line}"))
    return item


def _joined(parts: Sequence[str]) -> str:
    return " · ".join(part for part in parts if part)


def tr(text: str) -> str:
    return QCoreApplication.translate("ModelList", text)


# --- how they look -------------------------------------------------------------------------------------------------


class _RowDelegate(QStyledItemDelegate):
    """Draws a bold `DisplayRole` and behind it `NOTE_ROLE`, over `SECOND_LINE_ROLE`."""

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:  # noqa: N802
        line = QFontMetrics(option.font).lineSpacing()
        return QSize(line * 10, line * 2 + _gap(line) + 2 * _padding(line))

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        self.initStyleOption(option, index)
        title, option.text = option.text, ""
        option.widget.style().drawControl(QStyle.ControlElement.CE_ItemViewItem, option, painter, option.widget)
        height = option.fontMetrics.lineSpacing()
        padding = _padding(height)
        first = option.rect.adjusted(padding, padding, -padding, 0)
        first.setHeight(height)
        second = first.translated(0, height + _gap(height))
        text = option.palette.color(QPalette.ColorRole.Text)
        is_selected = bool(option.state & QStyle.StateFlag.State_Selected)
        muted = text if is_selected else option.palette.color(QPalette.ColorRole.PlaceholderText)
        bold = QFont(option.font)
        bold.setBold(True)
        painter.save()
        painter.setPen(text)
        first.setLeft(first.left() + _draw(painter, first, title, bold) + option.fontMetrics.averageCharWidth() * 2)
        painter.setPen(muted)
        _draw(painter, first, str(index.data(NOTE_ROLE)), option.font)
        _draw(painter, second, str(index.data(SECOND_LINE_ROLE)), option.font)
        painter.restore()


def _padding(line: int) -> int:
    return line // 2


def _gap(line: int) -> int:
    return line // 5


def _draw(painter: QPainter, line: QRect, text: str, font: QFont) -> int:
    """Draws what fits of `text`, and returns how wide that is."""
    painter.setFont(font)
    metrics = QFontMetrics(font)
    elided = metrics.elidedText(text, Qt.TextElideMode.ElideRight, max(0, line.width()))
    painter.drawText(line, _LEFT, elided)
    return metrics.horizontalAdvance(elided)
