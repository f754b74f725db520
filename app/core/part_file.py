"""A file that is being fetched, as it lies on disk: where, who may write to it, and how it becomes what it should be.

A part is locked for as long as it is open, by the system, which lets go of it however the process ends: two downloads
never write the same one. Where a file system knows no locks it goes without.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
import stat
import sys
import threading
import time
from pathlib import Path

from app.core.disk_space import Disk, disk_errors_translated
from app.core.downloads import Plan
from app.core.errors import ModelFolderUnusable, UnsafeFileName
from app.core.file_names import is_safe_path
from app.core.hub_model import HubFile

_ENOUGH = 1 << 20  # bytes to be worth a write
_LONG_ENOUGH = 0.02  # seconds that bytes may wait to be written
_BLOCK = 1 << 20
_HASH_LENGTH = 12  # characters of a hash that tell one version from another

_NOT_FOLLOWING = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)  # Windows has the second, others the first
_NO_LOCKS_HERE = (errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS)
_BEYOND_ANY_END = 1 << 62  # where Windows locks: what is locked there cannot be read


class PartIsTaken(Exception):
    """Another download writes to this part, maybe one of another Paddock."""


def target_of(plan: Plan, file: HubFile) -> Path:
    """Where the file shall lie; its folder is made. Raises `UnsafeFileName` and `ModelFolderUnusable`.

    The models folder itself is not made: it may be that of a drive which is not connected.
    """
    with disk_errors_translated(plan.folder):
        target = _checked_target(plan, file)
        if not plan.folder.is_dir():
            raise ModelFolderUnusable(f"{plan.folder} is not there")
        target.parent.mkdir(parents=True, exist_ok=True)
    return target


def _checked_target(plan: Plan, file: HubFile) -> Path:
    """In the folder of its model, whatever its name and the links in that folder say. Raises `UnsafeFileName`."""
    if not is_safe_path(f"{plan.repo}/{file.path}"):
        raise UnsafeFileName(ascii(file.path))
    home = plan.folder / plan.repo
    target = home / file.path
    if not target.parent.resolve().is_relative_to(home.resolve()):
        raise UnsafeFileName(f"{file.path!a} leads out of the folder of its model")
    return target


def is_there(target: Path, size: int) -> bool:
    """Whether the file has its name already; `size` is -1 if unknown. Raises `ModelFolderUnusable` for another one."""
    with disk_errors_translated(target):
        try:
            found = target.stat()
        except FileNotFoundError:
            return False
    if not stat.S_ISREG(found.st_mode) or size not in (-1, found.st_size):
        raise ModelFolderUnusable(f"something else is there already: {target}. Delete or move it first.")
    return True


def part_path(target: Path, file: HubFile, commit: str) -> Path:
    """Beside the target. Named after the hash, or if there is none after the commit."""
    return target.with_name(f"{target.name}.{(file.sha256 or commit)[:_HASH_LENGTH]}.part")


def bytes_there(path: Path) -> int:
    """The length of a part, 0 if there is none."""
    try:
        return path.stat().st_size
    except OSError:
        return 0


def remove_parts(plan: Plan) -> None:
    """Removes the parts of all versions, and the folders that are empty then. Raises `ModelFolderUnusable`."""
    with disk_errors_translated(plan.folder):
        for file in plan.files:
            with contextlib.suppress(UnsafeFileName):  # of which there can be no part
                _remove_parts_of(_checked_target(plan, file), plan.folder)


def _remove_parts_of(target: Path, models: Path) -> None:
    if not target.parent.is_dir():
        return
    of_this_file = re.compile(rf"{re.escape(target.name)}\.\w{{1,{_HASH_LENGTH}}}\.part")
    for path in list(target.parent.iterdir()):
        if of_this_file.fullmatch(path.name):
            path.unlink(missing_ok=True)
    for folder in target.parents:
        if folder == models:
            break
        with contextlib.suppress(OSError):  # it is not empty
            folder.rmdir()


class PartFile:
    """What there is of a file. All but `add` may block and are for threads, one call at a time.

    Only `close` may come earlier: a download that is cancelled does not wait for a slow disk.
    """

    def __init__(self, path: Path, disk: Disk) -> None:
        self.path = path
        self.size = 0  # bytes on disk
        self._disk = disk
        self._file = -1
        self._is_closed = False
        self._waiting: list[bytes] = []
        self._waiting_size = 0
        self._written_at = time.monotonic()
        self._turn = threading.Lock()

    def open(self) -> None:
        """Goes on with what is there. Raises `PartIsTaken`, `ModelFolderUnusable` and `NotEnoughSpace`."""
        with self._turn, disk_errors_translated(self.path):
            if self._is_closed:
                return
            file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND | _NOT_FOLLOWING, 0o666)
            try:
                _lock(file)
                self.size = os.fstat(file).st_size
            except BaseException:
                os.close(file)
                raise
            self._file = file

    @property
    def is_write_due(self) -> bool:
        """Whether enough was added, or long enough ago, for a `write`."""
        return self._waiting_size >= _ENOUGH or time.monotonic() - self._written_at >= _LONG_ENOUGH

    def add(self, piece: bytes) -> None:
        """Takes the next bytes, which `write` or `close` will bring to disk."""
        self._waiting.append(piece)
        self._waiting_size += len(piece)

    def write(self) -> None:
        """Writes what was added: from then on it survives the end of the process. Raises `NotEnoughSpace` and such.

        Of what cannot be written nothing is kept in memory.
        """
        with self._turn, disk_errors_translated(self.path):
            self._write()
        self._disk.check(0)

    def clear(self) -> None:
        """Throws all away."""
        with self._turn, disk_errors_translated(self.path):
            os.ftruncate(self._file, 0)
            self.size = 0

    def add_to_hash(self, digest: hashlib._Hash, start: int, length: int) -> None:
        """Feeds a slice of what is on disk to `digest`."""
        with disk_errors_translated(self.path), self.path.open("rb", buffering=0) as file:
            file.seek(start)
            block = memoryview(bytearray(_BLOCK))
            while length > 0 and (count := file.readinto(block[: min(length, _BLOCK)])):
                digest.update(block[:count])
                length -= count

    def sync(self) -> None:
        """Returns once it would survive a power cut."""
        with self._turn, disk_errors_translated(self.path):
            os.fsync(self._file)

    def become(self, target: Path) -> None:
        """Gives the file its name."""
        with disk_errors_translated(self.path):
            if sys.platform == "win32":
                self.close()  # what is open cannot be renamed there
            self.path.replace(target)
        self.close()

    def remove(self) -> None:
        """Closes the part and removes it."""
        self.close()
        with disk_errors_translated(self.path):
            self.path.unlink(missing_ok=True)

    def close(self) -> None:
        """Writes what can be written and lets go of the part, for good. May be called again."""
        with self._turn:
            self._is_closed = True
            if self._file >= 0:
                with contextlib.suppress(OSError):
                    self._write()
                os.close(self._file)
                self._file = -1

    def _write(self) -> None:
        pieces, self._waiting, self._waiting_size = self._waiting, [], 0
        self._written_at = time.monotonic()
        for piece in pieces:  # not joined: that costs more than the calls do
            left = memoryview(piece)
            while left:
                count = os.write(self._file, left)
                self.size += count
                left = left[count:]


def _lock(file: int) -> None:
    try:
        if sys.platform == "win32":
            import msvcrt  # noqa: PLC0415 (is not there on others)

            os.lseek(file, _BEYOND_ANY_END, os.SEEK_SET)
            msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl  # noqa: PLC0415 (is not there on Windows)

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno not in _NO_LOCKS_HERE:
            raise PartIsTaken from error
