from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

import pytest

from app.core.errors import DataFolderUnusable
from app.core.paths import DataPaths


def _files_below(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*")}


def test_everything_is_under_the_folder_one_names(tmp_path):
    paths = DataPaths.at(tmp_path / "mine")
    assert paths.database == tmp_path / "mine" / "conversations.db"
    assert paths.settings == tmp_path / "mine" / "settings.json"
    assert paths.logs == tmp_path / "mine" / "logs"
    assert paths.models == tmp_path / "mine" / "models"


def test_naming_places_touches_nothing_and_creating_makes_only_folders_below(tmp_path):
    paths = DataPaths.at(tmp_path / "far" / "away")
    assert _files_below(tmp_path) == set()
    paths.create()
    assert _files_below(tmp_path) == {"far", "far/away", "far/away/logs", "far/away/models"}


def test_a_relative_folder_stays_where_it_is_when_the_working_folder_changes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    paths = DataPaths.at(Path("data"))
    monkeypatch.chdir("/")
    assert paths.root == tmp_path / "data"


def test_the_default_folder_belongs_to_this_user_and_bears_the_app_name(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    root = DataPaths.default().root
    assert root.name == "Paddock"
    assert root.is_absolute()
    if os.name == "posix":
        assert root.is_relative_to(tmp_path)


@pytest.mark.skipif(os.name != "posix", reason="POSIX permissions")
def test_new_folders_are_private_and_a_folder_that_exists_keeps_its_permissions(tmp_path):
    paths = DataPaths.at(tmp_path / "data")
    paths.models.mkdir(parents=True)
    paths.models.chmod(0o755)
    paths.root.chmod(0o750)
    paths.create()
    modes = [stat.S_IMODE(folder.stat().st_mode) for folder in (paths.root, paths.models, paths.logs)]
    assert modes == [0o750, 0o755, 0o700]


def test_creating_twice_keeps_what_is_there(tmp_path):
    paths = DataPaths.at(tmp_path / "data")
    paths.create()
    paths.settings.write_text("kept")
    paths.create()
    assert paths.settings.read_text() == "kept"


@pytest.mark.parametrize("place", ["", "data", "data/logs"])
def test_a_file_where_a_folder_should_be_is_said_with_its_name(tmp_path, place):
    in_the_way = tmp_path / "here" / place
    in_the_way.parent.mkdir(parents=True, exist_ok=True)
    in_the_way.write_text("")
    with pytest.raises(DataFolderUnusable) as raised:
        DataPaths.at(tmp_path / "here" / "data").create()
    assert str(tmp_path / "here" / "data") in raised.value.detail


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_the_right_to_write_is_unusable(tmp_path):
    paths = DataPaths.at(tmp_path)
    paths.create()
    tmp_path.chmod(0o500)
    with pytest.raises(DataFolderUnusable, match="cannot be written to"):
        paths.create()
    tmp_path.chmod(0o700)


@pytest.fixture
def packaged(tmp_path, monkeypatch):
    """The folder of a packaged Paddock that runs."""
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "paddock"))
    return tmp_path


def test_a_packaged_paddock_uses_the_data_folder_beside_it(packaged):
    without = DataPaths.default().root
    (packaged / "Paddock data").mkdir()
    assert packaged not in without.parents
    assert DataPaths.default().root == packaged / "Paddock data"


def test_a_paddock_from_source_uses_no_data_folder_beside_its_python(packaged, monkeypatch):
    (packaged / "Paddock data").mkdir()
    monkeypatch.setattr(sys, "frozen", False)
    assert packaged not in DataPaths.default().root.parents


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write anywhere")
def test_a_data_folder_that_cannot_be_written_to_does_not_keep_paddock_from_starting(packaged):
    (packaged / "Paddock data").mkdir(mode=0o500)
    assert packaged not in DataPaths.default().root.parents
