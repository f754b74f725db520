"""Selecting over several messages, finding in them, and their size."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from PySide6.QtCore import QEvent, QPoint, QPointF, QSize, Qt
from PySide6.QtGui import QGuiApplication, QKeySequence, QMouseEvent, QShortcut, QTextCursor
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel, QLineEdit, QPushButton, QScrollArea
from pytestqt.qtbot import QtBot

from app.core.conversations import Message, MessageState
from app.ui.conversation_view import ConversationView
from app.ui.message_browser import MessageBrowser
from app.ui.message_row import MessageRow

CONTROL, SHIFT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier


@pytest.fixture
def view(qtbot: QtBot) -> ConversationView:
    view = ConversationView()
    qtbot.addWidget(view)
    view.resize(QSize(700, 600))
    view.show()
    view.activateWindow()
    qtbot.waitUntil(view.isActiveWindow)
    return view


@pytest.fixture
def show(view: ConversationView, qtbot: QtBot) -> Callable[..., None]:
    def show(*texts: str) -> None:
        view.show_messages([message(number, text) for number, text in enumerate(texts)])
        qtbot.waitUntil(lambda: len(rows(view)) >= min(60, len(texts)))
        qtbot.waitUntil(lambda: not any(row.browser.has_work() for row in rows(view)))

    return show


def message(number: int, text: str) -> Message:
    role = "assistant" if number % 2 else "user"
    return Message(f"m{number}", "c", None, role, text, MessageState.COMPLETE, "", "Tiny Q4", 0.0, None)


def rows(view: ConversationView) -> list[MessageRow]:
    found = [row for row in view.findChildren(MessageRow) if row.isVisibleTo(view)]
    return sorted(found, key=lambda row: row.y())


def selected(view: ConversationView) -> list[str]:
    return [row.browser.textCursor().selectedText() for row in rows(view)]


def point(browser: MessageBrowser, position: int) -> QPoint:
    cursor = QTextCursor(browser.document())
    cursor.setPosition(position)
    return browser.cursorRect(cursor).center()


def drag(start: MessageBrowser, begin: QPoint, goal: MessageBrowser, end: QPoint) -> None:
    """Holds the button down at `begin`, moves to `end`, and lets go."""
    press(start, begin)
    move(start, start.viewport().mapFromGlobal(goal.viewport().mapToGlobal(end)))
    QTest.mouseRelease(start.viewport(), Qt.MouseButton.LeftButton)


def press(browser: MessageBrowser, place: QPoint) -> None:
    browser.setFocus()
    QTest.mousePress(browser.viewport(), Qt.MouseButton.LeftButton, pos=place)


def move(browser: MessageBrowser, place: QPoint) -> None:
    """With the button held, which `QTest.mouseMove` cannot."""
    where = QPointF(browser.viewport().mapToGlobal(place))
    left = Qt.MouseButton.LeftButton
    event = QMouseEvent(QEvent.Type.MouseMove, QPointF(place), where, Qt.MouseButton.NoButton, left, Qt.NoModifier)
    QApplication.sendEvent(browser.viewport(), event)


def copied(browser: MessageBrowser) -> str:
    QGuiApplication.clipboard().clear()
    QTest.keyClick(browser, Qt.Key.Key_C, CONTROL)
    return QGuiApplication.clipboard().text()


def find_box(view: ConversationView) -> QLineEdit:
    box = view.findChild(QLineEdit, "find_in_this_conversation")
    assert box is not None
    return box


def hits(view: ConversationView) -> str:
    label = view.findChild(QLabel, "hits")
    assert label is not None
    return label.text()


def marked(view: ConversationView) -> list[list[str]]:
    found = [row.browser.extraSelections() for row in rows(view)]
    return [[mark.cursor.selectedText() for mark in marks] for marks in found]


def in_sight(view: ConversationView) -> list[str]:
    return [row.message_id for row in rows(view) if row.visibleRegion()]


# Selection


def test_a_selection_goes_on_in_the_next_messages(view: ConversationView, show: Callable[..., None]) -> None:
    show("one two", "**three** four", "five six", "seven")
    first, _, third, _ = (row.browser for row in rows(view))

    drag(first, point(first, 4), third, point(third, 4))

    assert selected(view) == ["two", "three four", "five", ""]
    assert copied(first) == "two\n\n**three** four\n\nfive"
    assert not QGuiApplication.clipboard().mimeData().hasHtml()


def test_a_selection_goes_upwards_too(view: ConversationView, show: Callable[..., None]) -> None:
    show("one two", "three four", "five six")
    first, _, third = (row.browser for row in rows(view))

    drag(third, point(third, 4), first, point(first, 4))

    assert selected(view) == ["two", "three four", "five"]
    assert copied(third) == "two\n\nthree four\n\nfive"


def test_back_in_the_message_where_it_began_the_selection_is_that_messages_own(
    view: ConversationView, show: Callable[..., None]
) -> None:
    show("one two", "three four")
    first, second = (row.browser for row in rows(view))
    press(first, point(first, 0))
    move(first, first.viewport().mapFromGlobal(second.viewport().mapToGlobal(point(second, 5))))
    assert selected(view) == ["one two", "three"]

    move(first, point(first, 3))
    QTest.mouseRelease(first.viewport(), Qt.MouseButton.LeftButton)

    assert selected(view) == ["one", ""]
    assert copied(first) == "one"


def test_a_click_ends_the_selection(view: ConversationView, show: Callable[..., None]) -> None:
    show("one two", "three four", "five six")
    first, second, third = (row.browser for row in rows(view))
    drag(first, point(first, 4), third, point(third, 4))

    QTest.mouseClick(second.viewport(), Qt.MouseButton.LeftButton, pos=point(second, 1))

    assert selected(view) == ["", "", ""]


def test_select_all_twice_takes_the_whole_conversation(view: ConversationView, show: Callable[..., None]) -> None:
    show(*(f"text {number}" for number in range(500)))
    last = rows(view)[-1].browser
    last.setFocus()

    QTest.keyClick(last, Qt.Key.Key_A, CONTROL)
    assert copied(last) == "text 499"
    QTest.keyClick(last, Qt.Key.Key_A, CONTROL)

    assert copied(last) == "\n\n".join(f"text {number}" for number in range(500))


def test_messages_are_taken_in_with_the_keyboard(view: ConversationView, show: Callable[..., None]) -> None:
    show("one", "two", "three")
    first = rows(view)[0].browser
    first.setFocus()

    for _ in range(2):
        QTest.keyClick(first, Qt.Key.Key_Down, CONTROL | SHIFT)
    assert copied(first) == "one\n\ntwo"
    QTest.keyClick(first, Qt.Key.Key_Left)

    assert selected(view) == ["", "", ""]


def test_messages_that_come_into_sight_are_selected_as_the_others(
    view: ConversationView, show: Callable[..., None]
) -> None:
    show(*(f"text {number}" for number in range(300)))
    last = rows(view)[-1].browser
    last.setFocus()
    for _ in range(2):
        QTest.keyClick(last, Qt.Key.Key_A, CONTROL)

    view.go_to_message("m100")

    assert selected(view)[0] == rows(view)[0].browser.toPlainText()


def test_the_view_scrolls_while_the_mouse_is_held_beyond_its_edge(
    view: ConversationView, show: Callable[..., None], qtbot: QtBot
) -> None:
    show(*(f"text {number}" for number in range(300)))
    area = view.findChild(QScrollArea)
    assert area is not None
    bottom = area.verticalScrollBar().value()
    last = rows(view)[-1].browser

    press(last, point(last, 4))
    move(last, last.viewport().mapFromGlobal(view.mapToGlobal(QPoint(100, -300))))
    qtbot.waitUntil(lambda: area.verticalScrollBar().value() < bottom - 2000)
    QTest.mouseRelease(last.viewport(), Qt.MouseButton.LeftButton)

    assert len(copied(last).split("\n\n")) > 20


def test_a_selection_ends_when_one_of_its_ends_goes(view: ConversationView, show: Callable[..., None]) -> None:
    show("one", "two", "three")
    first, _, third = (row.browser for row in rows(view))
    drag(first, point(first, 1), third, point(third, 2))

    view.remove_message("m2")

    assert selected(view) == ["", ""]


# Find


def test_all_places_are_marked_and_gone_through(view: ConversationView, show: Callable[..., None]) -> None:
    show("bread and Bread", "no", "some **bread**")

    view.find_action.trigger()
    QTest.keyClicks(find_box(view), "bread")
    assert marked(view) == [["bread", "Bread"], [], ["bread"]]
    assert hits(view) == "1 of 3"

    QTest.keyClick(find_box(view), Qt.Key.Key_Return)
    assert hits(view) == "2 of 3"
    QTest.keyClick(find_box(view), Qt.Key.Key_Return, SHIFT)
    QTest.keyClick(find_box(view), Qt.Key.Key_Return, SHIFT)
    assert hits(view) == "3 of 3"

    QTest.keyClick(find_box(view), Qt.Key.Key_Escape)
    assert not find_box(view).isVisible()
    assert marked(view) == [[], [], []]


def test_a_hit_far_away_is_brought_into_sight(view: ConversationView, show: Callable[..., None]) -> None:
    texts = [f"text {number}" for number in range(400)]
    texts[57] = "long\n\n" * 100 + "here it is\n\n" + "long\n\n" * 100
    show(*texts)

    view.begin_find()
    QTest.keyClicks(find_box(view), "HERE it")

    assert hits(view) == "1 of 1"
    [row] = [row for row in rows(view) if row.message_id == "m57"]
    [mark] = row.browser.extraSelections()
    place = row.browser.mapTo(view, row.browser.cursorRect(mark.cursor).center())
    assert view.rect().contains(place)


def test_escape_closes_the_bar_and_stops_no_reply(view: ConversationView, qtbot: QtBot) -> None:
    stop = QShortcut(QKeySequence(Qt.Key.Key_Escape), view)
    view.begin_find()
    with qtbot.assertNotEmitted(stop.activated):
        QTest.keyClick(find_box(view), Qt.Key.Key_Escape)
    assert not find_box(view).isVisible()
    with qtbot.waitSignal(stop.activated):
        QTest.keyClick(view, Qt.Key.Key_Escape)


def test_what_is_not_there_is_said_so(view: ConversationView, show: Callable[..., None]) -> None:
    show("one", "two")

    view.begin_find()
    QTest.keyClicks(find_box(view), "three")

    assert hits(view) == "Not found"
    assert not view.findChild(QPushButton, "next_hit").isEnabled()


def test_finding_begins_with_what_is_in_sight(view: ConversationView, show: Callable[..., None]) -> None:
    show(*(f"text {number}" for number in range(300)))
    view.go_to_message("m200")

    view.begin_find()
    QTest.keyClicks(find_box(view), "text")

    assert 195 < int(hits(view).split()[0]) <= 202


def test_a_text_in_a_message_can_be_gone_to(view: ConversationView, show: Callable[..., None]) -> None:
    texts = [f"text {number}" for number in range(300)]
    texts[40] = texts[80] = "the sought words"
    show(*texts)

    view.go_to_message("m80", "Sought")

    assert "m80" in in_sight(view)
    assert hits(view) == "2 of 2"


def test_a_message_that_goes_takes_its_hits_along(view: ConversationView, show: Callable[..., None]) -> None:
    show("bread", "bread", "bread")
    view.begin_find()
    QTest.keyClicks(find_box(view), "bread")

    view.remove_message("m0")
    QTest.keyClick(find_box(view), Qt.Key.Key_Return)

    assert hits(view) == "2 of 2"


def test_what_a_reply_has_written_is_found_when_it_is_finished(
    view: ConversationView, show: Callable[..., None], qtbot: QtBot
) -> None:
    show("bread")
    view.add_messages([Message("m1", "c", None, "assistant", "", MessageState.WRITING, "", "Tiny", 0.0, None)])
    view.begin_find()
    QTest.keyClicks(find_box(view), "bread")

    view.append_text("m1", "more bread")
    view.finish("m1", MessageState.COMPLETE, "")

    assert hits(view) == "1 of 2"
    qtbot.waitUntil(lambda: marked(view) == [["bread"], ["bread"]])


def test_the_bar_is_closed_with_the_mouse_too(view: ConversationView, show: Callable[..., None]) -> None:
    show("bread")
    view.begin_find()
    QTest.keyClicks(find_box(view), "bread")

    QTest.mouseClick(view.findChild(QPushButton, "close_find"), Qt.MouseButton.LeftButton)

    assert not find_box(view).isVisible()
    assert marked(view) == [[]]


# Size


def test_the_text_becomes_larger_and_smaller(view: ConversationView, show: Callable[..., None], qtbot: QtBot) -> None:
    show("text", "# Head\n\nmore text")
    normal = rows(view)[-1].browser.height()

    with qtbot.waitSignal(view.zoom_changed):
        view.set_zoom(2)
    qtbot.waitUntil(lambda: rows(view)[-1].browser.height() > normal * 1.8)
    view.reset_zoom_action.trigger()

    qtbot.waitUntil(lambda: rows(view)[-1].browser.height() == normal)


def test_what_is_in_sight_stays_there_when_the_text_becomes_larger(
    view: ConversationView, show: Callable[..., None]
) -> None:
    show(*(f"text {number}" for number in range(300)))
    view.go_to_message("m150")

    view.set_zoom(1.5)

    assert "m150" in in_sight(view)
    assert len({row.browser.font().pointSizeF() for row in rows(view)}) == 1


def test_the_keys_for_the_size_work(view: ConversationView, show: Callable[..., None]) -> None:
    show("text")
    sizes = []

    for key in ("Ctrl++", "Ctrl+=", "Ctrl+-", "Ctrl+0"):
        QTest.keySequence(view, QKeySequence(key))
        sizes.append(view.zoom)

    assert sizes == [1.1, 1.25, 1.1, 1.0]
