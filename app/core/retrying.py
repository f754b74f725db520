"""Tries again for as long as it may help.

A try that got somewhere is followed by the next one at once; others wait 1, 2, 4, ... 60 seconds, each a bit less by
chance, so that the many whom a server sent away do not come back together.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import TypeVar

from app.core.download_progress import ProgressTeller
from app.core.downloads import Phase
from app.core.errors import AppError, NetworkError, Offline, RateLimited
from app.core.network import Network

T = TypeVar("T")

_WORTHWHILE = 1 << 20  # bytes; a server that sends a few and hangs up is not asked again at once
_FIRST_PAUSE = 1.0  # seconds
_LONGEST_PAUSE = 60.0
_LONGEST_PAUSE_ASKED_FOR = 600.0
_GLANCE = 0.5  # seconds between two looks at the Offline switch


class Retrying:
    """Does what needs the network."""

    def __init__(self, network: Network, teller: ProgressTeller) -> None:
        self._network = network
        self._teller = teller

    async def until_done(self, attempt: Callable[[], Awaitable[T]], gained: Callable[[], int] = lambda: 0) -> T:
        """What `attempt` returns in the end; `gained` gives the bytes that there are. Raises what is not transient."""
        failures = 0
        while True:
            before = gained()
            try:
                return await attempt()
            except NetworkError as error:
                if not error.is_transient:
                    raise
                gain = gained() - before
                failures = 0 if gain > 0 else failures + 1
                if gain < _WORTHWHILE:
                    await self.wait(pause(failures, error), error)

    async def wait(self, seconds: float, reason: AppError | None = None) -> None:
        """Says so meanwhile. Raises `Offline` soon after the user went offline."""
        self._teller.begin(Phase.WAITING, reason, seconds)
        ends_at = monotonic() + seconds
        while (left := ends_at - monotonic()) > 0:
            if self._network.offline:
                raise Offline
            await asyncio.sleep(min(left, _GLANCE))


def pause(failures: int, error: NetworkError) -> float:
    """Seconds after so many failures in a row."""
    asked_for = error.retry_after if isinstance(error, RateLimited) else 0.0
    usual = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2.0 ** min(max(0, failures - 1), 6)) * random.uniform(0.75, 1.0)
    return max(usual, min(asked_for, _LONGEST_PAUSE_ASKED_FOR))
