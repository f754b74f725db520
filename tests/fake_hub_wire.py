"""How the fake Hub talks: requests, answers, and what faults make of them on the wire."""

from __future__ import annotations

import contextlib
import gzip
import http.server
import socket
import socketserver
import struct
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from email.message import Message
from typing import Any, Protocol
from urllib.parse import parse_qs, urlsplit

from tests.fake_hub_faults import Fault, Faults, HangUp, Kind, disturbed, wait
from tests.fake_hub_repos import Content, pieces

PORTAL = b"<!DOCTYPE html><html><head><title>Hotel Wi-Fi</title></head><body>Please sign in.</body></html>"
EXPIRED = b'<?xml version="1.0"?><Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>'


@dataclass(frozen=True)
class Request:
    """A request as it came. `where`: hub (addresses of files), cdn or api. `path` with the query."""

    where: str
    method: str
    path: str
    headers: Message

    @property
    def query(self) -> dict[str, list[str]]:
        return parse_qs(urlsplit(self.path).query)

    @property
    def token(self) -> str:
        return (self.headers["Authorization"] or "").removeprefix("Bearer ")


@dataclass
class Answer:
    """What is sent: of `body` the bytes from `start` to `stop`."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: Content = b""
    start: int = 0
    stop: int = -1
    is_chunked: bool = False

    def __post_init__(self) -> None:
        if self.stop < 0:
            self.stop = len(self.body)


def redirect(status: int, address: str, headers: Mapping[str, str]) -> Answer:
    body = f"Temporary Redirect. Redirecting to {address}".encode()
    return Answer(status, {"Location": address, "Content-Type": "text/plain; charset=utf-8", **headers}, body)


class Answering(Protocol):
    """What knows the answers."""

    faults: Faults
    closing: threading.Event

    def note(self, request: Request) -> None: ...
    def count(self, sent: int) -> None: ...
    def answer(self, request: Request) -> Answer: ...


# --- faults that make another answer -------------------------------------------------------------------------------


def _changed(answer: Answer, fault: Fault, request: Request) -> Answer:
    """The answer as `fault` leaves it."""
    match fault.kind:
        case Kind.ANSWER:
            return Answer(fault.status, dict(fault.headers), fault.body)
        case Kind.EXPIRED:
            return Answer(403, {"Content-Type": "application/xml"}, EXPIRED)
        case Kind.PORTAL:
            return Answer(200, {"Content-Type": "text/html; charset=utf-8"}, PORTAL)
        case Kind.REDIRECT_LOOP:
            return redirect(302, request.path, {})
        case Kind.WITHOUT:
            gone = {name.lower() for name in fault.headers}
            answer.headers = {name: value for name, value in answer.headers.items() if name.lower() not in gone}
        case Kind.WITH:
            answer.headers |= fault.headers
        case Kind.CHUNKED:
            answer.is_chunked = True
        case Kind.SHORT:
            answer.stop -= fault.count
            _tell_range(answer)
        case Kind.IGNORE_RANGE if answer.status == 206:
            answer.headers.pop("Content-Range")
            return Answer(200, answer.headers, answer.body)
        case Kind.SHIFT if answer.status == 206:
            answer.start += fault.count
            _tell_range(answer)
        case Kind.SHIFT_UNTOLD if answer.status == 206:
            answer.start += fault.count
            answer.stop = min(answer.stop + fault.count, len(answer.body))
    return answer


def _tell_range(answer: Answer) -> None:
    if "Content-Range" in answer.headers:
        answer.headers["Content-Range"] = f"bytes {answer.start}-{answer.stop - 1}/{len(answer.body)}"


# --- the wire ------------------------------------------------------------------------------------------------------


class Server(socketserver.ThreadingTCPServer):
    """One origin. Its threads are waited for at the end. Unlike `http.server`'s own, it asks no DNS for its name."""

    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self, hub: Answering, origin: str, port: int) -> None:
        super().__init__(("127.0.0.1", port), _Connection)
        self.hub, self.origin = hub, origin
        self._open: set[socket.socket] = set()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def hang_up(self) -> None:
        for connection in list(self._open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


class _Connection(http.server.BaseHTTPRequestHandler):
    """Reads requests and sends answers, as they are or as faults leave them."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Server

    def handle(self) -> None:
        with contextlib.suppress(OSError):
            super().handle()

    def do_GET(self) -> None:
        hub = self.server.hub
        request = Request(self._where(), self.command, self.path, self.headers)
        hub.note(request)
        faults = hub.faults.take(request.where, request.method, request.path)
        try:
            self._send(request, faults)
        except HangUp as end:
            self._hang_up(reset=end.reset)

    do_HEAD = do_POST = do_GET  # noqa: N815 (the names that http.server calls)

    def _where(self) -> str:
        if self.server.origin == "cdn":
            return "cdn"
        return "api" if self.path.startswith("/api/") and "/resolve-cache/" not in self.path else "hub"

    def _send(self, request: Request, faults: list[Fault]) -> None:
        for fault in faults:
            match fault.kind:
                case Kind.HANG:
                    wait(self.server.hub.closing, fault.seconds)
                case Kind.CLOSE | Kind.RESET_AT_ONCE:
                    raise HangUp(reset=fault.kind is Kind.RESET_AT_ONCE)
        answer = self.server.hub.answer(request)
        for fault in faults:
            answer = _changed(answer, fault, request)
        self._send_headers(answer)
        if self.command != "HEAD" and answer.status != 304:
            self._send_body(answer, faults)

    def _send_headers(self, answer: Answer) -> None:
        wants_gzip = "gzip" in (self.headers["Accept-Encoding"] or "")
        if wants_gzip and answer.headers.get("Content-Type", "").startswith("application/json"):
            answer.body = gzip.compress(bytes(answer.body), 1)
            answer.stop = len(answer.body)
            answer.headers["Content-Encoding"] = "gzip"
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if answer.is_chunked:
            self.send_header("Transfer-Encoding", "chunked")
        elif "Content-Length" not in answer.headers:
            self.send_header("Content-Length", str(answer.stop - answer.start))
        self.end_headers()

    def _send_body(self, answer: Answer, faults: list[Fault]) -> None:
        body: Iterator[Any] = pieces(answer.body, answer.start, answer.stop)
        for fault in faults:
            body = disturbed(body, fault, answer.start, self.server.hub.closing)
        is_file = self.server.origin == "cdn" and answer.status < 300
        for piece in body:
            if piece:
                self._send_piece(piece, answer.is_chunked)
            if is_file:
                self.server.hub.count(len(piece))
        if answer.is_chunked:
            self.wfile.write(b"0\r\n\r\n")

    def _send_piece(self, piece: memoryview | bytes, is_chunked: bool) -> None:
        if is_chunked:
            self.wfile.write(b"%x\r\n" % len(piece))
        self.wfile.write(piece)
        if is_chunked:
            self.wfile.write(b"\r\n")

    def _hang_up(self, *, reset: bool) -> None:
        self.close_connection = True
        if reset:
            wait(self.server.hub.closing, 0.05)  # or the client would lose what was sent before
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()

    def log_message(self, *_: object) -> None:
        pass
