from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Iterator

import pytest

from app.ui.garbage import GarbageCollector


class Node:
    """Refers to itself, so that nothing but the collector frees it."""

    def __init__(self) -> None:
        self.itself = self


@pytest.fixture
def python_collects() -> Iterator[None]:
    gc.enable()
    yield
    gc.disable()
    gc.unfreeze()


def allocate() -> None:
    """Much more than it takes for Python to collect by itself, youngest and oldest."""
    for _ in range(200):
        _lists: list[list[object]] = [[] for _ in range(1000)]


@pytest.mark.usefixtures("python_collects")
def test_other_threads_destroy_nothing_of_the_gui_threads(qtbot):
    collector = GarbageCollector()
    collector.start()
    destroyed_by: list[threading.Thread] = []
    node = Node()
    weakref.finalize(node, lambda: destroyed_by.append(threading.current_thread()))
    del node
    thread = threading.Thread(target=allocate)
    thread.start()
    thread.join()
    assert destroyed_by == []
    keep: list[list[object]] = [[] for _ in range(100_000)]
    qtbot.waitUntil(lambda: destroyed_by == [threading.main_thread()], timeout=20_000)
    assert keep
