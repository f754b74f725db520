from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

import pytest
from PySide6.QtCore import QEvent, QPoint, Qt
from PySide6.QtGui import QAccessible, QContextMenuEvent, QKeyEvent
from PySide6.QtWidgets import QApplication, QInputDialog, QLineEdit, QListView, QMenu, QPushButton
from pytestqt.qtbot import QtBot

from app.core.conversations import Conversation
from app.ui.conversation_list import ConversationList
from app.ui.conversation_model import ConversationModel
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
        menu = next(menu for menu in view.findChildren(QMenu) if menu.isVisible())
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


# Groups


@pytest.fixture
def grouped(listed: ConversationList) -> ConversationList:
    """`a` is pinned, `b` in the folder Work, `c` in none, `d` archived; `c` is the current one."""
    a, b, c, d = (conversation(name) for name in "abcd")
    listed.set_conversations(
        [replace(a, pinned=True), replace(b, folder="Work"), c, replace(d, archived=True)],
        "c",
    )
    return listed


ALL = ["Pinned (1)", "A", "Work (1)", "B", "Others (1)", "C", "Archived (1)"]


def selected(widget: ConversationList) -> list[str]:
    return [index.data() for index in view_of(widget).selectedIndexes()]


def go_to(widget: ConversationList, text: str) -> None:
    view = view_of(widget)
    index = view.model().index(shown(widget).index(text), 0)
    view.setCurrentIndex(index)


def test_keys_walk_over_headings_and_the_open_conversation_stays_selected(
    grouped: ConversationList, qtbot: QtBot
) -> None:
    assert shown(grouped) == ALL
    with qtbot.assertNotEmitted(grouped.selected):
        qtbot.keyClick(view_of(grouped), Qt.Key.Key_Up)
    assert (current(grouped), selected(grouped)) == ("Others (1)", ["C"])
    with qtbot.waitSignal(grouped.selected) as chosen:
        qtbot.keyClick(view_of(grouped), Qt.Key.Key_Up)
    assert chosen.args == ["b"]


@pytest.mark.parametrize(
    ("closing", "opening"), [(Qt.Key.Key_Left, Qt.Key.Key_Right), (Qt.Key.Key_Return, Qt.Key.Key_Space)]
)
def test_keys_close_and_open_a_group(grouped: ConversationList, qtbot: QtBot, closing: Qt.Key, opening: Qt.Key) -> None:
    go_to(grouped, "Others (1)")
    with qtbot.assertNotEmitted(grouped.selected):
        qtbot.keyClick(view_of(grouped), closing)
        assert shown(grouped) == [row for row in ALL if row != "C"]
        assert (current(grouped), selected(grouped)) == ("Others (1)", [])
        qtbot.keyClick(view_of(grouped), opening)
    assert shown(grouped) == ALL
    assert (current(grouped), selected(grouped)) == ("Others (1)", ["C"])


def test_a_click_opens_the_archive(grouped: ConversationList, qtbot: QtBot) -> None:
    view = view_of(grouped)
    view.scrollToBottom()
    place = view.visualRect(view.model().index(len(ALL) - 1, 0)).center()
    with qtbot.assertNotEmitted(grouped.selected):
        qtbot.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=place)
    assert shown(grouped) == [*ALL, "D"]
    assert selected(grouped) == ["C"]


def test_a_new_list_leaves_the_keyboard_at_its_heading(grouped: ConversationList) -> None:
    go_to(grouped, "Work (1)")
    a, b, c = (conversation(name) for name in "abc")
    grouped.set_conversations([c, replace(a, pinned=True), replace(b, folder="Work")], "c")
    assert (current(grouped), selected(grouped)) == ("Work (1)", ["C"])


def test_opening_an_archived_conversation_shows_where_it_is(grouped: ConversationList) -> None:
    a, d = conversation("a"), conversation("d")
    grouped.set_conversations([a, replace(d, archived=True)], "d")
    assert (current(grouped), selected(grouped)) == ("D", ["D"])


def test_nothing_is_done_with_a_heading(grouped: ConversationList, qtbot: QtBot) -> None:
    go_to(grouped, "Work (1)")
    with qtbot.assertNotEmitted(grouped.delete_requested), qtbot.assertNotEmitted(grouped.pin_requested):
        qtbot.keyClick(view_of(grouped), Qt.Key.Key_Delete)
        qtbot.keyClick(view_of(grouped), Qt.Key.Key_P, CONTROL_SHIFT)
        qtbot.keyClick(view_of(grouped), Qt.Key.Key_F2)
        view = view_of(grouped)
        event = QContextMenuEvent(QContextMenuEvent.Reason.Keyboard, QPoint(1, 1), view.mapToGlobal(QPoint(1, 1)))
        QApplication.sendEvent(view, event)
    assert editor_in(grouped) is None and view.findChild(QMenu) is None


# Pin, folder, archive

CONTROL_SHIFT = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier


def test_keys_pin_and_archive_and_take_it_back(grouped: ConversationList, qtbot: QtBot) -> None:
    with qtbot.waitSignal(grouped.pin_requested) as pinned:
        qtbot.keyClick(view_of(grouped), Qt.Key.Key_P, CONTROL_SHIFT)
    assert pinned.args == ["c", True]
    with qtbot.waitSignal(grouped.archive_requested) as archived:
        qtbot.keyClick(view_of(grouped), Qt.Key.Key_A, CONTROL_SHIFT)
    assert archived.args == ["c", True]
    go_to(grouped, "A")
    with qtbot.waitSignal(grouped.pin_requested) as pinned:
        qtbot.keyClick(view_of(grouped), Qt.Key.Key_P, CONTROL_SHIFT)
    assert pinned.args == ["a", False]


def test_the_context_menu_pins_and_archives(
    listed: ConversationList, qtbot: QtBot, choose: Callable[[str], None]
) -> None:
    with qtbot.waitSignal(listed.pin_requested) as pinned:
        choose("Pin")
    with qtbot.waitSignal(listed.archive_requested) as archived:
        choose("Archive")
    assert (pinned.args, archived.args) == (["a", True], ["a", True])
    listed.set_conversations([replace(conversation("a"), pinned=True)], "a")
    with qtbot.waitSignal(listed.pin_requested) as pinned:
        choose("Unpin")
    assert pinned.args == ["a", False]


def folder_menu(widget: ConversationList, qtbot: QtBot) -> QMenu:
    qtbot.keyClick(view_of(widget), Qt.Key.Key_M, CONTROL_SHIFT)
    return next(menu for menu in view_of(widget).findChildren(QMenu) if menu.isVisible())


def choose_in(menu: QMenu, text: str) -> None:
    next(action for action in menu.actions() if action.text() == text).trigger()
    menu.close()


def test_a_key_moves_to_a_folder_and_out_of_it(grouped: ConversationList, qtbot: QtBot) -> None:
    menu = folder_menu(grouped, qtbot)
    assert [action.text() for action in menu.actions()] == ["No folder", "Work", "", "New folder…"]
    assert [action.isChecked() for action in menu.actions()] == [True, False, False, False]
    with qtbot.waitSignal(grouped.folder_requested) as moved:
        choose_in(menu, "Work")
    assert moved.args == ["c", "Work"]
    go_to(grouped, "B")
    with qtbot.waitSignal(grouped.folder_requested) as moved:
        choose_in(folder_menu(grouped, qtbot), "No folder")
    assert moved.args == ["b", ""]


def test_a_new_folder_is_named_in_a_dialog(grouped: ConversationList, qtbot: QtBot) -> None:
    choose_in(folder_menu(grouped, qtbot), "New folder…")
    dialog = grouped.findChild(QInputDialog, "new_folder")
    box = dialog.findChild(QLineEdit, "folder_name")
    qtbot.keyClicks(box, "Travel & food")
    with qtbot.waitSignal(grouped.folder_requested) as moved:
        qtbot.keyClick(box, Qt.Key.Key_Return)
    assert moved.args == ["c", "Travel & food"]


def test_a_folder_without_a_name_is_none(grouped: ConversationList, qtbot: QtBot) -> None:
    choose_in(folder_menu(grouped, qtbot), "New folder…")
    dialog = grouped.findChild(QInputDialog, "new_folder")
    with qtbot.assertNotEmitted(grouped.folder_requested):
        qtbot.keyClicks(dialog.findChild(QLineEdit), "  ")
        dialog.accept()


def test_what_is_typed_in_a_title_stays_when_its_conversation_changes(listed: ConversationList, qtbot: QtBot) -> None:
    qtbot.keyClick(view_of(listed), Qt.Key.Key_F2)
    qtbot.keyClicks(editor_in(listed), "Half a na")
    listed.set_conversations([conversation(name, used_at=9.0) for name in "abc"], "a")
    assert editor_in(listed).text() == "Half a na"


def test_the_trash_can_be_asked_for(listed: ConversationList, qtbot: QtBot) -> None:
    with qtbot.waitSignal(listed.trash_requested):
        qtbot.mouseClick(listed.findChild(QPushButton, "trash"), Qt.MouseButton.LeftButton)


def test_a_row_that_changes_does_not_lay_out_all_others(qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    """As it does in a list of Qt's: with ten thousand rows that takes longer than two frames."""
    asked: list[object] = []
    count_rows = ConversationModel.rowCount

    def counting(model: ConversationModel, *parent: object) -> int:
        asked.append(parent)
        return count_rows(model, *parent)

    monkeypatch.setattr(ConversationModel, "rowCount", counting)
    widget = ConversationList()
    qtbot.addWidget(widget)
    widget.show()
    widget.set_conversations([conversation(str(number)) for number in range(500)], "0")
    qtbot.waitUntil(lambda: len(asked) > 500)  # laid out once
    asked.clear()
    widget.set_busy("7")
    view_of(widget).viewport().repaint()
    view_of(widget).scrollToBottom()  # lays out what is still to be
    assert len(asked) < 100
