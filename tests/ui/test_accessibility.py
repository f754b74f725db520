"""What a screen reader is told about the conversation."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from types import FrameType

import pytest
from PySide6.QtGui import QAccessible, QAccessibleAnnouncementEvent, QAccessibleEvent, QAccessibleInterface
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from app.core.conversations import Message, MessageState
from app.ui import accessibility
from app.ui.conversation_view import ConversationView, Failure
from app.ui.message_browser import MOST_SHOWN
from app.ui.message_row import MessageRow, ReplyRow
from app.ui.narrator import Narrator
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


REPLY = """## Where to *begin*

A **bold** start. It costs 3.50 e.g. in Italy, says Dr. Smith! "Really?" No! Yes.

- [the shop](https://example.org)
- 2 * 3 is `a_b`

1. First this. Then that.
2. Last

| Name | Age |
|------|-----|
| Ann  | 30  |

```python
print("Hello. World.")
```

$$
E = mc^2
$$

So $x$ is it"""
SENTENCES = [
    *("Where to begin", "A bold start.", "It costs 3.50 e.g. in Italy, says Dr. Smith!", '"Really?"', "No!", "Yes."),
    *("the shop", "2 * 3 is a_b", "1. First this.", "Then that.", "2. Last", "Name, Age", "Ann, 30"),
    *("Code", "Formula", "So x is it", "The reply is finished."),
]


def ask(view: ConversationView) -> None:
    view.add_messages([message(2, "user", "Q"), message(3, "assistant", "", MessageState.WRITING)])


@pytest.mark.parametrize("size", [1, 4, 1000])
def test_a_reply_is_announced_by_sentence_however_it_comes(
    view: ConversationView, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    told = listen(monkeypatch)
    ask(view)
    for start in range(0, len(REPLY), size):
        view.append_text("m3", REPLY[start : start + size])
    view.finish("m3", MessageState.COMPLETE, "")

    assert announcements(told) == SENTENCES
    assert names_told(told) <= 3


def test_a_sentence_is_announced_while_the_reply_goes_on(
    view: ConversationView, monkeypatch: pytest.MonkeyPatch, qtbot: QtBot
) -> None:
    told = listen(monkeypatch)
    ask(view)
    for words, sentences in (("One is said. And two", 1), (" is said. ", 1), ("Three", 2), (" is", 2)):
        view.append_text("m3", words)
        qtbot.waitUntil(lambda count=sentences: len(announcements(told)) == count)

    assert announcements(told) == ["One is said.", "And two is said."]


def test_what_was_announced_says_nothing_interrupting(view: ConversationView, monkeypatch: pytest.MonkeyPatch) -> None:
    told = listen(monkeypatch)
    ask(view)
    view.append_text("m3", "Said. ")
    view.finish("m3", MessageState.COMPLETE, "")

    polite = QAccessible.AnnouncementPoliteness.Polite
    assert [event.politeness() for event in told if isinstance(event, QAccessibleAnnouncementEvent)] == [polite] * 2


@pytest.mark.parametrize("begin", ["<think>", ""])
def test_reasoning_is_announced_as_thinking(
    view: ConversationView, monkeypatch: pytest.MonkeyPatch, begin: str
) -> None:
    told = listen(monkeypatch)
    ask(view)
    for word in (begin, "Let", " me see.", " What is it?\n", "</thi", "nk>\n\n", "It is this."):
        view.append_text("m3", word)
    view.finish("m3", MessageState.COMPLETE, "")

    thought = ["Thinking"] if begin else ["Let me see.", "What is it?"]  # nobody could know
    assert announcements(told) == [*thought, "It is this.", "The reply is finished."]


def test_a_reply_that_goes_on_is_announced_from_there(view: ConversationView, monkeypatch: pytest.MonkeyPatch) -> None:
    told = listen(monkeypatch)
    ask(view)
    view.append_text("m3", "It was said. The river\n```\ncode. Code")
    view.finish("m3", MessageState.STOPPED, "")
    view.append_text("m3", " more. More\n```\nis wide. It")
    view.finish("m3", MessageState.STOPPED, "")
    view.append_text("m3", " flows.")
    view.finish("m3", MessageState.COMPLETE, "")

    assert announcements(told) == [
        *("It was said.", "The river", "Code", "The reply was stopped."),
        *("is wide.", "It", "The reply was stopped."),
        *("flows.", "The reply is finished."),
    ]


def test_a_reply_one_comes_back_to_is_announced_from_there(
    view: ConversationView, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = listen(monkeypatch)
    written = message(3, "assistant", "It was said. And this", MessageState.WRITING)
    view.show_messages([message(2, "user", "Q"), written])
    view.append_text("m3", " too.")
    view.finish("m3", MessageState.COMPLETE, "")

    assert announcements(told) == ["too.", "The reply is finished."]


def test_nothing_is_announced_where_nobody_listens(view: ConversationView, monkeypatch: pytest.MonkeyPatch) -> None:
    QAccessible.setActive(False)
    told = listen(monkeypatch)
    ask(view)
    view.append_text("m3", REPLY)
    view.finish("m3", MessageState.COMPLETE, "")

    assert announcements(told) == []


@pytest.mark.parametrize("text", ["word " * 60_000, "x" * 300_000, "```" + "`x" * 150_000, "$$ x" * 75_000])
def test_an_endless_sentence_is_announced_in_pieces_as_far_as_it_is_shown(text: str) -> None:
    said: list[str] = []
    narrator = Narrator("m3", "", said.append)
    narrator.add(text)
    narrator.end("The end.")
    while narrator.work(0):
        assert said[-1] != "The end."

    assert narrator.has_ended and said[-1] == "The end."
    assert max(map(len, said)) <= 500
    assert sum(map(len, said)) <= MOST_SHOWN + 100


def test_the_work_for_a_word_does_not_grow_with_what_was_said() -> None:
    narrator = Narrator("m3", "", lambda _words: None)

    assert work_for(narrator, "Once more it is said. " * 5) == work_for(narrator, "Once more it is said. " * 500)


def work_for(narrator: Narrator, said: str) -> int:
    """How many calls of functions another word takes."""
    calls = 0

    def count(_frame: FrameType, event: str, _argument: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    narrator.add(said)
    narrator.work(float("inf"))
    sys.setprofile(count)
    narrator.add("word")
    narrator.work(float("inf"))
    sys.setprofile(None)
    return calls


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
        isActive = staticmethod(QAccessible.isActive)  # noqa: N815
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
