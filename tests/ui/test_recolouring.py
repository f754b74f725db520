"""The open window takes on another look at once, all of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QTextFragment
from PySide6.QtWidgets import QApplication, QWidget

from app.core.conversations import ConversationStore, MessageState
from app.core.database import open_database
from app.core.paths import DataPaths
from app.ui.message_browser import MessageBrowser
from app.ui.theme import DARK, DARK_CONTRAST, LIGHT, LIGHT_CONTRAST, Colours
from tests.ui.person import Person

REPLY = (
    "<think>Hm.</think>\n\nSee [this](https://a.example) and `that`:\n\n```python\nprint('hello')\n```\n\n> quoted\n"
)


@pytest.fixture
def person(start: Callable[..., Person], paths: DataPaths, qapp: QApplication) -> Iterator[Person]:
    style, palette = qapp.style().objectName(), qapp.palette()
    connection = open_database(paths.database)
    store = ConversationStore(connection)
    _turn, answer = store.add_exchange(store.create("").id, "Show it", "Tiny Q4")
    store.append_text(answer.id, REPLY)
    store.finish(answer.id, MessageState.COMPLETE)
    connection.close()
    yield start("echo")
    qapp.setStyleSheet("")
    qapp.setPalette(palette)
    qapp.setStyle(style)


def code_colours(person: Person) -> set[str]:
    """Of the code in sight."""
    found = set()
    for browser in person.window.findChildren(MessageBrowser):
        block = browser.document().begin()
        while block.isValid():
            found |= {one.format.foreground().color().name() for one in block.layout().formats()}
            block = block.next()
    return found


def written_colours(person: Person) -> set[str]:
    """Of the texts in sight that have a colour of their own, and of what is behind them."""
    found = set()
    for browser in person.window.findChildren(MessageBrowser):
        block = browser.document().begin()
        while block.isValid():
            for part in block:
                fragment: QTextFragment = part.fragment()
                style = fragment.charFormat()
                for brush in (style.foreground(), style.background()):
                    if brush.style() != Qt.BrushStyle.NoBrush:
                        found.add(brush.color().name())
            block = block.next()
    return found


def ground(widget: QWidget) -> str:
    return widget.grab().toImage().pixelColor(2, widget.height() - 3).name()


def test_a_change_of_the_appearance_reaches_everything_in_the_window(person: Person) -> None:
    previous: Colours | None = None
    looks = {"dark_contrast": DARK_CONTRAST, "light": LIGHT, "light_contrast": LIGHT_CONTRAST, "dark": DARK}
    for appearance, look in looks.items():
        settings = person.application.settings
        settings.change(replace(settings.shared(), appearance=appearance))
        person.wait_for(lambda look=look: code_colours(person) >= {look.code_string, look.code_builtin})
        person.wait_for(lambda look=look: written_colours(person) >= {look.accent, look.code})
        if previous is not None:
            assert not code_colours(person) & {previous.code_string, previous.code_builtin}
            assert not written_colours(person) & {previous.accent, previous.code}
        assert ground(person.window) == QColor(look.window).name()
        previous = look
