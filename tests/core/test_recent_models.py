from __future__ import annotations

import itertools
import os
from pathlib import Path

import pytest

from app.core.database import open_database
from app.core.recent_models import RecentModel, RecentModels

TINY = str(Path("/models/tiny.gguf").absolute())
BIG = str(Path("/models/big.gguf").absolute())


@pytest.fixture
def start(tmp_path):
    """Starts the app once more, as far as this module can see. The clock goes one second a reading."""
    connections = []
    clock = itertools.count(1000.0).__next__

    def start() -> RecentModels:
        connections.append(open_database(tmp_path / "conversations.db"))
        return RecentModels(connections[-1], clock)

    yield start
    for connection in connections:
        connection.close()


def test_at_first_there_are_none(start):
    assert start().all() == []
    assert start().last() is None


def test_the_last_used_model_comes_first_also_after_a_restart(start):
    models = start()
    models.remember(TINY, "Tiny", "Q4_K_M", 5)
    models.remember(BIG, "Big", "Q8_0", 2**40)
    big, tiny = RecentModel(BIG, "Big", "Q8_0", 2**40, 1001.0), RecentModel(TINY, "Tiny", "Q4_K_M", 5, 1000.0)
    assert start().all() == [big, tiny]
    assert start().last() == big


def test_a_model_used_again_is_listed_once_with_what_is_known_now(start):
    models = start()
    models.remember(TINY, "Tiny", "", 5)
    models.remember(BIG, "Big", "Q8_0", 6)
    models.remember(TINY, "Tiny Chat", "Q4_K_M", 7)
    assert [(model.name, model.quant, model.file_size) for model in models.all()] == [
        ("Tiny Chat", "Q4_K_M", 7),
        ("Big", "Q8_0", 6),
    ]


def test_the_order_does_not_depend_on_the_clock(tmp_path):
    connection = open_database(tmp_path / "conversations.db")
    models = RecentModels(connection, clock=iter([2000.0, 1000.0]).__next__)
    models.remember(TINY, "Tiny", "", 5)
    models.remember(BIG, "Big", "", 6)
    last = models.last()
    connection.close()
    assert last is not None
    assert last.name == "Big"


def test_a_forgotten_model_is_gone_and_the_others_stay(start):
    models = start()
    models.remember(TINY, "Tiny", "", 5)
    models.remember(BIG, "Big", "", 6)
    models.forget(BIG)
    assert [model.name for model in models.all()] == ["Tiny"]


def test_a_relative_path_is_the_same_model_as_its_absolute_one(start, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    models = start()
    models.remember("tiny.gguf", "Tiny", "", 5)
    models.remember(tmp_path / "tiny.gguf", "Tiny", "", 5)
    assert [model.path for model in models.all()] == [str(tmp_path / "tiny.gguf")]


@pytest.mark.skipif(os.name != "posix", reason="file names are text there")
def test_a_file_name_that_is_no_valid_text_is_kept(start):
    path = os.fsdecode(b"/models/gr\xfc\xdfe.gguf")
    models = start()
    models.remember(path, "Tiny", "", 5)
    assert [model.path for model in models.all()] == [path]


# The crash guard


def test_a_model_of_which_nothing_is_known_may_load_by_itself(start):
    assert start().may_load_by_itself(TINY)


def test_a_load_that_ended_well_or_was_refused_leaves_no_mark(start):
    models = start()
    models.loading_began(TINY)
    models.loading_ended(TINY)
    assert start().may_load_by_itself(TINY)


def test_a_model_that_took_the_app_with_it_while_loading_is_not_loaded_by_itself(start):
    start().loading_began(TINY)
    models = start()
    assert not models.may_load_by_itself(TINY)
    assert models.may_load_by_itself(BIG)


def test_a_model_that_killed_the_engine_is_not_loaded_by_itself(start):
    models = start()
    models.loading_began(TINY)
    models.loading_ended(TINY)
    models.engine_died_with(TINY)
    assert not models.may_load_by_itself(TINY)
    assert not start().may_load_by_itself(TINY)


@pytest.mark.parametrize("death", ["loading_began", "engine_died_with"])
def test_loading_it_again_by_hand_is_not_enough_but_a_reply_is(start, death):
    getattr(start(), death)(TINY)
    models = start()
    models.loading_began(TINY)
    models.loading_ended(TINY)
    assert not models.may_load_by_itself(TINY)
    models.worked(TINY)
    assert start().may_load_by_itself(TINY)


def test_forgetting_a_model_does_not_forget_its_crashes(start):
    models = start()
    models.remember(TINY, "Tiny", "", 5)
    models.engine_died_with(TINY)
    models.forget(TINY)
    assert not models.may_load_by_itself(TINY)
