"""Python's collector of garbage, on the GUI thread alone.

By itself Python collects in whichever thread allocates next. A widget or another QObject that is garbage would then be
destroyed by that thread, perhaps while the GUI thread delivers an event to it, which brings the app down. So the
automatic collection is off as long as the window lives, and a timer here does the same.
"""

from __future__ import annotations

import gc

from PySide6.QtCore import QObject, QTimer

_INTERVAL = 1000  # milliseconds


class GarbageCollector(QObject):
    """Lives on the GUI thread."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._timer = QTimer(self, interval=_INTERVAL)
        self._timer.timeout.connect(collect_if_due)

    def start(self) -> None:
        """Takes over. What is there now stays: there is no need to look at it again and again."""
        gc.disable()
        gc.freeze()
        self._timer.start()


def collect_if_due() -> None:
    """Collects the generations that Python itself would have collected since."""
    young, middle, old = gc.get_count()
    limits = [max(1, limit) for limit in gc.get_threshold()]
    # The second counts the collections of the first, and the third those of the second; there were none since.
    middle += young // limits[0]
    old += middle // limits[1]
    counts = (young, middle, old)
    if young > limits[0]:
        gc.collect(max(generation for generation in range(3) if counts[generation] > limits[generation]))
