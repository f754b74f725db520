"""The list of every request the app ever made, for whoever wants to see that nothing leaves without being asked for.

It holds hosts and never paths: what a person searches for is theirs. An entry is written before its request is sent,
so that one which took the app with it is there as well; a request that cannot be written down is not made.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from app.core.database import Connection, Row, Value, execute, open_database


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """One request. Time in seconds since 1970, `received` in bytes of the body.

    `status` is None while it is under way, and stays so if no answer came or the app was killed meanwhile; `note` says
    how it ended, if not well.
    """

    began_at: float
    method: str
    host: str  # with the port, if it is not the usual one
    purpose: str
    status: int | None
    received: int
    note: str


class Ledger:
    """Opens the database when first used, and then belongs to that thread. Raises `StorageError` and its children."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        self._path = path
        self._clock = clock
        self._connection: Connection | None = None

    def begin(self, method: str, host: str, purpose: str) -> int:
        """Writes down a request that is about to be made, and returns the number that `end` wants."""
        rows = self._execute(
            "INSERT INTO requests (began_at, method, host, purpose) VALUES (?, ?, ?, ?) RETURNING position",
            *(self._clock(), method, host, purpose),
        )
        position: int = rows[0]["position"]
        return position

    def end(self, entry_id: int, status: int | None, received: int, note: str = "") -> None:
        """Completes the entry."""
        self._execute(
            "UPDATE requests SET status = ?, received = ?, note = ? WHERE position = ?",
            *(status, received, note, entry_id),
        )

    def newest(self, limit: int) -> list[LedgerEntry]:
        """The last `limit` entries, the newest first."""
        return [_entry(row) for row in self._execute("SELECT * FROM requests ORDER BY position DESC LIMIT ?", limit)]

    def close(self) -> None:
        """Closes the database; the next use opens it again."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _execute(self, sql: str, *parameters: Value) -> list[Row]:
        if self._connection is None:
            self._connection = open_database(self._path)
        return execute(self._connection, sql, *parameters)


def _entry(row: Row) -> LedgerEntry:
    return LedgerEntry(
        began_at=row["began_at"],
        method=row["method"],
        host=row["host"],
        purpose=row["purpose"],
        status=row["status"],
        received=row["received"],
        note=row["note"],
    )
