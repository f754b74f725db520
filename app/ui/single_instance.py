"""One Paddock per data folder: a second start hands its file to the first and ends.

Two windows on one database would each take the other's unfinished reply for the remains of a crash.
"""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QLockFile, QObject, Signal, Slot

_ANSWER_TIME = 2000  # milliseconds


class SingleInstance(QObject):
    """Holds the data folder, or finds out who does. QtNetwork is imported when somebody is to be heard or told."""

    asked_to_show = Signal(str)  # a model file, or empty: another start wants this window

    def __init__(self, data_folder: Path, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._data_folder = data_folder
        self._lock = QLockFile(str(data_folder / "paddock.lock"))
        self._lock.setStaleLockTime(0)  # held by a live process or not at all

    def is_first(self) -> bool:
        """Whether the data folder is ours."""
        return self._lock.tryLock(0)

    def listen(self) -> None:
        """Hears later starts from now on."""
        from PySide6.QtNetwork import QLocalServer  # noqa: PLC0415

        self._server = QLocalServer(self)
        self._server.setSocketOptions(QLocalServer.SocketOption.UserAccessOption)
        self._server.newConnection.connect(self._on_server_new_connection)
        QLocalServer.removeServer(self._name())  # left behind by one that was killed
        self._server.listen(self._name())

    def tell_first(self, file: str) -> bool:
        """Asks the one that holds the folder to show itself and open `file`. False if it does not answer."""
        from PySide6.QtNetwork import QLocalSocket  # noqa: PLC0415

        socket = QLocalSocket(self)
        socket.connectToServer(self._name())
        if not socket.waitForConnected(_ANSWER_TIME):
            return False
        socket.write(file.encode("utf-8") + b"\n")
        socket.waitForBytesWritten(_ANSWER_TIME)
        socket.disconnectFromServer()
        return True

    def _name(self) -> str:
        import hashlib  # noqa: PLC0415

        return "paddock-" + hashlib.sha256(str(self._data_folder.resolve()).encode()).hexdigest()[:16]

    @Slot()
    def _on_server_new_connection(self) -> None:
        while (socket := self._server.nextPendingConnection()) is not None:
            socket.readyRead.connect(self._on_socket_ready_read)
            socket.disconnected.connect(socket.deleteLater)

    @Slot()
    def _on_socket_ready_read(self) -> None:
        from PySide6.QtNetwork import QLocalSocket  # noqa: PLC0415

        socket = self.sender()
        if isinstance(socket, QLocalSocket) and socket.canReadLine():
            self.asked_to_show.emit(bytes(socket.readLine().data()).decode("utf-8", "replace").strip())
