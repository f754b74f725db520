from __future__ import annotations

import time

from PySide6.QtCore import Qt
from PySide6.QtGui import QTextCursor
from pytestqt.qtbot import QtBot

from app.ui.markdown_stream import MarkdownStream
from app.ui.message_browser import MessageBrowser


def write(browser: MessageBrowser, *pieces: str) -> None:
    for piece in pieces:
        browser.append_text(piece)
        while browser.has_work():
            browser.work(time.perf_counter() + 1)


def test_nothing_is_selected_while_a_reply_is_written(qtbot: QtBot) -> None:
    browser = MessageBrowser(MarkdownStream)
    qtbot.addWidget(browser)
    write(browser, "Small gardens", " hold warm", " water.\n\nAnd", " more.")
    assert not browser.textCursor().hasSelection()
    assert browser.textCursor().position() == 0


def test_what_the_user_selected_stays_selected_while_a_reply_is_written(qtbot: QtBot) -> None:
    browser = MessageBrowser(MarkdownStream)
    qtbot.addWidget(browser)
    write(browser, "Small gardens hold water.\n\nAnd")
    caret = browser.textCursor()
    caret.setPosition(6)
    caret.setPosition(13, QTextCursor.MoveMode.KeepAnchor)
    browser.setTextCursor(caret)
    write(browser, " more", " and more.\n\n", "Still more.")
    assert browser.textCursor().selectedText() == "gardens"


def test_the_link_that_the_tab_key_goes_to_is_to_be_brought_into_sight(qtbot: QtBot) -> None:
    browser = MessageBrowser(MarkdownStream)
    qtbot.addWidget(browser)
    browser.resize(300, 2000)
    write(browser, "word\n\n" * 20 + "[here](https://example.org)")
    with qtbot.waitActive(browser):
        browser.show()
        browser.activateWindow()
    browser.setFocus()
    with qtbot.waitSignal(browser.caret_moved) as moved:
        qtbot.keyClick(browser, Qt.Key.Key_Tab)
    assert browser.textCursor().selectedText() == "here"
    assert moved.args[0].top() > browser.fontMetrics().height() * 20
