"""A model's card: what its makers say about it, written out a little at a time so that a long one stops nothing.

Laid out by hand: a layout would ask for the height at widths that the card never has, each time it has grown, and for
each of them the whole text would be laid out anew.
"""

from __future__ import annotations

import time

from PySide6.QtCore import QRect, QTimer, QUrl, Signal
from PySide6.QtGui import QPalette, QResizeEvent
from PySide6.QtWidgets import QLabel, QWidget

from app.ui.card_text import readable
from app.ui.markdown_stream import MarkdownStream
from app.ui.message_browser import MessageBrowser

LONGEST = 60_000  # characters that are shown; beyond are mostly tables for machines
_FRAME = 16  # milliseconds
_SLICE = 0.008  # seconds of a frame that we take


class ModelCard(QWidget):
    """Markdown from strangers: nothing of it is loaded, and only its links lead anywhere."""

    link_activated = Signal(str)  # an http or https address
    caret_moved = Signal(QRect)  # by a key: it has to be brought into sight

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("card")
        self._browser: MessageBrowser | None = None
        self._rest = QLabel(self.tr("The rest is on the model's page."))
        self._rest.setObjectName("rest_of_card")
        self._rest.setForegroundRole(QPalette.ColorRole.PlaceholderText)
        self._timer = QTimer(self, interval=_FRAME)
        self._timer.timeout.connect(self._on_timer_timeout)
        self._rest.setParent(self)
        self.clear()

    def clear(self) -> None:
        """Shows nothing."""
        self._timer.stop()
        self.hide()
        if self._browser is not None:
            self._browser.hide()
            self._browser.deleteLater()
            self._browser = None

    def show_card(self, markdown: str, base_url: str) -> None:
        """Shows `markdown`, whose relative links start at `base_url`, the folder of the model's files."""
        self.clear()
        if not markdown.strip():
            return
        self._browser = self._new_browser()
        self._browser.append_text(readable(_beginning(markdown), base_url))
        self._rest.setVisible(len(markdown) > LONGEST)
        self.show()
        self._timer.start()

    def _new_browser(self) -> MessageBrowser:
        browser = MessageBrowser(MarkdownStream, self)
        browser.setObjectName("model_card")
        browser.setAccessibleName("Model card")
        browser.link_activated.connect(self._on_browser_link_activated)
        browser.caret_moved.connect(self.caret_moved)
        browser.rewrite_wanted.connect(self._timer.start)
        browser.show()
        return browser

    def _lay_out(self) -> None:
        """As wide as there is room, as high as the text that is written."""
        if self._browser is None:
            return
        height = self._browser.heightForWidth(self.width())
        self._browser.setGeometry(0, 0, self.width(), height)
        rest = self._rest.sizeHint()
        gap = rest.height()
        self._rest.setGeometry(0, height + gap, self.width(), rest.height())
        self.setFixedHeight(height + (0 if self._rest.isHidden() else gap + rest.height()))

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        super().resizeEvent(event)
        self._lay_out()

    def _on_timer_timeout(self) -> None:
        if self._browser is not None and self._browser.has_work():
            self._browser.work(time.perf_counter() + _SLICE)
            self._lay_out()
        else:
            self._timer.stop()

    def _on_browser_link_activated(self, address: str) -> None:
        if QUrl(address).scheme() in ("http", "https"):
            self.link_activated.emit(address)


def _beginning(markdown: str) -> str:
    """As many whole lines as are shown."""
    if len(markdown) <= LONGEST:
        return markdown
    end = markdown.rfind("\n", 0, LONGEST)
    return markdown[: end if end > 0 else LONGEST]
