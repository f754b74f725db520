"""The rows of the table `Quants`: what they say, how they sort, and which of them are shown."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence

from PySide6.QtCore import (
    QAbstractTableModel,
    QCoreApplication,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QSortFilterProxyModel,
    Qt,
)
from PySide6.QtGui import QColor, QGuiApplication

from app.core.downloads import Phase, Progress
from app.core.planner import Fit
from app.core.quants import QuantRow
from app.core.units import format_bytes
from app.ui.plain_text import tool_tip
from app.ui.theme import colours

Index = QModelIndex | QPersistentModelIndex

SORT_ROLE = int(Qt.ItemDataRole.UserRole) + 1
BADGES_ROLE = SORT_ROLE + 1  # list of words to be drawn as badges

_ROOT = QModelIndex()
_FIT_ORDER = (Fit.ON_GPU, Fit.PARTLY_ON_GPU, Fit.IN_RAM, None, Fit.TOO_LARGE)


class Column(enum.IntEnum):
    """The columns, in their order."""

    NAME = 0
    QUANT = 1
    BITS = 2
    SIZE = 3
    MEMORY = 4
    FITS = 5
    USE_CASE = 6


NUMBERS = (Column.BITS, Column.SIZE, Column.MEMORY)


class QuantModel(QAbstractTableModel):
    """A row for each quant of a model, with what is being done about it."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._rows: Sequence[QuantRow] = ()
        self._states: dict[str, str] = {}  # in words, by the quant's name
        self._headings = {
            Column.NAME: self.tr("Name"),
            Column.QUANT: self.tr("Quant"),
            Column.BITS: self.tr("Bits"),
            Column.SIZE: self.tr("Size"),
            Column.MEMORY: self.tr("Memory"),
            Column.FITS: self.tr("Fits"),
            Column.USE_CASE: self.tr("Use case"),
        }

    def show_rows(self, rows: Sequence[QuantRow]) -> None:
        """Makes the rows `rows`. Where they are the same quants as before, selection and sorting stay."""
        if rows and [row.quant.name for row in rows] == self.names():
            self._rows = rows
            self.dataChanged.emit(self.index(0, 0), self.index(len(rows) - 1, len(Column) - 1))
            return
        self.beginResetModel()
        self._rows = rows
        self.endResetModel()

    def show_states(self, states: Mapping[str, str]) -> None:
        """What is being done about quants, in words, by their names. Cheap if nothing has changed."""
        before, self._states = self._states, dict(states)
        for number, row in enumerate(self._rows):
            name = row.quant.name
            if before.get(name) != self._states.get(name):
                cell = self.index(number, Column.NAME)
                self.dataChanged.emit(cell, cell)

    def names(self) -> list[str]:
        """The names of the quants, in their order."""
        return [row.quant.name for row in self._rows]

    def row(self, index: Index) -> QuantRow:
        """What is shown at a valid `index`."""
        return self._rows[index.row()]

    def rowCount(self, parent: Index = _ROOT) -> int:  # noqa: N802
        return 0 if parent.isValid() else len(self._rows)

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
        row, column = self._rows[index.row()], Column(index.column())
        if role == Qt.ItemDataRole.DisplayRole:
            return _text(row, column)
        if role == Qt.ItemDataRole.ToolTipRole:
            return tool_tip(_explanation(row, column) or _text(row, column))
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return _alignment(column)
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return self._spoken(row, column)
        if role == Qt.ItemDataRole.AccessibleDescriptionRole:
            return self._headings[column]  # where a screen reader is, the eye is not on the heading
        if role == BADGES_ROLE:
            return self._badges(row)
        if role == Qt.ItemDataRole.ForegroundRole:
            return _colour(row, column)
        return _sort_key(row, column) if role == SORT_ROLE else None

    def _badges(self, row: QuantRow) -> list[str]:
        return [
            *([self.tr("recommended")] if row.recommended else []),
            *([self._states[row.quant.name]] if row.quant.name in self._states else []),
        ]

    def _spoken(self, row: QuantRow, column: Column) -> str:
        if column is Column.FITS and row.missing:
            return _explanation(row, column)
        badges = [*self._badges(row), row.recommended] if column is Column.NAME else []
        return ", ".join(part for part in (_text(row, column), *badges) if part)


class QuantFilter(QSortFilterProxyModel):
    """Sorts numbers as numbers, and can leave out what does not fit."""

    def __init__(self, model: QuantModel, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._model = model
        self._only_fitting = False
        self.setSortRole(SORT_ROLE)
        self.setSourceModel(model)

    def set_only_fitting(self, only: bool) -> None:
        """Whether to leave out what does not fit. Unknown is not taken for no."""
        self.beginFilterChange()
        self._only_fitting = only
        self.endFilterChange(QSortFilterProxyModel.Direction.Rows)

    def filterAcceptsRow(self, row: int, parent: Index) -> bool:  # noqa: N802
        return not self._only_fitting or self._model.row(self._model.index(row, 0)).fit is not Fit.TOO_LARGE


# --- words ---------------------------------------------------------------------------------------------------------


def state_in_words(progress: Progress) -> str:
    """What a download is doing, in a word or two."""
    match progress.phase:
        case Phase.QUEUED | Phase.CONNECTING | Phase.WAITING:
            return tr("waiting")
        case Phase.RECEIVING if progress.total > 0:
            return tr("{0} % there").format(int(100 * progress.received / progress.total))
        case Phase.RECEIVING:
            return tr("downloading")
        case Phase.VERIFYING:
            return tr("verifying")
        case Phase.PAUSED:
            return tr("paused")
        case Phase.FAILED:
            return tr("failed")
        case Phase.DONE:
            return tr("on disk")


def size_in_words(row: QuantRow) -> str:
    return format_bytes(row.quant.size) if row.quant.size >= 0 else tr("unknown")


def memory_in_words(row: QuantRow) -> str:
    return _bytes_in_words(row.memory, row) if row.memory >= 0 else tr("unknown")


def fit_in_words(fit: Fit | None) -> str:
    return {
        Fit.ON_GPU: tr("fits on the GPU"),
        Fit.PARTLY_ON_GPU: tr("fits, partly on the GPU"),
        Fit.IN_RAM: tr("fits in RAM"),
        Fit.TOO_LARGE: tr("does not fit"),
        None: tr("unknown"),
    }[fit]


def shortfall_in_words(row: QuantRow) -> str:
    """By how much it does not fit, and what would; empty if it fits."""
    if not row.missing:
        return ""
    shortfall = tr("{0} too much.").format(_bytes_in_words(row.missing, row))
    if not row.suggestion:
        return shortfall
    return tr("{0} What would fit: {1}.").format(shortfall, row.suggestion)


def _bytes_in_words(size: int, row: QuantRow) -> str:
    return format_bytes(size) if row.exact else tr("about {0}").format(format_bytes(size))


def _explanation(row: QuantRow, column: Column) -> str:
    """What is to be said beyond the text of a cell."""
    if column is not Column.FITS:
        return ""
    shortfall = shortfall_in_words(row)
    return f"{fit_in_words(row.fit)}: {shortfall}" if shortfall else row.recommended


def _text(row: QuantRow, column: Column) -> str:
    match column:
        case Column.NAME:
            return row.quant.name
        case Column.QUANT:
            return row.quant.quant or tr("unknown")
        case Column.BITS:
            return f"{row.bits:.1f}" if row.bits else tr("unknown")
        case Column.SIZE:
            return size_in_words(row)
        case Column.MEMORY:
            return memory_in_words(row)
        case Column.FITS:
            return fit_in_words(row.fit)
        case Column.USE_CASE:
            return QCoreApplication.translate("quants", row.use_case)


def _sort_key(row: QuantRow, column: Column) -> str | float:
    """Floats only, since Qt compares by the type of the first of two."""
    match column:
        case Column.BITS:
            return row.bits
        case Column.SIZE:
            return float(row.quant.size)
        case Column.MEMORY:
            return float(row.memory)
        case Column.FITS:
            return float(_FIT_ORDER.index(row.fit))
        case _:
            return _text(row, column).lower()


def _colour(row: QuantRow, column: Column) -> QColor | None:
    """What fits stands out, what does not recedes; the words say it as well."""
    look = colours(QGuiApplication.palette())
    if column is Column.FITS and row.fit not in (None, Fit.TOO_LARGE) and not row.is_tight:
        return QColor(look.accent)
    is_secondary = column is Column.USE_CASE or row.fit is Fit.TOO_LARGE
    return QColor(look.secondary) if is_secondary else None


def _alignment(column: Column) -> int:
    side = Qt.AlignmentFlag.AlignRight if column in NUMBERS else Qt.AlignmentFlag.AlignLeft
    return int(side | Qt.AlignmentFlag.AlignVCenter)


def tr(text: str) -> str:
    return QCoreApplication.translate("QuantModel", text)
