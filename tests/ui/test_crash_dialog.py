from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest
import shiboken6
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication, QPlainTextEdit, QPushButton
from pytestqt.qtbot import QtBot

from app.ui.crash_dialog import CrashDialog, show_crash


def dialogs_shown() -> list[CrashDialog]:
    shown = QApplication.topLevelWidgets()
    return [widget for widget in shown if isinstance(widget, CrashDialog) and widget.isVisible()]


@pytest.fixture(autouse=True)
def _closes_what_is_open(qtbot: QtBot) -> Iterator[None]:
    yield
    for dialog in dialogs_shown():
        dialog.reject()


def test_it_shows_the_details_and_copies_them(qtbot: QtBot) -> None:
    show_crash(None, "Paddock 1\n\nTraceback <b>\nValueError")
    [dialog] = dialogs_shown()
    assert dialog.findChild(QPlainTextEdit, "details").toPlainText() == "Paddock 1\n\nTraceback <b>\nValueError"
    qtbot.mouseClick(dialog.findChild(QPushButton, "copy_details"), Qt.MouseButton.LeftButton)
    assert QGuiApplication.clipboard().text() == "Paddock 1\n\nTraceback <b>\nValueError"
    assert dialog.isVisible()


def test_no_more_than_one_is_shown_and_another_after_it_was_closed(qtbot: QtBot) -> None:
    show_crash(None, "first")
    show_crash(None, "second")
    gc.collect()
    [dialog] = dialogs_shown()
    assert dialog.findChild(QPlainTextEdit, "details").toPlainText() == "first"
    qtbot.mouseClick(dialog.findChild(QPushButton, "close"), Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: not shiboken6.isValid(dialog))
    show_crash(None, "third")
    [dialog] = dialogs_shown()
    assert dialog.findChild(QPlainTextEdit, "details").toPlainText() == "third"


@pytest.mark.parametrize("key", [Qt.Key.Key_Escape, Qt.Key.Key_Return])
def test_escape_and_enter_close_it(qtbot: QtBot, key: Qt.Key) -> None:
    show_crash(None, "details")
    [dialog] = dialogs_shown()
    qtbot.keyClick(dialog, key)
    qtbot.waitUntil(lambda: not dialogs_shown())
