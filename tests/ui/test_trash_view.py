from __future__ import annotations

import time

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAccessible
from PySide6.QtWidgets import QAbstractButton, QLabel, QListView, QMessageBox
from pytestqt.qtbot import QtBot

from app.core.conversation import Conversation
from app.ui.trash_view import TrashView
from app.ui.two_line_delegate import SECOND_LINE_ROLE


def deleted(name: str, days_ago: float = 0.0) -> Conversation:
    return Conversation(name, name.title(), "", "", 0.0, 0.0, deleted_at=time.time() - days_ago * 86400)


@pytest.fixture
def trash(qtbot: QtBot) -> TrashView:
    view = TrashView()
    qtbot.addWidget(view)
    view.set_conversations([deleted(name) for name in "abc"])
    view.show()
    view.activateWindow()
    list_of(view).setFocus()
    qtbot.waitUntil(list_of(view).hasFocus)
    return view


def list_of(trash: TrashView) -> QListView:
    return trash.findChild(QListView, "deleted_conversations")


def button(trash: TrashView, name: str) -> QAbstractButton:
    return trash.findChild(QAbstractButton, name)


def test_the_one_that_is_chosen_is_restored(trash: TrashView, qtbot: QtBot) -> None:
    qtbot.keyClick(list_of(trash), Qt.Key.Key_Down)
    with qtbot.waitSignal(trash.restore_requested) as restored:
        button(trash, "restore").click()
    assert restored.args == ["b"]


def test_the_place_stays_when_one_is_gone(trash: TrashView, qtbot: QtBot) -> None:
    qtbot.keyClick(list_of(trash), Qt.Key.Key_End)
    trash.set_conversations([deleted("a"), deleted("b")])
    assert list_of(trash).currentIndex().data() == "B"


@pytest.mark.parametrize("by_key", [True, False])
def test_deleting_for_good_asks_first(trash: TrashView, qtbot: QtBot, by_key: bool) -> None:
    def ask() -> QMessageBox:
        if by_key:
            qtbot.keyClick(list_of(trash), Qt.Key.Key_Delete)
        else:
            button(trash, "delete_for_good").click()
        return next(box for box in trash.findChildren(QMessageBox) if box.isVisible())

    with qtbot.assertNotEmitted(trash.purge_requested):
        question = ask()
        assert "“A”" in question.text()
        question.defaultButton().click()
    question = ask()
    with qtbot.waitSignal(trash.purge_requested) as purged:
        next(one for one in question.buttons() if one.text() == "Delete for good").click()
    assert purged.args == ["a"]


def test_an_empty_trash_says_so_and_offers_nothing(trash: TrashView, qtbot: QtBot) -> None:
    button(trash, "restore").setFocus()
    trash.set_conversations([])
    assert "empty" in trash.findChild(QLabel, "about_trash").text()
    assert not button(trash, "restore").isEnabled() and not button(trash, "delete_for_good").isEnabled()
    assert button(trash, "close").hasFocus()
    with qtbot.assertNotEmitted(trash.purge_requested):
        qtbot.keyClick(list_of(trash), Qt.Key.Key_Delete)


@pytest.mark.parametrize(
    ("days_ago", "words"),
    [(0.1, "kept for 30 more days"), (28.5, "kept for 2 more days"), (40, "kept for one more day")],
)
def test_each_says_how_long_it_is_kept(trash: TrashView, days_ago: float, words: str) -> None:
    trash.set_conversations([deleted("a", days_ago)])
    line = str(list_of(trash).model().index(0, 0).data(SECOND_LINE_ROLE))
    assert line.startswith("deleted ") and line.endswith(words)


def test_a_screen_reader_hears_names_and_rows(trash: TrashView) -> None:
    interface = QAccessible.queryAccessibleInterface(list_of(trash))
    assert interface.text(QAccessible.Text.Name) == "Deleted conversations"
    assert interface.child(1).text(QAccessible.Text.Name).startswith("B, deleted today")
