"""A place in a virtual column, and what a screen reader finds there while there is no widget."""

from __future__ import annotations

from PySide6.QtCore import QRect
from PySide6.QtGui import QAccessible
from PySide6.QtWidgets import QAccessibleWidget, QWidget


class ColumnItem:
    """A place in a column. What is not overridden fits a widget that is there from the beginning."""

    def __init__(self, widget: QWidget | None = None) -> None:
        self.widget = widget
        self.index = 0  # in the column
        self.height = 0  # pixels; guessed until it is known
        self.place: QRect | None = None  # in the column, where the widget was put and is shown
        self._stand_in: StandIn | None = None

    def make(self, parent: QWidget) -> QWidget:
        """The widget, now that it is needed. `widget` holds it from then on."""
        raise NotImplementedError

    def let_go(self) -> None:
        """The widget is about to be deleted. `make` may be called again."""

    def estimate(self, _width: int) -> int:
        """The height in pixels, by guess."""
        return 0

    @property
    def may_go(self) -> bool:
        """Whether the widget could be made again just as it is."""
        return False

    @property
    def is_growing(self) -> bool:
        """Whether its height matters even while it is out of sight."""
        return True

    @property
    def is_settled(self) -> bool:
        """Whether it is shown in full, so that one may be reading it."""
        return True

    @property
    def weight(self) -> int:
        """Characters in it."""
        return 0

    @property
    def spoken_name(self) -> str:
        """For a screen reader, while there is no widget."""
        return ""

    def spoken(self, content: QWidget) -> QWidget:
        """What a screen reader finds: the widget, or what stands in for it."""
        if self.widget is not None:
            return self.widget
        if self._stand_in is None:
            self._stand_in = StandIn(content, self)
        return self._stand_in

    def drop_stand_in(self) -> None:
        """There is a widget now, or nothing any more to stand in for."""
        if self._stand_in is not None:
            self._stand_in.deleteLater()
            self._stand_in = None


class StandIn(QWidget):
    """What a screen reader finds of an item that has no widget."""

    def __init__(self, content: QWidget, item: ColumnItem) -> None:
        super().__init__(content)
        self.item = item
        self.hide()


class StandInInterface(QAccessibleWidget):
    def __init__(self, stand_in: StandIn) -> None:
        super().__init__(stand_in, QAccessible.Role.ListItem)
        self._item = stand_in.item

    def text(self, kind: QAccessible.Text) -> str:
        return self._item.spoken_name if kind == QAccessible.Text.Name else ""

    def state(self) -> QAccessible.State:
        state = super().state()
        state.invisible = False
        state.offscreen = True
        return state
