"""Looks for text in all conversations, off the GUI thread.

Each search opens a connection of its own, which takes a fraction of a millisecond: a connection belongs to a thread,
and which thread runs a job is not known. One search runs at a time. What is asked meanwhile ends it, and waits until
it has ended; only the newest question does, so that whoever types fast never waits for answers to what is no longer in
the box. A search that takes its time tells what it has found so far.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from app.core.conversation_search import Found, search_in_steps
from app.core.database import open_database
from app.core.errors import AppError
from app.engine.jobs import JobRunner, in_a_thread


class ConversationSearcher(QObject):
    """Lives on the GUI thread. Tells nothing of a question that a newer one has replaced."""

    found = Signal(str, object)  # text, Found; again until it is complete
    failed = Signal(str, object)  # text, AppError

    def __init__(self, database: Path, jobs: JobRunner, limit: int, parent: QObject | None = None) -> None:
        """Of what it finds, `limit` hits are told at most."""
        super().__init__(parent)
        self._database = database
        self._jobs = jobs
        self._limit = limit
        self._is_running = False
        self._newest = ""
        self._ending = threading.Event()  # set: the search that is running is to end

    def search(self, text: str) -> None:
        """Looks for `text` in titles and messages, which `found` or `failed` will tell."""
        self._newest = text
        self._ending.set()
        if not self._is_running:
            self._start(text)

    def _start(self, text: str) -> None:
        self._is_running = True
        self._ending = threading.Event()
        work = partial(_search, self._database, text, self._limit, self._ending.is_set)
        job = self._jobs.start(lambda report: in_a_thread(partial(work, report)))
        job.progressed.connect(lambda found: self._tell(text, found))
        job.finished.connect(lambda found: self._end(text, found))
        job.failed.connect(lambda error: self._end(text, error))
        job.cancelled.connect(self._on_job_cancelled)

    def _on_job_cancelled(self) -> None:
        self._is_running = False

    def _tell(self, text: str, found: Found) -> None:
        if text == self._newest:
            self.found.emit(text, found)

    def _end(self, text: str, outcome: Found | AppError) -> None:
        self._is_running = False
        if text != self._newest:
            self._start(self._newest)
        elif isinstance(outcome, AppError):
            self.failed.emit(text, outcome)
        else:
            self.found.emit(text, outcome)


def _search(
    database: Path, text: str, limit: int, is_ending: Callable[[], bool], report: Callable[[object], None]
) -> Found:
    """Reports what there is as soon as there is more, and returns all."""
    told = None
    found = Found([], is_complete=False)
    with closing(open_database(database)) as connection:
        for found in search_in_steps(connection, text, limit):
            if found.is_complete or is_ending():
                return found
            if len(found.hits) != told:
                report(found)
                told = len(found.hits)
    return found
