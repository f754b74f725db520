"""Trying devices, with real children over the real pipe."""

from __future__ import annotations

import dataclasses
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from pytestqt.qtbot import QtBot

from app.core import errors
from app.core.diagnosis import DeviceReport
from app.core.guide import guide_path
from app.engine import protocol
from app.engine.device_check import DeviceCheck

TIMEOUT = 60_000
CHILD = Path(__file__).with_name("device_child.py")

Prepare = Callable[..., DeviceCheck]


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "children.log"


@pytest.fixture
def prepare(log: Path, qtbot: QtBot) -> Iterator[Prepare]:
    """A check of scripted devices: what each does by its name, the processor first."""
    checks: list[DeviceCheck] = []

    def make(patience_seconds: float = 30.0, **devices: str) -> DeviceCheck:
        behaviours = [f"{name}={behaviour}" for name, behaviour in devices.items()]
        command = [sys.executable, str(CHILD), str(log), *behaviours]
        checks.append(DeviceCheck(command, patience_seconds=patience_seconds))
        return checks[-1]

    yield make
    for check in checks:
        check.close()


def run(check: DeviceCheck, qtbot: QtBot) -> list[DeviceReport]:
    """Everything that was reported, in order."""
    told: list[DeviceReport] = []
    check.checked.connect(told.append)
    with qtbot.waitSignal(check.finished, timeout=TIMEOUT):
        check.start("guide.gguf")
    return told


def verdicts(check: DeviceCheck) -> dict[str, tuple[bool | None, str, str]]:
    return {report.name: (report.works, report.problem, report.instead) for report in check.reports}


def test_devices_that_write_what_the_processor_writes_work(prepare: Prepare, qtbot: QtBot) -> None:
    check = prepare(CPU="works", BLAS="works", CUDA0="works")
    told = run(check, qtbot)
    assert [(report.name, report.works) for report in told] == [
        *(("CPU", None), ("BLAS", None), ("CUDA0", None)),
        *(("CPU", True), ("BLAS", True), ("CUDA0", True)),
    ]
    assert check.reports == tuple(told[3:])


def test_a_report_says_what_the_device_is(prepare: Prepare, qtbot: QtBot) -> None:
    processor, card = run(prepare(CPU="works", CUDA0="works"), qtbot)[2:]
    assert card == DeviceReport("CUDA0", "A CUDA0", "CUDA", "gpu", 8 << 30, 6 << 30, True)
    # llama.cpp says that all memory of a processor is free.
    assert processor.memory_free < processor.memory_total <= psutil.virtual_memory().total


def test_the_processor_and_each_gpu_have_a_child_of_their_own(prepare: Prepare, log: Path, qtbot: QtBot) -> None:
    run(prepare(CPU="works", BLAS="works", CUDA0="dies", CUDA1="works"), qtbot)
    names, children = zip(*map(str.split, log.read_text().splitlines()), strict=True)
    assert names == ("CPU", "CUDA0", "CUDA1")
    assert len(set(children)) == 3
    assert not any(map(psutil.pid_exists, map(int, children)))


@pytest.mark.parametrize(
    ("behaviour", "problem"),
    [
        ("dies", "The engine stopped unexpectedly: ggml-cuda.cu:99: CUDA error."),
        ("refuses", "The model could not be loaded: no such kernel."),
        ("babbles", "It writes other words than the processor."),
        ("is mute", "It writes other words than the processor."),
        ("takes nothing", "No part of a model can be put on it."),
    ],
)
def test_a_device_that_does_not_work_is_told_with_the_reason(
    prepare: Prepare, qtbot: QtBot, behaviour: str, problem: str
) -> None:
    check = prepare(CPU="works", CUDA0=behaviour)
    told = run(check, qtbot)
    assert verdicts(check) == {
        "CPU": (True, "", ""),
        "CUDA0": (False, problem, "Used instead: the processor."),
    }
    assert [report.instead for report in told if report.works is False] == ["", "Used instead: the processor."]


def test_a_device_that_hangs_is_given_up(prepare: Prepare, qtbot: QtBot) -> None:
    check = prepare(CPU="works", CUDA0="hangs", CUDA1="works", patience_seconds=3.0)
    run(check, qtbot)
    assert verdicts(check) == {
        "CPU": (True, "", ""),
        "CUDA0": (False, "The engine did not answer: Nothing came for 3 seconds.", "Used instead: CUDA1."),
        "CUDA1": (True, "", ""),
    }


def test_a_device_whose_memory_is_full_is_not_called_broken(prepare: Prepare, qtbot: QtBot) -> None:
    check = prepare(CPU="works", CUDA0="full")
    run(check, qtbot)
    assert verdicts(check)["CUDA0"] == (None, "Too little of its memory is free to try it now.", "")


@pytest.mark.parametrize("behaviour", ["dies", "refuses", "is mute"])
def test_where_not_even_the_processor_works_it_fails(prepare: Prepare, log: Path, qtbot: QtBot, behaviour: str) -> None:
    check = prepare(CPU=behaviour, CUDA0="works")
    with qtbot.waitSignal(check.failed, timeout=TIMEOUT) as failed, qtbot.assertNotEmitted(check.finished, wait=100):
        check.start("guide.gguf")
    assert isinstance(failed.args[0], errors.AppError)
    assert [line.split()[0] for line in log.read_text().splitlines()] == ["CPU"]
    assert {report.works for report in check.reports} == {None}


def test_a_child_that_cannot_be_started_is_a_failure(qtbot: QtBot) -> None:
    check = DeviceCheck(["/nowhere/paddock"])
    with qtbot.waitSignal(check.failed, timeout=TIMEOUT) as failed:
        check.start("guide.gguf")
    assert isinstance(failed.args[0], errors.EngineDidNotStart)
    check.close()


def test_cancel_ends_at_once_and_leaves_no_child(prepare: Prepare, log: Path, qtbot: QtBot) -> None:
    check = prepare(CPU="works", CUDA0="hangs", CUDA1="works")
    check.start("guide.gguf")
    qtbot.waitUntil(lambda: log.exists() and "CUDA0" in log.read_text(), timeout=TIMEOUT)
    began = time.monotonic()
    with qtbot.waitSignal(check.finished, timeout=TIMEOUT):
        check.cancel()
    assert time.monotonic() - began < 2  # 0.2 is promised
    hung = int(log.read_text().split()[-1])
    qtbot.waitUntil(lambda: not psutil.pid_exists(hung), timeout=TIMEOUT)
    assert verdicts(check) == {"CPU": (True, "", ""), "CUDA0": (None, "", ""), "CUDA1": (None, "", "")}
    assert "CUDA1" not in log.read_text()


def test_after_cancel_another_check_can_begin_at_once(prepare: Prepare, qtbot: QtBot) -> None:
    check = prepare(CPU="works", CUDA0="works")
    check.start("guide.gguf")
    check.cancel()
    run(check, qtbot)
    assert [works for works, _, _ in verdicts(check).values()] == [True, True]


def test_a_check_under_way_is_not_begun_twice(prepare: Prepare, log: Path, qtbot: QtBot) -> None:
    check = prepare(CPU="works")
    check.start("guide.gguf")
    run(check, qtbot)
    assert len(log.read_text().splitlines()) == 1


def test_cancel_without_a_check_says_nothing(prepare: Prepare, qtbot: QtBot) -> None:
    check = prepare(CPU="works")
    with qtbot.assertNotEmitted(check.finished, wait=50):
        check.cancel()


def test_closing_in_the_middle_leaves_no_child(prepare: Prepare, log: Path, qtbot: QtBot) -> None:
    check = prepare(CPU="hangs")
    check.start("guide.gguf")
    qtbot.waitUntil(lambda: log.exists() and log.read_text().endswith("\n"), timeout=TIMEOUT)
    check.close()
    assert not psutil.pid_exists(int(log.read_text().split()[-1]))


def test_devices_are_listed_before_they_are_tried(prepare: Prepare, qtbot: QtBot) -> None:
    check = prepare(CPU="works", CUDA0="dies")
    seen = protocol.Device("CUDA0", "A CUDA0", "gpu", 6 << 30, 8 << 30, "CUDA")
    check.set_devices([seen])
    assert check.reports == (DeviceReport("CUDA0", "A CUDA0", "CUDA", "gpu", 8 << 30, 6 << 30),)
    run(check, qtbot)
    check.set_devices([dataclasses.replace(seen, memory_free=1 << 30)])  # the engine was started anew
    (report,) = check.reports
    assert (report.memory_free, report.works) == (1 << 30, False)
    assert "CUDA error" in report.problem and report.instead


def test_a_second_check_begins_with_all_devices_untried(prepare: Prepare, qtbot: QtBot) -> None:
    check = prepare(CPU="works", CUDA0="dies")
    run(check, qtbot)
    listed: list[list[bool | None]] = []
    check.checked.connect(lambda _report: listed.append([report.works for report in check.reports]))
    run(check, qtbot)
    assert listed[0] == [None, None]  # never less than all: rows would come and go
    assert listed[-1] == [True, False]


@pytest.mark.model
def test_the_guide_works_on_every_device_here(qtbot: QtBot) -> None:
    check = DeviceCheck()
    with qtbot.waitSignal(check.finished, timeout=4 * TIMEOUT):
        check.start(str(guide_path()))
    assert check.reports
    assert {(report.works, report.problem) for report in check.reports} == {(True, "")}
    check.close()
