"""Where one finds a model: a shelf of good ones to begin with, and a search of the Hub.

It asks for nothing by itself. What was found last stays in sight while the next search is under way, and when one
fails: a list that empties itself under the pointer is worse than one that is a moment old.
"""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QModelIndex, Qt, QTimer, Signal
from PySide6.QtGui import QFocusEvent, QKeyEvent, QPalette, QStandardItem
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLabel, QLineEdit, QPushButton, QVBoxLayout, QWidget

from app.core.catalogue import ShelfModel
from app.core.errors import AppError, Offline
from app.core.hub_model import SearchRow, Sort
from app.ui import accessibility
from app.ui.accessibility import follow_selection
from app.ui.empty_state import EmptyState
from app.ui.failure_panel import Failure, FailurePanel
from app.ui.messages import failure_words
from app.ui.model_list import ModelList, result_item, shelf_item
from app.ui.notice import Notice

PAUSE_MS = 300  # after the last key, before the Hub is asked


class ModelSearch(QWidget):
    """Shows the shelf, or what was found; emits what to look for, and the model that was chosen."""

    search_requested = Signal(str, object)  # text, Sort
    entered = Signal(str)  # the text when Enter was pressed: it may be the address of a model
    more_requested = Signal()
    model_requested = Signal(str)  # owner/name
    retry_requested = Signal()
    go_online_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("model_search")
        self._shelf: Sequence[ShelfModel] = ()
        self._is_wanted = False  # whether anyone still waits for what comes of the search under way
        self._problem: Notice | FailurePanel | None = None
        self._box = self._search_box()
        self._sort = self._sort_box()
        self._timer = QTimer(self, singleShot=True, interval=PAUSE_MS)
        self._timer.timeout.connect(self._request)
        self._heading = QLabel()
        self._heading.setObjectName("models_heading")
        self._state = QLabel()
        self._state.setObjectName("search_state")
        self._state.setForegroundRole(QPalette.ColorRole.PlaceholderText)
        self._clear = _button("clear_search", self.tr("Clear search"), "Clear search")
        self._clear.setFlat(True)
        self._clear.clicked.connect(self._begin_anew)
        self._view = ModelList()
        self._view.model_chosen.connect(self.model_requested)
        follow_selection(self._view)
        self._view.selectionModel().currentChanged.connect(self._on_view_current_changed)
        self._open = _button("open_model", self.tr("Open"), "Open model")
        self._open.clicked.connect(self._view.choose_current)
        self._nothing = EmptyState(
            self.tr("Nothing found"), self.tr("Try another word, or paste the address of a model."), ()
        )
        self._more = _button("show_more", self.tr("Show more"), "Show more")
        self._more.clicked.connect(self.more_requested)
        self._lay_out()
        self.show_shelf()

    # Building

    def _search_box(self) -> QLineEdit:
        box = QLineEdit()
        box.setObjectName("search_models")
        box.setAccessibleName("Search models")
        box.setPlaceholderText(self.tr("Search models, or paste an address"))
        box.textChanged.connect(self._on_box_text_changed)
        box.returnPressed.connect(self._on_box_return_pressed)
        return box

    def _sort_box(self) -> QComboBox:
        box = QComboBox()
        box.setObjectName("sort_by")
        box.setAccessibleName("Sort by")
        box.addItem(self.tr("Most downloads"), Sort.DOWNLOADS)
        box.addItem(self.tr("Most likes"), Sort.LIKES)
        box.addItem(self.tr("Last change"), Sort.CHANGED)
        box.activated.connect(self._on_sort_activated)
        return box

    def _lay_out(self) -> None:
        top, middle = QHBoxLayout(), QHBoxLayout()
        top.addWidget(self._box, 1)
        top.addWidget(QLabel(self.tr("Sort by")))
        top.addWidget(self._sort)
        middle.addWidget(self._heading)
        middle.addWidget(self._state, 1)
        middle.addWidget(self._clear)
        font = self._heading.font()
        font.setPointSizeF(font.pointSizeF() * 1.3)
        self._heading.setFont(font)
        column = QWidget()
        column.setMaximumWidth(self.fontMetrics().averageCharWidth() * 165)
        self._column = QVBoxLayout(column)
        self._column.setSpacing(self.fontMetrics().height() * 2 // 3)
        self._column.addLayout(top)
        self._column.addLayout(middle)
        self._column.addWidget(self._view, 1)
        self._column.addWidget(self._nothing, 1, Qt.AlignmentFlag.AlignVCenter)
        bottom = QHBoxLayout()
        bottom.addWidget(self._open)
        bottom.addWidget(self._more)
        bottom.addStretch(1)
        self._column.addLayout(bottom)
        outer = QHBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(column)

    # Values

    def set_shelf(self, models: Sequence[ShelfModel]) -> None:
        """The models to begin with, in their order."""
        self._shelf = models
        if not self._clear.isVisibleTo(self):
            self.show_shelf()

    def show_shelf(self) -> None:
        """Shows the models to begin with. What comes of a search under way is ignored from now on."""
        if self._box.text():
            self._box.clear()  # leads back here
            return
        self._is_wanted = False
        self._show_rows([shelf_item(model) for model in self._shelf], has_more=False)
        self._heading.setText(self.tr("Good models to begin with"))
        self._clear.hide()

    def show_searching(self) -> None:
        """A search is under way."""
        self._is_wanted = True
        self._show_problem(None)
        self._state.setText(self.tr("Searching…"))

    def show_results(self, rows: Sequence[SearchRow], has_more: bool) -> None:
        """Shows what was found; `has_more` of it can be asked for."""
        if not self._is_wanted:
            return
        self._show_rows([result_item(row) for row in rows], has_more)
        self._heading.setText(self.tr("Results"))
        self._clear.show()
        self._view.setVisible(bool(rows))
        self._nothing.setVisible(not rows)
        accessibility.announce(self, self._found_in_words(len(rows)))

    def add_results(self, rows: Sequence[SearchRow], has_more: bool) -> None:
        """Shows more of what was found."""
        if not self._is_wanted:
            return
        self._view.add_items([result_item(row) for row in rows])
        if self._more.hasFocus() and not has_more:
            self._view.setFocus()
        self._state.clear()
        self._more.setVisible(has_more)
        accessibility.announce(self, self._found_in_words(len(rows)))

    def show_failure(self, error: AppError) -> None:
        """A search has failed. The list stays as it is."""
        if not self._is_wanted:
            return
        title, detail, hint = failure_words(error)
        panel: Notice | FailurePanel
        if isinstance(error, Offline):
            text = self.tr("Paddock is offline. Searching needs the network.")
            panel = Notice(text, [("go_online", self.tr("Go online"))])
            panel.action_requested.connect(self.go_online_requested)
        else:
            panel = FailurePanel(Failure(title, detail, hint, (("try_again", self.tr("Try again")),)))
            panel.action_requested.connect(self.retry_requested)
        self._state.clear()
        self._show_problem(panel)
        accessibility.announce(self, title)

    def leave_offline(self) -> None:
        """The network is on again: what could not be asked while it was off is wished for anew."""
        if isinstance(self._problem, Notice):
            self._show_problem(None)
            self.retry_requested.emit()

    def _show_rows(self, items: Sequence[QStandardItem], has_more: bool) -> None:
        self._show_problem(None)
        self._view.show_items(items)
        self._open.setEnabled(False)
        self._view.show()
        self._nothing.hide()
        self._state.clear()
        self._more.setVisible(has_more)

    def _show_problem(self, panel: Notice | FailurePanel | None) -> None:
        """Puts `panel` above the list, in place of the one that was there."""
        if self._problem is not None:
            if any(button.hasFocus() for button in self._problem.buttons):
                self._box.setFocus()  # else the focus would go anywhere
            self._problem.hide()
            self._problem.deleteLater()
        self._problem = panel
        if panel is not None:
            self._column.insertWidget(1, panel)
            panel.show()
            for button in panel.buttons:
                QWidget.setTabOrder(self._sort, button)

    def _found_in_words(self, count: int) -> str:
        return self.tr("Models found: {0}").format(count) if count else self.tr("Nothing found")

    # Wishes

    def focusInEvent(self, event: QFocusEvent) -> None:  # noqa: N802
        # Back at the row one came from, if there is one. A focus proxy would make Tab skip what comes before it.
        (self._view if self._view.currentIndex().isValid() else self._box).setFocus(event.reason())

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        if event.key() == Qt.Key.Key_Escape:
            self._begin_anew()
        elif event.key() == Qt.Key.Key_Down and self._box.hasFocus():
            self._view.enter()
        else:
            super().keyPressEvent(event)

    def _begin_anew(self) -> None:
        self.show_shelf()
        self._box.setFocus()

    def _text(self) -> str:
        return self._box.text().strip()

    def _request(self) -> None:
        self._timer.stop()
        if text := self._text():
            self.search_requested.emit(text, self._sort.currentData())

    def _on_view_current_changed(self, current: QModelIndex) -> None:
        self._open.setEnabled(current.isValid())
        self._open.setAccessibleDescription(str(current.data() or ""))

    def _on_box_text_changed(self) -> None:
        if self._text():
            self._timer.start()
        else:
            self._timer.stop()
            self.show_shelf()

    def _on_box_return_pressed(self) -> None:
        self._request()
        if text := self._text():
            self.entered.emit(text)

    def _on_sort_activated(self) -> None:
        self._request()


def _button(name: str, text: str, accessible_name: str) -> QPushButton:
    button = QPushButton(text)
    button.setObjectName(name)
    button.setAccessibleName(accessible_name)
    return button
