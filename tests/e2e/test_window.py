"""The real app in a real X window, driven by keys and mouse from outside."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable

import psutil
import pytest
from PySide6.QtGui import QImage

from tests.e2e.conftest import TIMEOUT
from tests.gguf_writer import write_gguf

pytestmark = [
    pytest.mark.window,
    pytest.mark.model,
    pytest.mark.skipif(sys.platform != "linux", reason="Xvfb is Linux's"),
]


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
