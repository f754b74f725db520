"""The conversation that is shown: its messages, what became of them, and an inviting word where there are none.

Messages have rows only near what is in sight; see `virtual_column`. What can wait (writing long texts into rows,
making rows ahead) is done in slices, at most once a frame, the nearest first: neither a long conversation nor a long
message nor a fast model stops the window. What rows are made of is imported with the first one: the window is there
sooner without.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QRect, Qt, QTimer, Signal
from PySide6.QtGui import QAction, QFocusEvent, QFont, QKeySequence, QPainter, QPaintEvent, QPalette, QResizeEvent
from PySide6.QtWidgets import QApplication, QLabel, QPushButton, QVBoxLayout, QWidget

from app.core.conversations import Message, MessageState
from app.ui import accessibility
from app.ui.column_item import ColumnItem
from app.ui.empty_state import EmptyState
from app.ui.failure_panel import Failure, FailurePanel
from app.ui.find_bar import FindBar
from app.ui.message_item import MessageItem
from app.ui.virtual_column import VirtualColumn

if TYPE_CHECKING:
    from app.ui.finder import Finder
    from app.ui.message_row import MessageRow, ReplyRow
    from app.ui.narrator import Narrator
    from app.ui.selection import Selection

__all__ = ["SUGGESTION", "ConversationView", "Failure"]

SUGGESTION = "suggestion"  # the action of an empty state whose label is a question

_FRAME = 16  # milliseconds
_SLICE = 0.008  # seconds of a frame that we take
_FIRST_SLICE = 0.04  # until the first messages of another conversation are there
_ZOOMS = (0.5, 0.67, 0.75, 0.8, 0.9, 1.0, 1.1, 1.25, 1.5, 1.75, 2.0, 2.5, 3.0)
_NAME_INTERVAL = 0.5  # seconds between telling a screen reader that a reply has grown


class ConversationView(QWidget):
    """Is given messages and emits wishes. What it is told of a message that it does not show is ignored."""

    try_again_requested = Signal(str)  # reply id
    regenerate_requested = Signal(str)  # reply id
    action_requested = Signal(str, str)  # reply id, or empty; id of another action of a `Failure` or an empty state
    link_activated = Signal(str)  # an http, https or mailto address
    suggestion_requested = Signal(str)  # a question of the empty state
    edit_requested = Signal(str, str)  # message id, its new words
    continue_requested = Signal(str)  # message id
    delete_requested = Signal(str)  # message id
    version_requested = Signal(str, int)  # message id, -1 or 1
    fork_requested = Signal(str)  # message id
    pin_requested = Signal(str, bool)  # message id, whether to pin it
    details_requested = Signal(str)  # message id
    zoom_changed = Signal(float)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._zoom = 1.0
        self.setObjectName("conversation")
        self._items: list[MessageItem] = []
        self._unseen: frozenset[str] = frozenset()
        self._is_busy = False
        self._divider: _Divider | None = None
        self._notice: FailurePanel | None = None
        self._empty: EmptyState | None = None
        self._grown: MessageItem | None = None  # its name is longer than was told
        self._name_told = 0.0
        self._narrator: Narrator | None = None  # of the reply that is being written, if somebody listens
        self._column = VirtualColumn()
        self._column.setObjectName("messages")
        self._column.setAccessibleName("Conversation")
        self._column.at_end_changed.connect(self._on_column_at_end_changed)
        self._column.moved.connect(self._schedule)
        self._column.made.connect(self._on_column_made)
        self._selection: Selection | None = None  # made with the first row
        self._finder: Finder | None = None
        self._find_bar = FindBar()
        self._find_bar.text_changed.connect(self._on_find_bar_text_changed)
        self._find_bar.step_requested.connect(self._on_find_bar_step_requested)
        self._find_bar.close_requested.connect(self.end_find)
        self._jump = _hidden_button("jump_to_the_newest", self.tr("Jump to the newest"))
        self._jump.clicked.connect(self._column.go_to_end)
        self._timer = QTimer(self, singleShot=True, interval=_FRAME, timerType=Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._on_timer_timeout)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self._find_bar)
        layout.addWidget(self._column)
        self._jump.setParent(self)  # at last: so the tab key comes to it after the messages
        keys = QKeySequence.StandardKey
        self.find_action = self._action(self.tr("Find in this conversation"), keys.Find, self.begin_find)
        self.zoom_in_action = self._action(self.tr("Larger text"), keys.ZoomIn, partial(self._zoom_by, 1))
        self.zoom_in_action.setShortcuts([*self.zoom_in_action.shortcuts(), QKeySequence("Ctrl+=")])
        self.zoom_out_action = self._action(self.tr("Smaller text"), keys.ZoomOut, partial(self._zoom_by, -1))
        self.previous_message_action = self._action(
            self.tr("Previous message"), "Ctrl+Up", partial(self._focus_message, -1)
        )
        self.next_message_action = self._action(self.tr("Next message"), "Ctrl+Down", partial(self._focus_message, 1))
        for action in (self.previous_message_action, self.next_message_action):
            action.setShortcutContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        self.reset_zoom_action = self._action(self.tr("Normal text size"), "Ctrl+0", partial(self.set_zoom, 1.0))

    def _action(self, text: str, keys: QKeySequence.StandardKey | str, do: Callable[[], None]) -> QAction:
        """For the window's menu too: it works wherever the focus is while the conversation is shown."""
        action = QAction(text, self)
        action.setShortcuts(QKeySequence.keyBindings(keys) if not isinstance(keys, str) else [QKeySequence(keys)])
        action.triggered.connect(lambda _checked: do())
        self.addAction(action)
        return action

    # Values

    def show_messages(self, messages: Sequence[Message]) -> None:
        """Shows `messages` in place of everything, at their end. They are the whole conversation."""
        began = time.perf_counter()
        self._items = [self._new_item(message) for message in messages]
        self._unseen = frozenset()
        self._narrator = None
        self.end_find()
        self._empty = None
        self._column.go_to_end()
        self._arrange()
        self._write(began + _FIRST_SLICE)
        self._column.lay_out()
        self._schedule()

    def add_messages(self, messages: Sequence[Message]) -> None:
        """Shows `messages` after those there are."""
        self._items += [self._new_item(message) for message in messages]
        self._empty = None
        if any(message.role == "user" for message in messages):
            self._column.go_to_end()
        self._arrange()
        self._work_for(_SLICE)

    def remove_message(self, message_id: str) -> None:
        """Takes a message away."""
        self._items = [item for item in self._items if item.id != message_id]
        self._arrange()

    def replace_message(self, old_id: str, message: Message) -> None:
        """Shows `message`, of the same id or another, in the place of one there is. The focus stays in its place."""
        old = self._item(old_id)
        if old is None:
            return
        focused = old.row.focused_action() if old.row else ""
        new = self._new_item(message)
        if message.id == old_id:
            new.unfold_like(old)
        self._items = [new if item is old else item for item in self._items]
        self._arrange()
        if focused:
            self._column.make_now(new)
        if focused and new.row:
            new.row.focus_action(focused)
        self._work_for(_SLICE)

    def append_text(self, message_id: str, text: str) -> None:
        """Goes on with a reply. Cheap; painted with the next frame."""
        if row := self._reply(message_id):
            if accessibility.is_heard():
                self._narrator_of(row).add(text)
            row.append_text(text)
            self._grown = self._item(message_id)
            self._schedule()

    def show_progress(self, message_id: str, text: str, fraction: float | None) -> None:
        """How far the model is with the prompt of a reply, 0..1, until its first word comes; None shows no bar."""
        if row := self._reply(message_id):
            row.show_progress(text, fraction)

    def finish(self, message_id: str, state: MessageState, footer: str, failure: Failure | None = None) -> None:
        """A reply has ended. `footer` is one line; a `failure` is told in words, with its actions."""
        item, row = self._item(message_id), self._reply(message_id)
        if item is None or row is None:
            return
        item.finish(state, footer, failure)
        self._search_again()
        self._grown = None
        self._chain_tabs(item)
        self._schedule()
        if accessibility.is_heard():
            was_stopped = state is MessageState.STOPPED
            ending = self.tr("The reply was stopped.") if was_stopped else self.tr("The reply is finished.")
            accessibility.name_changed(row)
            self._narrator_of(row).end(failure.title if failure else ending)
            self._narrate(time.perf_counter() + _SLICE)

    def set_unseen(self, ids: Collection[str]) -> None:
        """Which messages the model no longer sees."""
        if frozenset(ids) != self._unseen:
            self._unseen = frozenset(ids)
            self._arrange()

    def set_busy(self, busy: bool) -> None:
        """Whether a reply is being written, here or elsewhere: until it is, nothing else can be changed."""
        self._is_busy = busy
        for item in self._items:
            self._dress(item)

    def show_notice(self, failure: Failure | None) -> None:
        """Tells, after the last message, of something that belongs to none; None takes it away."""
        self._notice = FailurePanel(failure) if failure else None
        if failure and self._notice:
            self._notice.action_requested.connect(partial(self.action_requested.emit, ""))
            accessibility.announce(self, failure.title)
        self._arrange()

    def show_empty_state(self, title: str, text: str, actions: Sequence[tuple[str, str]]) -> None:
        """Invites to begin. A button emits `action_requested("", id)`, or with the id `SUGGESTION` its label."""
        self._empty = EmptyState(title, text, actions)
        self._empty.action_requested.connect(self._on_empty_action_requested)
        self._arrange()

    def go_to_message(self, message_id: str, text: str = "") -> None:
        """Scrolls to a message, and to the first place of `text` in it, which is then being found."""
        item = self._item(message_id)
        if item is None:
            return
        self._column.go_to(item)
        if text:
            self._find_bar.set_text(text)
            self._find_bar.show()
            self._find(text, item)
        self._schedule()

    def _focus_message(self, step: int) -> None:
        """Puts the focus on the text of the message before or after, or first on one in sight."""
        focused = self._column.item_of(QApplication.focusWidget())
        start = self._items.index(focused) + step if isinstance(focused, MessageItem) else self._first_in_sight()
        if not 0 <= start < len(self._items):
            return
        item = self._items[start]
        self._column.make_now(item)
        self._column.go_near(item)
        if item.row is not None:
            item.row.tab_chain()[0].setFocus(Qt.FocusReason.ShortcutFocusReason)
            top = QRect(0, 0, 1, min(item.row.height(), self._column.viewport().height()))
            self._column.bring_into_sight(item.row, top)

    def _first_in_sight(self) -> int:
        seen = self._item_in_sight()
        return self._items.index(seen) if isinstance(seen, MessageItem) else 0

    def _item_in_sight(self) -> ColumnItem | None:
        """The first of which there is more than a line: where `go_to` scrolled to, for one."""
        return self._column.item_at(self._column.fontMetrics().height())

    # Find

    def begin_find(self) -> None:
        """Opens the bar that finds a text in the conversation."""
        self._find_bar.begin()

    def end_find(self) -> None:
        """Closes that bar, and takes the marks away."""
        had_focus = self._find_bar.isAncestorOf(QApplication.focusWidget() or self)
        self._find_bar.hide()
        self._find_bar.set_text("")
        if had_focus:
            self._column.setFocus()

    def _find(self, text: str, first: MessageItem | None) -> None:
        from app.ui.finder import Finder  # noqa: PLC0415

        self._finder = self._finder or Finder(self._column)
        self._finder.find(text, first)
        self._find_bar.show_place(*self._finder.place)
        self._schedule()

    def _search_again(self) -> None:
        """There are other words than before."""
        if self._finder:
            self._finder.search_again()
            self._find_bar.show_place(*self._finder.place)

    def _on_find_bar_text_changed(self, text: str) -> None:
        seen = self._column.item_at(0)
        self._find(text, seen if isinstance(seen, MessageItem) else None)

    def _on_find_bar_step_requested(self, step: int) -> None:
        if self._finder:
            self._finder.step(step)
            self._find_bar.show_place(*self._finder.place)
            self._schedule()

    # Zoom

    @property
    def zoom(self) -> float:
        """How large the text is; 1 is as large as the rest of the app."""
        return self._zoom

    def set_zoom(self, zoom: float) -> None:
        """Shows the text that large, within reason."""
        zoom = max(_ZOOMS[0], min(zoom, _ZOOMS[-1]))
        if zoom == self._zoom:
            return
        self._zoom = zoom
        self._apply_zoom()
        self.zoom_changed.emit(zoom)

    def _apply_zoom(self) -> None:
        font = QFont(self.font())
        font.setPointSizeF(font.pointSizeF() * self._zoom)
        self._column.set_text_font(font if self._zoom != 1 else QFont())

    def _zoom_by(self, step: int) -> None:
        nearest = min(range(len(_ZOOMS)), key=lambda index: abs(_ZOOMS[index] - self._zoom))
        self.set_zoom(_ZOOMS[max(0, min(nearest + step, len(_ZOOMS) - 1))])

    # Work, a slice at a time

    def _schedule(self) -> None:
        if not self._timer.isActive():
            self._timer.start()

    def _on_timer_timeout(self) -> None:
        self._work_for(_SLICE)

    def _work_for(self, seconds: float) -> None:
        began = time.perf_counter()
        # One row at a time is made ahead: while the user scrolls, the frame is needed for what comes into sight.
        if self._write(began + seconds) or self._column.make_ahead():
            self._schedule()
        self._column.lay_out()
        self._tell_name()
        self._narrate(began + seconds)
        # However much there is to do, most of the time is left to the user.
        self._timer.setInterval(max(_FRAME, round((time.perf_counter() - began) * 2000)))

    def _write(self, deadline: float) -> bool:
        """Writes text into rows, the nearest first. True if there is more."""
        rows = [item.row for item in self._column.live() if isinstance(item, MessageItem) and item.row]
        for row in rows:
            if row.browser.has_work():
                if time.perf_counter() > deadline:
                    return True
                row.browser.work(deadline)
                self._show_marks(row)
        return any(row.browser.has_work() for row in rows)

    def _show_marks(self, row: MessageRow) -> None:
        """More of a message is there: a part of it may be selected, or what is sought."""
        if self._selection:
            self._selection.show()
        item = self._item(row.message_id)
        if self._finder and item and not row.browser.has_work():
            self._finder.show_written(item)

    def _tell_name(self) -> None:
        """A reply's name grows with it. Who remembers it is told from time to time."""
        now = time.perf_counter()
        if self._grown and self._grown.row and now - self._name_told > _NAME_INTERVAL:
            accessibility.name_changed(self._grown.row)
            self._name_told, self._grown = now, None

    def _narrate(self, deadline: float) -> None:
        if self._narrator and self._narrator.work(deadline):
            self._schedule()
        elif self._narrator and self._narrator.has_ended:
            self._narrator = None

    def _narrator_of(self, row: MessageRow) -> Narrator:
        """Who tells of that reply what comes from now on."""
        from app.ui.narrator import Narrator  # noqa: PLC0415

        if self._narrator is None or self._narrator.message_id != row.message_id:
            self._narrator = Narrator(row.message_id, row.browser.text(), partial(accessibility.announce, self))
        return self._narrator

    # Rows

    def _new_item(self, message: Message) -> MessageItem:
        return MessageItem(message, self._column.content.fontMetrics, self._new_row)

    def _new_row(self, message: Message) -> MessageRow:
        from app.ui.message_row import row_for  # noqa: PLC0415

        row = row_for(message)
        row.action_requested.connect(self._on_row_action_requested)
        row.edit_requested.connect(self.edit_requested)
        row.continue_requested.connect(self.continue_requested)
        row.delete_requested.connect(self.delete_requested)
        row.version_requested.connect(self.version_requested)
        row.fork_requested.connect(self.fork_requested)
        row.pin_requested.connect(self.pin_requested)
        row.details_requested.connect(self.details_requested)
        row.editing_changed.connect(partial(self._on_row_editing_changed, row))
        row.browser.link_activated.connect(self.link_activated)
        row.browser.rewrite_wanted.connect(self._schedule)
        row.browser.caret_moved.connect(partial(self._column.bring_into_sight, row.browser))
        return row

    def _item(self, message_id: str) -> MessageItem | None:
        # The reply that is being written is the last one.
        return next((item for item in reversed(self._items) if item.id == message_id), None)

    def _reply(self, message_id: str) -> ReplyRow | None:
        from app.ui.message_row import ReplyRow  # noqa: PLC0415

        item = self._item(message_id)
        if item is None:
            return None
        self._column.make_now(item)
        return item.row if isinstance(item.row, ReplyRow) else None

    def _arrange(self) -> None:
        """Puts everything into the column, in order."""
        items: list[ColumnItem] = list(self._items)
        divided = max((index for index, item in enumerate(self._items, start=1) if item.id in self._unseen), default=0)
        self._divider = self._new_divider(divided) if divided else None
        if self._divider:
            items.insert(divided, self._place_of(self._divider))
        items += [self._place_of(extra) for extra in (self._notice, self._empty) if extra is not None]
        self._column.set_items(items, centred=self._empty is not None)
        if self._selection:
            self._selection.check()
        self._search_again()
        for item in self._items:
            self._dress(item)
        self._chain_tabs(*(item for item in self._column.items if item.widget))

    def _dress(self, item: MessageItem) -> None:
        """Tells a row what depends on the others."""
        if item.row is not None:
            item.row.set_seen(item.id not in self._unseen)
            item.row.set_last(item is self._items[-1])
            item.row.set_busy(self._is_busy)

    def _new_divider(self, index: int) -> _Divider:
        """What stands after the last message that the model does not see."""
        are_all = all(item.id in self._unseen for item in self._items[:index])
        text = self.tr("The model no longer sees the messages above")
        if not are_all:
            text = self.tr("The model no longer sees the grey messages above")
        if self._divider is None or self._divider.text() != text:
            return _Divider(text)
        return self._divider

    def _place_of(self, extra: QWidget) -> ColumnItem:
        found = (item for item in self._column.items if item.widget is extra)
        return next(found, None) or ColumnItem(extra)

    def _on_column_made(self, item: ColumnItem) -> None:
        from app.ui.selection import Selection  # noqa: PLC0415

        if isinstance(item, MessageItem):
            self._selection = self._selection or Selection(self._column)
            self._dress(item)
            self._chain_tabs(item)
            self._selection.watch(item)
            if self._finder:
                self._finder.mark(item)

    def _chain_tabs(self, *items: ColumnItem) -> None:
        """The tab key goes through the conversation in reading order, whatever was made when."""
        for item in items:
            before = [other for other in self._column.live() if other.index < item.index and _tab_stops(other)]
            nearest = max(before, key=lambda other: other.index, default=None)
            previous: QWidget = _tab_stops(nearest)[-1] if nearest else self._column
            for widget in _tab_stops(item):
                QWidget.setTabOrder(previous, widget)
                previous = widget

    # Qt

    def focusInEvent(self, event: QFocusEvent) -> None:  # noqa: N802
        # A focus proxy would do the same, but Tab on its way in would skip what comes before it.
        self._column.setFocus(event.reason())

    def focusNextPrevChild(self, forward: bool) -> bool:  # noqa: N802
        """From the column the tab key goes on to what is in sight, not to whatever row happens to be the first."""
        if forward and self._column.hasFocus() and (first := self._first_stop_in_sight()):
            first.setFocus(Qt.FocusReason.TabFocusReason)
            return True
        return super().focusNextPrevChild(forward)

    def _first_stop_in_sight(self) -> QWidget | None:
        seen = self._item_in_sight()
        for item in self._column.items[seen.index :] if seen else ():
            self._column.make_now(item)
            if stops := [widget for widget in _tab_stops(item) if widget.isVisible() and widget.isEnabled()]:
                return stops[0]
        return None

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802
        super().changeEvent(event)
        if event.type() == QEvent.Type.FontChange and self._zoom != 1:
            self._apply_zoom()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        super().resizeEvent(event)
        self._place_jump()

    def _place_jump(self) -> None:
        size = self._jump.sizeHint()
        gap = self.fontMetrics().height()
        self._jump.setGeometry(
            (self.width() - size.width()) // 2, self.height() - size.height() - gap, size.width(), size.height()
        )

    def _on_column_at_end_changed(self, at_end: bool) -> None:
        self._place_jump()
        if at_end and self._jump.hasFocus():
            self._column.setFocus()
        self._jump.setVisible(not at_end)
        self._jump.raise_()

    def _on_row_editing_changed(self, row: MessageRow, _is_editing: bool) -> None:
        self._column.lay_out()
        self._column.ensureWidgetVisible(row)
        if item := self._item(row.message_id):
            self._chain_tabs(item)

    def _on_row_action_requested(self, message_id: str, action: str) -> None:
        from app.ui.message_row import REGENERATE, TRY_AGAIN  # noqa: PLC0415

        if action == REGENERATE:
            self.regenerate_requested.emit(message_id)
        elif action == TRY_AGAIN:
            self.try_again_requested.emit(message_id)
        else:
            self.action_requested.emit(message_id, action)

    def _on_empty_action_requested(self, action: str, label: str) -> None:
        if action == SUGGESTION:
            self.suggestion_requested.emit(label)
        else:
            self.action_requested.emit("", action)


def _tab_stops(item: ColumnItem) -> list[QWidget]:
    """What one gets to with the tab key, in reading order."""
    if isinstance(item, MessageItem):
        return item.row.tab_chain() if item.row else []
    return list(item.widget.buttons) if isinstance(item.widget, FailurePanel | EmptyState) else []


def _hidden_button(name: str, label: str) -> QPushButton:
    button = QPushButton(label)
    button.setObjectName(name)
    button.setAccessibleName(name.replace("_", " ").capitalize())
    button.hide()
    return button


class _Divider(QLabel):
    """A line across the column with words in its middle."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.setObjectName("divider")
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.setForegroundRole(QPalette.ColorRole.PlaceholderText)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        super().paintEvent(event)
        words = self.fontMetrics().horizontalAdvance(self.text()) + 2 * self.fontMetrics().height()
        side = (self.width() - words) // 2
        painter = QPainter(self)
        painter.setPen(self.palette().color(QPalette.ColorRole.Mid))
        painter.drawLine(0, self.height() // 2, side, self.height() // 2)
        painter.drawLine(self.width() - side, self.height() // 2, self.width(), self.height() // 2)
