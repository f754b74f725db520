"""Brings the devices of this computer and the part of Settings that is about them together."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from PySide6.QtCore import QObject, Slot
from PySide6.QtGui import QGuiApplication

from app.core.bill_history import BillHistory
from app.core.diagnosis import diagnosis_text
from app.core.errors import AppError
from app.core.guide import guide_path
from app.core.versions import system_text, versions_text
from app.engine.device_check import DeviceCheck
from app.engine.engine import Engine
from app.ui.devices_view import DevicesView
from app.ui.settings_session import SettingsSession


class DevicesPresenter(QObject):
    """Owns the try-out of the devices, and no widget."""

    def __init__(
        self,
        engine: Engine,
        history: BillHistory,
        settings: SettingsSession,
        view: DevicesView,
        command: Sequence[str] | None = None,
        parent: QObject | None = None,
    ) -> None:
        """`command` starts the children that try the devices; None means this app itself."""
        super().__init__(parent)
        self._engine = engine
        self._history = history
        self._settings = settings
        self._view = view
        self._check = DeviceCheck(command, self)
        self._check.checked.connect(self._show_reports)
        self._check.finished.connect(self._on_check_finished)
        self._check.failed.connect(self._on_check_failed)
        view.check_requested.connect(self._on_view_check_requested)
        view.cancel_requested.connect(self._check.cancel)
        view.copy_requested.connect(self._on_view_copy_requested)
        engine.greeted.connect(self._on_engine_greeted)
        self._on_engine_greeted()

    def close(self) -> None:
        """Ends a try-out that is under way."""
        self._check.close()

    @Slot()
    def _on_engine_greeted(self) -> None:
        if self._engine.hello is not None:
            self._check.set_devices(self._engine.hello.devices)
            self._view.show_features(self._engine.hello.features)
        self._show_reports()

    @Slot()
    def _show_reports(self) -> None:
        self._view.show_reports(self._check.reports)
        self._view.show_learned(self._history.in_words())

    @Slot()
    def _on_view_check_requested(self) -> None:
        self._view.show_checking(True)
        self._check.start(str(guide_path()))

    @Slot()
    def _on_check_finished(self) -> None:
        self._view.show_checking(False)
        self._show_reports()
        self._avoid_what_does_not_work()

    def _avoid_what_does_not_work(self) -> None:
        """What was not tried this time is thought of as before."""
        settings = self._settings.shared()
        before = settings.devices_to_avoid.split(",")
        bad = [
            one.name for one in self._check.reports if one.works is False or (one.works is None and one.name in before)
        ]
        if bad != [name for name in before if name]:
            self._settings.change(dataclasses.replace(settings, devices_to_avoid=",".join(bad)))

    @Slot(object)
    def _on_check_failed(self, error: AppError) -> None:
        self._view.show_checking(False)
        self._view.show_failure(error)

    @Slot()
    def _on_view_copy_requested(self) -> None:
        features = self._engine.hello.features if self._engine.hello else ""
        text = diagnosis_text(versions_text(), system_text(), features, self._check.reports, self._history.in_words())
        QGuiApplication.clipboard().setText(text)
