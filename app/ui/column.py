"""A scrolling column of widgets, as wide as is good to read, that keeps its place.

At its end it stays at the end, whatever is added. Anywhere else what one reads stays where it is, whatever becomes
longer or shorter above it. Laid out by hand: a layout would ask every row of a long conversation for its size whenever
a word is added to the last one, and would know nothing of places.
"""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QRect, Qt, Signal
from PySide6.QtGui import QAccessible, QResizeEvent
from PySide6.QtWidgets import QFrame, QScrollArea, QWidget

from app.ui import accessibility

_READABLE = 80  # characters in a line


class Column(QScrollArea):
    """Shows `top`, then the items, from top to bottom."""

    at_end_changed = Signal(bool)

    def __init__(self, top: QWidget) -> None:
        super().__init__()
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._top = top
        self._items: list[QWidget] = []
        self._is_at_end = True
        self._is_moving = False  # whether it is us who move, not the user
        self._is_centred = False
        self._content = ColumnContent(self)
        top.setParent(self._content)
        self.setWidget(self._content)
        self.viewport().setAutoFillBackground(False)
        self._content.setAutoFillBackground(False)
        self.verticalScrollBar().valueChanged.connect(self._on_scroll_bar_value_changed)

    def set_items(self, items: Sequence[QWidget], *, with_top: bool, centred: bool) -> None:
        """Shows exactly `items`, and what is on top if `with_top`; `centred` in the middle while there is room.

        Items that were shown before and are not any more are deleted.
        """
        place = self._place()
        new = [item for item in items if item not in self._items]
        for gone in set(self._items) - set(items):
            gone.hide()
            gone.deleteLater()
        self._top.setVisible(with_top)
        self._is_centred = centred
        self._items = list(items)
        for item in items:
            item.setParent(self._content)
            item.raise_()  # the order for a screen reader
        self._lay_out(place)
        for item in new:  # only now, so that none is laid out for a width it never has
            item.show()

    def go_to_end(self) -> None:
        """Scrolls to the end, to stay there."""
        self._set_at_end(True)
        self.lay_out()

    def bring_into_sight(self, widget: QWidget, part: QRect) -> None:
        """Scrolls, if need be, so that `part` of `widget` is seen."""
        centre = widget.mapTo(self._content, part.center())
        self.ensureVisible(centre.x(), centre.y(), 0, part.height())

    def lay_out(self) -> None:
        """Gives everything its place, at once."""
        if not self._is_moving:
            self._lay_out(self._place())

    def _place(self) -> tuple[QWidget, int] | None:
        """The first item in sight, and where it is in sight; None if there is no item."""
        value = self.verticalScrollBar().value()
        seen = (item for item in self._items if item.geometry().bottom() >= value)
        anchor = next(seen, None)
        return (anchor, anchor.y() - value) if anchor else None

    def _lay_out(self, place: tuple[QWidget, int] | None) -> None:
        self._is_moving = True
        self._place_items()
        bar = self.verticalScrollBar()
        if self._is_at_end:
            bar.setValue(bar.maximum())
        elif place and place[0] in self._items:
            anchor, distance = place
            bar.setValue(anchor.y() - distance)
        self._is_moving = False

    def _place_items(self) -> None:
        shown = self._items if self._top.isHidden() else [self._top, *self._items]
        em = self.fontMetrics().height()
        room = self.viewport().width()
        width = min(room - em, self.fontMetrics().averageCharWidth() * _READABLE + 2 * em)
        heights = [_height(item, width) for item in shown]
        total = sum(heights) + em * (len(shown) + 1)
        y = em
        if self._is_centred:
            y += max(0, (self.viewport().height() - total) // 2)
        for item, height in zip(shown, heights, strict=True):
            item.setGeometry(QRect((room - width) // 2, y, width, height))
            y += height + em
        self._content.resize(room, y)

    def _set_at_end(self, at_end: bool) -> None:
        if at_end != self._is_at_end:
            self._is_at_end = at_end
            self.at_end_changed.emit(at_end)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        super().resizeEvent(event)
        self.lay_out()

    def _on_scroll_bar_value_changed(self, value: int) -> None:
        if not self._is_moving:
            self._set_at_end(value >= self.verticalScrollBar().maximum())


class ColumnContent(QWidget):
    """What is scrolled. Lays out anew when an item wants another size."""

    def __init__(self, column: Column) -> None:
        super().__init__()
        self._column = column

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.LayoutRequest:
            self._column.lay_out()
        return super().event(event)


def _height(item: QWidget, width: int) -> int:
    return item.heightForWidth(width) if item.hasHeightForWidth() else item.sizeHint().height()


accessibility.describe(ColumnContent, QAccessible.Role.List, lambda _content: "Conversation")
