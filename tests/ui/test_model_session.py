from __future__ import annotations

import pytest

from app.core import errors
from app.core.database import open_database
from app.core.guide import guide_path, is_guide
from app.core.recent_models import RecentModels
from app.core.settings import Settings
from app.engine.protocol import ChatMessage, Sampling
from app.ui.model_session import ModelSession

TIMEOUT = 20_000


@pytest.fixture
def recent(paths):
    connection = open_database(paths.database)
    yield RecentModels(connection)
    connection.close()


@pytest.fixture
def file(tmp_path) -> str:
    path = tmp_path / "any.gguf"
    path.touch()
    return str(path)


def load(session: ModelSession, path: str, qtbot) -> None:
    with qtbot.waitSignal(session.loaded, timeout=TIMEOUT):
        session.open(path)


def test_a_model_that_was_loaded_is_remembered_and_loaded_at_the_next_start(start_engine, recent, file, qtbot):
    load(ModelSession(start_engine("echo"), recent, lambda _path: Settings()), file, qtbot)
    next_start = ModelSession(start_engine("echo"), recent, lambda _path: Settings())
    with qtbot.waitSignal(next_start.loaded, timeout=TIMEOUT) as loaded:
        assert next_start.open_last() == ""
    assert loaded.args[0].path == file


def test_a_model_that_killed_the_engine_is_not_loaded_by_itself(start_engine, recent, file, qtbot):
    load(ModelSession(start_engine("echo"), recent, lambda _path: Settings()), file, qtbot)
    session = ModelSession(start_engine("aborts"), recent, lambda _path: Settings())
    with qtbot.waitSignal(session.failed, timeout=TIMEOUT) as failed:
        session.open(file)
    assert isinstance(failed.args[1], errors.EngineCrashed)
    next_start = ModelSession(start_engine("echo"), recent, lambda _path: Settings())
    assert next_start.open_last() == file
    assert not next_start.is_loading
    assert next_start.path == file  # so that asking for it loads it


def test_a_refused_file_does_not_count_as_a_crash(start_engine, recent, file, qtbot):
    load(ModelSession(start_engine("echo"), recent, lambda _path: Settings()), file, qtbot)
    session = ModelSession(start_engine("refuses"), recent, lambda _path: Settings())
    with qtbot.waitSignal(session.failed, timeout=TIMEOUT):
        session.open(file)
    assert recent.may_load_by_itself(file)


def test_a_model_chosen_while_another_loads_takes_its_place(start_engine, recent, qtbot):
    session = ModelSession(start_engine("loads_slowly"), recent, lambda _path: Settings())
    session.open("first.gguf")
    loaded: list[str] = []
    session.loaded.connect(lambda model: loaded.append(model.path))
    with qtbot.waitSignal(session.loaded, timeout=TIMEOUT):
        session.open("second.gguf")
    assert loaded == ["second.gguf"]


def test_a_model_chosen_while_a_reply_is_written_stops_the_reply_first(start_engine, recent, qtbot):
    engine = start_engine("echo")
    session = ModelSession(engine, recent, lambda _path: Settings())
    load(session, "first.gguf", qtbot)
    with qtbot.waitSignal(engine.text_received, timeout=TIMEOUT):
        engine.generate("r", [ChatMessage("user", "Count.")], Sampling())
    with qtbot.waitSignals([engine.reply_finished, session.loaded], timeout=TIMEOUT, order="strict"):
        session.open("second.gguf")
    assert engine.model.path == "second.gguf"


def test_cancelling_leaves_no_model_and_says_so(start_engine, recent, qtbot):
    session = ModelSession(start_engine("loads_slowly"), recent, lambda _path: Settings())
    session.open("first.gguf")
    with qtbot.waitSignal(session.cancelled, timeout=TIMEOUT):
        session.cancel()
    assert not session.is_loading


def test_the_guide_is_loaded_on_the_first_start_and_remembered_by_nobody(start_engine, recent, qtbot):
    session = ModelSession(start_engine("echo"), recent, lambda _path: Settings())
    with qtbot.waitSignal(session.loaded, timeout=TIMEOUT) as loaded:
        session.open_last()
    assert is_guide(loaded.args[0].path)
    assert recent.last() is None


def test_the_guide_steps_back_once_a_real_model_has_been_used(start_engine, recent, file, qtbot):
    first = ModelSession(start_engine("echo"), recent, lambda _path: Settings())
    load(first, file, qtbot)
    load(first, str(guide_path()), qtbot)
    next_start = ModelSession(start_engine("echo"), recent, lambda _path: Settings())
    with qtbot.waitSignal(next_start.loaded, timeout=TIMEOUT) as loaded:
        next_start.open_last()
    assert loaded.args[0].path == file


def test_the_guide_is_loaded_the_same_way_whatever_is_set(start_engine, recent, qtbot):
    engine = start_engine("echo")
    session = ModelSession(engine, recent, lambda _path: Settings(context_length=131_072, gpu_layers=99))
    asked = []
    engine._command_given.connect(asked.append)
    load(session, str(guide_path()), qtbot)
    assert (asked[0].settings.context_length, asked[0].settings.gpu_layers) == (None, 0)
