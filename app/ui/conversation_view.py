"""The conversation that is shown: its messages, what became of them, and an inviting word where there are none.

Only the newest messages have rows; older ones get theirs when asked for. All that takes time (making rows, writing
text into them) is done in slices, at most once a frame, the newest first: neither a long conversation nor a long
message nor a fast model stops the window. What rows are made of is imported with the first one: the window is there
sooner without.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QPainter, QPaintEvent, QPalette, QResizeEvent
from PySide6.QtWidgets import QLabel, QPushButton, QVBoxLayout, QWidget

from app.core.conversations import Message, MessageState
from app.ui import accessibility
from app.ui.column import Column
from app.ui.empty_state import EmptyState
from app.ui.failure_panel import Failure, FailurePanel

if TYPE_CHECKING:
    from app.ui.message_row import MessageRow, ReplyRow

__all__ = ["SUGGESTION", "ConversationView", "Failure"]

SUGGESTION = "suggestion"  # the action of an empty state whose label is a question

_ROWS_AT_ONCE = 60
_FRAME = 16  # milliseconds
_SLICE = 0.008  # seconds of a frame that we take
_FIRST_SLICE = 0.04  # until the first messages of another conversation are there
_NAME_INTERVAL = 0.5  # seconds between telling a screen reader that a reply has grown


class ConversationView(QWidget):
    """Is given messages and emits wishes. What it is told of a message that it does not show is ignored."""

    try_again_requested = Signal(str)  # reply id
    regenerate_requested = Signal(str)  # reply id
    action_requested = Signal(str, str)  # reply id, or empty; id of another action of a `Failure` or an empty state
    link_activated = Signal(str)  # an http, https or mailto address
    suggestion_requested = Signal(str)  # a question of the empty state

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("conversation")
        self._messages: list[Message] = []
        self._rows: list[MessageRow] = []  # of the last messages
        self._rows_wanted = 0
        self._unseen = 0
        self._notice: FailurePanel | None = None
        self._empty: EmptyState | None = None
        self._grown: MessageRow | None = None  # the row whose name is longer than was told
        self._name_told = 0.0
        self._earlier = _hidden_button("show_earlier_messages", self.tr("Show earlier messages"))
        self._earlier.clicked.connect(self._on_earlier_clicked)
        self._divider: _Divider | None = None
        self._column = Column(self._earlier)
        self._column.at_end_changed.connect(self._on_column_at_end_changed)
        self._jump = _hidden_button("jump_to_the_newest", self.tr("Jump to the newest"))
        self._jump.setParent(self)
        self._jump.clicked.connect(self._column.go_to_end)
        self._timer = QTimer(self, singleShot=True, interval=_FRAME, timerType=Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._on_timer_timeout)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._column)
        self.setFocusProxy(self._column)

    # Values

    def show_messages(self, messages: Sequence[Message]) -> None:
        """Shows `messages` in place of everything, at their end. They are the whole conversation."""
        self._messages = list(messages)
        self._rows = []
        self._rows_wanted = min(_ROWS_AT_ONCE, len(messages))
        self._unseen = 0
        self._empty = None
        self._column.go_to_end()
        self._arrange()
        self._work_for(_FIRST_SLICE)

    def add_messages(self, messages: Sequence[Message]) -> None:
        """Shows `messages` after those there are."""
        self._messages += messages
        self._rows += [self._new_row(message) for message in messages]
        self._rows_wanted += len(messages)
        self._empty = None
        if any(message.role == "user" for message in messages):
            self._column.go_to_end()
        self._arrange()
        self._work_for(_SLICE)

    def remove_message(self, message_id: str) -> None:
        """Takes a message away."""
        self._messages = [message for message in self._messages if message.id != message_id]
        self._rows = [row for row in self._rows if row.message_id != message_id]
        self._rows_wanted = min(self._rows_wanted, len(self._messages))
        self._arrange()

    def append_text(self, message_id: str, text: str) -> None:
        """Goes on with a reply. Cheap; painted with the next frame."""
        if row := self._reply(message_id):
            row.append_text(text)
            self._grown = row
            self._schedule()

    def show_progress(self, message_id: str, text: str, fraction: float | None) -> None:
        """How far the model is with the prompt of a reply, 0..1, until its first word comes; None shows no bar."""
        if row := self._reply(message_id):
            row.show_progress(text, fraction)

    def finish(self, message_id: str, state: MessageState, footer: str, failure: Failure | None = None) -> None:
        """A reply has ended. `footer` is one line; a `failure` is told in words, with its actions."""
        row = self._reply(message_id)
        if row is None:
            return
        row.finish(footer, failure)
        self._grown = None
        self._chain_tabs()
        self._schedule()
        accessibility.name_changed(row)
        was_stopped = state is MessageState.STOPPED
        ending = self.tr("The reply was stopped.") if was_stopped else self.tr("The reply is finished.")
        accessibility.announce(row, failure.title if failure else ending)

    def set_unseen(self, count: int) -> None:
        """The model no longer sees the first `count` messages of the conversation."""
        if count != self._unseen:
            self._unseen = count
            self._arrange()

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

    # Work, a slice at a time

    def _schedule(self) -> None:
        if not self._timer.isActive():
            self._timer.start()

    def _on_timer_timeout(self) -> None:
        self._work_for(_SLICE)

    def _work_for(self, seconds: float) -> None:
        began = time.perf_counter()
        if self._work(began + seconds):
            self._schedule()
        self._column.lay_out()
        self._tell_name()
        # However much there is to do, most of the time is left to the user.
        self._timer.setInterval(max(_FRAME, round((time.perf_counter() - began) * 2000)))

    def _work(self, deadline: float) -> bool:
        """Writes text and makes rows, the newest first. True if there is more to do."""
        rows_before = len(self._rows)
        while (more := self._has_work()) and time.perf_counter() < deadline:
            unwritten = next((row for row in reversed(self._rows) if row.browser.has_work()), None)
            if unwritten is not None:
                unwritten.browser.work(deadline)
            else:
                self._rows.insert(0, self._new_row(self._messages[-len(self._rows) - 1]))
        if len(self._rows) != rows_before:
            self._arrange()
        return more

    def _has_work(self) -> bool:
        return len(self._rows) < self._rows_wanted or any(row.browser.has_work() for row in self._rows)

    def _tell_name(self) -> None:
        """A reply's name grows with it. Who remembers it is told from time to time."""
        now = time.perf_counter()
        if self._grown in self._rows and now - self._name_told > _NAME_INTERVAL:
            accessibility.name_changed(self._grown)
            self._name_told, self._grown = now, None

    # Rows

    def _new_row(self, message: Message) -> MessageRow:
        from app.ui.message_row import row_for  # noqa: PLC0415

        row = row_for(message)
        row.setParent(self._column.widget())
        row.action_requested.connect(self._on_row_action_requested)
        row.browser.link_activated.connect(self.link_activated)
        row.browser.rewrite_wanted.connect(self._schedule)
        row.browser.caret_moved.connect(partial(self._column.bring_into_sight, row.browser))
        return row

    def _reply(self, message_id: str) -> ReplyRow | None:
        from app.ui.message_row import ReplyRow  # noqa: PLC0415

        # The reply that is being written is the last one.
        found = (row for row in reversed(self._rows) if row.message_id == message_id)
        row = next(found, None)
        return row if isinstance(row, ReplyRow) else None

    def _arrange(self) -> None:
        """Puts everything into the column, in order."""
        first = len(self._messages) - len(self._rows)
        items: list[QWidget] = list(self._rows)
        if first < self._unseen:
            self._divider = self._divider or _Divider(self.tr("The model no longer sees the messages above"))
            items.insert(self._unseen - first, self._divider)
        else:
            self._divider = None
        items += [extra for extra in (self._notice, self._empty) if extra is not None]
        for index, row in enumerate(self._rows, start=first):
            row.set_seen(index >= self._unseen)
            row.set_last(index == len(self._messages) - 1)
        has_earlier = self._rows_wanted < len(self._messages)
        self._column.set_items(items, with_top=has_earlier, centred=self._empty is not None)
        self._chain_tabs()

    def _chain_tabs(self) -> None:
        """The tab key goes through the conversation in reading order, whatever was made when."""
        previous: QWidget = self._earlier
        chain = [widget for row in self._rows for widget in row.tab_chain()]
        chain += [button for extra in (self._notice, self._empty) if extra is not None for button in extra.buttons]
        for widget in (*chain, self._jump):
            QWidget.setTabOrder(previous, widget)
            previous = widget

    # Qt

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
        self._jump.setVisible(not at_end)
        self._jump.raise_()

    def _on_earlier_clicked(self) -> None:
        self._rows_wanted = min(self._rows_wanted + _ROWS_AT_ONCE, len(self._messages))
        self._schedule()

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
