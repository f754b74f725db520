"""A scrolling column of which only what is near exists, as wide as is good to read, that keeps its place.

An item has a widget while it is in sight or near it; far from there its height is remembered, or guessed from the
length of its text. So a conversation of thousands of messages opens as fast as one of ten, and takes the memory of
what is in sight. One layout for all would be asked for every row whenever a word is added to the last one.

What one reads never moves: the layout begins with an item that is in sight, the anchor, and works its way outwards. A
wrong guess moves the scroll bar, not the text. At its end the column stays at the end, whatever is added.

A screen reader finds all items all the same, in order and with their names: for one that has no widget, one that
nobody sees stands in, made when it is asked for.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence

from PySide6.QtCore import QEvent, QObject, QRect, Qt, Signal
from PySide6.QtGui import QAccessible, QAccessibleInterface, QFont, QResizeEvent
from PySide6.QtWidgets import QAccessibleWidget, QFrame, QScrollArea, QWidget

from app.ui.column_item import ColumnItem, StandIn, StandInInterface

_READABLE = 80  # characters in a line
_KEPT = 60  # items around what is in sight that have widgets,
_KEPT_WEIGHT = 120_000  # and the characters in them: a document takes a hundred times the memory of its text
_MOST_KEPT = 80  # more than that, so that going back and forth makes nothing anew
_MOST_ROUNDS = 30  # of measuring what came into sight when something else was measured


class VirtualColumn(QScrollArea):
    """Shows items from top to bottom."""

    at_end_changed = Signal(bool)
    moved = Signal()  # something else is in sight
    made = Signal(object)  # the item that has a widget now

    def __init__(self) -> None:
        super().__init__()
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._items: list[ColumnItem] = []
        self._tops: list[int] = [0]  # of the items, and of what would come after them
        self._changed_from = 0  # the first item whose height the tops do not have yet
        self._live: set[ColumnItem] = set()  # those with a widget
        self._known: set[ColumnItem] = set()  # those whose height is not guessed
        self._width = 0  # of an item
        self._is_at_end = True
        self._is_moving = False  # whether it is us who move, not the user
        self._is_centred = False
        self._anchor: tuple[ColumnItem, int] | None = None  # and where its top is in sight
        self.content = ColumnContent(self)
        self.setWidget(self.content)
        self.verticalScrollBar().valueChanged.connect(self._on_scroll_bar_value_changed)

    # Items

    @property
    def items(self) -> Sequence[ColumnItem]:
        return self._items

    def set_text_font(self, font: QFont) -> None:
        """The font of all that is in the column. What can be made anew is: margins go with the font."""
        for item in self.live():
            if item.may_go and not _has_focus(item):
                self._let_go(item)
        self.content.setFont(font)
        for item in self._live:
            if item.widget is not None:
                item.widget.setFont(font)
        self._width = 0
        self.lay_out()
        self.moved.emit()

    def set_items(self, items: Sequence[ColumnItem], *, centred: bool = False) -> None:
        """Shows exactly `items`; `centred` in the middle while there is room. The widgets of others are deleted."""
        before, now = set(self._items), set(items)
        for gone in before - now:
            self._let_go(gone)
        for item in items:
            if item not in before:
                item.height = item.estimate(self._width)
                if item.widget is not None:
                    self._adopt(item, item.widget)
        self._items = list(items)
        for index, item in enumerate(self._items):
            item.index = index
        self._is_centred = centred
        self._changed_from = 0
        if self._anchor and self._anchor[0] not in now:
            self._anchor = None
        self.lay_out()

    def live(self) -> list[ColumnItem]:
        """The items that have widgets, the nearest to what is in sight first."""
        middle = self._index_at(self.verticalScrollBar().value() + self.viewport().height() // 2)
        return sorted(self._live, key=lambda item: abs(item.index - middle))

    def item_at(self, y: int) -> ColumnItem | None:
        """The item at `y` in the column's coordinates, or the one nearest to it."""
        return self._items[self._index_at(y + self.verticalScrollBar().value())] if self._items else None

    def item_of(self, widget: QWidget | None) -> ColumnItem | None:
        """The item that `widget` is a part of."""
        found = (item for item in self._live if item.widget and (item.widget is widget or _is_within(widget, item)))
        return next(found, None)

    def make_ahead(self) -> bool:
        """Makes the nearest item without a widget, if there are not enough. True if it did.

        To be called when there is time.
        """
        self._let_the_farthest_go()
        for item in self._near():
            if item.widget is None:
                self._measure(item)
                return True
        return False

    def make_now(self, item: ColumnItem) -> None:
        """Makes the item's widget, wherever it is."""
        if item.widget is None:
            self._measure(item)

    def _near(self) -> Iterator[ColumnItem]:
        """What is in sight and around it, as much as has widgets, from near to far."""
        if not self._items:
            return
        value = self.verticalScrollBar().value()
        first, last = self._index_at(value), self._index_at(value + self.viewport().height())
        yield from self._items[first : last + 1]
        count, weight = last + 1 - first, 0
        above, below = first - 1, last + 1
        while (above >= 0 or below < len(self._items)) and count < _KEPT and weight < _KEPT_WEIGHT:
            for index in (above, below):
                if 0 <= index < len(self._items):
                    count += 1
                    weight += self._items[index].weight
                    yield self._items[index]
            above, below = above - 1, below + 1

    def _let_the_farthest_go(self) -> None:
        """Keeps within bounds what has widgets."""
        spare = sum(item.weight for item in self._live) - 2 * _KEPT_WEIGHT
        if len(self._live) <= _MOST_KEPT and spare <= 0:
            return
        near = set(self._near())
        for item in reversed(self.live()):
            if len(self._live) <= _MOST_KEPT and spare <= 0:
                return
            if item not in near and item.may_go and not _has_focus(item):
                spare -= item.weight
                self._let_go(item)

    def _let_go(self, item: ColumnItem) -> None:
        item.drop_stand_in()
        if item.widget is not None:
            if _has_focus(item):  # else Qt would look for what is next, among what is about to go
                self.setFocus()
            item.let_go()
            item.widget.hide()
            item.widget.deleteLater()
            item.widget = item.place = None
            self._live.discard(item)

    def _adopt(self, item: ColumnItem, widget: QWidget) -> None:
        item.widget, item.place = widget, None
        item.drop_stand_in()
        if widget.parent() is not self.content:
            widget.setParent(self.content)
        self._live.add(item)
        self.made.emit(item)

    # Place

    def go_to_end(self) -> None:
        """Scrolls to the end, to stay there."""
        self._set_at_end(True)
        self.lay_out()

    def go_to(self, item: ColumnItem) -> None:
        """Scrolls to the beginning of an item, and makes it."""
        self._set_at_end(False)
        self._anchor = (item, self.fontMetrics().height())
        self.lay_out()
        self._let_the_farthest_go()
        bar = self.verticalScrollBar()
        self._set_at_end(bar.value() >= bar.maximum())

    def go_near(self, item: ColumnItem) -> None:
        """Scrolls to an item, unless a part of it is in sight."""
        value = self.verticalScrollBar().value()
        if not self._index_at(value) <= item.index <= self._index_at(value + self.viewport().height()):
            self.go_to(item)
        else:
            self.lay_out()

    def bring_into_sight(self, widget: QWidget, part: QRect) -> None:
        """Scrolls, if need be, so that `part` of `widget` is seen."""
        centre = widget.mapTo(self.content, part.center())
        self.ensureVisible(centre.x(), centre.y(), 0, part.height())

    def _set_at_end(self, at_end: bool) -> None:
        if at_end != self._is_at_end:
            self._is_at_end = at_end
            self.at_end_changed.emit(at_end)

    def _place(self, top: int) -> tuple[ColumnItem, int] | None:
        """The item to begin a layout with, and where it is: one that is not still being shown for the first time."""
        seen = self._items[self._index_at(top) : self._index_at(top + self.viewport().height()) + 1]
        item = next((item for item in seen if item.is_settled), seen[0] if seen else None)
        return (item, self._tops[item.index] - top) if item else None

    # Layout

    def lay_out(self, *, only_moved: bool = False) -> None:
        """Gives everything its place, at once; makes and measures what is in sight.

        `only_moved`: what has been measured has not changed since.
        """
        if self._is_moving:
            return
        self._is_moving = True
        for _ in range(2):  # a scroll bar may come or go
            room = self.viewport().width()
            self._set_width(room)
            top = self._fill(only_moved)
            self.content.resize(room, self._tops[-1] + 2 * self._room_above())
            self._place_widgets(room)
            self.verticalScrollBar().setValue(top)
            if room == self.viewport().width():
                break
        self._anchor = self._place(self.verticalScrollBar().value())
        self._is_moving = False

    def _set_width(self, room: int) -> None:
        em, character = self.fontMetrics().height(), self.content.fontMetrics().averageCharWidth()
        width = max(1, min(room - em, character * _READABLE + 2 * em))
        if width == self._width:
            return
        was, self._width = self._width, width
        anchored = self._anchor[0].height if self._anchor else 0
        for item in self._items:
            item.height = item.height * was // width if was else item.estimate(width)
        self._known.clear()
        self._changed_from = 0
        if self._anchor and self._anchor[1] < 0 and anchored > 0:  # the same part of it stays in sight
            item, distance = self._anchor
            self._measure(item)
            self._anchor = (item, distance * item.height // anchored)

    def _fill(self, only_moved: bool) -> int:
        """Makes and measures what is in sight. Returns where that begins."""
        for item in [item for item in self._live if item.is_growing]:
            self._measure(item)
        top = self._top()
        for _ in range(_MOST_ROUNDS):
            seen = self._items[self._index_at(top) : self._index_at(top + self.viewport().height()) + 1]
            asked = [item for item in seen if not (only_moved and item.widget and item in self._known)]
            changed = [item for item in asked if self._measure(item)]
            if not changed:
                break
            top = self._top()
        return top

    def _measure(self, item: ColumnItem) -> bool:
        """Makes the item if need be. Whether it has another height than was thought."""
        widget = item.widget
        if widget is None:
            widget = item.make(self.content)
            self._adopt(item, widget)
        was, item.height = item.height, _height(widget, self._width)
        self._known.add(item)
        if item.height == was:
            return False
        self._changed_from = min(self._changed_from, item.index)
        return True

    def _top(self) -> int:
        """Where what is in sight begins, with the heights as they are now known."""
        self._update_tops()
        most = self._tops[-1] - self.viewport().height()
        top = self.verticalScrollBar().value()
        if self._is_at_end:
            top = most
        elif self._anchor is not None:
            top = self._tops[self._anchor[0].index] - self._anchor[1]
        return max(0, min(top, most))

    def _update_tops(self) -> None:
        em = self.fontMetrics().height()
        start = self._changed_from
        self._tops = self._tops[: start + 1] if start else [em]
        y = self._tops[-1]
        for item in self._items[start:]:
            y += item.height + em
            self._tops.append(y)
        self._changed_from = len(self._items)

    def _index_at(self, y: int) -> int:
        """Of the item at `y`, counted from the beginning of the column, or before the gap there."""
        return max(0, min(bisect_right(self._tops, y) - 1, len(self._items) - 1))

    def _room_above(self) -> int:
        """In pixels, and as much below."""
        return max(0, (self.viewport().height() - self._tops[-1]) // 2) if self._is_centred else 0

    def _place_widgets(self, room: int) -> None:
        left = (room - self._width) // 2
        down = self._room_above()
        for item in self._live:
            widget, y = item.widget, self._tops[item.index] + down
            if widget is None:
                continue
            if item not in self._known:  # out of sight; laid out for another width
                widget.move(left, y)
                item.place = None
                continue
            place = QRect(left, y, self._width, item.height)
            if item.place != place:
                item.place = place
                widget.setGeometry(place)
                if widget.isHidden():  # only now, so that none is laid out for a width it never has
                    widget.show()

    # Qt

    def focusNextPrevChild(self, forward: bool) -> bool:  # noqa: N802
        """The tab key finds the neighbours of what has the focus, whether they were there before or not."""
        focused = self.item_of(self.window().focusWidget())
        if focused is not None:
            for neighbour in self._items[max(0, focused.index - 1) : focused.index + 2]:
                self.make_now(neighbour)
            self.lay_out()
        return super().focusNextPrevChild(forward)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        super().resizeEvent(event)
        self.lay_out()
        self.moved.emit()

    def _on_scroll_bar_value_changed(self, value: int) -> None:
        if not self._is_moving:
            self._set_at_end(value >= self.verticalScrollBar().maximum())
            self._anchor = self._place(value)
            self.lay_out(only_moved=True)
            self._let_the_farthest_go()
            self.moved.emit()


class ColumnContent(QWidget):
    """What is scrolled. Lays out anew when an item wants another size.

    Opaque, and nothing but a ground: so that Qt moves the picture there is, and paints only what comes into sight.
    """

    def __init__(self, column: VirtualColumn) -> None:
        super().__init__()
        self.column = column
        self.setAutoFillBackground(True)
        self.setAttribute(Qt.WidgetAttribute.WA_StaticContents)

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.LayoutRequest:
            self.column.lay_out()
        return super().event(event)


class _ContentInterface(QAccessibleWidget):
    """A list of all the items, whether they have widgets or not."""

    def __init__(self, content: ColumnContent) -> None:
        super().__init__(content, QAccessible.Role.List, "Conversation")
        self._content = content

    def childCount(self) -> int:  # noqa: N802
        return len(self._content.column.items)

    def child(self, index: int) -> QAccessibleInterface:
        items = self._content.column.items
        if not 0 <= index < len(items):  # who asks may be behind the times
            return None  # type: ignore[return-value]
        return QAccessible.queryAccessibleInterface(items[index].spoken(self._content))

    def indexOfChild(self, child: QAccessibleInterface) -> int:  # noqa: N802
        widget = child.object()
        if isinstance(widget, StandIn):
            return widget.item.index
        return next((item.index for item in self._content.column.items if item.widget is widget), -1)


def _interface_of(_class_name: str, described: QObject) -> QAccessibleInterface | None:
    if isinstance(described, ColumnContent):
        return _ContentInterface(described)
    if isinstance(described, StandIn):
        return StandInInterface(described)
    return None


def _height(widget: QWidget, width: int) -> int:
    return widget.heightForWidth(width) if widget.hasHeightForWidth() else widget.sizeHint().height()


def _is_within(widget: QWidget | None, item: ColumnItem) -> bool:
    return widget is not None and item.widget is not None and item.widget.isAncestorOf(widget)


def _has_focus(item: ColumnItem) -> bool:
    return item.widget is not None and _is_within(item.widget.window().focusWidget(), item)


QAccessible.installFactory(_interface_of)
