"""Which model is loaded, is being loaded, and shall be loaded next.

The engine does one thing at a time; this is where wishes wait for their turn: a model chosen while a reply is being
written stops the reply first, one chosen while another is loading takes its place. It also keeps the list of models
that were used, and remembers which one took the engine down, so that such a model is not loaded by itself again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QObject, Signal, Slot

from app.core import errors, guide
from app.core.guide import guide_path, is_guide
from app.core.recent_models import RecentModels
from app.core.settings import Settings
from app.engine.engine import Engine, EngineState
from app.engine.protocol import LoadedModel

# Its replies are the same on every machine, so it is given nothing that differs.
_GUIDE_SETTINGS = Settings(gpu_layers=0)


@dataclass(frozen=True, slots=True)
class _Wish:
    path: str
    force: bool = False


class ModelSession(QObject):
    """Lives on the GUI thread, between the picker and the engine."""

    loading_began = Signal(str)  # name
    progressed = Signal(str, float)  # name, 0..1
    loaded = Signal(object)  # LoadedModel
    unloaded = Signal()
    cancelled = Signal()
    failed = Signal(str, object)  # path, AppError
    models_changed = Signal()

    def __init__(
        self,
        engine: Engine,
        recent: RecentModels,
        settings_of: Callable[[str], Settings],
        parent: QObject | None = None,
        *,
        bill_correction: Callable[[], float] = float,
    ) -> None:
        """`settings_of` gives those for the model at a path, `bill_correction` what `Engine.load` is told of it."""
        super().__init__(parent)
        self._engine = engine
        self._recent = recent
        self._settings_of = settings_of
        self._bill_correction = bill_correction
        self._loading: _Wish | None = None
        self._next: _Wish | None = None
        self._path = ""  # what was loaded, or asked for, last
        self._in_force: Settings | None = None
        engine.load_progressed.connect(self._on_engine_load_progressed)
        engine.model_loaded.connect(self._on_engine_model_loaded)
        engine.model_unloaded.connect(self._on_engine_model_unloaded)
        engine.load_cancelled.connect(self._on_engine_load_cancelled)
        engine.load_failed.connect(self._on_engine_load_failed)
        engine.reply_finished.connect(self._on_engine_reply_finished)
        engine.reply_failed.connect(self._on_engine_reply_failed)
        engine.crashed.connect(self._on_engine_crashed)

    @property
    def path(self) -> str:
        """The model that is loaded, or that was meant to be; empty if none was chosen yet."""
        return self._path

    @property
    def loaded_path(self) -> str:
        """The model that is loaded; empty if none is."""
        return self._engine.model.path if self._engine.model else ""

    def given_back(self) -> tuple[tuple[str, int], ...]:
        """Bytes that unloading the present model will free, by the name of the memory."""
        model = self._engine.model
        return tuple((part.device, part.required) for part in model.bill) if model else ()

    @property
    def layers_tried(self) -> int:
        """How many layers the last load was to put on GPUs."""
        return self._engine.layers_tried

    @property
    def is_loading(self) -> bool:
        return self._loading is not None

    @property
    def settings_in_force(self) -> Settings | None:
        """The settings the present model was loaded with."""
        return self._in_force

    def open(self, path: str, force: bool = False) -> None:
        """Loads the model at `path`. `force` overrules the memory check."""
        self._path = path
        wish = _Wish(path, force)
        if self._engine.state in (EngineState.EMPTY, EngineState.READY):
            self._load(wish)
        else:
            self._next = wish
            self._engine.stop()

    def reload(self) -> None:
        """Loads the present model again, with the settings as they are now."""
        if self._path:
            self.open(self._path)

    def cancel(self) -> None:
        """Stops loading."""
        self._next = None
        if self.is_loading:
            self._engine.stop()

    def unload(self) -> None:
        """Frees the model. A reply under way is stopped first."""
        self.cancel()
        self._engine.stop()
        self._engine.unload()

    def open_last(self) -> str:
        """Loads the model used last, or the guide if none ever was. Returns the path of one that is held back.

        A model is held back that ended the engine the last time.
        """
        last = self._recent.last()
        if last is None:
            self.open(str(guide_path()))
            return ""
        if not Path(last.path).is_file():
            return ""
        if not self._recent.may_load_by_itself(last.path):
            self._path = last.path
            return last.path
        self.open(last.path)
        return ""

    def close(self) -> None:
        """The app is ending in good order: a load that is under way is not to blame for it."""
        self._end_loading()

    def _load(self, wish: _Wish) -> None:
        self._loading = wish
        self._in_force = self._settings_of(wish.path)
        self._recent.loading_began(wish.path)
        settings = _GUIDE_SETTINGS if is_guide(wish.path) else self._in_force
        self._engine.load(wish.path, settings, wish.force, self._bill_correction())
        self.loading_began.emit(_name(wish.path))

    def _end_loading(self) -> str:
        wish, self._loading = self._loading, None
        if wish is None:
            return ""
        self._recent.loading_ended(wish.path)
        return wish.path

    def _go_on(self) -> None:
        if self._next is not None and self._engine.state in (EngineState.EMPTY, EngineState.READY):
            wish, self._next = self._next, None
            self._load(wish)

    @Slot(float)
    def _on_engine_load_progressed(self, fraction: float) -> None:
        if self._loading is not None:
            self.progressed.emit(_name(self._loading.path), fraction)

    @Slot(object)
    def _on_engine_model_loaded(self, model: LoadedModel) -> None:
        self._end_loading()
        if not is_guide(model.path):
            self._recent.remember(model.path, model.name, model.quant, model.file_size)
            self.models_changed.emit()
        self.loaded.emit(model)
        self._go_on()

    @Slot()
    def _on_engine_model_unloaded(self) -> None:
        self.unloaded.emit()

    @Slot()
    def _on_engine_load_cancelled(self) -> None:
        self._end_loading()
        if self._next is None:
            self.cancelled.emit()
        self._go_on()

    @Slot(object)
    def _on_engine_load_failed(self, error: errors.AppError) -> None:
        path = self._end_loading()
        if isinstance(error, errors.EngineError):
            self._recent.engine_died_with(path)
        self.failed.emit(path, error)
        self._go_on()

    @Slot(str, object)
    def _on_engine_reply_finished(self) -> None:
        if self._engine.model is not None:
            self._recent.worked(self._engine.model.path)
        self._go_on()

    @Slot(str, object)
    def _on_engine_reply_failed(self, _reply_id: str, error: errors.AppError) -> None:
        self._note_death(error)
        self._go_on()

    @Slot(object)
    def _on_engine_crashed(self, error: errors.AppError) -> None:
        self._note_death(error)
        self.failed.emit(self._path, error)

    def _note_death(self, error: errors.AppError) -> None:
        if isinstance(error, errors.EngineError) and self._engine.model is None:
            self._recent.engine_died_with(self._path)


def _name(path: str) -> str:
    """What a model is called while only its file is known."""
    return guide.NAME if is_guide(path) else Path(path).name
