"""A selection that begins in one message and ends in another.

Within a message its browser selects by itself. Once the mouse leaves it, or by Ctrl+Shift+Up and Down, or when Ctrl+A
is pressed again, all messages between have their part of the selection. A message that is selected from end to end is
copied as it was written, as its `Copy` does; a part of one as it looks. Those in between may have no row, and need
none for that.
"""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QEvent, QObject, QPoint, Qt, QTimer
from PySide6.QtGui import QContextMenuEvent, QGuiApplication, QKeyEvent, QKeySequence, QMouseEvent, QTextCursor
from PySide6.QtWidgets import QMenu

from app.ui.message_browser import MessageBrowser
from app.ui.message_item import MessageItem
from app.ui.virtual_column import VirtualColumn

_SCROLL_INTERVAL = 30  # milliseconds, while the mouse is beyond an edge
_MODIFIERS = (Qt.Key.Key_Control, Qt.Key.Key_Shift, Qt.Key.Key_Alt, Qt.Key.Key_Meta)


@dataclass(frozen=True, slots=True)
class _End:
    """A place in a message; `position` is one of its document."""

    item: MessageItem
    position: int


class Selection(QObject):
    """Watches the browsers it is told of."""

    def __init__(self, column: VirtualColumn) -> None:
        super().__init__(column)
        self._column = column
        self._anchor: _End | None = None
        self._head: _End | None = None  # None while the selection is within one message
        self._mouse: QPoint | None = None  # in the column's viewport, while a button is held
        self._marked: set[MessageItem] = set()  # those with a part of it
        self._timer = QTimer(self, interval=_SCROLL_INTERVAL)
        self._timer.timeout.connect(self._on_timer_timeout)

    def watch(self, item: MessageItem) -> None:
        """A row has been made for `item`."""
        if item.row is not None:
            item.row.browser.installEventFilter(self)
            item.row.browser.viewport().installEventFilter(self)
            self.show()

    def show(self) -> None:
        """Gives each row its part. To be called again when rows have been written."""
        if self._anchor is None or self._head is None:
            return
        first, last = self._ends(self._anchor, self._head)
        marked = set()
        for item in self._column.live():
            if isinstance(item, MessageItem) and item.row and first.item.index <= item.index <= last.item.index:
                end = last.position if item is last.item else _length(item.row.browser)
                _select(item, first.position if item is first.item else 0, end)
                marked.add(item)
        for item in self._marked - marked:
            _select(item, 0, 0)
        self._marked = marked

    def clear(self) -> None:
        """Nothing is selected but what a single message has."""
        self._head = None
        self._timer.stop()
        for item in self._marked:
            _select(item, 0, 0)
        self._marked = set()

    def check(self) -> None:
        """Messages may have gone, or be in other places."""
        if not all(self._is_there(end) for end in (self._anchor, self._head) if end):
            self.clear()
            self._anchor = None

    def text(self) -> str:
        """What is selected, over messages; empty if no more than one is."""
        if self._anchor is None or self._head is None:
            return ""
        first, last = self._ends(self._anchor, self._head)
        items = self._column.items[first.item.index : last.item.index + 1]
        parts = [self._part(item, first, last) for item in items if isinstance(item, MessageItem)]
        return "\n\n".join(part for part in parts if part)

    def _part(self, item: MessageItem, first: _End, last: _End) -> str:
        browser = item.row.browser if item.row else None
        if browser is None or item not in (first.item, last.item):
            return item.answer
        start = first.position if item is first.item else 0
        end = last.position if item is last.item else _length(browser)
        if (start, end) == (0, _length(browser)):
            return item.answer
        return browser.createMimeDataFromSelection().text() if start < end else ""

    def _ends(self, one: _End, other: _End) -> tuple[_End, _End]:
        return (one, other) if (one.item.index, one.position) <= (other.item.index, other.position) else (other, one)

    # Events

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802
        if isinstance(event, QMouseEvent):
            return self._on_mouse(watched, event)
        if isinstance(watched, MessageBrowser):
            if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
                return self._on_key(watched, event)
            if isinstance(event, QContextMenuEvent) and self._head is not None:
                self._show_menu(watched, event.globalPos())
                return True
        return False

    def _on_mouse(self, watched: QObject, event: QMouseEvent) -> bool:
        browser = watched.parent()
        if not isinstance(browser, MessageBrowser):
            return False
        match event.type():
            case QEvent.Type.MouseButtonPress if event.button() is Qt.MouseButton.LeftButton:
                return self._on_press(browser, event)
            case QEvent.Type.MouseMove if event.buttons() & Qt.MouseButton.LeftButton and self._anchor:
                self._mouse = self._column.viewport().mapFromGlobal(event.globalPosition().toPoint())
                return self._follow_mouse()
            case QEvent.Type.MouseButtonRelease:
                self._mouse = None
                self._timer.stop()
        return False

    def _on_press(self, browser: MessageBrowser, event: QMouseEvent) -> bool:
        item = self._column.item_of(browser)
        if not isinstance(item, MessageItem):
            return False
        pressed = _End(item, browser.cursorForPosition(event.position().toPoint()).position())
        extends = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
        if extends and self._anchor and self._anchor.item is not item and self._is_there(self._anchor):
            self._head = pressed
            self.show()
            return True
        self.clear()
        self._anchor = pressed
        return False

    def _follow_mouse(self) -> bool:
        """Ends the selection at the mouse. False if it is where it began, and the browser's own affair."""
        head = self._end_at(self._mouse) if self._mouse else None
        if head is None or self._anchor is None or not self._is_there(self._anchor):
            return False
        is_beyond = self._mouse is not None and not self._column.viewport().rect().contains(self._mouse)
        if is_beyond and not self._timer.isActive():
            self._timer.start()
        elif not is_beyond:
            self._timer.stop()
        if head.item is self._anchor.item:
            self.clear()
            return False
        self._head = head
        self.show()
        return True

    def _on_timer_timeout(self) -> None:
        """The mouse is held beyond an edge: the farther, the faster."""
        height, bar = self._column.viewport().height(), self._column.verticalScrollBar()
        if self._mouse is None:
            self._timer.stop()
            return
        y = self._mouse.y()
        bar.setValue(bar.value() + (min(0, y) + max(0, y - height)))
        self._follow_mouse()

    def _end_at(self, place: QPoint) -> _End | None:
        y = max(0, min(place.y(), self._column.viewport().height() - 1))
        item = self._column.item_at(y)
        if not isinstance(item, MessageItem) or item.row is None:
            return None
        browser = item.row.browser
        within = browser.viewport().mapFrom(self._column.viewport(), QPoint(place.x(), y))
        if within.y() < 0:
            return _End(item, 0)
        if within.y() >= browser.viewport().height():
            return _End(item, _length(browser))
        return _End(item, browser.cursorForPosition(within).position())

    def _on_key(self, browser: MessageBrowser, event: QKeyEvent) -> bool:
        item = self._column.item_of(browser)
        if not isinstance(item, MessageItem):
            return False
        both = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier
        if event.matches(QKeySequence.StandardKey.Copy):
            return self._copy()
        if event.matches(QKeySequence.StandardKey.SelectAll):
            return _is_all_selected(browser) and self._select_all()
        if event.key() in (Qt.Key.Key_Up, Qt.Key.Key_Down) and event.modifiers() == both:
            self._extend(item, browser, 1 if event.key() == Qt.Key.Key_Down else -1)
            return True
        if event.key() not in _MODIFIERS:
            self.clear()
        return False

    def _copy(self) -> bool:
        if self._head is None:
            return False
        QGuiApplication.clipboard().setText(self.text())
        return True

    def _select_all(self) -> bool:
        messages = self._messages()
        if len(messages) < 2:
            return False
        self._anchor, self._head = _End(messages[0], 0), self._end_of(messages[-1])
        self.show()
        return True

    def _extend(self, item: MessageItem, browser: MessageBrowser, step: int) -> None:
        """Takes in the next message, or gives the last one back."""
        if self._head is None or self._anchor is None:
            self._anchor = self._head = _End(item, browser.textCursor().anchor())
        messages = self._messages()
        place = messages.index(self._head.item)
        at_edge = self._head.position == (self._end_of(self._head.item).position if step > 0 else 0)
        target = messages[max(0, min(place + step * at_edge, len(messages) - 1))]
        self._column.make_now(target)
        self._head = self._end_of(target) if step > 0 else _End(target, 0)
        self.show()
        if target.row is not None:
            end = target.row.rect().bottomLeft() if step > 0 else QPoint(0, 0)
            self._column.ensureVisible(0, target.row.mapTo(self._column.content, end).y())

    def _end_of(self, item: MessageItem) -> _End:
        return _End(item, _length(item.row.browser) if item.row else len(item.text))

    def _messages(self) -> list[MessageItem]:
        return [item for item in self._column.items if isinstance(item, MessageItem)]

    def _is_there(self, end: _End) -> bool:
        items = self._column.items
        return end.item.index < len(items) and items[end.item.index] is end.item

    def _show_menu(self, browser: MessageBrowser, place: QPoint) -> None:
        menu = QMenu(browser)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.addAction(self.tr("Copy")).triggered.connect(self._copy)
        menu.popup(place)


def _length(browser: MessageBrowser) -> int:
    return browser.document().characterCount() - 1


def _select(item: MessageItem, start: int, end: int) -> None:
    if item.row is None:
        return
    browser = item.row.browser
    last, cursor = _length(browser), browser.textCursor()
    if (cursor.anchor(), cursor.position()) != (min(start, last), min(end, last)):
        cursor.setPosition(min(start, last))
        cursor.setPosition(min(end, last), QTextCursor.MoveMode.KeepAnchor)
        browser.setTextCursor(cursor)


def _is_all_selected(browser: MessageBrowser) -> bool:
    cursor = browser.textCursor()
    return (cursor.selectionStart(), cursor.selectionEnd()) == (0, _length(browser))
