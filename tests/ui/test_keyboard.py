"""The whole window without a mouse."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAccessible
from PySide6.QtWidgets import QAbstractButton, QWidget
from pytestqt.qtbot import QtBot

from app.core.conversations import Message, MessageState
from app.ui.conversation_view import ConversationView, Failure
from app.ui.main_window import MainWindow
from app.ui.message_actions import Action
from app.ui.message_browser import MessageBrowser
from app.ui.message_row import MessageRow
from tests.ui.person import Person

SHIFT = Qt.KeyboardModifier.ShiftModifier

REPLY = """<think>
It depends.
</think>

See [this](https://example.org) and [that](https://example.org).

```python
print("Hello")
```
"""


def messages() -> list[Message]:
    """A reply with all there is in one, many long messages, and at the end one with versions and one that failed."""

    def message(number: int, text: str, state: MessageState = MessageState.COMPLETE) -> Message:
        return Message(f"m{number}", "c", None, ("user", "assistant")[number % 2], text, state, "", "Tiny", 0.0, None)

    return [
        *(message(0, "How?"), message(1, REPLY), *(message(number, "word " * 300) for number in range(2, 10))),
        *(replace(message(10, "And?"), versions=("m10", "other")), message(11, "Oh", MessageState.WRITING)),
    ]


@pytest.fixture
def window(start: Callable[..., Person], qtbot: QtBot) -> MainWindow:
    window = start("ok").window
    with qtbot.waitActive(window):
        window.activateWindow()
    view = window.findChild(ConversationView)
    view.show_messages(messages())
    view.finish("m11", MessageState.FAILED, "", Failure("It failed", "", "", (("try_again", "Try again"),)))
    qtbot.waitUntil(lambda: len(window.findChildren(MessageRow)) == len(messages()))
    return window


def name_of(widget: QWidget | None) -> str:
    """The object name, after the message that it is in."""
    within = widget
    while within is not None and not isinstance(within, MessageRow):
        within = within.parentWidget()
    place = f"{within.message_id} " if within is not None else ""
    return place + widget.objectName() if widget is not None else ""


def walk(qtbot: QtBot, window: MainWindow, keys: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier) -> list[QWidget]:
    """What the tab key goes to until it comes to where it has been; a text as often as it has links, and once more."""
    states: list[tuple[QWidget | None, int]] = []
    while (state := where(window)) not in states:
        states.append(state)
        qtbot.keyClick(window.focusWidget(), Qt.Key.Key_Tab, keys)
    assert state == states[0], f"{name_of(state[0])} is a trap: {[name_of(widget) for widget, _ in states]}"
    return [widget for widget, _ in states if widget is not None]


def where(window: MainWindow) -> tuple[QWidget | None, int]:
    focus = window.focusWidget()
    return focus, focus.textCursor().position() if isinstance(focus, MessageBrowser) else 0


def controls(window: MainWindow) -> Iterator[QWidget]:
    """All that can be used now, and ought to be within reach."""
    for widget in window.findChildren(QWidget):
        is_usable = widget.isVisible() and widget.isEnabled() and widget.window() is window
        if is_usable and widget.focusPolicy() & Qt.FocusPolicy.TabFocus and widget.focusProxy() is None:
            yield widget


@pytest.mark.parametrize("place", ["chat", "library", "settings"])
def test_tab_reaches_every_control_and_shift_tab_goes_the_same_way_back(
    window: MainWindow, qtbot: QtBot, place: str
) -> None:
    window.show_place(place)
    window.findChild(QAbstractButton, place).setFocus()
    window.findChild(ConversationView).go_to_message("m0")
    there = walk(qtbot, window)
    window.findChild(QAbstractButton, place).setFocus()
    back = walk(qtbot, window, SHIFT)

    assert [name_of(control) for control in controls(window) if control not in there] == []
    assert [name_of(widget) for widget in back[1:]] == [name_of(widget) for widget in reversed(there[1:])]


def test_a_chat_is_walked_in_reading_order(window: MainWindow, qtbot: QtBot) -> None:
    view = window.findChild(ConversationView)
    view.go_to_message("m0")
    view.begin_find()
    window.findChild(QAbstractButton, "show_panel").setFocus()
    names = [name_of(widget) for widget in walk(qtbot, window)]

    found = ["find_in_this_conversation", "previous_hit", "next_hit", "close_find"]
    first = [f"m0 {name}" for name in ("text", "copy", "edit", "delete", "more")]
    second = [f"m1 {name}" for name in ("reasoning_line", "text", "text", "text", "copy_code", "copy", "edit")]
    expected = [*found, "messages", *first, *second]
    assert names[1 : len(expected) + 1] == expected
    after = names.index("m11 more")
    assert names[after + 1 : after + 4] == ["jump_to_the_newest", "attach_file", "message"]


def test_tab_goes_on_to_the_messages_in_sight(window: MainWindow, qtbot: QtBot) -> None:
    view = window.findChild(ConversationView)
    for message_id in ("m6", "m0", "m4"):
        view.go_to_message(message_id)
        view.setFocus()
        qtbot.keyClick(window.focusWidget(), Qt.Key.Key_Tab)
        assert name_of(window.focusWidget()) == f"{message_id} text"


def test_what_has_the_focus_is_in_sight(window: MainWindow, qtbot: QtBot) -> None:
    view = window.findChild(ConversationView)
    view.go_to_message("m0")
    view.setFocus()
    column = window.focusWidget()
    for keys in (Qt.KeyboardModifier.NoModifier, SHIFT):
        for _ in range(40):
            qtbot.keyClick(window.focusWidget(), Qt.Key.Key_Tab, keys)
            focus = window.focusWidget()
            assert focus is column or not focus.visibleRegion().isEmpty(), name_of(focus)


def test_f6_leads_out_of_a_message_both_ways(window: MainWindow, qtbot: QtBot) -> None:
    for keys, pane in ((Qt.KeyboardModifier.NoModifier, "message"), (SHIFT, "model")):
        action = window.findChildren(MessageRow)[0].copy_button
        action.setFocus()
        qtbot.keyClick(action, Qt.Key.Key_F6, keys)
        assert name_of(window.focusWidget()) == pane


def test_f6_goes_around_every_place(window: MainWindow, qtbot: QtBot) -> None:
    for place in ("library", "settings"):
        window.show_place(place)
        inside = window.findChild(QWidget, f"{place}_place")
        for is_inside in (False, True, False, True):
            qtbot.keyClick(window.focusWidget(), Qt.Key.Key_F6)
            assert inside.isAncestorOf(window.focusWidget()) is is_inside


def test_a_message_being_edited_is_no_trap(window: MainWindow, qtbot: QtBot) -> None:
    view = window.findChild(ConversationView)
    view.go_to_message("m1")
    row = next(row for row in window.findChildren(MessageRow) if row.message_id == "m1")
    edit = row.action_bar.buttons[Action.EDIT]
    edit.setFocus()
    qtbot.keyClick(edit, Qt.Key.Key_Space)
    assert name_of(window.focusWidget()) == "m1 edit_message"
    names = []
    for _ in range(4):
        qtbot.keyClick(window.focusWidget(), Qt.Key.Key_Tab)
        names.append(name_of(window.focusWidget()))
    for _ in names:
        qtbot.keyClick(window.focusWidget(), Qt.Key.Key_Tab, SHIFT)

    assert names == ["m1 save", "m1 cancel", "m2 text", "m2 copy"]
    assert name_of(window.focusWidget()) == "m1 edit_message"


def test_going_to_the_newest_leaves_the_focus_with_the_messages(window: MainWindow, qtbot: QtBot) -> None:
    window.findChild(ConversationView).go_to_message("m0")
    button = window.findChild(QAbstractButton, "jump_to_the_newest")
    button.setFocus()
    qtbot.keyClick(button, Qt.Key.Key_Space)
    assert button.isHidden()
    assert name_of(window.focusWidget()) == "messages"


def test_whatever_has_the_focus_has_a_name_for_a_screen_reader(window: MainWindow, qtbot: QtBot) -> None:
    window.findChild(ConversationView).go_to_message("m0")
    window.findChild(QAbstractButton, "chat").setFocus()
    interfaces = {name_of(widget): QAccessible.queryAccessibleInterface(widget) for widget in walk(qtbot, window)}

    names = {name: interface.text(QAccessible.Text.Name) for name, interface in interfaces.items()}
    assert [name for name, words in names.items() if not words] == []
    assert {"m0 edit", "m10 next_version", "m11 try_again", "message", "status", "seed"} <= names.keys()
