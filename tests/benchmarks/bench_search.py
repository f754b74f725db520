"""10 000 conversations with 200 000 messages: the list after a start, and a search with each key that is typed.

A search opens a connection of its own, as in the app. Its peer is the plain way: SQLite's LIKE over all texts, newest
first, which knows neither accents nor the case of anything but ASCII. The words are as frequent as in a language; a
third of the messages has characters beyond ASCII. Twelve messages know the river.
"""

from __future__ import annotations

import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from app.core.conversation_search import search
from app.core.database import Connection, execute, open_database, transaction
from app.core.paths import DataPaths

CONVERSATIONS = 10_000
MESSAGES = 20  # in each
WORDS = 60  # in each message, on average
ROUNDS = 3
TYPED = ("river", "river bank", "the water of", "naïve", "zzzzzz")  # rare, two words, frequent, with an accent, nowhere
LIKE = "SELECT id, text FROM messages WHERE text LIKE '%' || ? || '%' ORDER BY position DESC LIMIT 100"

START = """
import gc
gc.disable()  # as app.__main__ does
import os
import sys
import time
from pathlib import Path
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QListView
from app.ui import application

class Timed(application.Application):
    def begin(self, file):
        self.window.repaint()  # the first frame
        began = time.perf_counter()
        super().begin(file)
        view = self.window.findChild(QListView, "conversations")
        view.viewport().repaint()
        print(time.perf_counter() - began, view.model().rowCount(), flush=True)
        QTimer.singleShot(0, lambda: os._exit(0))

application.Application = Timed
application.run(None, Path(sys.argv[1]))
"""


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        full, empty = DataPaths.at(Path(folder) / "full"), DataPaths.at(Path(folder) / "empty")
        began = time.perf_counter()
        for paths in (full, empty):
            paths.create()
            open_database(paths.database).close()
        with closing(open_database(full.database)) as connection:
            _fill(connection)
            print(
                f"{CONVERSATIONS} conversations, {CONVERSATIONS * MESSAGES} messages: {_megabytes(full.database)} MB, "
                f"of which texts {_megabytes_of_texts(connection)} MB; made in {time.perf_counter() - began:.0f} s"
            )
        _measure_list(full, empty)
        for typed in TYPED:
            _measure_search(full.database, typed)


def _measure_list(full: DataPaths, empty: DataPaths) -> None:
    times = [(_list_seconds(full), _list_seconds(empty)) for _ in range(ROUNDS + 1)][1:]
    ours, peer = (statistics.median(column) * 1000 for column in zip(*times, strict=True))
    print(f"list painted after the first frame{ours:8.1f} ms   with no conversations {peer:.1f} ms")


def _list_seconds(paths: DataPaths) -> float:
    environment = {"QT_QPA_PLATFORM": "offscreen", **os.environ}
    command = [sys.executable, "-c", START, str(paths.root)]
    told = subprocess.run(command, check=True, env=environment, capture_output=True, text=True).stdout.split()
    assert int(told[1]) >= (CONVERSATIONS if "full" in paths.root.name else 0)
    return float(told[0])


def _measure_search(database: Path, typed: str) -> None:
    keys = [typed[:end] for end in range(1, len(typed) + 1)]
    found = 0
    ours, peer = [], []
    for key in keys:
        ours.append(min(_seconds(lambda text=key: _search(database, text)) for _ in range(ROUNDS)))
        peer.append(min(_seconds(lambda text=key: _like(database, text)) for _ in range(ROUNDS)))
        found = _search(database, key)
    slowest = keys[ours.index(max(ours))]
    print(
        f"{typed!r:15} per key: median {_ms(statistics.median(ours))}, slowest {_ms(max(ours))} at {slowest!r}"
        f"   LIKE: median {_ms(statistics.median(peer))}, slowest {_ms(max(peer))}   hits {found}"
    )


def _search(database: Path, text: str) -> int:
    with closing(open_database(database)) as connection:
        return len(search(connection, text))


def _like(database: Path, text: str) -> int:
    with closing(open_database(database)) as connection:
        return len(execute(connection, LIKE, text))


def _seconds(function: Callable[[], object]) -> float:
    began = time.perf_counter()
    function()
    return time.perf_counter() - began


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.1f} ms"


def _megabytes(file: Path) -> int:
    return file.stat().st_size // 1_000_000


def _megabytes_of_texts(connection: Connection) -> int:
    size: int = execute(connection, "SELECT sum(length(text)) AS size FROM messages")[0]["size"]
    return size // 1_000_000


def _fill(connection: Connection) -> None:
    draw = random.Random(6)
    words = _vocabulary(draw)
    weights = [1 / (place + 2) for place in range(len(words))]
    knows_river = set(draw.sample(range(CONVERSATIONS * MESSAGES), 12))
    for first in range(0, CONVERSATIONS, 500):
        with transaction(connection):
            for number in range(first, first + 500):
                title = " ".join(draw.choices(words, weights, k=5))
                execute(
                    connection,
                    "INSERT INTO conversations (id, title, system_prompt, created_at, used_at) VALUES (?, ?, '', ?, ?)",
                    *(f"c{number}", title, 1.7e9 + number, 1.7e9 + number),
                )
                for place in range(MESSAGES):
                    said = draw.choices(words, weights, k=draw.randrange(10, WORDS * 2 - 10))
                    message = number * MESSAGES + place
                    if message in knows_river:
                        said[5] = "river bank"
                    _insert(connection, f"c{number}", message, _sentences(draw, said))


def _insert(connection: Connection, conversation_id: str, number: int, text: str) -> None:
    parent = f"m{number - 1}" if number % MESSAGES else None
    execute(
        connection,
        "INSERT INTO messages (id, conversation_id, parent_id, role, state, model, created_at, text) "
        "VALUES (?, ?, ?, ?, 'complete', '', ?, ?)",
        *(f"m{number}", conversation_id, parent, "assistant" if number % 2 else "user", 1.7e9 + number, text),
    )


def _sentences(draw: random.Random, said: list[str]) -> str:
    beyond_ascii = draw.random() < 1 / 3
    if beyond_ascii:
        said[3], said[7] = "naïve", "“so”…"
    return " ".join(said)


def _vocabulary(draw: random.Random) -> list[str]:
    """The most frequent first."""
    syllables = [first + second for first in "bcdfghlmnprstvw" for second in "aeiou"]
    frequent = ["the", "of", "and", "to", "water", "in", "is", "that", "for", "riven", "drive"]
    return [*frequent, *("".join(draw.choices(syllables, k=draw.randrange(1, 5))) for _ in range(8000))]


if __name__ == "__main__":
    main()
