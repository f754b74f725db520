"""Conversations as text for people and as JSON for programs. `core.imports` reads the JSON again.

The JSON holds everything: all versions, what was deleted from a conversation, drafts. The format is documented in
resources/conversation-format.md; whoever changes it raises `VERSION` and keeps reading the older ones.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from app.core.conversation import Conversation, Message, with_attachments
from app.core.errors import AppError, StorageError
from app.core.reasoning import answer_in

FORMAT = "paddock-conversations"
VERSION = 1

_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})(.*)")


class CannotExport(StorageError):
    title = "This was not exported"
    hint = "Export it to another place, or free some space there."


class CannotPrint(AppError):
    title = "This was not printed"
    hint = "Check that the printer is there and ready, then print again."


@dataclass(frozen=True, slots=True)
class Exported:
    """A conversation with all its messages, a parent before what answers it. `shown` are the ids of those shown."""

    conversation: Conversation
    messages: Sequence[Message]
    shown: Sequence[str]


def to_json(conversations: Iterable[Exported], now: float) -> str:
    """All of it, for Paddock or a program to read: a conversation a line.

    Not in one go: while json encodes, no other thread gets its turn, that of the window included.
    """
    head = json.dumps({"format": FORMAT, "version": VERSION, "exported_at": _moment(now)})
    lines = ",\n".join(json.dumps(_conversation_values(one)) for one in conversations)
    return f'{head[:-1]}, "conversations": [\n{lines}\n]}}\n'


def to_markdown(exported: Exported) -> str:
    """What is shown of the conversation, for people to read."""
    conversation = exported.conversation
    parts = [f"# {_line(conversation.title) or 'Conversation'}"]
    if conversation.created_at:
        parts.append(_moment(conversation.created_at))
    if conversation.system_prompt:
        parts.append("> " + conversation.system_prompt.replace("\n", "\n> "))
    for message in shown_messages(exported):
        parts += [f"## {author(message)}", _closed(words(message))]
    return "\n\n".join(parts) + "\n"


def shown_messages(exported: Exported) -> list[Message]:
    """Those of the branch that is shown, in their order."""
    by_id = {message.id: message for message in exported.messages}
    return [by_id[one] for one in exported.shown if one in by_id]


def words(message: Message) -> str:
    """What people get to read of it: a reply without its reasoning, and the files that go with a question."""
    text = answer_in(message.text) if message.role == "assistant" else message.text
    return with_attachments(text, message.attachments)


def author(message: Message) -> str:
    """Who wrote it, in a few words."""
    if message.role == "user":
        return "You"
    return f"Assistant ({_line(message.model)})" if message.model else "Assistant"


def _conversation_values(exported: Exported) -> dict[str, Any]:
    conversation = exported.conversation
    return {
        "title": conversation.title,
        "system_prompt": conversation.system_prompt,
        "draft": conversation.draft,
        "created_at": conversation.created_at,
        "used_at": conversation.used_at,
        "pinned": conversation.pinned,
        "archived": conversation.archived,
        "folder": conversation.folder,
        "policy": conversation.policy,
        "head": exported.shown[-1] if exported.shown else None,
        "messages": [_message_values(message) for message in exported.messages],
    }


def _message_values(message: Message) -> dict[str, Any]:
    return {
        "id": message.id,
        "parent": message.parent_id,
        "role": message.role,
        "text": message.text,
        "state": message.state.value,
        "note": message.note,
        "model": message.model,
        "created_at": message.created_at,
        "stats": message.stats,
        "pinned": message.pinned,
        "deleted": message.deleted,
        "attachments": [{"name": one.name, "text": one.text} for one in message.attachments],
    }


def _closed(text: str) -> str:
    """`text` with an end for the code it ends in, as a reply that was stopped may: what follows is no code."""
    fence = ""
    for line in text.split("\n"):
        if found := _FENCE.match(line):
            run, rest = found.groups()
            if not fence and not (run[0] == "`" and "`" in rest):
                fence = run
            elif fence and run.startswith(fence) and not rest.strip():
                fence = ""
    return f"{text}\n{fence}" if fence else text


def _line(text: str) -> str:
    return " ".join(text.split())


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
