"""Slow work that needs no Qt, done in a thread for each kind of it, a piece after the other.

For imports that would stop the window, and for what cannot be cut into slices. Who asks looks again until it is there.
No kind waits for another: the colours of code would come after every formula before it.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from concurrent.futures import Future, ThreadPoolExecutor

_Result = TypeVar("_Result")


def aside(kind: str, work: Callable[[], _Result]) -> Future[_Result]:
    """Has `work` done. It is never left half done: at the end of the app what has been asked for is waited for."""
    return _thread(kind).submit(work)


@functools.cache
def _thread(kind: str) -> ThreadPoolExecutor:
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415 - at first use

    return ThreadPoolExecutor(1, f"aside-{kind}")
