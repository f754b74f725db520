"""The models that Ollama keeps: files named by their hashes, which only its manifests can tell apart.

A manifest lies at manifests/<registry>/<namespace>/<model>/<tag>, in newer versions under manifests-v2, and lists the
layers of a model by their hashes; or it lists further manifests, written out or by their hashes. A file of hash <hex>
lies at blobs/sha256-<hex>, in the first versions at blobs/sha256:<hex>.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from app.core.foreign_json import read_object

_MANIFESTS = ("manifests-v2", "manifests")
_MODEL_LAYER = "application/vnd.ollama.image.model"
_DIGEST = re.compile(r"sha256[:-]([0-9a-fA-F]{64})")
_OWN_REGISTRY = ("registry.ollama.ai",)
_OWN_NAMESPACE = ("registry.ollama.ai", "library")


def models_in(folder: Path) -> Iterator[tuple[str, Path]]:
    """Name and file of each model in Ollama's models folder. A name is as Ollama shows it, such as llama3.2:latest."""
    for manifests in _MANIFESTS:
        for path in _files_four_deep(folder / manifests):
            name = _name(path.relative_to(folder / manifests).parts)
            yield from ((name, blob) for blob in _model_blobs(folder, read_object(path)))


def _files_four_deep(root: Path) -> Iterator[Path]:
    for folder, folders, files in os.walk(root):
        depth = len(Path(folder).relative_to(root).parts)
        folders.sort()
        if depth == 3:
            folders.clear()
            yield from (Path(folder, name) for name in sorted(files))


def _name(parts: tuple[str, ...]) -> str:
    """Registry and namespace are left out where they are Ollama's own."""
    *path, model, tag = parts
    own = _OWN_NAMESPACE if tuple(path) == _OWN_NAMESPACE else _OWN_REGISTRY
    shown = path[len(own) :] if tuple(path[: len(own)]) == own else path
    return f"{'/'.join([*shown, model])}:{tag}"


def _model_blobs(folder: Path, manifest: Mapping[str, Any]) -> Iterator[Path]:
    """The files of a manifest that are models, and of the manifests it lists."""
    for child in _objects(manifest.get("manifests")):
        blob = _blob(folder, child.get("digest"))
        yield from _model_layers(folder, read_object(blob) if blob else child)
    yield from _model_layers(folder, manifest)


def _model_layers(folder: Path, manifest: Mapping[str, Any]) -> Iterator[Path]:
    for layer in _objects(manifest.get("layers")):
        if layer.get("mediaType") == _MODEL_LAYER and (blob := _blob(folder, layer.get("digest"))):
            yield blob


def _objects(value: Any) -> list[Mapping[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _blob(folder: Path, digest: Any) -> Path | None:
    """The file with that hash, if it is a hash and there is one."""
    match = _DIGEST.fullmatch(digest) if isinstance(digest, str) else None
    paths = [folder / "blobs" / f"sha256{separator}{match[1]}" for separator in "-:"] if match else []
    return next((path for path in paths if os.path.isfile(path)), None)  # noqa: PTH113 (never raises)
