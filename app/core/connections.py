"""The sockets under `app.core.network`: a transport for httpx2, and the door to httpcore2.

httpx2 has a transport of its own. This one exists for what that one does not do:

- Going offline closes every socket at once: those that connect, shake hands, stall, or lie idle for the next request.
- A cancelled TLS handshake closes its socket; the other transport leaves that to the garbage collector.
- Data comes in the pieces the event loop reads, up to 256 KiB, not 64: 1.5 times the speed for half the work.
- The system is asked for its proxy at each request: a laptop changes networks while the app runs.
- Failures become `AppError`s here, where their reasons are still known.

It is imported when the first request is made, because httpx2 and asyncio take long to import.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import ssl
import urllib.request
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, cast

import httpcore2
import httpx2

from app.core.errors import CertificateRefused, NetworkError, NoAnswer, NoConnection, Offline

_IDLE_CONNECTIONS = 8
_IDLE_SECONDS = 15.0
_NEXT_ADDRESS_SECONDS = 1.5  # for a connection, before the next address of a host is tried
_ENOUGH_BYTES = 512 * 1024  # read ahead of whoever reads from a stream


class Transport(httpx2.AsyncBaseTransport):
    """Carries requests out over HTTP/1.1. Belongs to the event loop it was made in."""

    def __init__(self, is_offline: Callable[[], bool]) -> None:
        self._loop = asyncio.get_running_loop()
        self._sockets = _Sockets(is_offline)
        self._ssl_context = _ssl_context()
        self._pools: dict[str, httpcore2.AsyncConnectionPool] = {}  # by proxy

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Sends the request and returns once the head of the answer is there. Raises `NetworkError`."""
        host = request.url.host
        async with self._sockets.limited(request.extensions["timeout"]["connect"], host):
            proxy = await _proxy_for(request.url)
        pool = self._pool(proxy)
        if not proxy:
            return await self._exchange(request, pool)
        try:
            return await self._exchange(request, pool)
        except NoAnswer as error:
            raise NoAnswer(f"by way of the proxy {_host_of(proxy)}: {error.detail}") from error
        except NoConnection as error:
            raise NoConnection(f"by way of the proxy {_host_of(proxy)}: {error.detail}") from error

    def cut(self) -> None:
        """Ends every connection soon; whoever waits for one gets `Offline`. May be called from any thread."""
        with contextlib.suppress(RuntimeError):  # the loop has ended, and every connection with it
            self._loop.call_soon_threadsafe(self._sockets.cut)

    async def aclose(self) -> None:
        """Ends every connection."""
        self._sockets.cut()
        await self._sockets.closed()
        self._pools.clear()

    def _pool(self, proxy: str) -> httpcore2.AsyncConnectionPool:
        if proxy not in self._pools:
            self._pools[proxy] = httpcore2.AsyncConnectionPool(
                ssl_context=self._ssl_context,
                proxy=_parsed_proxy(proxy, self._ssl_context) if proxy else None,
                max_connections=None,
                max_keepalive_connections=_IDLE_CONNECTIONS,
                keepalive_expiry=_IDLE_SECONDS,
                network_backend=self._sockets,
            )
        return self._pools[proxy]

    @staticmethod
    async def _exchange(request: httpx2.Request, pool: httpcore2.AsyncConnectionPool) -> httpx2.Response:
        url = request.url
        with _translated(url.host):
            answer = await pool.handle_async_request(
                httpcore2.Request(
                    method=request.method,
                    url=httpcore2.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
                    headers=request.headers.raw,
                    content=request.stream,
                    extensions=request.extensions,
                )
            )
        if answer.status == httpx2.codes.PROXY_AUTHENTICATION_REQUIRED:
            await answer.aclose()
            raise NoConnection("it asks for a name and a password")
        return httpx2.Response(answer.status, headers=answer.headers, stream=_Body(answer, url.host))


class _Body(httpx2.AsyncByteStream):
    """The body of an answer, as it comes."""

    def __init__(self, answer: httpcore2.Response, host: str) -> None:
        self._answer = answer
        self._host = host

    async def __aiter__(self) -> AsyncIterator[bytes]:
        with _translated(self._host):
            async with contextlib.aclosing(self._answer.aiter_stream()) as pieces:
                async for piece in pieces:
                    yield piece

    async def aclose(self) -> None:
        await self._answer.aclose()


class _Sockets(httpcore2.AsyncNetworkBackend):
    """All connections there are, and all attempts to make one."""

    def __init__(self, is_offline: Callable[[], bool]) -> None:
        self._is_offline = is_offline
        self._attempts: set[asyncio.Timeout] = set()
        self.streams: set[_Stream] = set()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        loop = asyncio.get_running_loop()
        async with self.limited(timeout, host):
            connected = await _connected(host, port)
            _, stream = await loop.create_connection(lambda: _Stream(self, host), sock=connected)
        return stream

    @contextlib.asynccontextmanager
    async def limited(self, seconds: float | None, host: str) -> AsyncIterator[None]:
        """Ends what is inside after so many seconds, or when the app goes offline. Translates what goes wrong."""
        if self._is_offline():
            raise Offline
        try:
            async with asyncio.timeout(seconds) as attempt:
                self._attempts.add(attempt)
                yield
        except (OSError, UnicodeError) as error:
            if attempt not in self._attempts:
                raise Offline from error
            raise _failure(error, host) from error
        finally:
            self._attempts.discard(attempt)

    def cut(self) -> None:
        """Ends all of it: attempts and streams raise `Offline`."""
        attempts, self._attempts = self._attempts, set()
        for attempt in attempts:
            if not attempt.expired():
                attempt.reschedule(0)
        for stream in self.streams:
            stream.cut()

    async def closed(self) -> None:
        """Returns once no socket is open."""
        while self.streams:
            await asyncio.sleep(0)


class _Stream(httpcore2.AsyncNetworkStream, asyncio.Protocol):
    """One connection, plain or, after `start_tls`, encrypted."""

    _transport: asyncio.Transport

    def __init__(self, sockets: _Sockets, host: str) -> None:
        self._sockets = sockets
        self._host = host
        self._pieces: deque[bytes] = deque()
        self._size = 0  # bytes in `_pieces`
        self._is_paused = False
        self._has_ended = False
        self._failure: NetworkError | None = None  # why it ended, if not well
        self._news: asyncio.Future[None] | None = None  # somebody waits for a piece, or for the end

    # What httpcore2 calls

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """The next piece, nothing at the end. It may be longer than `max_bytes`, which the parser does not mind."""
        if not self._pieces and not self._has_ended:
            await self._wait_for_news(timeout)
        if self._pieces:
            return self._take()
        if self._failure is not None:
            raise self._failure
        return b""

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Does not wait until the bytes are sent: requests are short, and the answer is waited for."""
        self._transport.write(buffer)

    async def aclose(self) -> None:
        self._transport.abort()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        loop = asyncio.get_running_loop()
        try:
            async with self._sockets.limited(timeout, server_hostname or self._host):
                encrypted = await loop.start_tls(self._transport, self, ssl_context, server_hostname=server_hostname)
        except BaseException:
            self._transport.abort()
            self._sockets.streams.discard(self)  # a failed handshake is followed by no `connection_lost`
            raise
        assert encrypted is not None
        self._transport = encrypted
        return self

    def get_extra_info(self, info: str) -> Any:
        if info == "is_readable":  # which an idle connection is only once the other side has closed it
            return bool(self._pieces) or self._has_ended
        return self._transport.get_extra_info(info)

    # What the event loop calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._sockets.streams.add(self)

    def data_received(self, data: bytes) -> None:
        self._pieces.append(data)
        self._size += len(data)
        if self._size >= _ENOUGH_BYTES and not self._is_paused:
            self._is_paused = True
            self._transport.pause_reading()
        self._tell()

    def eof_received(self) -> None:
        self._end(None)

    def connection_lost(self, exc: Exception | None) -> None:
        self._sockets.streams.discard(self)
        self._end(None if exc is None else NoConnection(f"{self._host} cut the connection"))

    def cut(self) -> None:
        """Ends the connection; whoever reads gets `Offline`."""
        self._pieces.clear()
        self._end(Offline())
        self._transport.abort()

    # Inside

    async def _wait_for_news(self, seconds: float | None) -> None:
        self._news = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(seconds):
                await self._news
        except TimeoutError as error:
            raise NoAnswer(f"nothing came from {self._host} for {seconds:g} seconds") from error
        finally:
            self._news = None

    def _take(self) -> bytes:
        piece = self._pieces.popleft()
        self._size -= len(piece)
        if self._is_paused and self._size < _ENOUGH_BYTES:
            self._is_paused = False
            self._transport.resume_reading()
        return piece

    def _end(self, failure: NetworkError | None) -> None:
        if not self._has_ended:
            self._has_ended = True
            self._failure = failure
            self._tell()

    def _tell(self) -> None:
        if self._news is not None and not self._news.done():
            self._news.set_result(None)


# Failures


@contextlib.contextmanager
def _translated(host: str) -> Iterator[None]:
    """Turns httpcore2's errors into ours."""
    try:
        yield
    except httpcore2.ProxyError as error:
        raise NoConnection(f"it refuses: {error}") from error
    except httpcore2.RemoteProtocolError as error:
        raise NoConnection(f"{host} broke off its answer") from error


def _failure(error: OSError | UnicodeError, host: str) -> NetworkError:
    """What it means that no connection to `host` came about."""
    if isinstance(error, TimeoutError):
        return NoAnswer(f"no connection to {host} came about in time")
    if isinstance(error, ssl.SSLCertVerificationError):
        return CertificateRefused(f"{host}: {error.verify_message}")
    if isinstance(error, ssl.SSLError):
        return NoConnection(f"no encrypted connection to {host}: {str(error.reason).replace('_', ' ').lower()}")
    if isinstance(error, socket.gaierror | UnicodeError):
        return NoConnection(f"{host} was not found")
    if isinstance(error, ConnectionRefusedError):
        return NoConnection(f"{host} refuses connections")
    if isinstance(error, ConnectionError):
        return NoConnection(f"{host} cut the connection")
    return NoConnection(f"there is no way to {host}")


# Proxies and certificates


async def _proxy_for(url: httpx2.URL) -> str:
    """The address of the proxy that the environment or the system's settings name for this, if any."""
    proxies = urllib.request.getproxies()
    proxy = proxies.get(url.scheme) or proxies.get("all") or ""
    # In a thread: on Windows and macOS the exceptions may need names to be looked up.
    if not proxy or await asyncio.to_thread(urllib.request.proxy_bypass, url.netloc.decode("ascii")):
        return ""
    return proxy if "://" in proxy else f"http://{proxy}"


def _parsed_proxy(address: str, ssl_context: ssl.SSLContext) -> httpcore2.Proxy:
    """Raises `NoConnection` for a proxy that cannot be used: to go around it would tell the hosts who asks."""
    try:
        proxy = httpx2.Proxy(address)
    except (ValueError, httpx2.InvalidURL) as error:
        raise NoConnection("the system names a proxy whose address makes no sense") from error
    if proxy.url.scheme not in ("http", "https"):
        raise NoConnection(f"Paddock cannot use the proxy {proxy.url.host}, which speaks {proxy.url.scheme}")
    return httpcore2.Proxy(
        httpcore2.URL(
            scheme=proxy.url.raw_scheme, host=proxy.url.raw_host, port=proxy.url.port, target=proxy.url.raw_path
        ),
        auth=proxy.raw_auth,
        ssl_context=ssl_context if proxy.url.scheme == "https" else None,
    )


def _host_of(proxy: str) -> str:
    return httpx2.URL(proxy).netloc.decode("ascii")


def _ssl_context() -> ssl.SSLContext:
    """What is trusted: the certificates that the environment names, else those of the system."""
    try:
        return _context_of_the_environment() or httpx2.create_ssl_context()
    except OSError as error:
        raise CertificateRefused("the file of trusted certificates cannot be read") from error


def _context_of_the_environment() -> ssl.SSLContext | None:
    """For the variables that curl and requests read; httpx2 itself reads SSL_CERT_FILE and SSL_CERT_DIR."""
    if os.environ.get("SSL_CERT_FILE") or os.environ.get("SSL_CERT_DIR"):
        return None
    bundle = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE")
    if not bundle:
        return None
    is_folder = Path(bundle).is_dir()
    return ssl.create_default_context(cafile=None if is_folder else bundle, capath=bundle if is_folder else None)


async def _connected(host: str, port: int) -> socket.socket:
    """A socket to the first of the host's addresses that takes it; each but the last gets a moment only.

    Not by asyncio's own search, which tries several at once: cancelled in the middle of it, Python 3.11 leaves the
    socket open.
    """
    loop = asyncio.get_running_loop()
    addresses = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    for place, (family, kind, protocol, _, address) in enumerate(addresses):
        is_last = place == len(addresses) - 1
        attempt = socket.socket(family, kind, protocol)
        try:
            attempt.setblocking(False)
            async with asyncio.timeout(None if is_last else _NEXT_ADDRESS_SECONDS):
                await loop.sock_connect(attempt, address)
        except OSError:
            attempt.close()
            if is_last:
                raise
        except BaseException:
            attempt.close()
            raise
        else:
            return attempt
    raise OSError(f"{host} has no address")
