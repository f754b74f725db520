"""Brings the models on this computer and the page that shows them together."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from PySide6.QtCore import QObject, QUrl, Signal, Slot
from PySide6.QtGui import QDesktopServices

from app.core.library import Place
from app.ui.folder_dialog import choose_folder
from app.ui.library_place import LibraryPlace
from app.ui.model_session import ModelSession
from app.ui.models_on_disk import ModelsOnDisk
from app.ui.my_models import MyModels


class MyModelsPresenter(QObject):
    """Owns no widget and no data."""

    use_requested = Signal(str)  # path
    open_file_requested = Signal()

    def __init__(
        self,
        on_disk: ModelsOnDisk,
        models: ModelSession,
        place: LibraryPlace,
        view: MyModels,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._on_disk = on_disk
        self._models = models
        self._view = view
        view.use_requested.connect(self.use_requested)
        view.open_requested.connect(self.open_file_requested)
        view.delete_requested.connect(self._on_view_delete_requested)
        view.show_requested.connect(self._on_view_show_requested)
        view.add_folder_requested.connect(self._on_view_add_folder_requested)
        view.remove_place_requested.connect(self._on_view_remove_place_requested)
        view.offer_accepted.connect(self._on_view_offer_accepted)
        view.restore_requested.connect(self._on_view_restore_requested)
        view.empty_trash_requested.connect(on_disk.empty_trash)
        view.find_requested.connect(place.show_search)
        place.mine_shown.connect(self._on_place_mine_shown)
        on_disk.changed.connect(self.show)
        on_disk.offers_found.connect(view.set_offers)
        models.loaded.connect(self.show)
        models.unloaded.connect(self.show)

    @Slot()
    def show(self) -> None:
        """Shows what is on disk now."""
        on_disk, view = self._on_disk, self._view
        view.set_models(on_disk.models, self._models.loaded_path)
        counts = Counter(model.place.path for model in on_disk.models)
        view.set_places(on_disk.places(), {place.path for place in on_disk.missing}, counts)
        view.set_trash(len(on_disk.in_trash), sum(trashed.size for trashed in on_disk.in_trash))

    @Slot()
    def _on_place_mine_shown(self) -> None:
        self._on_disk.look()
        self._on_disk.look_for_offers()

    @Slot(str)
    def _on_view_delete_requested(self, path: str) -> None:
        model = self._on_disk.find(path)
        if model is None:
            return
        if path == self._models.loaded_path:
            self._models.unload()  # Windows keeps a file that is mapped
        self._on_disk.delete(model)

    @Slot(str)
    def _on_view_show_requested(self, path: str) -> None:
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(Path(path).parent)))

    @Slot()
    def _on_view_add_folder_requested(self) -> None:
        choose_folder(self._view, self.tr("Add a folder with models"), self._on_disk.add)

    @Slot(str)
    def _on_view_remove_place_requested(self, path: str) -> None:
        self._on_disk.remove(Path(path))

    @Slot(object)
    def _on_view_offer_accepted(self, place: Place) -> None:
        self._on_disk.add(place.path, place.kind)
        self._on_disk.look_for_offers()

    @Slot()
    def _on_view_restore_requested(self) -> None:
        if self._on_disk.in_trash:
            self._on_disk.restore(self._on_disk.in_trash[0])
