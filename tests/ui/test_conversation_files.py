"""Conversations go into files and come back, in the background."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest
from PySide6.QtPrintSupport import QPrintDialog, QPrinter
from PySide6.QtWidgets import QFileDialog, QWidget

from app.core.conversations import ConversationStore, MessageState
from app.core.database import open_database
from app.core.errors import StorageError
from app.core.exports import CannotExport, CannotPrint
from app.core.imports import CannotImport
from app.engine.jobs import JobRunner
from app.ui.conversation_files import Added, ConversationFiles
from tests.downloading import largest_file

TIMEOUT = 20_000
ENDINGS = [".md", ".html", ".pdf", ".json"]
BEGINNINGS = {".md": b"# What is this?\n", ".html": b"<!doctype html>", ".pdf": b"%PDF-", ".json": b'{"format"'}


class Desk:
    """The files of a store, and what they told."""

    def __init__(self, paths, qtbot, folder: Path) -> None:
        self.folder = folder
        self.qtbot = qtbot
        self.connection = open_database(paths.database)
        self.store = ConversationStore(self.connection)
        self.jobs = JobRunner()
        self.window = QWidget()
        qtbot.addWidget(self.window)
        self.files = ConversationFiles(paths.database, self.jobs, self.window)

    def talk(self, words: str = "What is this?", answer: str = "A file.") -> str:
        conversation = self.store.create("Be brief.")
        _turn, reply = self.store.add_exchange(conversation.id, words, "Tiny Q4")
        self.store.append_text(reply.id, answer)
        self.store.finish(reply.id, MessageState.COMPLETE)
        return conversation.id

    def write(self, ids: list[str] | None, path: Path, ending: str = "") -> Path:
        with self.qtbot.waitSignal(self.files.exported, timeout=TIMEOUT) as told:
            self.files.write(ids, path, ending)
        return Path(told.args[0])

    def read(self, *paths: Path) -> Added:
        with self.qtbot.waitSignal(self.files.imported, timeout=TIMEOUT) as told:
            self.files.read(paths)
        return told.args[0]

    def failure(self, wish, *arguments):
        with self.qtbot.waitSignal(self.files.failed, timeout=TIMEOUT) as told:
            wish(*arguments)
        return told.args[0]

    def dialog(self, kind: type = QFileDialog):
        (dialog,) = self.window.findChildren(kind)
        return dialog


def names_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


@pytest.fixture
def desk(paths, qtbot, tmp_path):
    folder = tmp_path / "Exports of Zoë"
    folder.mkdir()
    desk = Desk(paths, qtbot, folder)
    yield desk
    desk.jobs.close()
    desk.connection.close()


@pytest.mark.parametrize("ending", ENDINGS)
def test_one_conversation_is_written_in_the_format_of_its_name(desk, ending):
    path = desk.folder / f"talk{ending}"
    assert desk.write([desk.talk()], path) == path
    assert path.read_bytes().startswith(BEGINNINGS[ending])
    assert names_in(desk.folder) == {path.name}


def test_a_name_without_an_ending_gets_the_format_that_was_chosen(desk):
    path = desk.write([desk.talk()], desk.folder / "version 2.0", ".pdf")
    assert path.read_bytes().startswith(b"%PDF-")
    assert desk.write([desk.talk()], desk.folder / "notes").read_text().startswith("# What is this?")


def test_what_was_there_before_is_replaced_as_a_whole(desk):
    path = desk.folder / "talk.md"
    path.write_text("x" * 10_000)
    desk.write([desk.talk()], path)
    assert "x" * 10 not in path.read_text()


@pytest.mark.parametrize("ending", ENDINGS[:3])
def test_all_of_them_go_into_a_new_folder_each_under_its_title(desk, ending):
    for words in ("Same", "same", "a/b: c?", "CON"):
        desk.talk(words)
    desk.store.create("")  # in which nothing was said
    desk.store.delete(desk.talk("In the trash"))
    folder = desk.write(None, desk.folder / f"All{ending}")
    assert folder == desk.folder / "All"
    names = {"a b c", "Conversation", "same", "Same 2"}
    assert names_in(folder) == {f"{name}{ending}" for name in names}


def test_a_folder_that_is_there_is_left_alone(desk):
    desk.talk("Mine")
    theirs = desk.folder / "All" / "Mine.md"
    theirs.parent.mkdir()
    theirs.write_text("theirs")
    assert desk.write(None, desk.folder / "All.md") == desk.folder / "All 2"
    assert theirs.read_text() == "theirs"


def test_all_of_them_come_back_from_json_as_they_were(desk):
    first, second = desk.talk("One", "1"), desk.talk("Two", "2")
    desk.store.set_archived(first, True)
    path = desk.write(None, desk.folder / "all.json")
    for one in (first, second):
        desk.store.delete(one)
    added = desk.read(path)
    assert (len(added.ids), added.left_out) == (2, 0)
    assert sorted((one.title, one.archived) for one in desk.store.conversations()) == [("One", True), ("Two", False)]
    assert [message.text for message in desk.store.messages(added.ids[0])] in (["One", "1"], ["Two", "2"])


def test_what_makes_no_sense_in_a_file_is_counted(desk):
    path = desk.folder / "all.json"
    good = {"title": "Good", "messages": [{"id": "a", "role": "user", "text": "Hi"}]}
    path.write_text(json.dumps({"format": "paddock-conversations", "version": 1, "conversations": [{}, good, {}]}))
    added = desk.read(path)
    assert (len(added.ids), added.left_out) == (1, 2)


def test_several_files_come_in_at_once_and_one_that_makes_no_sense_stops_no_other(desk):
    paths = []
    for title in ("One", "Two"):
        good = {"title": title, "messages": [{"id": "a", "role": "user", "text": "Hi"}]}
        paths.append(desk.folder / f"{title}.json")
        text = json.dumps({"format": "paddock-conversations", "version": 1, "conversations": [good]})
        paths[-1].write_text(text)
    bad = desk.folder / "bad.chat"
    bad.write_bytes(b"\xf5\xd5\x53\xccbad")
    added = desk.read(paths[0], bad, paths[1])
    assert (len(added.ids), added.left_out, added.failure) == (2, 1, None)
    assert sorted(one.title for one in desk.store.conversations()) == ["One", "Two"]


def test_files_are_chosen_by_the_kinds_that_can_be_read(desk):
    desk.files.ask_import()
    dialog = desk.dialog()
    assert dialog.fileMode() == QFileDialog.FileMode.ExistingFiles
    assert all(kind in dialog.nameFilters()[0] for kind in ("*.json", "*.jsonl", "*.chat"))
    path = desk.folder / "one.json"
    good = {"title": "One", "messages": [{"id": "a", "role": "user", "text": "Hi"}]}
    path.write_text(json.dumps({"format": "paddock-conversations", "version": 1, "conversations": [good]}))
    with desk.qtbot.waitSignal(desk.files.imported, timeout=TIMEOUT) as told:
        dialog.filesSelected.emit([str(path)])
    assert len(told.args[0].ids) == 1


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_folder_that_cannot_be_written_to_is_told_in_words(desk, ending):
    talk = desk.talk()
    missing = desk.folder / "missing" / f"talk{ending}"
    for ids in ([talk], None):
        error = desk.failure(desk.files.write, ids, missing)
        assert isinstance(error, CannotExport)
        assert isinstance(error, StorageError)
        assert "missing" in error.detail
        assert "another place" in error.hint
    assert names_in(desk.folder) == set()


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.skipif(sys.platform == "win32", reason="has no such limit")
def test_a_disk_without_room_keeps_what_was_there(desk, ending):
    talk = desk.talk("What is this?", "A long answer. " * 20_000)
    path = desk.folder / f"talk{ending}"
    path.write_text("before")
    with largest_file(20_000):
        error = desk.failure(desk.files.write, [talk], path)
    assert isinstance(error, CannotExport)
    assert path.read_text() == "before"
    assert names_in(desk.folder) == {path.name}


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"", "not JSON"), (b"\x00\xff\xfe", "not JSON"), (b"{}", "none of the formats"), (b"[" * 99_999, "nested too")],
)
def test_a_file_that_holds_none_says_why(desk, content, reason):
    path = desk.folder / "all.json"
    path.write_bytes(content)
    error = desk.failure(desk.files.read, [path])
    assert isinstance(error, CannotImport)
    assert reason in error.detail


def test_what_is_no_file_is_not_waited_for(desk):
    assert isinstance(desk.failure(desk.files.read, [desk.folder]), CannotImport)
    assert isinstance(desk.failure(desk.files.read, [desk.folder / "gone.json"]), CannotImport)
    if hasattr(os, "mkfifo"):
        os.mkfifo(desk.folder / "pipe.json")
        assert isinstance(desk.failure(desk.files.read, [desk.folder / "pipe.json"]), CannotImport)


def test_a_file_larger_than_any_export_is_not_read(desk):
    path = desk.folder / "all.json"
    with path.open("wb") as file:
        file.truncate(1 << 40)  # nothing of it is on the disk
    assert "larger" in desk.failure(desk.files.read, [path]).detail


def test_what_was_added_before_the_disk_was_full_is_told_as_well(desk):
    path = desk.folder / "all.json"
    conversations = [
        {"title": str(number), "messages": [{"id": "a", "role": "user", "text": "x" * size}]}
        for number, size in enumerate((10, 3_000_000))
    ]
    path.write_text(json.dumps({"format": "paddock-conversations", "version": 1, "conversations": conversations}))
    with largest_file(1_000_000), desk.qtbot.waitSignal(desk.files.imported, timeout=TIMEOUT) as told:
        error = desk.failure(desk.files.read, [path])
    assert isinstance(error, StorageError)
    assert len(told.args[0].ids) == 1
    assert [one.title for one in desk.store.conversations()] == ["0"]


# Dialogs


def test_the_name_follows_the_format_that_is_chosen(desk):
    desk.files.export(desk.talk(), "What is v2.0?")
    dialog = desk.dialog()
    assert Path(dialog.selectedFiles()[0]).name == "What is v2.0.md"
    pdf = next(one for one in dialog.nameFilters() if ".pdf" in one)
    dialog.selectNameFilter(pdf)
    dialog.filterSelected.emit(pdf)
    assert Path(dialog.selectedFiles()[0]).name == "What is v2.0.pdf"
    dialog.setDirectory(str(desk.folder))
    with desk.qtbot.waitSignal(desk.files.exported, timeout=TIMEOUT):
        dialog.accept()
    assert (desk.folder / "What is v2.0.pdf").read_bytes().startswith(b"%PDF-")


def test_all_of_them_are_proposed_as_json(desk):
    desk.talk()
    desk.files.export_all()
    dialog = desk.dialog()
    assert Path(dialog.selectedFiles()[0]).name == "Conversations.json"
    dialog.setDirectory(str(desk.folder))
    with desk.qtbot.waitSignal(desk.files.exported, timeout=TIMEOUT):
        dialog.accept()
    assert (desk.folder / "Conversations.json").is_file()


def test_a_printer_is_asked_for(desk):
    desk.files.ask_print(desk.talk(), "On: paper")
    dialog = desk.dialog(QPrintDialog)
    assert dialog.isVisible()
    assert dialog.printer().docName() == "On paper"
    dialog.reject()


def printer_into(path: Path) -> QPrinter:
    printer = QPrinter(QPrinter.PrinterMode.ScreenResolution)
    printer.setOutputFormat(QPrinter.OutputFormat.PdfFormat)
    printer.setOutputFileName(str(path))
    return printer


def test_a_printer_that_was_chosen_prints(desk):
    with desk.qtbot.waitSignal(desk.files.printed, timeout=TIMEOUT):
        desk.files.print_to(desk.talk(), printer_into(desk.folder / "paper.pdf"))
    assert (desk.folder / "paper.pdf").read_bytes().startswith(b"%PDF-")


@pytest.mark.qt_log_ignore("QPainter::begin")
def test_a_printer_that_does_not_print_is_told_in_words(desk):
    error = desk.failure(desk.files.print_to, desk.talk(), printer_into(desk.folder / "missing" / "paper.pdf"))
    assert isinstance(error, CannotPrint)
    assert "printer" in error.hint
