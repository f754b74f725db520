"""Where exceptions end that nobody caught: the log, and a dialog. One of three boundaries.

An `AppError` that gets here is still no bug: it is told like any other. Anything else offers its details.
"""

from __future__ import annotations

import logging
import sys
import threading
import traceback
from types import TracebackType

from PySide6.QtCore import QObject, Qt, Signal, Slot
from PySide6.QtWidgets import QApplication

from app.core.errors import AppError
from app.core.versions import versions_text
from app.ui.crash_dialog import show_crash
from app.ui.messages import show_error

log = logging.getLogger(__name__)


class BugCatcher(QObject):
    """Installed once, on the GUI thread. Python calls the hooks on the thread that raised."""

    _caught = Signal(str)  # details
    _failed = Signal(object)  # AppError

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._caught.connect(self._on_caught, Qt.ConnectionType.QueuedConnection)
        self._failed.connect(self._on_failed, Qt.ConnectionType.QueuedConnection)

    def install(self) -> None:
        sys.excepthook = self.catch
        threading.excepthook = self._catch_in_thread

    def catch(self, kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if issubclass(kind, KeyboardInterrupt):
            QApplication.quit()
            return
        if isinstance(error, AppError):
            log.error("not handled where it happened: %s", error)
            self._failed.emit(error)
            return
        details = "".join(traceback.format_exception(kind, error, trace))
        log.critical("a bug\n%s", details)
        self._caught.emit(f"{versions_text()}\n\n{details}")

    def _catch_in_thread(self, arguments: threading.ExceptHookArgs) -> None:
        if arguments.exc_value is not None:
            self.catch(arguments.exc_type, arguments.exc_value, arguments.exc_traceback)

    @Slot(object)
    def _on_failed(self, error: AppError) -> None:
        show_error(QApplication.activeWindow(), error)

    @Slot(str)
    def _on_caught(self, details: str) -> None:
        show_crash(QApplication.activeWindow(), details)
