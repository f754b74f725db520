"""Code, maths and reasoning in a message that is shown."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAccessible, QGuiApplication, QImage, QTextCursor, QTextLayout
from PySide6.QtWidgets import QToolButton
from pytestqt.qtbot import QtBot

from app.ui.markdown_stream import MarkdownStream
from app.ui.maths_objects import OBJECT
from app.ui.message_browser import MessageBrowser

PATIENCE = 60_000  # milliseconds

CODE = "Look:\n\n```python\ndef f():\n    return 1\n```\n\nand\n\n```\nplain\n```\n"


@pytest.fixture
def browser(qtbot: QtBot) -> Iterator[MessageBrowser]:
    made = MessageBrowser(MarkdownStream, has_reasoning=True)
    qtbot.addWidget(made)
    made.resize(500, 900)
    made.heightForWidth(500)
    made.show()
    yield made


def write(browser: MessageBrowser, *pieces: str) -> None:
    for piece in pieces:
        browser.append_text(piece)
        while browser.has_work():
            browser.work(time.perf_counter() + 1)
    browser.heightForWidth(500)


def colours(browser: MessageBrowser, line: str) -> list[str]:
    block = browser.document().find(line).block()
    formats: list[QTextLayout.FormatRange] = block.layout().formats()
    return [shown.format.foreground().color().name() for shown in formats]


def selected(browser: MessageBrowser) -> str:
    browser.selectAll()
    return browser.createMimeDataFromSelection().text()


def drawings(browser: MessageBrowser) -> int:
    return browser.document().toRawText().count(OBJECT)


# Code


def test_code_gets_colours(browser: MessageBrowser, qtbot: QtBot) -> None:
    write(browser, CODE)
    qtbot.waitUntil(lambda: bool(colours(browser, "def f")) and bool(colours(browser, "return")), timeout=PATIENCE)
    assert colours(browser, "plain") == []


def test_the_last_line_gets_colours_once_nothing_more_comes(browser: MessageBrowser, qtbot: QtBot) -> None:
    write(browser, "```python\ndef f():\n    return")
    qtbot.waitUntil(lambda: bool(colours(browser, "return")), timeout=PATIENCE)
    write(browser, " 1\nx = 'y'\n")
    qtbot.waitUntil(lambda: bool(colours(browser, "x =")), timeout=PATIENCE)
    assert len(colours(browser, "return")) == 2


def test_a_character_that_qt_counts_twice_moves_no_colour(browser: MessageBrowser, qtbot: QtBot) -> None:
    write(browser, "```python\nx = '\U0001f600'  # y\n```\n")
    qtbot.waitUntil(lambda: bool(colours(browser, "x =")), timeout=PATIENCE)
    last = browser.document().find("x =").block().layout().formats()[-1]
    assert (last.start, last.length) == (10, 3)


def test_each_code_has_a_button_that_copies_it(browser: MessageBrowser) -> None:
    write(browser, CODE)
    first, second = browser.findChildren(QToolButton, "copy_code")
    assert first.accessibleName() == "Copy code"
    assert first.accessibleDescription() == "python"
    first.click()
    assert QGuiApplication.clipboard().text() == "def f():\n    return 1"
    second.click()
    assert QGuiApplication.clipboard().text() == "plain"


def test_a_long_line_of_code_is_copied_as_one(browser: MessageBrowser) -> None:
    line = "x" * 10_000
    for pieces in ([f"```\n{line}\nnext\n```\n"], ["```\n", *[line[:3000]] * 3, line[:1000], "\nnext\n"]):
        browser.clear_text()
        write(browser, *pieces)
        browser.findChildren(QToolButton, "copy_code")[0].click()
        assert QGuiApplication.clipboard().text() == f"{line}\nnext"


def test_the_button_stands_over_its_code(browser: MessageBrowser) -> None:
    write(browser, "Above.\n\n```py\nx\n```\n")
    [button] = browser.findChildren(QToolButton, "copy_code")
    line = browser.cursorRect(browser.document().find("x"))
    assert button.isVisible()
    assert browser.cursorRect(browser.document().find("Above")).bottom() <= button.geometry().top()
    assert button.geometry().center().y() < line.top()
    assert browser.width() - 10 <= button.geometry().right() <= browser.width()


def test_the_tab_key_gets_from_the_text_to_the_buttons(browser: MessageBrowser) -> None:
    write(browser, CODE)
    assert [widget.objectName() for widget in browser.tab_chain()] == ["text", "copy_code", "copy_code"]
    assert browser.nextInFocusChain().objectName() in ("qt_scrollarea_viewport", "copy_code")


def test_code_that_is_taken_back_takes_its_button_along(browser: MessageBrowser) -> None:
    write(browser, "- a\n\n      code")
    assert len(browser.tab_chain()) == 2
    write(browser, "\n- b")
    assert len(browser.tab_chain()) == 2
    browser.clear_text()
    write(browser, "none")
    assert len(browser.tab_chain()) == 1


# Maths


def test_maths_is_drawn_and_its_source_is_copied(browser: MessageBrowser, qtbot: QtBot) -> None:
    source = "So $x^2$ and\n\n$$\n\\frac{1}{2}\n$$\n\nand \\(x\\)\\(x\\)."
    write(browser, source)
    qtbot.waitUntil(lambda: drawings(browser) == 4, timeout=PATIENCE)
    assert selected(browser) == source.replace("\n\n", "\n")
    write(browser, " More.")
    assert selected(browser) == source.replace("\n\n", "\n") + " More."


def test_a_part_with_maths_is_copied_with_its_source(browser: MessageBrowser, qtbot: QtBot) -> None:
    write(browser, "one $a$ two $b$ three")
    qtbot.waitUntil(lambda: drawings(browser) == 2, timeout=PATIENCE)
    cursor = browser.document().find("two")
    cursor.setPosition(cursor.selectionStart())
    cursor.movePosition(QTextCursor.MoveOperation.End, QTextCursor.MoveMode.KeepAnchor)
    browser.setTextCursor(cursor)
    assert browser.createMimeDataFromSelection().text() == "two $b$ three"


def test_drawing_while_the_text_goes_on_spoils_nothing(browser: MessageBrowser, qtbot: QtBot) -> None:
    write(browser, "a $x$\n\nb $y$\n\n- c $z$")
    qtbot.waitUntil(lambda: drawings(browser) == 3, timeout=PATIENCE)
    write(browser, " d\n", "- e $x$\n\n", "end")
    assert selected(browser) == "a $x$\nb $y$\n• c $z$ d\n• e $x$\nend"


def test_maths_that_cannot_be_drawn_stays_as_it_was_written(browser: MessageBrowser, qtbot: QtBot) -> None:
    write(browser, "$\\frac{a$ and $x$")
    qtbot.waitUntil(lambda: drawings(browser) == 1, timeout=PATIENCE)
    assert browser.toPlainText().startswith("$\\frac{a$ and ")


def test_nothing_is_loaded_for_maths(browser: MessageBrowser, qtbot: QtBot) -> None:
    write(browser, "$\\includegraphics{/etc/passwd}$ $x$")
    qtbot.waitUntil(lambda: drawings(browser) > 0, timeout=PATIENCE)
    loaded = browser.loadResource(2, "file:///etc/passwd")
    assert isinstance(loaded, QImage)
    assert loaded.size().width() == 1
    block = browser.document().begin()
    assert not any(part.fragment().charFormat().isImageFormat() for part in block)


# Reasoning


def fold(browser: MessageBrowser) -> QToolButton:
    button = browser.findChild(QToolButton, "reasoning_line")
    assert isinstance(button, QToolButton)
    return button


def test_reasoning_is_folded_into_a_line(browser: MessageBrowser) -> None:
    write(browser, "<think>\nHmm.\n</think>\n\nYes.")
    browser.end_writing(12)
    assert fold(browser).text() == "Thought for 12 s"
    assert browser.toPlainText() == "Yes."
    assert browser.answer() == "Yes."
    assert browser.text().startswith("<think>")


def test_while_a_model_thinks_its_last_words_are_in_sight(browser: MessageBrowser) -> None:
    write(browser, "<think>", "one\n", "two", " three")
    assert fold(browser).text() == "Thinking…"
    assert browser.findChild(object, "last_words").text() == "two three"  # type: ignore[attr-defined]
    write(browser, "</think>", "Yes.")
    assert fold(browser).text() == "Thought for 1 s"


def test_thinking_that_was_stopped_is_not_going_on(browser: MessageBrowser) -> None:
    write(browser, "<think>one")
    browser.end_writing()
    assert fold(browser).text() == "Reasoning"


@pytest.mark.parametrize("key", [Qt.Key.Key_Return, Qt.Key.Key_Space])
def test_a_key_unfolds_it(browser: MessageBrowser, qtbot: QtBot, key: Qt.Key) -> None:
    write(browser, "<think>Hmm *so*.</think>Yes.")
    folded = browser.heightForWidth(500)
    state = QAccessible.queryAccessibleInterface(fold(browser)).state()
    assert state.collapsed
    qtbot.keyClick(fold(browser), key)
    while browser.has_work():
        browser.work(time.perf_counter() + 1)
    assert browser.heightForWidth(500) > folded
    assert QAccessible.queryAccessibleInterface(fold(browser)).state().expanded
    inner = browser.findChild(MessageBrowser, "reasoning_text")
    assert isinstance(inner, MessageBrowser)
    assert inner.toPlainText() == "Hmm so."
    assert [widget.objectName() for widget in browser.tab_chain()] == ["reasoning_line", "reasoning_text", "text"]


def test_reasoning_whose_beginning_no_tag_says_is_folded_when_it_ends(browser: MessageBrowser) -> None:
    write(browser, "Let me see.\n", "</th", "ink>", "\n\nYes.")
    assert browser.toPlainText() == "Yes."
    assert fold(browser).text() in ("Reasoning", "Thought for 1 s")


def test_what_might_become_a_tag_is_shown_if_it_does_not(browser: MessageBrowser, qtbot: QtBot) -> None:
    write(browser, "<thi")
    qtbot.waitUntil(lambda: browser.toPlainText() == "<thi")
    write(browser, "s> is text")
    assert browser.toPlainText() == "<this> is text"


def test_empty_reasoning_is_none(browser: MessageBrowser) -> None:
    write(browser, "<think>\n\n</think>\n\nYes.")
    assert browser.findChild(QToolButton, "reasoning_line") is None
    assert browser.toPlainText() == "Yes."


def test_what_is_no_character_is_shown_as_such(browser: MessageBrowser) -> None:
    write(browser, "a\ud800b\ufffec\uffffd")
    assert browser.toPlainText() == "a\ufffdb\ufffdc\ufffdd"
    assert browser.text() == "a\ud800b\ufffec\uffffd"


def test_another_list_stands_apart_from_the_one_before(browser: MessageBrowser) -> None:
    write(browser, "- one\n- two\n\n1. first\n2. second\n")
    above = {line: browser.document().find(line).blockFormat().topMargin() for line in ("two", "first", "second")}
    assert above["first"] > above["two"] == above["second"]
