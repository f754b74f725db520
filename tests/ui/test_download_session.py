import asyncio
from pathlib import Path

import pytest

from app.core.database import open_database
from app.core.download_journal import DownloadJournal
from app.core.downloads import Phase, Plan, Progress
from app.core.errors import NotEnoughSpace, Offline, TokenNeeded
from app.core.hub_model import HubFile
from app.engine.jobs import JobRunner
from app.ui.download_session import AT_ONCE, DownloadSession


def plan(name="q4", repo="a/b", folder=Path("models")):
    return Plan(f"id-{repo}-{name}", repo, "c0ffee", name, "Q4_K_M", (HubFile(f"{name}.gguf", 1000),), folder)


class Fetcher:
    """Stands in for the download itself: runs until the test says how it ends."""

    def __init__(self):
        self.running = {}
        self.discarded = []

    async def fetch(self, plan, report):
        report(Progress(Phase.RECEIVING, 10, 1000))
        self.running[plan.name] = end = asyncio.get_running_loop().create_future()
        try:
            return await end
        finally:
            del self.running[plan.name]

    async def discard(self, plan):
        self.discarded.append(plan.name)

    def finish(self, name, path=Path("done.gguf")):
        end = self.running[name]
        end.get_loop().call_soon_threadsafe(end.set_result, path)

    def fail(self, name, error):
        end = self.running[name]
        end.get_loop().call_soon_threadsafe(end.set_exception, error)


@pytest.fixture
def fetcher():
    return Fetcher()


@pytest.fixture
def database(paths):
    connection = open_database(paths.database)
    yield connection
    connection.close()


@pytest.fixture
def session(qtbot, database, fetcher):
    jobs = JobRunner()
    session = DownloadSession(DownloadJournal(database), jobs, fetcher.fetch, fetcher.discard)
    session.begin(offline=False)
    yield session
    jobs.close()


def phases(session):
    return {plan.name: progress.phase for plan, progress in session.all()}


def runs(qtbot, session, *names):
    qtbot.waitUntil(lambda: all(phases(session).get(name) is Phase.RECEIVING for name in names))


def test_a_few_run_at_once_and_the_others_wait_for_their_turn(qtbot, session, fetcher):
    names = [f"q{number}" for number in range(AT_ONCE + 1)]
    for name in names:
        session.add(plan(name))
    runs(qtbot, session, *names[:AT_ONCE])
    assert phases(session)[names[-1]] is Phase.QUEUED
    with qtbot.waitSignal(session.finished) as finished:
        fetcher.finish(names[0])
    assert finished.args[1] == Path("done.gguf")
    runs(qtbot, session, names[-1])


def test_pause_stops_it_and_resume_goes_on(qtbot, session, fetcher):
    session.add(plan())
    runs(qtbot, session, "q4")
    session.pause("id-a/b-q4")
    assert phases(session) == {"q4": Phase.PAUSED}
    qtbot.waitUntil(lambda: not fetcher.running)
    session.resume("id-a/b-q4")
    runs(qtbot, session, "q4")


def test_a_quick_pause_and_resume_never_runs_the_same_download_twice(qtbot, session, fetcher):
    session.add(plan())
    runs(qtbot, session, "q4")
    for _ in range(5):
        session.pause("id-a/b-q4")
        session.resume("id-a/b-q4")
    runs(qtbot, session, "q4")
    qtbot.waitUntil(lambda: list(fetcher.running) == ["q4"])


def test_what_is_cancelled_is_thrown_away_once_it_has_stopped(qtbot, session, fetcher):
    session.add(plan())
    runs(qtbot, session, "q4")
    session.cancel("id-a/b-q4")
    assert session.all() == []
    qtbot.waitUntil(lambda: fetcher.discarded == ["q4"])
    assert not fetcher.running


def test_the_same_quant_is_not_downloaded_twice(qtbot, session, fetcher):
    session.add(plan())
    session.add(plan())
    assert len(session.all()) == 1


def test_a_failure_stays_until_somebody_tries_again(qtbot, session, fetcher):
    session.add(plan())
    runs(qtbot, session, "q4")
    fetcher.fail("q4", TokenNeeded())
    qtbot.waitUntil(lambda: phases(session) == {"q4": Phase.FAILED})
    assert isinstance(session.all()[0][1].error, TokenNeeded)
    session.add(plan("other"))
    runs(qtbot, session, "other")
    assert phases(session)["q4"] is Phase.FAILED
    session.resume("id-a/b-q4")
    runs(qtbot, session, "q4")


def test_a_full_disk_pauses_and_says_why(qtbot, session, fetcher, database):
    session.add(plan())
    runs(qtbot, session, "q4")
    fetcher.fail("q4", NotEnoughSpace("free 1.2 GiB"))
    qtbot.waitUntil(lambda: phases(session) == {"q4": Phase.PAUSED})
    assert session.all()[0][1].error.detail == "free 1.2 GiB"
    assert [paused for _, paused in DownloadJournal(database).all()] == [True]


def test_offline_holds_them_and_online_lets_them_go_on(qtbot, session, fetcher):
    session.add(plan())
    runs(qtbot, session, "q4")
    session.set_offline(True)
    fetcher.fail("q4", Offline())
    qtbot.waitUntil(lambda: phases(session) == {"q4": Phase.WAITING})
    session.add(plan("later"))
    assert phases(session)["later"] is Phase.WAITING
    assert not fetcher.running
    session.set_offline(False)
    runs(qtbot, session, "q4", "later")


def test_the_next_start_goes_on_with_what_was_not_paused(qtbot, session, fetcher, database):
    session.add(plan("goes-on"))
    session.add(plan("stays"))
    session.pause("id-a/b-stays")
    jobs = JobRunner()
    second = DownloadSession(DownloadJournal(database), jobs, fetcher.fetch, fetcher.discard)
    second.begin(offline=False)
    runs(qtbot, second, "goes-on")
    assert phases(second)["stays"] is Phase.PAUSED
    jobs.close()


def test_the_order_of_the_queue_can_be_changed_and_is_kept(qtbot, session, fetcher, database):
    for name in ("a", "b", "c"):
        session.add(plan(name))
    session.move("id-a/b-c", -2)
    assert [plan.name for plan, _ in session.all()] == ["c", "a", "b"]
    assert [plan.name for plan, _ in DownloadJournal(database).all()] == ["c", "a", "b"]
    session.move("id-a/b-c", 99)
    assert [plan.name for plan, _ in session.all()] == ["a", "b", "c"]


def test_a_download_that_began_before_the_earlier_ones_were_taken_up_is_left_alone(session, fetcher, qtbot):
    session.add(plan("early"))
    qtbot.waitUntil(lambda: "early" in fetcher.running)
    fetcher.fail("early", TokenNeeded())
    qtbot.waitUntil(lambda: phases(session)["early"] is Phase.FAILED)
    session.begin(offline=False)
    assert phases(session)["early"] is Phase.FAILED
    assert fetcher.running == {}
