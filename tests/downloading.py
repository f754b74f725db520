"""What a test of downloads needs on Paddock's side: a network, a Hub client, plans, and what was told meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from app.core.disk_space import Space
from app.core.download_run import DownloadRun
from app.core.downloads import Phase, Plan, Progress, download
from app.core.hub import Hub
from app.core.ledger import Ledger
from app.core.network import Network, Purpose, Timeouts

MUCH_SPACE = Space(total=1 << 45, free=1 << 44)


class HastyNetwork(Network):
    """Waits a second for an answer, not a quarter of a minute."""

    @asynccontextmanager
    async def open(self, url: str, purpose: Purpose, **options):
        async with super().open(url, purpose, **options, timeout=Timeouts(connect=1.0, read=1.0)) as response:
            yield response


class Downloader:
    """Belongs to one event loop. Models go to `folder`/models."""

    def __init__(self, endpoint: str, folder: Path, token: str = "") -> None:
        self.models = folder / "models"
        self.models.mkdir(exist_ok=True)
        self.network = HastyNetwork(Ledger(folder / "ledger.db"))
        self.hub = Hub(self.network, lambda: token, endpoint)
        self.told: list[Progress] = []
        self._has_news = asyncio.Event()

    async def __aenter__(self) -> Downloader:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.network.close()

    async def plan(self, repo: str, *paths: str) -> Plan:
        """As the library makes it: all that the model's page says of these files, or of all."""
        model = await self.hub.model(repo)
        files = tuple(file for file in model.files if file.path in paths or not paths)
        return Plan("1", repo, model.commit, "Tiny", "Q4_K_M", files, self.models)

    async def download(self, plan: Plan, measure: Callable[[Path], Space] | None = None) -> Path:
        if measure is None:
            return await download(plan, self.network, self.hub, self._take)
        return await DownloadRun(plan, self.network, self.hub, self._take, measure).result()

    async def until(self, condition: Callable[[Progress], bool]) -> Progress:
        """The first report from now on of which this is true."""
        begin = len(self.told)
        while True:
            for progress in self.told[begin:]:
                if condition(progress):
                    return progress
            self._has_news.clear()
            await self._has_news.wait()

    def notes(self) -> set[str]:
        return {progress.note for progress in self.told} - {""}

    def phases(self) -> list[Phase]:
        return [progress.phase for progress in self.told]

    def parts(self) -> list[Path]:
        return sorted(self.models.rglob("*.part"))

    def _take(self, progress: Progress) -> None:
        self.told.append(progress)
        self._has_news.set()


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """Has the system refuse to let files grow beyond that, as a file system such as FAT32 does."""
    import resource  # not on Windows

    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
