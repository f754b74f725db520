"""Conversations, and the store that keeps every word of them.

The messages of a conversation form a tree: `parent_id` names the message one answers. The conversation knows its
head, the last message of the branch that is shown. Another reply to the same message, or other words for one, are a
sibling: another version, which becomes the head. So nothing written is ever lost by asking again or by editing. A list
with replaced entries was rejected for losing it. A message that is deleted is only left out: what follows it stays.

Reads are tolerant: a value that makes no sense costs only itself, never the message or the conversation around it.
Deleting moves to a trash. An id the store does not know is a mistake of the caller: `KeyError`. All that fails for
want of a working disk is a `StorageError`.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Sequence
from typing import Any

from app.core.conversation import Attachment, Conversation, Message, MessageState, title_from
from app.core.conversation_rows import (
    CONVERSATION_COLUMNS,
    branch_to,
    conversations_of,
    message_of,
    newest_under,
    versions_in,
)
from app.core.database import Connection, Row, Value, execute, transaction

__all__ = ["Attachment", "Conversation", "ConversationStore", "Message", "MessageState", "title_from"]


class ConversationStore:
    """All conversations of one database. Every method that writes has committed when it returns."""

    def __init__(self, connection: Connection, clock: Callable[[], float] = time.time) -> None:
        self._connection = connection
        self._clock = clock

    # Conversations

    def conversations(self) -> list[Conversation]:
        """Those not deleted, archived ones included: pinned ones first, then the last used."""
        return self._conversations("deleted_at IS NULL ORDER BY pinned DESC, used_at DESC, position DESC")

    def trash(self) -> list[Conversation]:
        """Those that were deleted, the last deleted first."""
        return self._conversations("deleted_at IS NOT NULL ORDER BY deleted_at DESC, position DESC")

    def conversation(self, conversation_id: str) -> Conversation:
        """The conversation of that id, deleted or not."""
        found = self._conversations("id = ?", conversation_id)
        if not found:
            raise KeyError(conversation_id)
        return found[0]

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

    def purge(self, conversation_id: str) -> None:
        """Deletes it for good. Raises `ValueError` if it is not in the trash."""
        with transaction(self._connection):
            if self.conversation(conversation_id).deleted_at is None:
                raise ValueError("only what is in the trash can be deleted for good")
            self._execute("PRAGMA defer_foreign_keys = ON")  # messages name each other, and the conversation them
            self._execute("DELETE FROM messages WHERE conversation_id = ?", conversation_id)
            self._execute("DELETE FROM conversations WHERE id = ?", conversation_id)

    def set_pinned(self, conversation_id: str, pinned: bool) -> None:
        """Keeps it above the others."""
        self._update("conversations SET pinned = ?", pinned, conversation_id)

    def set_archived(self, conversation_id: str, archived: bool) -> None:
        """Puts it out of sight, or back."""
        self._update("conversations SET archived = ?", archived, conversation_id)

    def set_folder(self, conversation_id: str, folder: str) -> None:
        """Puts it among those of that folder; empty means none."""
        self._update("conversations SET folder = ?", " ".join(folder.split()), conversation_id)

    def set_policy(self, conversation_id: str, policy: str) -> None:
        """See `Conversation`."""
        self._update("conversations SET policy = ?", policy, conversation_id)

    # Messages

    def messages(self, conversation_id: str) -> list[Message]:
        """The branch that is shown, from the first message to the head, without those that were deleted."""
        head = self._row("conversations", conversation_id)["head"]
        rows = self._rows_of(conversation_id)
        versions = versions_in(rows)
        branch = [row for row in branch_to(rows, head) if row["deleted_at"] is None]
        return [message_of(row, versions[row["parent_id"]]) for row in branch]

    def tree(self, conversation_id: str) -> list[Message]:
        """All messages, deleted ones and those of other branches included, in the order they were made."""
        rows = self._rows_of(conversation_id)
        versions = versions_in(rows)
        return [message_of(row, versions[row["parent_id"]]) for row in rows]

    def add_exchange(
        self, conversation_id: str, text: str, model: str, attachments: Sequence[Attachment] = ()
    ) -> tuple[Message, Message]:
        """The user's next turn and the empty reply to it. Clears the draft; names a conversation without a title."""
        with transaction(self._connection):
            head = self._row("conversations", conversation_id)["head"]
            turn_id = self._insert_turn(conversation_id, head, text, attachments)
            reply_id = self._insert_reply(conversation_id, turn_id, model)
            self._update("conversations SET draft = ?", "", conversation_id)
            if title := title_from(text) or title_from(attachments[0].name if attachments else ""):
                self._execute(
                    "UPDATE conversations SET title = ?, titled_by = ? WHERE id = ? AND title = ''",
                    *(title, turn_id, conversation_id),
                )
        return self._message(turn_id), self._message(reply_id)

    def edit_turn(self, message_id: str, text: str, model: str) -> tuple[Message, Message]:
        """Other words for a user's turn, as another version of it, and the empty reply to them. Both are shown."""
        with transaction(self._connection):
            old = self._message(message_id)
            if old.role != "user":
                raise ValueError("this is no user's turn")
            turn_id = self._insert_turn(old.conversation_id, old.parent_id, text, old.attachments)
            reply_id = self._insert_reply(old.conversation_id, turn_id, model)
        return self._message(turn_id), self._message(reply_id)

    def edit_reply(self, message_id: str, text: str) -> Message:
        """Other words for a reply, as another version of it, which is shown."""
        with transaction(self._connection):
            old = self._message(message_id)
            if old.role == "user":
                raise ValueError("this is no reply")
            edited = self._insert(
                *(old.conversation_id, old.parent_id),
                role="assistant",
                text=text,
                state=MessageState.COMPLETE,
                model=old.model,
            )
        return self._message(edited)

    def begin_continuing(self, reply_id: str) -> None:
        """The reply is being written again: what comes is added to it."""
        self._update("messages SET state = ?, note = ''", MessageState.WRITING.value, reply_id)

    def show_version(self, message_id: str) -> None:
        """Shows the branch through that message, to the newest message under it."""
        with transaction(self._connection):
            conversation_id = self._message(message_id).conversation_id
            self._show(conversation_id, message_id)

    def delete_message(self, message_id: str) -> None:
        """Leaves the message out, for `restore_message` to bring back. If there is another version, that is shown."""
        with transaction(self._connection):
            message = self._message(message_id)
            others = [id_ for id_ in message.versions if id_ != message_id]
            self._update("messages SET deleted_at = ?", self._clock(), message_id)
            shown = self.messages(message.conversation_id)
            if others and not any(one.id in others for one in shown):
                place = message.versions.index(message_id) if message_id in message.versions else 0
                self._show(message.conversation_id, others[max(0, place - 1)])

    def restore_message(self, message_id: str) -> None:
        """Brings a deleted message back, and shows it."""
        with transaction(self._connection):
            self._update("messages SET deleted_at = ?", None, message_id)
            self._show(self._message(message_id).conversation_id, message_id)

    def pin_message(self, message_id: str, pinned: bool) -> None:
        """Whether the model is to see it, however long the conversation becomes."""
        self._update("messages SET pinned = ?", pinned, message_id)

    def fork(self, message_id: str) -> Conversation:
        """A new conversation: a copy of what is shown up to that message. Raises `ValueError` if it is not shown."""
        with transaction(self._connection):
            old = self.conversation(self._message(message_id).conversation_id)
            shown = self.messages(old.id)
            place = next((place for place, message in enumerate(shown) if message.id == message_id), None)
            if place is None:
                raise ValueError("the message is not shown")
            new = self.create(old.system_prompt)
            self._update(
                "conversations SET title = ?, folder = ?, policy = ?", old.title, old.folder, old.policy, new.id
            )
            parent: str | None = None
            for message in shown[: place + 1]:
                parent = self._insert_copy(new.id, parent, message)
        return self.conversation(new.id)

    def add_tree(self, conversation: Conversation, messages: Sequence[Message], head: str | None) -> Conversation:
        """Adds a conversation from elsewhere, under a new id. A parent comes before what answers it.

        `head` is the id, among `messages`, of the last one that is shown; None means the newest.
        """
        with transaction(self._connection):
            new = self.create(conversation.system_prompt)
            self._execute(
                "UPDATE conversations SET title = ?, draft = ?, created_at = ?, pinned = ?, archived = ?, folder = ?, "
                "policy = ? WHERE id = ?",
                *(conversation.title, conversation.draft, conversation.created_at, conversation.pinned),
                *(conversation.archived, conversation.folder, conversation.policy, new.id),
            )
            ids: dict[str | None, str] = {}
            for message in messages:
                ids[message.id] = self._insert_copy(new.id, ids.get(message.parent_id), message)
            if head in ids:
                self._update("conversations SET head = ?", ids[head], new.id)
            self._update("conversations SET used_at = ?", conversation.used_at, new.id)
        return self.conversation(new.id)

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

    def _conversations(self, which: str, *parameters: Value) -> list[Conversation]:
        return conversations_of(
            self._execute(f"SELECT {CONVERSATION_COLUMNS} FROM conversations WHERE {which}", *parameters)
        )

    def _row(self, table: str, row_id: str) -> Row:
        rows = self._execute(f"SELECT * FROM {table} WHERE id = ?", row_id)
        if not rows:
            raise KeyError(row_id)
        return rows[0]

    def _rows_of(self, conversation_id: str) -> list[Row]:
        return self._execute("SELECT * FROM messages WHERE conversation_id = ? ORDER BY position", conversation_id)

    def _message(self, message_id: str) -> Message:
        row = self._row("messages", message_id)
        siblings = self._execute(
            "SELECT id, parent_id, deleted_at FROM messages WHERE conversation_id = ? AND parent_id IS ? "
            "ORDER BY position",
            *(row["conversation_id"], row["parent_id"]),
        )
        return message_of(row, versions_in(siblings)[row["parent_id"]])

    def _show(self, conversation_id: str, message_id: str) -> None:
        head = newest_under(self._rows_of(conversation_id), message_id)
        self._update("conversations SET head = ?", head, conversation_id)

    def _insert_turn(
        self, conversation_id: str, parent_id: str | None, text: str, attachments: Sequence[Attachment]
    ) -> str:
        message_id = self._insert(conversation_id, parent_id, role="user", text=text, state=MessageState.COMPLETE)
        if attachments:
            self._set_attachments(message_id, attachments)
        return message_id

    def _insert_copy(self, conversation_id: str, parent_id: str | None, message: Message) -> str:
        state = MessageState.INTERRUPTED if message.state is MessageState.WRITING else message.state
        message_id = self._insert(
            *(conversation_id, parent_id), role=message.role, text=message.text, state=state, model=message.model
        )
        self._update(
            "messages SET created_at = ?, note = ?, stats = ?, pinned = ?, deleted_at = ?",
            *(message.created_at, message.note, None if message.stats is None else json.dumps(message.stats)),
            *(message.pinned, self._clock() if message.deleted else None, message_id),
        )
        self._set_attachments(message_id, message.attachments)
        return message_id

    def _set_attachments(self, message_id: str, attachments: Sequence[Attachment]) -> None:
        values = [{"name": one.name, "text": one.text} for one in attachments]
        self._update("messages SET attachments = ?", json.dumps(values), message_id)

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
