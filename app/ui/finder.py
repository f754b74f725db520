"""Finds a text in the messages of a conversation, marks where it is, and goes there.

What is counted are the places in the texts as they were written; what is marked are those in the texts as they look.
The two differ where Markdown stands within a word: then the nearest place is gone to. What is drawn of a formula is
marked as a whole if its source has the text. What a model thought before it answered is not looked through.

However often a text is there, and however long a message is, the work is bounded: places are counted, not listed, and
only in what a message shows.
"""

from __future__ import annotations

import time
from bisect import bisect_right
from collections.abc import Iterator
from heapq import merge
from itertools import islice

from PySide6.QtGui import QColor, QTextCursor
from PySide6.QtWidgets import QTextEdit

from app.ui.message_browser import MOST_SHOWN, MessageBrowser
from app.ui.message_item import MessageItem
from app.ui.theme import Colours, colours
from app.ui.virtual_column import VirtualColumn

_PATIENCE = 0.05  # seconds for a long message to be written; its place is gone to when it is
_MOST_PLACES = 1000  # in a message, that are told apart
_MOST_MARKED = 200  # in a message, around the one that is gone to: each has to be painted


class Finder:
    """Upper and lower case are the same to it."""

    def __init__(self, column: VirtualColumn) -> None:
        self._column = column
        self._text = ""
        self._found: list[MessageItem] = []  # the messages with hits,
        self._before = [0]  # and how many hits there are before each, and in all
        self._current = 0
        self._awaited: MessageItem | None = None  # is gone to once it is written

    @property
    def place(self) -> tuple[int, int]:
        """Which hit is gone to, from 1, and how many there are."""
        return (self._current + 1 if self._found else 0, self._before[-1])

    def find(self, text: str, first: MessageItem | None = None) -> None:
        """Finds `text` from now on, and goes to the first place in `first` or after it, else to the last one."""
        self._text = text
        self.search_again()
        start = first.index if first else 0
        after = (before for item, before in zip(self._found, self._before, strict=False) if item.index >= start)
        self._current = next(after, max(0, self._before[-1] - 1))
        hit = self._hit()
        for item in self._messages():
            if hit is None or item is not hit[0]:
                self.mark(item)
        self._show_current()

    def search_again(self) -> None:
        """There are other words than before."""
        sought = self._text.lower()
        self._found, self._before = [], [0]
        for item in self._messages() if sought else ():
            if count := item.answer[:MOST_SHOWN].lower().count(sought):
                self._found.append(item)
                self._before.append(self._before[-1] + count)
        self._current = max(0, min(self._current, self._before[-1] - 1))

    def step(self, step: int) -> None:
        """Goes to the next place, or with -1 to the one before; from the last to the first and back."""
        if hit := self._hit():
            self._current = (self._current + step) % self._before[-1]
            self.mark(hit[0])
            self._show_current()

    def show_written(self, item: MessageItem) -> None:
        """All of a message is there now: marks the places in it, and goes to the one that was to be shown."""
        self.mark(item)
        if item is self._awaited:
            self._show_current()

    def mark(self, item: MessageItem) -> list[QTextCursor]:
        """Marks the places in the row of `item`, if it has one. Returns them, those that are not marked too."""
        if item.row is None:
            return []
        browser = item.row.browser
        found = list(self._places(browser))
        hit = self._hit()
        current = min(hit[1], len(found) - 1) if hit and hit[0] is item else -1
        start = max(0, min(current - _MOST_MARKED // 2, len(found) - _MOST_MARKED))
        look = colours(browser.palette())
        marks = [
            _mark(cursor, look, is_current=number == current)
            for number, cursor in enumerate(found[start : start + _MOST_MARKED], start)
        ]
        if marks or browser.extraSelections():
            browser.setExtraSelections(marks)
        return found

    def _hit(self) -> tuple[MessageItem, int] | None:
        """The message with the hit that is gone to, and its number there, from 0."""
        if not self._found:
            return None
        index = bisect_right(self._before, self._current) - 1
        return self._found[index], self._current - self._before[index]

    def _show_current(self) -> None:
        self._awaited = None
        hit = self._hit()
        if hit is None:
            return
        item, place = hit
        self._column.make_now(item)
        row = item.row
        if row is None:
            return
        deadline = time.perf_counter() + _PATIENCE
        while row.browser.has_work() and time.perf_counter() < deadline:
            row.browser.work(deadline)
        if row.browser.has_work():
            self._awaited = item
        found = self.mark(item)
        self._column.go_near(item)
        if found:
            cursor = QTextCursor(found[min(place, len(found) - 1)])
            self._column.bring_into_sight(row.browser, row.browser.cursorRect(cursor))

    def _places(self, browser: MessageBrowser) -> Iterator[QTextCursor]:
        if not self._text:
            return iter(())
        found = merge(self._words(browser), browser.formulas_with(self._text), key=QTextCursor.selectionStart)
        return islice(found, _MOST_PLACES)

    def _words(self, browser: MessageBrowser) -> Iterator[QTextCursor]:
        document = browser.document()
        cursor = document.find(self._text)
        while not cursor.isNull():
            yield cursor
            cursor = document.find(self._text, cursor)

    def _messages(self) -> list[MessageItem]:
        return [item for item in self._column.items if isinstance(item, MessageItem)]


def _mark(cursor: QTextCursor, look: Colours, *, is_current: bool) -> QTextEdit.ExtraSelection:
    mark = QTextEdit.ExtraSelection()
    mark.cursor = cursor
    ground = QColor(look.accent if is_current else look.selection)
    if cursor.charFormat().objectType():  # a formula: it keeps its colour, and Qt paints this over it too
        ground.setAlphaF(0.25 if is_current else 0.5)
    mark.format.setBackground(ground)
    mark.format.setForeground(QColor(look.on_accent if is_current else look.text))
    return mark
