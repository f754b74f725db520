"""Estimates from a child of their own, over the real pipe."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import psutil
import pytest

from app.core import errors
from app.core.settings import Settings
from app.engine.estimator import Estimator
from tests.gguf_writer import Shape, write_gguf

pytestmark = pytest.mark.model

TIMEOUT = 60_000


@pytest.fixture
def start_estimator(qtbot) -> Iterator[Callable[..., Estimator]]:
    estimators: list[Estimator] = []

    def start(**arguments) -> Estimator:
        estimators.append(Estimator(**arguments))
        return estimators[-1]

    yield start
    for estimator in estimators:
        estimator.close()


@pytest.fixture
def small(tmp_path):
    return str(write_gguf(tmp_path / "small.gguf"))


def children() -> list[psutil.Process]:
    return [one for one in psutil.Process().children() if "--engine-child" in one.cmdline()]


def test_a_model_is_estimated_without_being_loaded(start_estimator, small, qtbot):
    estimator = start_estimator()
    with qtbot.waitSignal(estimator.estimated, timeout=TIMEOUT) as estimated:
        estimator.ask("a", small, Settings(context_length=1024, gpu_layers=0), [("RAM", 1 << 50)])
    key, estimate = estimated.args
    assert (key, estimate.context_length, estimate.gpu_layers, estimate.layers) == ("a", 1024, 0, 4)
    assert (estimate.fit, estimate.missing) == ("fits in RAM", 0)
    (ram,) = estimate.devices
    assert ram.kv_cache == 1024 * 4 * 4 * 32 * 2 * 2
    memory = estimate.memory[0]
    assert (memory.device, memory.given_back) == ("RAM", 1 << 50)
    assert memory.free > 1 << 50


def test_a_model_that_does_not_fit_says_by_how_much_and_what_would(start_estimator, tmp_path, qtbot):
    deep = write_gguf(tmp_path / "deep.gguf", Shape(layers=64, context=1 << 20), sparse=True)
    estimator = start_estimator()
    with qtbot.waitSignal(estimator.estimated, timeout=TIMEOUT) as estimated:
        estimator.ask("a", str(deep), Settings(context_length=1 << 20, gpu_layers=0), [("RAM", -(1 << 50))])
    assert estimated.args[1].fit == "does not fit"
    assert estimated.args[1].missing > 1 << 49


def test_a_file_that_is_no_model_fails_in_words(start_estimator, tmp_path, qtbot):
    estimator = start_estimator()
    with qtbot.waitSignal(estimator.failed, timeout=TIMEOUT) as failed:
        estimator.ask("a", str(tmp_path / "gone.gguf"), Settings())
    assert failed.args[0] == "a"
    assert isinstance(failed.args[1], errors.ModelNotFound)


def test_only_the_newest_question_of_a_key_is_answered(start_estimator, small, qtbot):
    estimator = start_estimator()
    answers: list[tuple[str, int]] = []
    estimator.estimated.connect(lambda key, estimate: answers.append((key, estimate.context_length)))
    for length in range(512, 2048 + 1, 256):
        estimator.ask("slider", small, Settings(context_length=length))
    estimator.ask("other", small, Settings(context_length=512))
    qtbot.waitUntil(lambda: len(answers) >= 2, timeout=TIMEOUT)
    assert answers == [("slider", 2048), ("other", 512)]


def test_the_child_ends_when_nobody_asks_and_starts_again_when_someone_does(start_estimator, small, qtbot):
    estimator = start_estimator(idle_seconds=0.1)
    for _ in range(2):
        with qtbot.waitSignal(estimator.estimated, timeout=TIMEOUT):
            estimator.ask("a", small, Settings())
        qtbot.waitUntil(lambda: not children(), timeout=TIMEOUT)


def test_a_child_that_dies_fails_its_question_and_the_next_one_is_answered(start_estimator, small, qtbot):
    estimator = start_estimator()
    with qtbot.waitSignal(estimator.estimated, timeout=TIMEOUT):
        estimator.ask("a", small, Settings())
    (child,) = children()
    child.suspend()
    with qtbot.waitSignal(estimator.failed, timeout=TIMEOUT) as failed:
        estimator.ask("a", small, Settings())
        child.kill()
    assert isinstance(failed.args[1], errors.EngineError)
    with qtbot.waitSignal(estimator.estimated, timeout=TIMEOUT):
        estimator.ask("a", small, Settings())
