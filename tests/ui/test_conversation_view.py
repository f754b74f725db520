from __future__ import annotations

from collections.abc import Callable

import pytest
from PySide6.QtCore import QPoint, QPointF, QSize, Qt, QUrl
from PySide6.QtGui import QClipboard, QGuiApplication, QImage, QTextCursor
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QAbstractButton,
    QApplication,
    QLabel,
    QProgressBar,
    QPushButton,
    QScrollArea,
    QScrollBar,
    QWidget,
)
from pytestqt.qtbot import QtBot

from app.core.conversations import Message, MessageState
from app.ui.conversation_view import SUGGESTION, ConversationView, Failure
from app.ui.failure_panel import FailurePanel
from app.ui.message_browser import MOST_SHOWN, MessageBrowser
from app.ui.message_row import MessageRow

ALL_HAVE_ROWS = 60  # of so many messages, all have rows after a while

FAILURE = Failure("The engine stopped", "By signal 6.", "Try again.", (("try_again", "Try again"),))


@pytest.fixture
def view(qtbot: QtBot) -> ConversationView:
    view = ConversationView()
    qtbot.addWidget(view)
    view.resize(QSize(700, 500))
    view.show()
    view.activateWindow()
    qtbot.waitUntil(view.isActiveWindow)
    return view


@pytest.fixture
def show(view: ConversationView, qtbot: QtBot) -> Callable[..., None]:
    """Shows messages and waits until they all are there."""

    def show(*messages: Message) -> None:
        view.show_messages(messages)
        settle(view, qtbot, min(ALL_HAVE_ROWS, len(messages)))

    return show


def message(
    number: int,
    text: str = "",
    role: str = "",
    state: MessageState = MessageState.COMPLETE,
    note: str = "",
    stats: dict[str, object] | None = None,
) -> Message:
    role = role or ("user" if number % 2 == 0 else "assistant")
    return Message(f"m{number}", "c", None, role, text or f"text {number}", state, note, "Tiny Q4", 0.0, stats)


def writing(number: int) -> Message:
    return Message(f"m{number}", "c", None, "assistant", "", MessageState.WRITING, "", "Tiny Q4", 0.0, None)


def conversation(count: int) -> list[Message]:
    return [message(number) for number in range(count)]


def settle(view: ConversationView, qtbot: QtBot, count: int) -> None:
    """Waits until `count` messages have rows at least, and all their text is there."""
    qtbot.waitUntil(lambda: len(rows(view)) >= count and not any(row.browser.has_work() for row in rows(view)))


def rows(view: ConversationView) -> list[MessageRow]:
    """From top to bottom, as they are on screen."""
    found = [row for row in view.findChildren(MessageRow) if row.isVisibleTo(view)]
    return sorted(found, key=lambda row: row.y())


def browser(view: ConversationView, index: int = -1) -> MessageBrowser:
    return rows(view)[index].browser


def shown(view: ConversationView, index: int = -1) -> str:
    return browser(view, index).toPlainText()


def button(parent: QWidget, name: str) -> QAbstractButton:
    found = [button for button in parent.findChildren(QAbstractButton, name) if button.isVisibleTo(parent)]
    assert len(found) == 1, f"{len(found)} buttons {name}"
    return found[0]


def has_button(parent: QWidget, name: str) -> bool:
    return any(button.isVisibleTo(parent) for button in parent.findChildren(QAbstractButton, name))


def words_in(parent: QWidget) -> str:
    return "\n".join(label.text() for label in parent.findChildren(QLabel) if label.isVisibleTo(parent))


def scroll_bar(view: ConversationView) -> QScrollBar:
    area = view.findChild(QScrollArea)
    assert area is not None
    return area.verticalScrollBar()


def is_at_end(view: ConversationView) -> bool:
    return scroll_bar(view).value() == scroll_bar(view).maximum()


# Messages


def test_messages_are_shown_in_order_with_author_and_model(view: ConversationView, show: Callable[..., None]) -> None:
    show(*conversation(4))

    assert [row.browser.toPlainText() for row in rows(view)] == ["text 0", "text 1", "text 2", "text 3"]
    assert words_in(rows(view)[0]) == "You"
    assert words_in(rows(view)[1]) == "Assistant\nTiny Q4"


def test_showing_other_messages_replaces_everything(view: ConversationView, show: Callable[..., None]) -> None:
    show(*conversation(4))
    show(message(8))

    assert [row.browser.toPlainText() for row in rows(view)] == ["text 8"]


def test_the_focus_stays_in_the_conversation_when_others_are_shown(
    view: ConversationView, show: Callable[..., None]
) -> None:
    show(*conversation(100))
    browser(view).setFocus()

    show(*(message(number, "other") for number in range(100, 200)))

    assert view.isAncestorOf(QApplication.focusWidget())


def test_the_focus_stays_on_an_action_when_a_message_is_replaced(
    view: ConversationView, show: Callable[..., None]
) -> None:
    show(*conversation(4))
    button(rows(view)[1], "copy").setFocus()

    view.replace_message("m1", message(9, "another"))

    focus = QApplication.focusWidget()
    assert rows(view)[1].isAncestorOf(focus)
    assert focus.objectName() == "copy"


def test_a_message_that_is_being_edited_keeps_its_row(
    view: ConversationView, show: Callable[..., None], qtbot: QtBot
) -> None:
    show(*conversation(300))
    row = rows(view)[-2]
    button(row, "edit").click()
    view.setFocus()

    for place in (0, scroll_bar(view).maximum() // 3, scroll_bar(view).maximum() // 2, 0):
        scroll_bar(view).setValue(place)
        settle(view, qtbot, ALL_HAVE_ROWS)
    qtbot.waitUntil(lambda: not any(other.message_id == "m297" for other in rows(view)))

    assert row in rows(view)
    with qtbot.waitSignal(view.edit_requested) as asked:
        row.edit_requested.emit(row.message_id, "other words")
    assert asked.args == ["m298", "other words"]


def test_a_users_own_words_stand_as_they_were_typed(view: ConversationView, show: Callable[..., None]) -> None:
    show(message(0, "**no** markdown\n  and <b>spaces</b>   kept "))

    assert shown(view) == "**no** markdown\n  and <b>spaces</b>   kept "


def test_a_reply_is_formatted(view: ConversationView, show: Callable[..., None]) -> None:
    show(message(1, "# Head\n\n- **one**\n"))

    assert shown(view) == "Head\n• one"


def test_a_reply_grows_as_it_is_written(view: ConversationView, show: Callable[..., None], qtbot: QtBot) -> None:
    show(message(0), writing(1))

    for piece in ("He", "llo **wo", "rld**"):
        view.append_text("m1", piece)

    qtbot.waitUntil(lambda: shown(view) == "Hello world")


def test_text_is_painted_at_most_once_a_frame(view: ConversationView, show: Callable[..., None], qtbot: QtBot) -> None:
    show(message(0), writing(1))
    changes: list[int] = []
    browser(view).document().contentsChanged.connect(lambda: changes.append(1))

    for _ in range(500):
        view.append_text("m1", "word ")
    qtbot.waitUntil(lambda: shown(view).count("word") == 500)

    assert len(changes) < 20


def test_text_for_a_message_that_is_not_shown_is_ignored(view: ConversationView, show: Callable[..., None]) -> None:
    show(message(0))

    view.append_text("other", "x")
    view.show_progress("other", "x", None)
    view.finish("other", MessageState.COMPLETE, "x")
    view.remove_message("other")

    assert shown(view) == "text 0"


def test_a_reply_that_is_being_written_can_be_come_back_to(
    view: ConversationView, show: Callable[..., None], qtbot: QtBot
) -> None:
    show(message(0), message(1, "so far ", state=MessageState.WRITING))

    view.append_text("m1", "and on")

    qtbot.waitUntil(lambda: shown(view) == "so far and on")


def test_a_message_can_be_removed(view: ConversationView, show: Callable[..., None], qtbot: QtBot) -> None:
    show(*conversation(4))

    view.remove_message("m3")
    view.add_messages([writing(5)])
    view.append_text("m5", "another")

    qtbot.waitUntil(lambda: shown(view) == "another")
    assert len(rows(view)) == 4


def test_progress_goes_with_the_first_word(view: ConversationView, show: Callable[..., None], qtbot: QtBot) -> None:
    show(message(0), writing(1))
    view.show_progress("m1", "Reading the prompt: 512 of 1 024 tokens", 0.5)
    bar = rows(view)[-1].findChild(QProgressBar)

    assert "Reading the prompt: 512 of 1 024 tokens" in words_in(rows(view)[-1])
    assert bar.isVisible()
    assert bar.value() == bar.maximum() // 2

    view.append_text("m1", "x")

    assert "Reading" not in words_in(rows(view)[-1])
    assert not bar.isVisible()


def test_progress_of_unknown_extent_has_no_bar(view: ConversationView, show: Callable[..., None]) -> None:
    show(message(0), writing(1))

    view.show_progress("m1", "Waiting for the model to load", None)

    assert not rows(view)[-1].findChild(QProgressBar).isVisible()


def test_a_finished_reply_has_a_footer(view: ConversationView, show: Callable[..., None]) -> None:
    show(message(0), writing(1))

    view.finish("m1", MessageState.STOPPED, "12.3 tokens/s · stopped by you")

    assert "12.3 tokens/s · stopped by you" in words_in(rows(view)[-1])


def test_a_reply_from_the_disk_has_a_footer(view: ConversationView, show: Callable[..., None]) -> None:
    show(message(0), message(1, state=MessageState.STOPPED, stats={"reason": "stopped", "tokens_per_second": 12.34}))

    assert "12.3 tokens/s · stopped by you" in words_in(rows(view)[-1])


# Failures


def test_a_failed_reply_keeps_its_text_and_says_what_happened(
    view: ConversationView, show: Callable[..., None], qtbot: QtBot
) -> None:
    show(message(0), writing(1))
    view.append_text("m1", "half a rep")

    view.finish("m1", MessageState.FAILED, "", FAILURE)

    qtbot.waitUntil(lambda: shown(view) == "half a rep")
    assert "The engine stopped\nBy signal 6.\nTry again." in words_in(rows(view)[-1])
    with qtbot.waitSignal(view.try_again_requested) as asked:
        button(view, "try_again").click()
    assert asked.args == ["m1"]


def test_other_actions_of_a_failure_are_emitted_by_id(
    view: ConversationView, show: Callable[..., None], qtbot: QtBot
) -> None:
    show(message(0), writing(1))
    view.finish("m1", MessageState.FAILED, "", Failure("a", "b", "c", (("load_anyway", "Load anyway"),)))

    with qtbot.waitSignal(view.action_requested) as asked:
        button(view, "load_anyway").click()

    assert asked.args == ["m1", "load_anyway"]


def test_words_of_a_failure_are_never_markup(view: ConversationView, show: Callable[..., None]) -> None:
    show(message(0), writing(1))
    view.finish("m1", MessageState.FAILED, "", Failure("<b>a</b>", "<i>b</i>", "c"))

    labels = [label for panel in view.findChildren(FailurePanel) for label in panel.findChildren(QLabel)]

    assert labels
    assert all(label.textFormat() == Qt.TextFormat.PlainText for label in labels)


def test_a_failure_from_the_disk_can_be_tried_again_only_while_it_is_the_last_message(
    view: ConversationView, show: Callable[..., None]
) -> None:
    failed = message(1, state=MessageState.FAILED, note="The engine stopped\nBy signal 6.\nTry again.")
    show(message(0), failed)

    assert "The engine stopped\nBy signal 6.\nTry again." in words_in(rows(view)[-1])
    assert has_button(view, "try_again")

    view.add_messages([message(2)])

    assert not has_button(view, "try_again")


def test_an_interrupted_reply_says_so(view: ConversationView, show: Callable[..., None]) -> None:
    show(message(0), message(1, state=MessageState.INTERRUPTED))

    assert "Paddock was closed while this was being written." in words_in(rows(view)[-1])
    assert has_button(view, "try_again")


def test_a_notice_stands_at_the_end_and_goes_away(
    view: ConversationView, show: Callable[..., None], qtbot: QtBot
) -> None:
    show(*conversation(2))
    view.show_notice(Failure("It does not fit", "9 GB", "Choose another.", (("load_anyway", "Load anyway"),)))
    [panel] = view.findChildren(FailurePanel)

    assert panel.y() > rows(view)[-1].y()
    with qtbot.waitSignal(view.action_requested) as asked:
        button(view, "load_anyway").click()
    assert asked.args == ["", "load_anyway"]

    view.show_notice(None)

    assert not has_button(view, "load_anyway")


# What one can do with a message


def test_copy_puts_the_source_of_a_reply_on_the_clipboard(view: ConversationView, show: Callable[..., None]) -> None:
    show(message(0), message(1, "# Head\n\n**bold**"))

    button(rows(view)[-1], "copy").click()

    data = QGuiApplication.clipboard().mimeData(QClipboard.Mode.Clipboard)
    assert data.text() == "# Head\n\n**bold**"
    assert not data.hasHtml()


def test_only_the_last_reply_can_be_regenerated(
    view: ConversationView, show: Callable[..., None], qtbot: QtBot
) -> None:
    show(*conversation(4))

    assert [has_button(row, "regenerate") for row in rows(view)] == [False, False, False, True]
    with qtbot.waitSignal(view.regenerate_requested) as asked:
        button(view, "regenerate").click()
    assert asked.args == ["m3"]

    view.add_messages([message(4), writing(5)])

    assert not has_button(view, "regenerate")


def test_a_selection_is_copied_as_plain_text(view: ConversationView, show: Callable[..., None]) -> None:
    show(message(0), message(1, "- **one**\n- two"))
    browser(view).setFocus()

    QTest.keyClick(browser(view), Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
    QTest.keyClick(browser(view), Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)

    data = QGuiApplication.clipboard().mimeData()
    assert data.text() == "• one\n• two"
    assert not data.hasHtml()


def test_text_is_selected_with_the_keyboard(view: ConversationView, show: Callable[..., None]) -> None:
    show(message(0), message(1, "one two"))
    browser(view).setFocus()
    browser(view).moveCursor(QTextCursor.MoveOperation.Start)

    for _ in range(3):
        QTest.keyClick(browser(view), Qt.Key.Key_Right, Qt.KeyboardModifier.ShiftModifier)

    assert browser(view).textCursor().selectedText() == "one"


def test_a_link_is_asked_for_and_never_followed(
    view: ConversationView, show: Callable[..., None], qtbot: QtBot
) -> None:
    show(message(0), message(1, "[a link](https://example.org/x?y=z)"))
    text = browser(view)
    within = QTextCursor(text.document())
    within.setPosition(3)

    with qtbot.waitSignal(view.link_activated) as asked:
        QTest.mouseClick(text.viewport(), Qt.MouseButton.LeftButton, pos=text.cursorRect(within).center())

    assert asked.args == ["https://example.org/x?y=z"]
    assert shown(view) == "a link"


@pytest.mark.parametrize(
    "name", ["file:///etc/passwd", "/etc/passwd", "//host/share/x.png", "http://example.org/x.png"]
)
def test_nothing_is_ever_loaded(view: ConversationView, show: Callable[..., None], name: str) -> None:
    show(message(1))

    loaded = browser(view).loadResource(2, QUrl(name))

    assert isinstance(loaded, QImage)
    assert loaded.size() == QSize(1, 1)


# Place


def test_the_view_follows_the_end_while_one_is_there(
    view: ConversationView, show: Callable[..., None], qtbot: QtBot
) -> None:
    show(*conversation(20), writing(21))
    assert is_at_end(view)

    view.append_text("m21", "line\n\n" * 100)

    qtbot.waitUntil(lambda: shown(view).count("line") == 100)
    assert is_at_end(view)
    assert not has_button(view, "jump_to_the_newest")


def test_the_view_stays_where_one_reads_and_offers_the_way_to_the_end(
    view: ConversationView, show: Callable[..., None], qtbot: QtBot
) -> None:
    show(*conversation(20), writing(21))
    scroll_bar(view).setValue(100)

    view.append_text("m21", "line\n\n" * 100)

    qtbot.waitUntil(lambda: shown(view).count("line") == 100)
    assert scroll_bar(view).value() == 100

    button(view, "jump_to_the_newest").click()

    assert is_at_end(view)
    assert not has_button(view, "jump_to_the_newest")


def test_what_is_sent_is_seen(view: ConversationView, show: Callable[..., None]) -> None:
    show(*conversation(20))
    scroll_bar(view).setValue(100)

    view.add_messages([message(20), writing(21)])

    assert is_at_end(view)


def test_the_view_stays_at_the_end_when_it_is_resized(
    view: ConversationView, show: Callable[..., None], qtbot: QtBot
) -> None:
    show(*(message(number, "word " * 100) for number in range(20)))

    for size in (QSize(400, 300), QSize(800, 600)):
        view.resize(size)
        qtbot.waitUntil(lambda: is_at_end(view))


def test_only_messages_that_are_near_have_rows(view: ConversationView, show: Callable[..., None], qtbot: QtBot) -> None:
    show(*conversation(1000))
    assert shown(view) == "text 999"

    for place in (0, scroll_bar(view).maximum() // 2, 0):
        scroll_bar(view).setValue(place)
        settle(view, qtbot, ALL_HAVE_ROWS)
        qtbot.waitUntil(lambda: len(rows(view)) < 100)

    assert shown(view, 0) == "text 0"


def test_what_is_scrolled_to_is_there_at_once(view: ConversationView, show: Callable[..., None]) -> None:
    show(*conversation(1000))

    scroll_bar(view).setValue(scroll_bar(view).maximum() // 2)

    assert covered(view)


def covered(view: ConversationView) -> bool:
    """Whether there is a written message every so often all the way down."""
    middles = [view.childAt(view.width() // 2, y) for y in range(10, view.height(), 10)]
    empty = [widget for widget in middles if not any(row.isAncestorOf(widget) or row is widget for row in rows(view))]
    return len(empty) < len(middles) / 3 and not any(row.browser.has_work() for row in rows(view))


def test_what_one_reads_stays_where_it_is_while_earlier_messages_get_their_true_heights(
    view: ConversationView, show: Callable[..., None], qtbot: QtBot
) -> None:
    show(*(message(number, "long\n\n" * (number % 20 + 1)) for number in range(300)))
    scroll_bar(view).setValue(scroll_bar(view).maximum() // 2)
    first = next(row for row in rows(view) if row.mapTo(view, QPoint(0, 0)).y() > 0)
    place = first.mapTo(view, QPoint(0, 0)).y()

    settle(view, qtbot, 50)

    assert first.mapTo(view, QPoint(0, 0)).y() == place


def test_every_message_is_met_on_the_way_up(view: ConversationView, show: Callable[..., None]) -> None:
    show(*(message(number, f"<{number}>" + "\n\nlong" * (number % 20)) for number in range(200)))
    met = set()

    while scroll_bar(view).value() > 0:
        met |= {row.message_id for row in rows(view) if row.visibleRegion()}
        scroll_bar(view).setValue(scroll_bar(view).value() - 200)
    met |= {row.message_id for row in rows(view) if row.visibleRegion()}

    assert len(met) == 200


def test_a_reply_that_ended_while_it_was_shown_says_so_when_it_is_come_back_to(
    view: ConversationView, show: Callable[..., None], qtbot: QtBot
) -> None:
    show(*conversation(300), writing(301))
    view.append_text("m301", "half a reply")
    view.finish("m301", MessageState.FAILED, "", FAILURE)
    was = rows(view)[-1]

    scroll_bar(view).setValue(0)
    qtbot.waitUntil(lambda: not any(row.message_id == "m301" for row in rows(view)))
    button(view, "jump_to_the_newest").click()

    assert rows(view)[-1] is not was
    assert shown(view) == "half a reply"
    assert has_button(view, "try_again")


def test_a_message_can_be_gone_to(view: ConversationView, show: Callable[..., None]) -> None:
    show(*conversation(500))

    view.go_to_message("m123")

    [row] = [row for row in rows(view) if row.message_id == "m123"]
    assert 0 <= row.mapTo(view, QPoint(0, 0)).y() < view.height() // 2
    assert has_button(view, "jump_to_the_newest")


def test_a_message_can_take_the_place_of_another(view: ConversationView, show: Callable[..., None]) -> None:
    show(*conversation(3))

    view.replace_message("m1", message(9, "another"))

    assert [row.browser.toPlainText() for row in rows(view)] == ["text 0", "another", "text 2"]


def test_the_wheel_scrolls_the_conversation_and_not_a_message(
    view: ConversationView, show: Callable[..., None]
) -> None:
    show(*conversation(40))
    before = scroll_bar(view).value()
    text = browser(view)

    QTest.wheelEvent(view.windowHandle(), QPointF(text.mapTo(view, text.rect().center())), QPoint(0, 240))

    assert scroll_bar(view).value() < before
    assert has_button(view, "jump_to_the_newest")


def test_the_caret_is_kept_in_sight(view: ConversationView, show: Callable[..., None]) -> None:
    show(message(0), message(1, "line\n\n" * 200))
    browser(view).setFocus()

    QTest.keyClick(browser(view), Qt.Key.Key_End, Qt.KeyboardModifier.ControlModifier)
    QTest.keyClick(browser(view), Qt.Key.Key_Home, Qt.KeyboardModifier.ControlModifier)
    assert scroll_bar(view).value() < 200

    QTest.keyClick(browser(view), Qt.Key.Key_End, Qt.KeyboardModifier.ControlModifier)
    assert scroll_bar(view).value() > scroll_bar(view).maximum() - 200


def test_the_tab_key_goes_through_the_conversation_in_reading_order(
    view: ConversationView, show: Callable[..., None]
) -> None:
    show(*conversation(3))
    view.add_messages([message(3)])
    browser(view, 0).setFocus()
    visited = []

    while row_of(view, focus := QApplication.focusWidget()) is not None and len(visited) < 100:
        row = row_of(view, focus)
        visited.append((row, focus.objectName()))
        QTest.keyClick(focus, Qt.Key.Key_Tab)

    order = [row for row, _ in visited]
    assert order == sorted(order)
    assert [row for row, name in visited if name == "text"] == [0, 1, 2, 3]
    assert visited[-1][0] == 3


def row_of(view: ConversationView, widget: QWidget) -> int | None:
    return next((number for number, row in enumerate(rows(view)) if row.isAncestorOf(widget)), None)


def test_the_tab_key_gets_to_messages_that_had_no_row(view: ConversationView, show: Callable[..., None]) -> None:
    show(*conversation(300))
    scroll_bar(view).setValue(0)
    browser(view, 0).setFocus()
    met = []

    while len(met) < 100 and (focus := QApplication.focusWidget()):
        if isinstance(focus, MessageBrowser):
            met.append(focus.toPlainText())
            assert focus.visibleRegion()
        QTest.keyClick(focus, Qt.Key.Key_Tab)

    assert met == [f"text {number}" for number in range(100)]


def test_ctrl_up_and_down_go_from_message_to_message(view: ConversationView, show: Callable[..., None]) -> None:
    show(*conversation(300))
    browser(view).setFocus()
    met = []

    for key in [Qt.Key.Key_Up] * 150 + [Qt.Key.Key_Down]:
        QTest.keyClick(QApplication.focusWidget(), key, Qt.KeyboardModifier.ControlModifier)
        focus = QApplication.focusWidget()
        assert isinstance(focus, MessageBrowser)
        assert focus.visibleRegion()
        met.append(focus.toPlainText())

    assert met == [f"text {number}" for number in range(298, 148, -1)] + ["text 150"]


# Messages the model does not see, and none at all


def test_messages_the_model_no_longer_sees_are_above_a_divider(
    view: ConversationView, show: Callable[..., None]
) -> None:
    show(*conversation(4))
    view.set_unseen(["m0", "m1"])
    [divider] = view.findChildren(QLabel, "divider")

    assert divider.text() == "The model no longer sees the messages above"
    assert rows(view)[1].y() < divider.y() < rows(view)[2].y()
    seen = [row.browser.palette().text().color() for row in rows(view)]
    assert seen[0] == seen[1] != seen[2] == seen[3]

    view.set_unseen([])

    assert not [divider for divider in view.findChildren(QLabel, "divider") if divider.isVisibleTo(view)]


def test_the_divider_is_where_it_belongs_among_messages_without_rows(
    view: ConversationView, show: Callable[..., None]
) -> None:
    show(*conversation(500))

    view.set_unseen([f"m{number}" for number in range(250)])
    view.go_to_message("m249")

    [divider] = view.findChildren(QLabel, "divider")
    [above] = [row for row in rows(view) if row.message_id == "m249"]
    [below] = [row for row in rows(view) if row.message_id == "m250"]
    assert above.y() < divider.y() < below.y()


def test_the_divider_speaks_of_grey_messages_if_others_are_above_it(
    view: ConversationView, show: Callable[..., None]
) -> None:
    show(*conversation(6))

    view.set_unseen(["m2", "m3"])

    [divider] = view.findChildren(QLabel, "divider")
    assert divider.text() == "The model no longer sees the grey messages above"
    assert rows(view)[3].y() < divider.y() < rows(view)[4].y()


def test_all_of_an_empty_state_is_to_be_seen(view: ConversationView, qtbot: QtBot) -> None:
    view.show_empty_state(
        "Private chat", "Write below.", [(SUGGESTION, f"What is bread, {number}?") for number in range(5)]
    )
    buttons = view.findChildren(QPushButton)
    shown = [button for button in buttons if button.text().startswith("What")]
    assert len(shown) == 5
    assert all(button.visibleRegion().boundingRect() == button.rect() for button in shown)


def test_an_empty_conversation_invites(view: ConversationView, qtbot: QtBot) -> None:
    view.show_messages([])
    view.show_empty_state("Private chat", "Write below.", (("open_file", "Open"), (SUGGESTION, "What is bread?")))

    assert words_in(view) == "Private chat\nWrite below."
    with qtbot.waitSignal(view.action_requested) as asked:
        button(view, "open_file").click()
    assert asked.args == ["", "open_file"]
    with qtbot.waitSignal(view.suggestion_requested) as suggested:
        button(view, SUGGESTION).click()
    assert suggested.args == ["What is bread?"]


def test_the_invitation_goes_with_the_first_message(view: ConversationView) -> None:
    view.show_messages([])
    view.show_empty_state("Private chat", "Write below.", ())

    view.add_messages([message(0), writing(1)])

    assert "Private chat" not in words_in(view)


# Bounds, looks


def test_a_message_too_long_to_be_shown_says_so_and_is_copied_whole(
    view: ConversationView, show: Callable[..., None]
) -> None:
    text = "x" * (MOST_SHOWN + 50_000)
    show(message(0, text))

    assert shown(view).count("x") < MOST_SHOWN + 10_000
    assert shown(view).endswith("The rest is too long to be shown. Copy takes all of it.")
    button(rows(view)[-1], "copy").click()
    assert QGuiApplication.clipboard().text() == text


def test_a_change_of_font_writes_the_text_anew(view: ConversationView, show: Callable[..., None], qtbot: QtBot) -> None:
    show(message(0), message(1, "# Head\n\ntext"))
    small = browser(view).height()
    font = view.font()
    font.setPointSizeF(font.pointSizeF() * 2)

    browser(view).setFont(font)

    qtbot.waitUntil(lambda: browser(view).height() > small * 1.7)
    assert shown(view) == "Head\ntext"
