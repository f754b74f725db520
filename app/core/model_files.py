"""GGUF files in folders: which of them may be models, which belong together, and what their names say."""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

from app.core.quants import is_companion, quant_in_name, split_part

_SUFFIX = ".gguf"
_DEPTH = 8  # folders within folders
_HIDDEN = (".", "$")  # what begins with one of these is a trash, a cache, or something of the system


def files_below(root: Path) -> Iterator[Path]:
    """The files that may be models, or parts of one. Links are followed, folders that cannot be read left out."""
    seen: set[str] = set()  # links may lead in circles
    for folder, folders, files in os.walk(root, followlinks=True):
        path, real_path = Path(folder), os.path.realpath(folder)
        if real_path in seen or len(path.relative_to(root).parts) > _DEPTH:
            folders.clear()
            continue
        seen.add(real_path)
        folders[:] = sorted(name for name in folders if not name.startswith(_HIDDEN))
        yield from (path / name for name in sorted(files) if _may_be_model(name))


def snapshots_in(hub_cache: Path) -> Iterator[list[Path]]:
    """The files of each snapshot in a cache of the Hub, but for those that a newer one of the same model has as well.

    They lie at models--<owner>--<name>/snapshots/<commit>/<file>.
    """
    for repository in sorted(hub_cache.glob("models--*")):
        known: set[Path] = set()
        for snapshot in sorted(repository.glob("snapshots/*"), key=_changed_at, reverse=True):
            files = {path.relative_to(snapshot): path for path in files_below(snapshot)}
            yield [path for name, path in files.items() if name not in known]
            known.update(files)


def parts_of(path: Path) -> list[Path]:
    """The file, or all parts of the split model it belongs to that lie beside it."""
    return [other for other in path.parent.iterdir() if first_part(other) == first_part(path)]


def by_model(files: Iterable[Path]) -> dict[Path, list[Path]]:
    """The files of each model, by the one that is loaded."""
    models: dict[Path, list[Path]] = defaultdict(list)
    for path in files:
        models[first_part(path)].append(path)
    return models


def first_part(path: Path) -> Path:
    """Of a split model the part that is loaded, whether it is there or not; else the file itself."""
    part = split_part(path.name)
    return path.with_name(f"{part[0]}-00001-of-{part[2]:05}{path.suffix}") if part else path


def title_of(path: Path) -> str:
    """What a file calls its model, with the quant, without the number of a part."""
    part = split_part(path.name)
    stem = part[0] if part else path.stem
    name = path.parent.name if stem == "model" else stem  # Jan calls every file so
    return os.fsencode(name).decode("utf-8", "replace")


def without_quant(title: str) -> str:
    """The same for all quants of a model: in lower case, the words joined by hyphens."""
    quant = re.escape(quant_in_name(title)).replace("F16", "FP?16").replace("F32", "FP?32")
    rest = re.sub(rf"(?<![^\W_]){quant}(?![^\W_])", " ", title, flags=re.IGNORECASE) if quant else title
    return re.sub(r"[\W_]+", "-", rest.lower()).strip("-")


def _may_be_model(file_name: str) -> bool:
    return file_name.lower().endswith(_SUFFIX) and not file_name.startswith(_HIDDEN) and not is_companion(file_name)


def _changed_at(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0
