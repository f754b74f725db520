"""Newer versions of Paddock. Nobody asks for them but who switched `look_for_releases` on.

GitHub is asked which release of the project is the newest. The answer gives a number and nothing else: the address of
the page to open is ours, and nothing is downloaded. What was learned is kept in a file, so that it is known without
asking at the next start, and so that it is asked at most once a day, whether that worked or not.

Where the project lives is said once, in pyproject.toml. Of a build whose home is nowhere said there are no newer ones.
"""

from __future__ import annotations

import json
import logging
import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.core.errors import NetworkError, Offline, ReleasesUnreadable
from app.core.files import replace_file
from app.core.network import Network, Purpose
from app.core.versions import paddock_home, paddock_version

log = logging.getLogger(__name__)

_API = "https://api.github.com"
_HEADERS = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"}
_DAY = 24 * 60 * 60  # seconds
_LARGEST_ANSWER = 4 << 20  # bytes; the notes of a release are in it
_HOME = re.compile(r"https://github\.com/([\w.-]+/[\w.-]+?)(?:\.git)?/?", re.ASCII)
_VERSION = re.compile(r"v?(\d{1,6}(?:\.\d{1,6}){0,3})", re.ASCII)


@dataclass(frozen=True, slots=True)
class _Known:
    """`asked_at` in seconds since 1970, and the newest version that was there then."""

    asked_at: float = 0.0
    version: str = ""


class Releases:
    """What is known of the releases of the project at `home`, kept in `file`."""

    def __init__(self, file: Path, api: str = _API, home: str | None = None, own_version: str | None = None) -> None:
        """Without `home` and `own_version` they are those of this Paddock."""
        match = _HOME.fullmatch(paddock_home() if home is None else home)
        self._file = file
        self._project = match[1] if match else ""
        self._own_version = paddock_version() if own_version is None else own_version
        self._api = api
        self._known = _read(file)

    @property
    def page(self) -> str:
        """The address of the newest release, for a browser; empty if the project has no home."""
        return f"https://github.com/{self._project}/releases/latest" if self._project else ""

    @property
    def newer(self) -> str:
        """The version that is newer than this Paddock, as far as is known; empty if there is none."""
        return self._known.version if _numbers(self._known.version) > _numbers(self._own_version) else ""

    def is_due(self) -> bool:
        """Whether it is a day since the last question. A clock that was put back does not keep us from asking."""
        return bool(self._project) and not 0 <= time.time() - self._known.asked_at < _DAY

    async def look(self, network: Network) -> str:
        """Asks now, and returns what `newer` is then. Raises `NetworkError`."""
        self._learn(_Known(time.time(), self._known.version))
        self._learn(_Known(self._known.asked_at, await self._newest(network)))
        return self.newer

    async def _newest(self, network: Network) -> str:
        url = f"{self._api}/repos/{self._project}/releases/latest"
        try:
            async with network.open(url, Purpose.RELEASES, headers=_HEADERS) as response:
                if response.status != 200:
                    raise ReleasesUnreadable(f"GitHub answered with {response.status}")
                return _version_in(await response.read(_LARGEST_ANSWER))
        except (Offline, ReleasesUnreadable):
            raise
        except NetworkError as error:  # their words are about the Hub
            raise ReleasesUnreadable(error.detail) from error

    def _learn(self, known: _Known) -> None:
        self._known = known
        try:
            replace_file(self._file, json.dumps([known.asked_at, known.version]).encode("ascii"))
        except OSError as error:
            log.warning("what was learned of new versions was not kept: %s", error)


def _version_in(body: bytes) -> str:
    """Raises `ReleasesUnreadable` if GitHub's answer names none."""
    try:
        tag = json.loads(body)["tag_name"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ReleasesUnreadable("GitHub's answer makes no sense") from error
    match = _VERSION.fullmatch(tag) if isinstance(tag, str) else None
    if match is None:
        raise ReleasesUnreadable("the newest release has no version")
    return match[1]


def _numbers(version: str) -> list[int]:
    """To be compared: 0.10 is newer than 0.9, and 0.2.0 is no newer than 0.2."""
    match = _VERSION.match(version)
    numbers = [int(number) for number in match[1].split(".")] if match else []
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return numbers


def _read(file: Path) -> _Known:
    try:
        values: Any = json.loads(file.read_text("utf-8"))
    except FileNotFoundError:
        return _Known()
    except (OSError, ValueError) as error:
        log.warning("what was learned of new versions was not read: %s", error)
        return _Known()
    match values:
        case [float() | int() as asked_at, str() as version] if not version or _VERSION.fullmatch(version):
            return _Known(asked_at, version)
    return _Known()
