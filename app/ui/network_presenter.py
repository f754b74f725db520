"""Brings the network and the part of Settings that is about it together."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QObject, Signal, Slot

from app.core.errors import AppError
from app.core.settings import Settings
from app.ui.folder_dialog import choose_folder
from app.ui.ledger_view import LedgerView
from app.ui.messages import failure_words
from app.ui.network_session import NetworkSession, TokenPlace
from app.ui.network_settings import NetworkSettings
from app.ui.release_session import ReleaseSession


class NetworkPresenter(QObject):
    """Owns no widget and no data."""

    changed = Signal(object)  # Settings, whole

    def __init__(
        self,
        network: NetworkSession,
        settings: Callable[[], Settings],
        download_folder: Callable[[], Path],
        releases: ReleaseSession,
        view: NetworkSettings,
        ledger: LedgerView,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._network = network
        self._settings = settings
        self._download_folder = download_folder
        self._releases = releases
        self._view = view
        view.offline_changed.connect(self.set_offline)
        view.token_saved.connect(network.save_token)
        view.token_removed.connect(network.remove_token)
        view.token_check_requested.connect(network.check_token)
        view.models_folder_requested.connect(self._on_view_models_folder_requested)
        view.look_for_releases_changed.connect(self._on_view_look_for_releases_changed)
        view.release_page_requested.connect(releases.open_page)
        releases.looked.connect(self._show_release)
        ledger.refresh_requested.connect(network.read_ledger)
        network.offline_changed.connect(view.set_offline)
        network.token_place_changed.connect(self._on_network_token_place_changed)
        network.token_checked.connect(self._on_network_token_checked)
        network.token_check_failed.connect(self._on_network_token_check_failed)
        network.ledger_read.connect(ledger.set_entries)
        view.set_offline(network.is_offline)
        view.set_token_place(network.token_place)
        self.show_settings()

    @Slot()
    def show_settings(self) -> None:
        """Shows the settings as they are now."""
        self._view.set_models_folder(str(self._download_folder()))
        self._view.set_look_for_releases(self._settings().look_for_releases, possible=self._releases.can_look)
        self._show_release()

    @Slot(bool)
    def set_offline(self, offline: bool) -> None:
        """The user switched it."""
        self._network.set_offline(offline)
        self.changed.emit(dataclasses.replace(self._settings(), offline=offline))

    @Slot()
    def _show_release(self) -> None:
        wanted = self._settings().look_for_releases
        self._view.set_release(self._releases.state(), has_page=wanted and bool(self._releases.newer))

    @Slot(bool)
    def _on_view_look_for_releases_changed(self, look: bool) -> None:
        self.changed.emit(dataclasses.replace(self._settings(), look_for_releases=look))
        self._releases.look_if_due()

    @Slot()
    def _on_view_models_folder_requested(self) -> None:
        choose_folder(self._view, self.tr("Where downloads go"), self._on_folder_chosen)

    def _on_folder_chosen(self, folder: Path) -> None:
        self.changed.emit(dataclasses.replace(self._settings(), models_folder=str(folder)))

    @Slot(object)
    def _on_network_token_place_changed(self, place: TokenPlace) -> None:
        self._view.set_token_place(place)
        self.changed.emit(dataclasses.replace(self._settings(), token_kept=place is TokenPlace.KEYRING))

    @Slot(object)
    def _on_network_token_checked(self, account: str) -> None:
        self._view.show_token_message(self.tr("The Hub knows this token. It belongs to {0}.").format(account))

    @Slot(object)
    def _on_network_token_check_failed(self, error: AppError) -> None:
        self._view.show_token_message(". ".join(part.rstrip(".") for part in failure_words(error) if part) + ".")
