from __future__ import annotations

import itertools
import sqlite3

import pytest

from app.core.errors import StorageError
from app.core.ledger import Ledger, LedgerEntry


@pytest.fixture
def path(tmp_path):
    return tmp_path / "conversations.db"


@pytest.fixture
def ledger(path):
    """Its clock goes one second a reading."""
    ledger = Ledger(path, itertools.count(1000.0).__next__)
    yield ledger
    ledger.close()


def test_at_first_nothing_was_asked(ledger):
    assert ledger.newest(10) == []


def test_a_request_is_there_before_its_answer_and_complete_after_it(ledger):
    number = ledger.begin("GET", "hub.test", "searching")
    assert ledger.newest(10) == [LedgerEntry(1000.0, "GET", "hub.test", "searching", None, 0, "")]
    ledger.end(number, 200, 2**40, "cut off")
    assert ledger.newest(10) == [LedgerEntry(1000.0, "GET", "hub.test", "searching", 200, 2**40, "cut off")]


def test_the_newest_come_first_and_no_more_than_wanted(ledger):
    for host in ("a.test", "b.test", "c.test"):
        ledger.begin("GET", host, "searching")
    assert [entry.host for entry in ledger.newest(2)] == ["c.test", "b.test"]


def test_ending_one_request_leaves_the_others_alone(ledger):
    first, second = (ledger.begin("GET", host, "searching") for host in ("a.test", "b.test"))
    ledger.end(first, 404, 3)
    assert [(entry.host, entry.status) for entry in ledger.newest(2)] == [("b.test", None), ("a.test", 404)]
    ledger.end(second, None, 0, "no connection")
    assert [(entry.host, entry.note) for entry in ledger.newest(2)] == [("b.test", "no connection"), ("a.test", "")]


def test_a_request_whose_app_was_killed_is_still_listed(ledger, path):
    ledger.begin("GET", "hub.test", "searching")
    another = Ledger(path)
    assert [(entry.host, entry.status) for entry in another.newest(10)] == [("hub.test", None)]
    another.close()


def test_it_can_be_used_again_after_it_was_closed(ledger):
    ledger.begin("GET", "a.test", "searching")
    ledger.close()
    ledger.begin("GET", "b.test", "searching")
    assert [entry.host for entry in ledger.newest(10)] == ["b.test", "a.test"]


def test_it_opens_nothing_until_it_is_used(path):
    Ledger(path).close()
    assert not path.exists()


def test_a_disk_that_refuses_is_told(tmp_path):
    with pytest.raises(StorageError):
        Ledger(tmp_path / "no such folder" / "conversations.db").begin("GET", "hub.test", "searching")


def test_a_database_that_somebody_else_holds_is_told(ledger, path, monkeypatch):
    monkeypatch.setattr("app.core.database._BUSY_TIMEOUT", 0.01)
    ledger.begin("GET", "hub.test", "searching")
    other = sqlite3.connect(path)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StorageError):
        ledger.begin("GET", "hub.test", "searching")
    other.close()
