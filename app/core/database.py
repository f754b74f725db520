"""The door to SQLite: opens the one database, brings it up to date, and turns SQLite's errors into ours.

A write-ahead log with `synchronous=NORMAL`: what is committed survives the end of the app, however it ends, and a
commit costs no wait for the disk, so that a reply can be saved on the GUI thread while it streams. A power cut may
take the last seconds; it cannot damage the file. `FULL` was rejected: a slow disk would make the window stutter.

No check of the whole file at start: it takes longer the more there is to lose, and one damaged page would then hide
every conversation. Damage is reported by the query that meets it.

A connection belongs to the thread that opened it, the GUI thread. There are no transactions but the explicit ones.
"""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from app.core.errors import DatabaseDamaged, DatabaseTooNew, DiskFull, StorageError

Connection = sqlite3.Connection
Row = sqlite3.Row
Value = str | bytes | int | float | None

# One tuple of statements for each version of the database. Never change one that was released: add another.
_MIGRATIONS = (
    (
        """
        CREATE TABLE conversations (
            position INTEGER PRIMARY KEY,                 -- in the order they were made
            id TEXT NOT NULL UNIQUE,
            title TEXT NOT NULL DEFAULT '',
            titled_by TEXT REFERENCES messages (id),      -- the message it is named after; NULL if a person named it
            system_prompt TEXT NOT NULL,
            draft TEXT NOT NULL DEFAULT '',
            head TEXT REFERENCES messages (id),           -- the last message of the branch that is shown
            created_at REAL NOT NULL,
            used_at REAL NOT NULL,
            deleted_at REAL                               -- when it went to the trash
        ) STRICT
        """,
        """
        CREATE TABLE messages (
            position INTEGER PRIMARY KEY,
            id TEXT NOT NULL UNIQUE,
            conversation_id TEXT NOT NULL REFERENCES conversations (id),
            parent_id TEXT REFERENCES messages (id),
            role TEXT NOT NULL,
            state TEXT NOT NULL,
            model TEXT NOT NULL,
            created_at REAL NOT NULL,
            text TEXT NOT NULL DEFAULT '',
            note TEXT NOT NULL DEFAULT '',
            stats TEXT                                    -- a JSON object
        ) STRICT
        """,
        "CREATE INDEX messages_by_conversation ON messages (conversation_id)",
        "CREATE INDEX messages_by_parent ON messages (parent_id)",
        "CREATE INDEX messages_being_written ON messages (id) WHERE state = 'writing'",
        """
        CREATE TABLE recent_models (
            position INTEGER PRIMARY KEY,                 -- in the order of their last use
            path BLOB NOT NULL UNIQUE,
            name TEXT NOT NULL,
            quant TEXT NOT NULL,
            file_size INTEGER NOT NULL,
            used_at REAL NOT NULL
        ) STRICT
        """,
        """
        CREATE TABLE distrusted_models (
            path BLOB PRIMARY KEY,
            loading INTEGER NOT NULL,                     -- 1 from the beginning of a load to its end
            fatal INTEGER NOT NULL                        -- 1 once the engine or the app died with it
        ) STRICT
        """,
    ),
    (
        """
        CREATE TABLE requests (
            position INTEGER PRIMARY KEY,                 -- in the order they were made
            began_at REAL NOT NULL,
            method TEXT NOT NULL,
            host TEXT NOT NULL,
            purpose TEXT NOT NULL,
            status INTEGER,                               -- of HTTP; NULL if there was no answer
            received INTEGER NOT NULL DEFAULT 0,          -- bytes of the body
            note TEXT NOT NULL DEFAULT ''                 -- how it ended, if not well
        ) STRICT
        """,
        """
        CREATE TABLE downloads (
            id TEXT PRIMARY KEY,
            rank INTEGER NOT NULL,                        -- the place in the queue
            plan TEXT NOT NULL,                           -- a JSON object, see core.downloads
            paused INTEGER NOT NULL                       -- 1 if a person paused it
        ) STRICT
        """,
        """
        CREATE TABLE model_places (
            path BLOB PRIMARY KEY,                        -- a folder or a file that was added
            kind TEXT NOT NULL,
            added_at REAL NOT NULL
        ) STRICT
        """,
    ),
    (
        "ALTER TABLE conversations ADD COLUMN pinned INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE conversations ADD COLUMN archived INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE conversations ADD COLUMN folder TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE conversations ADD COLUMN policy TEXT NOT NULL DEFAULT 'oldest'",  # see core.conversations
        "ALTER TABLE messages ADD COLUMN pinned INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE messages ADD COLUMN deleted_at REAL",
        "ALTER TABLE messages ADD COLUMN attachments TEXT NOT NULL DEFAULT '[]'",  # a JSON list
        # The search, see core.conversation_search. A reply is in it once it is written: the index would have to be
        # changed with each of its pieces otherwise.
        """
        CREATE VIRTUAL TABLE message_index USING fts5 (
            text, content = '', tokenize = 'trigram case_sensitive 1', detail = 'none'
        )
        """,
        "INSERT INTO message_index (rowid, text) "
        "SELECT position, searchable(text) FROM messages WHERE state <> 'writing'",
        """
        CREATE TRIGGER message_made AFTER INSERT ON messages WHEN new.state <> 'writing' BEGIN
            INSERT INTO message_index (rowid, text) VALUES (new.position, searchable(new.text));
        END
        """,
        """
        CREATE TRIGGER message_changed AFTER UPDATE OF state, text ON messages BEGIN
            INSERT INTO message_index (message_index, rowid, text)
                SELECT 'delete', old.position, searchable(old.text) WHERE old.state <> 'writing';
            INSERT INTO message_index (rowid, text)
                SELECT new.position, searchable(new.text) WHERE new.state <> 'writing';
        END
        """,
        """
        CREATE TRIGGER message_gone AFTER DELETE ON messages WHEN old.state <> 'writing' BEGIN
            INSERT INTO message_index (message_index, rowid, text)
                VALUES ('delete', old.position, searchable(old.text));
        END
        """,
    ),
)

_BUSY_TIMEOUT = 3.0  # seconds
_TRANSLATIONS = {
    sqlite3.SQLITE_FULL: DiskFull,
    sqlite3.SQLITE_CORRUPT: DatabaseDamaged,
    sqlite3.SQLITE_NOTADB: DatabaseDamaged,
    sqlite3.SQLITE_BUSY: StorageError,
    sqlite3.SQLITE_LOCKED: StorageError,
    sqlite3.SQLITE_READONLY: StorageError,
    sqlite3.SQLITE_PERM: StorageError,
    sqlite3.SQLITE_CANTOPEN: StorageError,
    sqlite3.SQLITE_IOERR: StorageError,
    sqlite3.SQLITE_PROTOCOL: StorageError,
}


def open_database(path: Path) -> Connection:
    """Opens or makes the database at `path`, with the tables of this version. Raises `StorageError` and its children.

    A database that is damaged or of a newer version is left as it is.
    """
    _create(path)
    with _translated():
        try:
            return _open(path, locking_mode="NORMAL")
        except sqlite3.OperationalError as error:
            if not error.sqlite_errorname.startswith("SQLITE_IOERR_SHM"):
                raise
            # There is no room for the index that connections share, as on a disk without a free byte. A connection
            # that keeps others out needs none, and the conversations can still be read.
            return _open(path, locking_mode="EXCLUSIVE")


def execute(connection: Connection, sql: str, *parameters: Value) -> list[Row]:
    """Runs one statement and returns its rows. A write outside `transaction` is a transaction of its own."""
    with _translated():
        return connection.execute(sql, [_storable(parameter) for parameter in parameters]).fetchall()


def batches(connection: Connection, sql: str, *parameters: Value, size: int) -> Iterator[list[Row]]:
    """Runs a query and returns its rows, up to `size` at a time: the first before the last have been looked for."""
    with _translated():
        cursor = connection.execute(sql, [_storable(parameter) for parameter in parameters])
        while rows := cursor.fetchmany(size):
            yield rows


@contextmanager
def transaction(connection: Connection) -> Iterator[None]:
    """All that is executed inside is committed together at the end, or not at all if anything is raised."""
    with _translated():
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            connection.commit()
        except BaseException:
            connection.rollback()
            raise


def searchable(text: str) -> str:
    """`text` as searches compare it: without case and accents, one blank between words.

    The index holds what this returned, so it must stay.
    """
    return folded(" ".join(text.split()))


def folded(text: str) -> str:
    """`text` without case and accents."""
    if text.isascii():
        return text.lower()
    import unicodedata  # noqa: PLC0415 (most texts do without)

    parts = unicodedata.normalize("NFKD", text.casefold())
    marks = {part for part in set(parts) if unicodedata.combining(part)}
    return "".join(part for part in parts if part not in marks) if marks else parts


def _create(path: Path) -> None:
    """Makes an empty file, for this user's eyes only: SQLite gives its journals the same permissions.

    A file that is there is not touched: whoever closes it drops the locks of all connections that this process has to
    it, and the next program that looks into the database would take its journal away.
    """
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        pass
    except OSError as error:
        kind = DiskFull if error.errno == errno.ENOSPC else StorageError
        raise kind(f"{path}: {error.strerror}") from error


def _open(path: Path, locking_mode: str) -> Connection:
    connection = sqlite3.connect(path, timeout=_BUSY_TIMEOUT, isolation_level=None)
    try:
        connection.row_factory = Row
        connection.text_factory = _readable
        connection.create_function("searchable", 1, searchable, deterministic=True)
        connection.execute(f"PRAGMA locking_mode = {locking_mode}")
        if _version(connection) > len(_MIGRATIONS):
            raise DatabaseTooNew
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA foreign_keys = ON")
        _migrate(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _migrate(connection: Connection) -> None:
    for version in range(_version(connection) + 1, len(_MIGRATIONS) + 1):
        with transaction(connection):
            if _version(connection) >= version:
                continue  # another Paddock that started at the same time was faster
            for statement in _MIGRATIONS[version - 1]:
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {version}")


def _version(connection: Connection) -> int:
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    return version


def _storable(value: Value) -> Value:
    """Text with half characters (lone surrogates, as a paste can bring) replaced: they have no UTF-8."""
    if not isinstance(value, str):
        return value
    return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _readable(text: bytes) -> str:
    """A damaged character costs only itself."""
    return text.decode("utf-8", "replace")


@contextmanager
def _translated() -> Iterator[None]:
    """Turns what can go wrong with a disk or a file into `StorageError`; a mistake of ours stays an sqlite3 error."""
    try:
        yield
    except sqlite3.Error as error:
        primary_code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
        kind = _TRANSLATIONS.get(primary_code)
        if kind is None:
            raise
        raise kind(str(error)) from error
