"""Finds out what the quants of a model on the Hub would take here, exactly and before any of them is downloaded.

For each quant in sight its header is fetched, a few at once, and the engine is asked with a stand-in for the file. The
engine is asked one question at a time: it answers the settings panel as well, which must not wait for a dozen quants.

What fails is not tried again before the page is opened anew. Nobody is told, for there is a first estimate.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path, PurePosixPath

from PySide6.QtCore import QObject, Signal, Slot

from app.core import errors
from app.core.hub import Hub
from app.core.hub_model import HubModel
from app.core.quants import Quant
from app.core.settings import Settings
from app.engine.estimator import Estimator
from app.engine.jobs import Job
from app.engine.protocol import MemoryEstimated
from app.ui.network_session import NetworkSession

log = logging.getLogger(__name__)

_AT_ONCE = 3  # headers
_KEY = "quants"  # among those who ask the estimator


class QuantBills(QObject):
    """For one model at a time. Lives on the GUI thread."""

    bill_known = Signal(str, object)  # the quant's name, MemoryEstimated
    bill_failed = Signal(str)  # the quant's name: there is none as things are now

    def __init__(
        self,
        network: NetworkSession,
        estimator: Estimator,
        settings_for: Callable[[str], Settings],
        given_back: Callable[[], tuple[tuple[str, int], ...]],
        bill_correction: Callable[[], float],
        headers_folder: Path,
        parent: QObject | None = None,
    ) -> None:
        """`settings_for` gives those for the name of a file; the other two are what `Estimator.ask` is told."""
        super().__init__(parent)
        self._network = network
        self._estimator = estimator
        self._settings_for = settings_for
        self._given_back = given_back
        self._bill_correction = bill_correction
        self._headers_folder = headers_folder
        self._model: HubModel | None = None
        self._wanted: Sequence[Quant] = ()
        self._fetching: dict[str, Job] = {}  # these four by the quant's name
        self._stand_ins: dict[str, Path] = {}
        self._failed: set[str] = set()  # to get a stand-in
        self._asked: set[str] = set()  # as settings and memory are now
        self._gave_up = False  # fetching
        self._asking = ""  # the one the estimator is busy with
        estimator.estimated.connect(self._on_estimator_estimated)
        estimator.failed.connect(self._on_estimator_failed)

    @property
    def is_settled(self) -> bool:
        """Whether all that is wanted is known, or failed."""
        return not self._fetching and not self._asking

    def open(self, model: HubModel | None) -> None:
        """From now on it is about `model`; what was under way for another one is given up."""
        for job in self._fetching.values():
            job.cancel()
        self._model, self._wanted = model, ()
        self._fetching, self._stand_ins, self._failed = {}, {}, set()
        self._gave_up = False
        self.ask_again()

    def want(self, quants: Sequence[Quant]) -> None:
        """Finds out about these, in this order. Others that wait no longer need to; what is under way goes on."""
        self._wanted = quants
        self._go_on()

    def ask_again(self) -> None:
        """Settings or memory have changed. What is wanted is found out anew, without the network."""
        self._asked.clear()
        self._asking = ""  # its answer would be one about how things were
        self._go_on()

    def _go_on(self) -> None:
        for quant in self._wanted:
            if quant.name in self._stand_ins:
                self._ask(quant)
            elif quant.name not in self._failed:
                self._fetch(quant)

    def _ask(self, quant: Quant) -> None:
        if self._asking or quant.name in self._asked:
            return
        self._asking = quant.name
        self._asked.add(quant.name)
        settings = self._settings_for(PurePosixPath(quant.files[0].path).name)
        path = str(self._stand_ins[quant.name])
        self._estimator.ask(_KEY, path, settings, self._given_back(), self._bill_correction())

    def _fetch(self, quant: Quant) -> None:
        is_enough = self._gave_up or len(self._fetching) >= _AT_ONCE
        if self._model is None or quant.name in self._fetching or is_enough:
            return
        job = self._fetching[quant.name] = self._network.ask(partial(self._stand_in, self._model, quant))
        job.finished.connect(partial(self._on_stand_in, job, quant.name))
        job.failed.connect(partial(self._on_fetch_failed, job, quant.name))

    async def _stand_in(self, model: HubModel, quant: Quant, hub: Hub) -> Path | None:
        """In a job. None if there can be none here."""
        from app.core.remote_header import NoStandIn, fetch_headers  # noqa: PLC0415 (it imports asyncio)

        try:
            return await fetch_headers(hub, model.id, model.commit, quant.files, self._headers_folder)
        except NoStandIn as reason:
            log.info("no header of %s in %s: %s", quant.name, model.id, reason)
            return None

    def _on_stand_in(self, job: Job, name: str, path: Path | None) -> None:
        if self._fetching.get(name) is not job:
            return
        del self._fetching[name]
        if path is None:
            self._fail(name)
        else:
            self._stand_ins[name] = path
            self._go_on()

    def _on_fetch_failed(self, job: Job, name: str, error: errors.AppError) -> None:
        if self._fetching.get(name) is not job:
            return
        del self._fetching[name]
        log.info("no header of %s: %s", name, error)
        # It would be no better for the others.
        self._gave_up |= isinstance(error, errors.Offline | errors.RateLimited)
        self._fail(name)

    def _fail(self, name: str) -> None:
        self._failed.add(name)
        self._go_on()
        self.bill_failed.emit(name)

    @Slot(str, object)
    def _on_estimator_estimated(self, key: str, estimate: MemoryEstimated) -> None:
        if name := self._answered(key):
            self.bill_known.emit(name, estimate)

    @Slot(str, object)
    def _on_estimator_failed(self, key: str, error: errors.AppError) -> None:
        if name := self._answered(key):
            log.info("no bill for %s: %s", name, error)
            self.bill_failed.emit(name)

    def _answered(self, key: str) -> str:
        """The name of the quant that was asked about, if anybody still wants to know. Asks the next question."""
        if key != _KEY:
            return ""
        name, self._asking = self._asking, ""
        self._go_on()
        return name
