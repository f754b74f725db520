"""The place for models: find one, see those on this computer, and watch what is being downloaded.

Its parts are made when it is first looked at: a start of the app does not wait for them.
"""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtGui import QFocusEvent, QShowEvent
from PySide6.QtWidgets import QStackedWidget, QTabBar, QVBoxLayout, QWidget

_FIND, _MINE = 0, 1


class LibraryPlace(QWidget):
    """Two pages behind tabs, `Find models` and `My models`; below both the downloads under way."""

    needed = Signal()  # about to be seen for the first time: whoever knows the parts calls `fill`
    mine_shown = Signal()  # My models is looked at

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("library_place")
        self._tabs = QTabBar()
        self._tabs.setObjectName("library_pages")
        self._tabs.setAccessibleName("Library pages")
        self._tabs.setExpanding(False)
        self._tabs.setDrawBase(False)
        self._tabs.addTab(self.tr("Find models"))
        self._tabs.addTab(self.tr("My models"))
        self._tabs.currentChanged.connect(self._on_tabs_current_changed)
        self._pages = QStackedWidget()
        self._finding = QStackedWidget()
        self._pages.addWidget(self._finding)
        self._layout = QVBoxLayout(self)
        self._layout.addWidget(self._tabs)
        self._layout.addWidget(self._pages, 1)

    @property
    def is_filled(self) -> bool:
        return self._finding.count() > 0

    def fill(self, search: QWidget, model_page: QWidget, my_models: QWidget, downloads: QWidget) -> None:
        """Takes the parts; once."""
        self._finding.addWidget(search)
        self._finding.addWidget(model_page)
        self._pages.addWidget(my_models)
        self._layout.addWidget(downloads)

    def show_search(self) -> None:
        """Shows where models are looked for."""
        self._show(_FIND, 0)

    def show_model(self) -> None:
        """Shows the page of one model."""
        self._show(_FIND, 1)

    def show_mine(self) -> None:
        """Shows the models on this computer."""
        self._show(_MINE, 0)

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802
        self._need()
        super().showEvent(event)
        if self._tabs.currentIndex() == _MINE:
            self.mine_shown.emit()

    def focusInEvent(self, event: QFocusEvent) -> None:  # noqa: N802
        # A focus proxy would do the same, but Tab on its way in would skip what comes before it.
        page = self._pages.currentWidget()
        shown = self._finding.currentWidget() if page is self._finding else page
        if shown is not None:
            shown.setFocus(event.reason())

    def _need(self) -> None:
        if not self.is_filled:
            self.needed.emit()

    def _show(self, page: int, finding: int) -> None:
        self._need()
        self._tabs.setCurrentIndex(page)
        if page == _FIND:
            self._finding.setCurrentIndex(finding)
        if self.isVisible():
            self.setFocus()

    def _on_tabs_current_changed(self, page: int) -> None:
        self._need()
        self._pages.setCurrentIndex(page)
        if page == _MINE and self.isVisible():
            self.mine_shown.emit()
