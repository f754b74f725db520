"""A stand-in for a GGUF file that is still at the Hub: its header, then a hole up to the file's full length.

llama.cpp's simulated load reads nothing else, so it takes a stand-in for the file and says the same of it. A stand-in
takes a few megabytes of disk, whatever its length.

How long a header is shows only at its end, nearly all of it being the vocabulary. So it is fetched in steps, each of
which suits vocabularies of a usual size, and parsed after each: a few times tenths of a second. A parser that waits for
what is still to come would parse once, but keep a thread for as long as the network takes.

Stand-ins are kept in a folder of their own, named after the SHA-256 of their files: whatever asks again asks no
network. Those that were used longest ago are deleted. Where a stand-in cannot be kept, `NoStandIn` says so, and a
first estimate has to do.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import io
import os
import re
import shutil
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from app.core.errors import HubFailed, ModelCutShort, NetworkError, NoConnection, NotTheHub
from app.core.file_answer import promise_in, stretch_in
from app.core.gguf import parse_header
from app.core.hub import Hub
from app.core.hub_model import HubFile
from app.core.network import Purpose, Response

_MIB = 1 << 20
# Bytes. A part of a split model after the first has no vocabulary; 32 000 tokens take less than 1 MiB, 150 000 with
# their merges less than 8, 260 000 less than 16. Beyond 64 MiB no header is believed, see `gguf_reader`.
_STEPS = (_MIB // 8, _MIB, 8 * _MIB, 16 * _MIB, 32 * _MIB, 64 * _MIB)
_MOST_FETCHED = 64 * _MIB  # for a model
_MOST_KEPT = 256 * _MIB  # on disk: room for all quants of a model with the largest vocabulary

_MOST_PARTS = 512  # of a split model; the largest known have some 50
_HOLE = _MIB  # bytes that a file system gets to show that it knows holes
_LARGEST_ERROR = _MIB

_SESSION = os.urandom(8).hex()
_KEPT_NAME = re.compile(r"[0-9a-f]{64}(\..+)?")


class NoStandIn(Exception):
    """There is no way to have one here: the disk is full or knows no holes, or nobody says how long the file is."""


async def fetch_header(hub: Hub, repo: str, commit: str, file: HubFile, folder: Path) -> Path:
    """A stand-in for the file, from `folder` or from the Hub. `folder` is for stand-ins alone; it is made.

    Raises `NetworkError`, a `ModelError` for what is no GGUF file, and `NoStandIn`. May be cancelled at any moment.
    """
    path = folder / f"{_key(repo, commit, file)}.gguf"
    await _provide(_Beginning(hub, repo, commit, file, _Allowance()), path)
    await asyncio.to_thread(_keep_folder_small, folder, path)
    return path


async def fetch_headers(hub: Hub, repo: str, commit: str, files: Sequence[HubFile], folder: Path) -> Path:
    """`fetch_header` for a model, of which `files` are the parts in their order. Returns the stand-in of the first.

    The others lie beside it under the names by which llama.cpp finds them.
    """
    if len(files) == 1:
        return await fetch_header(hub, repo, commit, files[0], folder)
    if len(files) > _MOST_PARTS:
        raise NoStandIn(f"it has {len(files)} parts")
    model = folder / _hash("\n".join(_key(repo, commit, file) for file in files))
    paths = [model / f"model-{number:05}-of-{len(files):05}.gguf" for number in range(1, len(files) + 1)]
    allowance = _Allowance()
    for file, path in zip(files, paths, strict=True):
        first_step = _STEPS[1] if path == paths[0] else _STEPS[0]
        await _provide(_Beginning(hub, repo, commit, file, allowance, first_step), path)
    await asyncio.to_thread(_keep_folder_small, folder, model)
    return paths[0]


def _key(repo: str, commit: str, file: HubFile) -> str:
    """What one version of a file is known by: its hash. Without one, a name that is of use in this session only."""
    return file.sha256 or _hash(f"{_SESSION} {repo}@{commit}/{file.path}")


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


async def _provide(beginning: _Beginning, path: Path) -> None:
    if not await asyncio.to_thread(_is_there, path, beginning.size):
        header = await beginning.fetch()
        await asyncio.to_thread(_write, path, header, beginning.size)


# Fetching


class _Allowance:
    """The bytes that may still be fetched for a model, with all its parts."""

    def __init__(self) -> None:
        self._left = _MOST_FETCHED

    def spend(self, count: int) -> None:
        self._left -= count
        if self._left < 0:
            raise NoStandIn("its header is too long to be fetched")


class _Beginning:
    """The first bytes of a file at the Hub, as many as its header has. `size` is that of the file, -1 if unknown."""

    def __init__(
        self, hub: Hub, repo: str, commit: str, file: HubFile, allowance: _Allowance, first_step: int = _STEPS[1]
    ) -> None:
        self.size = file.size
        self._hub = hub
        self._repo = repo
        self._commit = commit
        self._file = file
        self._allowance = allowance
        self._first_step = first_step
        self._data = bytearray()

    async def fetch(self) -> bytes:
        """The header."""
        # In a thread: a library is imported for it the first time, which takes half a second.
        url = await asyncio.to_thread(self._hub.file_url, self._repo, self._commit, self._file.path)
        length = 0
        while not length:
            # What is compressed on the way cannot be gone on with in the middle.
            headers = {"Range": f"bytes={len(self._data)}-{self._step - 1}", "Accept-Encoding": "identity"}
            async with self._hub.open(url, Purpose.MODEL, headers=headers) as response:
                if response.status not in (200, 206):
                    raise await self._problem(response, url)
                length = await self._receive(response)
        return bytes(self._data[:length])

    @property
    def _step(self) -> int:
        """How many bytes to have before it is worth parsing them."""
        return next(step for step in _STEPS if step >= self._first_step and step > len(self._data))

    async def _receive(self, response: Response) -> int:
        """Takes what comes, and goes on for as long as it does if Range was ignored. Returns the header's length.

        0 if the header is longer than what was asked for.
        """
        start, end = self._checked_stretch(response)
        known = len(self._data) - start
        enough = min(self._step, end)
        async for piece in response.chunks():
            self._allowance.spend(len(piece))
            self._data += piece[known:]
            known = max(0, known - len(piece))
            if len(self._data) > end:
                raise HubFailed("it sent more than it had announced")
            if enough <= len(self._data) < end:
                if length := await self._header_length():
                    return length
                enough = min(self._step, end)
        if len(self._data) < end:
            raise NoConnection("the answer ended early")
        return await self._header_length()

    def _checked_stretch(self, response: Response) -> tuple[int, int]:
        """Where in the file the answer begins and ends. Learns the file's size."""
        stretch, promise = stretch_in(response), promise_in(response)
        if self._file.sha256 and promise.sha256 not in ("", self._file.sha256):
            raise HubFailed("it has another file under this name")
        if stretch.total >= 0 and self.size not in (-1, stretch.total):
            raise NotTheHub(f"it sent a file of {stretch.total} bytes, not of {self.size}")
        self.size = next((size for size in (self.size, stretch.total, promise.size) if size >= 0), -1)
        if self.size < 0:
            raise NoStandIn("nobody says how long the file is")
        end = stretch.stop if stretch.stop >= 0 else self.size
        if stretch.start > len(self._data) or end < min(self._step, self.size):
            raise HubFailed("it sent another part of the file than was asked for")
        return stretch.start, end

    async def _header_length(self) -> int:
        """0 if it is not all there yet."""
        file = io.BytesIO(self._data)
        try:
            header = await asyncio.to_thread(parse_header, file)
        except ModelCutShort:
            if len(self._data) >= self.size:
                raise
            return 0
        finally:
            file.close()  # ends a parse that nobody waits for any more
        return header.data_offset

    async def _problem(self, response: Response, url: str) -> NetworkError:
        """What an answer means that is an error; only the Hub's own word counts, not that of where it sends us."""
        if urlsplit(response.url)[:2] == urlsplit(url)[:2] or response.status == 429:
            return await self._hub.explain(response.status, response.headers, await response.read(_LARGEST_ERROR))
        return HubFailed(f"{urlsplit(response.url).hostname} answered with {response.status}")


# Keeping, in threads


@contextlib.contextmanager
def _disk_errors_translated() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise NoStandIn(error.strerror or str(error)) from error


def _is_there(path: Path, size: int) -> bool:
    with _disk_errors_translated():
        try:
            return size in (-1, path.stat().st_size)
        except FileNotFoundError:
            return False


def _write(path: Path, header: bytes, size: int) -> None:
    """All of it or nothing, whenever it is interrupted."""
    temporary = path.with_name(f"{path.name}.{os.getpid()}-{os.urandom(4).hex()}.tmp")
    with _disk_errors_translated():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            with temporary.open("xb") as file:
                _allow_holes(file.fileno())
                file.truncate(size)
                file.write(header[:size])
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        except BaseException:
            with contextlib.suppress(OSError):
                temporary.unlink()
            raise


def _keep_folder_small(folder: Path, used: Path) -> None:
    """Deletes the stand-ins that were used longest ago, but never the one that is `used` now.

    As far as possible: another fetch may do the same, and Windows keeps what the engine has open.
    """
    with contextlib.suppress(OSError):
        os.utime(used)
        left = _MOST_KEPT
        for entry in sorted(filter(_is_kept_here, folder.iterdir()), key=_used_at, reverse=True):
            left -= sum(map(_bytes_on_disk, entry.iterdir() if entry.is_dir() else [entry]))
            if left < 0 and entry != used:
                _delete(entry)


def _is_kept_here(entry: Path) -> bool:
    return bool(_KEPT_NAME.fullmatch(entry.name))


def _used_at(entry: Path) -> float:
    return entry.stat().st_mtime


def _delete(entry: Path) -> None:
    if entry.is_dir():
        shutil.rmtree(entry, ignore_errors=True)
    else:
        with contextlib.suppress(OSError):
            entry.unlink()


if sys.platform == "win32":
    import ctypes
    import msvcrt
    from ctypes import wintypes

    _SET_SPARSE = 0x000900C4

    _kernel = ctypes.WinDLL("kernel32", use_last_error=True)
    _kernel.DeviceIoControl.argtypes = (
        wintypes.HANDLE,
        wintypes.DWORD,
        *(ctypes.c_void_p, wintypes.DWORD) * 2,
        ctypes.c_void_p,
        ctypes.c_void_p,
    )
    _kernel.GetCompressedFileSizeW.argtypes = (wintypes.LPCWSTR, ctypes.c_void_p)
    _kernel.GetCompressedFileSizeW.restype = wintypes.DWORD

    def _allow_holes(file: int) -> None:
        """The file, empty as yet, shall not take the room of what was never written. Raises `NoStandIn`."""
        handle, ignored = msvcrt.get_osfhandle(file), wintypes.DWORD()
        if not _kernel.DeviceIoControl(handle, _SET_SPARSE, None, 0, None, 0, ctypes.byref(ignored), None):
            raise NoStandIn(f"the file system knows no holes: error {ctypes.get_last_error()}")

    def _bytes_on_disk(path: Path) -> int:
        high = wintypes.DWORD()
        low = _kernel.GetCompressedFileSizeW(str(path), ctypes.byref(high))
        return 0 if low == 0xFFFFFFFF else int(high.value << 32 | low)

else:

    def _allow_holes(file: int) -> None:
        """The file, empty as yet, shall not take the room of what was never written. Raises `NoStandIn`.

        There is nothing to switch on, but it has to be tried: FAT would write zeros, up to the file's full length.
        """
        os.ftruncate(file, _HOLE)
        if os.fstat(file).st_blocks * 512 >= _HOLE:
            raise NoStandIn("the file system knows no holes")

    def _bytes_on_disk(path: Path) -> int:
        return path.stat().st_blocks * 512
