"""What tests of the real app share: a virtual screen, and the app on it."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import struct
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from PySide6.QtGui import QImage

PICTURES = Path(os.environ.get("PADDOCK_PICTURES", Path(__file__).parents[2] / "build" / "pictures"))
TIMEOUT = 60  # seconds


@dataclass
class Screen:
    """A virtual screen and the app on it."""

    display: str
    framebuffer: Path
    data: Path
    app: subprocess.Popen[bytes] | None = None

    def start(self, *arguments: str) -> None:
        environment = {**os.environ, "DISPLAY": self.display, "QT_QPA_PLATFORM": "xcb"}
        command = [sys.executable, "-m", "app", "--data-dir", str(self.data), *arguments]
        self.app = subprocess.Popen(command, env=environment)
        window = self._xdotool("search", "--sync", "--onlyvisible", "--pid", str(self.app.pid), "--name", "Paddock")
        self._xdotool("windowfocus", "--sync", window.split()[0])

    def type(self, text: str) -> None:
        self._xdotool("type", "--delay", "5", text)

    def press(self, *keys: str) -> None:
        self._xdotool("key", "--clearmodifiers", *keys)

    def _xdotool(self, *arguments: str) -> str:
        environment = {**os.environ, "DISPLAY": self.display}
        done = subprocess.run(["xdotool", *arguments], env=environment, capture_output=True, text=True, timeout=TIMEOUT)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def messages(self) -> list[tuple[str, str, str]]:
        """Role, state and text of all messages on disk."""
        path = self.data / "conversations.db"
        if not path.exists():
            return []
        with contextlib.closing(sqlite3.connect(path)) as connection, contextlib.suppress(sqlite3.OperationalError):
            return connection.execute("SELECT role, state, text FROM messages ORDER BY position").fetchall()
        return []

    def replies(self, state: str) -> list[str]:
        return [text for role, was, text in self.messages() if role == "assistant" and was == state]

    def picture(self, name: str) -> QImage:
        """What is on the screen; kept for a person to look at."""
        data = self.framebuffer.read_bytes()
        header = struct.unpack(">25I", data[:100])
        offset, width, height, line = header[0] + header[19] * 12, header[4], header[5], header[12]
        image = QImage(data[offset:], width, height, line, QImage.Format.Format_RGB32).copy()
        PICTURES.mkdir(parents=True, exist_ok=True)
        image.save(str(PICTURES / f"{name}.png"))
        return image

    def quit(self) -> None:
        self.press("ctrl+q")
        assert self.app is not None
        assert self.app.wait(TIMEOUT) == 0


@pytest.fixture
def screen(tmp_path) -> Iterator[Screen]:
    for program in ("Xvfb", "xdotool"):
        assert shutil.which(program), f"{program} is missing; `make test` installs it or says how"
    reading, writing = os.pipe()
    server = subprocess.Popen(
        [
            "Xvfb",
            "-displayfd",
            str(writing),
            "-screen",
            "0",
            "1280x860x24",
            "-fbdir",
            str(tmp_path),
            "-nolisten",
            "tcp",
        ],
        pass_fds=[writing],
    )
    os.close(writing)
    with os.fdopen(reading) as pipe:
        display = ":" + pipe.readline().strip()
    screen = Screen(display, tmp_path / "Xvfb_screen0", tmp_path / "data")
    yield screen
    if screen.app is not None and screen.app.poll() is None:
        screen.app.kill()
        screen.app.wait()
    server.terminate()
    server.wait()
