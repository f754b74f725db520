"""What can be done with a message: its buttons, its `More` menu, and the way to its other versions.

The buttons are always there for the keyboard and for a screen reader, and always take their room; they are painted
while they may be wanted, so that nothing moves when they appear.
"""

from __future__ import annotations

import enum
from collections.abc import Collection, Sequence
from functools import partial

from PySide6.QtCore import QEvent, QPoint, QRect, QSize, Qt, Signal
from PySide6.QtGui import QIcon, QPainter, QPaintEvent, QPalette
from PySide6.QtWidgets import QHBoxLayout, QLabel, QMenu, QSizePolicy, QToolButton, QWidget

from app.ui.icons import line_icon
from app.ui.plain_text import tool_tip


class Action(enum.StrEnum):
    """The value is the object name; with a capital and spaces it is the accessible name."""

    COPY = "copy"
    EDIT = "edit"
    REGENERATE = "regenerate"
    CONTINUE = "continue"
    DELETE = "delete"
    MORE = "more"
    FORK = "fork_from_here"
    PIN = "pin"
    UNPIN = "unpin"
    DETAILS = "details"
    PREVIOUS_VERSION = "previous_version"
    NEXT_VERSION = "next_version"

    @property
    def words(self) -> str:
        """In English."""
        return self.replace("_", " ").capitalize()


WRITES_NOTHING = (Action.COPY, Action.MORE, Action.DETAILS)  # what can be done while a reply is being written


class MessageActions(QWidget):
    """Emits the `Action` that is asked for. `More` opens its menu by itself."""

    requested = Signal(str)  # an Action

    def __init__(self, actions: Sequence[Action], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._is_busy = False
        self._is_pinned = False
        self.buttons = {action: ActionButton(action, self) for action in actions}
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        for action, button in self.buttons.items():
            row.addWidget(button)
            if action is Action.MORE:
                button.setAccessibleDescription(self.tr("Opens a menu"))
                button.clicked.connect(self._on_more_clicked)
            else:
                button.clicked.connect(partial(self.requested.emit, action))

    def set_offered(self, offered: Collection[Action]) -> None:
        """Which of the buttons there are, for the time being."""
        for action, button in self.buttons.items():
            button.setVisible(action in offered)

    def set_busy(self, busy: bool) -> None:
        """Whether a reply is being written: until it is, nothing else can be changed."""
        self._is_busy = busy
        for action, button in self.buttons.items():
            button.setEnabled(not busy or action in WRITES_NOTHING)

    def set_pinned(self, pinned: bool) -> None:
        """Whether the menu takes the pin away, or sets it."""
        self._is_pinned = pinned

    def set_quiet(self, quiet: bool) -> None:
        """Whether nobody is likely to want them."""
        for button in self.buttons.values():
            button.set_quiet(quiet)

    def _on_more_clicked(self) -> None:
        button = self.buttons[Action.MORE]
        menu = QMenu(button)
        menu.setObjectName("more_menu")
        menu.setAccessibleName("More")
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        for action in (Action.FORK, Action.UNPIN if self._is_pinned else Action.PIN, Action.DETAILS):
            item = menu.addAction(self.tr(action.words))
            item.setObjectName(action)
            item.setEnabled(not self._is_busy or action in WRITES_NOTHING)
            item.triggered.connect(partial(self.requested.emit, action))
        menu.popup(button.mapToGlobal(QPoint(0, button.height())))


class VersionSwitch(QWidget):
    """Which of its versions a message is, and the ways to the one before and the one after."""

    step_requested = Signal(int)  # -1 or 1

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.buttons = {
            Action.PREVIOUS_VERSION: ActionButton(Action.PREVIOUS_VERSION, self),
            Action.NEXT_VERSION: ActionButton(Action.NEXT_VERSION, self),
        }
        self._place = 1
        self._count = 1
        self._is_busy = False
        self._words = QLabel()
        self._words.setObjectName("version")
        self._words.setForegroundRole(QPalette.ColorRole.PlaceholderText)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        previous, following = self.buttons.values()
        for widget in (previous, self._words, following):
            row.addWidget(widget)
            widget.raise_()  # the order for a screen reader
        for button, step in ((previous, -1), (following, 1)):
            button.set_quiet(False)
            button.clicked.connect(partial(self.step_requested.emit, step))

    def show_place(self, place: int, count: int) -> None:
        """`place` counts from 1."""
        self._place, self._count = place, count
        self._words.setText(f"{place}/{count}")
        self._words.setAccessibleName(self.tr("Version {0} of {1}").format(place, count))
        self._update_buttons()

    def set_busy(self, busy: bool) -> None:
        """Whether a reply is being written, so that no other version can be shown."""
        self._is_busy = busy
        self._update_buttons()

    def _update_buttons(self) -> None:
        self.buttons[Action.PREVIOUS_VERSION].setEnabled(not self._is_busy and self._place > 1)
        self.buttons[Action.NEXT_VERSION].setEnabled(not self._is_busy and self._place < self._count)


class ActionButton(QToolButton):
    """One action, as an icon.

    The icon is painted rather than set: setting one, and anew with each change of palette or font while the button is
    being made, would be half of what a row costs, and it would have the conversation laid out again.
    """

    def __init__(self, action: Action, parent: QWidget) -> None:
        self._is_quiet = True
        super().__init__(parent)
        self.setObjectName(action)
        self.setAccessibleName(action.words)
        self.setToolTip(tool_tip(self.tr(action.words)))
        self.setAutoRaise(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self._fit()

    def set_quiet(self, quiet: bool) -> None:
        """Whether it is not painted."""
        if quiet != self._is_quiet:
            self._is_quiet = quiet
            self.update()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        if self._is_quiet and not self.hasFocus():
            return
        super().paintEvent(event)
        place = QRect(QPoint(0, 0), self.iconSize())
        place.moveCenter(self.rect().center())
        mode = QIcon.Mode.Normal if self.isEnabled() else QIcon.Mode.Disabled
        painter = QPainter(self)
        line_icon(self.objectName(), self.palette()).paint(painter, place, Qt.AlignmentFlag.AlignCenter, mode)

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802
        super().changeEvent(event)
        if event.type() == QEvent.Type.FontChange:
            self._fit()

    def _fit(self) -> None:
        side = round(self.fontMetrics().height() * 1.1)
        self.setIconSize(QSize(side, side))
