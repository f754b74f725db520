"""Finds text in all conversations, as one types.

The index knows which messages have all three-letter pieces of what is looked for; whether they have them in that order
is looked up in the text. So any part of a word is found, in every language, and the index stays half as large as one
that knows the order. Less than three letters have no piece: then only the newest messages are looked through.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from app.core.database import Connection, Row, execute, folded

_BEFORE, _AFTER = 40, 120  # characters shown around what was found
_LOOKED_THROUGH = 2000  # messages at most, for one search
_AT_A_TIME = 200
_PIECE = 3
_BLANKS = " \n\t"


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


def search(connection: Connection, text: str, limit: int = 100) -> list[Hit]:
    """Conversations not deleted whose title has `text`, then messages, the newest first. Case and accents are ignored.

    A message in a branch that is not shown is found as well: whoever opens it is shown its branch.
    """
    wanted = folded(" ".join(text.split()))
    if not wanted:
        return []
    found: list[Hit] = []
    for hit in _hits(connection, wanted):
        found.append(hit)
        if len(found) == limit:
            break
    return found


def _hits(connection: Connection, wanted: str) -> Iterator[Hit]:
    for row in _titles(connection, wanted):
        yield _hit(row, row["title"], None, wanted)
    for row in _messages(connection, wanted):
        text = " ".join(row["text"].split())
        if wanted in folded(text):
            yield _hit(row, text, row["message_id"], wanted)


def _titles(connection: Connection, wanted: str) -> list[Row]:
    return execute(
        connection,
        "SELECT id AS conversation_id, title, used_at FROM conversations "
        "WHERE deleted_at IS NULL AND instr(folded(title), ?) > 0 ORDER BY used_at DESC",
        wanted,
    )


def _messages(connection: Connection, wanted: str) -> Iterator[Row]:
    """Messages that may have it, the newest first. Their texts come a few at a time: often the first are enough."""
    places = _places(connection, wanted)
    for start in range(0, len(places), _AT_A_TIME):
        some = ",".join(map(str, places[start : start + _AT_A_TIME]))
        yield from execute(
            connection,
            "SELECT messages.id AS message_id, messages.text, conversations.id AS conversation_id, "
            "conversations.title, conversations.used_at "
            "FROM messages JOIN conversations ON conversations.id = conversation_id "
            f"WHERE messages.position IN ({some}) "
            "AND conversations.deleted_at IS NULL AND messages.deleted_at IS NULL ORDER BY messages.position DESC",
        )


def _places(connection: Connection, wanted: str) -> list[int]:
    if query := _query(wanted):
        sql = "SELECT rowid FROM message_index WHERE message_index MATCH ? ORDER BY rowid DESC LIMIT ?"
        rows = execute(connection, sql, query, _LOOKED_THROUGH)
    else:
        rows = execute(
            connection, "SELECT position AS rowid FROM messages ORDER BY position DESC LIMIT ?", _LOOKED_THROUGH
        )
    return [row["rowid"] for row in rows]


def _query(wanted: str) -> str:
    """All pieces of `wanted`, as FTS5 writes them; empty if there are none that say something.

    Where `wanted` has a blank, a text may have several, or break the line: a piece with a blank in its middle or two is
    not looked for, one with a blank at an end may have a line break there.
    """
    pieces = dict.fromkeys(wanted[start : start + _PIECE] for start in range(len(wanted) - _PIECE + 1))
    return " AND ".join(_any_blank(piece) for piece in pieces if piece[1] != " " and piece.count(" ") < 2)


def _any_blank(piece: str) -> str:
    quoted = '"' + piece.replace('"', '""') + '"'
    if " " not in piece:
        return quoted
    return "(" + " OR ".join(quoted.replace(" ", blank) for blank in _BLANKS) + ")"


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
