"""10 000 conversations with 200 000 messages: the list after a start, and a search with each key that is typed.

A search that takes its time first tells what it has found so far: that is measured, and then until all was looked
through. What the thread itself worked is shown too, since other programs cannot add to it. A search opens a connection
of its own, as in the app. Its peer is the plain way: SQLite's LIKE over all texts, newest first, which knows neither
accents nor the case of anything but ASCII. The words are as frequent as in a language; a third of the messages has
characters beyond ASCII. Twelve messages know the river.
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

from app.core.conversation_search import search_in_steps
from app.core.database import Connection, execute, open_database, transaction
from app.core.paths import DataPaths

CONVERSATIONS = 10_000
MESSAGES = 20  # in each
WORDS = 60  # in each message, on average
ROUNDS = 3
TYPED = ("river", "river bank", "the water of", "of and to in is", "naïve", "zzzzzz")
LIKE = "SELECT id, text FROM messages WHERE text LIKE '%' || ? || '%' ORDER BY position DESC LIMIT 100"

START = """
import gc
gc.disable()  # as app.__main__ does
import os
import sys
import time
from pathlib import Path
from PySide6.QtCore import QEvent, QObject
from PySide6.QtWidgets import QListView
from app.ui import application

class Painted(QObject):
    def __init__(self, view):
        super().__init__()
        self.view = view
        view.viewport().installEventFilter(self)
        self.began, self.work = time.perf_counter(), time.thread_time()

    def eventFilter(self, watched, event):
        if event.type() == QEvent.Type.Paint and self.view.model().rowCount():
            self.view.viewport().removeEventFilter(self)
            self.view.viewportEvent(event)
            took, work = time.perf_counter() - self.began, time.thread_time() - self.work
            print(took, work, self.view.model().rowCount(), flush=True)
            os._exit(0)
        return False

class Timed(application.Application):
    def begin(self, file):
        self.window.repaint()  # the first frame
        self.painted = Painted(self.window.findChild(QListView, "conversations"))
        super().begin(file)

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
    ours, peer = (tuple(map(statistics.median, zip(*one, strict=True))) for one in zip(*times, strict=True))
    print(f"list painted after the first frame {_both(*ours)}   with no conversations but a new one {_both(*peer)}")


def _list_seconds(paths: DataPaths) -> tuple[float, float]:
    """Until the list is painted, and what the GUI thread worked for it."""
    environment = {"QT_QPA_PLATFORM": "offscreen", **os.environ}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # an installed app has its bytecode
    command = [sys.executable, "-c", START, str(paths.root)]
    told = subprocess.run(command, check=True, env=environment, capture_output=True, text=True).stdout.split()
    assert int(told[2]) >= (CONVERSATIONS if "full" in paths.root.name else 0)
    return float(told[0]), float(told[1])


def _measure_search(database: Path, typed: str) -> None:
    keys = [typed[:end] for end in range(1, len(typed) + 1)]
    told = [_median(lambda text=key: _told(database, text)) for key in keys]
    done = [_median(lambda text=key: _done(database, text)) for key in keys]
    peer = [_median(lambda text=key: _like(database, text)) for key in keys]
    print(f"{typed!r}, found {_done(database, typed)}; per key, median and slowest:")
    for what, figures in (("told", told), ("complete", done), ("LIKE", peer)):
        middle = statistics.median(seconds for seconds, _ in figures), statistics.median(work for _, work in figures)
        slowest = max(figures)
        print(f"    {what:10}{_both(*middle)}   {_both(*slowest)} at {keys[figures.index(slowest)]!r}")


def _told(database: Path, text: str) -> int:
    """Until there is something to show, if only that older messages are being looked through."""
    with closing(open_database(database)) as connection:
        return len(next(search_in_steps(connection, text)).hits)


def _done(database: Path, text: str) -> int:
    with closing(open_database(database)) as connection:
        *_, found = search_in_steps(connection, text)
        return len(found.hits)


def _like(database: Path, text: str) -> int:
    with closing(open_database(database)) as connection:
        return len(execute(connection, LIKE, text))


def _median(function: Callable[[], object]) -> tuple[float, float]:
    """Seconds, and seconds of work."""
    took = []
    for _ in range(ROUNDS):
        began, work = time.perf_counter(), time.thread_time()
        function()
        took.append((time.perf_counter() - began, time.thread_time() - work))
    return statistics.median(seconds for seconds, _ in took), statistics.median(work for _, work in took)


def _both(seconds: float, work: float) -> str:
    return f"{_ms(seconds)} (work {_ms(work)})"


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
