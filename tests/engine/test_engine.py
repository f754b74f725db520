from __future__ import annotations

import os

import psutil
import pytest

from app.core import errors
from app.core.settings import Settings
from app.engine import protocol, supervisor
from app.engine.engine import Engine, EngineState
from app.engine.protocol import ChatMessage, Sampling

HELLO = (ChatMessage("user", "Hello"),)


def load(engine: Engine, qtbot) -> None:
    with qtbot.waitSignal(engine.model_loaded, timeout=20_000):
        engine.load("any.gguf", Settings())


def child_of(_engine: Engine) -> psutil.Process:
    (child,) = [one for one in psutil.Process().children() if "scripted_child" in " ".join(one.cmdline())]
    return child


def test_a_reply_arrives_whole_and_in_order(start_engine, qtbot):
    engine = start_engine("floods")
    load(engine, qtbot)
    pieces: list[str] = []
    engine.text_received.connect(lambda _id, text: pieces.append(text))
    with qtbot.waitSignal(engine.reply_finished, timeout=20_000) as finished:
        engine.generate("r1", HELLO, Sampling())
    assert "".join(pieces) == "".join(f"{n} " for n in range(400))
    reply_id, stats = finished.args
    assert (reply_id, stats.reason) == ("r1", "end")
    assert engine.state is EngineState.READY


def test_states_follow_the_work(start_engine, qtbot):
    engine = start_engine("echo")
    states: list[EngineState] = []
    engine.state_changed.connect(states.append)
    load(engine, qtbot)
    with qtbot.waitSignal(engine.reply_finished, timeout=20_000):
        engine.generate("r1", HELLO, Sampling())
    assert states == [
        EngineState.LOADING,
        EngineState.READY,
        EngineState.READING,
        EngineState.WRITING,
        EngineState.READY,
    ]


def test_stop_ends_the_reply_and_says_so(start_engine, qtbot):
    engine = start_engine("echo")
    load(engine, qtbot)
    with qtbot.waitSignal(engine.text_received, timeout=20_000):
        engine.generate("r1", HELLO, Sampling())
    with qtbot.waitSignal(engine.reply_finished, timeout=20_000) as finished:
        engine.stop()
    assert finished.args[1].reason == "stopped"


def test_a_load_can_be_cancelled_and_the_next_one_works(start_engine, qtbot):
    engine = start_engine("loads_slowly")
    with qtbot.waitSignal(engine.load_progressed, timeout=20_000):
        engine.load("any.gguf", Settings())
    with qtbot.waitSignal(engine.load_cancelled, timeout=20_000):
        engine.stop()
    assert engine.state is EngineState.EMPTY
    load(engine, qtbot)


def test_an_abort_in_the_engine_is_reported_and_the_next_load_works(start_engine, qtbot):
    engine = start_engine("aborts")
    for _ in range(2):
        with qtbot.waitSignal(engine.load_failed, timeout=20_000) as failed:
            engine.load("any.gguf", Settings())
        assert isinstance(failed.args[0], errors.EngineCrashed)
        assert engine.state is EngineState.EMPTY


def test_a_crash_in_the_middle_of_a_reply_belongs_to_that_reply(start_engine, qtbot):
    engine = start_engine("crashes_while_writing")
    load(engine, qtbot)
    with qtbot.waitSignal(engine.reply_failed, timeout=20_000) as failed:
        engine.generate("r1", HELLO, Sampling())
    assert failed.args[0] == "r1"
    assert isinstance(failed.args[1], errors.EngineCrashed)
    assert engine.model is None
    load(engine, qtbot)


def test_a_child_that_dies_while_idle_is_noticed(start_engine, qtbot):
    engine = start_engine("echo")
    load(engine, qtbot)
    with qtbot.waitSignals([engine.crashed, engine.model_unloaded], timeout=20_000):
        child_of(engine).kill()
    load(engine, qtbot)


def test_running_out_of_memory_is_told_as_such(start_engine, qtbot):
    engine = start_engine("out_of_memory")
    with qtbot.waitSignal(engine.load_failed, timeout=20_000) as failed:
        engine.load("any.gguf", Settings())
    assert isinstance(failed.args[0], errors.EngineOutOfMemory)


def test_a_refusal_crosses_the_pipe_as_the_error_it_was(start_engine, qtbot):
    engine = start_engine("refuses")
    with qtbot.waitSignal(engine.load_failed, timeout=20_000) as failed:
        engine.load("notes.txt", Settings())
    assert isinstance(failed.args[0], errors.NotAModel)
    assert failed.args[0].detail == "notes.txt"


@pytest.mark.parametrize("behaviour", ["another_version", "exits_at_start"])
def test_a_child_that_cannot_be_talked_to_is_an_engine_that_did_not_start(start_engine, qtbot, behaviour):
    engine = start_engine(behaviour)
    with qtbot.waitSignal(engine.load_failed, timeout=20_000) as failed:
        engine.load("any.gguf", Settings())
    assert isinstance(failed.args[0], errors.EngineDidNotStart)


def test_a_program_that_does_not_exist_is_an_engine_that_did_not_start(qtbot):
    engine = Engine(["/no/such/program"])
    with qtbot.waitSignal(engine.load_failed, timeout=20_000) as failed:
        engine.load("any.gguf", Settings())
    assert isinstance(failed.args[0], errors.EngineDidNotStart)
    engine.close()


def test_the_child_of_a_packaged_app_looks_for_its_libraries_anew(start_engine, qtbot):
    engine = start_engine("echo")
    load(engine, qtbot)
    assert child_of(engine).environ()["PYINSTALLER_RESET_ENVIRONMENT"] == "1"


def test_a_child_that_prints_into_the_pipe_is_ended(start_engine, qtbot, caplog):
    engine = start_engine("babbles")
    with qtbot.waitSignal(engine.load_failed, timeout=20_000) as failed:
        engine.load("any.gguf", Settings())
    assert isinstance(failed.args[0], errors.EngineError)
    assert "not an event" in caplog.text
    caplog.clear()


def test_a_child_that_does_not_stop_is_ended(start_engine, qtbot, caplog):
    engine = start_engine("stubborn")
    load(engine, qtbot)
    with qtbot.waitSignal(engine.text_received, timeout=20_000):
        engine.generate("r1", HELLO, Sampling())
    with qtbot.waitSignal(engine.reply_failed, timeout=20_000) as failed:
        engine.stop()
    assert isinstance(failed.args[1], errors.EngineDidNotAnswer)
    load(engine, qtbot)


def test_a_stop_that_comes_too_late_harms_nothing(start_engine, qtbot, monkeypatch):
    monkeypatch.setattr(supervisor, "_INTERRUPT_SECONDS", 0.2)
    engine = start_engine("echo")
    load(engine, qtbot)
    with qtbot.waitSignal(engine.reply_finished, timeout=20_000):
        engine.generate("r1", HELLO, Sampling())
    engine._command_given.emit(protocol.Interrupt("r1"))  # as if pressed while the end was on its way
    with qtbot.waitSignal(engine.reply_finished, timeout=20_000) as finished:
        engine.generate("r2", HELLO, Sampling())
    assert finished.args[1].reason == "end"


def test_closing_leaves_no_child_even_if_it_is_stubborn(start_engine, qtbot, caplog):
    engine = start_engine("stubborn")
    load(engine, qtbot)
    child = child_of(engine)
    engine.close()
    assert not child.is_running()
    caplog.clear()  # the child's unwillingness is logged


def test_the_child_gets_no_stdin_of_ours(start_engine, qtbot):
    engine = start_engine("echo")
    load(engine, qtbot)
    assert child_of(engine).ppid() == os.getpid()


def test_tokens_are_counted(start_engine, qtbot):
    engine = start_engine("echo")
    with qtbot.waitSignal(engine.tokens_counted, timeout=20_000) as told:
        engine.count_tokens("q1", "three small words")
    assert told.args == [protocol.TokensCounted("q1", 3)]
