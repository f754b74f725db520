"""The only way out of this computer, and the door to httpx2.

Every request passes `Network.open`. There it is refused while the app is offline, written into the ledger, given time
limits, and freed of the token wherever that would go to somebody else. So redirects are followed here, one entry in
the ledger each.

httpx2 is used without its client: that would keep cookies, and log every address with all that was searched for.
"""

from __future__ import annotations

import enum
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from app.core.errors import (
    CertificateRefused,
    HubFailed,
    NetworkError,
    NoAnswer,
    NoConnection,
    Offline,
    StorageError,
    TokenRefused,
)
from app.core.ledger import Ledger

if TYPE_CHECKING:
    import httpx2

    from app.core.connections import Transport

log = logging.getLogger(__name__)

_REDIRECTS = (301, 302, 303, 307, 308)
_MOST_REDIRECTS = 10


class Purpose(enum.Enum):
    """What a request is for; the value is how the ledger says it."""

    SEARCH = "searching for models"
    MODEL = "reading about a model"
    CARD = "reading a model's card"
    DOWNLOAD = "downloading a model"
    TOKEN = "checking the token"
    RELEASES = "looking for a new version of Paddock"


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds to wait: `connect` for a connection, `read` for an answer's beginning and for each next piece of it."""

    connect: float = 10.0
    read: float = 15.0


@dataclass(frozen=True, slots=True)
class Hop:
    """An answer that sent us on to another address."""

    url: str
    status: int
    headers: Mapping[str, str]  # names in any case


class Response:
    """An answer whose head is there. Its body is read once, while the request is open, by `read` or by `chunks`."""

    def __init__(self, answer: httpx2.Response, url: str, hops: tuple[Hop, ...]) -> None:
        self.status = answer.status_code
        self.headers: Mapping[str, str] = answer.headers  # names in any case
        self.url = url
        self.hops = hops
        self.note = ""  # for the ledger: how it ended, if not well
        self._answer = answer
        self._pieces: AsyncGenerator[bytes, None] | None = None

    @property
    def received(self) -> int:
        """Bytes of the body that have come."""
        return self._answer.num_bytes_downloaded

    async def read(self, limit: int) -> bytes:
        """The whole body, unpacked. Raises `HubFailed` if it is longer than `limit` bytes, and `NetworkError`."""
        import httpx2  # noqa: PLC0415 (imported by now)

        body = bytearray()
        try:
            async with aclosing(self._reading(self._answer.aiter_bytes())) as pieces:
                async for piece in pieces:
                    body += piece
                    if len(body) > limit:
                        raise HubFailed("its answer is far too long")
        except httpx2.DecodingError as error:
            raise HubFailed("its answer is garbled") from error
        return bytes(body)

    def chunks(self) -> AsyncIterator[bytes]:
        """The body piece by piece, as it comes and as it is. Raises `NetworkError`."""
        self._pieces = self._reading(self._answer.aiter_raw())
        return self._pieces

    async def close(self) -> None:
        """Ends the connection, unless the body was read to its end."""
        await self._answer.aclose()
        if self._pieces is not None:
            await self._pieces.aclose()

    async def _reading(self, pieces: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
        try:
            async with aclosing(pieces):
                async for piece in pieces:
                    yield piece
        except BaseException as error:
            self.note = _note(error, "cut off")
            raise


class Network:
    """Lives in the event loop where it is first used; `set_offline` may be called from any thread."""

    def __init__(self, ledger: Ledger, *, offline: bool = False) -> None:
        self._ledger = ledger
        self._offline = offline
        self._transport: Transport | None = None

    @property
    def offline(self) -> bool:
        """Whether nothing may leave this computer."""
        return self._offline

    def set_offline(self, offline: bool) -> None:
        """Going offline ends every connection at once: what is under way raises `Offline`."""
        self._offline = offline
        if offline and self._transport is not None:
            self._transport.cut()

    @asynccontextmanager
    async def open(
        self,
        url: str,
        purpose: Purpose,
        *,
        method: str = "GET",
        headers: Mapping[str, str] = MappingProxyType({}),
        token: str = "",
        timeout: Timeouts = Timeouts(),
    ) -> AsyncIterator[Response]:
        """Sends a request, follows redirects, and gives the answer, whatever its status.

        The token is shown to the origin of `url` alone. Raises `NetworkError`, and `StorageError` if the request
        cannot be written down; both before or while the body is read.
        """
        self._refuse_offline()  # before anything is imported, so that the answer is there at once
        address = _address(url)
        origin = _origin(address)
        hops: tuple[Hop, ...] = ()
        while True:
            request = _request(method, address, purpose, headers, token, timeout)
            async with self._exchange(request, purpose, hops) as response:
                location = response.headers.get("location") if response.status in _REDIRECTS else None
                if location is None:
                    yield response
                    return
            hops = (*hops, Hop(response.url, response.status, response.headers))
            if len(hops) > _MOST_REDIRECTS:
                raise HubFailed("it sends us from one address to the next without end")
            address = _next_address(address, location)
            if _origin(address) != origin:
                token = ""  # for good: whoever we are sent to may send us back with an address of their choice

    async def close(self) -> None:
        """Ends every connection and closes the ledger."""
        if self._transport is not None:
            await self._transport.aclose()
            self._transport = None
        self._ledger.close()

    @asynccontextmanager
    async def _exchange(
        self, request: httpx2.Request, purpose: Purpose, hops: tuple[Hop, ...]
    ) -> AsyncIterator[Response]:
        """One request and its answer, in the ledger from beginning to end."""
        self._refuse_offline()
        entry = self._ledger.begin(request.method, request.url.netloc.decode("ascii"), purpose.value)
        try:
            answer = await self._ready_transport().handle_async_request(request)
        except BaseException as error:
            self._complete(entry, None, 0, _note(error, "no connection"))
            raise
        response = Response(answer, str(request.url), hops)
        try:
            yield response
        except BaseException as error:
            response.note = response.note or _note(error, "cut off")
            raise
        finally:
            await response.close()
            self._complete(entry, response.status, response.received, response.note)

    def _refuse_offline(self) -> None:
        if self._offline:
            raise Offline

    def _ready_transport(self) -> Transport:
        from app.core.connections import Transport  # noqa: PLC0415 (httpx2 takes long to import)

        if self._transport is None:
            self._transport = Transport(lambda: self._offline)
        return self._transport

    def _complete(self, entry: int, status: int | None, received: int, note: str) -> None:
        """A request that is in the ledger is not made to fail because its end cannot be written."""
        try:
            self._ledger.end(entry, status, received, note)
        except StorageError as error:
            log.warning("the end of a request is missing in the ledger: %s", error)


def _note(error: BaseException, without_connection: str) -> str:
    """How a request ended, for the ledger; nothing if `error` is none of the network's."""
    import asyncio  # noqa: PLC0415 (imported by now)

    notes: dict[type[BaseException], str] = {
        asyncio.CancelledError: "cancelled",
        Offline: "offline",
        NoAnswer: "no answer",
        NoConnection: without_connection,
        CertificateRefused: "certificate refused",
    }
    return notes.get(type(error), "")


# Addresses


def _address(url: str) -> httpx2.URL:
    import httpx2  # noqa: PLC0415 (takes long)

    try:
        address = httpx2.URL(url)
    except httpx2.InvalidURL as error:
        raise NetworkError("the address makes no sense") from error
    if address.scheme not in ("http", "https"):
        raise NetworkError("the address does not begin with https://")
    if not address.host or not 0 < (address.port or 443) < 65536:
        raise NetworkError("the address makes no sense")
    return address


def _next_address(address: httpx2.URL, location: str) -> httpx2.URL:
    """Where a redirect leads. Raises `HubFailed` for one that must not be followed."""
    import httpx2  # noqa: PLC0415 (imported by now)

    try:
        target = _address(str(address.join(location)))
    except (httpx2.InvalidURL, NetworkError) as error:
        raise HubFailed("it sends us to an address that makes no sense") from error
    if address.scheme == "https" and target.scheme != "https":
        raise HubFailed("it sends us to an address that is not encrypted")
    return target


def _origin(address: httpx2.URL) -> tuple[str, bytes]:
    return address.scheme, address.netloc


def _request(
    method: str, address: httpx2.URL, purpose: Purpose, headers: Mapping[str, str], token: str, timeout: Timeouts
) -> httpx2.Request:
    import httpx2  # noqa: PLC0415 (imported by now)

    usual = {
        "User-Agent": "Paddock",
        "Accept": "*/*",
        # What is compressed on the way cannot be resumed in the middle.
        "Accept-Encoding": "identity" if purpose is Purpose.DOWNLOAD else "gzip",
    }
    sent = httpx2.Headers({**usual, **headers})
    if token:
        if not (token.isascii() and token.isprintable()):
            raise TokenRefused("it has characters that no token has")
        sent["Authorization"] = f"Bearer {token}"
    limits = {"connect": timeout.connect, "read": timeout.read, "write": timeout.read, "pool": None}
    return httpx2.Request(method, address, headers=sent, extensions={"timeout": limits})
