"""One Paddock per data folder: a second start hands its file to the first and ends.

Two windows on one database would each take the other's unfinished reply for the remains of a crash.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from PySide6.QtCore import QLockFile, QObject, Signal, Slot
from PySide6.QtNetwork import QLocalServer, QLocalSocket

_ANSWER_TIME = 2000  # milliseconds


class SingleInstance(QObject):
    """Holds the data folder, or finds out who does."""

    asked_to_show = Signal(str)  # a model file, or empty: another start wants this window

    def __init__(self, data_folder: Path, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._lock = QLockFile(str(data_folder / "paddock.lock"))
        self._lock.setStaleLockTime(0)  # held by a live process or not at all
        self._name = "paddock-" + hashlib.sha256(str(data_folder.resolve()).encode()).hexdigest()[:16]
        self._server = QLocalServer(self)
        self._server.setSocketOptions(QLocalServer.SocketOption.UserAccessOption)
        self._server.newConnection.connect(self._on_server_new_connection)

    def is_first(self) -> bool:
        """Whether the data folder is ours. If so, later starts are heard from now on."""
        if not self._lock.tryLock(0):
            return False
        QLocalServer.removeServer(self._name)  # left behind by one that was killed
        self._server.listen(self._name)
        return True

    def tell_first(self, file: str) -> bool:
        """Asks the one that holds the folder to show itself and open `file`. False if it does not answer."""
        socket = QLocalSocket(self)
        socket.connectToServer(self._name)
        if not socket.waitForConnected(_ANSWER_TIME):
            return False
        socket.write(file.encode("utf-8") + b"\n")
        socket.waitForBytesWritten(_ANSWER_TIME)
        socket.disconnectFromServer()
        return True

    def release(self) -> None:
        self._server.close()
        self._lock.unlock()

    @Slot()
    def _on_server_new_connection(self) -> None:
        while (socket := self._server.nextPendingConnection()) is not None:
            socket.readyRead.connect(self._on_socket_ready_read)
            socket.disconnected.connect(socket.deleteLater)

    @Slot()
    def _on_socket_ready_read(self) -> None:
        socket = self.sender()
        if isinstance(socket, QLocalSocket) and socket.canReadLine():
            self.asked_to_show.emit(bytes(socket.readLine().data()).decode("utf-8", "replace").strip())
