from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from app.core import ollama

HASH = "0123456789abcdef" * 4
OTHER = "f" * 64
MODEL = "application/vnd.ollama.image.model"


@pytest.fixture
def folder(tmp_path) -> Path:
    """A models folder with two files in it."""
    (tmp_path / "blobs").mkdir()
    for name in (HASH, OTHER):
        (tmp_path / "blobs" / f"sha256-{name}").write_bytes(b"GGUF")
    return tmp_path


def _write(folder: Path, name: str, manifest: Any) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(manifest if isinstance(manifest, str) else json.dumps(manifest))


def _manifest(digest: Any = f"sha256:{HASH}", media_type: Any = MODEL) -> dict[str, Any]:
    template = {"mediaType": "application/vnd.ollama.image.template", "digest": f"sha256:{OTHER}"}
    return {"schemaVersion": 2, "layers": [template, {"mediaType": media_type, "digest": digest}]}


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("registry.ollama.ai/library/llama3.2/latest", "llama3.2:latest"),
        ("registry.ollama.ai/somebody/tiny/3b-q8_0", "somebody/tiny:3b-q8_0"),
        ("hf.co/owner/Tiny-GGUF/Q4_K_M", "hf.co/owner/Tiny-GGUF:Q4_K_M"),
        ("example.com/library/tiny/latest", "example.com/library/tiny:latest"),
    ],
)
@pytest.mark.parametrize("manifests", ["manifests", "manifests-v2"])
def test_a_model_is_named_by_the_place_of_its_manifest(manifests, path, name, folder):
    _write(folder, f"{manifests}/{path}", _manifest())
    assert list(ollama.models_in(folder)) == [(name, folder / "blobs" / f"sha256-{HASH}")]


def test_the_first_versions_named_files_with_a_colon(folder):
    old = folder / "blobs" / f"sha256:{HASH}"
    (folder / "blobs" / f"sha256-{HASH}").rename(old)
    _write(folder, "manifests/registry.ollama.ai/library/tiny/latest", _manifest())
    assert list(ollama.models_in(folder)) == [("tiny:latest", old)]


def test_a_manifest_may_list_others_written_out_or_by_their_hashes(folder):
    _write(folder, f"blobs/sha256-{OTHER}", _manifest())
    inline, by_hash = {"manifests": [_manifest()]}, {"manifests": [{"digest": f"sha256:{OTHER}"}]}
    _write(folder, "manifests-v2/registry.ollama.ai/library/tiny/inline", inline)
    _write(folder, "manifests-v2/registry.ollama.ai/library/tiny/listed", by_hash)
    blob = folder / "blobs" / f"sha256-{HASH}"
    assert list(ollama.models_in(folder)) == [("tiny:inline", blob), ("tiny:listed", blob)]


@pytest.mark.parametrize(
    "manifest",
    [
        "",
        "no JSON",
        "[" * 100_000,
        "[]",
        "{}",
        {"layers": 3, "manifests": {}},
        {"layers": [3, None, [], {}], "manifests": [None, {"digest": 3}, {"digest": f"sha256:{OTHER}"}]},
        _manifest(digest=None),
        _manifest(digest=f"sha256:{'e' * 64}"),
        _manifest(digest="sha256:../../secret"),
        _manifest(digest=f"../sha256:{HASH}"),
        _manifest(media_type="application/vnd.ollama.image.projector"),
        _manifest(media_type=["x"]),
    ],
)
def test_a_manifest_that_names_no_model_is_passed_over(manifest, folder):
    _write(folder, "manifests/registry.ollama.ai/library/bad/latest", manifest)
    _write(folder, "manifests/registry.ollama.ai/library/good/latest", _manifest())
    assert [name for name, _ in ollama.models_in(folder)] == ["good:latest"]


def test_what_lies_elsewhere_is_no_manifest(folder):
    _write(folder, "manifests/registry.ollama.ai/library/latest", _manifest())
    _write(folder, "manifests/registry.ollama.ai/library/tiny/latest/again", _manifest())
    assert list(ollama.models_in(folder)) == []


@pytest.mark.skipif(os.name != "posix", reason="no pipes there")
def test_a_pipe_in_place_of_a_manifest_is_not_waited_for(folder):
    _write(folder, "manifests/registry.ollama.ai/library/tiny/latest", _manifest())
    os.mkfifo(folder / "manifests/registry.ollama.ai/library/tiny/3b")
    assert [name for name, _ in ollama.models_in(folder)] == ["tiny:latest"]


def test_an_empty_folder_has_no_models(tmp_path):
    assert list(ollama.models_in(tmp_path)) == []
