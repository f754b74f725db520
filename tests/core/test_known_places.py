from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from app.core.known_places import known_places
from app.core.library import Place, PlaceKind


@pytest.fixture
def home(tmp_path) -> Path:
    home = tmp_path / "home"
    home.mkdir()
    return home


def _known(home: Path, environment: dict[str, str] | None = None, platform: str = "linux") -> list[Place]:
    """Without those of this computer itself."""
    places = known_places(home, environment or {}, platform)
    return [place for place in places if place.path.is_relative_to(home.parent)]


def test_where_no_other_app_is_there_is_nothing(home):
    assert _known(home) == []


@pytest.mark.parametrize(
    ("platform", "path", "kind"),
    [
        ("linux", ".lmstudio/models", PlaceKind.LM_STUDIO),
        ("darwin", ".lmstudio/models", PlaceKind.LM_STUDIO),
        ("win32", ".cache/lm-studio/models", PlaceKind.LM_STUDIO),
        ("linux", ".local/share/Jan/data/llamacpp/models", PlaceKind.JAN),
        ("linux", ".config/Jan/data/models", PlaceKind.JAN),
        ("linux", "jan/models", PlaceKind.JAN),
        ("darwin", "Library/Application Support/Jan/data/llamacpp/models", PlaceKind.JAN),
        ("win32", "AppData/Roaming/Jan/data/llamacpp/models", PlaceKind.JAN),
        ("linux", ".local/share/nomic.ai/GPT4All", PlaceKind.GPT4ALL),
        ("darwin", "Library/Application Support/nomic.ai/GPT4All", PlaceKind.GPT4ALL),
        ("win32", "AppData/Local/nomic.ai/GPT4All", PlaceKind.GPT4ALL),
        ("linux", ".ollama/models", PlaceKind.OLLAMA),
        ("win32", ".ollama/models", PlaceKind.OLLAMA),
        ("linux", ".cache/huggingface/hub", PlaceKind.HUB_CACHE),
        ("win32", ".cache/huggingface/hub", PlaceKind.HUB_CACHE),
    ],
)
def test_the_folders_of_other_apps_are_known(platform, path, kind, home):
    (home / path).mkdir(parents=True)
    assert _known(home, platform=platform) == [Place(home / path, kind)]


@pytest.mark.parametrize(
    ("platform", "variable", "path", "kind"),
    [
        ("linux", "XDG_DATA_HOME", "Jan/data/llamacpp/models", PlaceKind.JAN),
        ("linux", "XDG_DATA_HOME", "nomic.ai/GPT4All", PlaceKind.GPT4ALL),
        ("linux", "XDG_CONFIG_HOME", "Jan/data/models", PlaceKind.JAN),
        ("win32", "APPDATA", "Jan/data/models", PlaceKind.JAN),
        ("win32", "LOCALAPPDATA", "nomic.ai/GPT4All", PlaceKind.GPT4ALL),
        ("linux", "OLLAMA_MODELS", "", PlaceKind.OLLAMA),
        ("linux", "HF_HUB_CACHE", "", PlaceKind.HUB_CACHE),
        ("linux", "HUGGINGFACE_HUB_CACHE", "", PlaceKind.HUB_CACHE),
        ("linux", "HF_HOME", "hub", PlaceKind.HUB_CACHE),
        ("linux", "XDG_CACHE_HOME", "huggingface/hub", PlaceKind.HUB_CACHE),
    ],
)
def test_the_environment_says_where_they_were_moved(platform, variable, path, kind, home, tmp_path):
    place = tmp_path / "moved" / path
    place.mkdir(parents=True)
    assert _known(home, {variable: str(tmp_path / "moved")}, platform) == [Place(place, kind)]


@pytest.mark.parametrize(
    ("settings", "key", "path", "kind"),
    [
        (".lmstudio/settings.json", "downloadsFolder", "", PlaceKind.LM_STUDIO),
        (".local/share/Jan/settings.json", "data_folder", "llamacpp/models", PlaceKind.JAN),
    ],
)
def test_their_settings_say_where_they_were_moved(settings, key, path, kind, home, tmp_path):
    place = tmp_path / "moved" / path
    place.mkdir(parents=True)
    (home / settings).parent.mkdir(parents=True)
    (home / settings).write_bytes(b"\xef\xbb\xbf" + json.dumps({key: str(tmp_path / "moved")}).encode())
    assert _known(home) == [Place(place, kind)]


def test_lm_studios_folder_is_where_its_note_says(home, tmp_path):
    (tmp_path / "moved" / "models").mkdir(parents=True)
    (home / ".lmstudio-home-pointer").write_text(f"{tmp_path / 'moved'}\n")
    assert _known(home) == [Place(tmp_path / "moved" / "models", PlaceKind.LM_STUDIO)]


@pytest.mark.parametrize("content", ["", "[]", "{", '{"downloadsFolder": 3}', '{"downloadsFolder": "\\u0000"}'])
def test_settings_that_make_no_sense_cost_only_themselves(content, home):
    (home / ".lmstudio" / "models").mkdir(parents=True)
    (home / ".lmstudio" / "settings.json").write_text(content)
    (home / ".lmstudio-home-pointer").write_bytes(b"\x00\xff\xfe")
    assert _known(home) == [Place(home / ".lmstudio" / "models", PlaceKind.LM_STUDIO)]


def test_a_path_without_a_root_is_not_looked_for_in_the_working_folder(home, tmp_path, monkeypatch):
    (tmp_path / "models").mkdir()
    monkeypatch.chdir(tmp_path)
    assert known_places(home, {"OLLAMA_MODELS": "models"}, "darwin") == []


@pytest.mark.skipif(os.name != "posix", reason="needs links")
def test_a_folder_is_known_once_however_many_lead_there(home):
    (home / ".lmstudio" / "models").mkdir(parents=True)
    (home / ".cache").mkdir()
    (home / ".cache" / "lm-studio").symlink_to(home / ".lmstudio")
    assert _known(home, {"OLLAMA_MODELS": str(home / ".lmstudio" / "models")}) == [
        Place(home / ".lmstudio" / "models", PlaceKind.LM_STUDIO)
    ]
