"""The models on this computer's disks: found where they lie, used in place.

A look at the disk costs a stat for each file: headers are read once, and again only after a file changed. They are
kept in memory and not on disk: reading one takes a fraction of a second, and a store of them would be one more thing
that can be wrong.

No file can make a scan fail. What is no model one can chat with is left out. What would be one, but is incomplete or
damaged, is listed with the reason where a person can do something about it: in the folders of our own, and in what
they added. In the folders of other apps it is left out: those may be downloading it just now.
"""

from __future__ import annotations

import dataclasses
import enum
import os
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from app.core import errors, gguf, memory, model_files, ollama
from app.core.quants import quant_in_name

_NAME_LIMIT = 200  # characters; a file may state any name
_HUB_HOSTS = ("hf.co/", "huggingface.co/")  # as Ollama calls models from there


class PlaceKind(enum.Enum):
    """Whose folder it is. Only what lies in OURS is ever moved or deleted."""

    OURS = "ours"
    ADDED = "added"  # a folder or a file that the user added
    LM_STUDIO = "LM Studio"
    JAN = "Jan"
    GPT4ALL = "GPT4All"
    OLLAMA = "Ollama"
    HUB_CACHE = "Hugging Face cache"


@dataclass(frozen=True, slots=True)
class Place:
    """A folder (or a single file) where models lie."""

    path: Path
    kind: PlaceKind


@dataclass(frozen=True, slots=True)
class ModelFile:
    """A model on disk. Sizes in bytes, of all parts. Numbers that its header does not state are 0, words empty."""

    path: Path  # of the file, or of the first part: what is loaded
    name: str
    quant: str
    size: int
    place: Place
    family: str  # the same for all quants of one model
    context_length: int = 0
    parameters: int = 0
    memory: int = -1  # bytes it will take, about; -1 if unknown
    parts: tuple[Path, ...] = ()  # all files that belong to it, this one included
    problem: str = ""  # why it cannot be used, in words
    used_at: float = 0.0  # seconds since 1970; 0 if never

    @property
    def is_ours(self) -> bool:
        return self.place.kind is PlaceKind.OURS


@dataclass(frozen=True, slots=True)
class Shelf:
    """All models, and the places that cannot be reached now, such as those on a drive that is not connected."""

    models: tuple[ModelFile, ...]
    missing: tuple[Place, ...]


@dataclass(frozen=True, slots=True)
class _Found:
    """What looks like a model, before its header is read."""

    path: Path
    place: Place
    title: str  # what its files or its app call it, quant included
    family: str
    parts: tuple[tuple[Path, os.stat_result], ...]  # those that are there

    @property
    def identity(self) -> object:
        """The same however the file is reached."""
        path, status = self.parts[0]
        return (status.st_dev, status.st_ino) if status.st_ino else os.path.realpath(path)

    @property
    def stamp(self) -> object:
        """Another one after any change."""
        return tuple((path, status.st_size, status.st_mtime_ns, status.st_ctime_ns) for path, status in self.parts)

    @property
    def was_named(self) -> bool:
        """Whether a person added this very file."""
        return any(path == self.place.path for path, _ in self.parts)


class Scanner:
    """Looks for models, in one thread at a time, and remembers the headers it has read."""

    def __init__(self) -> None:
        self._readings: dict[Path, tuple[object, gguf.GgufHeader | errors.ModelError]] = {}

    def scan(self, places: Sequence[Place], used_at: Mapping[Path, float], memory_context: int) -> Shelf:
        """The models in `places`; one that can be reached through several belongs to the first of these.

        `used_at` has the time of the last use by path, `memory_context` the tokens to count memory for, or fewer if
        the model was trained for fewer. Blocks, for seconds if much is new: not for the GUI thread.
        """
        found: dict[object, _Found] = {}
        missing = []
        for place in places:
            try:
                candidates = list(_found_in(place))
            except OSError:
                missing.append(place)
                continue
            for candidate in candidates:
                found.setdefault(candidate.identity, candidate)
        models = (self._model(candidate, used_at, memory_context) for candidate in found.values())
        return Shelf(tuple(model for model in models if model), tuple(missing))

    def _model(self, found: _Found, used_at: Mapping[Path, float], memory_context: int) -> ModelFile | None:
        reading = self._read(found)
        model = ModelFile(
            path=found.path,
            name=found.title,
            quant=quant_in_name(found.title),
            size=sum(status.st_size for _, status in found.parts),
            place=found.place,
            family=found.family,
            parts=tuple(path for path, _ in found.parts),
            used_at=used_at.get(found.path, 0.0),
        )
        if isinstance(reading, gguf.GgufHeader):
            return _described(model, reading, memory_context)
        return dataclasses.replace(model, problem=str(reading)) if _is_worth_telling(found, reading) else None

    def _read(self, found: _Found) -> gguf.GgufHeader | errors.ModelError:
        stamp, reading = self._readings.get(found.path, (None, None))
        if reading and stamp == found.stamp:
            return reading
        try:
            reading = gguf.check_file(found.path)
        except errors.UnreadableModel as error:
            return error  # not remembered: a drive may work again, and the file is the same
        except errors.ModelError as error:
            reading = type(error)(error.detail)  # a new one, which holds on to no frames and files
        self._readings[found.path] = found.stamp, reading
        return reading


def _described(model: ModelFile, header: gguf.GgufHeader, memory_context: int) -> ModelFile:
    """The model with what its header says. Its file name is right about the quant more often than the header.

    Recipes such as UD-Q4_K_XL have no number of their own, so that the header names the nearest quant that has one.
    """
    name = " ".join(header.name.split())[:_NAME_LIMIT]
    context_length = min(header.context_length or memory_context, memory_context)
    return dataclasses.replace(
        model,
        name=model.name if model.place.kind is PlaceKind.OLLAMA else name or model.name,
        quant=model.quant or header.quant,
        context_length=header.context_length,
        parameters=header.parameters,
        memory=memory.estimate(header, context_length).required,
    )


def _is_worth_telling(found: _Found, problem: errors.ModelError) -> bool:
    if found.was_named:
        return True
    return found.place.kind in (PlaceKind.OURS, PlaceKind.ADDED) and not isinstance(problem, errors.NotAChatModel)


# --- where files lie -----------------------------------------------------------------------------------------------


def _found_in(place: Place) -> Iterator[_Found]:
    """Raises `OSError` if the place cannot be reached."""
    if not place.path.is_file():
        os.scandir(place.path).close()  # which `os.walk` would do without a word
    if place.kind is PlaceKind.OLLAMA:
        for title, path in ollama.models_in(place.path):
            yield from _found(place, path, [path], title, _ollama_family(title))
        return
    for files in _files_in(place):
        for path, parts in model_files.by_model(files).items():
            title = model_files.title_of(path)
            yield from _found(place, path, parts, title, _family(place, path, title))


def _found(place: Place, path: Path, parts: Iterable[Path], title: str, family: str) -> Iterator[_Found]:
    """Nothing if no part is a file that is there."""
    there = [(part, status) for part in sorted(parts) if (status := _status(part))]
    if there:
        yield _Found(path, place, title, family, tuple(there))


def _status(path: Path) -> os.stat_result | None:
    """None unless it is a file: a link may lead nowhere, and a pipe would be waited for."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status if stat.S_ISREG(status.st_mode) else None


def _files_in(place: Place) -> Iterator[list[Path]]:
    """The GGUF files of a place, so that the parts of a model are together."""
    if place.path.is_file():
        yield model_files.parts_of(place.path)
    elif place.kind is PlaceKind.HUB_CACHE:
        yield from model_files.snapshots_in(place.path)
    else:
        yield list(model_files.files_below(place.path))


def _family(place: Place, path: Path, title: str) -> str:
    """The name at the Hub where the folders tell it, else what is left of the title without the quant."""
    folders = path.parent.relative_to(place.path).parts if path.parent.is_relative_to(place.path) else ()
    if place.kind is PlaceKind.HUB_CACHE and folders:
        return "/".join(folders[0].split("--")[1:])
    if place.kind in (PlaceKind.OURS, PlaceKind.LM_STUDIO) and len(folders) > 1:
        return "/".join(folders[:2])
    return model_files.without_quant(title)


def _ollama_family(title: str) -> str:
    for host in _HUB_HOSTS:
        if title.startswith(host):
            return title.removeprefix(host).rpartition(":")[0]
    return model_files.without_quant(title)
