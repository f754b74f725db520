"""One run of a download, from what is there to a model, or to what stands in its way."""

from __future__ import annotations

import asyncio
import dataclasses
import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

from app.core.disk_space import Disk, Space, space_of
from app.core.download_progress import ProgressTeller
from app.core.downloads import Phase, Plan, Progress
from app.core.errors import DownloadDamaged, FileNotOnTheHub
from app.core.file_fetch import CHANGED, FileFetch
from app.core.hub import Hub
from app.core.hub_model import HubFile
from app.core.network import Network
from app.core.part_file import bytes_there, is_there, part_path, target_of
from app.core.retrying import Retrying

_TRIES = 2  # to get a file whose hash is right
_SLICE = 32 << 20  # bytes that are hashed in one go
_PATIENCE = 0.1  # seconds for the disk when a download ends


class DownloadRun:
    """See `app.core.downloads.download`. `measure` tells how much room there is on the disk of a folder."""

    def __init__(
        self,
        plan: Plan,
        network: Network,
        hub: Hub,
        report: Callable[[Progress], None],
        measure: Callable[[Path], Space] = space_of,
    ) -> None:
        self._plan = plan
        self._hub = hub
        self._disk = Disk(plan.folder, measure)
        self._teller = ProgressTeller(report)
        self._retrying = Retrying(network, self._teller)
        self._fetches: list[FileFetch] = []  # their parts are held until all of them are whole

    async def result(self) -> Path:
        """Returns the path of the model."""
        telling = asyncio.create_task(self._teller.keep_telling())
        try:
            try:
                return await self._fetched(self._plan)
            except FileNotOnTheHub:
                return await self._fetched(await self._plan_of_now())
        finally:
            telling.cancel()
            await self._let_go()

    async def _fetched(self, plan: Plan) -> Path:
        files = await asyncio.to_thread(_files_on_disk, plan)
        self._teller.set_files({file.path: (there, file.size) for file, _, there in files})
        for file, target, _ in files:
            if not await asyncio.to_thread(is_there, target, file.size):
                await self._bring(plan, file, target)
        await asyncio.to_thread(_name_all, tuple(self._fetches))
        return files[0][1]

    async def _plan_of_now(self) -> Plan:
        """The same files at the newest commit, for when the planned one is gone."""
        await self._let_go()
        model = await self._retrying.until_done(lambda: self._hub.model(self._plan.repo))
        files = {file.path: file for file in model.files}
        if model.commit == self._plan.commit or any(file.path not in files for file in self._plan.files):
            raise FileNotOnTheHub
        self._teller.note = CHANGED
        return dataclasses.replace(
            self._plan, commit=model.commit, files=tuple(files[file.path] for file in self._plan.files)
        )

    async def _bring(self, plan: Plan, file: HubFile, target: Path) -> None:
        """Returns once the part is whole, verified and safe from a power cut."""
        fetch = FileFetch(plan, file, target, self._hub, self._disk, self._retrying, self._teller)
        self._fetches.append(fetch)
        await fetch.open()
        if await asyncio.to_thread(is_there, target, file.size):
            return  # another Paddock had the part, and has finished
        for _ in range(_TRIES):
            await fetch.fetch()
            if await self._is_right(fetch):
                await asyncio.to_thread(fetch.part.sync)
                return
            await fetch.clear()
        await asyncio.to_thread(fetch.part.remove)
        raise DownloadDamaged(target.name)

    async def _is_right(self, fetch: FileFetch) -> bool:
        if not fetch.sha256:
            return True
        self._teller.begin(Phase.VERIFYING)
        digest = hashlib.sha256()
        for start in range(0, fetch.size, _SLICE):
            await asyncio.to_thread(fetch.part.add_to_hash, digest, start, _SLICE)
            self._teller.verified = min(1.0, (start + _SLICE) / fetch.size)
        return digest.hexdigest() == fetch.sha256

    async def _let_go(self) -> None:
        """Closes the parts; those on a disk that does not answer are closed when it does."""
        loop = asyncio.get_running_loop()
        closing = [loop.run_in_executor(None, fetch.part.close) for fetch in self._fetches]
        self._fetches.clear()
        if closing:
            await asyncio.wait(closing, timeout=_PATIENCE)


def _name_all(fetches: Sequence[FileFetch]) -> None:
    """The first file last. In one go: a download that is cancelled now has its model, or no part of it."""
    for fetch in reversed(fetches):
        if is_there(fetch.target, fetch.size):
            fetch.part.remove()
        else:
            fetch.part.become(fetch.target)


def _files_on_disk(plan: Plan) -> list[tuple[HubFile, Path, int]]:
    """Each file with where it shall lie and how many bytes of it are there, named or not."""
    files = []
    for file in plan.files:
        target = target_of(plan, file)
        named = is_there(target, file.size)
        files.append((file, target, bytes_there(target if named else part_path(target, file, plan.commit))))
    return files
