"""The real app in a real X window, driven by keys and mouse from outside."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sqlite3
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
from PySide6.QtGui import QImage

from tests.gguf_writer import write_gguf

pytestmark = [
    pytest.mark.window,
    pytest.mark.model,
    pytest.mark.skipif(sys.platform != "linux", reason="Xvfb is Linux's"),
]

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


def wait_until(condition: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + TIMEOUT
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(0.05)


def colours(image: QImage) -> int:
    """How many colours there are: one for a window that shows nothing."""
    return len({image.pixel(x, y) for x in range(0, image.width(), 7) for y in range(0, image.height(), 7)})


def test_a_person_opens_a_model_asks_stops_and_finds_everything_again(screen, tmp_path):
    model = write_gguf(tmp_path / "never ends.gguf")
    screen.start(str(model))
    wait_until(lambda: colours(screen.picture("start")) > 20, "the window to be painted")
    screen.type("Tell me about the quiet river")
    screen.press("Return")
    wait_until(lambda: any(text for text in screen.replies("writing")), "a reply to be written")
    screen.picture("streaming")
    screen.press("Escape")
    wait_until(lambda: screen.replies("stopped"), "the reply to stop")
    said = screen.messages()
    assert said[0][2] == "Tell me about the quiet river"
    screen.picture("stopped")
    screen.quit()

    screen.start()
    wait_until(lambda: colours(screen.picture("second-start")) > 20, "the window to be painted")
    assert screen.messages() == said
    screen.type("And then?")
    screen.press("Return")
    wait_until(lambda: len(screen.messages()) == 4, "the conversation to go on with the model used last")
    screen.press("Escape")
    screen.quit()


def test_a_crash_of_the_engine_is_explained_and_the_window_lives_on(screen, tmp_path):
    model = write_gguf(tmp_path / "model.gguf")
    screen.start(str(model))
    screen.type("Tell me a story")
    screen.press("Return")
    wait_until(lambda: any(text for text in screen.replies("writing")), "a reply to be written")
    (child,) = psutil.Process(screen.app.pid).children()
    child.send_signal(signal.SIGSEGV)
    wait_until(lambda: screen.replies("failed"), "the failure to be noticed")
    wait_until(lambda: colours(screen.picture("crash")) > 20, "the window to be painted")
    screen.type("Still here")
    screen.press("Return")
    wait_until(lambda: any(text for text in screen.replies("writing")), "the next reply to be written")
    screen.press("Escape")
    wait_until(lambda: screen.replies("stopped"), "the reply to stop")
    screen.quit()


def test_a_second_start_hands_its_file_to_the_first_and_ends(screen, tmp_path):
    screen.start()
    model = write_gguf(tmp_path / "model.gguf")
    second = subprocess.run(
        [sys.executable, "-m", "app", "--data-dir", str(screen.data), str(model)],
        env={**os.environ, "DISPLAY": screen.display, "QT_QPA_PLATFORM": "xcb"},
        timeout=TIMEOUT,
    )
    assert second.returncode == 0
    wait_until(lambda: psutil.Process(screen.app.pid).children(), "the first window to load the model")
    screen.quit()
