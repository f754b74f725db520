"""Deleted models wait in a trash inside the models folder, so that deleting can be undone and takes no time.

Each deletion is a numbered folder: <models folder>/.trash/<number>/<path the file had>. So the parts of a model stay
together, nothing is ever overwritten, and all that is needed to bring a model back lies on the disk, not in a
database. Moving within one folder copies nothing; where it would (a link leads to another drive) it is refused. The
space is freed by `empty` alone.

Only folders of our own have a trash. Links inside them are never followed: neither a file nor the trash may turn out
to lie elsewhere.
"""

from __future__ import annotations

import contextlib
import itertools
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from app.core.errors import ModelFolderUnusable
from app.core.library import ModelFile

_NAME = ".trash"
_IN_USE = (32, 33, 1224)  # Windows: opened, locked or mapped by somebody


@dataclass(frozen=True, slots=True)
class Trashed:
    """A deleted model. `entry` is its folder in the trash, `parts` are its files in there; their size in bytes."""

    entry: Path
    parts: tuple[Path, ...]
    size: int

    @property
    def folder(self) -> Path:
        """The models folder it came from."""
        return self.entry.parent.parent

    @property
    def name(self) -> str:
        """Of its file, or of its first part."""
        return self.parts[0].name


def move_to_trash(model: ModelFile) -> Trashed:
    """Moves all parts of a model of ours. Raises `ModelFolderUnusable`, and then none is moved."""
    folder = model.place.path
    if not model.is_ours:
        raise ModelFolderUnusable(f"{model.path} is not in a folder of Paddock's own.")
    for part in model.parts:
        _check_inside(part, folder)
    entry = _new_entry(folder)
    try:
        _move_all({part: entry / part.relative_to(folder) for part in model.parts})
    except ModelFolderUnusable:
        _remove(entry)
        raise
    return _trashed(entry)


def restore(trashed: Trashed) -> Path:
    """Moves a model back to where it was; returns its path. Raises `ModelFolderUnusable`, and then none is moved."""
    targets = {part: trashed.folder / part.relative_to(trashed.entry) for part in trashed.parts}
    for target in targets.values():
        _check_inside(target, trashed.folder)
        if os.path.lexists(target):
            raise ModelFolderUnusable(f"{target.name} is there again.")
    _move_all(targets)
    _remove(trashed.entry)
    return next(iter(targets.values()))


def trashed_in(folder: Path) -> list[Trashed]:
    """What lies in the trash of a models folder, the last deleted first."""
    found = (_trashed(entry) for entry in reversed(_entries(folder)))
    return [trashed for trashed in found if trashed.parts]


def empty(folder: Path) -> int:
    """Deletes for good what lies in the trash; returns the bytes freed.

    Raises `ModelFolderUnusable` if something could not be deleted; the rest is.
    """
    failures: list[OSError] = []
    freed = sum(_delete(entry, failures) for entry in _entries(folder))
    if failures:
        raise ModelFolderUnusable(_reason(failures[0]))
    with contextlib.suppress(OSError):
        (folder / _NAME).rmdir()
    return freed


def _entries(folder: Path) -> list[Path]:
    """The numbered folders in the trash, the first deleted first. What else somebody put there is not ours."""
    trash = folder / _NAME
    try:
        names = os.listdir(trash)  # noqa: PTH208 (names are enough)
    except OSError:
        return []
    numbers = sorted(int(name) for name in names if name.isascii() and name.isdigit())
    entries = (trash / str(number) for number in numbers)
    return [entry for entry in entries if entry.is_dir() and _is_real(entry, folder)]


def _new_entry(folder: Path) -> Path:
    trash = folder / _NAME
    with _translated():
        trash.mkdir(exist_ok=True)
        _check_inside(trash / "new", folder)
        last = max((int(entry.name) for entry in _entries(folder)), default=0)
        for number in itertools.count(last + 1):
            with contextlib.suppress(FileExistsError):
                entry = trash / str(number)
                entry.mkdir()
                break
    return entry


def _trashed(entry: Path) -> Trashed:
    parts = sorted(path for _, files in _walk(entry) for path in files)
    return Trashed(entry, tuple(parts), sum(_size(part) for part in parts))


def _walk(entry: Path) -> list[tuple[Path, list[Path]]]:
    """The folders of an entry, outermost first, each with its files. A link is a file: it is not followed."""
    found = []
    for folder, folders, files in os.walk(entry):
        path = Path(folder)
        links = [name for name in folders if not _is_real(path / name, entry)]
        folders[:] = [name for name in folders if name not in links]
        found.append((path, [path / name for name in (*files, *links)]))
    return found


def _size(path: Path) -> int:
    try:
        return path.lstat().st_size
    except OSError:
        return 0


def _check_inside(path: Path, folder: Path) -> None:
    """Raises `ModelFolderUnusable` unless the path lies in the folder, with no link on the way to it."""
    if not path.is_relative_to(folder) or not _is_real(path.parent, folder):
        raise ModelFolderUnusable(f"{path} lies outside {folder}.")


def _is_real(path: Path, folder: Path) -> bool:
    """Whether no link lies between the folder and this path in it. Windows has links that `is_symlink` overlooks."""
    return Path(os.path.realpath(path)) == Path(os.path.realpath(folder), path.relative_to(folder))


def _move_all(targets: dict[Path, Path]) -> None:
    """All or none."""
    moved: dict[Path, Path] = {}
    try:
        with _translated():
            for source, target in targets.items():
                target.parent.mkdir(parents=True, exist_ok=True)
                source.rename(target)
                moved[target] = source
    except ModelFolderUnusable:
        for target, source in moved.items():
            with contextlib.suppress(OSError):
                target.rename(source)
        raise


def _delete(entry: Path, failures: list[OSError]) -> int:
    """Deletes an entry, adds what went wrong to `failures`, and returns the bytes freed."""
    freed = 0
    for path in (path for _, files in _walk(entry) for path in files):
        size = _size(path)
        try:
            path.unlink()
            freed += size
        except OSError as error:
            failures.append(error)
    _remove(entry)
    return freed


def _remove(entry: Path) -> None:
    """Removes the folders of an entry that are empty."""
    for folder, _ in reversed(_walk(entry)):
        with contextlib.suppress(OSError):
            folder.rmdir()


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ModelFolderUnusable(_reason(error)) from error


def _reason(error: OSError) -> str:
    if getattr(error, "winerror", None) in _IN_USE:
        return f"{error.filename} is in use. Unload the model first."
    return f"{error.filename}: {error.strerror}"
