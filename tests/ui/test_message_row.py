from __future__ import annotations

import time
from typing import Any

import pytest
from PySide6.QtCore import QEvent, QPointF, Qt
from PySide6.QtGui import QAccessible, QEnterEvent, QGuiApplication
from PySide6.QtWidgets import QAbstractButton, QApplication, QLabel, QMenu, QPlainTextEdit, QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from app.core.conversation import Attachment, Message, MessageState
from app.ui.failure_panel import Failure
from app.ui.message_row import MessageRow, ReplyRow, row_for


def user(text: str = "A question", **more: Any) -> Message:
    return Message("u1", "c", None, "user", text, MessageState.COMPLETE, "", "", 0.0, None, **more)


def reply(
    text: str = "An **answer**",
    state: MessageState = MessageState.COMPLETE,
    stats: dict[str, Any] | None = None,
    note: str = "",
    **more: Any,
) -> Message:
    return Message("r1", "c", "u1", "assistant", text, state, note, "Tiny Q4_K_M", 0.0, stats, **more)


@pytest.fixture
def show(qtbot: QtBot):
    """Shows the row of a message, below a button that is somewhere else."""
    windows = []

    def show(message: Message, *, last: bool = True, width: int = 600):
        window = QWidget()
        windows.append(window)
        qtbot.addWidget(window)
        layout = QVBoxLayout(window)
        row = row_for(message)
        layout.addWidget(row)
        layout.addStretch(1)
        window.resize(width, 400)
        window.show()
        window.activateWindow()
        qtbot.waitUntil(window.isActiveWindow)
        row.set_last(last)
        while row.browser.has_work():
            row.browser.work(time.perf_counter() + 1)
        if (focus := QApplication.focusWidget()) is not None:
            focus.clearFocus()
        return row

    return show


def button(row: MessageRow, name: str) -> QAbstractButton:
    found = [one for one in row.findChildren(QAbstractButton, name) if one.isVisible()]
    assert len(found) == 1, f"{len(found)} buttons {name}"
    return found[0]


def press(qtbot: QtBot, row: MessageRow, name: str) -> None:
    qtbot.mouseClick(button(row, name), Qt.MouseButton.LeftButton)


def offered(row: MessageRow) -> list[str]:
    return [one.accessibleName() for one in row.findChildren(QAbstractButton) if one.isVisible()]


def usable(row: MessageRow) -> list[str]:
    return [one.accessibleName() for one in row.findChildren(QAbstractButton) if one.isVisible() and one.isEnabled()]


def words_in(row: MessageRow) -> list[str]:
    return [label.text() for label in row.findChildren(QLabel) if label.isVisible()]


def box(row: MessageRow) -> QPlainTextEdit:
    found = row.findChild(QPlainTextEdit, "edit_message")
    assert found is not None
    return found


def choose(qtbot: QtBot, row: MessageRow, words: str) -> None:
    press(qtbot, row, "more")
    menu = row.findChildren(QMenu, "more_menu")[-1]
    next(item for item in menu.actions() if item.text() == words).trigger()
    menu.close()


# What is offered


def test_a_users_message_offers_its_actions(show) -> None:
    assert offered(show(user(), last=False)) == ["Copy", "Edit", "Delete", "More"]


def test_only_the_last_reply_is_regenerated_or_continued(show) -> None:
    row = show(reply())
    assert offered(row) == ["Copy", "Edit", "Regenerate", "Continue", "Delete", "More"]
    row.set_last(False)
    assert offered(row) == ["Copy", "Edit", "Delete", "More"]


def test_a_reply_without_words_cannot_be_continued(show) -> None:
    assert "Continue" not in offered(show(reply("")))


def test_a_broken_off_reply_is_tried_again_or_continued(show) -> None:
    row = show(reply("half", MessageState.INTERRUPTED))
    assert set(offered(row)) == {"Try again", "Copy", "Edit", "Continue", "Delete", "More"}


def test_a_reply_that_is_being_written_offers_a_copy_and_all_else_when_it_is_done(show) -> None:
    row = show(reply("", MessageState.WRITING))
    row.show_progress("Reading the prompt", 0.5)
    assert offered(row) == []
    row.append_text("word")
    assert offered(row) == ["Copy"]
    row.finish("", None)
    assert offered(row) == ["Copy", "Edit", "Regenerate", "Continue", "Delete", "More"]


def test_the_end_of_a_reply_moves_nothing(show) -> None:
    row = show(reply("", MessageState.WRITING))
    row.append_text("word")
    row.browser.work(time.perf_counter() + 1)
    before = row.heightForWidth(500)
    row.finish("12.3 tokens/s", None)
    assert row.heightForWidth(500) == before


# Wishes


@pytest.mark.parametrize(
    ("name", "signal", "told"),
    [
        ("continue", "continue_requested", ["r1"]),
        ("delete", "delete_requested", ["r1"]),
        ("regenerate", "action_requested", ["r1", "regenerate"]),
    ],
)
def test_a_button_tells_what_is_wished_of_which_message(
    show, qtbot: QtBot, name: str, signal: str, told: list[object]
) -> None:
    row = show(reply())
    with qtbot.waitSignal(getattr(row, signal)) as asked:
        press(qtbot, row, name)
    assert asked.args == told


@pytest.mark.parametrize(
    ("words", "signal", "told"),
    [
        ("Fork from here", "fork_requested", ["r1"]),
        ("Pin", "pin_requested", ["r1", True]),
        ("Details", "details_requested", ["r1"]),
    ],
)
def test_the_menu_tells_what_is_wished_of_which_message(
    show, qtbot: QtBot, words: str, signal: str, told: list[object]
) -> None:
    row = show(reply())
    with qtbot.waitSignal(getattr(row, signal)) as asked:
        choose(qtbot, row, words)
    assert asked.args == told


def test_a_pinned_message_can_be_let_go(show, qtbot: QtBot) -> None:
    row = show(user(pinned=True))
    with qtbot.waitSignal(row.pin_requested) as asked:
        choose(qtbot, row, "Unpin")
    assert asked.args == ["u1", False]


def test_copy_takes_the_source_of_the_text(show, qtbot: QtBot) -> None:
    press(qtbot, show(reply()), "copy")
    assert QGuiApplication.clipboard().text() == "An **answer**"


# Versions


def test_a_message_without_versions_says_nothing_of_them(show) -> None:
    row = show(reply(versions=("r1",)))
    assert "Next version" not in offered(row)
    assert not row.findChildren(QLabel, "version")


@pytest.mark.parametrize(("name", "step"), [("previous_version", -1), ("next_version", 1)])
def test_the_versions_are_counted_and_a_step_away(show, qtbot: QtBot, name: str, step: int) -> None:
    row = show(reply(versions=("a", "r1", "b")))
    assert "2/3" in words_in(row)
    with qtbot.waitSignal(row.version_requested) as asked:
        press(qtbot, row, name)
    assert asked.args == ["r1", step]


def test_versions_that_come_and_go_are_told(show) -> None:
    row = show(user())
    row.show_message(user(versions=("u1", "b")))
    assert "1/2" in words_in(row)
    row.show_message(user(versions=("u1",)))
    assert "Next version" not in offered(row)


def test_the_focus_stays_on_what_leads_on_in_the_row_that_takes_its_place(show) -> None:
    first = show(reply(versions=("r1", "b", "c")))
    button(first, "next_version").setFocus()
    name = first.focused_action()
    for versions, focused in (
        (("a", "r1", "c"), "next_version"),
        (("a", "b", "r1"), "previous_version"),
        (("r1",), "text"),
    ):
        other = show(reply(versions=versions))
        assert other.focused_action() == ""
        other.focus_action(name)
        assert other.focused_action() == focused


# While a reply is being written


def test_while_a_reply_is_written_nothing_else_is_changed(show, qtbot: QtBot) -> None:
    row = show(reply("half", MessageState.INTERRUPTED, versions=("a", "r1", "b")))
    row.set_busy(True)
    assert usable(row) == ["Copy", "More"]
    row.set_busy(False)
    assert set(usable(row)) == set(offered(row))
    assert "Try again" in usable(row)


def test_a_button_that_goes_under_the_focus_leaves_it_with_the_text(show) -> None:
    row = show(reply())
    button(row, "regenerate").setFocus()
    row.set_busy(True)
    assert QApplication.focusWidget() is row.browser

    row.set_busy(False)
    button(row, "continue").setFocus()
    row.set_last(False)
    assert QApplication.focusWidget() is row.browser


def test_an_edit_waits_for_the_end_of_a_reply(show, qtbot: QtBot) -> None:
    row = show(user())
    row.begin_editing()
    row.set_busy(True)
    qtbot.keyClicks(box(row), "!")
    with qtbot.assertNotEmitted(row.edit_requested):
        qtbot.keyClick(box(row), Qt.Key.Key_Return)
    row.set_busy(False)
    with qtbot.waitSignal(row.edit_requested) as asked:
        qtbot.keyClick(box(row), Qt.Key.Key_Return)
    assert asked.args == ["u1", "A question!"]


# Editing


@pytest.mark.parametrize(("message", "source"), [(user(), "A question"), (reply(), "An **answer**")])
def test_words_are_edited_in_their_place(show, qtbot: QtBot, message: Message, source: str) -> None:
    row = show(message)
    place = row.browser.geometry().topLeft()
    press(qtbot, row, "edit")
    qtbot.waitUntil(lambda: box(row).isVisible())

    assert QApplication.focusWidget() is box(row)
    assert box(row).toPlainText() == source
    assert not row.browser.isVisible()
    assert offered(row) == ["Save", "Cancel"]
    qtbot.waitUntil(lambda: row.editor.geometry().topLeft() == place)

    qtbot.keyClicks(box(row), "!")
    with qtbot.waitSignal(row.edit_requested) as asked:
        qtbot.keyClick(box(row), Qt.Key.Key_Return)
    assert asked.args == [message.id, f"{source}!"]


def test_an_edit_stays_open_until_it_is_taken(show, qtbot: QtBot) -> None:
    row = show(user())
    row.begin_editing()
    qtbot.keyClicks(box(row), "!")
    qtbot.keyClick(box(row), Qt.Key.Key_Return)
    assert row.is_editing
    assert box(row).toPlainText() == "A question!"


def test_escape_shows_the_message_as_it_was(show, qtbot: QtBot) -> None:
    row = show(user())
    height = row.heightForWidth(500)
    told: list[bool] = []
    row.editing_changed.connect(told.append)
    press(qtbot, row, "edit")
    qtbot.keyClicks(box(row), "!")
    with qtbot.assertNotEmitted(row.edit_requested):
        qtbot.keyClick(box(row), Qt.Key.Key_Escape)

    assert not row.is_editing
    assert row.browser.isVisible()
    assert row.browser.toPlainText() == "A question"
    assert offered(row) == ["Copy", "Edit", "Delete", "More"]
    assert QApplication.focusWidget() is button(row, "edit")
    assert row.heightForWidth(500) == height
    assert told == [True, False]


def test_an_edit_can_be_gone_on_with_in_another_row(show) -> None:
    row = show(user())
    row.begin_editing("half an edit")
    assert row.editor.text() == "half an edit"
    assert row.browser.text() == "A question"


# In words


def test_a_pinned_message_says_so(show) -> None:
    row = show(reply())
    assert words_in(row) == ["Assistant", "Tiny Q4_K_M"]
    row.show_message(reply(pinned=True))
    assert words_in(row) == ["Assistant", "Tiny Q4_K_M · Pinned"]
    assert QAccessible.queryAccessibleInterface(row).text(QAccessible.Text.Description) == "Pinned"


def test_a_message_that_the_model_does_not_see_says_so(show) -> None:
    row = show(user(pinned=True))
    row.set_seen(False)
    assert words_in(row) == ["You", "Pinned · No longer seen by the model"]
    description = QAccessible.queryAccessibleInterface(row).text(QAccessible.Text.Description)
    assert description == "Pinned. No longer seen by the model"
    row.set_seen(True)
    assert words_in(row) == ["You", "Pinned"]


def test_attachments_are_named_without_what_would_turn_the_line_around(show) -> None:
    row = show(user(attachments=(Attachment("notes.txt", "x"), Attachment("<b>\u202etxt\n.exe</b>", "y"))))
    assert words_in(row)[-1] == "Attached: notes.txt, <b> txt .exe</b>"
    assert row.findChild(QLabel, "attached").textFormat() == Qt.TextFormat.PlainText


def test_what_is_known_after_the_end_is_shown(show) -> None:
    row = show(reply("", MessageState.WRITING))
    row.append_text("word")
    row.show_message(reply("word", MessageState.STOPPED, {"tokens_per_second": 12.34, "reason": "stopped"}))
    assert "12.3 tokens/s · stopped by you" in words_in(row)
    assert row.browser.text() == "word"


def test_what_is_known_of_a_reply_under_way_does_not_disturb_it(show) -> None:
    row = show(reply("", MessageState.WRITING))
    row.show_progress("Reading the prompt", 0.5)
    row.show_message(reply("", MessageState.WRITING, pinned=True))
    assert "Reading the prompt" in words_in(row)
    assert "Tiny Q4_K_M · Pinned" in words_in(row)


def test_a_reply_that_is_gone_on_with_forgets_how_it_ended(show) -> None:
    row = show(reply("half", MessageState.INTERRUPTED))
    row.show_message(reply("half", MessageState.WRITING))
    assert offered(row) == ["Copy"]
    assert "Paddock was closed while this was being written." not in words_in(row)


def test_what_a_failure_offered_when_it_happened_stays(show) -> None:
    row = show(reply("", MessageState.WRITING))
    row.finish("", Failure("It broke", "9", "Mend it.", (("load_anyway", "Load anyway"),)))
    row.show_message(reply("", MessageState.FAILED, note="It broke\n9\nMend it.", pinned=True))
    assert "Load anyway" in offered(row)


# Seen and reached


def test_buttons_are_painted_on_hover_and_on_focus_and_nothing_moves(show) -> None:
    row = show(reply(), last=False)
    elsewhere = row.mapToGlobal(row.rect().topLeft())

    def painted() -> bool:
        image = row.action_bar.grab().toImage()
        return len({image.pixel(x, y) for x in range(image.width()) for y in range(image.height())}) > 1

    places = [one.geometry() for one in row.findChildren(QAbstractButton)]
    assert not painted()
    QApplication.sendEvent(row, QEnterEvent(QPointF(1, 1), QPointF(1, 1), QPointF(elsewhere)))
    assert painted()
    QApplication.sendEvent(row, QEvent(QEvent.Type.Leave))
    assert not painted()
    row.browser.setFocus()
    assert painted()
    row.browser.clearFocus()
    assert not painted()
    row.set_last(True)
    assert painted()
    assert [one.geometry() for one in row.findChildren(QAbstractButton) if one.objectName() == "copy"] == places[:1]


def test_a_screen_reader_comes_to_everything_in_reading_order(show) -> None:
    row = show(reply("half", MessageState.INTERRUPTED, versions=("a", "r1", "b")))
    assert QAccessible.queryAccessibleInterface(row).text(QAccessible.Text.Name) == "Assistant: half"
    assert spoken(QAccessible.queryAccessibleInterface(row)) == [
        "Assistant",
        "Tiny Q4_K_M",
        "Text",
        "Paddock was closed while this was being written.",
        "Try again",
        "Previous version",
        "Version 2 of 3",
        "Next version",
        "Copy",
        "Edit",
        "Continue",
        "Delete",
        "More",
    ]


def spoken(item) -> list[str]:
    """The names of what is visible within, in order."""
    found = []
    for index in range(item.childCount()):
        child = item.child(index)
        if child.state().invisible:
            continue
        name = child.text(QAccessible.Text.Name)
        found += [name] if name else spoken(child)
    return found


def test_the_tab_key_comes_to_everything_in_reading_order(show) -> None:
    row = show(reply("half", MessageState.INTERRUPTED, versions=("a", "r1", "b")))
    chain = [widget.objectName() for widget in row.tab_chain() if widget.isVisible()]
    assert chain == [
        *("text", "try_again", "previous_version", "next_version"),
        *("copy", "edit", "continue", "delete", "more"),
    ]


def test_how_a_reply_went_is_below_the_buttons_where_there_is_no_room_beside_them(show) -> None:
    row = show(reply(stats={"tokens_per_second": 12.3, "first_token_seconds": 1.0, "reason": "length"}), width=900)
    line = next(label for label in row.findChildren(QLabel) if label.text().startswith("12.3"))
    assert isinstance(row, ReplyRow)
    wide = row.heightForWidth(800)
    narrow = row.heightForWidth(row.action_bar.sizeHint().width() + 3 * row.fontMetrics().height())
    assert narrow >= wide + line.sizeHint().height() // 2
