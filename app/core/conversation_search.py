"""Finds text in all conversations, as one types.

The index knows which messages have all three-letter pieces of what is looked for; whether they have them in that order
is looked up in the text. So any part of a word is found, in every language, and the index stays half as large as one
that knows the order. Less than three letters have no piece: then the messages are looked through, the newest first.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

from app.core.database import Connection, Row, batches, execute, folded, searchable

_BEFORE, _AFTER = 40, 120  # characters shown around what was found
_PATIENCE = 0.03  # seconds before what was found is told, if there may be more
_AT_A_TIME = 100  # messages
_PIECE = 3


@dataclass(frozen=True, slots=True)
class Hit:
    """Where it was found: in a title if there is no `message_id`. `match` is the text as it stands there."""

    conversation_id: str
    title: str
    message_id: str | None
    before: str
    match: str
    after: str
    used_at: float


@dataclass(frozen=True, slots=True)
class Found:
    """What was found by now. Unless it is complete, older messages are still to be looked through."""

    hits: list[Hit]
    is_complete: bool


def search(connection: Connection, text: str, limit: int = 100) -> list[Hit]:
    """Conversations not deleted whose title has `text`, then messages, the newest first. Case and accents are ignored.

    A message in a branch that is not shown is found as well: whoever opens it is shown its branch.
    """
    *_, found = search_in_steps(connection, text, limit)
    return found.hits


def search_in_steps(
    connection: Connection, text: str, limit: int = 100, patience: float = _PATIENCE
) -> Iterator[Found]:
    """What `search` finds; each time `patience` seconds have gone, what there is by then. Complete at last.

    Most searches are complete at once. Words that are frequent, but hardly ever stand together, take seconds when
    there are hundreds of thousands of messages: all that have these words are to be read.
    """
    wanted = searchable(text)
    found: list[Hit] = []
    told = time.perf_counter()
    for hits in _hits(connection, wanted, limit) if wanted else ():
        found += hits
        if len(found) >= limit:
            break
        if time.perf_counter() - told > patience:
            yield Found(found[:], is_complete=False)
            told = time.perf_counter()
    yield Found(found[:limit], is_complete=True)


def _hits(connection: Connection, wanted: str, limit: int) -> Iterator[list[Hit]]:
    """A few at a time, or none: those among some messages."""
    yield [_hit(row, row["title"], None, wanted) for row in _titles(connection, wanted, limit)]
    for rows in _messages(connection, wanted):
        yield [
            _hit(row, " ".join(row["text"].split()), row["message_id"], wanted)
            for row in rows
            if wanted in searchable(row["text"])
        ]


def _titles(connection: Connection, wanted: str, limit: int) -> list[Row]:
    return execute(
        connection,
        "SELECT id AS conversation_id, title, used_at FROM conversations "
        "WHERE deleted_at IS NULL AND instr(searchable(title), ?) > 0 ORDER BY used_at DESC LIMIT ?",
        *(wanted, limit),
    )


def _messages(connection: Connection, wanted: str) -> Iterator[list[Row]]:
    """Messages that may have it, the newest first, a few at a time: often the first are enough."""
    columns = "messages.id AS message_id, messages.text, conversations.id AS conversation_id, title, used_at"
    conversation = "CROSS JOIN conversations ON conversations.id = conversation_id"
    shown = "conversations.deleted_at IS NULL AND messages.deleted_at IS NULL"
    if query := _query(wanted):
        return batches(
            connection,
            f"SELECT {columns} FROM message_index "
            f"CROSS JOIN messages ON messages.position = message_index.rowid {conversation} "
            f"WHERE message_index MATCH ? AND {shown} ORDER BY message_index.rowid DESC",
            query,
            size=_AT_A_TIME,
        )
    return batches(
        connection,
        f"SELECT {columns} FROM messages {conversation} WHERE {shown} ORDER BY messages.position DESC",
        size=_AT_A_TIME,
    )


def _query(wanted: str) -> str:
    """All pieces of `wanted`, as FTS5 writes them; empty if it is too short to have one."""
    pieces = dict.fromkeys(wanted[start : start + _PIECE] for start in range(len(wanted) - _PIECE + 1))
    return " AND ".join('"' + piece.replace('"', '""') + '"' for piece in pieces)


def _hit(row: Row, text: str, message_id: str | None, wanted: str) -> Hit:
    start, end = _place(text, wanted)
    before, after = text[max(0, start - _BEFORE) : start], text[end : end + _AFTER]
    return Hit(
        conversation_id=row["conversation_id"],
        title=row["title"],
        message_id=message_id,
        before=f"…{before}" if start > _BEFORE else before,
        match=text[start:end],
        after=f"{after}…" if end + _AFTER < len(text) else after,
        used_at=row["used_at"],
    )


def _place(text: str, wanted: str) -> tuple[int, int]:
    """Where `wanted` stands in `text`. Folding changes lengths, as of ß, so folded places are not places in `text`."""
    low = folded(text)
    start = low.find(wanted)
    if len(low) == len(text) or start < 0:
        return max(0, start), max(0, start) + len(wanted)
    lengths = [len(folded(letter)) for letter in text]
    ends, total = [], 0
    for length in lengths:
        total += length
        ends.append(total)
    first = next(place for place, end in enumerate(ends) if end > start)
    last = next(place for place, end in enumerate(ends) if end >= start + len(wanted))
    return first, last + 1
