"""With a font of twice the size, no word on the screen is cut off."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from PySide6.QtCore import QSize
from PySide6.QtGui import QAction
from PySide6.QtWidgets import (
    QApplication,
    QDialog,
    QLineEdit,
    QListView,
    QPushButton,
    QScrollArea,
    QTabBar,
    QToolButton,
    QWidget,
)

from app.core.conversation import Attachment
from app.core.conversations import ConversationStore, MessageState
from app.core.database import open_database
from app.core.paths import DataPaths
from app.ui import theme
from tests.ui.legible import cut_words
from tests.ui.person import Person

CODE = "Like this:\n\n```python\nprint('hello')\n```\n\n| a | b |\n|---|---|\n| 1 | 2 |\n"
SCALE = 2


@pytest.fixture(autouse=True)
def large_font(qapp: QApplication) -> Iterator[None]:
    """A font of twice the size, and the app's own look."""
    font, style, palette = qapp.font(), qapp.style().objectName(), qapp.palette()
    large = qapp.font()
    large.setPointSizeF(font.pointSizeF() * SCALE)
    qapp.setFont(large)
    for appearance in ("dark", "light"):  # the second one is new, whatever other tests left behind
        theme.apply_appearance(qapp, appearance)
    yield
    theme.apply_appearance(qapp, "system")
    qapp.setFont(font)
    qapp.setStyleSheet("")
    qapp.setPalette(palette)
    qapp.setStyle(style)


@pytest.fixture
def person(start: Callable[..., Person], paths: DataPaths) -> Person:
    """Somebody with conversations, in a window that fills a common screen."""
    connection = open_database(paths.database)
    store = ConversationStore(connection)
    for number in range(3):
        conversation = store.create("You are a helpful, honest assistant.")
        for words, reply in (
            ("What is Python, and what can one do with it in an afternoon?", "A language."),
            ("Show it", CODE),
        ):
            _turn, answer = store.add_exchange(conversation.id, words, "TinyLlama-1.1B-Chat-v1.0 Q4_K_M")
            store.append_text(answer.id, reply)
            store.finish(answer.id, MessageState.COMPLETE, stats={"reply_tokens": 12, "tokens_per_second": 33.0})
        if number == 1:
            store.set_folder(conversation.id, "Work and everything else")
    store.delete(store.create("").id)
    connection.close()
    person = start("echo", "any.gguf")
    person.wait_for(lambda: "any" in person.control(QPushButton, "model").accessibleDescription())
    person.wait_for(lambda: "ready" in person.control(QPushButton, "model").accessibleDescription())
    person.wait_for(lambda: fits(person.window, QSize(1366, 768)))
    return person


def fits(window: QWidget, size: QSize) -> bool:
    """Whether it can be made that small, once all is laid out."""
    window.resize(size)
    return window.size() == size


def settled(window: QWidget) -> list[str]:
    """What is cut once everything has its place."""
    for _ in range(3):
        QApplication.processEvents()
    return cut_words(window)


def dialog_of(person: Person) -> QWidget:
    """The dialog that is open, which fits on the screen."""
    person.wait_for(shown_dialogs)
    dialog = shown_dialogs()[0]
    assert dialog.frameSize().height() <= dialog.screen().availableSize().height()
    return dialog


def shown_dialogs() -> list[QWidget]:
    return [one for one in QApplication.topLevelWidgets() if isinstance(one, QDialog) and one.isVisible()]


def act(person: Person, action: str) -> None:
    """Does what a menu of the window offers in these words."""
    (found,) = [one for one in person.window.findChildren(QAction) if one.text().replace("&", "") == action]
    found.trigger()


@pytest.mark.parametrize("place", ["chat", "library", "settings"])
def test_the_places_show_all_their_words(person: Person, place: str) -> None:
    person.window.show_place(place)
    assert settled(person.window) == []
    assert person.window.width() <= 1366


def test_my_models_show_all_their_words(person: Person) -> None:
    person.window.show_place("library")
    person.control(QTabBar, "library_pages").setCurrentIndex(1)
    assert settled(person.window) == []


def test_the_settings_show_all_their_words_to_the_end(person: Person) -> None:
    person.window.show_place("settings")
    place = person.window.findChild(QScrollArea, "settings_place")
    for share in (2, 1):
        place.verticalScrollBar().setValue(place.verticalScrollBar().maximum() // share)
        assert settled(person.window) == []


def test_what_is_around_a_message_shows_all_its_words(person: Person) -> None:
    composer = person.application._composer
    composer.set_attachments(
        [Attachment("a long name of a file with notes.txt", "words"), Attachment("b.txt", "x" * 5000)]
    )
    composer.show_reading("Reading 3 files…")
    composer.show_problem("This file cannot be attached: photo.jpg holds something other than text.")
    person.window.resize(1366, 900)
    assert settled(person.window) == []
    for name in ("remove_attachment", "cancel_reading"):
        for button in composer.findChildren(QToolButton, name):
            assert button.visibleRegion().boundingRect() == button.rect()


def test_finding_and_searching_show_all_their_words(person: Person) -> None:
    act(person, "Find in this conversation")
    person.control(QLineEdit, "find_in_this_conversation").setText("python")
    assert settled(person.window) == []
    person.control(QLineEdit, "search_conversations").setText("python")
    person.wait_for(lambda: person.window.findChild(QListView, "hits") is not None)
    assert settled(person.window) == []


def test_the_trash_shows_all_its_words(person: Person) -> None:
    person.press("trash")
    assert settled(dialog_of(person)) == []
    dialog_of(person).close()


@pytest.mark.parametrize("action", ["Keyboard shortcuts", "About Paddock"])
def test_what_the_menus_open_shows_all_its_words(person: Person, action: str) -> None:
    act(person, action)
    assert settled(dialog_of(person)) == []
    dialog_of(person).close()


def test_the_details_of_a_message_show_all_their_words(person: Person) -> None:
    reply = person.application.chat._messages()[-1]
    person.application._message_presenter._on_view_details_requested(reply.id)
    assert settled(dialog_of(person)) == []
    dialog_of(person).close()


def test_naming_a_preset_shows_all_its_words(person: Person) -> None:
    person.application._presets._ask_for_name()
    assert settled(dialog_of(person)) == []
    dialog_of(person).close()
