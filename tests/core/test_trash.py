from __future__ import annotations

import os
from pathlib import Path

import pytest

from app.core import trash
from app.core.errors import ModelFolderUnusable
from app.core.library import ModelFile, Place, PlaceKind, Scanner
from tests.gguf_writer import Shape, write_container, write_gguf

TINY = Shape(layers=1, width=64, heads=2, kv_heads=1, ff=128, context=512)

needs_links = pytest.mark.skipif(os.name != "posix", reason="links need a privilege there")


@pytest.fixture
def ours(tmp_path) -> Place:
    (tmp_path / "models" / "owner" / "name").mkdir(parents=True)
    return Place(tmp_path / "models", PlaceKind.OURS)


@pytest.fixture
def model(ours) -> ModelFile:
    write_gguf(ours.path / "owner" / "name" / "tiny.gguf", TINY)
    return _only_model(ours)


@pytest.fixture
def split_model(ours) -> ModelFile:
    for index in range(3):
        metadata = {"general.architecture": "llama", "split.no": index, "split.count": 3}
        path = ours.path / "owner" / "name" / f"big-0000{index + 1}-of-00003.gguf"
        write_container(path, metadata, {"token_embd.weight": (4, 32)})
    return _only_model(ours)


def _only_model(place: Place) -> ModelFile:
    (model,) = Scanner().scan([place], {}, 4096).models
    return model


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def test_a_deleted_model_is_off_the_shelf_and_in_the_trash_with_its_size(model, ours):
    trashed = trash.move_to_trash(model)
    assert (trashed.folder, trashed.name, trashed.size) == (ours.path, "tiny.gguf", model.size)
    assert trash.trashed_in(ours.path) == [trashed]
    assert Scanner().scan([ours], {}, 4096).models == ()


def test_a_model_comes_back_whole_to_where_it_was(model, ours):
    content = model.path.read_bytes()
    assert trash.restore(trash.move_to_trash(model)) == model.path
    assert model.path.read_bytes() == content
    assert trash.trashed_in(ours.path) == []


def test_all_parts_of_a_split_model_go_and_come_together(split_model, ours):
    trashed = trash.move_to_trash(split_model)
    assert (len(trashed.parts), trashed.size) == (3, split_model.size)
    assert not any(part.exists() for part in split_model.parts)
    assert trash.restore(trashed) == split_model.path
    assert _only_model(ours) == split_model


def test_the_same_model_may_be_deleted_again_and_again(model, ours):
    for number in range(3):
        model.path.write_bytes(b"x" * (number + 1))
        trash.move_to_trash(model)
    assert [trashed.size for trashed in trash.trashed_in(ours.path)] == [3, 2, 1]
    trash.restore(trash.trashed_in(ours.path)[1])
    assert model.path.read_bytes() == b"xx"


def test_nothing_is_overwritten_by_what_comes_back(split_model):
    trashed = trash.move_to_trash(split_model)
    split_model.parts[1].write_bytes(b"downloaded again")
    with pytest.raises(ModelFolderUnusable, match="is there again"):
        trash.restore(trashed)
    assert split_model.parts[1].read_bytes() == b"downloaded again"
    assert all(part.exists() for part in trashed.parts)


def test_emptying_frees_the_space_and_leaves_the_rest(model, ours):
    kept = ours.path / "owner" / "name" / "other.gguf.0123.part"
    kept.write_bytes(b"half")
    trash.move_to_trash(model)
    assert trash.empty(ours.path) == model.size
    assert _files(ours.path) == [kept]
    assert not (ours.path / ".trash").exists()
    assert trash.empty(ours.path) == 0


def test_what_somebody_else_put_into_the_trash_stays(model, ours):
    trash.move_to_trash(model)
    foreign = ours.path / ".trash" / "mine"
    foreign.mkdir()
    (foreign / "notes.txt").write_text("keep")
    assert len(trash.trashed_in(ours.path)) == 1
    assert trash.empty(ours.path) == model.size
    assert _files(ours.path) == [foreign / "notes.txt"]


def test_a_folder_that_is_gone_has_no_trash(tmp_path):
    assert trash.trashed_in(tmp_path / "unplugged") == []
    assert trash.empty(tmp_path / "unplugged") == 0


@pytest.mark.parametrize("kind", [kind for kind in PlaceKind if kind is not PlaceKind.OURS])
def test_a_model_that_is_not_ours_is_never_moved(kind, ours):
    write_gguf(ours.path / "tiny.gguf", TINY)
    model = ModelFile(ours.path / "tiny.gguf", "", "", 1, Place(ours.path, kind), "", parts=(ours.path / "tiny.gguf",))
    with pytest.raises(ModelFolderUnusable):
        trash.move_to_trash(model)
    assert _files(ours.path) == [model.path]


@pytest.mark.parametrize("way", ["outside.gguf", "models/../outside.gguf"])
def test_a_file_outside_the_folder_is_never_moved(way, ours, tmp_path):
    path = tmp_path / way
    write_gguf(path, TINY)
    with pytest.raises(ModelFolderUnusable, match="lies outside"):
        trash.move_to_trash(ModelFile(path, "", "", 1, ours, "", parts=(path,)))
    assert path.exists()


# Links


@needs_links
def test_a_file_in_a_folder_behind_a_link_is_never_moved(ours, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    path = write_gguf(tmp_path / "elsewhere" / "tiny.gguf", TINY)
    (ours.path / "link").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ModelFolderUnusable, match="lies outside"):
        trash.move_to_trash(_only_model(ours))
    assert path.exists()


@needs_links
def test_of_a_file_that_is_a_link_only_the_link_is_deleted(ours, tmp_path):
    path = write_gguf(tmp_path / "tiny.gguf", TINY)
    (ours.path / "link.gguf").symlink_to(path)
    trash.move_to_trash(_only_model(ours))
    assert trash.empty(ours.path) < 1000
    assert not (ours.path / "link.gguf").is_symlink()
    assert path.exists()


@needs_links
def test_a_trash_that_is_a_link_is_not_used(model, ours, tmp_path):
    (tmp_path / "elsewhere" / "1").mkdir(parents=True)
    precious = tmp_path / "elsewhere" / "1" / "precious.txt"
    precious.write_text("keep")
    (ours.path / ".trash").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ModelFolderUnusable):
        trash.move_to_trash(model)
    assert trash.trashed_in(ours.path) == []
    assert trash.empty(ours.path) == 0
    assert model.path.exists()
    assert precious.exists()


@needs_links
def test_emptying_does_not_follow_links(model, ours, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    precious = tmp_path / "elsewhere" / "precious.txt"
    precious.write_text("keep")
    trashed = trash.move_to_trash(model)
    (trashed.entry / "link").symlink_to(precious.parent)
    (trashed.entry.parent / "2").symlink_to(precious.parent)
    assert trash.empty(ours.path) >= model.size
    assert precious.exists()
    assert not trashed.entry.exists()


@needs_links
def test_a_models_folder_may_itself_be_reached_by_a_link(model, ours, tmp_path):
    link = tmp_path / "link to models"
    link.symlink_to(ours.path)
    trashed = trash.move_to_trash(_only_model(Place(link, PlaceKind.OURS)))
    assert trash.restore(trashed) == link / "owner" / "name" / "tiny.gguf"
    assert model.path.exists()


# Failures


@pytest.fixture
def refuse(monkeypatch):
    """Makes the system refuse to do something with one file."""

    def refuse(method: str, name: str, error: OSError) -> None:
        original = getattr(Path, method)

        def refusing(path: Path, *arguments: object, **options: object) -> object:
            if path.name == name:
                error.filename = str(path)
                raise error
            return original(path, *arguments, **options)

        monkeypatch.setattr(Path, method, refusing)

    return refuse


def test_a_model_in_use_is_told_to_be_unloaded_first(model, ours, refuse):
    error = PermissionError(13, "Permission denied")
    error.winerror = 32  # type: ignore[attr-defined]
    refuse("rename", "tiny.gguf", error)
    with pytest.raises(ModelFolderUnusable, match=r"tiny\.gguf is in use\. Unload the model first\."):
        trash.move_to_trash(model)
    assert _files(ours.path) == [model.path]
    assert list((ours.path / ".trash").iterdir()) == []


def test_if_one_part_cannot_be_moved_none_is(split_model, ours, refuse):
    refuse("rename", "big-00003-of-00003.gguf", PermissionError(13, "Permission denied"))
    with pytest.raises(ModelFolderUnusable, match="Permission denied"):
        trash.move_to_trash(split_model)
    assert _only_model(ours) == split_model
    assert trash.trashed_in(ours.path) == []


def test_if_one_part_cannot_come_back_none_does(split_model, ours, refuse):
    trashed = trash.move_to_trash(split_model)
    refuse("rename", "big-00003-of-00003.gguf", PermissionError(13, "Permission denied"))
    with pytest.raises(ModelFolderUnusable, match="Permission denied"):
        trash.restore(trashed)
    assert trash.trashed_in(ours.path) == [trashed]


def test_what_cannot_be_deleted_is_told_and_the_rest_is_deleted(split_model, ours, refuse):
    trash.move_to_trash(split_model)
    refuse("unlink", "big-00001-of-00003.gguf", PermissionError(13, "Permission denied"))
    with pytest.raises(ModelFolderUnusable, match=r"big-00001-of-00003\.gguf: Permission denied"):
        trash.empty(ours.path)
    assert [path.name for path in _files(ours.path)] == ["big-00001-of-00003.gguf"]
    assert [len(trashed.parts) for trashed in trash.trashed_in(ours.path)] == [1]


def test_a_folder_that_cannot_be_written_to_is_told(model, ours, refuse):
    refuse("mkdir", ".trash", OSError(30, "Read-only file system"))
    with pytest.raises(ModelFolderUnusable, match="Read-only file system"):
        trash.move_to_trash(model)
    assert model.path.exists()
