"""Text files go with a message, however slow the drive they are on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event

import pytest
from PySide6.QtWidgets import QLabel, QToolButton, QWidget

from app.core.conversation import Attachment
from app.core.conversations import ConversationStore
from app.core.database import open_database
from app.core.recent_models import RecentModels
from app.core.settings import Settings
from app.core.text_files import MOST_FILES, read_text_files
from app.engine.jobs import JobRunner
from app.ui import attachment_presenter
from app.ui.attachment_presenter import AttachmentPresenter
from app.ui.chat_session import ChatSession
from app.ui.composer import Composer
from app.ui.model_session import ModelSession

TIMEOUT = 20_000
NOTES, TABLE = Attachment("notes.txt", "some words\n"), Attachment("table.csv", "1,2\n")


class Desk:
    """A composer in front of a chat session."""

    def __init__(self, database, engine, qtbot, folder: Path) -> None:
        self.qtbot = qtbot
        self.folder = folder
        self.store = ConversationStore(database)
        self.models = ModelSession(engine, RecentModels(database), lambda _path: Settings())
        self.session = ChatSession(self.store, engine, self.models, Settings)
        self.session.open(self.store.create("").id)
        self.jobs = JobRunner()
        self.composer = Composer()
        qtbot.addWidget(self.composer)
        self.composer.resize(600, 50)
        self.composer.show()
        self.presenter = AttachmentPresenter(self.session, self.models, engine, self.jobs, self.composer)

    def file(self, attachment: Attachment) -> Path:
        path = self.folder / attachment.name
        path.write_text(attachment.text)
        return path

    def load(self) -> None:
        with self.qtbot.waitSignal(self.models.loaded, timeout=TIMEOUT):
            self.models.open("any.gguf")

    def wait_for(self, condition: Callable[[], object]) -> None:
        self.qtbot.waitUntil(lambda: bool(condition()), timeout=TIMEOUT)

    def problem(self) -> str:
        label = self.composer.findChild(QLabel, "problem")
        return label.text() if label.isVisible() else ""

    def chips(self) -> list[str]:
        chips = self.composer.findChildren(QWidget, "attachment")
        return [chip.accessibleName() for chip in chips if chip.isVisible()]

    def cancel(self) -> None:
        self.composer.findChild(QToolButton, "cancel_reading").click()


@pytest.fixture
def desk(paths, start_engine, qtbot, tmp_path: Path) -> Iterator[Desk]:
    connection = open_database(paths.database)
    desk = Desk(connection, start_engine("echo"), qtbot, tmp_path)
    yield desk
    desk.jobs.close()
    connection.close()


@pytest.fixture
def drive(monkeypatch) -> Iterator[Event]:
    """A drive that gives nothing until this is set."""
    answers = Event()

    def read(paths, others):
        answers.wait()
        return read_text_files(paths, others)

    monkeypatch.setattr(attachment_presenter, "read_text_files", read)
    yield answers
    answers.set()


def test_files_are_read_in_the_background_and_added_in_their_order(desk: Desk) -> None:
    desk.composer.attach_requested.emit([desk.file(NOTES), desk.file(TABLE)])
    assert desk.composer.attachments() == ()
    desk.wait_for(lambda: desk.composer.attachments() == (NOTES, TABLE))


def test_the_window_goes_on_while_a_drive_does_not_answer(desk: Desk, drive: Event) -> None:
    desk.composer.set_text("Words")
    desk.presenter.read([desk.file(NOTES)])
    sent: list[str] = []
    desk.composer.send_requested.connect(sent.append)
    desk.composer._on_box_enter_pressed()
    assert sent == []
    desk.wait_for(lambda: desk.chips() == ["Reading notes.txt…"])
    desk.presenter.read([desk.file(TABLE)])
    drive.set()
    desk.wait_for(lambda: desk.composer.attachments() == (NOTES, TABLE))
    desk.wait_for(lambda: desk.chips() == ["notes.txt, 11 B", "table.csv, 4 B"])
    desk.composer._on_box_enter_pressed()
    assert sent == ["Words"]


def test_a_file_that_is_not_waited_for_does_not_come_later(desk: Desk, drive: Event) -> None:
    desk.presenter.read([desk.file(NOTES)])
    desk.presenter.read([desk.file(TABLE)])
    desk.wait_for(lambda: desk.chips() == ["Reading 2 files…"])
    desk.cancel()
    desk.wait_for(lambda: desk.chips() == [])
    drive.set()
    desk.presenter.read([desk.file(TABLE)])
    desk.wait_for(lambda: desk.composer.attachments() == (TABLE,))


def test_files_stay_with_the_conversation_that_they_were_chosen_for(desk: Desk, drive: Event) -> None:
    first = desk.session.conversation.id
    desk.presenter.read([desk.file(NOTES)])
    desk.wait_for(desk.chips)
    desk.session.open(desk.store.create("").id)
    assert desk.chips() == []
    with desk.qtbot.waitSignal(desk.presenter.read_for_another, timeout=TIMEOUT) as told:
        drive.set()
    assert told.args == [first, [NOTES]]
    assert desk.composer.attachments() == ()


def test_what_cannot_be_attached_is_said_and_the_rest_is_attached(desk: Desk) -> None:
    binary = desk.folder / "photo.jpg"
    binary.write_bytes(b"\xff\xd8\xff\0")
    desk.presenter.read([binary, desk.file(NOTES)])
    desk.wait_for(lambda: desk.composer.attachments() == (NOTES,))
    assert "photo.jpg holds something other than text" in desk.problem()


def test_many_problems_are_counted(desk: Desk) -> None:
    desk.presenter.read([desk.folder / f"{number}.txt" for number in range(9)])
    desk.wait_for(desk.problem)
    assert desk.problem().count("\n") == 3
    assert desk.problem().endswith("Not attached besides: 6")


def test_there_is_an_end_to_how_much_goes_with_a_message(desk: Desk) -> None:
    desk.presenter.read([desk.file(NOTES)] * (MOST_FILES + 1))
    desk.wait_for(desk.problem)
    assert len(desk.composer.attachments()) == MOST_FILES
    assert f"At most {MOST_FILES} files" in desk.problem()
    desk.composer.set_attachments([Attachment("long.txt", "x" * 2 * 2**20)])
    desk.presenter.read([desk.file(NOTES)])
    desk.wait_for(lambda: "With notes.txt the files would be larger than 2 MiB" in desk.problem())
    assert len(desk.composer.attachments()) == 1


def test_each_file_shows_what_it_is_for_the_model(desk: Desk) -> None:
    desk.composer.set_attachments([NOTES])
    assert desk.chips() == ["notes.txt, 11 B"]
    desk.load()
    desk.wait_for(lambda: desk.chips() == ["notes.txt, 11 B, 5 tokens"])  # its name and fence are given as well
    desk.composer.add_attachments([TABLE])
    desk.wait_for(lambda: desk.chips()[1] == "table.csv, 4 B, 4 tokens")
    with desk.qtbot.waitSignal(desk.models.unloaded, timeout=TIMEOUT):
        desk.models.unload()
    assert desk.chips() == ["notes.txt, 11 B", "table.csv, 4 B"]
