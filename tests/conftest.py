"""What every test gets: no display, no way to leave a thread running, no warning that nobody asked about."""

from __future__ import annotations

import gc
import logging
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

os.environ.setdefault(
    "QT_QPA_PLATFORM", "offscreen"
)  # before anything imports Qt; tests of a real window set their own

# Nor does any test touch the keyring of who runs it.
os.environ["PYTHON_KEYRING_BACKEND"] = "keyring.backends.null.Keyring"

import shiboken6
from PySide6.QtCore import QThread

from app.core.paths import DataPaths
from app.engine.engine import Engine
from app.ui.garbage import collect_if_due
from tests.fake_hub import FakeHub

SCRIPTED_CHILD = Path(__file__).with_name("scripted_child.py")


gc.disable()  # as in the app: a thread of one test would destroy the widgets of the one before


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("qt_log_ignore", "This plugin does not support")  # offscreen, of itself


@pytest.fixture
def paths(tmp_path: Path) -> DataPaths:
    """A data folder of the test's own, with a name that not every program can handle."""
    paths = DataPaths.at(tmp_path / "Päddock data")
    paths.create()
    return paths


@pytest.fixture
def start_engine(qtbot) -> Iterator[Callable[..., Engine]]:
    """Starts an engine with a real child over a real pipe: a scripted one of that behaviour, or llama.cpp."""
    engines: list[Engine] = []

    def start(behaviour: str = "") -> Engine:
        engines.append(Engine(scripted_child(behaviour) if behaviour else None))
        return engines[-1]

    yield start
    for engine in engines:
        engine.close()


def scripted_child(behaviour: str) -> list[str]:
    """The command that starts it."""
    return [sys.executable, str(SCRIPTED_CHILD), behaviour]


@pytest.fixture
def hub() -> Iterator[FakeHub]:
    """A Hub of the test's own on this computer, and one that the app takes for the real one."""
    with FakeHub() as hub, pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_ENDPOINT", hub.endpoint)
        yield hub


@pytest.fixture(autouse=True)
def _garbage_is_collected_on_this_thread() -> Iterator[None]:
    yield
    collect_if_due()


@pytest.fixture(autouse=True)
def _no_thread_is_left_running() -> Iterator[None]:
    """Fails a test that ends with a QThread of its own still running, and ends that thread for the next one."""
    before = _running_threads() | {QThread.currentThread()}
    yield
    left = _running_threads() - before
    for thread in left:
        thread.quit()
        thread.wait(5000)
    assert not left, f"still running: {[thread.objectName() or repr(thread) for thread in left]}"


def _running_threads() -> set[QThread]:
    return {
        wrapper for wrapper in shiboken6.getAllValidWrappers() if isinstance(wrapper, QThread) and wrapper.isRunning()
    }


@pytest.fixture(autouse=True)
def _no_warning_is_logged(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fails a test in which the app logs a warning or worse. One that expects it asks for `caplog` and looks there."""
    if "caplog" in request.fixturenames:
        yield
        return
    records = _Records(logging.WARNING)
    logger = logging.getLogger("app")
    logger.addHandler(records)
    yield
    logger.removeHandler(records)
    assert not records.texts, "\n".join(records.texts)


class _Records(logging.Handler):
    """Collects what is logged, in words."""

    def __init__(self, level: int) -> None:
        super().__init__(level)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(f"{record.name} {record.levelname}: {record.getMessage()}")
