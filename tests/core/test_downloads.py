"""Downloads through the real network and Hub client, against a Hub on loopback that fails on demand."""

from __future__ import annotations

import asyncio
import dataclasses
import functools
import hashlib
import itertools
import os
import sys
import threading
import time
from pathlib import Path

import pytest

from app.core import errors, retrying
from app.core.disk_space import Space, disk_errors_translated
from app.core.downloads import Phase, discard
from app.core.file_fetch import CHANGED, TAKEN, UNVERIFIED
from app.core.hub_model import HubFile
from app.core.part_file import part_path
from tests.downloading import MUCH_SPACE, Downloader, largest_file
from tests.fake_hub import FakeHub, Fault, Kind, VirtualFile

MB = 1_000_000
REPO = "ada/tiny-GGUF"
NAME = "tiny.Q4_K_M.gguf"
FILE = VirtualFile(4 * MB, seed=1)
OTHER = VirtualFile(3 * MB, seed=2)
SPLIT = {f"big-0000{number}-of-00003.gguf": VirtualFile(number * MB, seed=number) for number in (1, 2, 3)}
SLOW = Fault(Kind.THROTTLE, speed=4 * MB, times=None)
MAY_TAKE = 0.2  # seconds for a cancel
SLACK = 3  # times as long on a busy machine


@pytest.fixture
def fake(hub: FakeHub) -> FakeHub:
    """The one that is asked; in these tests a `hub` is the one that asks."""
    hub.add_model(REPO, files={NAME: FILE})
    return hub


@pytest.fixture(autouse=True)
def _pauses_are_short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retrying, "_FIRST_PAUSE", 0.05)


def in_a_loop(test):
    @functools.wraps(test)
    def run(*arguments, **named):
        asyncio.run(asyncio.wait_for(test(*arguments, **named), 60))

    return run


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _sha256_of(file: VirtualFile) -> str:
    return hashlib.sha256(file.read(0, file.size)).hexdigest()


def _ranges(fake: FakeHub) -> list[str]:
    return [request.headers["Range"] for request in fake.requests_of("cdn")]


def _fault(kind: Kind, where: str = "cdn", **details) -> list[Fault]:
    return [Fault(kind, where, **details)]


# What goes wrong and mends itself

MENDED = {
    "a cut": _fault(Kind.CUT, after_bytes=MB + 7),
    "three cuts": _fault(Kind.CUT, after_bytes=MB + 7, times=3),
    "a cut before much came": _fault(Kind.CUT, after_bytes=1000),
    "a reset": _fault(Kind.RESET, after_bytes=MB + 7),
    "a reset at the first byte": _fault(Kind.RESET),
    "a reset without an answer": _fault(Kind.RESET_AT_ONCE),
    "a reset without an answer of the Hub": _fault(Kind.RESET_AT_ONCE, "hub"),
    "a connection closed without an answer": _fault(Kind.CLOSE, times=2),
    "a connection closed without an answer of the Hub": _fault(Kind.CLOSE, "hub"),
    "a slow line": _fault(Kind.THROTTLE, speed=4 * MB),
    "a slow beginning": _fault(Kind.HANG, seconds=0.3),
    "a CDN that hangs": _fault(Kind.HANG),
    "a Hub that hangs": _fault(Kind.HANG, "hub"),
    "a stall": _fault(Kind.STALL, after_bytes=MB + 7),
    "the Hub asks for a pause": _fault(Kind.ANSWER, "hub", status=429, headers={"Retry-After": "1"}),
    "the Hub has limits": _fault(Kind.ANSWER, "hub", status=429, headers={"RateLimit": '"resolvers";r=0;t=1'}),
    "the CDN asks for a pause": _fault(Kind.ANSWER, status=429, headers={"Retry-After": "1"}),
    "the Hub has a problem": _fault(Kind.ANSWER, "hub", status=500),
    "the Hub is overloaded": _fault(Kind.ANSWER, "hub", status=503),
    "the Hub did not see the request": _fault(Kind.ANSWER, "hub", status=408),
    "the CDN has a problem": _fault(Kind.ANSWER, status=500),
    "the CDN is overloaded": _fault(Kind.ANSWER, status=503, headers={"Retry-After": "1"}),
    "the CDN has lost it": _fault(Kind.ANSWER, status=404),
    "an expired link": _fault(Kind.EXPIRED),
    "a cut and an expired link": _fault(Kind.CUT, after_bytes=MB + 7) + _fault(Kind.EXPIRED, skip=1),
    "a wrong size at the Hub": _fault(Kind.WITH, "hub", times=None, headers={"X-Linked-Size": "5000000"}),
    "no size at the Hub": _fault(Kind.WITHOUT, "hub", times=None, headers={"X-Linked-Size": ""}),
    "no hash at the Hub": _fault(Kind.WITHOUT, "hub", times=None, headers={"X-Linked-Etag": "", "ETag": ""}),
    "no commit at the Hub": _fault(Kind.WITHOUT, "hub", times=None, headers={"X-Repo-Commit": ""}),
    "a body that is too short": _fault(Kind.SHORT, count=1000),
    "a wrong bit": _fault(Kind.CORRUPT, position=2 * MB),
    "a redirect to itself": _fault(Kind.REDIRECT_LOOP, "hub", times=11),
    "a cut and the whole file": _fault(Kind.CUT, after_bytes=MB + 7) + _fault(Kind.IGNORE_RANGE, skip=1),
    "a cut, the whole file, and a cut in it": [
        *_fault(Kind.CUT, after_bytes=2 * MB, times=2),
        *_fault(Kind.IGNORE_RANGE, skip=1),
    ],
    "a cut and another part": _fault(Kind.CUT, after_bytes=MB + 7) + _fault(Kind.SHIFT, skip=1, count=7),
    "a cut and secretly another part": _fault(Kind.CUT, after_bytes=MB + 7)
    + _fault(Kind.SHIFT_UNTOLD, skip=1, count=7),
    "a page of a captive portal instead of the Hub": _fault(Kind.PORTAL, "hub"),
    "a page of a captive portal instead of the CDN": _fault(Kind.PORTAL),
    "a file of another size": _fault(Kind.ANSWER, body=b"something else", headers={"Content-Type": "binary/octet"}),
    "no length": _fault(Kind.CHUNKED, times=None),
    "no length and a cut": _fault(Kind.CHUNKED, times=None) + _fault(Kind.CUT, after_bytes=MB + 7),
    "no length, no range and a cut": [
        *_fault(Kind.CHUNKED, times=None),
        *_fault(Kind.IGNORE_RANGE, times=None),
        *_fault(Kind.CUT, after_bytes=MB + 7),
    ],
    "nothing more, too early": _fault(Kind.ANSWER, status=416),
}


@pytest.mark.parametrize("fault", MENDED.values(), ids=MENDED)
@in_a_loop
async def test_what_mends_itself_ends_in_the_right_bytes(fake, tmp_path, fault):
    async with Downloader(fake.endpoint, tmp_path) as downloader:
        plan = await downloader.plan(REPO, NAME)
        for part in fault:
            fake.faults.add(dataclasses.replace(part))
        path = await downloader.download(plan)
        assert path == downloader.models / REPO / NAME
        assert _sha256(path) == _sha256_of(FILE)
        assert not downloader.parts()


@in_a_loop
async def test_a_file_without_trouble_is_fetched_once(fake, tmp_path):
    async with Downloader(fake.endpoint, tmp_path) as downloader:
        await downloader.download(await downloader.plan(REPO, NAME))
        assert _ranges(fake) == ["bytes=0-"]
        assert fake.bytes_sent == FILE.size
        assert len(fake.requests_of("hub")) == 1


# What does not mend itself

REFUSED = {
    "a model that wants to know who asks": ({"gated": "auto"}, "", errors.TokenNeeded),
    "a model that nobody was let in to": ({"gated": "manual"}, "hf_not_granted", errors.AccessNotGranted),
    "a token without the permission": ({"gated": "auto"}, "hf_fine_grained", errors.TokenLacksPermission),
    "a gate and a token that is unknown": ({"gated": "auto"}, "hf_stale", errors.TokenRefused),
    "a private model": ({"private": True}, "hf_not_granted", errors.NotOnTheHub),
    "a disabled model": ({"disabled": True}, "", errors.ModelDisabled),
}


@pytest.mark.parametrize(("access", "token", "error"), REFUSED.values(), ids=REFUSED)
@in_a_loop
async def test_what_the_hub_refuses_is_told_at_once(fake, tmp_path, access, token, error):
    async with Downloader(fake.endpoint, tmp_path, token) as downloader:
        plan = await downloader.plan(REPO, NAME)
        for name, value in access.items():
            setattr(fake.models[REPO], name, value)
        with pytest.raises(error):
            await downloader.download(plan)
        assert not fake.requests_of("cdn")


FINAL = {
    "forbidden": (_fault(Kind.ANSWER, "hub", times=None, status=403), errors.HubRefused),
    "not found": (_fault(Kind.ANSWER, "hub", times=None, status=404), errors.NotOnTheHub),
    "for legal reasons": (_fault(Kind.ANSWER, "hub", times=None, status=451), errors.ModelDisabled),
    "always damaged": (_fault(Kind.CORRUPT, times=None, position=2 * MB), errors.DownloadDamaged),
}


@pytest.mark.parametrize(("fault", "error"), FINAL.values(), ids=FINAL)
@in_a_loop
async def test_what_never_mends_is_told(fake, tmp_path, fault, error):
    async with Downloader(fake.endpoint, tmp_path) as downloader:
        plan = await downloader.plan(REPO, NAME)
        fake.faults.add(dataclasses.replace(fault[0]))
        with pytest.raises(error):
            await downloader.download(plan)
        assert not list(downloader.models.rglob("*.gguf"))


@in_a_loop
async def test_a_damaged_download_is_fetched_twice_and_thrown_away(fake, tmp_path):
    async with Downloader(fake.endpoint, tmp_path) as downloader:
        plan = await downloader.plan(REPO, NAME)
        fake.faults.add(Fault(Kind.CORRUPT, times=None, position=FILE.size - 1))
        with pytest.raises(errors.DownloadDamaged):
            await downloader.download(plan)
        assert _ranges(fake) == ["bytes=0-"] * 2
        assert not downloader.parts()


@in_a_loop
async def test_a_token_that_became_unknown_does_not_break_a_public_model(fake, tmp_path):
    async with Downloader(fake.endpoint, tmp_path, token="hf_stale") as downloader:
        path = await downloader.download(await downloader.plan(REPO, NAME))
        assert _sha256(path) == _sha256_of(FILE)


@in_a_loop
async def test_a_token_opens_a_gated_model_and_is_not_shown_to_the_cdn(fake, tmp_path):
    fake.models[REPO].gated = "auto"
    async with Downloader(fake.endpoint, tmp_path, token=fake.token_ok) as downloader:
        await downloader.download(await downloader.plan(REPO, NAME))
        assert [request.token for request in fake.requests_of("hub")] == [fake.token_ok]
        assert [request.token for request in fake.requests_of("cdn")] == [""]


REFUSED_BODIES = {
    "a page": _fault(Kind.PORTAL, times=None),
    "a page of the Hub": _fault(Kind.PORTAL, "hub", times=None),
    "another file": _fault(Kind.ANSWER, times=None, body=bytes(FILE.size - 1)),
    "a packed file": _fault(Kind.WITH, times=None, headers={"Content-Encoding": "gzip"}),
}


@pytest.mark.parametrize("fault", REFUSED_BODIES.values(), ids=REFUSED_BODIES)
@in_a_loop
async def test_not_a_byte_is_kept_of_what_is_not_the_file(fake, tmp_path, fault):
    async with Downloader(fake.endpoint, tmp_path) as downloader:
        plan = await downloader.plan(REPO, NAME)
        fake.faults.add(dataclasses.replace(fault[0]))
        running = asyncio.create_task(downloader.download(plan))
        waiting = await downloader.until(lambda progress: progress.phase is Phase.WAITING)
        assert isinstance(waiting.error, errors.NotTheHub | errors.HubFailed)
        await _cancel(running)
        assert [part.stat().st_size for part in downloader.parts()] == [0]


@in_a_loop
async def test_more_than_was_announced_is_not_taken(fake, tmp_path):
    async with Downloader(fake.endpoint, tmp_path) as downloader:
        plan = await downloader.plan(REPO, NAME)
        longer = FILE.read(0, FILE.size) + b"and more"
        fake.faults.add(Fault(Kind.ANSWER, times=None, body=longer))
        fake.faults.add(Fault(Kind.CHUNKED, times=None))
        assert _sha256(await downloader.download(plan)) == _sha256_of(FILE)


# Waiting


@in_a_loop
async def test_it_waits_longer_after_each_try_that_got_nowhere_and_says_why(fake, tmp_path, monkeypatch):
    monkeypatch.setattr(retrying, "_FIRST_PAUSE", 1.0)
    async with Downloader(fake.endpoint, tmp_path) as downloader:
        plan = await downloader.plan(REPO, NAME)
        fake.faults.add(Fault(Kind.ANSWER, "hub", times=None, status=503))
        running = asyncio.create_task(downloader.download(plan))
        first = await downloader.until(lambda progress: progress.phase is Phase.WAITING)
        second = await downloader.until(lambda progress: progress.next_try == 2)
        assert first.next_try == 1
        assert isinstance(first.error, errors.HubFailed)
        assert isinstance(second.error, errors.HubFailed)
        assert second.error is not first.error
        await downloader.until(lambda progress: progress.next_try == 1)  # it counts down
        await _cancel(running)


@pytest.mark.parametrize(
    ("failures", "shortest", "longest"),
    [(0, 0.75, 1), (1, 0.75, 1), (2, 1.5, 2), (3, 3, 4), (7, 45, 60), (999, 45, 60)],
)
def test_the_pauses_double_up_to_a_minute(monkeypatch, failures, shortest, longest):
    monkeypatch.setattr(retrying, "_FIRST_PAUSE", 1.0)
    pauses = [retrying.pause(failures, errors.HubFailed()) for _ in range(100)]
    assert shortest <= min(pauses) < max(pauses) <= longest


@pytest.mark.parametrize(("asked_for", "granted"), [(90, 90), (3600, 600)])
def test_a_pause_that_the_hub_asks_for_is_kept_within_reason(asked_for, granted):
    assert retrying.pause(1, errors.RateLimited(retry_after=asked_for)) == granted


@in_a_loop
async def test_without_a_hub_it_waits_for_one(tmp_path):
    with FakeHub() as gone:
        gone.add_model(REPO, files={NAME: FILE})
        async with Downloader(gone.endpoint, tmp_path) as downloader:
            plan = await downloader.plan(REPO, NAME)
    async with Downloader(gone.endpoint, tmp_path) as downloader:
        running = asyncio.create_task(downloader.download(plan))
        waiting = await downloader.until(lambda progress: progress.phase is Phase.WAITING)
        assert isinstance(waiting.error, errors.NoConnection)
        await _cancel(running)


@in_a_loop
async def test_offline_ends_it_at_once_and_online_it_goes_on(fake, tmp_path):
    async with Downloader(fake.endpoint, tmp_path) as downloader:
        plan = await downloader.plan(REPO, NAME)
        fake.faults.add(dataclasses.replace(SLOW))
        running = asyncio.create_task(downloader.download(plan))
        await downloader.until(lambda progress: progress.received > MB // 2)
        downloader.network.set_offline(True)
        with pytest.raises(errors.Offline):
            await running
        there = downloader.parts()[0].stat().st_size
        assert there > MB // 2
        downloader.network.set_offline(False)
        fake.faults.clear()
        assert _sha256(await downloader.download(plan)) == _sha256_of(FILE)
        assert _ranges(fake)[-1] == f"bytes={there}-"


@in_a_loop
async def test_offline_also_ends_waiting(fake, tmp_path, monkeypatch):
    monkeypatch.setattr(retrying, "_FIRST_PAUSE", 60.0)
    async with Downloader(fake.endpoint, tmp_path) as downloader:
        plan = await downloader.plan(REPO, NAME)
        fake.faults.add(Fault(Kind.ANSWER, "hub", times=None, status=503))
        running = asyncio.create_task(downloader.download(plan))
        await downloader.until(lambda progress: progress.phase is Phase.WAITING)
        downloader.network.set_offline(True)
        with pytest.raises(errors.Offline):
            await running


@in_a_loop
async def test_what_is_all_there_is_verified_and_named_without_the_network(fake, tmp_path):
    async with Downloader(fake.endpoint, tmp_path) as downloader:
        plan = await downloader.plan(REPO, NAME)
        _leave_part(downloader, plan, FILE.read(0, FILE.size))
        downloader.network.set_offline(True)
        assert _sha256(await downloader.download(plan)) == _sha256_of(FILE)
        assert not fake.requests_of("cdn")


# Stopping and going on


async def _cancel(running: asyncio.Task) -> float:
    """Seconds it took."""
    began = time.monotonic()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    return time.monotonic() - began


def _leave_part(downloader: Downloader, plan, content: bytes) -> Path:
    """As an earlier run of the app may have."""
    target = downloader.models / plan.repo / plan.files[0].path
    target.parent.mkdir(parents=True)
    part = part_path(target, plan.files[0], plan.commit)
    part.write_bytes(content)
    return part


@in_a_loop
async def test_it_goes_on_at_the_byte_where_it_was_stopped(fake, tmp_path):
    async with Downloader(fake.endpoint, tmp_path) as downloader:
        plan = await downloader.plan(REPO, NAME)
        fake.faults.add(dataclasses.replace(SLOW))
        running = asyncio.create_task(downloader.download(plan))
        await downloader.until(lambda progress: progress.received > MB)
        await _cancel(running)
        (part,) = downloader.parts()
        there = part.stat().st_size
        assert part.read_bytes() == FILE.read(0, there)
        fake.faults.clear()
        fake.forget_requests()
        assert _sha256(await downloader.download(plan)) == _sha256_of(FILE)
        assert _ranges(fake) == [f"bytes={there}-"]
        assert fake.bytes_sent <= FILE.size - there + MB // 10  # the one that was left may have sent a piece more


@in_a_loop
async def test_each_cut_is_followed_by_a_request_for_the_rest_at_the_hub(fake, tmp_path):
    async with Downloader(fake.endpoint, tmp_path) as downloader:
        plan = await downloader.plan(REPO, NAME)
        fake.faults.add(Fault(Kind.CUT, after_bytes=MB + 7, times=3))
        await downloader.download(plan)
        assert _ranges(fake) == [f"bytes={number * (MB + 7)}-" for number in range(4)]
        assert len(fake.requests_of("hub")) == 4
        assert fake.bytes_sent == FILE.size


STATES = {
    "connecting to the Hub": (_fault(Kind.HANG, "hub", times=None), Phase.CONNECTING),
    "connecting to the CDN": (_fault(Kind.HANG, times=None), Phase.CONNECTING),
    "receiving": (_fault(Kind.THROTTLE, times=None, speed=MB), Phase.RECEIVING),
    "stalled": (_fault(Kind.STALL, times=None, after_bytes=MB), Phase.RECEIVING),
    "waiting": (_fault(Kind.ANSWER, "hub", times=None, status=429, headers={"Retry-After": "99"}), Phase.WAITING),
}


@pytest.mark.parametrize(("fault", "phase"), STATES.values(), ids=STATES)
@in_a_loop
async def test_it_stops_at_once_whatever_it_is_doing(fake, tmp_path, fault, phase):
    async with Downloader(fake.endpoint, tmp_path) as downloader:
        plan = await downloader.plan(REPO, NAME)
        fake.faults.add(dataclasses.replace(fault[0]))
        running = asyncio.create_task(downloader.download(plan))
        await downloader.until(lambda progress: progress.phase is phase)
        assert await _cancel(running) < MAY_TAKE * SLACK


@in_a_loop
async def test_it_stops_at_once_while_it_verifies(fake, tmp_path):
    huge = 60 << 30
    async with Downloader(fake.endpoint, tmp_path) as downloader:
        plan = dataclasses.replace(
            await downloader.plan(REPO, NAME), files=(HubFile(NAME, size=huge, sha256="0" * 64),)
        )
        os.truncate(_leave_part(downloader, plan, b""), huge)  # takes no room
        running = asyncio.create_task(downloader.download(plan))
        await downloader.until(lambda progress: 0 < progress.verified < 1)
        assert await _cancel(running) < MAY_TAKE * SLACK
        assert downloader.parts()


@pytest.mark.parametrize("looks", [1, 2])
@in_a_loop
async def test_it_stops_at_once_while_the_disk_does_not_answer(fake, tmp_path, looks):
    answers, is_asked = threading.Event(), threading.Event()
    left = itertools.count(looks - 1, -1)  # looks at the disk that are answered: one is before the first byte

    def stuck(_: Path) -> Space:
        if next(left) <= 0:
            is_asked.set()
            answers.wait()
        return MUCH_SPACE

    async with Downloader(fake.endpoint, tmp_path) as downloader:
        plan = await downloader.plan(REPO, NAME)
        running = asyncio.create_task(downloader.download(plan, stuck))
        await asyncio.to_thread(is_asked.wait)
        took = await _cancel(running)
        answers.set()
        assert took < MAY_TAKE * SLACK
        assert _sha256(await downloader.download(plan)) == _sha256_of(FILE)


@in_a_loop
async def test_it_can_be_stopped_before_it_began_and_then_go_on(fake, tmp_path):
    async with Downloader(fake.endpoint, tmp_path) as downloader:
        plan = await downloader.plan(REPO, NAME)
        for turns in range(12):
            running = asyncio.create_task(downloader.download(plan))
            for _ in range(turns):
                await asyncio.sleep(0)
            await _cancel(running)
        assert _sha256(await downloader.download(plan)) == _sha256_of(FILE)


@in_a_loop
async def test_two_downloads_of_a_file_do_not_write_to_the_same_part(fake, tmp_path):
    async with Downloader(fake.endpoint, tmp_path) as one, Downloader(fake.endpoint, tmp_path) as other:
        plan = await one.plan(REPO, NAME)
        fake.faults.add(dataclasses.replace(SLOW))
        first = asyncio.create_task(one.download(plan))
        await one.until(lambda progress: progress.received > 0)
        second = asyncio.create_task(other.download(plan))
        waiting = await other.until(lambda progress: progress.phase is Phase.WAITING)
        assert waiting.note == TAKEN
        assert await first == await second
        assert len(fake.requests_of("cdn")) == 1
        assert not one.parts()


# What is there already


@in_a_loop
async def test_a_file_that_has_its_name_is_not_fetched_again(fake, tmp_path):
    async with Downloader(fake.endpoint, tmp_path) as downloader:
        plan = await downloader.plan(REPO, NAME)
        path = await downloader.download(plan)
        fake.forget_requests()
        assert await downloader.download(plan) == path
        assert not fake.requests


@in_a_loop
async def test_another_file_of_that_name_is_left_alone_and_nothing_is_fetched(fake, tmp_path):
    async with Downloader(fake.endpoint, tmp_path) as downloader:
        plan = await downloader.plan(REPO, NAME)
        mine = downloader.models / REPO / NAME
        mine.parent.mkdir(parents=True)
        mine.write_bytes(b"mine")
        with pytest.raises(errors.ModelFolderUnusable, match=NAME):
            await downloader.download(plan)
        assert mine.read_bytes() == b"mine"
        assert not fake.requests_of("hub")


@in_a_loop
async def test_a_file_that_came_to_that_name_meanwhile_is_left_alone(fake, tmp_path):
    async with Downloader(fake.endpoint, tmp_path) as downloader:
        plan = await downloader.plan(REPO, NAME)
        fake.faults.add(dataclasses.replace(SLOW))
        running = asyncio.create_task(downloader.download(plan))
        await downloader.until(lambda progress: progress.received > 0)
        mine = downloader.models / REPO / NAME
        mine.write_bytes(b"mine")
        with pytest.raises(errors.ModelFolderUnusable):
            await running
        assert mine.read_bytes() == b"mine"
        assert [part.stat().st_size for part in downloader.parts()] == [FILE.size]


@in_a_loop
async def test_a_part_that_is_too_long_is_begun_anew(fake, tmp_path):
    async with Downloader(fake.endpoint, tmp_path) as downloader:
        plan = await downloader.plan(REPO, NAME)
        _leave_part(downloader, plan, bytes(FILE.size + 1))
        assert _sha256(await downloader.download(plan)) == _sha256_of(FILE)


@in_a_loop
async def test_a_part_that_is_wrong_is_found_out_and_fetched_once_more(fake, tmp_path):
    async with Downloader(fake.endpoint, tmp_path) as downloader:
        plan = await downloader.plan(REPO, NAME)
        _leave_part(downloader, plan, bytes(MB))
        assert _sha256(await downloader.download(plan)) == _sha256_of(FILE)
        assert _ranges(fake) == [f"bytes={MB}-", "bytes=0-"]


@in_a_loop
async def test_discarding_removes_the_parts_of_all_versions_and_nothing_else(fake, tmp_path):
    async with Downloader(fake.endpoint, tmp_path) as downloader:
        plan = await downloader.plan(REPO, NAME)
        part = _leave_part(downloader, plan, b"some bytes")
        folder = part.parent
        (folder / f"{NAME}.0123456789ab.part").touch()
        others = [folder / "notes.txt", folder / f"{NAME}.part", folder / "tiny.Q8_0.gguf.0123456789ab.part"]
        for other in others:
            other.touch()
        await discard(plan)
        assert sorted(folder.iterdir()) == sorted(others)


@in_a_loop
async def test_discarding_removes_folders_that_are_empty_then(fake, tmp_path):
    async with Downloader(fake.endpoint, tmp_path) as downloader:
        plan = await downloader.plan(REPO, NAME)
        _leave_part(downloader, plan, b"some bytes")
        await discard(plan)
        assert list(downloader.models.iterdir()) == []
        await discard(plan)


# A file that changes at the Hub


@in_a_loop
async def test_a_file_that_changed_between_two_runs_is_still_fetched_as_planned(fake, tmp_path):
    async with Downloader(fake.endpoint, tmp_path) as downloader:
        plan = await downloader.plan(REPO, NAME)
        fake.change_file(REPO, NAME, OTHER)
        assert _sha256(await downloader.download(plan)) == _sha256_of(FILE)


@in_a_loop
async def test_when_the_planned_commit_is_gone_the_newest_one_is_fetched(fake, tmp_path):
    async with Downloader(fake.endpoint, tmp_path) as downloader:
        plan = await downloader.plan(REPO, NAME)
        fake.faults.add(Fault(Kind.CUT, after_bytes=2 * MB))
        fake.faults.add(Fault(Kind.HANG, "hub", skip=1, seconds=0.4))
        running = asyncio.create_task(downloader.download(plan))
        await downloader.until(lambda progress: progress.phase is Phase.CONNECTING and progress.received > MB)
        fake.change_file(REPO, NAME, OTHER)
        del fake.models[REPO].versions[plan.commit]
        assert _sha256(await running) == _sha256_of(OTHER)
        assert CHANGED in downloader.notes()
        await discard(plan)
        assert not downloader.parts()


@in_a_loop
async def test_a_file_that_the_newest_commit_lacks_as_well_is_gone(fake, tmp_path):
    async with Downloader(fake.endpoint, tmp_path) as downloader:
        plan = await downloader.plan(REPO, NAME)
        model = fake.models[REPO]
        model.versions["f" * 40] = {}
        del model.versions[plan.commit]
        with pytest.raises(errors.FileNotOnTheHub):
            await downloader.download(plan)


@in_a_loop
async def test_a_file_that_is_missing_at_the_newest_commit_is_asked_for_once(fake, tmp_path):
    async with Downloader(fake.endpoint, tmp_path) as downloader:
        plan = dataclasses.replace(await downloader.plan(REPO, NAME), files=(HubFile("gone.gguf", 5, "0" * 64),))
        with pytest.raises(errors.FileNotOnTheHub):
            await downloader.download(plan)
        assert len(fake.requests_of("hub")) == 1


@in_a_loop
async def test_another_hash_at_the_same_commit_starts_that_file_over(fake, tmp_path):
    async with Downloader(fake.endpoint, tmp_path) as downloader:
        plan = await downloader.plan(REPO, NAME)
        fake.faults.add(Fault(Kind.CUT, after_bytes=2 * MB))
        fake.faults.add(Fault(Kind.HANG, "hub", skip=1, seconds=0.4))
        running = asyncio.create_task(downloader.download(plan))
        await downloader.until(lambda progress: progress.phase is Phase.CONNECTING and progress.received > MB)
        fake.change_file(REPO, NAME, OTHER)
        fake.models[REPO].versions[plan.commit] = fake.models[REPO].files()
        assert _sha256(await running) == _sha256_of(OTHER)
        assert CHANGED in downloader.notes()
        assert not downloader.parts()
        assert downloader.told[-1].total == OTHER.size


# Files of which the Hub says little


@in_a_loop
async def test_a_hash_that_the_plan_lacks_is_learned_from_the_answer(fake, tmp_path):
    async with Downloader(fake.endpoint, tmp_path) as downloader:
        plan = await downloader.plan(REPO, NAME)
        plan = dataclasses.replace(plan, files=(HubFile(NAME, size=-1),))
        fake.faults.add(Fault(Kind.CORRUPT, position=MB))
        assert _sha256(await downloader.download(plan)) == _sha256_of(FILE)
        assert len(fake.requests_of("cdn")) == 2
        assert UNVERIFIED not in downloader.notes()


@in_a_loop
async def test_without_any_hash_the_size_is_checked_and_a_note_says_so(fake, tmp_path):
    async with Downloader(fake.endpoint, tmp_path) as downloader:
        plan = await downloader.plan(REPO, NAME)
        plan = dataclasses.replace(plan, files=(HubFile(NAME, FILE.size),))
        fake.faults.add(Fault(Kind.WITHOUT, "hub", times=None, headers={"X-Linked-Etag": ""}))
        fake.faults.add(dataclasses.replace(SLOW))
        assert _sha256(await downloader.download(plan)) == _sha256_of(FILE)
        assert downloader.notes() == {UNVERIFIED}


@in_a_loop
async def test_a_file_of_unknown_size_and_hash_that_is_all_there_is_not_fetched_again(fake, tmp_path):
    async with Downloader(fake.endpoint, tmp_path) as downloader:
        plan = await downloader.plan(REPO, NAME)
        plan = dataclasses.replace(plan, files=(HubFile(NAME, size=-1),))
        _leave_part(downloader, plan, FILE.read(0, FILE.size))
        assert _sha256(await downloader.download(plan)) == _sha256_of(FILE)
        assert fake.bytes_sent == 0


@in_a_loop
async def test_a_small_file_that_the_hub_sends_itself_is_fetched(fake, tmp_path):
    fake.add_model("ada/words", files={"words.txt": b"some words"})
    async with Downloader(fake.endpoint, tmp_path) as downloader:
        path = await downloader.download(await downloader.plan("ada/words", "words.txt"))
        assert path.read_bytes() == b"some words"


@in_a_loop
async def test_an_empty_file_is_fetched(fake, tmp_path):
    fake.add_model("ada/nothing", files={"nothing.gguf": b""})
    async with Downloader(fake.endpoint, tmp_path) as downloader:
        path = await downloader.download(await downloader.plan("ada/nothing"))
        assert path.read_bytes() == b""


# Split models


@in_a_loop
async def test_the_parts_of_a_split_model_are_fetched_in_their_order_and_the_first_is_its_path(fake, tmp_path):
    fake.add_model("ada/big", files=SPLIT)
    async with Downloader(fake.endpoint, tmp_path) as downloader:
        fake.faults.add(Fault(Kind.THROTTLE, speed=8 * MB, times=None))
        path = await downloader.download(await downloader.plan("ada/big"))
        assert path.name == min(SPLIT)
        assert {file.name: _sha256(file) for file in path.parent.iterdir()} == {
            name: _sha256_of(file) for name, file in SPLIT.items()
        }
        received = [progress.received for progress in downloader.told]
        assert received == sorted(received)
        assert 4 * MB < received[-1] <= downloader.told[-1].total == 6 * MB


@in_a_loop
async def test_no_part_of_a_split_model_has_its_name_before_all_are_right(fake, tmp_path):
    fake.add_model("ada/big", files=SPLIT)
    async with Downloader(fake.endpoint, tmp_path) as downloader:
        plan = await downloader.plan("ada/big")
        fake.faults.add(Fault(Kind.CUT, skip=2, after_bytes=MB, times=None))
        fake.faults.add(Fault(Kind.ANSWER, "hub", skip=3, times=None, status=403))
        with pytest.raises(errors.HubRefused):
            await downloader.download(plan)
        assert [part.stat().st_size for part in downloader.parts()] == [MB, 2 * MB, MB]
        assert not list(downloader.models.rglob("*.gguf"))
        fake.faults.clear()
        fake.forget_requests()
        await downloader.download(plan)
        assert fake.bytes_sent == 2 * MB
        assert len(list(downloader.models.rglob("*.gguf"))) == 3


@in_a_loop
async def test_a_split_model_whose_naming_was_interrupted_is_completed(fake, tmp_path):
    fake.add_model("ada/big", files=SPLIT)
    async with Downloader(fake.endpoint, tmp_path) as downloader:
        plan = await downloader.plan("ada/big")
        first = await downloader.download(plan)
        first.rename(part_path(first, plan.files[0], plan.commit))
        fake.forget_requests()
        assert _sha256(await downloader.download(plan)) == _sha256_of(SPLIT[first.name])
        assert not fake.requests


# Files of any size

HUGE = VirtualFile(60 << 30, seed=3)


@in_a_loop
async def test_sixty_gigabytes_begin_go_on_far_inside_and_stop(fake, tmp_path):
    fake.add_model("ada/huge", files={"huge.gguf": HUGE})
    async with Downloader(fake.endpoint, tmp_path) as downloader:
        plan = await downloader.plan("ada/huge", "huge.gguf")
        running = asyncio.create_task(downloader.download(plan, lambda _: MUCH_SPACE))
        progress = await downloader.until(lambda progress: progress.received > MB and progress.seconds_left > 0)
        assert progress.total == HUGE.size
        await _cancel(running)
        (part,) = downloader.parts()
        there = HUGE.size - 3 * MB
        os.truncate(part, there)  # takes no room
        fake.forget_requests()
        running = asyncio.create_task(downloader.download(plan, lambda _: MUCH_SPACE))
        await downloader.until(lambda progress: progress.phase is Phase.VERIFYING)
        await _cancel(running)
        assert _ranges(fake) == [f"bytes={there}-"]
        with part.open("rb") as file:
            file.seek(there)
            assert file.read() == HUGE.read(there, HUGE.size)


# Room on the disk


@in_a_loop
async def test_without_enough_room_nothing_is_fetched_and_it_is_told_how_much_is_missing(fake, tmp_path):
    async with Downloader(fake.endpoint, tmp_path) as downloader:
        plan = await downloader.plan(REPO, NAME)
        space = Space(total=1 << 40, free=(1 << 30) + 3 * (1 << 20))
        with pytest.raises(errors.NotEnoughSpace) as caught:
            await downloader.download(plan, lambda _: space)
        assert caught.value.detail == "free 1.0 GiB, 834 KiB more needed"
        assert not fake.requests_of("hub")


@in_a_loop
async def test_what_is_there_already_is_not_counted_as_needed(fake, tmp_path):
    async with Downloader(fake.endpoint, tmp_path) as downloader:
        plan = await downloader.plan(REPO, NAME)
        _leave_part(downloader, plan, FILE.read(0, 3 * MB))
        space = Space(total=1 << 40, free=(1 << 30) + MB)
        assert _sha256(await downloader.download(plan, lambda _: space)) == _sha256_of(FILE)


@in_a_loop
async def test_of_a_small_disk_less_is_left_free(fake, tmp_path):
    async with Downloader(fake.endpoint, tmp_path) as downloader:
        plan = await downloader.plan(REPO, NAME)
        space = Space(total=1000 * MB, free=24 * MB)
        assert _sha256(await downloader.download(plan, lambda _: space)) == _sha256_of(FILE)


@in_a_loop
async def test_when_others_fill_the_disk_it_stops_at_the_reserve_and_goes_on_later(fake, tmp_path):
    async with Downloader(fake.endpoint, tmp_path) as downloader:
        plan = await downloader.plan(REPO, NAME)

        def filling(_: Path) -> Space:
            taken = sum(part.stat().st_size for part in downloader.parts())
            return Space(total=1 << 40, free=(1 << 30) + 4 * MB - 3 * taken)

        with pytest.raises(errors.NotEnoughSpace, match=r"free 1\.0 GiB$"):
            await downloader.download(plan, filling)
        there = downloader.parts()[0].stat().st_size
        assert MB <= there < FILE.size
        fake.forget_requests()
        assert _sha256(await downloader.download(plan)) == _sha256_of(FILE)
        assert _ranges(fake) == [f"bytes={there}-"]


@pytest.mark.skipif(sys.platform == "win32", reason="needs a limit that Windows does not have")
@in_a_loop
async def test_a_file_system_that_takes_no_larger_file_is_told_about(fake, tmp_path):
    async with Downloader(fake.endpoint, tmp_path) as downloader:
        plan = await downloader.plan(REPO, NAME)
        with largest_file(2 * MB), pytest.raises(errors.NotEnoughSpace, match="FAT32"):
            await downloader.download(plan)
        assert [part.stat().st_size for part in downloader.parts()] == [2 * MB]


@pytest.mark.parametrize("name", ["ENOSPC", "EDQUOT", "EFBIG"])
def test_a_disk_without_room_is_one_failure_whatever_the_system_calls_it(name):
    import errno

    with pytest.raises(errors.NotEnoughSpace), disk_errors_translated(Path("x")):
        raise OSError(getattr(errno, name), name)


@in_a_loop
async def test_a_folder_that_cannot_be_written_to_is_told(fake, tmp_path):
    async with Downloader(fake.endpoint, tmp_path) as downloader:
        plan = await downloader.plan(REPO, NAME)
        (downloader.models / "ada").write_bytes(b"a file where a folder should be")
        with pytest.raises(errors.ModelFolderUnusable):
            await downloader.download(plan)


@in_a_loop
async def test_the_folder_of_a_drive_that_is_not_connected_is_not_made(fake, tmp_path):
    async with Downloader(fake.endpoint, tmp_path) as downloader:
        plan = dataclasses.replace(await downloader.plan(REPO, NAME), folder=tmp_path / "drive" / "models")
        with pytest.raises(errors.ModelFolderUnusable, match="is not there"):
            await downloader.download(plan)
        assert not (tmp_path / "drive").exists()


# Names that lead elsewhere


@pytest.mark.parametrize(
    "name",
    ["../../../evil.gguf", "/etc/evil.gguf", "C:\\evil.gguf", "tiny.gguf:hidden", "CON.gguf", "a/../../b.gguf", ""],
)
@in_a_loop
async def test_a_name_that_is_not_safe_is_refused_before_anything_is_made(fake, tmp_path, name):
    async with Downloader(fake.endpoint, tmp_path) as downloader:
        plan = dataclasses.replace(await downloader.plan(REPO, NAME), files=(HubFile(name, 5, "0" * 64),))
        with pytest.raises(errors.UnsafeFileName):
            await downloader.download(plan)
        await discard(plan)
        assert list(downloader.models.iterdir()) == []


@in_a_loop
async def test_a_link_that_leads_out_of_the_folder_is_not_followed(fake, tmp_path):
    fake.change_file(REPO, f"sub/deep/{NAME}", FILE)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    async with Downloader(fake.endpoint, tmp_path) as downloader:
        plan = await downloader.plan(REPO, f"sub/deep/{NAME}")
        (downloader.models / REPO).mkdir(parents=True)
        (downloader.models / REPO / "sub").symlink_to(elsewhere)
        with pytest.raises(errors.UnsafeFileName):
            await downloader.download(plan)
        assert list(elsewhere.iterdir()) == []


@in_a_loop
async def test_a_file_in_a_folder_of_the_model_lands_in_that_folder(fake, tmp_path):
    fake.change_file(REPO, f"Q4_K_M/{NAME}", FILE)
    async with Downloader(fake.endpoint, tmp_path) as downloader:
        path = await downloader.download(await downloader.plan(REPO, f"Q4_K_M/{NAME}"))
        assert path == downloader.models / REPO / "Q4_K_M" / NAME


# What is told


@in_a_loop
async def test_it_tells_how_far_how_fast_and_how_long_but_not_too_often(fake, tmp_path):
    async with Downloader(fake.endpoint, tmp_path) as downloader:
        plan = await downloader.plan(REPO, NAME)
        fake.faults.add(dataclasses.replace(SLOW))
        began = time.monotonic()
        await downloader.download(plan)
        seconds = time.monotonic() - began
        assert len(downloader.told) <= 10 * seconds + 1
        receiving = [progress for progress in downloader.told if progress.phase is Phase.RECEIVING]
        received = [progress.received for progress in receiving]
        assert received == sorted(received)
        assert all(progress.total == FILE.size for progress in downloader.told)
        late = receiving[-1]
        assert 2 * MB < late.speed < 8 * MB
        assert late.seconds_left == pytest.approx((FILE.size - late.received) / late.speed)


@in_a_loop
async def test_a_download_that_goes_on_begins_with_what_is_there(fake, tmp_path):
    async with Downloader(fake.endpoint, tmp_path) as downloader:
        plan = await downloader.plan(REPO, NAME)
        _leave_part(downloader, plan, FILE.read(0, 3 * MB))
        await downloader.download(plan)
        assert downloader.told[0].phase is Phase.CONNECTING
        assert downloader.told[0].received == 3 * MB
