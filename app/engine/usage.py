"""What a model really takes, to hold against its bill."""

from __future__ import annotations

from collections.abc import Callable

from app.core import hardware


class Usage:
    """What this process uses beyond what it used at first. It is asked now and then; a peak in between is not seen."""

    def __init__(self, used_on_gpus: Callable[[], int]) -> None:
        """`used_on_gpus` gives bytes that are in use there, by anyone."""
        self._used_on_gpus = used_on_gpus
        self._own_at_first, files = hardware.memory_used()
        self._others_at_first = files + used_on_gpus()
        self._peak = self._own_at_first

    def begin(self) -> None:
        """Forgets the peak: another model is coming."""
        self._peak = self._own_at_first

    def look(self) -> None:
        own, _ = hardware.memory_used()
        self._peak = max(self._peak, own)

    def measured(self) -> int:
        """Bytes: of memory of its own the most there was, of mapped files and GPUs what there is now."""
        self.look()
        _, files = hardware.memory_used()
        return self._peak - self._own_at_first + max(0, files + self._used_on_gpus() - self._others_at_first)
