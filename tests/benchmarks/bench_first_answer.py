"""From a fresh data folder to the first word of the guide's first answer, and what the engine child takes meanwhile."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile

ROUNDS = 5

FIRST_START = """
import gc
gc.disable()  # as app.__main__ does
import os
import sys
import time
from pathlib import Path
import psutil
from PySide6.QtCore import QTimer
from app.core import guide
from app.ui import application

began = psutil.Process().create_time()

class Timed(application.Application):
    def begin(self, file):
        super().begin(file)
        QTimer.singleShot(0, self.note_window)
        self.models.loaded.connect(self.note_load)
        self.chat.text_received.connect(self.note_word)

    def note_window(self):
        self.window_there = time.time()

    def note_load(self, model):
        self.loaded = time.time()
        self.chat.send(guide.QUESTIONS[0])

    def note_word(self, *_):
        now = time.time()
        (child,) = psutil.Process().children()
        seconds = (self.window_there - began, self.loaded - self.window_there, now - self.loaded)
        print(*seconds, child.memory_info().rss, flush=True)
        child.kill()
        os._exit(0)

application.Application = Timed
application.run(None, Path(sys.argv[1]))
"""


def main() -> None:
    rows = [_first_start() for _ in range(ROUNDS + 1)][1:]
    window, load, word, memory = (statistics.median(column) for column in zip(*rows, strict=True))
    print(f"process start to the window       {window * 1000:8.0f} ms")
    print(f"window to the guide being loaded  {load * 1000:8.0f} ms")
    print(f"question to the first word        {word * 1000:8.0f} ms")
    print(f"resident memory of the child      {memory / 2**20:8.0f} MiB")


def _first_start() -> list[float]:
    environment = {"QT_QPA_PLATFORM": "offscreen", **os.environ}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-c", FIRST_START, folder]
        done = subprocess.run(command, check=True, env=environment, capture_output=True, text=True)
    return [float(word) for word in done.stdout.split()]


if __name__ == "__main__":
    main()
