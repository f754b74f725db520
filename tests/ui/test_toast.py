from __future__ import annotations

from collections.abc import Iterator

import pytest
from PySide6.QtCore import QEvent, QPointF, Qt, QTimer
from PySide6.QtGui import QEnterEvent
from PySide6.QtWidgets import QApplication, QLabel, QLineEdit, QPushButton, QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from app.ui.toast import Toast


@pytest.fixture
def toast(qtbot: QtBot) -> Iterator[Toast]:
    """A toast in a window with a box to type in, which has the focus. It goes after 50 ms."""
    window, box, toast = QWidget(), QLineEdit(), Toast()
    qtbot.addWidget(window)
    layout = QVBoxLayout(window)
    layout.addWidget(box)
    layout.addWidget(toast)
    toast.findChild(QTimer).setInterval(50)
    window.show()
    window.activateWindow()
    box.setFocus()
    qtbot.waitUntil(box.hasFocus)
    yield toast
    window.close()


def button_of(toast: Toast) -> QPushButton:
    return toast.findChild(QPushButton, "toast_action")


def box_beside(toast: Toast) -> QLineEdit:
    return toast.window().findChild(QLineEdit)


def test_it_shows_a_text_for_a_while_without_taking_the_focus(toast: Toast, qtbot: QtBot) -> None:
    toast.show_text("<b>Saved</b>")
    label = toast.findChild(QLabel, "toast_text")
    assert (label.text(), label.textFormat()) == ("<b>Saved</b>", Qt.TextFormat.PlainText)
    assert toast.isVisible() and button_of(toast).isHidden() and box_beside(toast).hasFocus()
    qtbot.waitUntil(toast.isHidden)


def test_its_button_acts_once_and_the_toast_goes(toast: Toast, qtbot: QtBot) -> None:
    done: list[str] = []
    toast.show_text("Deleted", "Undo", lambda: done.append("undone"))
    assert button_of(toast).accessibleName() == "Undo"
    qtbot.mouseClick(button_of(toast), Qt.MouseButton.LeftButton)
    assert done == ["undone"]
    assert toast.isHidden()


def test_it_stays_while_the_keyboard_is_on_it(toast: Toast, qtbot: QtBot) -> None:
    toast.show_text("Deleted", "Undo", lambda: None)
    button_of(toast).setFocus()
    with qtbot.waitSignal(toast.findChild(QTimer).timeout):
        pass
    assert toast.isVisible()
    box_beside(toast).setFocus()
    qtbot.waitUntil(toast.isHidden)


def test_it_stays_while_the_pointer_is_on_it(toast: Toast, qtbot: QtBot) -> None:
    toast.show_text("Deleted")
    middle = QPointF(toast.rect().center())
    QApplication.sendEvent(toast, QEnterEvent(middle, middle, toast.mapToGlobal(middle)))
    assert not toast.findChild(QTimer).isActive()
    QApplication.sendEvent(toast, QEvent(QEvent.Type.Leave))
    qtbot.waitUntil(toast.isHidden)


def test_a_new_text_takes_the_place_of_the_old_one_and_its_action(toast: Toast, qtbot: QtBot) -> None:
    done: list[str] = []
    toast.show_text("Deleted a", "Undo", lambda: done.append("a"))
    toast.show_text("Deleted b", "Undo", lambda: done.append("b"))
    qtbot.mouseClick(button_of(toast), Qt.MouseButton.LeftButton)
    assert done == ["b"]
