"""Roles and names for our own widgets, asked for by a screen reader when it wants them.

A name set with `setAccessibleName` would have to be set anew for every word of a reply, though nobody may be listening.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QItemSelectionModel, QObject
from PySide6.QtGui import (
    QAccessible,
    QAccessibleAnnouncementEvent,
    QAccessibleEvent,
    QAccessibleInterface,
)
from PySide6.QtWidgets import QAbstractItemView, QAccessibleWidget, QWidget

_Name = Callable[[Any], str]

_described: dict[type[QWidget], tuple[QAccessible.Role, _Name]] = {}


def describe(kind: type[QWidget], role: QAccessible.Role, name: _Name) -> None:
    """From now on each widget of class `kind` has this role, and the name that `name(widget)` returns when asked."""
    if not _described:
        QAccessible.installFactory(_interface_of)
    _described[kind] = (role, name)


def is_heard() -> bool:
    """Whether there is a screen reader, or anything like it."""
    return QAccessible.isActive()


def announce(widget: QWidget, text: str) -> None:
    """Has a screen reader, if there is one, say `text` when it has said what it is saying."""
    QAccessible.updateAccessibility(QAccessibleAnnouncementEvent(widget, text))


def follow_selection(view: QAbstractItemView) -> None:
    """Makes the row that a screen reader selects the current one, as a click does: for Qt these are two things.

    To be called once the view has its model.
    """
    selection = view.selectionModel()

    def follow() -> None:
        rows = selection.selectedIndexes()
        if rows and selection.currentIndex().row() not in [row.row() for row in rows]:
            selection.setCurrentIndex(rows[0], QItemSelectionModel.SelectionFlag.NoUpdate)

    selection.selectionChanged.connect(follow)


def name_changed(widget: QWidget) -> None:
    """Tells whoever remembers the widget's name that it is another one now."""
    QAccessible.updateAccessibility(QAccessibleEvent(widget, QAccessible.Event.NameChanged))


def _interface_of(_class_name: str, described: QObject) -> QAccessibleInterface | None:
    if isinstance(described, QWidget) and type(described) in _described:
        return _Described(described)
    return None


class _Described(QAccessibleWidget):
    def __init__(self, widget: QWidget) -> None:
        role, self._name = _described[type(widget)]
        super().__init__(widget, role)
        self._widget = widget

    def text(self, kind: QAccessible.Text) -> str:
        if kind == QAccessible.Text.Name:
            return self._name(self._widget)
        return super().text(kind)
