"""Brings the bytes of one file to its part, over as many tries as it takes.

A server that ignores where to go on from sends the file from its start. What is there is then skipped, not thrown
away: nothing is lost if that try fails as well.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from urllib.parse import urlsplit

from app.core.disk_space import Disk
from app.core.download_progress import ProgressTeller
from app.core.downloads import Phase, Plan
from app.core.errors import HubFailed, NetworkError, NoAnswer, NoConnection, NotTheHub
from app.core.file_answer import Promise, promise_in, stretch_in, total_in
from app.core.hub import Hub
from app.core.hub_model import HubFile
from app.core.network import Purpose, Response
from app.core.part_file import PartFile, PartIsTaken, part_path
from app.core.retrying import Retrying

CHANGED = "The file changed at the Hub; started again."
UNVERIFIED = "The Hub states no SHA-256 for this file; only its size is checked."
TAKEN = "Waiting for another download of this file to let go of it."

_NOTHING_MORE = 416  # what a server says to a request for what lies behind the end
_LARGEST_ERROR = 1 << 20  # bytes
_TAKEN_SECONDS = 2.0  # between two tries to get hold of a part


class FileFetch:
    """One file and its part. `open` comes first; the part is to be closed at the end."""

    def __init__(
        self,
        plan: Plan,
        file: HubFile,
        target: Path,
        hub: Hub,
        disk: Disk,
        retrying: Retrying,
        teller: ProgressTeller,
    ) -> None:
        self.target = target
        self._repo = plan.repo
        self._hub = hub
        self._disk = disk
        self._retrying = retrying
        self._teller = teller
        self._expect(file, plan.commit)

    def _expect(self, file: HubFile, commit: str) -> None:
        self._file = file
        self._commit = commit
        self.sha256 = file.sha256  # empty if the Hub does not say
        self.size = file.size
        self._was_asked = bool(file.sha256)  # the Hub, for a hash
        self.part = PartFile(part_path(self.target, file, commit), self._disk)

    async def open(self) -> None:
        """Takes hold of the part, once nobody else does."""
        while True:
            try:
                await asyncio.to_thread(self.part.open)
                break
            except PartIsTaken:
                self._teller.note = TAKEN
                await self._retrying.wait(_TAKEN_SECONDS)
                self._teller.note = ""
        if 0 <= self.size < self.part.size:
            await self.clear()
        self._count()

    async def fetch(self) -> None:
        """Returns once all bytes are there, right or wrong. Raises what only a person can mend."""
        await self._retrying.until_done(self._try, lambda: self.part.size)

    async def clear(self) -> None:
        """Throws away what is there."""
        await asyncio.to_thread(self.part.clear)
        self._count()

    async def _try(self) -> None:
        if not await self._request() and not await self._request():
            raise HubFailed("the file changes from one request to the next")

    async def _request(self) -> bool:
        """Asks for what is missing, and takes it. False if the file is another one now; then nothing was taken."""
        if self._was_asked and self.part.size == self.size:
            return True
        self._teller.begin(Phase.CONNECTING)
        await asyncio.to_thread(self._disk.check, self._teller.missing)
        # In a thread: a library is imported for it the first time, which takes half a second.
        url = await asyncio.to_thread(self._hub.file_url, self._repo, self._commit, self._file.path)
        headers = {"Range": f"bytes={self.part.size}-"}
        async with self._hub.open(url, Purpose.DOWNLOAD, headers=headers) as response:
            if response.status not in (200, 206, _NOTHING_MORE):
                raise await self._problem(response, url)
            promise = promise_in(response)
            if self._is_another(promise):
                await self._start_over(promise)
                return False
            self.sha256 = self.sha256 or promise.sha256
            self._was_asked = True
            if not self.sha256:
                self._teller.note = UNVERIFIED
            if response.status == _NOTHING_MORE:
                await self._take_end(response, promise)
            else:
                await self._receive(response, promise)
        return True

    async def _problem(self, response: Response, url: str) -> NetworkError:
        """What an answer means that is an error; only the Hub's own word is final."""
        if response.status == 408:
            return NoAnswer("it waited for the request in vain")
        if response.status == 403 and response.hops and "X-Error-Code" not in response.headers:
            return HubFailed("the link to the file has expired")
        if _origin(response.url) == _origin(url) or response.status == 429:
            return await self._hub.explain(response.status, response.headers, await response.read(_LARGEST_ERROR))
        return HubFailed(f"{urlsplit(response.url).hostname} answered with {response.status}")

    def _is_another(self, promise: Promise) -> bool:
        if self.sha256:
            return promise.sha256 not in ("", self.sha256)
        return promise.commit not in ("", self._commit)

    async def _start_over(self, promise: Promise) -> None:
        await asyncio.to_thread(self.part.remove)
        self._expect(HubFile(self._file.path, promise.size, promise.sha256), promise.commit or self._commit)
        await self.open()
        self._teller.note = CHANGED

    async def _take_end(self, response: Response, promise: Promise) -> None:
        self.size = self._total(total_in(response), promise)
        if self.part.size > self.size:
            await self.clear()
        if self.part.size != self.size:
            raise HubFailed("it takes the file for shorter than it is")

    async def _receive(self, response: Response, promise: Promise) -> None:
        stretch = stretch_in(response)
        self.size = self._total(stretch.total, promise)
        to_skip = self.part.size - stretch.start
        if to_skip < 0:
            raise HubFailed("it sent another part of the file than was asked for")
        end = stretch.stop if stretch.stop >= 0 else self.size
        self._teller.begin(Phase.RECEIVING)
        try:
            await self._take(response, to_skip, end - stretch.start if end >= 0 else -1)
        finally:
            self._count()
        if self.size < 0:
            self.size = self.part.size
        if self.part.size < self.size:
            raise NoConnection("the answer ended early")

    async def _take(self, response: Response, to_skip: int, announced: int) -> None:
        """What comes goes to the part; of a try that fails all that came. `announced` is -1 if unknown."""
        part, came = self.part, 0
        try:
            async for piece in response.chunks():
                wanted = piece if announced < 0 else piece[: announced - came]
                part.add(wanted[max(0, to_skip - came) :])
                came += len(piece)
                if len(wanted) < len(piece):
                    raise HubFailed("it sent more than it had announced")
                if part.is_write_due:
                    await asyncio.to_thread(part.write)
                    self._count()
        except NetworkError:
            await asyncio.to_thread(part.write)
            raise
        await asyncio.to_thread(part.write)

    def _total(self, stated: int, promise: Promise) -> int:
        """The file's size, -1 if nobody knows. Raises `NotTheHub` for one that nobody promised."""
        promised = [size for size in (self._file.size, promise.size) if size >= 0]
        if stated < 0:
            return promised[0] if promised else -1
        if promised and stated not in promised:
            raise NotTheHub(f"it sent a file of {stated} bytes, not of {promised[0]}")
        return stated

    def _count(self) -> None:
        self._teller.set_file(self._file.path, self.part.size, self.size)


def _origin(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc
