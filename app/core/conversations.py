"""Conversations, and the store that keeps every word of them.

The messages of a conversation form a tree: `parent_id` names the message one answers. The conversation knows its
head, the last message of the branch that is shown; another reply to the same message is a sibling, and becomes the
head. So nothing written is ever lost by asking again. A list with replaced entries was rejected for losing it.

Reads are tolerant: a value that makes no sense costs only itself, never the message or the conversation around it.
Deleting moves to a trash. An id the store does not know is a mistake of the caller: `KeyError`. All that fails for
want of a working disk is a `StorageError`.
"""

from __future__ import annotations

import enum
import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from app.core.database import Connection, Row, Value, execute, transaction

_TITLE_LENGTH = 60


class MessageState(enum.Enum):
    """How far a message is, and how it ended."""

    COMPLETE = "complete"
    WRITING = "writing"
    STOPPED = "stopped"  # by the user
    LIMIT = "limit"  # at the reply limit, or at the end of the context
    FAILED = "failed"
    INTERRUPTED = "interrupted"  # the app ended while it was being written


@dataclass(frozen=True, slots=True)
class Message:
    """One turn. `role` is `user` or `assistant`; times are in seconds since 1970."""

    id: str
    conversation_id: str
    parent_id: str | None
    role: str
    text: str
    state: MessageState
    note: str  # what happened, in words, if it failed; may have several lines
    model: str
    created_at: float
    stats: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class Conversation:
    """A conversation without its messages. `title` is empty until the first message names it."""

    id: str
    title: str
    system_prompt: str
    draft: str
    created_at: float
    used_at: float


def title_from(text: str) -> str:
    """`text` on one line, cut at a word if it is long."""
    line = " ".join(text.split())
    if len(line) <= _TITLE_LENGTH:
        return line
    words = line[: _TITLE_LENGTH + 1].rpartition(" ")[0]
    # A long word, or a language without spaces, is cut anywhere.
    return (words if len(words) > _TITLE_LENGTH // 2 else line[:_TITLE_LENGTH]) + "…"


class ConversationStore:
    """All conversations of one database. Every method that writes has committed when it returns."""

    def __init__(self, connection: Connection, clock: Callable[[], float] = time.time) -> None:
        self._connection = connection
        self._clock = clock

    # Conversations

    def conversations(self) -> list[Conversation]:
        """Those not deleted, the last used first."""
        rows = self._execute(
            "SELECT * FROM conversations WHERE deleted_at IS NULL ORDER BY used_at DESC, position DESC"
        )
        return [_conversation(row) for row in rows]

    def conversation(self, conversation_id: str) -> Conversation:
        """The conversation of that id, deleted or not."""
        return _conversation(self._row("conversations", conversation_id))

    def create(self, system_prompt: str) -> Conversation:
        """A new conversation, empty and without a title."""
        conversation_id, now = _new_id(), self._clock()
        self._execute(
            "INSERT INTO conversations (id, system_prompt, created_at, used_at) VALUES (?, ?, ?, ?)",
            *(conversation_id, system_prompt, now, now),
        )
        return self.conversation(conversation_id)

    def rename(self, conversation_id: str, title: str) -> None:
        """Gives it a title that no message replaces. One of nothing but blanks changes nothing."""
        if name := " ".join(title.split()):
            self._update("conversations SET title = ?, titled_by = NULL", name, conversation_id)

    def set_system_prompt(self, conversation_id: str, text: str) -> None:
        self._update("conversations SET system_prompt = ?", text, conversation_id)

    def set_draft(self, conversation_id: str, text: str) -> None:
        """Keeps what is typed but not sent."""
        self._update("conversations SET draft = ?", text, conversation_id)

    def delete(self, conversation_id: str) -> None:
        """Moves it to the trash, where all of it stays."""
        self._update("conversations SET deleted_at = ?", self._clock(), conversation_id)

    def restore(self, conversation_id: str) -> None:
        """Brings it back from the trash to its place in the list."""
        self._update("conversations SET deleted_at = ?", None, conversation_id)

    # Messages

    def messages(self, conversation_id: str) -> list[Message]:
        """The branch that is shown, from the first message to the head."""
        head = self._row("conversations", conversation_id)["head"]
        rows = self._execute("SELECT * FROM messages WHERE conversation_id = ? ORDER BY position", conversation_id)
        return [_message(row) for row in _branch(rows, head)]

    def add_exchange(self, conversation_id: str, text: str, model: str) -> tuple[Message, Message]:
        """The user's next turn and the empty reply to it. Clears the draft; names a conversation without a title."""
        with transaction(self._connection):
            head = self._row("conversations", conversation_id)["head"]
            turn_id = self._insert(conversation_id, head, role="user", text=text, state=MessageState.COMPLETE)
            reply_id = self._insert_reply(conversation_id, turn_id, model)
            self._update("conversations SET draft = ?", "", conversation_id)
            if title := title_from(text):
                self._execute(
                    "UPDATE conversations SET title = ?, titled_by = ? WHERE id = ? AND title = ''",
                    *(title, turn_id, conversation_id),
                )
        return self._message(turn_id), self._message(reply_id)

    def add_reply(self, conversation_id: str, parent_id: str, model: str) -> Message:
        """Another empty reply to the user's turn `parent_id`, shown instead of those there are."""
        with transaction(self._connection):
            parent = self._message(parent_id)
            if parent.conversation_id != conversation_id or parent.role != "user":
                raise ValueError("only a user's turn of this conversation can be replied to")
            reply_id = self._insert_reply(conversation_id, parent_id, model)
        return self._message(reply_id)

    def withdraw_exchange(self, user_message_id: str, reply_id: str, draft: str) -> None:
        """Takes back an exchange that was refused before anything was written, with the title it gave.

        `draft` is what the composer shows from now on. Raises `ValueError` if written text would be lost.
        """
        with transaction(self._connection):
            turn, reply = self._message(user_message_id), self._message(reply_id)
            answers = self._execute("SELECT id FROM messages WHERE parent_id IN (?, ?)", turn.id, reply.id)
            if reply.text or [answer["id"] for answer in answers] != [reply.id]:
                raise ValueError("withdrawing this exchange would lose what was written in answer to it")
            self._update("conversations SET head = ?, draft = ?", turn.parent_id, draft, turn.conversation_id)
            self._execute("UPDATE conversations SET title = '', titled_by = NULL WHERE titled_by = ?", turn.id)
            self._execute("DELETE FROM messages WHERE id = ?", reply.id)
            self._execute("DELETE FROM messages WHERE id = ?", turn.id)

    def append_text(self, message_id: str, text: str) -> None:
        """Adds to a reply what has come since. SQLite rewrites the row: well under 1 ms at 8 000 tokens."""
        self._update("messages SET text = text || ?", text, message_id)

    def finish(
        self,
        message_id: str,
        state: MessageState,
        note: str = "",
        stats: dict[str, Any] | None = None,
        model: str | None = None,
    ) -> None:
        """Says how a reply ended. `model` None leaves the one it was begun with."""
        self._update(
            "messages SET state = ?, note = ?, stats = ?, model = coalesce(?, model)",
            *(state.value, note, None if stats is None else json.dumps(stats), model, message_id),
        )

    def mark_interrupted(self) -> list[str]:
        """At start, before anything is written: what is still being written never will be. Returns their ids."""
        rows = self._execute("UPDATE messages SET state = 'interrupted' WHERE state = 'writing' RETURNING id")
        return [row["id"] for row in rows]

    # Statements

    def _execute(self, sql: str, *parameters: Value) -> list[Row]:
        return execute(self._connection, sql, *parameters)

    def _update(self, change: str, *values: Value) -> None:
        """Makes `change` in the row whose id is the last of `values`."""
        if not self._execute(f"UPDATE {change} WHERE id = ? RETURNING id", *values):
            raise KeyError(values[-1])

    def _row(self, table: str, row_id: str) -> Row:
        rows = self._execute(f"SELECT * FROM {table} WHERE id = ?", row_id)
        if not rows:
            raise KeyError(row_id)
        return rows[0]

    def _message(self, message_id: str) -> Message:
        return _message(self._row("messages", message_id))

    def _insert_reply(self, conversation_id: str, parent_id: str, model: str) -> str:
        return self._insert(conversation_id, parent_id, role="assistant", state=MessageState.WRITING, model=model)

    def _insert(
        self,
        conversation_id: str,
        parent_id: str | None,
        *,
        role: str,
        state: MessageState,
        text: str = "",
        model: str = "",
    ) -> str:
        """Adds a message and makes it the head, within the caller's transaction. Returns its id."""
        message_id, now = _new_id(), self._clock()
        self._execute(
            "INSERT INTO messages (id, conversation_id, parent_id, role, state, text, model, created_at) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            *(message_id, conversation_id, parent_id, role, state.value, text, model, now),
        )
        self._update("conversations SET head = ?, used_at = ?", message_id, now, conversation_id)
        return message_id


def _new_id() -> str:
    return os.urandom(16).hex()


def _branch(rows: list[Row], head: str | None) -> list[Row]:
    """Of all messages of a conversation, in the order they were made, those from the first to `head`."""
    remaining = {row["id"]: row for row in rows}
    message_id = head if head in remaining else next(reversed(remaining), None)
    branch = []
    while (row := remaining.pop(message_id, None)) is not None:  # taken out, so that a damaged loop ends
        branch.append(row)
        message_id = row["parent_id"]
    return branch[::-1]


def _conversation(row: Row) -> Conversation:
    return Conversation(
        id=row["id"],
        title=row["title"],
        system_prompt=row["system_prompt"],
        draft=row["draft"],
        created_at=row["created_at"],
        used_at=row["used_at"],
    )


def _message(row: Row) -> Message:
    return Message(
        id=row["id"],
        conversation_id=row["conversation_id"],
        parent_id=row["parent_id"],
        role="user" if row["role"] == "user" else "assistant",
        text=row["text"],
        state=_state(row["state"]),
        note=row["note"],
        model=row["model"],
        created_at=row["created_at"],
        stats=_stats(row["stats"]),
    )


def _state(value: str) -> MessageState:
    try:
        return MessageState(value)
    except ValueError:
        return MessageState.COMPLETE


def _stats(value: str | None) -> dict[str, Any] | None:
    try:
        stats = json.loads(value or "null")
    except ValueError:
        return None
    return stats if isinstance(stats, dict) else None
