"""What a conversation is made of. `core.conversations` keeps it, `core.conversation_rows` reads it from the disk."""

from __future__ import annotations

import enum
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

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
class Attachment:
    """A text file that goes with a message."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Message:
    """One turn. `role` is `user` or `assistant`; times are in seconds since 1970.

    `versions` are the ids of all messages in this one's place, itself included, in the order they were made. A pinned
    message stays in what the model sees.
    """

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
    versions: tuple[str, ...] = ()
    pinned: bool = False
    deleted: bool = False
    attachments: tuple[Attachment, ...] = ()


@dataclass(frozen=True, slots=True)
class Conversation:
    """A conversation without its messages. `title` is empty until the first message names it.

    `policy` says what the model no longer sees once there is more than its context holds: "oldest" (the oldest turns),
    "middle" (those between the first and the newest), or "ask" (nothing: it is said before sending).
    """

    id: str
    title: str
    system_prompt: str
    draft: str
    created_at: float
    used_at: float
    pinned: bool = False
    archived: bool = False
    folder: str = ""
    policy: str = "oldest"
    deleted_at: float | None = None


def with_attachments(text: str, attachments: Sequence[Attachment]) -> str:
    """A message as the model is given it: its attachments, each under its name, and then the words."""
    return "\n\n".join([*(f"{one.name}:\n\n{_fenced(one.text)}" for one in attachments), *filter(None, [text])])


def _fenced(text: str) -> str:
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}\n{text.rstrip()}\n{fence}"


def title_from(text: str) -> str:
    """`text` on one line, cut at a word if it is long."""
    line = " ".join(text.split())
    if len(line) <= _TITLE_LENGTH:
        return line
    words = line[: _TITLE_LENGTH + 1].rpartition(" ")[0]
    # A long word, or a language without spaces, is cut anywhere.
    return (words if len(words) > _TITLE_LENGTH // 2 else line[:_TITLE_LENGTH]) + "…"
