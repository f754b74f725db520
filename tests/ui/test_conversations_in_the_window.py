"""What a person does with conversations and their messages, in the whole window with a scripted engine."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from PySide6.QtCore import QModelIndex, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QAbstractButton,
    QApplication,
    QFileDialog,
    QLabel,
    QLineEdit,
    QListView,
    QMenu,
    QMessageBox,
    QPlainTextEdit,
)

from app.core.conversations import ConversationStore, Message, MessageState
from app.core.database import open_database
from app.ui.message_row import MessageRow
from tests.ui.person import Person

CONTROL, SHIFT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier


class Talker(Person):
    """A person who talks to a model, and looks after what was said."""

    def __init__(self, person: Person, store: ConversationStore) -> None:
        super().__init__(person.application, person.qtbot)
        self.store = store

    # What is on the screen

    def rows(self) -> list[MessageRow]:
        found = [row for row in self.window.findChildren(MessageRow) if row.isVisible()]
        return sorted(found, key=lambda row: row.mapTo(self.window, row.rect().topLeft()).y())

    def texts(self) -> list[str]:
        return [row.browser.text() for row in self.rows()]

    def messages(self) -> list[Message]:
        return self.store.messages(self.application.chat.conversation.id)

    def titles(self) -> list[str]:
        """Of the conversations and the headings in the list, in their order."""
        return [title.partition("\n")[0] for title in self.conversations()]

    def toast(self) -> str:
        return self.control(QLabel, "toast_text").text()

    # What can be done

    def ask(self, text: str) -> None:
        """Sends it, and waits for the reply."""
        count = len(self.messages())
        self.write(text)
        self.wait_for(lambda: len(self.messages()) == count + 2)
        self.wait_until_written()

    def wait_until_written(self) -> None:
        self.wait_for(lambda: not self.application.chat.is_writing)

    def act(self, place: int, action: str) -> None:
        """Clicks a button of a message, which is at that place on the screen."""
        self.wait_for(lambda: len(self.rows()) > place)
        row = self.rows()[place]
        (button,) = [one for one in row.findChildren(QAbstractButton, action) if one.isVisible()]
        self.wait_for(button.isEnabled)
        self.qtbot.mouseClick(button, Qt.MouseButton.LeftButton)

    def act_in_menu(self, place: int, action: str) -> None:
        self.act(place, "more")
        menu = self.rows()[place].findChild(QMenu, "more_menu")
        (item,) = [one for one in menu.actions() if one.objectName() == action]
        item.trigger()
        menu.close()

    def edit(self, place: int, text: str) -> None:
        self.act(place, "edit")
        box = self.control(QPlainTextEdit, "edit_message")
        box.selectAll()
        self.qtbot.keyClicks(box, text)
        self.qtbot.keyClick(box, Qt.Key.Key_Return)

    def undo(self) -> None:
        self.qtbot.mouseClick(self.sees_button("Undo"), Qt.MouseButton.LeftButton)

    def menu(self, text: str) -> None:
        """Chooses what is called so from the menu bar."""
        actions = (action for menu in self.window.menuBar().actions() for action in menu.menu().actions())
        next(action for action in actions if action.text().replace("&", "") == text).trigger()

    def list(self) -> QListView:
        view = self.control(QListView, "conversations")
        self.window.activateWindow()
        view.setFocus()
        self.wait_for(view.hasFocus)
        return view

    def search(self, text: str) -> QListView:
        box = self.control(QLineEdit, "search_conversations")
        box.clear()
        self.qtbot.keyClicks(box, text)
        self.wait_for(lambda: self.window.findChild(QListView, "hits") is not None)
        return self.control(QListView, "hits")


@pytest.fixture
def talk(start, paths) -> Callable[..., Talker]:
    connections = []

    def begin(behaviour: str = "floods", file: str = "any.gguf") -> Talker:
        connections.append(open_database(paths.database))
        talker = Talker(start(behaviour, file=file), ConversationStore(connections[-1]))
        talker.wait_for(lambda: talker.status().startswith("Ready"))
        return talker

    yield begin
    for connection in connections:
        connection.close()


@pytest.fixture
def kept(paths) -> Callable[..., str]:
    """Makes a conversation that is there before the start, and returns its id."""

    def keep(*texts: str, title: str = "") -> str:
        connection = open_database(paths.database)
        store = ConversationStore(connection)
        conversation = store.create("Be brief.")
        for words, answer in zip(texts[::2], texts[1::2], strict=True):
            _turn, reply = store.add_exchange(conversation.id, words, "Tiny Q4_K_M")
            store.append_text(reply.id, answer)
            store.finish(reply.id, MessageState.COMPLETE, stats={"reply_tokens": 7, "seed": 99})
        store.rename(conversation.id, title)
        connection.close()
        return conversation.id

    return keep


# Messages


def test_an_edited_message_is_answered_anew_and_the_old_words_stay_a_click_away(talk, kept):
    kept("Where to?", "To Rome.", "And then?", "Home.")
    person = talk()
    person.wait_for(lambda: len(person.rows()) == 4)
    person.edit(0, "Where from?")
    person.wait_until_written()
    person.wait_for(lambda: len(person.rows()) == 2)
    assert person.texts()[0] == "Where from?"
    assert person.messages()[1].text.startswith("0 1 2 ")
    person.act(0, "previous_version")
    person.wait_for(lambda: person.texts() == ["Where to?", "To Rome.", "And then?", "Home."])
    person.act(0, "next_version")
    person.wait_for(lambda: person.texts()[0] == "Where from?")


def test_an_edited_reply_is_another_version_that_nobody_answers(talk, kept):
    kept("Where to?", "To Rome.")
    person = talk()
    person.edit(1, "To Paris.")
    person.wait_for(lambda: person.texts() == ["Where to?", "To Paris."])
    assert not person.application.chat.is_writing
    person.act(1, "previous_version")
    person.wait_for(lambda: person.texts() == ["Where to?", "To Rome."])


def test_a_reply_is_written_again_and_gone_on_with(talk, kept):
    kept("Count", "Well, ")
    person = talk()
    person.act(1, "continue")
    person.wait_for(lambda: person.application.chat.is_writing)
    person.wait_until_written()
    assert person.messages()[1].text.startswith("Well, 0 1 2 ")
    person.act(1, "regenerate")
    person.wait_for(lambda: person.application.chat.is_writing)
    person.wait_until_written()
    first, second = person.messages()[1].versions
    assert person.messages()[1].id == second
    assert person.messages()[1].text.startswith("0 1 2 ")
    person.act(1, "previous_version")
    person.wait_for(lambda: person.messages()[1].id == first)


def test_a_deleted_message_comes_back_with_undo(talk, kept):
    kept("One", "1", "Two", "2")
    person = talk()
    person.act(2, "delete")
    person.wait_for(lambda: person.texts() == ["One", "1", "2"])
    assert person.toast() == "Message deleted"
    person.undo()
    person.wait_for(lambda: person.texts() == ["One", "1", "Two", "2"])


def test_the_menu_undoes_what_was_deleted_last_and_only_that(talk, kept):
    kept("One", "1")
    old = kept("Old", "0")
    person = talk()
    person.application._chat_presenter.open_conversation(old)
    person.list()
    person.qtbot.keyClick(person.list(), Qt.Key.Key_Delete)
    person.wait_for(lambda: person.texts() == ["One", "1"])
    person.act(1, "delete")
    person.wait_for(lambda: person.texts() == ["One"])
    person.menu("Undo delete")
    person.wait_for(lambda: person.texts() == ["One", "1"])
    person.menu("Undo delete")
    assert person.titles() == ["One"]


def test_a_message_comes_back_to_its_conversation_when_another_is_shown(talk, kept):
    other = kept("Other", "0")
    kept("One", "1")
    person = talk()
    person.act(1, "delete")
    person.wait_for(lambda: person.texts() == ["One"])
    person.application._chat_presenter.open_conversation(other)
    person.wait_for(lambda: person.texts() == ["Other", "0"])
    person.undo()
    person.wait_for(lambda: person.texts() == ["One", "1"])


def test_a_message_whose_version_was_deleted_comes_back_once_the_reply_is_written(talk, kept):
    kept("One", "1")
    person = talk("paced")
    person.edit(1, "first")
    person.wait_for(lambda: person.texts() == ["One", "first"])
    person.act(1, "delete")
    person.wait_for(lambda: person.texts() == ["One", "1"])
    person.write("Go on")
    person.wait_for(lambda: person.application.chat.is_writing)
    person.menu("Undo delete")
    assert "once the reply is written" in person.toast()
    person.press("stop")
    person.wait_until_written()
    person.wait_for(lambda: person.texts() == ["One", "first"])
    person.act(1, "previous_version")
    person.wait_for(lambda: person.texts()[:3] == ["One", "1", "Go on"])


def test_a_pinned_message_says_so_until_it_is_not(talk, kept):
    kept("One", "1")
    person = talk()
    person.act_in_menu(0, "pin")
    person.wait_for(lambda: person.messages()[0].pinned)
    person.wait_for(lambda: any("Pinned" in label.text() for label in person.rows()[0].findChildren(QLabel)))
    person.act_in_menu(0, "unpin")
    person.wait_for(lambda: not person.messages()[0].pinned)


def test_a_fork_goes_its_own_way(talk, kept):
    kept("One", "1", "Two", "2", title="The way")
    person = talk()
    person.act_in_menu(1, "fork_from_here")
    person.wait_for(lambda: person.texts() == ["One", "1"])
    person.ask("Three")
    assert [message.text for message in person.messages()][:3] == ["One", "1", "Three"]
    assert person.titles() == ["The way", "The way"]


def test_the_details_say_how_a_reply_came_about_and_show_the_exact_prompt(talk, kept):
    kept("Where to?", "To Rome.", "And then?", "Home.")
    person = talk()
    person.act_in_menu(3, "details")
    person.wait_for(lambda: person.window.findChild(QLabel, "quant") is not None)
    assert person.control(QLabel, "quant").text() == "Q4_K_M"
    person.press("show_the_exact_prompt")
    prompt = person.control(QPlainTextEdit, "exact_prompt")
    assert prompt.toPlainText() == "<system>Be brief.\n<user>Where to?\n<assistant>To Rome.\n<user>And then?"
    person.press("close")
    person.wait_for(lambda: not prompt_is_open(person))


def prompt_is_open(person: Talker) -> bool:
    return any(box.isVisible() for box in person.window.findChildren(QPlainTextEdit, "exact_prompt"))


@pytest.mark.parametrize(("behaviour", "words"), [("full", "filled"), ("too_long", "too long")])
def test_a_prompt_that_does_not_fit_is_told_in_words(talk, kept, behaviour, words):
    kept("Where to?", "To Rome.")
    person = talk(behaviour)
    person.act_in_menu(1, "details")
    person.press("show_the_exact_prompt")
    details = person.application._message_presenter._details
    problem = details.findChild(QLabel, "problem")
    person.wait_for(lambda: words in problem.text())
    details.reject()


def test_without_a_model_the_details_say_what_the_prompt_needs(start, kept):
    kept("Where to?", "To Rome.")
    plain = start("refuses", file="notes.txt")
    plain.wait_for(lambda: "not a GGUF model" in plain.status())
    plain.wait_for(lambda: len(plain.window.findChildren(MessageRow)) == 2)
    presenter = plain.application._message_presenter
    presenter._on_view_details_requested(plain.application.chat._messages()[1].id)
    plain.press("show_the_exact_prompt")
    assert "needs a model" in presenter._details.findChild(QLabel, "problem").text()
    presenter._details.reject()


# Conversations


def test_what_is_looked_for_is_found_as_one_types_and_opened_where_it_stands(talk, kept):
    kept(
        *(["Say it", "word " * 300] * 10),
        "Where?",
        "On the bank of the\nriver, by night.",
        *(["More", "x " * 300] * 10),
    )
    kept("Another", "one")
    person = talk()
    hits = person.search("river")
    person.wait_for(lambda: hits.model().rowCount() == 1)
    assert person.search("the RIVER") is hits
    person.wait_for(lambda: hits.model().rowCount() == 1)
    person.qtbot.keyClick(person.control(QLineEdit, "search_conversations"), Qt.Key.Key_Return)
    person.wait_for(lambda: any("river" in text for text in person.texts()))
    (row,) = [row for row in person.rows() if "river" in row.browser.text()]
    person.wait_for(lambda: row.visibleRegion().boundingRect().height() > 0)
    person.qtbot.keyClicks(person.control(QLineEdit, "search_conversations"), "zzz")
    person.wait_for(lambda: hits.model().rowCount() == 0)


def test_a_hit_in_a_version_that_is_not_shown_shows_it(talk, kept):
    kept("Where to?", "To Rome.")
    person = talk()
    person.edit(1, "To Paris.")
    person.wait_for(lambda: person.texts() == ["Where to?", "To Paris."])
    hits = person.search("to rome")
    person.wait_for(lambda: hits.model().rowCount() == 1)
    person.qtbot.keyClick(person.control(QLineEdit, "search_conversations"), Qt.Key.Key_Return)
    person.wait_for(lambda: person.texts() == ["Where to?", "To Rome."])


def test_a_conversation_is_pinned_archived_and_taken_out_again(talk, kept):
    for words in ("One", "Two", "Three"):
        kept(words, "x")
    person = talk()
    person.wait_for(lambda: "Three" in person.titles())
    view = person.list()
    view.setCurrentIndex(index_of(view, "One"))
    person.qtbot.keyClick(view, Qt.Key.Key_P, CONTROL | SHIFT)
    person.wait_for(lambda: person.store.conversations()[0].title == "One")
    view.setCurrentIndex(index_of(view, "Two"))
    person.qtbot.keyClick(view, Qt.Key.Key_A, CONTROL | SHIFT)
    person.wait_for(lambda: [one.archived for one in person.store.conversations() if one.title == "Two"] == [True])
    assert person.texts() == ["Two", "x"]  # it stays open
    view.setCurrentIndex(index_of(view, "Archive"))
    person.qtbot.keyClick(view, Qt.Key.Key_Right)
    view.setCurrentIndex(index_of(view, "Two"))
    person.qtbot.keyClick(view, Qt.Key.Key_A, CONTROL | SHIFT)
    person.wait_for(lambda: not any(one.archived for one in person.store.conversations()))


def index_of(view: QListView, title: str) -> QModelIndex:
    model = view.model()
    rows = (model.index(row, 0) for row in range(model.rowCount()))
    return next(index for index in rows if str(index.data()).startswith(title))


def delete_from_list(person: Talker, title: str) -> None:
    view = person.list()
    view.setCurrentIndex(index_of(view, title))
    person.qtbot.keyClick(view, Qt.Key.Key_Delete)
    person.wait_for(lambda: title not in person.titles())


def test_a_conversation_comes_back_from_the_trash(talk, kept):
    kept("One", "1")
    kept("Two", "2")
    person = talk()
    delete_from_list(person, "One")
    person.press("trash")
    person.press("restore")
    person.wait_for(lambda: "One" in person.titles())
    person.press("close")
    person.wait_for(lambda: person.texts() == ["One", "1"])


def test_what_was_deleted_for_good_cannot_be_brought_back(talk, kept):
    kept("One", "1")
    kept("Two", "2")
    person = talk()
    delete_from_list(person, "One")
    person.press("trash")
    person.press("delete_for_good")
    question = person.control(QMessageBox, "delete_for_good_question")
    (sure,) = [button for button in question.buttons() if button.text() == "Delete for good"]
    person.qtbot.mouseClick(sure, Qt.MouseButton.LeftButton)
    person.wait_for(lambda: not person.store.trash())
    person.press("close")
    person.menu("Undo delete")
    assert "One" not in person.titles()


# Files


def test_a_conversation_goes_into_a_file_and_comes_back(talk, kept, tmp_path):
    kept("Where to?", "To Rome.", title="The way")
    person = talk()
    person.menu("Export conversation…")
    dialog = person.control(QFileDialog, "conversation_file")
    json = next(one for one in dialog.nameFilters() if "json" in one)
    dialog.selectNameFilter(json)
    dialog.filterSelected.emit(json)
    dialog.setDirectory(str(tmp_path))
    dialog.accept()
    path = tmp_path / "The way.json"
    person.wait_for(path.is_file)
    person.wait_for(lambda: str(path) in person.toast())
    person.application._files.read([path])
    person.wait_for(lambda: person.titles() == ["The way", "The way"])
    assert person.toast() == "Conversations imported: 1"
    assert person.texts() == ["Where to?", "To Rome."]


def test_a_file_that_holds_no_conversation_is_refused_in_words(talk, tmp_path):
    person = talk()
    path = tmp_path / "notes.json"
    path.write_text("hello")
    person.application._files.read([path])
    person.wait_for(lambda: "It is not JSON. Paddock reads" in person.toast())


def test_print_asks_for_a_printer(talk, kept):
    kept("Where to?", "To Rome.")
    person = talk()
    QTest.keyClick(person.window, Qt.Key.Key_P, CONTROL)
    person.wait_for(lambda: any(one.objectName() == "print_conversation" for one in QApplication.topLevelWidgets()))
    next(one for one in QApplication.topLevelWidgets() if one.objectName() == "print_conversation").reject()
