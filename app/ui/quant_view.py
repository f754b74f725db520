"""How the table `Quants` looks and takes keys."""

from __future__ import annotations

from PySide6.QtCore import QAbstractItemModel, QRect, QRectF, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QHideEvent, QKeyEvent, QPainter, QPaintEvent, QPalette, QResizeEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QSizePolicy,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
)

from app.ui.quant_model import BADGES_ROLE, Column, Index

_ROWS_IN_SIGHT = 12
_NARROW = (Column.QUANT, Column.BITS, Column.SIZE, Column.MEMORY, Column.FITS)
_LOOK_DELAY = 100  # milliseconds; who scrolls fast sees nothing in between
_ENTER = (Qt.Key.Key_Return, Qt.Key.Key_Enter)


class QuantView(QTableView):
    """A table that is as high as its rows, up to a dozen."""

    row_entered = Signal()  # by Enter or a double click, on every platform alike
    row_reached = Signal(QRect)  # by a key, where in the widget it is: it has to be brought into sight
    sight_changed = Signal(object)  # the names in the rows that can be seen, from the top

    def __init__(self, model: QAbstractItemModel) -> None:
        super().__init__()
        self.setObjectName("quants")
        self.setAccessibleName("Quants")
        self.setModel(model)
        self.setItemDelegateForColumn(Column.NAME, _NameDelegate(self))
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setTabKeyNavigation(False)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.verticalHeader().hide()
        self.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        self.verticalHeader().setDefaultSectionSize(round(self.fontMetrics().height() * 1.8))
        self.horizontalHeader().setHighlightSections(False)
        self.horizontalHeader().setSortIndicator(-1, Qt.SortOrder.AscendingOrder)  # as the rows come
        self.setSortingEnabled(True)
        self.doubleClicked.connect(self.row_entered)
        self._names_in_sight: tuple[str, ...] = ()
        self._looking = QTimer(self, singleShot=True, interval=_LOOK_DELAY)
        self._looking.timeout.connect(self._look)

    def fit(self) -> None:
        """Adapts to other rows."""
        self._fit_columns()
        self.updateGeometry()

    def _fit_columns(self) -> None:
        """As wide as what is in them. Name and use case share what is left; if that is little, the table scrolls."""
        for column in _NARROW:
            self.resizeColumnToContents(column)
        header, unit = self.horizontalHeader(), self.fontMetrics().averageCharWidth()
        room = self.viewport().width() - sum(header.sectionSize(column) for column in _NARROW)
        name = max(room * 9 // 20, unit * 24)
        header.resizeSection(Column.NAME, name)
        header.resizeSection(Column.USE_CASE, max(room - name, unit * 24))

    def sizeHint(self) -> QSize:  # noqa: N802
        rows = min(max(self.model().rowCount(), 1), _ROWS_IN_SIGHT)
        height = self.horizontalHeader().sizeHint().height() + rows * self.verticalHeader().defaultSectionSize()
        return QSize(super().sizeHint().width(), height + 2 * self.frameWidth())

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        return QSize(super().minimumSizeHint().width(), self.sizeHint().height())

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        super().resizeEvent(event)
        self._fit_columns()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        # Whatever comes into sight is painted, be it that this table is scrolled, or a page around it.
        super().paintEvent(event)
        if not self._looking.isActive():
            self._looking.start()

    def hideEvent(self, event: QHideEvent) -> None:  # noqa: N802
        super().hideEvent(event)
        self._look()

    def _look(self) -> None:
        area = self.viewport().visibleRegion().boundingRect()
        names = [self.model().index(row, Column.NAME) for row in range(self.model().rowCount())]
        in_sight = tuple(str(name.data()) for name in names if area.intersects(self._row_area(name.row())))
        if in_sight != self._names_in_sight:
            self._names_in_sight = in_sight
            self.sight_changed.emit(in_sight)

    def _row_area(self, row: int) -> QRect:
        return QRect(0, self.rowViewportPosition(row), self.viewport().width(), self.rowHeight(row))

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        if event.key() in _ENTER:
            if not event.isAutoRepeat():
                self.row_entered.emit()
            return
        super().keyPressEvent(event)
        row = self.visualRect(self.currentIndex())
        self.row_reached.emit(row.translated(self.viewport().pos()))


class _NameDelegate(QStyledItemDelegate):
    """Draws badges behind a name. What does not fit of the name goes from its beginning: they differ at their ends."""

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        self.initStyleOption(option, index)
        area, name = self._text_area(option), option.text
        option.text = ""
        option.widget.style().drawControl(QStyle.ControlElement.CE_ItemViewItem, option, painter, option.widget)
        metrics, space = option.fontMetrics, option.fontMetrics.averageCharWidth()
        badges = {badge: metrics.horizontalAdvance(badge) + 2 * space for badge in index.data(BADGES_ROLE)}
        room = area.width() - sum(width + space for width in badges.values())
        text = metrics.elidedText(name, Qt.TextElideMode.ElideLeft, max(0, room))
        painter.save()
        painter.setPen(option.palette.color(QPalette.ColorRole.Text))
        painter.drawText(area, int(Qt.AlignmentFlag.AlignVCenter), text)
        left = area.left() + metrics.horizontalAdvance(text) + space
        height = metrics.height() + space // 2
        for badge, width in badges.items():
            _draw_badge(painter, QRect(left, area.center().y() - height // 2, width, height), badge)
            left += width + space
        painter.restore()

    def _text_area(self, option: QStyleOptionViewItem) -> QRect:
        style = option.widget.style()
        margin = style.pixelMetric(QStyle.PixelMetric.PM_FocusFrameHMargin, option, option.widget) + 1
        area = style.subElementRect(QStyle.SubElement.SE_ItemViewItemText, option, option.widget)
        return area.adjusted(margin, 0, -margin, 0)


def _draw_badge(painter: QPainter, area: QRect, text: str) -> None:
    radius = area.height() / 2
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.drawRoundedRect(QRectF(area).adjusted(0.5, 0.5, -0.5, -0.5), radius, radius)
    painter.drawText(area, int(Qt.AlignmentFlag.AlignCenter), text)
