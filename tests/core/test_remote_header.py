"""Stand-ins through the real network and Hub client, against a Hub on loopback, and what llama.cpp says of them."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import os
import struct
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from app.core import errors, remote_header
from app.core.gguf import check_file, parse_header, read_header
from app.core.gguf_tables import TENSOR_TYPES
from app.core.hub import Hub
from app.core.hub_model import HubFile
from app.core.ledger import Ledger
from app.core.remote_header import NoStandIn, fetch_header, fetch_headers
from tests.core.loopback import in_a_loop, until
from tests.downloading import HastyNetwork, largest_file
from tests.fake_hub import FakeHub, Fault, Kind, VirtualFile, refusal
from tests.gguf_writer import HUGE, Shape, write_container, write_gguf

MIB = 1 << 20
REPO = "ada/tiny-GGUF"
NAME = "tiny.Q4_K_M.gguf"
WORDY = Shape(layers=2, width=32, heads=4, kv_heads=2, ff=64, vocabulary=64_000)  # its header has more than 1 MiB


@dataclass(frozen=True)
class FileOnDisk(VirtualFile):
    """Served from there, however large it is."""

    path: Path = Path()

    def pieces(self, start: int, stop: int) -> Iterator[memoryview]:
        with self.path.open("rb") as file:
            file.seek(start)
            while start < stop:
                piece = file.read(min(MIB, stop - start))
                yield memoryview(piece)
                start += len(piece)


@pytest.fixture
def fake(hub: FakeHub) -> FakeHub:
    """The one that is asked; in these tests a `hub` is the one that asks."""
    return hub


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "data" / "headers"


@asynccontextmanager
async def _asking(fake: FakeHub, folder: Path, *, offline: bool = False) -> AsyncIterator[Hub]:
    """Paddock's side."""
    folder.parent.mkdir(exist_ok=True)
    network = HastyNetwork(Ledger(folder.parent / "ledger.db"), offline=offline)
    try:
        yield Hub(network, lambda: "", fake.endpoint)
    finally:
        await network.close()


def _add(fake: FakeHub, *paths: Path) -> list[HubFile]:
    """Puts files into the Hub. Returns what it says of them."""
    model = fake.add_model(REPO, {path.name: FileOnDisk(path.stat().st_size, path=path) for path in paths})
    files = model.files() or {}
    return [HubFile(path.name, files[path.name].size, files[path.name].sha256) for path in paths]


def _small(tmp_path: Path, name: str = NAME, **details) -> Path:
    return write_gguf(tmp_path / name, sparse=True, name=name, **details)


async def _fetch(fake: FakeHub, file: HubFile, folder: Path, *, offline: bool = False) -> Path:
    async with _asking(fake, folder, offline=offline) as hub:
        return await fetch_header(hub, REPO, fake.models[REPO].commit, file, folder)


async def _fetch_all(fake: FakeHub, files: list[HubFile], folder: Path) -> Path:
    async with _asking(fake, folder) as hub:
        return await fetch_headers(hub, REPO, fake.models[REPO].commit, files, folder)


def _ranges(fake: FakeHub) -> list[str]:
    return [request.headers["Range"] for request in fake.requests_of("cdn")]


def _received(folder: Path) -> int:
    """Bytes of all answers."""
    ledger = Ledger(folder.parent / "ledger.db")
    try:
        return sum(entry.received for entry in ledger.newest(1000))
    finally:
        ledger.close()


def _same(stand_in: Path, real: Path) -> bool:
    """Whether they are as long, and everything that is read of a header is the same."""
    with stand_in.open("rb") as one, real.open("rb") as other:
        headers = [parse_header(file) for file in (one, other)]
        one.seek(0), other.seek(0)
        length = headers[1].data_offset
        return (
            headers[0] == headers[1]
            and one.read(length) == other.read(length)
            and stand_in.stat().st_size == real.stat().st_size
        )


# --- what is fetched -----------------------------------------------------------------------------------------------


@in_a_loop
async def test_a_stand_in_has_the_header_and_the_length_of_the_file_and_is_named_after_its_hash(fake, folder, tmp_path):
    real = _small(tmp_path)
    [file] = _add(fake, real)
    stand_in = await _fetch(fake, file, folder)
    assert stand_in == folder / f"{file.sha256}.gguf"
    assert _same(stand_in, real)
    assert check_file(stand_in) == check_file(real)
    assert _ranges(fake) == ["bytes=0-1048575"]


@in_a_loop
async def test_a_header_longer_than_the_first_step_is_fetched_on_from_there(fake, folder, tmp_path):
    real = _small(tmp_path, shape=WORDY)
    [file] = _add(fake, real)
    assert _same(await _fetch(fake, file, folder), real)
    assert _ranges(fake) == ["bytes=0-1048575", "bytes=1048576-8388607"]
    assert MIB < read_header(real).data_offset < 8 * MIB == fake.bytes_sent


@in_a_loop
async def test_a_stand_in_for_a_file_of_hundreds_of_gigabytes_takes_a_few_megabytes(fake, folder, tmp_path):
    real = _small(tmp_path, shape=HUGE)
    [file] = _add(fake, real)
    stand_in = await _fetch(fake, file, folder)
    assert _same(stand_in, real)
    assert stand_in.stat().st_size > 190_000_000_000
    assert remote_header._bytes_on_disk(stand_in) <= MIB == fake.bytes_sent


@pytest.mark.parametrize("skip", [0, 1], ids=["from the first answer on", "in the second answer"])
@in_a_loop
async def test_a_server_that_ignores_ranges_is_stopped_once_the_header_is_there(fake, folder, tmp_path, skip):
    real = _small(tmp_path, shape=dataclasses.replace(HUGE, vocabulary=64_000))
    [file] = _add(fake, real)
    fake.faults.add(Fault(Kind.IGNORE_RANGE, skip=skip, times=None))
    assert _same(await _fetch(fake, file, folder), real)
    assert len(_ranges(fake)) == 1 + skip
    assert _received(folder) < 12 * MIB


@in_a_loop
async def test_a_file_of_which_the_hub_knows_nothing_gets_its_size_from_the_answer(fake, folder, tmp_path):
    real = _small(tmp_path)
    _add(fake, real)
    assert _same(await _fetch(fake, HubFile(NAME, -1), folder), real)


@in_a_loop
async def test_where_nobody_says_how_long_the_file_is_there_is_no_stand_in(fake, folder, tmp_path):
    _add(fake, _small(tmp_path))
    fake.faults.add(Fault(Kind.WITH, headers={"Content-Range": "bytes 0-1048575/*"}))
    fake.faults.add(Fault(Kind.WITHOUT, "hub", headers={"X-Linked-Size": ""}))
    with pytest.raises(NoStandIn, match="how long"):
        await _fetch(fake, HubFile(NAME, -1), folder)


# --- what is refused -----------------------------------------------------------------------------------------------


def _endless(path: Path, size: int = 1 << 32) -> Path:
    """A GGUF whose first value is an array that does not end."""
    write_container(path, {"general.architecture": "llama"})
    begin = path.read_bytes()[:24] + struct.pack("<Q4sIIQ", 4, b"many", 9, 0, 1 << 40)
    path.write_bytes(begin)
    os.truncate(path, size)
    return path


@in_a_loop
async def test_of_a_header_that_does_not_end_no_more_is_fetched_than_a_header_may_have(fake, folder, tmp_path):
    [file] = _add(fake, _endless(tmp_path / NAME))
    with pytest.raises(errors.DamagedModel):
        await _fetch(fake, file, folder)
    assert fake.bytes_sent == 64 * MIB
    assert len(_ranges(fake)) == 5


@in_a_loop
async def test_nor_is_more_taken_from_a_server_that_ignores_ranges(fake, folder, tmp_path):
    [file] = _add(fake, _endless(tmp_path / NAME))
    fake.faults.add(Fault(Kind.IGNORE_RANGE, times=None))
    with pytest.raises((errors.DamagedModel, NoStandIn)):
        await _fetch(fake, file, folder)
    assert _received(folder) < 65 * MIB


@in_a_loop
async def test_nor_for_a_model_of_many_such_parts(fake, folder, tmp_path):
    paths = [_endless(tmp_path / f"x-{number:05}-of-00009.gguf", (1 << 32) + number) for number in range(1, 10)]
    files = _add(fake, *paths)
    with pytest.raises((errors.DamagedModel, NoStandIn)):
        await _fetch_all(fake, files, folder)
    assert _received(folder) < 65 * MIB


@in_a_loop
async def test_what_is_no_gguf_file_is_refused_by_its_first_bytes(fake, folder, tmp_path):
    fake.add_model(REPO, {NAME: VirtualFile(50_000_000)})
    with pytest.raises(errors.NotAModel):
        await _fetch(fake, HubFile(NAME, 50_000_000), folder)
    assert len(_ranges(fake)) == 1


@in_a_loop
async def test_a_file_that_ends_within_its_header_is_cut_short(fake, folder, tmp_path):
    real = _small(tmp_path)
    os.truncate(real, 1000)
    [file] = _add(fake, real)
    with pytest.raises(errors.ModelCutShort):
        await _fetch(fake, file, folder)


OTHER_FILE = {"Content-Type": "binary/octet"}
FAILURES = {
    "a cut": (Fault(Kind.CUT, after_bytes=1000), errors.NoConnection),
    "a reset": (Fault(Kind.RESET, after_bytes=1000), errors.NoConnection),
    "a connection closed without an answer": (Fault(Kind.CLOSE, times=None), errors.NoConnection),
    "a stall": (Fault(Kind.STALL, after_bytes=1000), errors.NoAnswer),
    "a CDN that hangs": (Fault(Kind.HANG), errors.NoAnswer),
    "a page of a captive portal instead of the Hub": (Fault(Kind.PORTAL, "hub"), errors.NotTheHub),
    "a page of a captive portal instead of the CDN": (Fault(Kind.PORTAL), errors.NotTheHub),
    "a file of another length": (Fault(Kind.ANSWER, body=b"GGUF", headers=OTHER_FILE), errors.NotTheHub),
    "another file": (Fault(Kind.WITH, "hub", headers={"X-Linked-Etag": f'"{"0" * 64}"'}), errors.HubFailed),
    "another part": (Fault(Kind.SHIFT, count=7), errors.HubFailed),
    "less than was asked for": (Fault(Kind.SHORT, count=7), errors.HubFailed),
    "a packed file": (Fault(Kind.WITH, headers={"Content-Encoding": "gzip"}), errors.HubFailed),
    "a part of unknown place": (Fault(Kind.WITHOUT, headers={"Content-Range": ""}), errors.HubFailed),
    "a part that does not exist": (Fault(Kind.WITH, headers={"Content-Range": "bytes 0-1/2"}), errors.HubFailed),
    "an expired link": (Fault(Kind.EXPIRED), errors.HubFailed),
    "a CDN with a problem": (Fault(Kind.ANSWER, status=500), errors.HubFailed),
    "a CDN that asks for a pause": (Fault(Kind.ANSWER, status=429), errors.RateLimited),
    "a gated model": (refusal(401, code="GatedRepo"), errors.TokenNeeded),
    "a file that is gone": (refusal(404, code="EntryNotFound"), errors.FileNotOnTheHub),
}


@pytest.mark.parametrize("name", FAILURES)
@in_a_loop
async def test_a_failure_is_told_as_it_is_and_leaves_nothing_behind(fake, folder, tmp_path, name):
    fault, expected = FAILURES[name]
    real = _small(tmp_path)
    [file] = _add(fake, real)
    fake.faults.add(dataclasses.replace(fault))
    with pytest.raises(errors.NetworkError) as raised:
        await _fetch(fake, file, folder)
    assert type(raised.value) is expected
    assert not folder.exists()
    fake.faults.clear()
    assert _same(await _fetch(fake, file, folder), real)


@in_a_loop
async def test_a_fetch_is_cancelled_at_once_while_nothing_comes(fake, folder, tmp_path):
    [file] = _add(fake, _small(tmp_path))
    fake.faults.add(Fault(Kind.STALL, after_bytes=1000))
    async with _asking(fake, folder) as hub:
        fetching = asyncio.create_task(fetch_header(hub, REPO, fake.models[REPO].commit, file, folder))
        await until(lambda: fake.bytes_sent or fetching.done())
        began = time.monotonic()
        fetching.cancel()
        with pytest.raises(asyncio.CancelledError):
            await fetching
        assert time.monotonic() - began < 0.6
    assert not folder.exists()


# --- what is kept --------------------------------------------------------------------------------------------------


@in_a_loop
async def test_a_file_that_was_asked_for_before_needs_no_network(fake, folder, tmp_path):
    [file] = _add(fake, _small(tmp_path))
    first = await _fetch(fake, file, folder)
    fake.forget_requests()
    assert await _fetch(fake, file, folder, offline=True) == first
    assert fake.requests == []


@in_a_loop
async def test_the_same_file_under_another_name_needs_no_network_either(fake, folder, tmp_path):
    [file] = _add(fake, _small(tmp_path))
    first = await _fetch(fake, file, folder)
    assert await _fetch(fake, dataclasses.replace(file, path="copy.gguf"), folder, offline=True) == first


@in_a_loop
async def test_a_stand_in_of_the_wrong_length_is_made_again(fake, folder, tmp_path):
    real = _small(tmp_path)
    [file] = _add(fake, real)
    os.truncate(await _fetch(fake, file, folder), 10)
    assert _same(await _fetch(fake, file, folder), real)


@in_a_loop
async def test_a_file_without_a_hash_is_known_by_its_commit_and_only_in_this_session(
    fake, folder, tmp_path, monkeypatch
):
    _add(fake, _small(tmp_path))
    file = HubFile(NAME, -1)
    first = await _fetch(fake, file, folder)
    assert await _fetch(fake, file, folder, offline=True) == first
    fake.models[REPO].put({})  # another commit
    assert await _fetch(fake, file, folder) != first
    monkeypatch.setattr(remote_header, "_SESSION", "the next one")
    with pytest.raises(errors.Offline):
        await _fetch(fake, file, folder, offline=True)


@in_a_loop
async def test_the_stand_ins_used_longest_ago_make_room_for_new_ones(fake, folder, tmp_path, monkeypatch):
    files = _add(fake, *(_small(tmp_path, f"{name}.gguf") for name in "abcd"))
    a, b, c = [await _fetch(fake, file, folder) for file in files[:3]]
    for path, used_at in ((a, 1000), (b, 2000), (c, 3000)):
        os.utime(path, (used_at, used_at))
    await _fetch(fake, files[0], folder, offline=True)
    foreign = folder / "notes.txt"
    foreign.write_text("x" * MIB)
    monkeypatch.setattr(remote_header, "_MOST_KEPT", 3 * remote_header._bytes_on_disk(a))
    d = await _fetch(fake, files[3], folder)
    assert set(folder.iterdir()) == {a, c, d, foreign}


@in_a_loop
async def test_the_stand_in_that_is_asked_for_stays_even_if_there_is_no_room_for_it(
    fake, folder, tmp_path, monkeypatch
):
    monkeypatch.setattr(remote_header, "_MOST_KEPT", 0)
    files = _add(fake, _small(tmp_path, "a.gguf"), _small(tmp_path, "b.gguf"))
    for file in files:
        path = await _fetch(fake, file, folder)
        assert list(folder.iterdir()) == [path]


@in_a_loop
async def test_a_folder_that_cannot_be_written_to_means_no_stand_in(fake, folder, tmp_path):
    [file] = _add(fake, _small(tmp_path))
    folder.parent.mkdir()
    folder.write_text("a file is in the way")
    with pytest.raises(NoStandIn):
        await _fetch(fake, file, folder)


@pytest.mark.skipif(sys.platform == "win32", reason="has no such limit")
@in_a_loop
async def test_a_file_system_that_takes_no_file_of_that_length_means_no_stand_in(fake, folder, tmp_path):
    [file] = _add(fake, _small(tmp_path, shape=HUGE))
    with largest_file(1 << 32), pytest.raises(NoStandIn):
        await _fetch(fake, file, folder)
    assert list(folder.iterdir()) == []


@pytest.mark.skipif(sys.platform == "win32", reason="has a switch for it")
def test_a_file_system_that_fills_holes_with_zeros_is_found_out(tmp_path):
    with (tmp_path / "file").open("wb") as file:
        file.write(bytes(MIB))  # as FAT does
        file.flush()
        os.fsync(file.fileno())
        with pytest.raises(NoStandIn, match="holes"):
            remote_header._allow_holes(file.fileno())


# --- split models --------------------------------------------------------------------------------------------------


def _split(whole: Path, count: int) -> list[Path]:
    """Writes the model again, in parts without weights, as llama-gguf-split does. Returns them."""
    header, data = read_header(whole), whole.read_bytes()
    types = {name: number for number, (name, _, _) in TENSOR_TYPES.items()}
    values = data[24 : data.index(_string(header.tensors[0].name))]
    paths = [whole.with_name(f"{whole.stem}-{number:05}-of-{count:05}.gguf") for number in range(1, count + 1)]
    for number, path in enumerate(paths):
        tensors = header.tensors[number::count]
        value_count = 3 + (len(header.metadata) if number == 0 else 0)
        part = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), value_count) + (values if number == 0 else b"")
        part += _string("split.no") + struct.pack("<IH", 2, number)
        part += _string("split.count") + struct.pack("<IH", 2, count)
        part += _string("split.tensors.count") + struct.pack("<Ii", 5, len(header.tensors))
        offset = 0
        for tensor in tensors:
            part += _string(tensor.name) + struct.pack(f"<I{len(tensor.shape)}Q", len(tensor.shape), *tensor.shape)
            part += struct.pack("<IQ", types[tensor.type], offset)
            offset += -(-tensor.size // 32) * 32
        path.write_bytes(part)
        os.truncate(path, -(-len(part) // 32) * 32 + offset)
    return paths


def _string(text: str) -> bytes:
    return struct.pack("<Q", len(text)) + text.encode()


@in_a_loop
async def test_the_parts_of_a_split_model_lie_beside_each_other_under_the_names_that_are_looked_for(
    fake, folder, tmp_path
):
    parts = _split(_small(tmp_path, "big.gguf"), 3)
    first = await _fetch_all(fake, _add(fake, *parts), folder)
    stand_ins = [first.with_name(f"model-0000{number}-of-00003.gguf") for number in (1, 2, 3)]
    assert first == stand_ins[0]
    assert sorted(first.parent.iterdir()) == stand_ins
    assert all(map(_same, stand_ins, parts))
    assert check_file(first) == check_file(parts[0])
    assert _ranges(fake) == ["bytes=0-1048575", "bytes=0-131071", "bytes=0-131071"]


@in_a_loop
async def test_of_a_split_model_only_the_parts_that_are_not_there_are_fetched(fake, folder, tmp_path):
    files = _add(fake, *_split(_small(tmp_path, "big.gguf"), 3))
    first = await _fetch_all(fake, files, folder)
    fake.forget_requests()
    first.with_name("model-00002-of-00003.gguf").unlink()
    assert await _fetch_all(fake, files, folder) == first
    assert len(_ranges(fake)) == 1


@in_a_loop
async def test_a_part_that_fails_is_told_like_a_file_that_fails(fake, folder, tmp_path):
    files = _add(fake, *_split(_small(tmp_path, "big.gguf"), 3))
    fake.faults.add(refusal(404, code="EntryNotFound", match="00002-of", times=None))
    with pytest.raises(errors.FileNotOnTheHub):
        await _fetch_all(fake, files, folder)


@in_a_loop
async def test_a_split_model_makes_room_like_a_file(fake, folder, tmp_path, monkeypatch):
    [whole, *parts] = _add(fake, _small(tmp_path), *_split(_small(tmp_path, "big.gguf"), 2))
    monkeypatch.setattr(remote_header, "_MOST_KEPT", 0)
    first = await _fetch_all(fake, parts, folder)
    assert list(folder.iterdir()) == [first.parent]
    other = await _fetch(fake, whole, folder)
    assert list(folder.iterdir()) == [other]


@in_a_loop
async def test_a_model_that_is_one_file_is_fetched_as_one(fake, folder, tmp_path):
    files = _add(fake, _small(tmp_path))
    assert await _fetch_all(fake, files, folder) == await _fetch(fake, files[0], folder, offline=True)


@in_a_loop
async def test_a_model_of_more_parts_than_any_has_is_not_asked_for(fake, folder):
    with pytest.raises(NoStandIn, match="10000 parts"):
        async with _asking(fake, folder) as hub:
            await fetch_headers(hub, REPO, "main", [HubFile(NAME, 1)] * 10_000, folder)
    assert fake.requests == []


# --- llama.cpp -----------------------------------------------------------------------------------------------------

# Loads each file named on the command line without allocating anything, and prints what llama.cpp says of buffers.
SIMULATED_LOAD = r"""
import ctypes, json, re, sys
import llama_cpp.llama_cpp as lib

said = []
callback = lib.llama_log_callback(lambda level, text, data: said.append(text.decode("utf-8", "replace")))
lib.llama_log_set(callback, ctypes.c_void_p(0))
lib.llama_backend_init()
found = {}
for path in sys.argv[1:]:
    said.clear()
    parameters = lib.llama_model_default_params()
    parameters.no_alloc, parameters.load_mode = True, lib.LLAMA_LOAD_MODE_NONE
    model = lib.llama_model_load_from_file(path.encode(), parameters)
    parameters = lib.llama_context_default_params()
    parameters.n_ctx = 2048
    context = model and lib.llama_init_from_model(model, parameters)
    if context:
        pattern = r"(?:llama_kv_cache: size = .*|compute buffer size = .*|file size += .*|model params += .*)"
        found[path] = re.findall(pattern, "".join(said))
        lib.llama_free(context)
    if model:
        lib.llama_model_free(model)
print(json.dumps(found))
"""


def _simulated_loads(*paths: Path) -> dict[str, list[str]]:
    arguments = [sys.executable, "-c", SIMULATED_LOAD, *map(str, paths)]
    ended = subprocess.run(arguments, capture_output=True, timeout=120, check=True)
    return json.loads(ended.stdout.splitlines()[-1])


@pytest.mark.model
def test_llama_cpp_says_the_same_of_a_stand_in_as_of_the_file(fake, folder, tmp_path):
    real = [
        write_gguf(tmp_path / "small.gguf"),
        _small(tmp_path, "wordy.gguf", shape=WORDY, tokenizer="bpe"),
        _small(tmp_path, "huge.gguf", shape=HUGE, quant="Q8_0"),
    ]
    files = _add(fake, *real)
    stand_ins = [asyncio.run(_fetch(fake, file, folder)) for file in files]
    said = _simulated_loads(*real, *stand_ins)
    for path, stand_in in zip(real, stand_ins, strict=True):
        assert len(said[str(path)]) == 4  # size and parameters of the model, KV cache, compute buffer
        assert said[str(stand_in)] == said[str(path)]


@pytest.mark.model
def test_llama_cpp_finds_the_other_parts_of_a_stand_in(fake, folder, tmp_path):
    whole = _small(tmp_path, "big.gguf")
    first = asyncio.run(_fetch_all(fake, _add(fake, *_split(whole, 3)), folder))
    said = _simulated_loads(whole, first)
    assert said[str(first)] == said[str(whole)] != []
