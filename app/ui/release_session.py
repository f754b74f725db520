"""Newer versions of Paddock as the user commands it: looked for once a day, if the switch is on and Offline is off."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QObject, QUrl, Signal, Slot
from PySide6.QtGui import QDesktopServices

from app.core.errors import AppError
from app.core.releases import Releases
from app.core.settings import Settings
from app.ui.network_session import NetworkSession


class ReleaseSession(QObject):
    """Lives on the GUI thread."""

    newer_found = Signal(str)  # version; just now
    looked = Signal()  # whatever came of it

    def __init__(
        self,
        releases: Releases,
        network: NetworkSession,
        settings: Callable[[], Settings],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._releases = releases
        self._network = network
        self._settings = settings
        self._problem = ""
        network.offline_changed.connect(self.look_if_due)

    @property
    def can_look(self) -> bool:
        """Whether this Paddock knows where its releases are."""
        return bool(self._releases.page)

    @property
    def newer(self) -> str:
        """The newer version that is known; empty if none is."""
        return self._releases.newer

    def state(self) -> str:
        """What is known, in a sentence."""
        if not self.can_look:
            return self.tr("This copy of Paddock does not know where new versions are published.")
        if not self._settings().look_for_releases:
            return ""
        return self.tr("Paddock {0} is there.").format(self.newer) if self.newer else self._problem

    @Slot()
    def look_if_due(self) -> None:
        """Asks, if the user wants that, may be connected, and it is time."""
        if self._settings().look_for_releases and not self._network.is_offline and self._releases.is_due():
            job = self._network.ask_elsewhere(self._releases.look)
            job.finished.connect(self._on_looked)
            job.failed.connect(self._on_look_failed)

    @Slot()
    def open_page(self) -> None:
        """Opens the newest release in the user's browser."""
        QDesktopServices.openUrl(QUrl(self._releases.page))

    @Slot(object)
    def _on_looked(self, version: str) -> None:
        self._problem = ""
        self.looked.emit()
        if version:
            self.newer_found.emit(version)

    @Slot(object)
    def _on_look_failed(self, error: AppError) -> None:
        self._problem = f"{error}. {error.hint}"
        self.looked.emit()
