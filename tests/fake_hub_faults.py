"""What can go wrong between a Hub and its client, on demand."""

from __future__ import annotations

import enum
import math
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from tests.fake_hub_repos import Content


class Kind(enum.StrEnum):
    """What goes wrong. Those of the body can be combined with each other."""

    # Before the answer
    HANG = "hang"  # for `seconds`, then the answer comes
    CLOSE = "close"  # without an answer
    RESET_AT_ONCE = "reset at once"  # without an answer
    # Another answer
    ANSWER = "answer"  # that `status`, `headers` and `body`
    EXPIRED = "expired"  # 403 as from a CDN whose link is too old
    PORTAL = "portal"  # a page of a captive portal, with 200
    REDIRECT_LOOP = "redirect loop"
    # Other headers
    WITHOUT = "without"  # the headers whose names are in `headers`
    WITH = "with"  # `headers` in place of those of the same name
    # Another body
    CUT = "cut"  # a clean end after `after_bytes` of the body
    RESET = "reset"  # after `after_bytes` of the body
    STALL = "stall"  # for `seconds` after `after_bytes`, then it goes on
    THROTTLE = "throttle"  # to `speed` bytes a second
    CORRUPT = "corrupt"  # one bit of the byte at `position` of the file, if it is in the answer
    SHORT = "short"  # by `count` bytes, the headers agreeing with that
    CHUNKED = "chunked"  # and so without a length
    IGNORE_RANGE = "ignore range"  # 200 and the whole file
    SHIFT = "shift"  # 206 that starts `count` bytes late and says so
    SHIFT_UNTOLD = "shift untold"  # the same, while the headers say what was asked for


@dataclass
class Fault:
    """Something that goes wrong `times` times, or always if None, with the answers of `where`: hub, cdn or api.

    `hub` are the addresses of files, `api` is the rest of the Hub. The first `skip` answers go well. Only requests
    count that are of `method` and hold `match` in their path, if these are given.
    """

    kind: Kind
    where: str = "cdn"
    times: int | None = 1
    skip: int = 0
    method: str = ""
    match: str = ""
    after_bytes: int = 0
    seconds: float = math.inf
    speed: float = math.inf
    position: int = 0
    count: int = 0
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Content = b""

    def applies(self, where: str, method: str, path: str) -> bool:
        """Whether this request is hit; it counts if so."""
        if self.where != where or self.times == 0 or self.method not in ("", method) or self.match not in path:
            return False
        if self.skip:
            self.skip -= 1
            return False
        if self.times is not None:
            self.times -= 1
        return True


def refusal(
    status: int, where: str = "hub", *, code: str = "", times: int | None = 1, match: str = "", **headers: str
) -> Fault:
    """Answers with an error. In the names of headers a low line stands for a hyphen."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    if code:
        named["X-Error-Code"] = code
    return Fault(Kind.ANSWER, where, times, match=match, status=status, headers=named)


class Faults:
    """Those that wait for their moment. May be changed while the Hub serves."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._lock = threading.Lock()

    def add(self, fault: Fault) -> None:
        with self._lock:
            self._faults.append(fault)

    def clear(self) -> None:
        with self._lock:
            self._faults.clear()

    def take(self, where: str, method: str, path: str) -> list[Fault]:
        """Those that hit this request."""
        with self._lock:
            return [fault for fault in self._faults if fault.applies(where, method, path)]


class HangUp(Exception):
    """The connection ends here."""

    def __init__(self, *, reset: bool) -> None:
        super().__init__()
        self.reset = reset


def disturbed(
    body: Iterator[memoryview], fault: Fault, start: int, closing: threading.Event
) -> Iterator[memoryview | bytes]:
    """A body with what `fault` does to it; `start` is its place in the file."""
    match fault.kind:
        case Kind.CUT | Kind.RESET:
            yield from _first(body, fault.after_bytes)
            raise HangUp(reset=fault.kind is Kind.RESET)
        case Kind.STALL:
            yield from _stalled(body, fault, closing)
        case Kind.THROTTLE:
            yield from _throttled(body, fault.speed, closing)
        case Kind.CORRUPT:
            yield from _corrupted(body, fault.position - start)
        case _:
            yield from body


def _first(body: Iterator[memoryview], count: int) -> Iterator[memoryview]:
    for piece in body:
        yield piece[:count]
        count -= len(piece)
        if count <= 0:
            return


def _stalled(body: Iterator[memoryview], fault: Fault, closing: threading.Event) -> Iterator[memoryview]:
    left = fault.after_bytes
    for piece in body:
        if 0 <= left < len(piece):
            yield piece[:left]
            wait(closing, fault.seconds)
            yield piece[left:]
        else:
            yield piece
        left -= len(piece)


def _throttled(body: Iterator[memoryview], speed: float, closing: threading.Event) -> Iterator[memoryview]:
    step = max(1, int(speed / 50))
    sent, began = 0, time.monotonic()
    for piece in body:
        for offset in range(0, len(piece), step):
            yield piece[offset : offset + step]
            sent += step
            wait(closing, began + sent / speed - time.monotonic())


def _corrupted(body: Iterator[memoryview], position: int) -> Iterator[memoryview | bytes]:
    for piece in body:
        if 0 <= position < len(piece):
            damaged = bytearray(piece)
            damaged[position] ^= 1
            yield bytes(damaged)
        else:
            yield piece
        position -= len(piece)


def wait(closing: threading.Event, seconds: float) -> None:
    """Until then, or until the Hub is closed, which ends the connection."""
    if seconds > 0 and closing.wait(None if math.isinf(seconds) else seconds):
        raise HangUp(reset=False)
