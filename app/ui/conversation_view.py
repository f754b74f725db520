"""The conversation that is shown: its messages, what became of them, and an inviting word where there are none.

Only the newest messages have rows; older ones get theirs when asked for. All that takes time (making rows, writing
text into them) is done in slices, at most once a frame, the newest first: neither a long conversation nor a long
message nor a fast model stops the window.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial

from PySide6.QtCore import QEvent, QRect, Qt, QTimer, Signal
from PySide6.QtGui import QAccessible, QPalette, QPaintEvent, QPainter, QResizeEvent
from PySide6.QtWidgets import QLabel, QPushButton, QVBoxLayout, QWidget

from app.core.conversations import Message, MessageState
from app.ui import accessibility
from app.ui.column import Column
from app.ui.empty_state import EmptyState
from app.ui.failure_panel import Failure, FailurePanel
from app.ui.message_row import REGENERATE, TRY_AGAIN, MessageRow, ReplyRow, row_for

__all__ = ["SUGGESTION", "ConversationView", "Failure"]

SUGGESTION = "suggestion"  # the action of an empty state whose label is a question

_ROWS_AT_ONCE = 60
_FRAME = 16  # milliseconds
_SLICE = 0.008  # seconds of a frame that we take
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
        self._name_told = 0.0
        self._earlier = QPushButton(self.tr("Show earlier messages"), visible=False)
        self._earlier.setObjectName("show_earlier_messages")
        self._earlier.setAccessibleName("Show earlier messages")
        self._earlier.clicked.connect(self._on_earlier_clicked)
        self._divider: _Divider | None = None
        self._column = Column(self._earlier)
        self._column.at_end_changed.connect(self._on_column_at_end_changed)
        self._jump = QPushButton(self.tr("Jump to the newest"), self, visible=False)
        self._jump.setObjectName("jump_to_the_newest")
        self._jump.setAccessibleName("Jump to the newest")
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
        self._on_timer_timeout()

    def add_messages(self, messages: Sequence[Message]) -> None:
        """Shows `messages` after those there are."""
        self._messages += messages
        self._rows += [self._new_row(message) for message in messages]
        self._rows_wanted += len(messages)
        self._empty = None
        if any(message.role == "user" for message in messages):
            self._column.go_to_end()
        self._arrange()
        self._on_timer_timeout()

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
        """Invites to begin. A button emits `action_requested("", id)`; with id `SUGGESTION`, its label as a question."""
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
        self._timer.setInterval(max(_FRAME, round((time.perf_counter() - began) * 3000)))

    def _work(self, deadline: float) -> bool:
        """Writes text and makes rows, the newest first. True if there is more to do."""
        made_rows = False
        while more := self._next_work():
            made_rows |= more == 
