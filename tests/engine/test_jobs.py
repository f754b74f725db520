import asyncio
import sys
import threading

import pytest

from app.core.errors import NoConnection
from app.engine.jobs import JobRunner


@pytest.fixture
def jobs(qtbot):
    runner = JobRunner()
    yield runner
    runner.close()


def test_a_job_tells_its_result_on_the_gui_thread(jobs, qtbot):
    threads = []

    async def work():
        threads.append(threading.current_thread())
        return 42

    job = jobs.start(lambda report: work())
    job.finished.connect(lambda: threads.append(threading.current_thread()))
    with qtbot.waitSignal(job.finished) as finished:
        pass
    assert finished.args == [42]
    assert threads[0] is not threading.main_thread() and threads[1] is threading.main_thread()


def test_progress_comes_in_order_and_before_the_end(jobs, qtbot):
    async def work(report):
        for value in range(5):
            report(value)

    told = []
    job = jobs.start(work)
    job.progressed.connect(told.append)
    with qtbot.waitSignal(job.finished):
        pass
    assert told == [0, 1, 2, 3, 4]


def test_a_failure_that_a_person_may_be_told_about_is_told(jobs, qtbot):
    async def work():
        raise NoConnection("no route")

    job = jobs.start(lambda report: work())
    with qtbot.waitSignal(job.failed) as failed:
        pass
    assert isinstance(failed.args[0], NoConnection)


def test_a_bug_in_a_job_reaches_the_except_hook_and_the_job_ends(jobs, qtbot, monkeypatch):
    caught = []
    monkeypatch.setattr(sys, "excepthook", lambda kind, error, trace: caught.append(error))

    async def work():
        raise KeyError("oops")

    job = jobs.start(lambda report: work())
    with qtbot.capture_exceptions() as captured, qtbot.waitSignal(job.cancelled):
        pass
    qtbot.waitUntil(lambda: bool(captured or caught))
    assert job.has_ended


@pytest.mark.parametrize("wait_for_start", [True, False])
def test_a_job_can_be_cancelled_while_it_waits_and_before_it_began(jobs, qtbot, wait_for_start):
    began = threading.Event()

    async def work():
        began.set()
        await asyncio.Event().wait()

    job = jobs.start(lambda report: work())
    if wait_for_start:
        assert began.wait(5)
    with qtbot.waitSignal(job.cancelled):
        job.cancel()
    assert job.has_ended
    job.cancel()  # and once more does no harm


def test_closing_cancels_what_is_under_way_and_runs_the_last_wish(qtbot):
    runner = JobRunner()
    ended = []

    async def work():
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("job")

    async def last():
        ended.append("last")

    began = threading.Event()

    async def tell():
        began.set()

    runner.start(lambda report: work())
    runner.start(lambda report: tell())
    assert began.wait(5)
    runner.close(last)
    assert ended == ["job", "last"]
    assert "jobs" not in [thread.name for thread in threading.enumerate()]


def test_nothing_is_started_before_the_first_job(qtbot):
    runner = JobRunner()
    runner.close()
    assert "jobs" not in [thread.name for thread in threading.enumerate()]


def test_closing_does_not_wait_for_what_nothing_can_stop(qtbot, monkeypatch):
    monkeypatch.setattr("app.engine.jobs._CLOSING_SECONDS", 0.2)
    runner = JobRunner()
    release, began = threading.Event(), threading.Event()

    def block():
        began.set()
        release.wait(60)

    runner.start_function(block)
    assert began.wait(5)
    assert runner.close() is False
    release.set()
    assert JobRunner().close() is True
