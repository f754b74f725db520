"""What a download tells of itself while it runs."""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Callable
from time import monotonic

from app.core.downloads import Phase, Progress
from app.core.errors import AppError

_SPEED_SECONDS = 5.0  # that speed is measured over
_INTERVAL = 0.1  # seconds between two reports at least


class ProgressTeller:
    """Tells how far a download is: as soon as it turns to something else, and regularly meanwhile."""

    def __init__(self, report: Callable[[Progress], None]) -> None:
        self.verified = 0.0
        self.note = ""
        self._report = report
        self._phase = Phase.CONNECTING
        self._error: AppError | None = None
        self._ends_at = 0.0  # of waiting
        self._files: dict[str, tuple[int, int]] = {}  # bytes there and in all (-1 if unknown) by path
        self._samples: deque[tuple[float, int]] = deque()  # when, and how much was there
        self._told: Progress | None = None
        self._told_at = -math.inf

    @property
    def received(self) -> int:
        return sum(there for there, _ in self._files.values())

    @property
    def total(self) -> int:
        sizes = [size for _, size in self._files.values()]
        return -1 if min(sizes, default=-1) < 0 else sum(sizes)

    @property
    def missing(self) -> int:
        """Bytes still to come, of files of known size."""
        return sum(max(0, size - there) for there, size in self._files.values())

    def set_files(self, files: dict[str, tuple[int, int]]) -> None:
        """By path: bytes that are there, and the size, -1 if unknown."""
        self._files = files

    def set_file(self, path: str, there: int, size: int) -> None:
        """One of them has changed."""
        self._files[path] = there, size

    def begin(self, phase: Phase, error: AppError | None = None, seconds: float = 0.0) -> None:
        """From now on it does this. For waiting: why, and for how long."""
        self._phase, self._error, self._ends_at = phase, error, monotonic() + seconds
        self.verified = 0.0
        self._tell()

    async def keep_telling(self) -> None:
        """Runs beside the download until it is cancelled."""
        while True:
            await asyncio.sleep(_INTERVAL)
            self._tell()

    def _tell(self) -> None:
        now = monotonic()
        if now - self._told_at < _INTERVAL:
            return
        progress = self._progress(now)
        if progress != self._told:
            self._told, self._told_at = progress, now
            self._report(progress)

    def _progress(self, now: float) -> Progress:
        received, total = self.received, self.total
        speed = self._speed(now, received) if self._phase is Phase.RECEIVING else 0.0
        return Progress(
            self._phase,
            received=received,
            total=total,
            speed=speed,
            seconds_left=(total - received) / speed if speed and total >= 0 else -1.0,
            verified=self.verified,
            next_try=max(0.0, math.ceil(self._ends_at - now)) if self._phase is Phase.WAITING else 0.0,
            error=self._error,
            note=self.note,
        )

    def _speed(self, now: float, received: int) -> float:
        self._samples.append((now, received))
        while now - self._samples[0][0] > _SPEED_SECONDS:
            self._samples.popleft()
        began_at, received_then = self._samples[0]
        return max(0.0, (received - received_then) / (now - began_at)) if now > began_at else 0.0
