"""The list of every request that left this computer."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from datetime import datetime

from PySide6.QtCore import QAbstractTableModel, QCoreApplication, QModelIndex, QObject, QSize, Qt, Signal
from PySide6.QtGui import QPalette, QShowEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QPushButton,
    QSizePolicy,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from app.core.ledger import LedgerEntry
from app.core.units import format_bytes
from app.ui.plain_text import tool_tip
from app.ui.two_line_delegate import Index

_ROWS_IN_SIGHT = 10
_ROOT = QModelIndex()


class Column(enum.IntEnum):
    """The columns, in their order."""

    WHEN = 0
    HOST = 1
    PURPOSE = 2
    METHOD = 3
    ANSWER = 4
    BYTES = 5


class LedgerView(QWidget):
    """A table, the newest request first. Asks for what is in it whenever it comes into sight."""

    refresh_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("ledger_view")
        self._model = _LedgerModel(self)
        self._view = _View()
        self._view.setModel(self._model)
        self._nothing = QLabel(self.tr("No request has left this computer."))
        self._nothing.setObjectName("no_request")
        refresh = QPushButton(self.tr("Refresh"))
        refresh.setObjectName("refresh")
        refresh.setAccessibleName("Refresh")
        refresh.clicked.connect(self.refresh_requested)
        about = QLabel(wordWrap=True)
        about.setForegroundRole(QPalette.ColorRole.PlaceholderText)
        about.setText(
            self.tr(
                "Every request that Paddock ever made, whatever came of it: to which host and for what. "
                "Your conversations are in none of them."
            )
        )
        top = QHBoxLayout()
        top.addWidget(about, 1)
        top.addWidget(refresh, 0, Qt.AlignmentFlag.AlignTop)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(top)
        layout.addWidget(self._nothing)
        layout.addWidget(self._view)
        self.set_entries([])

    def set_entries(self, entries: Sequence[LedgerEntry]) -> None:
        """Shows `entries`, the newest first."""
        self._model.show(entries)
        self._nothing.setVisible(not entries)
        self._view.setVisible(bool(entries))
        self._view.updateGeometry()

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802
        super().showEvent(event)
        self.refresh_requested.emit()


class _LedgerModel(QAbstractTableModel):
    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._entries: Sequence[LedgerEntry] = ()
        self._headings = {
            Column.WHEN: self.tr("When"),
            Column.HOST: self.tr("Host"),
            Column.PURPOSE: self.tr("For what"),
            Column.METHOD: self.tr("Method"),
            Column.ANSWER: self.tr("Answer"),
            Column.BYTES: self.tr("Bytes"),
        }

    def show(self, entries: Sequence[LedgerEntry]) -> None:
        if list(entries) != list(self._entries):
            self.beginResetModel()
            self._entries = sorted(entries, key=lambda entry: -entry.began_at)
            self.endResetModel()

    def rowCount(self, parent: Index = _ROOT) -> int:  # noqa: N802
        return 0 if parent.isValid() else len(self._entries)

    def columnCount(self, parent: Index = _ROOT) -> int:  # noqa: N802
        return 0 if parent.isValid() else len(Column)

    def headerData(  # noqa: N802
        self, section: int, orientation: Qt.Orientation, role: int = int(Qt.ItemDataRole.DisplayRole)
    ) -> object:
        if orientation != Qt.Orientation.Horizontal:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return self._headings[Column(section)]
        return _alignment(Column(section)) if role == Qt.ItemDataRole.TextAlignmentRole else None

    def data(self, index: Index, role: int = int(Qt.ItemDataRole.DisplayRole)) -> object:
        entry, column = self._entries[index.row()], Column(index.column())
        if role == Qt.ItemDataRole.DisplayRole:
            return _text(entry, column)
        if role == Qt.ItemDataRole.ToolTipRole:
            return tool_tip(_text(entry, column))
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return _alignment(column)
        if role == Qt.ItemDataRole.AccessibleDescriptionRole:
            return self._headings[column]  # where a screen reader is, the eye is not on the heading
        return None


class _View(QTableView):
    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("requests")
        self.setAccessibleName("Requests")
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setTabKeyNavigation(False)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setCornerButtonEnabled(False)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.horizontalHeader().setHighlightSections(False)
        self.horizontalHeader().setStretchLastSection(True)
        self.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        self.horizontalHeader().setResizeContentsPrecision(100)  # rows; all of them would take too long
        self.verticalHeader().hide()
        self.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        self.verticalHeader().setDefaultSectionSize(round(self.fontMetrics().height() * 1.6))

    def sizeHint(self) -> QSize:  # noqa: N802
        """High enough for its rows, up to a few."""
        rows = min(self.model().rowCount(), _ROWS_IN_SIGHT)
        height = self.horizontalHeader().sizeHint().height() + rows * self.verticalHeader().defaultSectionSize()
        return QSize(super().sizeHint().width(), height + 2 * self.frameWidth())

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        return QSize(super().minimumSizeHint().width(), self.sizeHint().height())


def _text(entry: LedgerEntry, column: Column) -> str:
    match column:
        case Column.WHEN:
            return _moment(entry.began_at)
        case Column.HOST:
            return entry.host
        case Column.PURPOSE:
            return QCoreApplication.translate("ledger", entry.purpose)
        case Column.METHOD:
            return entry.method
        case Column.ANSWER:
            return _answer(entry)
        case Column.BYTES:
            return format_bytes(entry.received)


def _answer(entry: LedgerEntry) -> str:
    """The status, and how it ended if not well."""
    status = str(entry.status) if entry.status is not None else ""
    parts = [status, QCoreApplication.translate("ledger", entry.note)]
    return ", ".join(part for part in parts if part) or QCoreApplication.translate("ledger", "none yet")


def _moment(seconds: float) -> str:
    """In local time, in a form that makes a straight column; empty if no such moment is."""
    try:
        return f"{datetime.fromtimestamp(seconds):%Y-%m-%d %H:%M}"
    except (ValueError, OverflowError, OSError):
        return ""


def _alignment(column: Column) -> int:
    side = Qt.AlignmentFlag.AlignRight if column is Column.BYTES else Qt.AlignmentFlag.AlignLeft
    return int(side | Qt.AlignmentFlag.AlignVCenter)
