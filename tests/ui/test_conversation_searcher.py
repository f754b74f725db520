"""Searching beside the GUI thread, in a real database."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from pytestqt.qtbot import QtBot

from app.core.conversation_search import Found, Hit
from app.core.conversations import ConversationStore
from app.core.database import Connection, open_database
from app.core.errors import StorageError
from app.core.paths import DataPaths
from app.engine.jobs import JobRunner
from app.ui import conversation_searcher
from app.ui.conversation_searcher import ConversationSearcher


@pytest.fixture
def store(paths: DataPaths) -> Iterator[ConversationStore]:
    connection = open_database(paths.database)
    yield ConversationStore(connection)
    connection.close()


@pytest.fixture
def searcher(paths: DataPaths, store: ConversationStore, qtbot: QtBot) -> Iterator[ConversationSearcher]:
    jobs = JobRunner()
    yield ConversationSearcher(paths.database, jobs, limit=3)
    jobs.close()


def titles(found: Found) -> list[str]:
    return [hit.title for hit in found.hits]


def test_what_was_just_written_is_found(searcher, store, qtbot) -> None:
    store.add_exchange(store.create("").id, "Of llamas", "")
    with qtbot.waitSignal(searcher.found) as found:
        searcher.search("llama")
    assert found.args[0] == "llama"
    assert "Of llamas" in titles(found.args[1])


def test_no_more_than_the_limit_is_told(searcher, store, qtbot) -> None:
    for number in range(5):
        store.rename(store.create("").id, f"Llama {number}")
    with qtbot.waitSignal(searcher.found) as found:
        searcher.search("llama")
    assert titles(found.args[1]) == ["Llama 4", "Llama 3", "Llama 2"]


def test_only_the_newest_question_is_answered(searcher, store, qtbot) -> None:
    store.rename(store.create("").id, "Llama")
    told: list[str] = []
    searcher.found.connect(lambda text, _found: told.append(text))
    for text in ("l", "ll", "lla", "llam"):
        searcher.search(text)
    qtbot.waitUntil(lambda: told == ["llam"])
    with qtbot.waitSignal(searcher.found):
        searcher.search("llama")
    assert told == ["llam", "llama"]


def test_a_failure_is_told_and_the_next_search_works(searcher, store, paths, qtbot, tmp_path) -> None:
    broken = ConversationSearcher(paths.root / "no such folder" / "x.db", searcher._jobs, 3)
    for _ in range(2):
        with qtbot.waitSignal(broken.failed) as failed:
            broken.search("llama")
        assert failed.args[0] == "llama"
        assert isinstance(failed.args[1], StorageError)


def test_a_search_that_takes_its_time_tells_at_once_what_it_has_and_ends_for_the_next(
    searcher, store, qtbot, monkeypatch
) -> None:
    newest = Hit("c", "Newest", None, "", "llama", "", 0.0)
    ended = threading.Event()

    def endless(_connection: Connection, text: str, _limit: int) -> Iterator[Found]:
        yield Found([newest] if text == "llama" else [], is_complete=text != "llama")
        try:
            while True:
                yield Found([newest], is_complete=False)
        finally:
            ended.set()

    monkeypatch.setattr(conversation_searcher, "search_in_steps", endless)
    with qtbot.waitSignal(searcher.found) as found:
        searcher.search("llama")
    assert (titles(found.args[1]), found.args[1].is_complete) == (["Newest"], False)
    with qtbot.waitSignal(searcher.found) as found:
        searcher.search("llamas")
    assert (found.args[0], found.args[1].is_complete) == ("llamas", True)
    assert ended.is_set()
