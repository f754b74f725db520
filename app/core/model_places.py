"""The folders and files with models that the user added or accepted; the first folder of our own is not among them."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

from app.core.database import Connection, Row, execute
from app.core.library import Place, PlaceKind


class ModelPlaces:
    """Lives on the GUI thread, beside the conversations and in the same database."""

    def __init__(self, connection: Connection, clock: Callable[[], float] = time.time) -> None:
        self._connection = connection
        self._clock = clock

    def all(self) -> list[Place]:
        """The places in the order they were added; they may be gone by now."""
        return [_place(row) for row in execute(self._connection, "SELECT * FROM model_places ORDER BY rowid")]

    def add(self, path: Path, kind: PlaceKind) -> None:
        """Adds a folder or a file. One that is there keeps its place in the order."""
        execute(
            self._connection,
            "INSERT INTO model_places (path, kind, added_at) VALUES (?, ?, ?) "
            "ON CONFLICT (path) DO UPDATE SET kind = excluded.kind",
            *(_key(path), kind.value, self._clock()),
        )

    def remove(self, path: Path) -> None:
        """Takes the place off the list. Nothing on disk is touched."""
        execute(self._connection, "DELETE FROM model_places WHERE path = ?", _key(path))


def _key(path: Path) -> bytes:
    """Bytes, because a file name on Linux may be no valid text."""
    return os.fsencode(path.absolute())


def _place(row: Row) -> Place:
    try:
        kind = PlaceKind(row["kind"])
    except ValueError:  # of a newer Paddock: with ADDED nothing there is ever moved or deleted
        kind = PlaceKind.ADDED
    return Place(Path(os.fsdecode(row["path"])), kind)
