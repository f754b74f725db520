"""How the memory that models took compares with their bills: what is always off on this machine is learned.

A driver, a container or an allocator may take its share of everything. The median of the last loads shows that, and is
not moved by the one load during which something else happened.
"""

from __future__ import annotations

import json
import logging
import statistics
from pathlib import Path
from typing import Any

from app.core.files import replace_file

log = logging.getLogger(__name__)

_REMEMBERED = 20  # loads
_ENOUGH = 5  # loads
_AS_BILLED = 0.03
_SMALLEST = 256 << 20  # bytes; what a process takes of its own would be a large share of less


class BillHistory:
    """The last loads, in one JSON file that is replaced atomically. What makes no sense in it costs only itself."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._loads = _read(path)[-_REMEMBERED:]  # bill and measured, the newest last

    def add(self, bill: int, measured: int) -> None:
        """A model was billed `bill` bytes, without any correction, and took `measured`.

        Small models are left out: they show nothing. Raises `OSError` if the disk refuses; it holds all the same, for
        this run.
        """
        if bill < _SMALLEST or measured <= 0:
            return
        self._loads = [*self._loads, (bill, measured)][-_REMEMBERED:]
        replace_file(self._path, (json.dumps(self._loads) + "\n").encode("ascii"))

    def difference(self) -> float:
        """The share by which models take more than they are billed: 0.1 for a tenth more, below 0 for less.

        0.0 as long as there are few loads, or if the bills are right.
        """
        if len(self._loads) < _ENOUGH:
            return 0.0
        share = statistics.median(measured / bill for bill, measured in self._loads) - 1
        return share if abs(share) > _AS_BILLED else 0.0

    def excess(self) -> float:
        """What bills are to allow for: `difference`, but never less than nothing, as a plan must not become bold."""
        return max(0.0, self.difference())

    def in_words(self) -> str:
        """What is known, in a sentence or two."""
        count = len(self._loads)
        if count < _ENOUGH:
            return f"Whether the bills are right here is known after {_ENOUGH} loads of larger models; so far: {count}."
        share = self.difference()
        if not share:
            return f"In the last {count} loads the bills were right to {_percent(_AS_BILLED)}."
        if share < 0:
            return f"In the last {count} loads models took {_percent(-share)} less than billed."
        return f"In the last {count} loads models took {_percent(share)} more than billed. New bills allow for that."


def _percent(share: float) -> str:
    return f"{share * 100:.0f} %"


def _read(path: Path) -> list[tuple[int, int]]:
    try:
        loads = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return []
    except (OSError, ValueError) as error:
        log.warning("what was learned of memory bills was not read: %s", error)
        return []
    return [(bill, measured) for bill, measured in filter(_is_load, loads if isinstance(loads, list) else [])]


def _is_load(load: Any) -> bool:
    if not (isinstance(load, list) and len(load) == 2):
        return False
    bill, measured = load
    return _is_size(bill) and _is_size(measured) and bill >= _SMALLEST


def _is_size(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value < 1 << 63
