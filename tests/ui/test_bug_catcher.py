from __future__ import annotations

from PySide6.QtWidgets import QApplication, QMessageBox
from pytestqt.qtbot import QtBot

from app.core.errors import DatabaseDamaged
from app.ui.bug_catcher import BugCatcher
from app.ui.crash_dialog import CrashDialog


def shown(kind: type) -> list:
    return [widget for widget in QApplication.topLevelWidgets() if isinstance(widget, kind) and widget.isVisible()]


def test_a_bug_offers_its_details(qtbot: QtBot, caplog) -> None:
    catcher = BugCatcher()
    catcher.catch(ZeroDivisionError, ZeroDivisionError("by nothing"), None)
    qtbot.waitUntil(lambda: bool(shown(CrashDialog)))
    (dialog,) = shown(CrashDialog)
    assert "ZeroDivisionError: by nothing" in caplog.text
    dialog.close()


def test_a_failure_that_nobody_handled_is_told_in_words_and_not_as_a_bug(qtbot: QtBot, caplog) -> None:
    catcher = BugCatcher()
    catcher.catch(DatabaseDamaged, DatabaseDamaged(), None)
    qtbot.waitUntil(lambda: bool(shown(QMessageBox)))
    (box,) = shown(QMessageBox)
    assert DatabaseDamaged.title in box.text()
    assert not shown(CrashDialog)
    box.close()
