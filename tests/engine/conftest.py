"""Engines with a real child over a real pipe: scripted ones, and llama.cpp itself."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from app.engine.engine import Engine

SCRIPTED_CHILD = Path(__file__).parents[1] / "scripted_child.py"


def scripted(behaviour: str, log: Path | None = None) -> list[str]:
    """The command that starts a child with this behaviour."""
    return [sys.executable, str(SCRIPTED_CHILD), behaviour, *([str(log)] if log else [])]


@pytest.fixture
def start_engine(qtbot) -> Iterator[Callable[..., Engine]]:
    """Starts an engine with a scripted child of that behaviour, or with llama.cpp."""
    engines: list[Engine] = []

    def start(behaviour: str = "", log: Path | None = None) -> Engine:
        engine = Engine(scripted(behaviour, log) if behaviour else None)
        engines.append(engine)
        return engine

    yield start
    for engine in engines:
        engine.close()
