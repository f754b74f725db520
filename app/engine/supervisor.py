"""Starts, feeds, watches and ends the engine child. Lives on the engine thread; only `Engine` talks to it.

The child starts with the first command and stays until it dies or the app ends. When it dies, whatever it was asked
to do fails in words (`faults`), and the next command starts another one.
"""

from __future__ import annotations

import itertools
import logging
import os
from collections import deque
from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QObject, QProcess, QProcessEnvironment, QTimer, Signal, Slot

from app.core import errors
from app.engine import faults, lifeline, protocol

log = logging.getLogger(__name__)

_HANDSHAKE_SECONDS = 60  # a cold disk and a virus scanner can make the first import slow
_INTERRUPT_SECONDS = 5  # a child that does not stop what it does by then is ended
_FAREWELL_SECONDS = 3
_LAST_LINES = 60  # of the child's stderr, kept to explain its end


class Supervisor(QObject):
    """Owns the child process. Its slots are called, and its signals heard, across threads."""

    event_received = Signal(object)  # protocol.Event
    child_ended = Signal(object)  # EngineError: it died, or had to be ended

    def __init__(self, command: Sequence[str]) -> None:
        super().__init__()
        self._command = list(command)
        self._process: QProcess | None = None
        self._greeted = False
        self._under_way: set[str] = set()  # ids of loads and replies
        self._waiting: list[bytes] = []  # commands for a child that has not said hello yet
        self._unfinished = bytearray()  # the line that is still coming
        self._last_lines: deque[str] = deque(maxlen=_LAST_LINES)
        self._verdict: errors.EngineError | None = None  # why we ended the child ourselves
        self._patience = QTimer(self, singleShot=True)
        self._patience.timeout.connect(self._on_patience_timeout)

    @Slot(object)
    def send(self, command: protocol.Command) -> None:
        """Gives `command` to the child, starting one if there is none."""
        if isinstance(command, protocol.Interrupt):
            if command.id not in self._under_way:
                return  # its end was on its way already
            self._expect_within(_INTERRUPT_SECONDS)
        elif self._process is None:
            if isinstance(command, protocol.UnloadModel):
                return
            self._start()
        self._under_way.add(protocol.id_of(command))
        line = protocol.encode(command)
        if self._greeted and self._process is not None:
            self._process.write(line)
        else:
            self._waiting.append(line)

    @Slot()
    def close(self) -> None:
        """Ends the child: end-of-file first, then by force. Blocks for at most a few seconds."""
        if (process := self._process) is None:
            return
        self._process = None
        process.closeWriteChannel()
        if not process.waitForFinished(_FAREWELL_SECONDS * 1000):
            log.warning("the engine child did not end by itself")
            process.kill()
            process.waitForFinished(_FAREWELL_SECONDS * 1000)
        process.deleteLater()

    def _start(self) -> None:
        self._greeted = False
        self._verdict = None
        self._waiting.clear()
        self._unfinished.clear()
        self._last_lines.clear()
        process = self._process = QProcess(self)
        process.setProgram(self._command[0])
        process.setArguments(self._command[1:])
        process.setProcessEnvironment(_environment())
        process.readyReadStandardOutput.connect(self._on_process_ready_read_standard_output)
        process.readyReadStandardError.connect(self._on_process_ready_read_standard_error)
        process.started.connect(self._on_process_started)
        process.finished.connect(self._on_process_finished)
        process.errorOccurred.connect(self._on_process_error_occurred)
        process.start()
        self._expect_within(_HANDSHAKE_SECONDS)

    def _expect_within(self, seconds: float) -> None:
        if not self._patience.isActive():
            self._patience.start(int(seconds * 1000))

    @Slot()
    def _on_patience_timeout(self) -> None:
        self._end_child(errors.EngineDidNotAnswer() if self._greeted else errors.EngineDidNotStart())

    def _end_child(self, verdict: errors.EngineError) -> None:
        if self._process is not None:
            self._verdict = verdict
            self._process.kill()

    @Slot()
    def _on_process_started(self) -> None:
        if self._process is not None:
            lifeline.tie(self._process.processId())

    @Slot()
    def _on_process_ready_read_standard_output(self) -> None:
        if self._process is None:
            return
        self._unfinished += self._process.readAllStandardOutput().data()
        *lines, rest = self._unfinished.split(b"\n")
        self._unfinished = rest
        try:
            events = [protocol.decode(line) for line in lines]
        except protocol.ProtocolError as error:
            log.error("not an event: %s", error)
            self._end_child(errors.EngineError("It said something Paddock does not understand."))
            return
        for event in _joined(events):
            self._take(event)

    def _take(self, event: protocol.Event) -> None:
        if isinstance(event, protocol.Hello):
            self._greet(event)
            return
        if (id_ := protocol.id_of_end(event)) is not None:
            self._under_way.discard(id_)
            self._patience.stop()
        self.event_received.emit(event)

    def _greet(self, hello: protocol.Hello) -> None:
        self._patience.stop()
        if hello.protocol != protocol.PROTOCOL_VERSION:
            self._end_child(errors.EngineDidNotStart("Its version is not this app's."))
            return
        self._greeted = True
        self.event_received.emit(hello)
        for line in self._waiting:
            if self._process is not None:
                self._process.write(line)
        self._waiting.clear()

    @Slot()
    def _on_process_ready_read_standard_error(self) -> None:
        if self._process is None:
            return
        text = bytes(self._process.readAllStandardError().data()).decode("utf-8", "replace")
        for line in text.splitlines():
            self._last_lines.append(line)
            log.debug("child: %s", line)

    @Slot(int, QProcess.ExitStatus)
    def _on_process_finished(self, exit_code: int, status: QProcess.ExitStatus) -> None:
        if self._process is None:
            return
        self._on_process_ready_read_standard_output()
        self._on_process_ready_read_standard_error()
        crashed = status == QProcess.ExitStatus.CrashExit
        last_words = "\n".join(self._last_lines)
        log.info("the engine child ended: code %s, crashed %s\n%s", exit_code, crashed, last_words)
        greeted = self._greeted
        self._forget_process()
        verdict = self._verdict
        if verdict is None and not greeted and not crashed:
            verdict = errors.EngineDidNotStart(_last_sentence(last_words))
        self.child_ended.emit(verdict or faults.why_it_ended(exit_code, crashed, last_words))

    @Slot(QProcess.ProcessError)
    def _on_process_error_occurred(self, error: QProcess.ProcessError) -> None:
        if self._process is None or error != QProcess.ProcessError.FailedToStart:
            return  # every other error is followed by `finished`
        reason = self._process.errorString()
        self._forget_process()
        self.child_ended.emit(errors.EngineDidNotStart(reason))

    def _forget_process(self) -> None:
        self._patience.stop()
        self._under_way.clear()
        self._waiting.clear()
        if self._process is not None:
            self._process.deleteLater()
            self._process = None


def _joined(events: list[protocol.Event]) -> list[protocol.Event]:
    """The events with neighbouring pieces of one reply put together: one signal for what came in one read."""
    joined: list[protocol.Event] = []
    for reply_id, group in itertools.groupby(events, key=_reply_of_text):
        if reply_id is None:
            joined.extend(group)
        else:
            pieces = [event.text for event in group if isinstance(event, protocol.TextReceived)]
            joined.append(protocol.TextReceived(reply_id, "".join(pieces)))
    return joined


def _reply_of_text(event: protocol.Event) -> str | None:
    return event.reply_id if isinstance(event, protocol.TextReceived) else None


def _last_sentence(last_words: str) -> str:
    lines = [line.strip() for line in last_words.splitlines() if line.strip()]
    return lines[-1][:200] if lines else ""


def _environment() -> QProcessEnvironment:
    environment = QProcessEnvironment.systemEnvironment()
    # The child finds this very `app`, wherever Python was started from.
    here = str(Path(__file__).parents[2])
    others = environment.value("PYTHONPATH")
    environment.insert("PYTHONPATH", os.pathsep.join([here, others]) if others else here)
    environment.insert("PYTHONUNBUFFERED", "1")
    # A packaged app would take its child for a part of itself, for which the way to the libraries is set already.
    environment.insert("PYINSTALLER_RESET_ENVIRONMENT", "1")
    environment.insert("PYTHONIOENCODING", "utf-8:replace")
    return environment
