"""The search in the side bar."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAccessible, QImage, QShortcut
from PySide6.QtWidgets import QLabel, QLineEdit, QListView
from pytestqt.qtbot import QtBot

from app.core.conversation import Conversation
from app.core.conversation_search import Found, Hit
from app.core.errors import DatabaseDamaged
from app.ui.conversation_list import ConversationList
from app.ui.conversation_search_view import HITS_SHOWN

TITLE = Hit("a", "Of llamas", None, "Of ", "llama", "s", 0.0)
MESSAGE = Hit("b", "Animals", "m1", "…it is said that the ", "Llama", " spits…", 0.0)


@pytest.fixture
def listed(qtbot: QtBot) -> ConversationList:
    """One conversation, and the focus in the search box."""
    widget = ConversationList()
    qtbot.addWidget(widget)
    widget.resize(220, 300)
    widget.set_conversations([Conversation("a", "Of llamas", "", "", 0.0, 0.0)], "a")
    widget.show()
    widget.activateWindow()
    widget.focus_search()
    qtbot.waitUntil(lambda: box_of(widget).hasFocus())
    return widget


def box_of(widget: ConversationList) -> QLineEdit:
    return widget.findChild(QLineEdit, "search_conversations")


def list_of(widget: ConversationList) -> QListView:
    return widget.findChild(QListView, "conversations")


def hits_of(widget: ConversationList) -> QListView:
    return widget.findChild(QListView, "hits")


def state_of(widget: ConversationList) -> str:
    return widget.findChild(QLabel, "search_state").text()


def find(widget: ConversationList, qtbot: QtBot, text: str, *hits: Hit) -> None:
    box_of(widget).clear()
    qtbot.keyClicks(box_of(widget), text)
    widget.show_hits(text, Found(list(hits), is_complete=True))


def test_every_key_asks_anew_but_blanks_ask_for_nothing(listed: ConversationList, qtbot: QtBot) -> None:
    asked: list[str] = []
    listed.search_requested.connect(asked.append)
    qtbot.keyClicks(box_of(listed), " ab  c ")
    assert asked == ["a", "ab", "ab c"]


def test_the_hits_replace_the_list_while_there_is_text(listed: ConversationList, qtbot: QtBot) -> None:
    find(listed, qtbot, "llama", TITLE, MESSAGE)
    assert hits_of(listed).isVisible() and list_of(listed).isHidden()
    model = hits_of(listed).model()
    assert [model.index(row, 0).data() for row in range(model.rowCount())] == ["Of llamas", "Animals"]
    assert state_of(listed) == "Found: 2"
    box_of(listed).clear()
    assert list_of(listed).isVisible() and not hits_of(listed).isVisible()


def test_an_answer_to_what_is_no_longer_in_the_box_is_ignored(listed: ConversationList, qtbot: QtBot) -> None:
    find(listed, qtbot, "llama", TITLE)
    listed.show_hits("lla", Found([TITLE, MESSAGE], is_complete=True))
    listed.show_search_failure("lla", DatabaseDamaged("x"))
    assert state_of(listed) == "Found: 1"
    box_of(listed).clear()
    listed.show_hits("llama", Found([TITLE], is_complete=True))
    assert list_of(listed).isVisible()


def test_down_goes_into_the_hits_and_enter_opens_one(listed: ConversationList, qtbot: QtBot) -> None:
    find(listed, qtbot, "llama", TITLE, MESSAGE)
    qtbot.keyClick(box_of(listed), Qt.Key.Key_Down)
    assert hits_of(listed).hasFocus()
    with qtbot.waitSignal(listed.hit_chosen) as chosen:
        qtbot.keyClick(hits_of(listed), Qt.Key.Key_Return)
    assert chosen.args == ["a", "", "llama"]
    qtbot.keyClick(hits_of(listed), Qt.Key.Key_Down)
    with qtbot.waitSignal(listed.hit_chosen) as chosen:
        qtbot.keyClick(hits_of(listed), Qt.Key.Key_Enter)
    assert chosen.args == ["b", "m1", "Llama"]


def test_a_click_opens_a_hit(listed: ConversationList, qtbot: QtBot) -> None:
    find(listed, qtbot, "llama", TITLE, MESSAGE)
    view = hits_of(listed)
    place = view.visualRect(view.model().index(1, 0)).center()
    with qtbot.waitSignal(listed.hit_chosen) as chosen:
        qtbot.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=place)
    assert chosen.args == ["b", "m1", "Llama"]


def test_enter_in_the_box_opens_the_first_hit_also_if_it_is_yet_to_come(listed: ConversationList, qtbot: QtBot) -> None:
    find(listed, qtbot, "llama", MESSAGE, TITLE)
    with qtbot.waitSignal(listed.hit_chosen) as chosen:
        qtbot.keyClick(box_of(listed), Qt.Key.Key_Return)
    assert chosen.args == ["b", "m1", "Llama"]
    qtbot.keyClicks(box_of(listed), "s")
    with qtbot.assertNotEmitted(listed.hit_chosen):
        qtbot.keyClick(box_of(listed), Qt.Key.Key_Return)
    with qtbot.waitSignal(listed.hit_chosen) as chosen:
        listed.show_hits("llamas", Found([TITLE], is_complete=True))
    assert chosen.args == ["a", "", "llama"]


def test_enter_finds_nothing_to_open_where_nothing_was_found(listed: ConversationList, qtbot: QtBot) -> None:
    find(listed, qtbot, "zebra")
    assert state_of(listed) == "Nothing found"
    with qtbot.assertNotEmitted(listed.hit_chosen):
        qtbot.keyClick(box_of(listed), Qt.Key.Key_Return)
        qtbot.keyClick(box_of(listed), Qt.Key.Key_Down)
    assert box_of(listed).hasFocus()


@pytest.mark.parametrize("place", ["search_conversations", "hits"])
def test_escape_clears_and_returns_to_the_list(listed: ConversationList, qtbot: QtBot, place: str) -> None:
    find(listed, qtbot, "llama", TITLE)
    widget = listed.findChild(object, place)
    widget.setFocus()
    qtbot.keyClick(widget, Qt.Key.Key_Escape)
    assert box_of(listed).text() == ""
    assert list_of(listed).hasFocus()


@pytest.mark.parametrize("place", ["search_conversations", "hits"])
def test_escape_in_the_search_is_for_nothing_else(listed: ConversationList, qtbot: QtBot, place: str) -> None:
    shortcut = QShortcut(Qt.Key.Key_Escape, listed)
    find(listed, qtbot, "llama", TITLE)
    listed.findChild(object, place).setFocus()
    with qtbot.assertNotEmitted(shortcut.activated):
        qtbot.keyClick(listed.window().focusWidget(), Qt.Key.Key_Escape)
    with qtbot.waitSignal(shortcut.activated):
        qtbot.keyClick(list_of(listed), Qt.Key.Key_Escape)


def test_the_focus_comes_back_to_the_hits(listed: ConversationList, qtbot: QtBot) -> None:
    find(listed, qtbot, "llama", TITLE)
    listed.setFocus()
    qtbot.waitUntil(hits_of(listed).hasFocus)


def test_what_was_found_so_far_is_said_to_be_that(listed: ConversationList, qtbot: QtBot) -> None:
    qtbot.keyClicks(box_of(listed), "llama")
    listed.show_hits("llama", Found([], is_complete=False))
    assert state_of(listed) == "Searching older messages…"
    listed.show_hits("llama", Found([TITLE], is_complete=False))
    assert state_of(listed) == "Found so far: 1. Searching older messages…"
    listed.show_hits("llama", Found([TITLE, MESSAGE], is_complete=True))
    assert state_of(listed) == "Found: 2"


def test_one_stays_at_a_hit_when_more_come(listed: ConversationList, qtbot: QtBot) -> None:
    qtbot.keyClicks(box_of(listed), "llama")
    listed.show_hits("llama", Found([TITLE], is_complete=False))
    qtbot.keyClick(box_of(listed), Qt.Key.Key_Down)
    listed.show_hits("llama", Found([TITLE, MESSAGE], is_complete=True))
    assert hits_of(listed).currentIndex().row() == 0
    qtbot.keyClick(hits_of(listed), Qt.Key.Key_Down)
    with qtbot.waitSignal(listed.hit_chosen) as chosen:
        qtbot.keyClick(hits_of(listed), Qt.Key.Key_Return)
    assert chosen.args == ["b", "m1", "Llama"]


def test_enter_waits_for_the_first_hit_while_older_messages_are_searched(
    listed: ConversationList, qtbot: QtBot
) -> None:
    qtbot.keyClicks(box_of(listed), "llama")
    listed.show_hits("llama", Found([], is_complete=False))
    qtbot.keyClick(box_of(listed), Qt.Key.Key_Return)
    with qtbot.waitSignal(listed.hit_chosen) as chosen:
        listed.show_hits("llama", Found([MESSAGE], is_complete=False))
    assert chosen.args == ["b", "m1", "Llama"]
    with qtbot.assertNotEmitted(listed.hit_chosen):
        listed.show_hits("llama", Found([MESSAGE, TITLE], is_complete=True))


def test_a_failure_is_told(listed: ConversationList, qtbot: QtBot) -> None:
    find(listed, qtbot, "llama", TITLE)
    listed.show_search_failure("llama", DatabaseDamaged("page 7"))
    assert "damaged" in state_of(listed) and "page 7" in state_of(listed)
    assert hits_of(listed).model().rowCount() == 0


def test_a_list_that_is_cut_says_so(listed: ConversationList, qtbot: QtBot) -> None:
    find(listed, qtbot, "llama", *[MESSAGE] * HITS_SHOWN)
    assert state_of(listed) == f"The first {HITS_SHOWN} found"


def test_a_screen_reader_hears_the_words_around(listed: ConversationList, qtbot: QtBot) -> None:
    find(listed, qtbot, "llama", TITLE, MESSAGE)
    interface = QAccessible.queryAccessibleInterface(hits_of(listed))
    assert interface.text(QAccessible.Text.Name) == "Found conversations"
    names = [interface.child(row).text(QAccessible.Text.Name) for row in range(2)]
    assert names[0].startswith("Of llamas: ")
    assert names[1] == "Animals: …it is said that the Llama spits…"


@pytest.mark.parametrize(
    "hit",
    [
        Hit("a", "x" * 500, "m", "b" * 40, "m" * 300, "a" * 120, 0.0),
        Hit("a", "", "m", "", "m", "", 0.0),
        Hit("a", "\u202ertl\u2028line", None, "\u202e", "\u2028\u2028\u2028", "a\u0300" * 120, 0.0),
    ],
)
@pytest.mark.parametrize("width", [40, 400])
def test_any_hit_is_drawn_within_its_row(listed: ConversationList, qtbot: QtBot, hit: Hit, width: int) -> None:
    listed.resize(width, 300)
    find(listed, qtbot, "m", hit)
    view = hits_of(listed)
    image: QImage = view.viewport().grab().toImage()
    bottom = view.visualRect(view.model().index(0, 0)).bottom() + 1
    assert bottom < image.height() - 20
    below = {image.pixel(x, y) for x in range(image.width()) for y in range(bottom, image.height())}
    assert len(below) == 1
