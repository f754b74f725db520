"""Brings the Hub and the pages that find a model together: search, a model's page, and what can be done there."""

from __future__ import annotations

import os
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, Signal, Slot

from app.core import hardware, quants
from app.core.catalogue import shelf
from app.core.downloads import Plan, Progress
from app.core.errors import AppError
from app.core.hub import Hub, repo_in
from app.core.hub_model import HubModel, SearchPage, SearchRow, Sort
from app.core.memory import RAM, DeviceMemory, MemoryBill
from app.core.planner import Fit
from app.core.quants import QuantBill, QuantRow
from app.core.settings import Settings
from app.engine.jobs import Job
from app.engine.protocol import MemoryEstimated
from app.ui.bill_bar import needed
from app.ui.download_session import DownloadSession
from app.ui.library_place import LibraryPlace
from app.ui.model_page import ModelPage
from app.ui.model_search import ModelSearch
from app.ui.models_on_disk import ModelsOnDisk
from app.ui.network_session import NetworkSession
from app.ui.quant_bills import QuantBills

Question = Callable[[Hub], Coroutine[Any, Any, object]]
ShowResults = Callable[[Sequence[SearchRow], bool], None]


class LibraryPresenter(QObject):
    """Owns no widget, and no data but what is shown."""

    use_requested = Signal(str)  # path
    link_activated = Signal(str)
    token_requested = Signal()
    go_online_requested = Signal()

    def __init__(
        self,
        network: NetworkSession,
        downloads: DownloadSession,
        on_disk: ModelsOnDisk,
        bills: QuantBills,
        settings_for: Callable[[str], Settings],
        given_back: Callable[[], tuple[tuple[str, int], ...]],
        download_folder: Callable[[], Path],
        place: LibraryPlace,
        search: ModelSearch,
        page: ModelPage,
        parent: QObject | None = None,
    ) -> None:
        """`settings_for` gives those for the name of a file, for no name those of a model without its own.

        `given_back` gives the bytes that the loaded model will give back, by the name of the memory.
        """
        super().__init__(parent)
        self._network = network
        self._downloads = downloads
        self._on_disk = on_disk
        self._bills = bills
        self._settings_for = settings_for
        self._given_back = given_back
        self._download_folder = download_folder
        self._place = place
        self._search = search
        self._page = page
        self._ask_again: Callable[[], None] = lambda: None
        self._next_page = ""
        self._searching: Job | None = None
        self._opening: Job | None = None
        self._repo = ""  # the model whose page is shown
        self._model: HubModel | None = None
        self._rows: Sequence[QuantRow] = ()
        self._known: dict[str, QuantBill] = {}  # by the quant's name
        self._in_sight: Sequence[str] = ()  # names of quants
        self._gpus: Sequence[DeviceMemory] = ()  # as of the last bill
        self._connect()
        search.set_shelf(shelf())

    def _connect(self) -> None:
        search, page = self._search, self._page
        search.search_requested.connect(self._on_search_requested)
        search.entered.connect(self._on_search_entered)
        search.more_requested.connect(self._on_search_more_requested)
        search.retry_requested.connect(self._on_search_retry_requested)
        search.model_requested.connect(self.open_model)
        search.go_online_requested.connect(self.go_online_requested)
        page.back_requested.connect(self._place.show_search)
        page.retry_requested.connect(self._on_page_retry_requested)
        page.download_requested.connect(self._on_page_download_requested)
        page.use_requested.connect(self._on_page_use_requested)
        page.gguf_versions_requested.connect(self._on_page_gguf_versions_requested)
        page.page_requested.connect(self._on_page_page_requested)
        page.token_requested.connect(self.token_requested)
        page.link_activated.connect(self.link_activated)
        page.go_online_requested.connect(self.go_online_requested)
        page.sight_changed.connect(self._on_page_sight_changed)
        self._bills.bill_known.connect(self._on_bills_bill_known)
        self._bills.bill_failed.connect(self._on_bills_bill_failed)
        self._downloads.list_changed.connect(self._show_states)
        self._downloads.progressed.connect(self._on_downloads_progressed)
        self._on_disk.changed.connect(self._show_states)
        self._network.offline_changed.connect(self._on_network_offline_changed)

    # Search

    @Slot(str, object)
    def _on_search_requested(self, text: str, sort: Sort) -> None:
        self._show_results_of(lambda hub: hub.search(text, sort))

    @Slot(str)
    def _on_search_entered(self, text: str) -> None:
        if repo := repo_in(text):
            self.open_model(repo)

    @Slot()
    def _on_search_more_requested(self) -> None:
        page = self._next_page  # an address knows what was asked for
        self._show_results_of(lambda hub: hub.search("", Sort.DOWNLOADS, page), self._search.add_results)

    @Slot()
    def _on_page_gguf_versions_requested(self) -> None:
        repo = self._repo
        self._place.show_search()
        self._show_results_of(lambda hub: hub.gguf_versions(repo))

    def _show_results_of(self, question: Question, show: ShowResults | None = None) -> None:
        """Asks the Hub for models; `show` takes them, in place of the ones before if it is not given."""
        if self._searching is not None:
            self._searching.cancel()
        self._ask_again = partial(self._show_results_of, question, show)
        self._search.show_searching()
        job = self._searching = self._network.ask(question)
        job.finished.connect(partial(self._on_results, job, show or self._search.show_results))
        job.failed.connect(partial(self._on_search_failed, job))

    def _on_results(self, job: Job, show: ShowResults, page: SearchPage) -> None:
        if job is self._searching:
            self._next_page = page.next_page
            show(page.rows, bool(page.next_page))

    def _on_search_failed(self, job: Job, error: AppError) -> None:
        if job is self._searching:
            self._search.show_failure(error)

    # A model's page

    @Slot(str)
    def open_model(self, repo: str) -> None:
        """Shows the page of `owner/name`."""
        if self._opening is not None:
            self._opening.cancel()
        self._repo, self._model, self._rows, self._known = repo, None, (), {}
        self._bills.open(None)
        self._place.show_model()
        self._page.show_loading(repo)
        job = self._opening = self._network.ask(lambda hub: hub.model(repo))
        job.finished.connect(partial(self._on_model, job))
        job.failed.connect(partial(self._on_page_failed, job))

    def _on_model(self, job: Job, model: HubModel) -> None:
        if job is not self._opening:
            return
        self._repo, self._model = model.id, model  # a model that was renamed answers under its new name
        self._bills.open(model)
        self._make_rows()
        self._page.show_model(model, self._rows)
        self._ask_for_bills()
        self._show_states()
        card = self._network.ask(lambda hub: hub.card(model))
        card.finished.connect(partial(self._on_card, model))

    def _on_card(self, model: HubModel, text: str) -> None:
        if model is self._model:
            self._page.show_card(text, f"{self._network.hub.page_url(model.id)}/blob/main/")

    def _on_page_failed(self, job: Job, error: AppError) -> None:
        if job is self._opening:
            self._page.show_failure(error)

    # What the quants take

    @Slot()
    def update_memory(self) -> None:
        """Something changed in what is free or in the settings."""
        # What is in sight will be answered at once. Until then it stays, lest it flicker.
        self._known = {name: bill for name, bill in self._known.items() if name in self._in_sight}
        self._bills.ask_again()
        self._show_rows()

    @Slot(object)
    def _on_page_sight_changed(self, names: Sequence[str]) -> None:
        self._in_sight = names
        self._ask_for_bills()

    def _ask_for_bills(self) -> None:
        in_sight = [row for row in self._rows if row.quant.name in self._in_sight]
        places = {name: place for place, name in enumerate(self._in_sight)}
        in_sight.sort(key=lambda row: (not row.recommended, places[row.quant.name]))
        self._bills.want([row.quant for row in in_sight])

    @Slot(str, object)
    def _on_bills_bill_known(self, name: str, estimate: MemoryEstimated) -> None:
        self._known[name] = _bill_in(estimate)
        self._gpus = [memory for memory in estimate.memory if memory.device != RAM]
        self._show_rows()

    @Slot(str)
    def _on_bills_bill_failed(self, name: str) -> None:
        self._known.pop(name, None)
        self._show_rows()

    def _show_rows(self) -> None:
        if self._model is not None:
            self._make_rows()
            self._page.show_rows(self._rows)

    def _make_rows(self) -> None:
        """While answers come in, nothing else is recommended than before, lest it jump."""
        assert self._model is not None
        recommended = next((row.quant.name for row in self._rows if row.recommended), "")
        self._rows = quants.rows(
            self._model,
            self._settings_for("").context_length,
            [self._ram(), *self._gpus],
            self._known,
            keep=None if self._bills.is_settled else recommended,
        )

    def _ram(self) -> DeviceMemory:
        given_back = dict(self._given_back()).get(RAM, 0)
        free = hardware.memory_available() + given_back
        return DeviceMemory(RAM, "", hardware.memory_total(), free, given_back)

    @Slot()
    def _show_states(self) -> None:
        """Shows which quants are on disk and which are on their way."""
        if self._model is None:
            return
        on_disk = [row.quant.name for row in self._rows if self._on_disk.find_quant(self._repo, _first_file(row))]
        self._page.set_on_disk(on_disk)
        self._page.set_downloads(
            {plan.name: progress for plan, progress in self._downloads.all() if plan.repo == self._repo}
        )

    @Slot(str, object)
    def _on_downloads_progressed(self, _download_id: str, _progress: Progress) -> None:
        self._show_states()

    @Slot(str)
    def _on_page_download_requested(self, name: str) -> None:
        row = next((row for row in self._rows if row.quant.name == name), None)
        if row is None or self._model is None:
            return
        self._downloads.add(
            Plan(
                id=os.urandom(16).hex(),
                repo=self._model.id,
                commit=self._model.commit,
                name=row.quant.name,
                quant=row.quant.quant,
                files=row.quant.files,
                folder=self._download_folder(),
            )
        )

    @Slot(str)
    def _on_page_use_requested(self, name: str) -> None:
        row = next((row for row in self._rows if row.quant.name == name), None)
        model = self._on_disk.find_quant(self._repo, _first_file(row)) if row else None
        if model is not None:
            self.use_requested.emit(str(model.path))

    @Slot()
    def _on_page_page_requested(self) -> None:
        self.link_activated.emit(self._network.hub.page_url(self._repo))

    @Slot()
    def _on_page_retry_requested(self) -> None:
        self.open_model(self._repo)

    @Slot()
    def _on_search_retry_requested(self) -> None:
        self._ask_again()

    @Slot(bool)
    def _on_network_offline_changed(self, offline: bool) -> None:
        if not offline:
            self._search.leave_offline()
            if self._model is None and self._repo:
                self.open_model(self._repo)
            else:
                self._bills.open(self._model)
                self._ask_for_bills()


def _bill_in(estimate: MemoryEstimated) -> QuantBill:
    bill = MemoryBill(estimate.devices)
    return QuantBill(
        memory=sum(needed(part) for part in bill.devices),
        kv_cache=bill.kv_cache,
        buffers=bill.buffers,
        context_length=estimate.context_length,
        fit=Fit(estimate.fit),
        missing=estimate.missing,
        suggestion=estimate.suggestion,
    )


def _first_file(row: QuantRow) -> str:
    return row.quant.files[0].path
