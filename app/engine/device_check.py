"""Does each device really work? The guide is loaded onto each GPU and must write there what it writes on the processor.

That llama.cpp sees a device says little: a driver can lack what its kernels need, hang, end the process, or compute
nonsense. So each GPU is tried in a child of its own, which may die of it. The processor goes first, with whatever
accelerates it, for its words are what the others are measured by. The guide answers a question it was trained on, so
that the least differences in rounding do not choose other words.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence

from PySide6.QtCore import QMetaObject, QObject, Qt, QThread, QTimer, Signal, Slot

from app.core import errors, hardware
from app.core.diagnosis import DeviceReport
from app.core.guide import QUESTIONS
from app.core.settings import Settings
from app.engine import protocol
from app.engine.child_command import child_command
from app.engine.supervisor import Supervisor

_PATIENCE_SECONDS = 30  # without a word from the child
_ALL_LAYERS = 999
_NO_GPU = "CPU"  # a name that none has; an empty one would mean all
_CONTEXT_LENGTH = 512  # tokens
_SAMPLING = protocol.Sampling(temperature=0.0, repeat_penalty=1.0, seed=0, reply_limit=16)


class DeviceCheck(QObject):
    """Lives on the GUI thread and owns the thread of its children. No method blocks but `close`."""

    checked = Signal(object)  # DeviceReport: of a device that is seen; then tried; then, if it fails, what is instead
    finished = Signal()  # all were tried, or it was cancelled
    failed = Signal(object)  # AppError: not even the processor works, so nothing can be said of the others

    _command_given = Signal(object)  # to the child, across threads
    _child_unwanted = Signal()

    def __init__(
        self,
        command: Sequence[str] | None = None,
        parent: QObject | None = None,
        *,
        patience_seconds: float = _PATIENCE_SECONDS,
    ) -> None:
        """`command` starts the child; None means this app itself."""
        super().__init__(parent)
        self._path = ""
        self._reports: dict[str, DeviceReport] = {}  # by the name of the device
        self._is_running = False
        self._is_ending = False  # the child before is ending
        self._waiting: list[str] = []  # names of devices to try; empty for the processor
        self._tried = ""
        self._trial_id = ""  # of the load and the reply under way; empty if none is
        self._written = ""
        self._expected = ""  # what the processor wrote
        self._patience = QTimer(self, singleShot=True, interval=round(patience_seconds * 1000))
        self._patience.timeout.connect(self._on_patience_timeout)
        self._thread = QThread(self)
        self._thread.setObjectName("device check")
        self._child = _Child(command or child_command())
        self._child.moveToThread(self._thread)
        self._command_given.connect(self._child.send)
        self._child_unwanted.connect(self._child.end)
        self._child.event_received.connect(self._on_child_event_received)
        self._child.child_ended.connect(self._on_child_child_ended)
        self._child.gone.connect(self._on_child_gone)
        self._thread.finished.connect(self._child.deleteLater)

    @property
    def reports(self) -> tuple[DeviceReport, ...]:
        """What is known of each device, in llama.cpp's order."""
        return tuple(self._reports.values())

    def set_devices(self, devices: Sequence[protocol.Device]) -> None:
        """What the engine sees. What is known of a device from an earlier try stays."""
        if not self._is_running:
            self._reports = {device.name: self._seen(device) for device in devices}

    def start(self, model_path: str) -> None:
        """Tries all devices with the model at `model_path`; ends in `finished` or `failed`. One check at a time."""
        if self._is_running:
            return
        self._is_running = True
        self._path = model_path
        self._waiting = [""]
        self._thread.start()
        if not self._is_ending:
            self._try_next()

    @Slot()
    def cancel(self) -> None:
        """Ends the check at once. What was found out stays."""
        if self._is_running:
            self._end_child()
            self._waiting.clear()
            self._is_running = False
            self.finished.emit()

    def close(self) -> None:
        """Ends the child and the thread. Blocks until they are gone, a few seconds at most."""
        self.cancel()
        if self._thread.isRunning():
            QMetaObject.invokeMethod(self._child, "close", Qt.ConnectionType.BlockingQueuedConnection)
            self._thread.quit()
            self._thread.wait()

    def _seen(self, device: protocol.Device) -> DeviceReport:
        report = _report(device)
        known = self._reports.get(device.name, report)
        return dataclasses.replace(report, works=known.works, problem=known.problem, instead=known.instead)

    def _try_next(self) -> None:
        if not self._waiting:
            self._tell_what_is_used_instead()
            self._is_running = False
            self.finished.emit()
            return
        self._tried = self._waiting.pop(0)
        self._trial_id = os.urandom(16).hex()
        self._written = ""
        self._command_given.emit(protocol.LoadModel(self._trial_id, self._path, _settings(self._tried)))

    def _end_child(self) -> None:
        if self._trial_id:
            self._trial_id = ""
            self._patience.stop()
            self._is_ending = True
            self._child_unwanted.emit()

    @Slot()
    def _on_child_gone(self) -> None:
        self._is_ending = False
        if self._is_running:
            self._try_next()

    @Slot(object)
    def _on_child_event_received(self, event: protocol.Event) -> None:
        if not self._trial_id:
            return
        self._patience.start()
        match event:
            case protocol.Hello() if not self._tried:
                self._meet(event.devices)
            case protocol.LoadedModel() if self._tried and not event.gpu_layers:
                self._conclude(False, "No part of a model can be put on it.")
            case protocol.LoadedModel():
                question = (protocol.ChatMessage("user", QUESTIONS[0]),)
                self._command_given.emit(protocol.Generate(self._trial_id, question, _SAMPLING))
            case protocol.TextReceived():
                self._written += event.text
            case protocol.ReplyFinished():
                self._compare()
            case protocol.Failed():
                self._fail(errors.AppError.from_name(event.error, event.detail))

    @Slot(object)
    def _on_child_child_ended(self, error: errors.EngineError) -> None:
        if self._trial_id:
            self._fail(error)

    @Slot()
    def _on_patience_timeout(self) -> None:
        seconds = self._patience.interval() / 1000
        self._fail(errors.EngineDidNotAnswer(f"Nothing came for {seconds:.0f} seconds."))

    def _meet(self, devices: Sequence[protocol.Device]) -> None:
        self._reports = {device.name: _report(device) for device in devices}
        for report in self.reports:
            self.checked.emit(report)
        self._waiting = [report.name for report in self.reports if _is_gpu(report)]

    def _compare(self) -> None:
        if self._tried:
            is_same = self._written == self._expected
            self._conclude(is_same, "" if is_same else "It writes other words than the processor.")
        elif self._written:
            self._expected = self._written
            self._conclude(True)
        else:
            self._fail(errors.EngineError("It wrote nothing."))

    def _fail(self, error: errors.AppError) -> None:
        if not self._tried:
            self._end_child()
            self._waiting.clear()
            self._is_running = False
            self.failed.emit(error)
        elif isinstance(error, errors.NotEnoughMemory):
            # Of a model that is loaded, most likely: that says nothing about the device.
            self._conclude(None, "Too little of its memory is free to try it now.")
        else:
            self._conclude(False, f"{str(error).rstrip('.')}.")

    def _conclude(self, works: bool | None, problem: str = "") -> None:
        """The trial is over."""
        tried = [self._reports[self._tried]] if self._tried else [one for one in self.reports if not _is_gpu(one)]
        for report in tried:
            self._report(dataclasses.replace(report, works=works, problem=problem))
        self._end_child()

    def _tell_what_is_used_instead(self) -> None:
        """Only now is it known which of the other GPUs work. Built-in ones are only used where there is no card."""
        working = [report for report in self.reports if report.works and _is_gpu(report)]
        cards = [report for report in working if report.kind == "gpu"]
        used = ", ".join(report.name for report in cards or working) or "the processor"
        for report in self.reports:
            if report.works is False:
                self._report(dataclasses.replace(report, instead=f"Used instead: {used}."))

    def _report(self, report: DeviceReport) -> None:
        self._reports[report.name] = report
        self.checked.emit(report)


class _Child(Supervisor):
    """Says when the child is gone: nothing that is heard afterwards is of that one."""

    gone = Signal()

    @Slot()
    def end(self) -> None:
        # `close` cannot be overridden: connected to a signal, it would run on the thread that emits.
        self.close()
        self.gone.emit()


def _settings(device: str) -> Settings:
    """For a model that is on `device` alone; empty for the processor."""
    return Settings(
        context_length=_CONTEXT_LENGTH,
        threads=1,  # the guide is small, and others may be busy: threads that wait for each other take seconds a token
        gpu_layers=_ALL_LAYERS if device else 0,
        devices=device or _NO_GPU,
    )


def _is_gpu(report: DeviceReport) -> bool:
    return report.kind in ("gpu", "integrated")


def _report(device: protocol.Device) -> DeviceReport:
    is_processor = device.kind == "cpu"  # llama.cpp takes all of its memory for free
    return DeviceReport(
        name=device.name,
        description=device.description,
        backend=device.backend,
        kind=device.kind,
        memory_total=hardware.memory_total() if is_processor else device.memory_total,
        memory_free=hardware.memory_available() if is_processor else device.memory_free,
    )
