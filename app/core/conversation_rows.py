"""Reads conversations and messages from rows of the database, and finds its way in the tree that messages form.

Tolerant: a value that makes no sense costs only itself.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from app.core.conversation import Attachment, Conversation, Message, MessageState
from app.core.database import Row

CONVERSATION_COLUMNS = (
    "id, title, system_prompt, draft, created_at, used_at, pinned, archived, folder, policy, deleted_at"
)


def branch_to(rows: Sequence[Row], head: str | None) -> list[Row]:
    """Of all messages of a conversation, in the order they were made, those from the first to `head`."""
    remaining = {row["id"]: row for row in rows}
    message_id = head if head in remaining else next(reversed(remaining), None)
    branch = []
    while (row := remaining.pop(message_id, None)) is not None:  # taken out, so that a damaged loop ends
        branch.append(row)
        message_id = row["parent_id"]
    return branch[::-1]


def versions_in(rows: Sequence[Row]) -> dict[str | None, tuple[str, ...]]:
    """The messages that answer the same one, by its id, without those that were deleted."""
    found: dict[str | None, list[str]] = {row["parent_id"]: [] for row in rows}
    for row in rows:
        if row["deleted_at"] is None:
            found[row["parent_id"]].append(row["id"])
    return {parent_id: tuple(ids) for parent_id, ids in found.items()}


def newest_under(rows: Sequence[Row], message_id: str) -> str:
    """Of a message and all that came of it, the one made last. Rows are in the order they were made."""
    under = {message_id}
    newest = message_id
    for row in rows:
        if row["parent_id"] in under:
            under.add(row["id"])
            newest = newest if row["deleted_at"] else row["id"]
    return newest


def conversations_of(rows: Iterable[Row]) -> list[Conversation]:
    """Of rows of `CONVERSATION_COLUMNS`: there are thousands, and looking up each column's name takes as long again."""
    return [
        Conversation(id_, title, prompt, draft, created_at, used_at, pinned == 1, archived == 1, *rest)
        for id_, title, prompt, draft, created_at, used_at, pinned, archived, *rest in rows
    ]


def message_of(row: Row, versions: tuple[str, ...]) -> Message:
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
        versions=versions,
        pinned=bool(row["pinned"]),
        deleted=row["deleted_at"] is not None,
        attachments=_attachments(row["attachments"]),
    )


def _state(value: str) -> MessageState:
    try:
        return MessageState(value)
    except ValueError:
        return MessageState.COMPLETE


def _attachments(value: str) -> tuple[Attachment, ...]:
    try:
        items = json.loads(value)
    except ValueError:
        return ()
    values = [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []
    return tuple(Attachment(str(item.get("name", "")), str(item.get("text", ""))) for item in values)


def _stats(value: str | None) -> dict[str, Any] | None:
    try:
        stats = json.loads(value or "null")
    except ValueError:
        return None
    return stats if isinstance(stats, dict) else None
