"""The UI's only handle on the engine: methods ask, signals tell."""

from __future__ import annotations

import enum
import os
from collections.abc import Sequence

from PySide6.QtCore import QMetaObject, QObject, Qt, QThread, Signal, Slot

from app.core import errors
from app.core.settings import Settings
from app.engine import protocol
from app.engine.child_command import child_command
from app.engine.supervisor import Supervisor


class EngineState(enum.Enum):
    """What the engine is doing."""

    EMPTY = "empty"  # no model
    LOADING = "loading"
    READY = "ready"
    READING = "reading"  # the prompt
    WRITING = "writing"  # the reply


class Engine(QObject):
    """Lives on the GUI thread and owns the engine thread. No method blocks but `close`.

    One load or reply at a time: asking for another while one is under way is a mistake of the caller.
    """

    state_changed = Signal(object)  # EngineState
    greeted = Signal()  # by a new child: what it sees of this computer is in `hello`
    load_progressed = Signal(float)  # 0..1
    model_loaded = Signal(object)  # protocol.LoadedModel
    model_unloaded = Signal()
    load_cancelled = Signal()
    load_failed = Signal(object)  # AppError
    prompt_progressed = Signal(object)  # protocol.PromptProgress
    prompt_previewed = Signal(object)  # protocol.PromptPreviewed
    tokens_counted = Signal(object)  # protocol.TokensCounted
    text_received = Signal(str, str)  # reply id, text
    write_progressed = Signal(object)  # protocol.WriteProgress
    reply_finished = Signal(str, object)  # reply id, ReplyStats
    reply_failed = Signal(str, object)  # reply id, AppError
    crashed = Signal(object)  # EngineError: it died while nothing was under way

    _command_given = Signal(object)  # to the Supervisor, across threads

    def __init__(self, command: Sequence[str] | None = None, parent: QObject | None = None) -> None:
        """`command` starts the child; None means this app itself."""
        super().__init__(parent)
        self._state = EngineState.EMPTY
        self._model: protocol.LoadedModel | None = None
        self._hello: protocol.Hello | None = None
        self._layers_tried = 0
        self._busy_with = ""  # id of the load or reply under way
        self._stopping = False
        self._thread = QThread(self)
        self._thread.setObjectName("engine")
        self._supervisor = Supervisor(command or child_command())
        self._supervisor.moveToThread(self._thread)
        self._command_given.connect(self._supervisor.send)
        self._supervisor.event_received.connect(self._on_supervisor_event_received)
        self._supervisor.child_ended.connect(self._on_supervisor_child_ended)
        self._thread.finished.connect(self._supervisor.deleteLater)
        self._thread.start()

    @property
    def state(self) -> EngineState:
        return self._state

    @property
    def model(self) -> protocol.LoadedModel | None:
        """The model that is loaded, if one is."""
        return self._model

    @property
    def layers_tried(self) -> int:
        """How many layers the last load was to put on GPUs, whatever came of it."""
        return self._layers_tried

    @property
    def hello(self) -> protocol.Hello | None:
        """What the child said first: the devices it sees among other things. None before one was started."""
        return self._hello

    def load(self, path: str, settings: Settings, force: bool = False, bill_correction: float = 0.0) -> None:
        """Loads the model at `path`; ends in `model_loaded`, `load_cancelled` or `load_failed`.

        `force` skips the memory check; `bill_correction` is the share by which models take more here than billed.
        """
        self._busy_with = os.urandom(16).hex()
        self._layers_tried = 0
        self._command_given.emit(protocol.LoadModel(self._busy_with, path, settings, force, bill_correction))
        self._enter(EngineState.LOADING)

    def unload(self) -> None:
        """Frees the model; ends in `model_unloaded`."""
        self._command_given.emit(protocol.UnloadModel())

    def generate(
        self,
        reply_id: str,
        messages: Sequence[protocol.ChatMessage],
        sampling: protocol.Sampling,
        policy: protocol.Policy = "oldest",
    ) -> None:
        """Answers `messages`, or goes on with the reply they end with; ends in `reply_finished` or `reply_failed`."""
        self._busy_with = reply_id
        self._command_given.emit(protocol.Generate(reply_id, tuple(messages), sampling, policy))
        self._enter(EngineState.READING)

    def preview(
        self,
        request_id: str,
        messages: Sequence[protocol.ChatMessage],
        reply_limit: int | None = None,
        policy: protocol.Policy = "oldest",
    ) -> None:
        """Asks what the model would be given; ends in `prompt_previewed`, after what is under way now."""
        self._command_given.emit(protocol.PreviewPrompt(request_id, tuple(messages), reply_limit, policy))

    def count_tokens(self, request_id: str, text: str) -> None:
        """Asks how many tokens a text is; ends in `tokens_counted`, after what is under way now."""
        self._command_given.emit(protocol.CountTokens(request_id, text))

    def stop(self) -> None:
        """Stops the load or the reply under way, if any. What was written is kept."""
        if self._busy_with:
            self._stopping = True
            self._command_given.emit(protocol.Interrupt(self._busy_with))

    def close(self) -> None:
        """Ends the child and the thread. Blocks until they are gone, a few seconds at most."""
        if self._thread.isRunning():
            QMetaObject.invokeMethod(self._supervisor, "close", Qt.ConnectionType.BlockingQueuedConnection)
            self._thread.quit()
            self._thread.wait()

    def _enter(self, state: EngineState) -> None:
        if state is not self._state:
            self._state = state
            self.state_changed.emit(state)

    def _rest(self) -> None:
        self._busy_with = ""
        self._stopping = False
        self._enter(EngineState.READY if self._model else EngineState.EMPTY)

    @Slot(object)
    def _on_supervisor_event_received(self, event: protocol.Event) -> None:
        match event:
            case protocol.TextReceived():
                self._enter(EngineState.WRITING)
                self.text_received.emit(event.reply_id, event.text)
            case protocol.PromptProgress():
                self.prompt_progressed.emit(event)
            case protocol.PromptPreviewed():
                self.prompt_previewed.emit(event)
            case protocol.TokensCounted():
                self.tokens_counted.emit(event)
            case protocol.WriteProgress():
                self.write_progressed.emit(event)
            case protocol.ReplyFinished():
                self._rest()
                self.reply_finished.emit(event.reply_id, event.stats)
            case protocol.LoadProgress():
                self._layers_tried = event.gpu_layers
                self.load_progressed.emit(event.fraction)
            case protocol.LoadedModel():
                self._model = event
                self._rest()
                self.model_loaded.emit(event)
            case protocol.ModelUnloaded():
                self._forget_model()
            case protocol.LoadCancelled():
                self._rest()
                self.load_cancelled.emit()
            case protocol.Failed():
                self._fail(errors.AppError.from_name(event.error, event.detail))
            case protocol.Hello():
                self._hello = event
                self.greeted.emit()

    def _forget_model(self) -> None:
        self._model = None
        self.model_unloaded.emit()
        if not self._busy_with:
            self._rest()

    @Slot(object)
    def _on_supervisor_child_ended(self, error: errors.EngineError) -> None:
        had_model = self._model is not None
        self._model = None
        if had_model:
            self.model_unloaded.emit()
        self._fail(error)

    def _fail(self, error: errors.AppError) -> None:
        state, id_, stopping = self._state, self._busy_with, self._stopping
        self._rest()
        if state is EngineState.LOADING and stopping and isinstance(error, errors.EngineDidNotAnswer):
            self.load_cancelled.emit()
        elif state is EngineState.LOADING:
            self.load_failed.emit(error)
        elif id_:
            self.reply_failed.emit(id_, error)
        else:
            self.crashed.emit(error)
