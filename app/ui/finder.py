"""Finds a text in the messages of a conversation, marks where it is, and goes there.

What is counted are the places in the texts as they were written; what is marked are those in the texts as they look.
The two differ where Markdown stands within a word: then the nearest place is gone to.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

from PySide6.QtGui import QColor, QTextCursor
from PySide6.QtWidgets import QTextEdit

from app.ui.message_browser import MessageBrowser
from app.ui.message_item import MessageItem
from app.ui.theme import colours
from app.ui.virtual_column import VirtualColumn

_PATIENCE = 0.2  # seconds for a long message to be written
_MOST_MARKED = 1000  # in a message


@dataclass(frozen=True, slots=True)
class _Hit:
    """The place number `place`, from 0, in a message."""

    item: MessageItem
    place: int


class Finder:
    """Upper and lower case are the same to it."""

    def __init__(self, column: VirtualColumn) -> None:
        self._column = column
        self._text = ""
        self._hits: list[_Hit] = []
        self._current = 0

    @property
    def place(self) -> tuple[int, int]:
        """Which hit is gone to, from 1, and how many there are."""
        return (self._current + 1 if self._hits else 0, len(self._hits))

    def find(self, text: str, first: MessageItem | None = None) -> None:
        """Finds `text` from now on, and goes to the first place in `first` or after it, else to the last one."""
        self._text = text
        self.search_again()
        for item in self._messages():
            self.mark(item)
        start = first.index if first else 0
        after = (number for number, hit in enumerate(self._hits) if hit.item.index >= start)
        self._current = next(after, len(self._hits) - 1)
        self._show_current()

    def search_again(self) -> None:
        """There are other words than before."""
        sought = self._text.lower()
        self._hits = [
            _Hit(item, place)
            for item in self._messages()
            for place in range(item.text.lower().count(sought) if sought else 0)
        ]
        self._current = max(0, min(self._current, len(self._hits) - 1))

    def step(self, step: int) -> None:
        """Goes to the next place, or with -1 to the one before; from the last to the first and back."""
        if self._hits:
            before = self._hits[self._current].item
            self._current = (self._current + step) % len(self._hits)
            self.mark(before)
            self._show_current()

    def mark(self, item: MessageItem) -> None:
        """Marks all places in the row of `item`, if it has one."""
        if item.row is None:
            return
        browser = item.row.browser
        hit = self._hits[self._current] if self._hits else None
        current = hit.place if hit and hit.item is item else -1
        found = list(self._places(browser))
        look = colours(browser.palette())
        marks = []
        for number, cursor in enumerate(found):
            mark = QTextEdit.ExtraSelection()
            is_current = number == min(current, len(found) - 1) and current >= 0
            mark.cursor = cursor
            mark.format.setBackground(QColor(look.accent if is_current else look.selection))
            if is_current:
                mark.format.setForeground(QColor(look.on_accent))
            marks.append(mark)
        if marks or browser.extraSelections():
            browser.setExtraSelections(marks)

    def _show_current(self) -> None:
        if not self._hits:
            return
        hit = self._hits[self._current]
        self._column.make_now(hit.item)
        row = hit.item.row
        if row is None:
            return
        deadline = time.perf_counter() + _PATIENCE
        while row.browser.has_work() and time.perf_counter() < deadline:
            row.browser.work(deadline)
        self.mark(hit.item)
        found = list(self._places(row.browser))
        self._column.go_near(hit.item)
        if found:
            cursor = QTextCursor(found[min(hit.place, len(found) - 1)])
            self._column.bring_into_sight(row.browser, row.browser.cursorRect(cursor))

    def _places(self, browser: MessageBrowser) -> Iterator[QTextCursor]:
        document = browser.document()
        cursor = document.find(self._text) if self._text else QTextCursor()
        for _ in range(_MOST_MARKED):
            if cursor.isNull():
                return
            yield cursor
            cursor = document.find(self._text, cursor)

    def _messages(self) -> list[MessageItem]:
        return [item for item in self._column.items if isinstance(item, MessageItem)]
