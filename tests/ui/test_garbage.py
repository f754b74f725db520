from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Iterator

import pytest

from app.ui.garbage import GarbageCollector, collect_if_due


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


@pytest.mark.usefixtures("python_collects")
def test_the_more_was_made_the_older_is_what_is_collected():
    GarbageCollector().start()
    young, middle, old = gc.get_threshold()
    collected: list[int] = []

    def listen(phase: str, info: dict[str, int]) -> None:
        if phase == "start":
            collected.append(info["generation"])

    gc.callbacks.append(listen)
    for made, generations in (
        (young // 2, []),
        (2 * young, [0]),
        (2 * young * middle, [1]),
        (2 * young * middle * old, [2]),
    ):
        gc.collect()
        collected.clear()
        keep: list[list[object]] = [[] for _ in range(made)]
        collect_if_due()
        assert keep and collected == generations
        del keep
    gc.callbacks.remove(listen)
