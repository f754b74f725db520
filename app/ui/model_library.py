"""Everything behind the Library place: the network, the downloads, the models on disk, and who shows them.

Made at the start, but nearly empty: no socket, no thread, no widget. The widgets are made when the place is first
looked at, the thread by the first job.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from PySide6.QtCore import QObject, Signal, Slot

from app.core.database import Connection
from app.core.download_journal import DownloadJournal
from app.core.downloads import Plan
from app.core.library import PlaceKind
from app.core.model_places import ModelPlaces
from app.core.paths import DataPaths
from app.core.recent_models import RecentModels
from app.core.trash import Trashed
from app.engine.estimator import Estimator
from app.engine.jobs import JobRunner, Report
from app.ui.download_session import DownloadSession
from app.ui.library_place import LibraryPlace
from app.ui.model_session import ModelSession
from app.ui.models_on_disk import ModelsOnDisk
from app.ui.network_session import NetworkSession
from app.ui.settings_session import SettingsSession

_ASSUMED_CONTEXT = 4096  # tokens, to estimate memory for someone who has not chosen

ShowToast = Callable[..., None]


class ModelLibrary(QObject):
    """Lives on the GUI thread."""

    use_requested = Signal(str)  # path
    open_file_requested = Signal()
    link_activated = Signal(str)
    token_requested = Signal()
    go_online_requested = Signal()
    failed = Signal(object)  # AppError: something in the background that no page shows

    def __init__(
        self,
        paths: DataPaths,
        database: Connection,
        recent: RecentModels,
        models: ModelSession,
        settings: SettingsSession,
        estimator: Estimator,
        bill_correction: Callable[[], float],
        place: LibraryPlace,
        show_toast: ShowToast,
        *,
        offline: bool,
        parent: QObject | None = None,
    ) -> None:
        """`bill_correction` is what the `estimator` is told of it."""
        super().__init__(parent)
        self._paths = paths
        self._models = models
        self._settings = settings
        self._estimator = estimator
        self._bill_correction = bill_correction
        self._place = place
        self._show_toast = show_toast
        self.jobs = self._jobs = JobRunner(self)
        self._places = ModelPlaces(database)
        self.network = NetworkSession(
            paths.database, self._jobs, offline=offline, token_kept=settings.shared().token_kept, parent=self
        )
        self.downloads = DownloadSession(DownloadJournal(database), self._jobs, self._fetch, self._discard, self)
        self.on_disk = ModelsOnDisk(self._places, recent, self._jobs, self._own_folders, self._memory_context, self)
        self._downloads_went_to = self.download_folder()
        place.needed.connect(self._on_place_needed)
        settings.changed.connect(self._on_settings_changed)
        models.models_changed.connect(self.on_disk.look)
        self.downloads.finished.connect(self._on_downloads_finished)
        self.on_disk.trashed.connect(self._on_on_disk_trashed)
        self.on_disk.failed.connect(self.failed)
        self.network.offline_changed.connect(self.downloads.set_offline)

    @Slot()
    def begin(self) -> None:
        """After the window is shown: looks at the disks, and goes on with downloads that were under way."""
        self.on_disk.look()
        self.downloads.begin(self.network.is_offline)

    def close(self) -> bool:
        """Ends what is under way; downloads go on with the next start. Returns whether all threads ended."""
        return self._jobs.close(self.network.close)

    def open_model(self, repo: str) -> None:
        """Shows the page of `owner/name`."""
        self._fill()
        self._finder.open_model(repo)

    def download_folder(self) -> Path:
        """Where downloads go."""
        chosen = self._settings.shared().models_folder
        return Path(chosen) if chosen else self._paths.models

    @Slot()
    def _on_settings_changed(self) -> None:
        folder, self._downloads_went_to = self._downloads_went_to, self.download_folder()
        if folder != self._downloads_went_to:
            self._places.add(folder, PlaceKind.OURS)  # what lies there stays ours
            self.on_disk.look()
        self.update_memory()

    @Slot()
    def update_memory(self) -> None:
        """Settings or what is loaded changed, so other quants may fit."""
        if self._place.is_filled:
            self._finder.update_memory()

    def _own_folders(self) -> list[Path]:
        earlier = [place.path for place in self._places.all() if place.kind is PlaceKind.OURS]
        return list(dict.fromkeys([self.download_folder(), self._paths.models, *earlier]))

    def _memory_context(self) -> int:
        return self._settings.shared().context_length or _ASSUMED_CONTEXT

    def _on_place_needed(self) -> None:
        self._fill()

    def _fill(self) -> None:
        """Makes the widgets and who speaks for them."""
        if self._place.is_filled:
            return
        # Imported here: a start of the app does not wait for what is behind the Library.
        from app.ui.downloads_view import DownloadsView  # noqa: PLC0415
        from app.ui.library_presenter import LibraryPresenter  # noqa: PLC0415
        from app.ui.model_page import ModelPage  # noqa: PLC0415
        from app.ui.model_search import ModelSearch  # noqa: PLC0415
        from app.ui.my_models import MyModels  # noqa: PLC0415
        from app.ui.my_models_presenter import MyModelsPresenter  # noqa: PLC0415
        from app.ui.quant_bills import QuantBills  # noqa: PLC0415

        bills = QuantBills(
            self.network,
            self._estimator,
            self._settings.of,
            self._models.given_back,
            self._bill_correction,
            self._paths.headers,
            self,
        )
        search, page, mine, downloads = ModelSearch(), ModelPage(), MyModels(), DownloadsView()
        self._finder = LibraryPresenter(
            self.network,
            self.downloads,
            self.on_disk,
            bills,
            self._settings.of,
            self._models.given_back,
            self.download_folder,
            self._place,
            search,
            page,
            self,
        )
        self._finder.use_requested.connect(self.use_requested)
        self._finder.link_activated.connect(self.link_activated)
        self._finder.token_requested.connect(self.token_requested)
        self._finder.go_online_requested.connect(self.go_online_requested)
        self._keeper = MyModelsPresenter(self.on_disk, self._models, self._place, mine, self)
        self._keeper.use_requested.connect(self.use_requested)
        self._keeper.open_file_requested.connect(self.open_file_requested)
        self._keeper.show()
        downloads.pause_requested.connect(self.downloads.pause)
        downloads.resume_requested.connect(self.downloads.resume)
        downloads.cancel_requested.connect(self.downloads.cancel)
        downloads.move_requested.connect(self.downloads.move)
        self.downloads.progressed.connect(downloads.show_progress)
        self.downloads.list_changed.connect(lambda: downloads.set_downloads(self.downloads.all()))
        downloads.set_downloads(self.downloads.all())
        self._place.fill(search, page, mine, downloads)

    # Downloads, in jobs

    async def _fetch(self, plan: Plan, report: Report) -> Path:
        from app.core import downloads  # noqa: PLC0415

        await self.network.ready()
        return await downloads.download(plan, self.network.network, self.network.hub, report)

    @staticmethod
    async def _discard(plan: Plan) -> None:
        from app.core import downloads  # noqa: PLC0415

        await downloads.discard(plan)

    # What is told

    @Slot(object, object)
    def _on_downloads_finished(self, plan: Plan, path: Path) -> None:
        self.on_disk.look()
        self._show_toast(
            self.tr("Downloaded {0}").format(" ".join(filter(None, (plan.repo.rpartition("/")[2], plan.quant)))),
            self.tr("Use"),
            partial(self.use_requested.emit, str(path)),
        )

    @Slot(object)
    def _on_on_disk_trashed(self, trashed: Trashed) -> None:
        self._show_toast(
            self.tr("Moved {0} to the trash").format(trashed.name),
            self.tr("Undo"),
            partial(self.on_disk.restore, trashed),
        )
