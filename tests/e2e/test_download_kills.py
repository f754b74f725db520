"""A download that is killed again and again ends in the right bytes, hardly any of which were fetched twice.

Ten downloads of 20 MB by default. `PADDOCK_DOWNLOAD_KILLS=full` makes that a hundred of 200 MB, in some ten minutes;
with `-s` the figures are shown.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from app.core.download_journal import plan_to_json
from app.core.downloads import Plan
from app.core.hub_model import HubFile
from tests.fake_hub import FakeHub, Fault, Kind, VirtualFile
from tests.fake_hub_repos import sha256_of

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")

RUNS, SIZE = (100, 200_000_000) if os.environ.get("PADDOCK_DOWNLOAD_KILLS") == "full" else (10, 20_000_000)
SECONDS = 2.0  # that one takes if nobody kills it
STARTING = 0.8  # seconds, about
TWICE = 0.05  # of the size may be fetched again
REPO, NAME = "ada/tiny-GGUF", "tiny.Q4_K_M.gguf"


def test_a_download_can_be_killed_at_any_moment_and_goes_on(tmp_path):
    chance = random.Random(1)
    kills, fetched = 0, 0
    began = time.monotonic()
    for number in range(RUNS):
        file = VirtualFile(SIZE, seed=number)
        with FakeHub() as fake:
            fake.add_model(REPO, files={NAME: file})
            fake.faults.add(Fault(Kind.THROTTLE, speed=SIZE / SECONDS, times=None))
            journal = _journal(tmp_path / str(number), fake)
            kills += _fetch_with_kills(fake, journal, chance)
            fetched += fake.bytes_sent
        _check_and_remove(journal.parent, file)
    print(f"\n{RUNS} downloads of {SIZE:,} bytes, {kills} kills, {time.monotonic() - began:.0f} s, ", end="")
    print(f"{fetched / RUNS / SIZE - 1:.2%} of the bytes fetched twice")
    assert kills > RUNS
    assert fetched < RUNS * SIZE * (1 + TWICE)


def _journal(folder: Path, fake: FakeHub) -> Path:
    models = folder / "models"
    models.mkdir(parents=True)
    file = HubFile(NAME, SIZE, sha256_of(fake.models[REPO].files()[NAME].content))
    journal = folder / "plan.json"
    journal.write_text(plan_to_json(Plan("1", REPO, fake.models[REPO].commit, "Tiny", "Q4_K_M", (file,), models)))
    return journal


def _fetch_with_kills(fake: FakeHub, journal: Path, chance: random.Random) -> int:
    """Starts the download until it ends by itself. Returns how often it was killed."""
    kills = 0
    while True:
        driver = subprocess.Popen([sys.executable, "-m", "tests.download_driver", fake.endpoint, str(journal)])
        if chance.random() < 0.7:
            _wait_for_bytes(fake, driver)
        try:
            assert driver.wait(chance.uniform(0, STARTING + SECONDS)) == 0
        except subprocess.TimeoutExpired:
            driver.kill()
            driver.wait()
            kills += 1
        else:
            return kills


def _wait_for_bytes(fake: FakeHub, driver: subprocess.Popen) -> None:
    """Until some more of them came, or there are no more to come."""
    before, deadline = fake.bytes_sent, time.monotonic() + 60
    while fake.bytes_sent == before and driver.poll() is None:
        assert time.monotonic() < deadline, "waited in vain for the download to begin"
        time.sleep(0.005)


def _check_and_remove(folder: Path, file: VirtualFile) -> None:
    model = folder / "models" / REPO / NAME
    assert [path for path in folder.rglob("*") if path.suffix in (".gguf", ".part")] == [model]
    with model.open("rb") as found:
        for expected in file.pieces(0, file.size):
            assert found.read(len(expected)) == expected
    model.unlink()
