"""The folders in which models are looked for, and those of other apps that could be."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import partial
from pathlib import Path

from PySide6.QtCore import QCoreApplication, QSize, Qt, Signal
from PySide6.QtGui import QPalette, QStandardItem, QStandardItemModel
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QLabel,
    QListView,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from app.core.library import Place, PlaceKind
from app.ui.accessibility import follow_selection
from app.ui.plain_text import tool_tip
from app.ui.two_line_delegate import SECOND_LINE_ROLE, TwoLineDelegate

_PLACE_ROLE = SECOND_LINE_ROLE + 10
_ROWS_IN_SIGHT = 4


class ModelFolders(QWidget):
    """Lists the folders; below them offers those of other apps. Removing one never touches a file."""

    add_folder_requested = Signal()
    remove_place_requested = Signal(str)  # path
    offer_accepted = Signal(object)  # Place

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("model_folders")
        self._offered: dict[tuple[Place, int], QWidget] = {}
        self._model = QStandardItemModel(self)
        self._view = _View()
        self._view.setModel(self._model)
        self._view.selectionModel().currentChanged.connect(self._update_buttons)
        follow_selection(self._view)
        self._add = named_button("Add folder", self.tr("Add folder"))
        self._add.clicked.connect(self.add_folder_requested)
        self._remove = named_button("Remove folder", self.tr("Remove folder"))
        self._remove.clicked.connect(self._on_remove_clicked)
        self._offers = QWidget()
        self._offers.setObjectName("also_found_on_this_computer")
        self._offer_column = QVBoxLayout(self._offers)
        self._offer_column.setContentsMargins(0, self.fontMetrics().height(), 0, 0)
        self._offer_column.addWidget(heading(self.tr("Also found on this computer")))
        self._lay_out()
        self.set_offers([])
        self._update_buttons()

    def _lay_out(self) -> None:
        buttons = QHBoxLayout()
        buttons.addWidget(self._add)
        buttons.addWidget(self._remove)
        buttons.addStretch(1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(heading(self.tr("Folders")))
        layout.addWidget(self._view)
        layout.addLayout(buttons)
        layout.addWidget(self._offers)

    def set_places(self, places: Sequence[Place], missing: Collection[Path], counts: Mapping[Path, int]) -> None:
        """Lists `places` in their order; `missing` are not connected, `counts` says how many models each has."""
        chosen, old = self._chosen(), self._model.rowCount()
        # The new rows come before the old ones go, so that there is always one chosen and no button goes grey between.
        for place in places:
            self._model.appendRow(_row(place, place.path in missing, counts.get(place.path, 0)))
        row = places.index(chosen) if chosen in places else 0
        self._view.setCurrentIndex(self._model.index(old + row, 0))
        self._model.removeRows(0, old)
        self._view.updateGeometry()
        self._update_buttons()

    def set_offers(self, offers: Sequence[tuple[Place, int]]) -> None:
        """Offers folders of other apps, with the number of models in each."""
        for gone in self._offered.keys() - set(offers):
            row = self._offered.pop(gone)
            if row.isAncestorOf(self.focusWidget() or self):
                self._view.setFocus()
            row.hide()
            row.deleteLater()
        for offer in offers:
            if offer not in self._offered:
                self._offered[offer] = self._offer(*offer)
                self._offer_column.addWidget(self._offered[offer])
        self._offers.setVisible(bool(offers))

    def _offer(self, place: Place, count: int) -> QWidget:
        name = QLabel(f"{place.kind.value} · {models_in_words(count)}")
        path = QLabel(wordWrap=True)
        path.setTextFormat(Qt.TextFormat.PlainText)
        path.setForegroundRole(QPalette.ColorRole.PlaceholderText)
        path.setText(str(place.path))
        add = named_button(f"Add {place.kind.value}", self.tr("Add"))
        add.setAccessibleDescription(str(place.path))
        add.clicked.connect(partial(self.offer_accepted.emit, place))
        words = QVBoxLayout()
        words.setSpacing(0)
        words.addWidget(name)
        words.addWidget(path)
        offer = QWidget()
        row = QHBoxLayout(offer)
        row.setContentsMargins(0, 0, 0, 0)
        row.addLayout(words, 1)
        row.addWidget(add)
        return offer

    def _chosen(self) -> Place | None:
        place: Place | None = self._view.currentIndex().data(_PLACE_ROLE)
        return place

    def _update_buttons(self) -> None:
        place = self._chosen()
        can_be_removed = place is not None and place.kind is not PlaceKind.OURS
        if self._remove.hasFocus() and not can_be_removed:
            self._view.setFocus()
        self._remove.setEnabled(can_be_removed)
        why = str(place.path) if place and can_be_removed else self.tr("Downloads go to this folder, or went there.")
        self._remove.setAccessibleDescription(why)
        self._remove.setToolTip(tool_tip(self.tr("The files stay where they are.") if can_be_removed else why))

    def _on_remove_clicked(self) -> None:
        if place := self._chosen():
            self.remove_place_requested.emit(str(place.path))


class _View(QListView):
    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("folders")
        self.setAccessibleName("Folders")
        self.setItemDelegate(TwoLineDelegate(self))
        self.setUniformItemSizes(True)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:  # noqa: N802
        """High enough for its rows, up to a few."""
        rows = min(max(self.model().rowCount(), 1), _ROWS_IN_SIGHT)
        height = rows * max(self.sizeHintForRow(0), self.fontMetrics().lineSpacing() * 2)
        return QSize(self.fontMetrics().averageCharWidth() * 40, height + 2 * self.frameWidth())

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        return self.sizeHint()  # Qt's own is higher than one row


def heading(text: str) -> QLabel:
    """The heading of a part of a page."""
    label = QLabel(text)
    font = label.font()
    font.setPointSizeF(font.pointSizeF() * 1.3)
    label.setFont(font)
    return label


def named_button(name: str, text: str) -> QPushButton:
    """One whose accessible name is `name`."""
    made = QPushButton(text)
    made.setObjectName(name.lower().replace(" ", "_"))
    made.setAccessibleName(name)
    return made


def models_in_words(count: int) -> str:
    if count < 2:
        return tr("1 model") if count else tr("no models")
    return tr("{0} models").format(count)


def _row(place: Place, is_missing: bool, count: int) -> QStandardItem:
    kinds = {PlaceKind.OURS: tr("Paddock's own"), PlaceKind.ADDED: tr("added by you")}
    state = tr("not connected") if is_missing else models_in_words(count)
    second_line = f"{kinds.get(place.kind, place.kind.value)} · {state}"
    item = QStandardItem(str(place.path))
    item.setData(place, _PLACE_ROLE)
    item.setData(second_line, SECOND_LINE_ROLE)
    item.setData(f"{place.path}, {second_line}", int(Qt.ItemDataRole.AccessibleTextRole))
    item.setToolTip(tool_tip(str(place.path)))
    return item


def tr(text: str) -> str:
    return QCoreApplication.translate("ModelFolders", text)
