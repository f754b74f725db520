"""Keeps the memory bill beside the settings true, and with it what automatic means there.

The engine that is asked is a second child, so nothing is asked before somebody could see the answer, nor while the app
starts. A change of a setting is asked about at once: the estimator leaves out what is overtaken.

After each load, what the model really took is written down beside its bill.
"""

from __future__ import annotations

import logging
from typing import Any

from PySide6.QtCore import QEvent, QObject, QTimer, Slot

from app.core.bill_history import BillHistory
from app.core.errors import AppError
from app.core.guide import is_guide
from app.core.settings import Settings
from app.engine.engine import Engine
from app.engine.estimator import Estimator
from app.engine.protocol import LoadedModel, MemoryEstimated, ReplyStats
from app.ui.memory_bill import MemoryBillView
from app.ui.messages import failure_words
from app.ui.model_session import ModelSession
from app.ui.settings_panel import SettingsPanel
from app.ui.settings_session import SettingsSession

log = logging.getLogger(__name__)

_KEY = "panel"  # among those who ask the estimator
_PAUSE = 500  # milliseconds after something has happened, as the computer is busy with it


class BillPresenter(QObject):
    """Owns no widget and no data."""

    def __init__(
        self,
        estimator: Estimator,
        history: BillHistory,
        engine: Engine,
        models: ModelSession,
        settings: SettingsSession,
        panel: SettingsPanel,
        view: MemoryBillView,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._estimator = estimator
        self._history = history
        self._engine = engine
        self._models = models
        self._settings = settings
        self._panel = panel
        self._view = view
        self._edited: Settings | None = None  # what the panel shows, while it was not taken over yet
        self._is_stale = True
        self._is_measured = False  # whether what the present model takes was written down
        self._timer = QTimer(self, singleShot=True, interval=_PAUSE)
        self._timer.timeout.connect(self._ask)
        estimator.estimated.connect(self._on_estimator_estimated)
        estimator.failed.connect(self._on_estimator_failed)
        engine.model_loaded.connect(self._on_engine_model_loaded)
        engine.reply_finished.connect(self._on_engine_reply_finished)
        panel.edited.connect(self._on_panel_edited)
        for something in (models.unloaded, models.failed, settings.changed):
            something.connect(self._on_something_happened)
        models.loading_began.connect(self._on_models_loading_began)
        view.installEventFilter(self)
        self._show_nothing()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802
        """Asks when the bill comes into sight."""
        if event.type() == QEvent.Type.Show and self._is_stale:
            self._timer.start()
        return super().eventFilter(watched, event)

    @Slot(object)
    def _on_panel_edited(self, settings: Settings) -> None:
        self._edited = settings
        self._ask()

    @Slot()
    def _on_something_happened(self, *_what: Any) -> None:
        self._edited = None
        if not self._models.is_loading:
            self._is_stale = True
            self._timer.start()

    def _ask(self) -> None:
        path = self._models.path
        if not path or is_guide(path):
            self._show_nothing()
        elif self._view.isVisible():
            self._is_stale = False
            self._view.show_pending()
            settings = self._edited or self._settings.of(path)
            self._estimator.ask(_KEY, path, settings, self._models.given_back(), self._history.excess())

    @Slot()
    def _on_models_loading_began(self) -> None:
        self._timer.stop()
        self._view.show_pending()

    @Slot(object)
    def _on_engine_model_loaded(self, model: LoadedModel) -> None:
        """What it takes was known before: nobody need be asked."""
        self._is_measured = False
        self._timer.stop()
        if is_guide(model.path):
            self._show_nothing()
        elif model.plan is not None:
            self._is_stale = False
            self._show(model.plan)

    @Slot(str, object)
    def _on_engine_reply_finished(self, _reply_id: str, stats: ReplyStats) -> None:
        """Not before: a model takes what it takes once it has read and written."""
        model = self._engine.model
        if model is None or self._is_measured or is_guide(model.path):
            return
        self._is_measured = True
        bill = sum(part.required + part.mapped for part in model.bill)
        try:
            self._history.add(bill, stats.memory_measured)
        except OSError as error:
            log.warning("what a model took was not written down: %s", error)

    def _show_nothing(self) -> None:
        self._view.show_nothing(self.tr("Choose a model to see what it takes here."))

    @Slot(str, object)
    def _on_estimator_estimated(self, key: str, estimate: MemoryEstimated) -> None:
        if key == _KEY:
            self._show(estimate)

    def _show(self, estimate: MemoryEstimated) -> None:
        self._view.show_estimate(estimate)
        self._panel.set_automatic_values(
            {
                "context_length": estimate.context_length,
                "threads": estimate.threads,
                "gpu_layers": estimate.gpu_layers,
                "cache_type_k": estimate.cache_type_k,
                "cache_type_v": estimate.cache_type_v,
                "load_mode": "mapped" if estimate.mapped else "read",
            }
        )
        self._panel.set_reasons(dict(estimate.reasons))

    @Slot(str, object)
    def _on_estimator_failed(self, key: str, error: AppError) -> None:
        if key == _KEY:
            self._view.show_nothing(" ".join(part for part in failure_words(error) if part))
