"""Downloads on loopback: throughput and work against curl, and how long the window has to wait meanwhile.

The Hub runs in a process of its own. Bytes are written to the disk of the system's folder for temporary files. curl
does not check what it got, so it is compared with our download up to there; what the whole takes, with its SHA-256 and
until it would survive a power cut, is shown too. The window is a timer that is due every millisecond, while three
downloads run as fast as they can; that line is faster than any real one.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

from app.core.disk_space import Disk
from app.core.download_progress import ProgressTeller
from app.core.downloads import Plan, download
from app.core.file_fetch import FileFetch
from app.core.hub import Hub
from app.core.ledger import Ledger
from app.core.network import Network
from app.core.part_file import target_of
from app.core.retrying import Retrying

ROUNDS = 5
SIZE = 500_000_000
AT_ONCE = 3
REPO, NAME = "ada/tiny-GGUF", "tiny.Q4_K_M.gguf"

SERVER = f"""
import sys
from tests.fake_hub import FakeHub, VirtualFile
with FakeHub() as hub:
    for number in range({AT_ONCE}):
        hub.add_model("{REPO}" + str(number), files={{"{NAME}": VirtualFile({SIZE}, seed=number)}})
    print(hub.endpoint, flush=True)
    sys.stdin.read()
"""


def main() -> None:
    with _hub() as endpoint:
        _compare_with_curl(endpoint)
        _measure_stalls(endpoint)


@contextlib.contextmanager
def _hub() -> Iterator[str]:
    server = subprocess.Popen([sys.executable, "-c", SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    yield server.stdout.readline().strip()
    server.communicate()


@contextlib.contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


# Against curl


def _compare_with_curl(endpoint: str) -> None:
    if shutil.which("curl") is None:
        print("throughput: not measured, as there is no curl to compare with")
        return
    rows = [(_curl(endpoint), _ours(endpoint, _receive), _ours(endpoint, _download)) for _ in range(ROUNDS + 1)][1:]
    for name, column in zip(("curl", "Paddock, receiving", "Paddock, whole"), zip(*rows, strict=True), strict=True):
        seconds, work = (statistics.median(values) for values in zip(*column, strict=True))
        print(f"{name:20} {SIZE / seconds / 1e6:8.0f} MB/s {work * 1e9 / SIZE:8.2f} CPU seconds per GB")
    speeds = sorted(curl[0] / receiving[0] for curl, receiving, _ in rows)
    work = statistics.median(receiving[1] / curl[1] for curl, receiving, _ in rows)
    print(f"throughput of receiving / of curl (median, min, max)  {statistics.median(speeds):.2f}", end="  ")
    print(f"{speeds[0]:.2f}  {speeds[-1]:.2f}")
    print(f"work of receiving / of curl (median)                  {work:.2f}")


def _curl(endpoint: str) -> tuple[float, float]:
    """Seconds it took, and seconds of a processor."""
    with _folder() as folder:
        began, worked = time.perf_counter(), _work(resource.RUSAGE_CHILDREN)
        url = f"{endpoint}/{REPO}0/resolve/main/{NAME}"
        subprocess.run(["curl", "--silent", "--fail", "--location", "--output", folder / NAME, url], check=True)
        return time.perf_counter() - began, _work(resource.RUSAGE_CHILDREN) - worked


def _ours(endpoint: str, task: Callable[[Plan, Network, Hub], Awaitable[None]]) -> tuple[float, float]:
    async def run(folder: Path) -> tuple[float, float]:
        network = Network(Ledger(folder / "ledger.db"))
        hub = Hub(network, lambda: "", endpoint)
        plan = await _plan(hub, 0, folder)
        began, worked = time.perf_counter(), _work(resource.RUSAGE_SELF)
        await task(plan, network, hub)
        took = time.perf_counter() - began, _work(resource.RUSAGE_SELF) - worked
        await network.close()
        return took

    with _folder() as folder:
        return asyncio.run(run(folder))


async def _plan(hub: Hub, number: int, folder: Path) -> Plan:
    model = await hub.model(f"{REPO}{number}")
    return Plan(str(number), model.id, model.commit, "Tiny", "Q4_K_M", model.files, folder)


async def _receive(plan: Plan, network: Network, hub: Hub) -> None:
    teller = ProgressTeller(lambda _: None)
    target = target_of(plan, plan.files[0])
    fetch = FileFetch(plan, plan.files[0], target, hub, Disk(plan.folder), Retrying(network, teller), teller)
    await fetch.open()
    await fetch.fetch()
    fetch.part.close()


async def _download(plan: Plan, network: Network, hub: Hub) -> None:
    await download(plan, network, hub, lambda _: None)


def _work(who: int) -> float:
    usage = resource.getrusage(who)
    return usage.ru_utime + usage.ru_stime


# The window


def _measure_stalls(endpoint: str) -> None:
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    from PySide6.QtCore import Qt, QTimer
    from PySide6.QtWidgets import QApplication

    from app.engine.jobs import JobRunner

    app = QApplication([])
    moments: list[float] = []
    timer = QTimer(timerType=Qt.TimerType.PreciseTimer, interval=1)
    timer.timeout.connect(lambda: moments.append(time.perf_counter()))
    timer.start()
    QTimer.singleShot(2000, app.quit)
    app.exec()
    _print_stalls("without a download", moments)

    with _folder() as folder:
        network = Network(Ledger(folder / "ledger.db"))
        hub = Hub(network, lambda: "", endpoint)
        runner = JobRunner()
        reports: list[object] = []

        async def fetch(number: int, report: Callable[[object], None]) -> None:
            await download(await _plan(hub, number, folder), network, hub, report)

        running = [runner.start(lambda report, number=number: fetch(number, report)) for number in range(AT_ONCE)]
        for job in running:
            job.progressed.connect(reports.append)
            job.finished.connect(lambda: all(job.has_ended for job in running) and app.quit())
        moments.clear()
        app.exec()
        runner.close(network.close)
    _print_stalls(f"during {AT_ONCE} downloads", moments)
    assert reports


def _print_stalls(when: str, moments: list[float]) -> None:
    gaps = [later - earlier for earlier, later in itertools.pairwise(moments)]
    late = statistics.quantiles(gaps, n=100)[98]
    print(f"window waits {when:20} 99th percentile {late * 1000:6.1f} ms   max {max(gaps) * 1000:6.1f} ms", end="   ")
    print(f"({len(gaps)} ticks in {moments[-1] - moments[0]:.1f} s)")


if __name__ == "__main__":
    main()
