"""What a screen reader is told about the conversation."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest
from PySide6.QtGui import QAccessible, QAccessibleAnnouncementEvent, QAccessibleEvent, QAccessibleInterface
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from app.core.conversations import Message, MessageState
from app.ui import accessibility
from app.ui.conversation_view import ConversationView, Failure
from app.ui.message_row import MessageRow, ReplyRow
from app.ui.virtual_column import ColumnContent


def message(number: int, role: str, text: str, state: MessageState = MessageState.COMPLETE) -> Message:
    return Message(f"m{number}", "c", None, role, text, state, "", "Tiny", 0.0, None)


@pytest.fixture
def view(qtbot: QtBot) -> Iterator[ConversationView]:
    QAccessible.setActive(True)
    view = ConversationView()
    qtbot.addWidget(view)
    view.resize(700, 500)
    view.show()
    view.show_messages([message(0, "user", "Hello\nthere"), message(1, "assistant", "**Hi**")])
    qtbot.waitUntil(lambda: len(view.findChildren(MessageRow)) == 2)
    yield view
    QAccessible.setActive(False)


def interface(widget: QWidget | None) -> QAccessibleInterface:
    assert widget is not None
    return QAccessible.queryAccessibleInterface(widget)


def content(view: ConversationView) -> QAccessibleInterface:
    return interface(view.findChild(ColumnContent))


def items(view: ConversationView) -> list[QAccessibleInterface]:
    children = [content(view).child(index) for index in range(content(view).childCount())]
    return [child for child in children if child.role() == QAccessible.Role.ListItem]


def names(view: ConversationView) -> list[str]:
    return [item.text(QAccessible.Text.Name) for item in items(view)]


def test_the_conversation_is_a_list_of_messages_in_order(view: ConversationView) -> None:
    assert content(view).text(QAccessible.Text.Name) == "Conversation"
    assert content(view).role() == QAccessible.Role.List
    assert names(view) == ["You: Hello\nthere", "Assistant: **Hi**"]


def test_earlier_messages_come_before_later_ones(view: ConversationView, qtbot: QtBot) -> None:
    view.show_messages([message(number, "user", str(number)) for number in range(50)])

    qtbot.waitUntil(lambda: names(view) == [f"You: {number}" for number in range(50)])


def test_messages_far_out_of_sight_are_in_the_list_too(view: ConversationView) -> None:
    view.show_messages([message(number, "user", str(number)) for number in range(2000)])

    assert names(view) == [f"You: {number}" for number in range(2000)]
    assert len(view.findChildren(MessageRow)) < 100
    far = items(view)[10]
    assert far.state().offscreen
    assert content(view).indexOfChild(far) == 10
    assert far.parent().text(QAccessible.Text.Name) == "Conversation"


def test_what_stands_for_a_message_goes_when_it_has_a_row(view: ConversationView, qtbot: QtBot) -> None:
    view.show_messages([message(number, "user", str(number)) for number in range(500)])
    for place in (10, 250, 499, 10):
        assert len(names(view)) == 500
        view.go_to_message(f"m{place}")
        gc.collect()

        item = items(view)[place]
        assert item.text(QAccessible.Text.Name) == f"You: {place}"
        assert isinstance(item.object(), MessageRow)
        assert content(view).indexOfChild(item) == place


def test_a_name_is_made_when_it_is_asked_for(view: ConversationView) -> None:
    view.add_messages([message(2, "user", "Q"), message(3, "assistant", "", MessageState.WRITING)])

    for number in range(3):
        view.append_text("m3", f"word{number} ")

    assert names(view)[-1] == "Assistant: word0 word1 word2 "
    assert interface(view.findChildren(ReplyRow)[-1]).text(QAccessible.Text.Name) == names(view)[-1]


def test_the_buttons_of_a_message_have_names_although_they_are_not_painted(view: ConversationView) -> None:
    first, last = items(view)

    assert "Copy" in button_names(first)
    assert {"Copy", "Regenerate"} <= set(button_names(last))


def test_try_again_has_its_name(view: ConversationView) -> None:
    view.finish("m1", MessageState.FAILED, "", Failure("a", "b", "c", (("try_again", "Try again"),)))

    assert button_names(items(view)[-1])[:2] == ["Try again", "Copy"]


def button_names(item: QAccessibleInterface) -> list[str]:
    """Of all the visible buttons within, in order."""
    found = []
    for index in range(item.childCount()):
        child = item.child(index)
        if child.role() == QAccessible.Role.Button and not child.state().invisible:
            found.append(child.text(QAccessible.Text.Name))
        else:
            found += button_names(child)
    return found


def test_the_text_of_a_message_can_be_read_as_it_looks(view: ConversationView, qtbot: QtBot) -> None:
    text = interface(view.findChildren(ReplyRow)[-1].browser).textInterface()

    qtbot.waitUntil(lambda: text.text(0, text.characterCount()) == "Hi")


def test_the_end_of_a_reply_is_announced_once(view: ConversationView, monkeypatch: pytest.MonkeyPatch) -> None:
    told = listen(monkeypatch)
    view.add_messages([message(2, "user", "Q"), message(3, "assistant", "", MessageState.WRITING)])
    for _ in range(100):
        view.append_text("m3", "word ")

    view.finish("m3", MessageState.COMPLETE, "")

    assert announcements(told) == ["The reply is finished."]
    assert names_told(told) <= 3


@pytest.mark.parametrize(
    ("state", "failure", "words"),
    [
        (MessageState.STOPPED, None, "The reply was stopped."),
        (MessageState.FAILED, Failure("The engine stopped", "", ""), "The engine stopped"),
    ],
)
def test_a_reply_that_ends_otherwise_is_announced_so(
    view: ConversationView,
    monkeypatch: pytest.MonkeyPatch,
    state: MessageState,
    failure: Failure | None,
    words: str,
) -> None:
    told = listen(monkeypatch)

    view.finish("m1", state, "", failure)

    assert announcements(told) == [words]


def listen(monkeypatch: pytest.MonkeyPatch) -> list[QAccessibleEvent]:
    """What a screen reader would be told from now on: nothing in the process itself can listen to that."""
    told: list[QAccessibleEvent] = []

    class Listener:
        Event = QAccessible.Event
        updateAccessibility = staticmethod(told.append)  # noqa: N815

    monkeypatch.setattr(accessibility, "QAccessible", Listener)
    return told


def announcements(told: list[QAccessibleEvent]) -> list[str]:
    return [event.message() for event in told if isinstance(event, QAccessibleAnnouncementEvent)]


def names_told(told: list[QAccessibleEvent]) -> int:
    return sum(event.type() == QAccessible.Event.NameChanged for event in told)


def test_interfaces_outlive_collections_and_end_with_their_widgets(view: ConversationView, qtbot: QtBot) -> None:
    for round_ in range(30):
        view.show_messages([message(number, "user", f"{round_} {number}") for number in range(3)])
        qtbot.waitUntil(lambda last=round_: names(view)[-3:] == [f"You: {last} {number}" for number in range(3)])
        gc.collect()

    qtbot.waitUntil(lambda: len(names(view)) == 3)  # the rows before are gone with the next turn of the event loop
