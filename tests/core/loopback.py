"""A web server on this computer that does what a test tells it, for the tests of everything that talks to one."""

from __future__ import annotations

import asyncio
import functools
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

Answer = Callable[["Request", asyncio.StreamWriter], Awaitable[None]]


@dataclass(frozen=True)
class Request:
    """What the server was asked. Names of headers are in lower case."""

    method: str
    target: str
    headers: dict[str, str]


def in_a_loop(test):
    """Makes a plain test of a coroutine; one that takes 20 seconds has failed."""

    @functools.wraps(test)
    def run(*arguments, **named):
        asyncio.run(asyncio.wait_for(test(*arguments, **named), 20))

    return run


async def until(condition: Callable[[], object]) -> None:
    """Returns once the condition holds."""
    while not condition():
        await asyncio.sleep(0.002)


class Server:
    """`async with Server(answer)`: calls `answer` for each request, and knows which connections are open."""

    def __init__(self, answer: Answer, tls: ssl.SSLContext | None = None) -> None:
        self._answer = answer
        self._tls = tls
        self.requests: list[Request] = []
        self.accepted = 0  # connections, ever
        self.writers: set[asyncio.StreamWriter] = set()  # of the connections that the client has not closed

    @property
    def origin(self) -> str:
        return f"{'https' if self._tls else 'http'}://{self.host}"

    async def __aenter__(self) -> Server:
        self._server = await asyncio.start_server(self._on_connection, "127.0.0.1", 0, ssl=self._tls)
        self.host = f"127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *error: object) -> None:
        self._server.close()
        for writer in list(self.writers):
            writer.transport.abort()
        await until(lambda: not self.writers)

    async def _on_connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        self.writers.add(writer)
        answering = asyncio.ensure_future(asyncio.sleep(0))
        try:
            while head := await _head(reader):
                await answering
                self.requests.append(head)
                answering = asyncio.ensure_future(self._answer(head, writer))
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            answering.cancel()
            await asyncio.gather(answering, return_exceptions=True)
            writer.transport.abort()
            self.writers.discard(writer)


async def _head(reader: asyncio.StreamReader) -> Request:
    first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("ascii").strip().split("\r\n")
    method, target, _ = first.split(" ")
    pairs = [line.split(": ", 1) for line in lines]
    return Request(method, target, {name.lower(): value for name, value in pairs})


def says(body: bytes = b"", status: int = 200, **headers: str) -> Answer:
    """An answer that is always the same. In the names of headers a low line stands for a hyphen."""

    async def answer(request: Request, writer: asyncio.StreamWriter) -> None:
        send_head(writer, status, content_length=str(len(body)), **headers)
        writer.write(b"" if request.method == "HEAD" else body)

    return answer


def send_head(writer: asyncio.StreamWriter, status: int = 200, **headers: str) -> None:
    """The beginning of an answer."""
    lines = [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    writer.write("\r\n".join([f"HTTP/1.1 {status} Whatever", *lines, "", ""]).encode("ascii"))
