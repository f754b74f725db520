from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from PySide6.QtCore import QEvent, QPoint, Qt
from PySide6.QtGui import QAccessible, QContextMenuEvent, QKeyEvent
from PySide6.QtWidgets import QApplication, QLineEdit, QListView, QMenu, QPushButton
from pytestqt.qtbot import QtBot

from app.core.conversations import Conversation
from app.ui.conversation_list import ConversationList
from app.ui.two_line_delegate import MARKED_ROLE, SECOND_LINE_ROLE


def conversation(name: str, used_at: float = 0.0, title: str | None = None) -> Conversation:
    return Conversation(
        id=name,
        title=name.title() if title is None else title,
        system_prompt="",
        draft="",
        created_at=0,
        used_at=used_at,
    )


@pytest.fixture
def listed(qtbot: QtBot) -> ConversationList:
    """Three conversations, `a`, `b` and `c`; `a` is the current one; the list has the focus."""
    widget = ConversationList()
    qtbot.addWidget(widget)
    widget.resize(200, 150)
    widget.set_conversations([conversation(name) for name in "abc"], "a")
    widget.show()
    widget.activateWindow()
    widget.setFocus()
    qtbot.waitUntil(lambda: view_of(widget).hasFocus())
    return widget


def view_of(widget: ConversationList) -> QListView:
    return widget.findChild(QListView, "conversations")


def shown(widget: ConversationList, role: int = int(Qt.ItemDataRole.DisplayRole)) -> list[object]:
    model = view_of(widget).model()
    return [model.index(row, 0).data(role) for row in range(model.rowCount())]


def current(widget: ConversationList) -> str:
    return view_of(widget).currentIndex().data()


def editor_in(widget: ConversationList) -> QLineEdit | None:
    return widget.findChild(QLineEdit, "conversation_title")


def test_the_arrow_keys_select(listed: ConversationList, qtbot: QtBot) -> None:
    with qtbot.waitSignal(listed.selected) as selected:
        qtbot.keyClick(view_of(listed), Qt.Key.Key_Down)
    assert selected.args == ["b"]


def test_listing_anew_selects_nothing_by_itself(listed: ConversationList, qtbot: QtBot) -> None:
    with qtbot.assertNotEmitted(listed.selected):
        listed.set_conversations([conversation(name) for name in "cab"], "b")
        listed.set_conversations([conversation("c")], "c")
        listed.set_conversations([], None)
        listed.set_conversations([conversation(name) for name in "xyz"], "y")
    assert (shown(listed), current(listed)) == (["X", "Y", "Z"], "Y")


@pytest.mark.parametrize("names", ["abc", "cab", "bca", "cba", "b", "dabc", "adbec", "xyz", "ca", ""])
def test_any_list_can_follow_any_other(listed: ConversationList, names: str) -> None:
    listed.set_conversations([conversation(name) for name in names], None)
    assert shown(listed) == [name.upper() for name in names]


def test_the_selection_stays_with_the_conversation_when_it_moves(listed: ConversationList) -> None:
    listed.set_conversations([conversation("c"), conversation("b"), conversation("a")], "a")
    assert current(listed) == "A"
    assert view_of(listed).currentIndex().row() == 2


def test_the_scroll_position_stays_when_a_title_changes(listed: ConversationList, qtbot: QtBot) -> None:
    many = [conversation(f"n{number}") for number in range(100)]
    listed.set_conversations(many, "n0")
    bar = view_of(listed).verticalScrollBar()
    qtbot.waitUntil(lambda: bar.maximum() > 500)
    bar.setValue(500)
    listed.set_conversations([*many[:-1], conversation("n99", title="Renamed")], "n0")
    QApplication.sendPostedEvents()
    assert bar.value() == 500
    assert shown(listed)[-1] == "Renamed"


def test_one_without_a_title_is_called_new_conversation(listed: ConversationList) -> None:
    listed.set_conversations([conversation("a", title="")], "a")
    assert shown(listed) == ["New conversation"]


def test_the_second_line_says_when_it_was_used(listed: ConversationList) -> None:
    listed.set_conversations([conversation("a", used_at=time.time())], "a")
    assert str(shown(listed, SECOND_LINE_ROLE)[0]).startswith("today ")


def test_the_one_a_reply_is_written_in_is_marked(listed: ConversationList) -> None:
    listed.set_busy("b")
    assert shown(listed, MARKED_ROLE) == [False, True, False]
    assert "a reply is being written" in str(shown(listed, int(Qt.ItemDataRole.AccessibleTextRole))[1])
    listed.set_busy("c")
    assert shown(listed, MARKED_ROLE) == [False, False, True]
    listed.set_busy(None)
    assert shown(listed, MARKED_ROLE) == [False, False, False]


def test_f2_renames_in_place(listed: ConversationList, qtbot: QtBot) -> None:
    qtbot.keyClick(view_of(listed), Qt.Key.Key_F2)
    editor = editor_in(listed)
    assert editor is not None and editor.text() == "A"
    qtbot.keyClicks(editor, "Another   name ")
    with qtbot.waitSignal(listed.rename_requested) as renamed:
        qtbot.keyClick(editor, Qt.Key.Key_Return)
    assert renamed.args == ["a", "Another name"]
    assert shown(listed)[0] == "A"  # until it has become true


@pytest.mark.parametrize("title", ["", "   ", "A"])
def test_a_name_of_nothing_or_the_same_name_changes_nothing(listed: ConversationList, qtbot: QtBot, title: str) -> None:
    qtbot.keyClick(view_of(listed), Qt.Key.Key_F2)
    editor_in(listed).setText(title)
    with qtbot.assertNotEmitted(listed.rename_requested):
        qtbot.keyClick(editor_in(listed), Qt.Key.Key_Return)


def test_an_open_editor_survives_a_new_list(listed: ConversationList, qtbot: QtBot) -> None:
    qtbot.keyClick(view_of(listed), Qt.Key.Key_F2)
    qtbot.keyClicks(editor_in(listed), "Half a na")
    listed.set_conversations([conversation(name) for name in "cba"], "a")
    qtbot.keyClicks(editor_in(listed), "me")
    with qtbot.waitSignal(listed.rename_requested) as renamed:
        qtbot.keyClick(editor_in(listed), Qt.Key.Key_Return)
    assert renamed.args == ["a", "Half a name"]


def test_del_deletes_the_current_one(listed: ConversationList, qtbot: QtBot) -> None:
    with qtbot.waitSignal(listed.delete_requested) as deleted:
        qtbot.keyClick(view_of(listed), Qt.Key.Key_Delete)
    assert deleted.args == ["a"]


@pytest.mark.parametrize("key", [Qt.Key.Key_Delete, Qt.Key.Key_Backspace])
def test_no_key_deletes_a_conversation_while_its_name_is_edited(
    listed: ConversationList, qtbot: QtBot, key: Qt.Key
) -> None:
    qtbot.keyClick(view_of(listed), Qt.Key.Key_F2)
    with qtbot.assertNotEmitted(listed.delete_requested):
        for widget in (editor_in(listed), editor_in(listed), view_of(listed)):
            qtbot.keyClick(widget, key)


def test_backspace_and_keys_pressed_elsewhere_delete_nothing(listed: ConversationList, qtbot: QtBot) -> None:
    with qtbot.assertNotEmitted(listed.delete_requested):
        qtbot.keyClick(view_of(listed), Qt.Key.Key_Backspace)
        button = listed.findChild(QPushButton, "new_conversation")
        button.setFocus()
        qtbot.keyClick(button, Qt.Key.Key_Delete)
        qtbot.keyClick(view_of(listed), Qt.Key.Key_Delete)  # it does not have the focus now


def test_del_held_down_deletes_no_more_than_one(listed: ConversationList, qtbot: QtBot) -> None:
    repeated = QKeyEvent(QEvent.Type.KeyPress, Qt.Key.Key_Delete, Qt.KeyboardModifier.NoModifier, "", True)
    with qtbot.assertNotEmitted(listed.delete_requested):
        QApplication.sendEvent(view_of(listed), repeated)


@pytest.fixture
def choose(listed: ConversationList, qtbot: QtBot) -> Callable[[str], None]:
    """Chooses an action of the context menu opened by key on the current conversation."""

    def choose(text: str) -> None:
        view = view_of(listed)
        event = QContextMenuEvent(QContextMenuEvent.Reason.Keyboard, QPoint(1, 1), view.mapToGlobal(QPoint(1, 1)))
        QApplication.sendEvent(view, event)
        menu = view.findChild(QMenu)
        action = next(action for action in menu.actions() if action.text() == text)
        action.trigger()
        menu.close()

    return choose


def test_the_context_menu_renames_and_deletes(
    listed: ConversationList, qtbot: QtBot, choose: Callable[[str], None]
) -> None:
    with qtbot.waitSignal(listed.delete_requested) as deleted:
        choose("Delete")
    assert deleted.args == ["a"]
    choose("Rename")
    assert editor_in(listed) is not None


def test_a_click_on_the_button_asks_for_a_new_conversation(listed: ConversationList, qtbot: QtBot) -> None:
    with qtbot.waitSignal(listed.new_requested):
        qtbot.mouseClick(listed.findChild(QPushButton, "new_conversation"), Qt.MouseButton.LeftButton)


def test_a_screen_reader_hears_names_and_rows(listed: ConversationList) -> None:
    interface = QAccessible.queryAccessibleInterface(view_of(listed))
    assert interface.text(QAccessible.Text.Name) == "Conversations"
    assert interface.child(1).text(QAccessible.Text.Name).startswith("B, ")
