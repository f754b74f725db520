"""Looks for text in all conversations, off the GUI thread.

Each search opens a connection of its own, which takes a fraction of a millisecond: a connection belongs to a thread,
and which thread runs a job is not known. One search runs at a time. What was asked meanwhile waits, and only the
newest question does, so that whoever types fast never waits for answers to what is no longer in the box.
"""

from __future__ import annotations

from contextlib import closing
from functools import partial
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from app.core.conversation_search import Hit, search
from app.core.database import open_database
from app.core.errors import AppError
from app.engine.jobs import JobRunner


class ConversationSearcher(QObject):
    """Lives on the GUI thread. Tells nothing of a question that a newer one has replaced."""

    found = Signal(str, object)  # text, list of Hit
    failed = Signal(str, object)  # text, AppError

    def __init__(self, database: Path, jobs: JobRunner, limit: int, parent: QObject | None = None) -> None:
        """Of what it finds, `limit` hits are told at most."""
        super().__init__(parent)
        self._database = database
        self._jobs = jobs
        self._limit = limit
        self._is_running = False
        self._newest = ""

    def search(self, text: str) -> None:
        """Looks for `text` in titles and messages, which `found` or `failed` will tell."""
        self._newest = text
        if not self._is_running:
            self._start(text)

    def _start(self, text: str) -> None:
        self._is_running = True
        job = self._jobs.start_function(partial(_search, self._database, text, self._limit))
        job.finished.connect(lambda hits: self._end(text, hits))
        job.failed.connect(lambda error: self._end(text, error))
        job.cancelled.connect(self._on_job_cancelled)

    def _on_job_cancelled(self) -> None:
        self._is_running = False

    def _end(self, text: str, outcome: list[Hit] | AppError) -> None:
        self._is_running = False
        if text != self._newest:
            self._start(self._newest)
        elif isinstance(outcome, AppError):
            self.failed.emit(text, outcome)
        else:
            self.found.emit(text, outcome)


def _search(database: Path, text: str, limit: int) -> list[Hit]:
    with closing(open_database(database)) as connection:
        return search(connection, text, limit)
