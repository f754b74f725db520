"""Where other apps keep models on this computer, to be offered: nothing is read there before a person says so."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from app.core.foreign_json import read_object
from app.core.library import Place, PlaceKind


def known_places(home: Path, environment: Mapping[str, str], platform: str) -> list[Place]:
    """The folders that are there and can be read, each once. `platform` as in `sys.platform`."""
    roaming, local = _data_folders(home, environment, platform)
    candidates = {
        PlaceKind.LM_STUDIO: _lm_studio(home),
        PlaceKind.JAN: _jan(home, environment, roaming),
        PlaceKind.GPT4ALL: [local / "nomic.ai" / "GPT4All"],
        PlaceKind.OLLAMA: _ollama(home, environment, platform),
        PlaceKind.HUB_CACHE: _hub_cache(home, environment),
    }
    found: dict[str, Place] = {}
    for kind, paths in candidates.items():
        for path in paths:
            if _can_be_listed(path):
                found.setdefault(os.path.realpath(path), Place(path, kind))
    return list(found.values())


def _can_be_listed(path: Path) -> bool:
    return path.is_absolute() and os.path.isdir(path) and os.access(path, os.R_OK | os.X_OK)  # noqa: PTH112 (no raise)


def _data_folders(home: Path, environment: Mapping[str, str], platform: str) -> tuple[Path, Path]:
    """Where apps keep data that follows the user to other computers, and data that stays: two places on Windows."""
    if platform == "win32":
        data = home / "AppData"
        roaming, local = environment.get("APPDATA"), environment.get("LOCALAPPDATA")
        return Path(roaming or data / "Roaming"), Path(local or data / "Local")
    if platform == "darwin":
        support = home / "Library" / "Application Support"
        return support, support
    share = Path(environment.get("XDG_DATA_HOME") or home / ".local" / "share")
    return share, share


def _lm_studio(home: Path) -> Iterator[Path]:
    for root in (_lm_studio_home(home), home / ".lmstudio", home / ".cache" / "lm-studio"):
        yield from _path_in(read_object(root / "settings.json"), "downloadsFolder")
        yield root / "models"


def _lm_studio_home(home: Path) -> Path:
    """LM Studio's folder, which may be anywhere: it leaves a note for its tools."""
    try:
        with (home / ".lmstudio-home-pointer").open(encoding="utf-8") as file:
            return home / file.readline(4096).strip()
    except (OSError, ValueError):
        return home


def _jan(home: Path, environment: Mapping[str, str], data: Path) -> Iterator[Path]:
    config = Path(environment.get("XDG_CONFIG_HOME") or home / ".config")  # on Linux before version 0.6
    for root in (data / "Jan", config / "Jan"):
        for folder in (*_path_in(read_object(root / "settings.json"), "data_folder"), root / "data"):
            yield folder / "llamacpp" / "models"
            yield folder / "models"
    yield home / "jan" / "models"  # the first versions


def _ollama(home: Path, environment: Mapping[str, str], platform: str) -> Iterator[Path]:
    yield from _path_in(environment, "OLLAMA_MODELS")
    yield home / ".ollama" / "models"
    if platform == "linux":
        yield Path("/usr/share/ollama/.ollama/models")  # of the service that its installer sets up


def _hub_cache(home: Path, environment: Mapping[str, str]) -> Iterator[Path]:
    yield from _path_in(environment, "HF_HUB_CACHE")
    yield from _path_in(environment, "HUGGINGFACE_HUB_CACHE")  # its former name
    yield from (path / "hub" for path in _path_in(environment, "HF_HOME"))
    yield from (path / "huggingface" / "hub" for path in _path_in(environment, "XDG_CACHE_HOME"))
    yield home / ".cache" / "huggingface" / "hub"


def _path_in(values: Mapping[str, Any], key: str) -> list[Path]:
    value = values.get(key)
    return [Path(value)] if isinstance(value, str) and value else []
