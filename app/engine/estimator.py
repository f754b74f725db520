"""What models would take, asked while another one is loaded and may be writing: in a child of its own.

The child starts with the first question and ends when none has come for a while. Questions follow a slider, faster
than they can be answered, so only the newest one of each key counts: one question is under way, and of those that wait
older ones are forgotten.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from app.core import errors
from app.core.settings import Settings
from app.engine import protocol
from app.engine.child_command import child_command
from app.engine.supervisor import Supervisor

_IDLE_SECONDS = 30


class Estimator(QObject):
    """Lives on the GUI thread. No method blocks but `close`."""

    estimated = Signal(str, object)  # key, protocol.MemoryEstimated
    failed = Signal(str, object)  # key, AppError

    def __init__(
        self,
        command: Sequence[str] | None = None,
        parent: QObject | None = None,
        *,
        idle_seconds: float = _IDLE_SECONDS,
    ) -> None:
        """`command` starts the child; None means this app itself."""
        super().__init__(parent)
        self._waiting: dict[str, protocol.EstimateMemory] = {}  # by key, the one that has waited longest first
        self._asked_key = ""
        self._asked_id = ""  # of the question under way; empty if none is
        self._supervisor = Supervisor(command or child_command())
        self._supervisor.setParent(self)
        self._supervisor.event_received.connect(self._on_supervisor_event_received)
        self._supervisor.child_ended.connect(self._on_supervisor_child_ended)
        self._idle = QTimer(self, singleShot=True, interval=round(idle_seconds * 1000))
        self._idle.timeout.connect(self.close)

    def ask(
        self,
        key: str,
        path: str,
        settings: Settings,
        given_back: Sequence[tuple[str, int]] = (),
        bill_correction: float = 0.0,
    ) -> None:
        """What would the model at `path` take? Ends in `estimated` or `failed`, unless `key` is asked for again.

        `given_back` are bytes of devices that will be free by then, such as those of the model that is loaded now.
        `bill_correction` is the share by which models take more on this computer than they are billed.
        """
        self._waiting[key] = protocol.EstimateMemory(
            os.urandom(16).hex(), path, settings, tuple(given_back), bill_correction
        )
        self._ask_next()

    @Slot()
    def close(self) -> None:
        """Ends the child. Blocks until it is gone, which is at once unless it hangs. `ask` starts another one."""
        self._idle.stop()
        self._waiting.clear()
        self._asked_id = ""
        self._supervisor.close()

    def _ask_next(self) -> None:
        if self._asked_id:
            return
        if not self._waiting:
            self._idle.start()
            return
        self._idle.stop()
        self._asked_key = next(iter(self._waiting))
        question = self._waiting.pop(self._asked_key)
        self._asked_id = question.request_id
        self._supervisor.send(question)

    @Slot(object)
    def _on_supervisor_event_received(self, event: protocol.Event) -> None:
        if not self._asked_id or protocol.id_of_end(event) != self._asked_id:
            return
        match event:
            case protocol.MemoryEstimated():
                self._end(self.estimated.emit, event)
            case protocol.Failed():
                self._end(self.failed.emit, errors.AppError.from_name(event.error, event.detail))

    @Slot(object)
    def _on_supervisor_child_ended(self, error: errors.EngineError) -> None:
        if self._asked_id:
            self._end(self.failed.emit, error)

    def _end(self, tell: Callable[[str, object], None], answer: object) -> None:
        key = self._asked_key
        self._asked_id = ""
        is_newest = key not in self._waiting
        self._ask_next()
        if is_newest:
            tell(key, answer)
