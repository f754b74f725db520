"""Room on the disk that models lie on. Some is left for everybody else: a full disk has more victims than Paddock."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from app.core.errors import ModelFolderUnusable, NotEnoughSpace
from app.core.units import format_bytes

_LARGEST_RESERVE = 1 << 30
_RESERVED_SHARE = 0.02  # of a small disk

_NO_ROOM = {
    errno.ENOSPC: "not a byte more can be written",
    errno.EDQUOT: "your share of it is used up",
    errno.EFBIG: "it takes no file of this size; on FAT32 they end at 4 GiB",
}


class Space(NamedTuple):
    """Bytes of a disk: all, and those that this user may still write."""

    total: int
    free: int


def space_of(folder: Path) -> Space:
    """Asks the system. Raises `OSError`."""
    usage = shutil.disk_usage(folder)
    return Space(usage.total, usage.free)


class Disk:
    """The disk of a folder. Its methods may block, on a network drive for long."""

    def __init__(self, folder: Path, measure: Callable[[Path], Space] = space_of) -> None:
        self._folder = folder
        self._measure = measure

    def check(self, needed: int) -> None:
        """Raises `NotEnoughSpace` unless so many bytes can be written without touching the reserve."""
        with disk_errors_translated(self._folder):
            total, free = self._measure(self._folder)
        missing = needed + min(_LARGEST_RESERVE, int(total * _RESERVED_SHARE)) - free
        if missing > 0:
            more = f", {format_bytes(missing)} more needed" if needed else ""
            raise NotEnoughSpace(f"free {format_bytes(free)}{more}")


@contextmanager
def disk_errors_translated(path: Path) -> Iterator[None]:
    """Turns what can go wrong with files into `NotEnoughSpace` or `ModelFolderUnusable`."""
    try:
        yield
    except OSError as error:
        if error.errno in _NO_ROOM:
            raise NotEnoughSpace(_NO_ROOM[error.errno]) from error
        raise ModelFolderUnusable(f"{path}: {error.strerror or error}") from error
