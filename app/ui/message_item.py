"""A message's place in the conversation, with what must outlive its row: the words, how it ended, what is unfolded."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from PySide6.QtGui import QFontMetrics
from PySide6.QtWidgets import QWidget

from app.core.conversations import Message, MessageState
from app.core.reasoning import answer_in
from app.ui.column_item import ColumnItem
from app.ui.failure_panel import Failure

if TYPE_CHECKING:
    from app.ui.message_row import MessageRow, ReplyRow

_FIRST_WORK = 0.003  # seconds, for all of most messages
_SPOKEN_AUTHORS = {"user": "You", "assistant": "Assistant"}


class MessageItem(ColumnItem):
    """Has its row made by `make_row` when it is needed, and again when it is needed again."""

    def __init__(
        self, message: Message, metrics: Callable[[], QFontMetrics], make_row: Callable[[Message], MessageRow]
    ) -> None:
        super().__init__()
        self._message = message
        self._metrics = metrics
        self._make_row = make_row
        self._ending: tuple[str, Failure | None] | None = None  # if it came while the message was shown
        self._was_settled = False
        self._is_reasoning_open = False
        self.row: MessageRow | None = None

    @property
    def id(self) -> str:
        return self._message.id

    @property
    def text(self) -> str:
        """All the words there are by now."""
        return self._message.text if self.row is None else self.row.browser.text()

    @property
    def answer(self) -> str:
        """The words without the reasoning before them."""
        return answer_in(self.text) if self._message.role == "assistant" else self.text

    def finish(self, state: MessageState, footer: str, failure: Failure | None) -> None:
        """It will not go on."""
        self._message = replace(self._message, state=state, text=self.text)
        self._ending = (footer, failure)
        if isinstance(self.row, _reply_row()):
            self.row.finish(footer, failure)

    def unfold_like(self, other: MessageItem) -> None:
        """Shows unfolded what is in `other`, which is about to go."""
        self._is_reasoning_open = other.is_reasoning_open

    @property
    def is_reasoning_open(self) -> bool:
        return self._is_reasoning_open if self.row is None else self.row.browser.is_reasoning_open

    # In the column

    def make(self, parent: QWidget) -> QWidget:
        self.row = row = self._make_row(self._message)
        row.setParent(parent)
        if row.font() != parent.font():  # under a style sheet it would not be inherited
            row.setFont(parent.font())
        self._was_settled = False
        if self._ending and isinstance(row, _reply_row()):
            row.finish(*self._ending)
        if self._is_reasoning_open:
            row.browser.open_reasoning()
        row.browser.work(time.perf_counter() + _FIRST_WORK)
        return row

    def let_go(self) -> None:
        self._message = replace(self._message, text=self.text)
        self._is_reasoning_open = self.is_reasoning_open
        self.row = None

    def estimate(self, width: int) -> int:
        metrics = self._metrics()
        line = metrics.height()
        characters = max(1, (width - 2 * line) // max(1, metrics.averageCharWidth()))
        text = self._message.text
        lines = len(text) // characters + text.count("\n") + 1
        return line * 4 + lines * line * 13 // 10

    @property
    def may_go(self) -> bool:
        is_editing = self.row is not None and self.row.is_editing
        return self._message.state is not MessageState.WRITING and self.is_settled and not is_editing

    @property
    def is_growing(self) -> bool:
        return self._message.state is MessageState.WRITING

    @property
    def is_settled(self) -> bool:
        if not self._was_settled and self.row is not None:
            self._was_settled = not self.row.browser.has_work()
        return self._was_settled

    @property
    def weight(self) -> int:
        return len(self._message.text)

    @property
    def spoken_name(self) -> str:
        return f"{_SPOKEN_AUTHORS.get(self._message.role, 'You')}: {self._message.text}"


def _reply_row() -> type[ReplyRow]:
    from app.ui.message_row import ReplyRow  # noqa: PLC0415

    return ReplyRow
