from __future__ import annotations

import os
from pathlib import Path

import pytest

from app.core.database import execute, open_database
from app.core.library import Place, PlaceKind
from app.core.model_places import ModelPlaces

MODELS = Path("/models").absolute()
TINY = Path("/downloads/tiny.gguf").absolute()


@pytest.fixture
def connection(tmp_path):
    connection = open_database(tmp_path / "conversations.db")
    yield connection
    connection.close()


def test_at_first_there_are_none(connection):
    assert ModelPlaces(connection).all() == []


def test_places_are_kept_in_the_order_they_were_added(connection):
    places = ModelPlaces(connection, clock=iter([2000.0, 1000.0]).__next__)
    places.add(TINY, PlaceKind.ADDED)
    places.add(MODELS, PlaceKind.LM_STUDIO)
    assert ModelPlaces(connection).all() == [Place(TINY, PlaceKind.ADDED), Place(MODELS, PlaceKind.LM_STUDIO)]


def test_a_place_added_again_is_listed_once_with_what_it_is_now(connection):
    places = ModelPlaces(connection)
    places.add(MODELS, PlaceKind.ADDED)
    places.add(TINY, PlaceKind.ADDED)
    places.add(MODELS, PlaceKind.OURS)
    assert places.all() == [Place(MODELS, PlaceKind.OURS), Place(TINY, PlaceKind.ADDED)]


def test_a_place_taken_off_the_list_is_gone_and_the_others_stay(connection):
    places = ModelPlaces(connection)
    places.add(MODELS, PlaceKind.ADDED)
    places.add(TINY, PlaceKind.ADDED)
    places.remove(MODELS)
    assert places.all() == [Place(TINY, PlaceKind.ADDED)]


def test_a_relative_path_is_the_same_place_as_its_absolute_one(connection, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    places = ModelPlaces(connection)
    places.add(Path("models"), PlaceKind.ADDED)
    places.add(tmp_path / "models", PlaceKind.ADDED)
    assert places.all() == [Place(tmp_path / "models", PlaceKind.ADDED)]


@pytest.mark.skipif(os.name != "posix", reason="file names are text there")
def test_a_path_that_is_no_valid_text_is_kept(connection):
    path = Path(os.fsdecode(b"/models/gr\xfc\xdfe"))
    places = ModelPlaces(connection)
    places.add(path, PlaceKind.ADDED)
    assert places.all() == [Place(path, PlaceKind.ADDED)]


def test_a_kind_that_this_version_does_not_know_is_never_ours(connection):
    ModelPlaces(connection).add(MODELS, PlaceKind.OURS)
    execute(connection, "UPDATE model_places SET kind = 'of tomorrow'")
    assert ModelPlaces(connection).all() == [Place(MODELS, PlaceKind.ADDED)]
