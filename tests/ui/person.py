"""Somebody who uses the whole window."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QAbstractButton, QLineEdit, QListView, QPlainTextEdit

from app.ui.application import Application

TIMEOUT = 20_000


class Person:
    """Sees the window, and has a keyboard and a mouse."""

    def __init__(self, application: Application, qtbot) -> None:
        self.application = application
        self.window = application.window
        self.qtbot = qtbot

    def control(self, kind: type, name: str):
        """The control of that object name, once it is in sight."""

        def visible():
            return [widget for widget in self.window.findChildren(kind, name) if widget.isVisible()]

        self.wait_for(visible)
        return visible()[0]

    def press(self, name: str) -> None:
        self.qtbot.mouseClick(self.control(QAbstractButton, name), Qt.MouseButton.LeftButton)

    def sees_button(self, text: str) -> QAbstractButton | None:
        buttons = self.window.findChildren(QAbstractButton)
        return next((button for button in buttons if button.isVisible() and button.text() == text), None)

    def write(self, text: str) -> None:
        box = self.control(QPlainTextEdit, "message")
        self.qtbot.keyClicks(box, text)
        self.qtbot.keyClick(box, Qt.Key.Key_Return)

    def wait_for(self, condition: Callable[[], object]) -> None:
        self.qtbot.waitUntil(lambda: bool(condition()), timeout=TIMEOUT)

    def status(self) -> str:
        return self.control(QLineEdit, "status").text()

    def conversations(self) -> list[str]:
        model = self.control(QListView, "conversations").model()
        return [model.index(row, 0).data() for row in range(model.rowCount())]
