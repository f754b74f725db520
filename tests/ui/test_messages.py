from __future__ import annotations

import gc

import shiboken6
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QMessageBox, QWidget
from pytestqt.qtbot import QtBot

from app.core.errors import DiskFull, NotAModel
from app.ui.messages import failure_words, show_error


def box_shown() -> QMessageBox | None:
    boxes = [widget for widget in QApplication.topLevelWidgets() if isinstance(widget, QMessageBox)]
    return next((box for box in boxes if box.isVisible()), None)


def test_a_failure_has_a_title_particulars_and_a_hint(qtbot: QtBot) -> None:
    assert failure_words(NotAModel("notes.txt")) == (NotAModel.title, "notes.txt", NotAModel.hint)
    assert failure_words(DiskFull()) == (DiskFull.title, "", DiskFull.hint)


def test_the_dialog_says_all_of_it_as_plain_text(qtbot: QtBot) -> None:
    window = QWidget()
    qtbot.addWidget(window)
    show_error(window, NotAModel("<b>notes</b>.txt"))
    box = box_shown()
    assert box.textFormat() == Qt.TextFormat.PlainText
    assert box.text().split("\n\n") == [NotAModel.title, "<b>notes</b>.txt", NotAModel.hint]
    qtbot.keyClick(box, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: box_shown() is None)


def test_the_dialog_stays_without_a_window_too(qtbot: QtBot) -> None:
    show_error(None, DiskFull())
    gc.collect()
    box = box_shown()
    assert box.text().split("\n\n") == [DiskFull.title, DiskFull.hint]
    qtbot.keyClick(box, Qt.Key.Key_Escape)
    qtbot.waitUntil(lambda: not shiboken6.isValid(box))
