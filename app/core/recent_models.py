"""The models opened on this computer, and which of them may be loaded without being asked for.

A model that took the engine or the whole app with it would do so again at the next start, for ever. So the beginning
of a load is written down before it happens: if its end is missing at the next start, the app died in between. Such a
model is loaded only when a person asks for it, until a load and a reply have gone well.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from app.core.database import Connection, Row, Value, execute


@dataclass(frozen=True, slots=True)
class RecentModel:
    """A model file as it was when last used; it may be gone by now. Size in bytes, time in seconds since 1970."""

    path: str
    name: str
    quant: str
    file_size: int
    used_at: float


class RecentModels:
    """Lives on the GUI thread, beside the conversations and in the same database."""

    def __init__(self, connection: Connection, clock: Callable[[], float] = time.time) -> None:
        self._connection = connection
        self._clock = clock

    def remember(self, path: str | Path, name: str, quant: str, file_size: int) -> None:
        """Puts the model first."""
        self._execute(
            "REPLACE INTO recent_models (path, name, quant, file_size, used_at) VALUES (?, ?, ?, ?, ?)",
            *(_key(path), name, quant, file_size, self._clock()),
        )

    def all(self) -> list[RecentModel]:
        """The models, the last used first."""
        return [_recent_model(row) for row in self._execute("SELECT * FROM recent_models ORDER BY position DESC")]

    def last(self) -> RecentModel | None:
        """The model used last, if there was one."""
        return next(iter(self.all()), None)

    def forget(self, path: str | Path) -> None:
        """Takes the model off the list. What is known of its crashes stays: the file may be opened again."""
        self._execute("DELETE FROM recent_models WHERE path = ?", _key(path))

    # The crash guard

    def loading_began(self, path: str | Path) -> None:
        """Before a load. A load that never ended makes the model distrusted for good."""
        self._execute(
            "INSERT INTO distrusted_models (path, loading, fatal) VALUES (?, 1, 0) "
            "ON CONFLICT (path) DO UPDATE SET loading = 1, fatal = max(fatal, loading)",
            _key(path),
        )

    def loading_ended(self, path: str | Path) -> None:
        """After a load that succeeded, was refused, or was cancelled."""
        self._execute("UPDATE distrusted_models SET loading = 0 WHERE path = ?", _key(path))

    def engine_died_with(self, path: str | Path) -> None:
        """The engine died while this model was loading or loaded."""
        self._execute("REPLACE INTO distrusted_models (path, loading, fatal) VALUES (?, 0, 1)", _key(path))

    def worked(self, path: str | Path) -> None:
        """A load and a reply went well: the past is forgotten."""
        self._execute("DELETE FROM distrusted_models WHERE path = ?", _key(path))

    def may_load_by_itself(self, path: str | Path) -> bool:
        """Whether the app may load the model at start without being asked."""
        marks = self._execute(
            "SELECT max(loading, fatal) AS distrusted FROM distrusted_models WHERE path = ?", _key(path)
        )
        return not any(mark["distrusted"] for mark in marks)

    def _execute(self, sql: str, *parameters: Value) -> list[Row]:
        return execute(self._connection, sql, *parameters)


def _key(path: str | Path) -> bytes:
    """Bytes, because a file name on Linux may be no valid text."""
    return os.fsencode(Path(path).absolute())


def _recent_model(row: Row) -> RecentModel:
    return RecentModel(
        path=os.fsdecode(row["path"]),
        name=row["name"],
        quant=row["quant"],
        file_size=row["file_size"],
        used_at=row["used_at"],
    )
