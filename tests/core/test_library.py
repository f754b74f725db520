from __future__ import annotations

import os
from pathlib import Path

import pytest

from app.core import gguf, memory, model_files
from app.core.library import ModelFile, Place, PlaceKind, Scanner, Shelf
from tests.gguf_writer import Shape, write_container, write_cut_short, write_gguf, write_projector

TINY = Shape(layers=1, width=64, heads=2, kv_heads=1, ff=128, context=512)
LLAMA = {"general.architecture": "llama"}
ONE_TENSOR = {"token_embd.weight": (4, 32)}

posix = pytest.mark.skipif(os.name != "posix", reason="needs links, pipes or permissions as on Unix")


@pytest.fixture
def ours(tmp_path) -> Place:
    return _place(tmp_path / "ours", PlaceKind.OURS)


@pytest.fixture
def added(tmp_path) -> Place:
    return _place(tmp_path / "added", PlaceKind.ADDED)


def _place(path: Path, kind: PlaceKind) -> Place:
    path.mkdir(parents=True)
    return Place(path, kind)


def _scan(*places: Place) -> Shelf:
    return Scanner().scan(places, {}, 4096)


def _models(*places: Place) -> list[ModelFile]:
    return list(_scan(*places).models)


def _write(path: Path, name: str = "Storyteller", **metadata: object) -> Path:
    """A model small enough to be written by the dozen."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return write_container(path, LLAMA | {"general.name": name} | metadata, ONE_TENSOR)


def _write_parts(folder: Path, stem: str, count: int) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{stem}-{number:05}-of-{count:05}.gguf" for number in range(1, count + 1)]
    for index, path in enumerate(paths):
        write_container(path, LLAMA | {"split.no": index, "split.count": count}, ONE_TENSOR)
    return paths


# What is told of a model


def test_a_model_is_described_by_its_header(ours):
    path = write_gguf(ours.path / "mine.gguf", TINY, quant="Q8_0", name="  Test\n model ")
    header = gguf.read_header(path)
    assert _models(ours) == [
        ModelFile(
            path=path,
            name="Test model",
            quant="Q8_0",
            size=path.stat().st_size,
            place=ours,
            family="mine",
            context_length=512,
            parameters=header.parameters,
            memory=memory.estimate(header, 512).required,
            parts=(path,),
        )
    ]


def test_memory_is_counted_for_the_context_that_was_asked_for_or_the_models_own(ours):
    path = write_gguf(ours.path / "mine.gguf", TINY, sparse=True)
    header, scanner = gguf.read_header(path), Scanner()
    for asked, counted in ((256, 256), (512, 512), (100_000, 512)):
        (model,) = scanner.scan([ours], {}, asked).models
        assert model.memory == memory.estimate(header, counted).required


def test_a_model_that_does_not_state_its_context_is_counted_with_the_one_asked_for(ours):
    path = _write(ours.path / "mine.gguf")
    (model,) = _models(ours)
    assert (model.context_length, model.memory) == (0, memory.estimate(gguf.read_header(path), 4096).required)


def test_a_model_without_a_name_is_called_like_its_file(ours):
    _write(ours.path / "tiny-chat.Q4_K_M.gguf", name=" ")
    (model,) = _models(ours)
    assert (model.name, model.quant) == ("tiny-chat.Q4_K_M", "Q4_K_M")


def test_a_name_without_end_is_cut(ours):
    _write(ours.path / "mine.gguf", name="x" * 100_000)
    assert len(_models(ours)[0].name) == 200


def test_the_file_name_knows_the_quant_better_than_the_header(ours):
    _write(ours.path / "tiny-UD-Q4_K_XL.gguf", **{"general.file_type": 15})
    _write(ours.path / "unnamed.gguf", **{"general.file_type": 15})
    assert [model.quant for model in _models(ours)] == ["UD-Q4_K_XL", "Q4_K_M"]


@posix
def test_a_file_name_that_is_no_valid_text_costs_only_its_characters(ours):
    path = _write(ours.path / os.fsdecode(b"gr\xfcn.gguf"), name="")
    (model,) = _models(ours)
    assert (model.path, model.name) == (path, "gr\ufffdn")


def test_the_time_of_the_last_use_is_told(ours):
    used, unused = _write(ours.path / "a.gguf"), _write(ours.path / "b.gguf")
    shelf = Scanner().scan([ours], {used: 1000.0}, 4096)
    assert {model.path: model.used_at for model in shelf.models} == {used: 1000.0, unused: 0.0}


# Families


@pytest.mark.parametrize("kind", [PlaceKind.OURS, PlaceKind.LM_STUDIO])
def test_the_quants_below_an_owner_and_a_name_are_of_that_family(kind, tmp_path):
    place = _place(tmp_path / "models", kind)
    _write(place.path / "owner" / "name-GGUF" / "a.Q4_K_M.gguf")
    _write(place.path / "owner" / "name-GGUF" / "Q8_0" / "b.gguf")
    assert {model.family for model in _models(place)} == {"owner/name-GGUF"}


@pytest.mark.parametrize(
    "names",
    [
        ("TinyLlama-1.1B-Chat-v1.0.Q4_K_M.gguf", "tinyllama-1.1b-chat-v1.0-q8_0.gguf", "TinyLlama 1.1B chat v1.0.gguf"),
        ("phi-fp16.gguf", "phi-Q4_K_M.gguf", "Phi.gguf"),
        ("gemma-UD-Q4_K_XL.gguf", "gemma-Q2_K.gguf"),
    ],
)
def test_elsewhere_the_quants_of_a_model_are_told_by_their_file_names(names, added):
    for name in names:
        _write(added.path / "some" / "where" / name)
    models = _models(added)
    assert len(models) == len(names)
    assert len({model.family for model in models}) == 1


def test_other_models_are_of_another_family(added):
    _write(added.path / "tiny-1b-Q4_K_M.gguf")
    _write(added.path / "tiny-3b-Q4_K_M.gguf")
    assert {model.family for model in _models(added)} == {"tiny-1b", "tiny-3b"}


# Split models


def test_the_parts_of_a_split_model_are_one(ours):
    parts = _write_parts(ours.path / "owner" / "big", "big-Q4_K_M", 3)
    (model,) = _models(ours)
    assert (model.path, model.parts, model.quant) == (parts[0], tuple(parts), "Q4_K_M")
    assert model.size == sum(part.stat().st_size for part in parts)
    assert (model.name, model.family, model.problem) == ("big-Q4_K_M", "owner/big", "")


def test_a_part_that_was_added_by_itself_stands_for_its_model(tmp_path):
    parts = _write_parts(tmp_path, "big", 2)
    _write(tmp_path / "another.gguf")
    for part in parts:
        (model,) = _models(Place(part, PlaceKind.ADDED))
        assert (model.path, model.parts, model.problem) == (parts[0], tuple(parts), "")


@pytest.mark.parametrize("missing", [0, 1])
def test_a_split_model_with_a_part_missing_is_listed_with_what_is_there(missing, ours):
    parts = _write_parts(ours.path, "big", 3)
    parts.pop(missing).unlink()
    (model,) = _models(ours)
    assert model.parts == tuple(parts)
    assert model.size == sum(part.stat().st_size for part in parts)
    assert f"big-0000{missing + 1}-of-00003.gguf" in model.problem


# What is no model, and what could be one


def test_what_is_not_for_chatting_is_left_out(ours):
    write_projector(ours.path / "mmproj-F16.gguf")
    write_projector(ours.path / "eyes.gguf")
    write_gguf(ours.path / "mtp-draft.gguf", TINY, sparse=True)
    (ours.path / "imatrix.gguf").write_bytes(b"")
    (ours.path / "README.md").write_text("GGUF")
    assert _models(ours) == []


def test_a_file_that_was_added_by_itself_is_listed_whatever_it_is(tmp_path):
    (model,) = _models(Place(write_projector(tmp_path / "mmproj.gguf"), PlaceKind.ADDED))
    assert "mmproj" in model.problem
    renamed = write_gguf(tmp_path / "model without its ending", TINY, sparse=True)
    (model,) = _models(Place(renamed, PlaceKind.ADDED))
    assert (model.path, model.problem) == (renamed, "")


@pytest.mark.parametrize("kind", [PlaceKind.OURS, PlaceKind.ADDED])
def test_a_damaged_model_of_ours_or_of_the_users_is_listed_with_the_reason(kind, tmp_path):
    place = _place(tmp_path / "models", kind)
    whole = _write(place.path / "a.gguf")
    write_cut_short(place.path / "b-Q8_0.gguf")
    (place.path / "c.gguf").write_text("<html>404</html>")
    good, cut, page = _models(place)
    assert (good.path, good.problem) == (whole, "")
    assert (cut.name, cut.quant, cut.memory) == ("b-Q8_0", "Q8_0", -1)
    assert cut.problem.startswith("The model file is incomplete: ")
    assert page.problem == "This file is not a GGUF model"


def test_what_another_app_has_not_finished_is_left_out(tmp_path):
    place = _place(tmp_path / "models", PlaceKind.LM_STUDIO)
    write_cut_short(place.path / "a.gguf")
    whole = _write(place.path / "b.gguf")
    assert [model.path for model in _models(place)] == [whole]


def test_downloads_trashes_and_hidden_files_are_left_out(ours):
    for name in ("a.gguf.0123456789ab.part", ".trash/1/b.gguf", ".cache/c.gguf", "._d.gguf", "$RECYCLE.BIN/e.gguf"):
        _write(ours.path / name)
    assert _models(ours) == []


@posix
def test_links_that_lead_nowhere_or_in_circles_and_pipes_are_passed_over(ours):
    path = _write(ours.path / "folder" / "a.gguf")
    (ours.path / "folder" / "round").symlink_to(ours.path)
    (ours.path / "gone.gguf").symlink_to(ours.path / "nothing")
    (ours.path / "self.gguf").symlink_to(ours.path / "self.gguf")
    (ours.path / "folder.gguf").mkdir()
    os.mkfifo(ours.path / "pipe.gguf")
    assert [model.path for model in _models(ours)] == [path]
    assert [found for found in model_files.files_below(ours.path) if found.name == "a.gguf"] == [path]


@posix
def test_a_folder_behind_a_link_is_looked_into(ours, tmp_path):
    _write(tmp_path / "elsewhere" / "a.gguf")
    (ours.path / "link").symlink_to(tmp_path / "elsewhere")
    assert [model.path for model in _models(ours)] == [ours.path / "link" / "a.gguf"]


def test_folders_without_end_are_not_followed_to_the_end(ours):
    deep = ours.path.joinpath(*"abcdefghijklm")
    _write(deep / "too-deep.gguf")
    assert _models(ours) == []


# One file, several ways


@posix
def test_a_file_that_can_be_reached_in_several_ways_is_listed_once_where_it_was_found_first(ours, added):
    path = _write(ours.path / "a.gguf")
    (added.path / "same.gguf").symlink_to(path)
    (added.path / "same too.gguf").hardlink_to(path)
    again = Place(path, PlaceKind.ADDED)
    assert [(model.path, model.place) for model in _models(ours, added, again)] == [(path, ours)]
    (model,) = _models(added, ours)
    assert model.place == added


# Places that are gone


def test_a_place_that_is_gone_is_missing_and_the_others_are_scanned(ours, tmp_path):
    _write(ours.path / "a.gguf")
    gone = [Place(tmp_path / name, PlaceKind.ADDED) for name in ("drive", "drive/a.gguf")]
    ollama = Place(tmp_path / "ollama", PlaceKind.OLLAMA)
    shelf = _scan(gone[0], ours, gone[1], ollama)
    assert len(shelf.models) == 1
    assert shelf.missing == (*gone, ollama)


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="needs permissions that bind")
def test_a_place_that_may_not_be_read_is_missing(ours):
    ours.path.chmod(0)
    missing = _scan(ours).missing
    ours.path.chmod(0o700)
    assert missing == (ours,)


# Scanning again


@pytest.fixture
def headers_read(monkeypatch) -> list[Path]:
    """The files whose headers were read, in their order."""
    read: list[Path] = []
    check_file = gguf.check_file

    def noting(path: Path) -> gguf.GgufHeader:
        read.append(path)
        return check_file(path)

    monkeypatch.setattr(gguf, "check_file", noting)
    return read


def test_a_header_is_read_again_only_after_the_file_has_changed(ours, headers_read):
    good, bad = _write(ours.path / "a.gguf"), ours.path / "b.gguf"
    bad.write_bytes(b"nothing")
    scanner = Scanner()
    first = scanner.scan([ours], {}, 4096)
    assert scanner.scan([ours], {}, 4096) == first
    assert headers_read == [good, bad]
    _write(bad)
    assert [model.problem for model in scanner.scan([ours], {}, 4096).models] == ["", ""]
    assert headers_read == [good, bad, bad]


def test_a_part_that_arrives_completes_its_model(ours):
    last = _write_parts(ours.path, "big", 2)[1]
    content = last.read_bytes()
    last.unlink()
    scanner = Scanner()
    assert scanner.scan([ours], {}, 4096).models[0].problem
    last.write_bytes(content)
    assert not scanner.scan([ours], {}, 4096).models[0].problem


def test_a_file_that_could_not_be_read_is_tried_again(ours, monkeypatch):
    path = _write(ours.path / "a.gguf")
    scanner = Scanner()
    with monkeypatch.context() as broken_drive:
        broken_drive.setattr(Path, "open", _fail_to_read)
        assert scanner.scan([ours], {}, 4096).models[0].problem == "The model file cannot be read: Input/output error"
    assert [(model.path, model.problem) for model in scanner.scan([ours], {}, 4096).models] == [(path, "")]


def _fail_to_read(*_: object) -> None:
    raise OSError(5, "Input/output error")


# Other apps


def test_a_file_that_says_nothing_is_called_like_its_folder(tmp_path):
    place = _place(tmp_path / "models", PlaceKind.JAN)
    _write(place.path / "owner" / "Tiny-3b-Q4_K_M" / "model.gguf", name="")
    (model,) = _models(place)
    assert (model.name, model.quant, model.family) == ("Tiny-3b-Q4_K_M", "Q4_K_M", "tiny-3b")


def _hub_cache(tmp_path: Path) -> Place:
    return _place(tmp_path / "hub", PlaceKind.HUB_CACHE)


def _add_to_hub_cache(place: Place, commit: str, name: str, time: int, blob: str) -> Path:
    repository = place.path / "models--owner--Tiny-GGUF"
    path = repository / "snapshots" / commit / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(_write(repository / "blobs" / blob))
    os.utime(repository / "snapshots" / commit, (time, time))
    return path


@posix
def test_of_the_hub_cache_the_newest_snapshot_of_each_file_is_listed(tmp_path):
    place = _hub_cache(tmp_path)
    only_old = _add_to_hub_cache(place, "c0ffee", "tiny-Q2_K.gguf", 1000, "1")
    _add_to_hub_cache(place, "c0ffee", "tiny-Q4_K_M.gguf", 1000, "2")
    new = _add_to_hub_cache(place, "beef", "tiny-Q4_K_M.gguf", 2000, "3")
    models = _models(place)
    assert [(model.path, model.family) for model in models] == [
        (new, "owner/Tiny-GGUF"),
        (only_old, "owner/Tiny-GGUF"),
    ]


@posix
def test_what_the_hub_cache_shares_between_snapshots_is_listed_once(tmp_path):
    place = _hub_cache(tmp_path)
    old = _add_to_hub_cache(place, "c0ffee", "tiny.gguf", 1000, "1")
    renamed = old.parent.parent / "beef" / "tiny-renamed.gguf"
    renamed.parent.mkdir()
    renamed.symlink_to(old.resolve())
    assert [model.path for model in _models(place)] == [renamed]


def test_ollamas_models_have_the_names_it_shows(tmp_path):
    place = _place(tmp_path / "models", PlaceKind.OLLAMA)
    blob = _write(place.path / "blobs" / f"sha256-{'a' * 64}", name="Llama", **{"general.file_type": 15})
    manifest = place.path / "manifests" / "registry.ollama.ai" / "library" / "llama3.2" / "3b"
    manifest.parent.mkdir(parents=True)
    layer = f'{{"mediaType": "application/vnd.ollama.image.model", "digest": "sha256:{"a" * 64}"}}'
    manifest.write_text(f'{{"layers": [{layer}]}}')
    manifest.with_name("latest").write_text(f'{{"layers": [{layer}]}}')
    (model,) = _models(place)
    assert (model.path, model.name, model.quant, model.family) == (blob, "llama3.2:3b", "Q4_K_M", "llama3-2-3b")


def test_ollamas_models_from_the_hub_are_of_their_family_there(tmp_path):
    place = _place(tmp_path / "models", PlaceKind.OLLAMA)
    _write(place.path / "blobs" / f"sha256-{'a' * 64}")
    manifest = place.path / "manifests" / "hf.co" / "owner" / "Tiny-GGUF" / "Q8_0"
    manifest.parent.mkdir(parents=True)
    layer = f'{{"mediaType": "application/vnd.ollama.image.model", "digest": "sha256:{"a" * 64}"}}'
    manifest.write_text(f'{{"layers": [{layer}]}}')
    (model,) = _models(place)
    assert (model.name, model.quant, model.family) == ("hf.co/owner/Tiny-GGUF:Q8_0", "Q8_0", "owner/Tiny-GGUF")
