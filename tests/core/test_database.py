from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys

import pytest

from app.core.database import execute, open_database, transaction
from app.core.errors import DatabaseDamaged, DatabaseTooNew, DiskFull, StorageError


@pytest.fixture
def path(tmp_path):
    return tmp_path / "conversations.db"


@pytest.fixture
def connect(path):
    """Opens the database as often as a test asks, and closes it all."""
    connections = []

    def connect() -> sqlite3.Connection:
        connections.append(open_database(path))
        return connections[-1]

    yield connect
    for connection in connections:
        connection.close()


def _add_notes(connection: sqlite3.Connection) -> None:
    execute(connection, "CREATE TABLE notes (text TEXT NOT NULL) STRICT")


def _notes(connection: sqlite3.Connection) -> list[str]:
    return [row["text"] for row in execute(connection, "SELECT text FROM notes")]


def test_a_new_database_has_a_write_ahead_log_and_enforces_its_references(connect):
    connection = connect()
    assert execute(connection, "PRAGMA journal_mode")[0][0] == "wal"
    assert execute(connection, "PRAGMA synchronous")[0][0] == 1  # NORMAL
    assert execute(connection, "PRAGMA foreign_keys")[0][0] == 1
    assert execute(connection, "PRAGMA busy_timeout")[0][0] == 3000


def test_opening_again_finds_what_was_written(connect):
    first = connect()
    _add_notes(first)
    execute(first, "INSERT INTO notes VALUES (?)", "kept")
    first.close()
    assert _notes(connect()) == ["kept"]


def test_another_program_that_looks_in_takes_nothing_away_from_one_with_two_connections(connect, path):
    first = connect()
    _add_notes(first)
    connect().close()
    look = f"import sqlite3; c = sqlite3.connect({str(path)!r}); print(*c.execute('SELECT text FROM notes')); c.close()"
    command = [sys.executable, "-c", look]
    subprocess.run(command, check=True)
    execute(first, "INSERT INTO notes VALUES (?)", "kept")
    assert "kept" in subprocess.run(command, check=True, capture_output=True, text=True).stdout


@pytest.mark.skipif(os.name != "posix", reason="POSIX permissions")
def test_only_this_user_can_read_the_database_and_its_journal(connect, tmp_path):
    execute(connect(), "PRAGMA user_version")
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()}
    assert modes == dict.fromkeys(["conversations.db", "conversations.db-wal", "conversations.db-shm"], 0o600)


def test_a_transaction_is_kept_whole_or_not_at_all(connect):
    connection, other = connect(), connect()
    _add_notes(connection)
    with pytest.raises(ZeroDivisionError), transaction(connection):
        execute(connection, "INSERT INTO notes VALUES ('lost')")
        raise ZeroDivisionError
    with transaction(connection):
        execute(connection, "INSERT INTO notes VALUES ('one')")
        execute(connection, "INSERT INTO notes VALUES ('two')")
        assert _notes(other) == []
    assert _notes(other) == ["one", "two"]


def test_a_database_of_a_newer_version_is_left_as_it_is(connect, path):
    connection = connect()
    execute(connection, "PRAGMA user_version = 1000")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(DatabaseTooNew):
        connect()
    assert path.read_bytes() == before


@pytest.mark.parametrize("content", [b"this is no database", bytes(range(256)) * 64])
def test_a_file_that_is_no_database_is_left_as_it_is(connect, path, content):
    path.write_bytes(content)
    with pytest.raises(DatabaseDamaged):
        connect()
    assert path.read_bytes() == content


def test_damage_in_the_middle_is_reported_by_the_query_that_meets_it(connect, path):
    connection = connect()
    _add_notes(connection)
    with transaction(connection):
        for _ in range(100):
            execute(connection, "INSERT INTO notes VALUES (?)", "x" * 1000)
    connection.close()
    content = bytearray(path.read_bytes())
    content[-40_000:-20_000] = b"\xff" * 20_000
    path.write_bytes(content)
    damaged = connect()
    assert execute(damaged, "SELECT * FROM conversations") == []
    with pytest.raises(DatabaseDamaged):
        _notes(damaged)


def test_a_damaged_character_costs_only_itself(connect):
    connection = connect()
    _add_notes(connection)
    execute(connection, "INSERT INTO notes VALUES (CAST(x'61ff62' AS TEXT))")
    assert _notes(connection) == ["a\ufffdb"]


@pytest.mark.parametrize(
    ("text", "kept"),
    [("half \ud83d a face", "half \ufffd a face"), ("\ud83d\ude00", "😀"), ("nul\0inside", "nul\0inside"), ("", "")],
)
def test_any_text_can_be_written(connect, text, kept):
    connection = connect()
    _add_notes(connection)
    execute(connection, "INSERT INTO notes VALUES (?)", text)
    assert _notes(connection) == [kept]


def test_a_full_disk_is_reported_and_nothing_written_before_is_lost(connect):
    connection = connect()
    _add_notes(connection)
    execute(connection, "INSERT INTO notes VALUES ('kept')")
    pages = execute(connection, "PRAGMA page_count")[0][0]
    execute(connection, f"PRAGMA max_page_count = {pages}")
    with pytest.raises(DiskFull), transaction(connection):
        execute(connection, "INSERT INTO notes VALUES ('before')")
        execute(connection, "INSERT INTO notes VALUES (?)", "x" * 100_000)
    assert _notes(connection) == ["kept"]
    execute(connection, f"PRAGMA max_page_count = {pages + 100}")
    execute(connection, "INSERT INTO notes VALUES (?)", "x" * 100_000)
    assert len(_notes(connection)) == 2


def test_on_a_disk_without_a_free_byte_the_conversations_can_be_read_and_later_written(connect):
    resource = pytest.importorskip("resource")
    connection = connect()
    _add_notes(connection)
    execute(connection, "INSERT INTO notes VALUES ('kept')")
    connection.close()
    unlimited = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, unlimited[1]))
    try:
        connection = connect()
        assert _notes(connection) == ["kept"]
        with pytest.raises(StorageError):
            execute(connection, "INSERT INTO notes VALUES ('too early')")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, unlimited)
    execute(connection, "INSERT INTO notes VALUES ('in time')")
    assert _notes(connection) == ["kept", "in time"]


def test_a_database_that_may_not_be_written_is_reported(connect):
    connection = connect()
    _add_notes(connection)
    execute(connection, "PRAGMA query_only = ON")
    with pytest.raises(StorageError, match="readonly"):
        execute(connection, "INSERT INTO notes VALUES ('refused')")


def test_a_database_another_program_is_writing_to_is_reported(connect):
    connection, other = connect(), connect()
    _add_notes(connection)
    execute(other, "PRAGMA busy_timeout = 0")
    with transaction(connection), pytest.raises(StorageError, match="locked"), transaction(other):
        pass
    execute(other, "INSERT INTO notes VALUES ('free again')")
    assert _notes(connection) == ["free again"]


def test_a_folder_that_is_not_there_is_reported(tmp_path):
    with pytest.raises(StorageError, match="gone"):
        open_database(tmp_path / "gone" / "conversations.db")


def test_a_mistake_in_our_own_sql_is_a_bug_and_not_a_storage_error(connect):
    with pytest.raises(sqlite3.OperationalError, match="syntax"):
        execute(connect(), "SELEKT")


def test_a_connection_belongs_to_the_thread_that_opened_it(connect):
    from concurrent.futures import ThreadPoolExecutor

    connection = connect()
    with ThreadPoolExecutor() as pool, pytest.raises(sqlite3.ProgrammingError):
        pool.submit(execute, connection, "SELECT 1").result()
