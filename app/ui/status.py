"""What the status line says: state, speed, time to the first token, context used, why a reply ended."""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal, Slot

from app.core import errors
from app.engine import protocol
from app.engine.engine import Engine
from app.ui import words
from app.ui.model_session import ModelSession


class StatusReporter(QObject):
    """Turns what the engine tells into one line."""

    status_changed = Signal(str)

    def __init__(self, engine: Engine, models: ModelSession, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._context_length = 0
        engine.prompt_progressed.connect(self._on_engine_prompt_progressed)
        engine.write_progressed.connect(self._on_engine_write_progressed)
        engine.reply_finished.connect(self._on_engine_reply_finished)
        engine.reply_failed.connect(self._on_engine_reply_failed)
        models.loading_began.connect(self._on_models_loading_began)
        models.progressed.connect(self._on_models_progressed)
        models.loaded.connect(self._on_models_loaded)
        models.unloaded.connect(self._on_models_unloaded)
        models.cancelled.connect(self._on_models_cancelled)
        models.failed.connect(self._on_models_failed)

    def no_model(self) -> str:
        return self.tr("No model is loaded")

    @Slot(str)
    def _on_models_loading_began(self, name: str) -> None:
        self.status_changed.emit(self.tr("Loading {0}").format(name))

    @Slot(str, float)
    def _on_models_progressed(self, name: str, fraction: float) -> None:
        self.status_changed.emit(self.tr("Loading {0}: {1} %").format(name, round(fraction * 100)))

    @Slot(object)
    def _on_models_loaded(self, model: protocol.LoadedModel) -> None:
        self._context_length = model.context_length
        self.status_changed.emit(words.loaded(model))

    @Slot()
    def _on_models_unloaded(self) -> None:
        self.status_changed.emit(self.no_model())

    @Slot()
    def _on_models_cancelled(self) -> None:
        self.status_changed.emit(self.tr("Loading was cancelled · {0}").format(self.no_model()))

    @Slot(str, object)
    def _on_models_failed(self, _path: str, error: errors.AppError) -> None:
        self.status_changed.emit(error.title)

    @Slot(object)
    def _on_engine_prompt_progressed(self, progress: protocol.PromptProgress) -> None:
        self.status_changed.emit(words.reading(progress))

    @Slot(object)
    def _on_engine_write_progressed(self, progress: protocol.WriteProgress) -> None:
        parts = [
            self.tr("Writing"),
            words.speed(progress.tokens_per_second),
            words.context_use(progress.context_used, self._context_length),
        ]
        self.status_changed.emit(" · ".join(parts))

    @Slot(str, object)
    def _on_engine_reply_finished(self, _reply_id: str, stats: protocol.ReplyStats) -> None:
        self.status_changed.emit(words.finished(stats))

    @Slot(str, object)
    def _on_engine_reply_failed(self, _reply_id: str, error: errors.AppError) -> None:
        self.status_changed.emit(error.title)
