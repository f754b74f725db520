"""What comes after the text in a conversation that is shown: colours of code, drawings of maths, what is unfolded."""

from __future__ import annotations

from dataclasses import replace

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication, QTextLayout
from PySide6.QtWidgets import QApplication, QScrollArea, QToolButton, QWidget
from pytestqt.qtbot import QtBot

from app.core.conversations import Message, MessageState
from app.ui import theme
from app.ui.conversation_view import ConversationView
from app.ui.find_bar import FindBar
from app.ui.maths_objects import OBJECT
from app.ui.message_browser import MessageBrowser
from app.ui.message_row import MessageRow

PATIENCE = 20_000  # milliseconds

CODE = "```python\ndef f():\n    return 1\n```\n"
MATHS = "It is $E = mc^2$, and\n\n$$\\frac{a}{b}$$\n"


@pytest.fixture
def view(qtbot: QtBot) -> ConversationView:
    view = ConversationView()
    qtbot.addWidget(view)
    view.resize(700, 600)
    view.show()
    view.activateWindow()
    qtbot.waitUntil(view.isActiveWindow)
    return view


def reply(text: str, name: str = "m", state: MessageState = MessageState.COMPLETE) -> Message:
    return Message(name, "c", None, "assistant", text, state, "", "Tiny Q4", 0.0, None)


def row(view: ConversationView, name: str = "m") -> MessageRow:
    [found] = [row for row in view.findChildren(MessageRow) if row.isVisibleTo(view) and row.message_id == name]
    return found


def browser(view: ConversationView, name: str = "m") -> MessageBrowser:
    return row(view, name).browser


def settle(view: ConversationView, qtbot: QtBot) -> None:
    qtbot.waitUntil(lambda: not any(one.browser.has_work() for one in view.findChildren(MessageRow)), timeout=PATIENCE)


def coloured(shown: MessageBrowser, line: str) -> int:
    """How many parts of a line have a colour of their own."""
    layout: QTextLayout | None = shown.document().find(line).block().layout()
    return len(layout.formats()) if layout else 0


def drawings(shown: MessageBrowser) -> int:
    return shown.document().toRawText().count(OBJECT)


def part(parent: QWidget, kind: type[QWidget], name: str) -> QWidget:
    [found] = [one for one in parent.findChildren(kind, name) if one.isVisibleTo(parent)]
    return found


# Colours and maths


def test_a_message_that_is_opened_gets_its_colours_and_its_maths(view: ConversationView, qtbot: QtBot) -> None:
    view.show_messages([reply(f"{MATHS}\n{CODE}")])
    qtbot.waitUntil(lambda: drawings(browser(view)) == 2, timeout=PATIENCE)
    qtbot.waitUntil(lambda: bool(coloured(browser(view), "return")), timeout=PATIENCE)


def test_what_is_finished_of_a_reply_gets_them_while_it_goes_on(view: ConversationView, qtbot: QtBot) -> None:
    view.show_messages([reply("", state=MessageState.WRITING)])
    for piece in (MATHS, "\n", CODE, "\nAnd"):
        view.append_text("m", piece)

    def goes_on() -> bool:
        view.append_text("m", " on")
        return drawings(browser(view)) == 2 and bool(coloured(browser(view), "return"))

    qtbot.waitUntil(goes_on, timeout=PATIENCE)


def test_lines_of_code_that_is_being_written_get_their_colours(view: ConversationView, qtbot: QtBot) -> None:
    view.show_messages([reply("", state=MessageState.WRITING)])
    view.append_text("m", "```python\ndef f():\n    # ")

    def goes_on() -> bool:
        view.append_text("m", "#")
        return bool(coloured(browser(view), "def f"))

    qtbot.waitUntil(goes_on, timeout=PATIENCE)


def test_what_comes_into_sight_later_gets_them_too(view: ConversationView, qtbot: QtBot) -> None:
    view.show_messages([reply(f"{CODE}\n{MATHS}", "first"), *(reply("word " * 300, f"m{n}") for n in range(9))])
    settle(view, qtbot)
    view.go_to_message("first")
    qtbot.waitUntil(lambda: drawings(browser(view, "first")) == 2, timeout=PATIENCE)
    qtbot.waitUntil(lambda: bool(coloured(browser(view, "first"), "return")), timeout=PATIENCE)


# What is unfolded


def far(count: int = 150) -> list[Message]:
    return [reply(f"text {number} " * 30, f"far{number}") for number in range(count)]


def test_reasoning_that_was_unfolded_is_when_its_row_is_made_again(view: ConversationView, qtbot: QtBot) -> None:
    view.show_messages([*far(), reply("<think>\nHmm.\n</think>\n\nYes.")])
    settle(view, qtbot)
    before = row(view)
    qtbot.mouseClick(part(before, QToolButton, "reasoning_line"), Qt.MouseButton.LeftButton)
    settle(view, qtbot)
    height = before.height()
    gone: list[bool] = []
    before.destroyed.connect(lambda: gone.append(True))
    view.setFocus()
    view.go_to_message("far0")
    bar = view.findChild(QScrollArea).verticalScrollBar()

    def is_far_away() -> bool:
        bar.setValue(bar.value() + 500)
        return bool(gone)

    qtbot.waitUntil(is_far_away, timeout=PATIENCE)
    view.go_to_message("m")
    settle(view, qtbot)
    assert part(row(view), QWidget, "reasoning_text").toPlainText() == "Hmm."
    assert row(view).height() == height


def test_it_stays_unfolded_when_the_text_becomes_larger(view: ConversationView, qtbot: QtBot) -> None:
    view.show_messages([reply("<think>\nHmm.\n</think>\n\nYes.")])
    settle(view, qtbot)
    qtbot.mouseClick(part(row(view), QToolButton, "reasoning_line"), Qt.MouseButton.LeftButton)
    view.set_zoom(2)
    settle(view, qtbot)
    assert part(row(view), QWidget, "reasoning_text").toPlainText() == "Hmm."


def test_it_stays_unfolded_when_something_else_is_known_of_the_message(view: ConversationView, qtbot: QtBot) -> None:
    message = reply("<think>\nHmm.\n</think>\n\nYes.")
    view.show_messages([message])
    settle(view, qtbot)
    qtbot.mouseClick(part(row(view), QToolButton, "reasoning_line"), Qt.MouseButton.LeftButton)
    view.replace_message("m", replace(message, pinned=True))
    settle(view, qtbot)
    assert part(row(view), QWidget, "reasoning_text").toPlainText() == "Hmm."


# Zoom


def test_what_is_made_later_in_a_zoomed_row_is_as_large(view: ConversationView, qtbot: QtBot) -> None:
    application = QApplication.instance()
    assert isinstance(application, QApplication)
    theme.apply_appearance(application, "light")  # as in the app: under a style sheet, fonts are passed on otherwise
    view.set_zoom(2)
    size = view.font().pointSizeF() * 2
    view.show_messages([reply("", state=MessageState.WRITING)])
    view.append_text("m", f"<think>Hmm.</think>\n\n{CODE}")
    settle(view, qtbot)
    qtbot.mouseClick(part(row(view), QToolButton, "reasoning_line"), Qt.MouseButton.LeftButton)
    settle(view, qtbot)
    view.finish("m", MessageState.COMPLETE, "12 tokens")
    row(view).begin_editing()
    later = [QWidget.findChild(row(view), QWidget, name) for name in ("reasoning_line", "copy_code", "edit_message")]
    assert [widget.font().pointSizeF() for widget in later if widget] == [size] * 3


# Find and selection


def find(view: ConversationView, text: str) -> tuple[str, list[str]]:
    """What the bar says, and what is marked."""
    view.begin_find()
    bar = view.findChild(FindBar)
    bar.set_text(text)
    bar.text_changed.emit(text)
    marked = [mark.cursor.selectedText() for mark in browser(view).extraSelections()]
    return view.findChild(QWidget, "hits").text(), marked


def test_what_a_formula_is_made_of_is_found(view: ConversationView, qtbot: QtBot) -> None:
    view.show_messages([reply(f"A frac of it.\n\n{MATHS}\nIs E so?")])
    qtbot.waitUntil(lambda: drawings(browser(view)) == 2, timeout=PATIENCE)
    assert find(view, "frac")[1] == ["frac", OBJECT]
    assert find(view, "mc^2")[1] == [OBJECT]


def test_what_a_model_thought_is_not_found(view: ConversationView, qtbot: QtBot) -> None:
    view.show_messages([reply("<think>\nThe frog.\n</think>\n\nThe frog.")])
    settle(view, qtbot)
    words, marked = find(view, "frog")
    assert marked == ["frog"]
    assert words == "1 of 1"


def test_a_selection_over_messages_takes_the_answers_alone(view: ConversationView, qtbot: QtBot) -> None:
    view.show_messages([reply("<think>\nHmm.\n</think>\n\nOne.", "a"), reply("<think>\nSo.\n</think>\n\nTwo.", "b")])
    settle(view, qtbot)
    browser(view, "a").setFocus()
    for _ in range(2):
        qtbot.keyClick(browser(view, "a"), Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
    qtbot.keyClick(browser(view, "a"), Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    assert QGuiApplication.clipboard().text() == "One.\n\nTwo."
