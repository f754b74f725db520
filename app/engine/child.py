"""The engine child: commands in on stdin, events out on stdout, llama.cpp in between.

Two threads. The main one loads and writes, one command at a time (`model_host`). The other reads stdin, so that an
`Interrupt` is heard while llama.cpp computes, and so that the end of stdin, which is the end of the app, ends this
process at once: no orphan survives, however the app died.

Native code prints. So the protocol gets a duplicate of the old file descriptor 1, and descriptor 1 becomes stderr
before llama.cpp is imported; that is why `model_host` is imported late.
"""

from __future__ import annotations

import os
import queue
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, Protocol

from app.core import errors
from app.engine import protocol


def main(packs: Path | None = None) -> int:
    """Runs until stdin ends. `packs` is the folder of the backends that were added by hand."""
    commands, events = _claim_pipes()
    outbox = Outbox(events)

    from app.engine import model_host  # noqa: PLC0415 (see above)

    flag = model_host.Flag()
    interrupts = Interrupts(flag)
    inbox: queue.SimpleQueue[protocol.Command] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(commands, inbox, interrupts), daemon=True).start()
    host = model_host.ModelHost(flag, outbox.send, packs)
    outbox.send(host.hello())
    while True:
        _answer(inbox.get(), host.obey, interrupts, outbox)


def _claim_pipes() -> tuple[BinaryIO, BinaryIO]:
    """The two ends of the protocol. Afterwards whatever prints to stdout prints to stderr."""
    commands = os.fdopen(os.dup(0), "rb")
    events = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return commands, events


def _listen(commands: BinaryIO, inbox: queue.SimpleQueue[protocol.Command], interrupts: Interrupts) -> None:
    try:
        for line in commands:
            command = protocol.decode(line)
            if isinstance(command, protocol.Interrupt):
                interrupts.ask(command.id)
            else:
                inbox.put(command)
    finally:
        # Not sys.exit: llama.cpp may be computing for seconds, and nobody is left to wait for it.
        os._exit(0)


class StopFlag(Protocol):
    """What is raised to stop the work under way."""

    def lift(self) -> None: ...
    def lower(self) -> None: ...


class Interrupts:
    """Raises the flag for the load or reply that is to stop, also when the wish comes before its turn."""

    def __init__(self, flag: StopFlag) -> None:
        self._flag = flag
        self._lock = threading.Lock()
        self._current = ""
        self._unwanted: set[str] = set()

    def ask(self, id_: str) -> None:
        """Stop `id_`: at once if it is under way, else as soon as it begins."""
        with self._lock:
            if id_ == self._current:
                self._flag.lift()
            else:
                self._unwanted.add(id_)

    def begin(self, id_: str) -> None:
        with self._lock:
            self._current = id_
            self._flag.lower()
            if id_ in self._unwanted:
                self._flag.lift()

    def end(self) -> None:
        """The work is done. Wishes for ids that never came are forgotten too: they were for work that had ended."""
        with self._lock:
            self._current = ""
            self._unwanted.clear()


class Outbox:
    """Writes events, each at once."""

    def __init__(self, pipe: BinaryIO) -> None:
        self._pipe = pipe

    def send(self, event: protocol.Event) -> None:
        self._pipe.write(protocol.encode(event))
        self._pipe.flush()


def _answer(
    command: protocol.Command, obey: Callable[[protocol.Command], None], interrupts: Interrupts, outbox: Outbox
) -> None:
    id_ = protocol.id_of(command)
    interrupts.begin(id_)
    try:
        obey(command)
    except errors.AppError as error:
        outbox.send(protocol.Failed(id_, type(error).__name__, error.detail))
    except MemoryError:
        outbox.send(protocol.Failed(id_, errors.EngineOutOfMemory.__name__, ""))
    except Exception as error:  # noqa: BLE001 boundary: a bug costs the command and is told in words
        sys.excepthook(type(error), error, error.__traceback__)
        outbox.send(protocol.Failed(id_, errors.EngineError.__name__, f"{type(error).__name__}: {error}"))
    finally:
        interrupts.end()
