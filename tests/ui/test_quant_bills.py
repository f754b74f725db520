"""Bills of what is still on a Hub on this computer, from the real engine and from one that answers when told to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QObject, Signal

from app.core import errors
from app.core.hub_model import HubFile, HubModel
from app.core.paths import DataPaths
from app.core.quants import Quant, quants_of
from app.core.settings import Settings
from app.engine.estimator import Estimator
from app.engine.jobs import JobRunner
from app.engine.protocol import MemoryEstimated
from app.ui.network_session import NetworkSession
from app.ui.quant_bills import QuantBills
from tests.fake_hub import FakeHub
from tests.fake_hub_faults import Fault, Kind, refusal
from tests.gguf_writer import write_gguf

REPO = "maker/Storyteller-GGUF"
GIVEN_BACK = (("RAM", 1 << 30),)
TIMEOUT = 20_000


class Answerer(QObject):
    """In place of an `Estimator`: keeps the questions."""

    estimated = Signal(str, object)
    failed = Signal(str, object)

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[tuple] = []

    def ask(self, *question: object) -> None:
        self.asked.append(question)

    def answer(self, memory: int = 1) -> MemoryEstimated:
        answer = MemoryEstimated("", (), (), 512, 0, 4, 1, "f16", "f16", True, "fits in RAM", memory, "", ())
        self.estimated.emit(self.asked[-1][0], answer)
        return answer


class Desk:
    """Everything around the bills, and what they tell."""

    def __init__(self, paths: DataPaths, estimator: object) -> None:
        self.jobs = JobRunner()
        self.network = NetworkSession(paths.database, self.jobs, offline=False, token_kept=False)
        self.settings = Settings(context_length=512, gpu_layers=0)
        self.bills = QuantBills(
            self.network,
            estimator,
            lambda name: self.settings if name.endswith(".gguf") else Settings(),
            lambda: GIVEN_BACK,
            lambda: 0.0,
            paths.headers,
        )
        self.known: dict[str, MemoryEstimated] = {}
        self.failed: list[str] = []
        self.bills.bill_known.connect(self.known.__setitem__)
        self.bills.bill_failed.connect(self.failed.append)


@pytest.fixture
def sit_down(paths: DataPaths, hub: FakeHub, qtbot) -> Iterator[Callable[[object], Desk]]:
    desks: list[Desk] = []

    def sit_down(estimator: object) -> Desk:
        desks.append(Desk(paths, estimator))
        return desks[-1]

    yield sit_down
    for desk in desks:
        assert desk.jobs.close(desk.network.close)


@pytest.fixture
def answerer(qtbot) -> Answerer:
    return Answerer()


@pytest.fixture
def desk(sit_down, answerer: Answerer) -> Desk:
    return sit_down(answerer)


def add(hub: FakeHub, folder: Path, *names: str, repo: str = REPO) -> tuple[HubModel, list[Quant]]:
    """Puts small models into the Hub. Returns what it says of them."""
    content = {name: write_gguf(folder / "x.gguf", quant="Q8_0", seed=n).read_bytes() for n, name in enumerate(names)}
    stored = hub.add_model(repo, content)
    files = stored.files() or {}
    found = tuple(HubFile(name, files[name].size, files[name].sha256) for name in names)
    model = HubModel(repo, stored.commit, found)
    return model, sorted(quants_of(found), key=lambda quant: names.index(quant.name))


def fetched(hub: FakeHub) -> list[str]:
    """The files of which something was asked for, in the order of the requests."""
    return [request.path.rpartition("/")[2] for request in hub.requests_of("hub") if "/resolve/" in request.path]


@pytest.mark.model
def test_the_bill_is_that_of_the_downloaded_file_to_the_byte(sit_down, hub, tmp_path, qtbot):
    estimator = Estimator()
    try:
        desk = sit_down(estimator)
        model, quants = add(hub, tmp_path, "story.Q4_K_M.gguf", "story.Q8_0.gguf")
        desk.bills.open(model)
        desk.bills.want(quants)
        qtbot.waitUntil(lambda: len(desk.known) == 2, timeout=TIMEOUT)
        assert desk.bills.is_settled
        file = write_gguf(tmp_path / "story.Q8_0.gguf", quant="Q8_0", seed=1)
        with qtbot.waitSignal(estimator.estimated, timeout=TIMEOUT) as estimated:
            estimator.ask("the file", str(file), desk.settings, GIVEN_BACK)
        told, of_file = desk.known["story.Q8_0.gguf"], estimated.args[1]
        assert (told.devices, told.context_length, told.fit) == (of_file.devices, 512, of_file.fit)
        assert sum(part.required + part.mapped for part in told.devices) > 1_000_000
        assert told.memory[0].given_back == 1 << 30
    finally:
        estimator.close()


def test_the_engine_is_asked_about_one_at_a_time_in_the_order_of_the_wishes(desk, answerer, hub, tmp_path, qtbot):
    model, quants = add(hub, tmp_path, "a.gguf", "b.gguf", "c.gguf")
    desk.bills.open(model)
    desk.bills.want(quants)
    qtbot.waitUntil(lambda: len(desk.bills._stand_ins) == 3, timeout=TIMEOUT)
    first = desk.bills._asking
    assert len(answerer.asked) == 1 and not desk.bills.is_settled
    for _ in quants:
        answerer.answer()
    assert list(desk.known) == [first, *[quant.name for quant in quants if quant.name != first]]
    assert answerer.asked[0][2:] == (desk.settings, GIVEN_BACK, 0.0)
    assert desk.bills.is_settled and len(answerer.asked) == 3


def test_few_headers_are_fetched_at_once_and_those_wanted_first_come_first(desk, hub, tmp_path, qtbot):
    names = [f"{letter}.gguf" for letter in "abcdef"]
    model, quants = add(hub, tmp_path, *names)
    hub.faults.add(Fault(Kind.STALL, "cdn", after_bytes=10, times=None))
    desk.bills.open(model)
    desk.bills.want(quants[3:])
    desk.bills.want(quants)
    qtbot.waitUntil(lambda: len(hub.requests_of("cdn")) == 3, timeout=TIMEOUT)
    assert sorted(fetched(hub)) == ["d.gguf", "e.gguf", "f.gguf"]
    assert len(desk.bills._fetching) == 3


def test_another_page_ends_what_is_under_way(desk, answerer, hub, tmp_path, qtbot):
    model, quants = add(hub, tmp_path, "a.gguf", "b.gguf")
    desk.bills.open(model)
    desk.bills.want(quants[:1])
    qtbot.waitUntil(lambda: len(answerer.asked) == 1, timeout=TIMEOUT)
    hub.faults.add(Fault(Kind.STALL, "cdn", after_bytes=10))
    desk.bills.want(quants)
    qtbot.waitUntil(lambda: len(hub.requests_of("cdn")) == 2, timeout=TIMEOUT)
    (job,) = desk.bills._fetching.values()

    with qtbot.waitSignal(job.cancelled, timeout=TIMEOUT):
        desk.bills.open(None)
    answerer.answer()  # too late

    assert (desk.known, desk.failed, desk.bills.is_settled) == ({}, [], True)


def test_when_settings_change_the_engine_is_asked_again_and_the_network_is_not(desk, answerer, hub, tmp_path, qtbot):
    model, quants = add(hub, tmp_path, "a.gguf")
    desk.bills.open(model)
    desk.bills.want(quants)
    qtbot.waitUntil(lambda: len(answerer.asked) == 1, timeout=TIMEOUT)
    answerer.answer()
    hub.forget_requests()
    desk.settings = Settings(context_length=1024)
    desk.bills.ask_again()
    assert [question[2].context_length for question in answerer.asked] == [512, 1024]
    newest = answerer.answer()
    assert desk.known == {"a.gguf": newest} and hub.requests == []


def test_while_nothing_is_in_sight_nothing_is_asked(desk, answerer, hub, tmp_path, qtbot):
    model, quants = add(hub, tmp_path, "a.gguf")
    desk.bills.open(model)
    desk.bills.want(quants)
    qtbot.waitUntil(lambda: len(answerer.asked) == 1, timeout=TIMEOUT)
    answerer.answer()
    desk.bills.want([])
    desk.bills.ask_again()
    assert len(answerer.asked) == 1
    desk.bills.want(quants)
    assert len(answerer.asked) == 2


def test_a_header_that_cannot_be_had_is_not_asked_for_again(desk, answerer, hub, tmp_path, qtbot):
    model, quants = add(hub, tmp_path, "a.gguf", "b.gguf")
    hub.change_file(REPO, "a.gguf", b"no model at all")
    desk.bills.open(HubModel(REPO, hub.models[REPO].commit, model.files))
    desk.bills.want(quants)
    qtbot.waitUntil(lambda: desk.failed == ["a.gguf"] and len(answerer.asked) == 1, timeout=TIMEOUT)
    hub.forget_requests()
    answerer.answer()
    desk.bills.ask_again()
    desk.bills.want(quants)
    assert list(desk.known) == ["b.gguf"] and hub.requests == []


def test_a_hub_that_has_had_enough_is_left_alone_until_the_page_is_opened_again(desk, hub, tmp_path, qtbot):
    model, quants = add(hub, tmp_path, *[f"{letter}.gguf" for letter in "abcdef"])
    hub.faults.add(refusal(429, times=None))
    desk.bills.open(model)
    desk.bills.want(quants)
    qtbot.waitUntil(lambda: desk.bills.is_settled and bool(desk.failed), timeout=TIMEOUT)
    assert 1 <= len(set(fetched(hub))) <= 3
    hub.forget_requests()
    desk.bills.want(quants[3:])
    assert desk.bills.is_settled and fetched(hub) == []
    hub.faults.clear()
    desk.bills.open(model)
    desk.bills.want(quants)
    qtbot.waitUntil(lambda: len(desk.bills._stand_ins) == 6, timeout=TIMEOUT)


def test_what_the_engine_cannot_tell_of_one_does_not_keep_it_from_the_next(desk, answerer, hub, tmp_path, qtbot):
    model, quants = add(hub, tmp_path, "a.gguf", "b.gguf")
    desk.bills.open(model)
    desk.bills.want(quants)
    qtbot.waitUntil(lambda: len(desk.bills._stand_ins) == 2, timeout=TIMEOUT)
    answerer.failed.emit("panel", errors.ModelNotFound())
    answerer.failed.emit(answerer.asked[0][0], errors.UnknownArchitecture("mammoth"))
    answerer.answer()
    assert len(desk.failed) == len(desk.known) == 1 and {*desk.failed, *desk.known} == {"a.gguf", "b.gguf"}
    assert desk.bills.is_settled and len(answerer.asked) == 2
