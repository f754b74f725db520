"""What an answer to a request for a file says of it, read before a byte of it is kept."""

from __future__ import annotations

import re
from dataclasses import dataclass

from app.core.errors import HubFailed, NotTheHub
from app.core.network import Response

_STRETCH = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18}|\*)")


@dataclass(frozen=True, slots=True)
class Promise:
    """What the Hub says the file is. Words are empty and the size is -1 if it does not say."""

    sha256: str
    size: int
    commit: str


@dataclass(frozen=True, slots=True)
class Stretch:
    """The bytes of the file that an answer holds: from `start` to before `stop`, of `total`; -1 if it does not say."""

    start: int
    stop: int
    total: int


def promise_in(response: Response) -> Promise:
    """It mostly comes with the answer that sends us on to where the bytes are."""
    etag = _header(response, "X-Linked-Etag").removeprefix("W/").strip('"').lower()
    return Promise(
        sha256=etag if re.fullmatch("[0-9a-f]{64}", etag) else "",
        size=_number(_header(response, "X-Linked-Size")),
        commit=commit if re.fullmatch(r"[0-9A-Za-z]{1,64}", commit := _header(response, "X-Repo-Commit")) else "",
    )


def stretch_in(response: Response) -> Stretch:
    """Raises `NotTheHub` for a web page, and `HubFailed` for what can be no stretch of a file."""
    headers = response.headers
    if headers.get("Content-Type", "").startswith("text/html"):
        raise NotTheHub
    if headers.get("Content-Encoding", "identity") != "identity":
        raise HubFailed("the file came packed, which was not asked for")
    length = _number(headers.get("Content-Length", ""))
    if response.status == 200:
        return Stretch(0, length, length)
    stated = _STRETCH.fullmatch(headers.get("Content-Range", ""))
    if not stated or length not in (-1, int(stated[2]) + 1 - int(stated[1])):
        raise HubFailed("it does not say which part of the file it sent")
    return Stretch(int(stated[1]), int(stated[2]) + 1, _number(stated[3]))


def total_in(response: Response) -> int:
    """The size of the file, as the answer says that refuses to go on behind its end; -1 if it does not say."""
    return _number(response.headers.get("Content-Range", "").removeprefix("bytes */"))


def _header(response: Response, name: str) -> str:
    """Of the first answer that has it: the later ones are further from the Hub."""
    answers = [*(hop.headers for hop in response.hops), response.headers]
    return next((headers[name] for headers in answers if name in headers), "")


def _number(text: str) -> int:
    return int(text) if re.fullmatch("[0-9]{1,18}", text) else -1
