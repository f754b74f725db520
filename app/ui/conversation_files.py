"""Conversations go out into files and come in from them. All of it happens in the background, on its own connection."""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from PySide6.QtCore import QObject, Qt, Signal, Slot
from PySide6.QtWidgets import QFileDialog, QWidget

from app.core import errors, imports
from app.core.conversations import ConversationStore
from app.core.database import open_database
from app.core.exports import Exported, to_json, to_markdown
from app.core.file_names import safe_name
from app.core.files import replace_file
from app.engine.jobs import JobRunner

_JSON, _MARKDOWN, _HTML, _PDF = ".json", ".md", ".html", ".pdf"


class ConversationFiles(QObject):
    """Asks for files, writes and reads them. Owns no widget but the dialogs it opens."""

    exported = Signal(str)  # the path
    imported = Signal(object, int, int)  # ids of the new conversations, how many, how many were left out
    failed = Signal(object)  # AppError

    def __init__(self, database: Path, jobs: JobRunner, window: QWidget, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._database = database
        self._jobs = jobs
        self._window = window

    def export(self, conversation_id: str, title: str) -> None:
        """Asks where to, and in which format, then writes one conversation."""
        dialog = self._dialog(self.tr("Export conversation"), QFileDialog.FileMode.AnyFile)
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setNameFilters([f"{words} (*{suffix})" for suffix, words in self._formats().items()])
        dialog.selectFile(safe_name(title, self.tr("Conversation")) + _MARKDOWN)
        dialog.filterSelected.connect(lambda chosen: dialog.setDefaultSuffix(_suffix(chosen)))
        dialog.setDefaultSuffix(_MARKDOWN)
        dialog.fileSelected.connect(lambda path: self._write([conversation_id], Path(path)))
        dialog.open()

    def export_all(self) -> None:
        """Asks for a file: JSON holds all in one, the other formats make a folder of that name, a file for each."""
        dialog = self._dialog(self.tr("Export all conversations"), QFileDialog.FileMode.AnyFile)
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setNameFilters([f"{words} (*{suffix})" for suffix, words in reversed(self._formats().items())])
        dialog.selectFile(self.tr("Conversations") + _JSON)
        dialog.filterSelected.connect(lambda chosen: dialog.setDefaultSuffix(_suffix(chosen)))
        dialog.setDefaultSuffix(_JSON)
        dialog.fileSelected.connect(lambda path: self._write(None, Path(path)))
        dialog.open()

    def ask_import(self) -> None:
        """Asks for a file, then adds the conversations in it."""
        dialog = self._dialog(self.tr("Import conversations"), QFileDialog.FileMode.ExistingFile)
        dialog.setNameFilters([self.tr("Exports") + " (*.json *.jsonl)", self.tr("All files") + " (*)"])
        dialog.fileSelected.connect(lambda path: self.read(Path(path)))
        dialog.open()

    def read(self, path: Path) -> None:
        """Adds the conversations in that file."""
        job = self._jobs.start_function(partial(_read, self._database, path))
        job.finished.connect(self._on_read)
        job.failed.connect(self.failed)

    def _write(self, conversation_ids: list[str] | None, path: Path) -> None:
        job = self._jobs.start_function(partial(_write, self._database, conversation_ids, path))
        job.finished.connect(lambda written: self.exported.emit(str(written)))
        job.failed.connect(self.failed)

    @Slot(object)
    def _on_read(self, result: tuple[list[str], int]) -> None:
        ids, left_out = result
        self.imported.emit(ids, len(ids), left_out)

    def _dialog(self, title: str, mode: QFileDialog.FileMode) -> QFileDialog:
        dialog = QFileDialog(self._window, title)
        dialog.setObjectName("conversation_file")
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setFileMode(mode)
        return dialog

    def _formats(self) -> dict[str, str]:
        return {
            _MARKDOWN: self.tr("Markdown"),
            _HTML: self.tr("Web page"),
            _PDF: self.tr("PDF"),
            _JSON: self.tr("JSON, for Paddock to import"),
        }


def _suffix(name_filter: str) -> str:
    return name_filter.rpartition("*")[2].rstrip(")")


# In a thread of their own


def _write(database: Path, conversation_ids: list[str] | None, path: Path) -> Path:
    connection = open_database(database)
    try:
        store = ConversationStore(connection)
        ids = conversation_ids or [one.id for one in store.conversations()]
        if path.suffix.lower() == _JSON:
            _replace(path, to_json([_exported(store, one) for one in ids], time.time()).encode())
        elif conversation_ids is not None:
            _write_one(_exported(store, conversation_ids[0]), path)
        else:
            _write_each(store, ids, path)
    finally:
        connection.close()
    return path


def _write_each(store: ConversationStore, ids: list[str], path: Path) -> None:
    folder, suffix = path.with_suffix(""), path.suffix
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise errors.StorageError(f"{folder}: {error.strerror}") from error
    taken: set[str] = set()
    for one in ids:
        exported = _exported(store, one)
        if exported.shown:
            _write_one(exported, folder / f"{_free_name(exported.conversation.title, taken)}{suffix}")


def _free_name(title: str, taken: set[str]) -> str:
    name = safe_name(title, "Conversation")
    free = next(one for one in _numbered(name) if one.lower() not in taken)
    taken.add(free.lower())
    return free


def _numbered(name: str) -> Iterator[str]:
    yield name
    number = 2
    while True:
        yield f"{name} {number}"
        number += 1


def _write_one(exported: Exported, path: Path) -> None:
    match path.suffix.lower():
        case ".pdf":
            from app.ui.printing import write_pdf  # noqa: PLC0415 (few ever need it)

            write_pdf(exported, path)
        case ".html" | ".htm":
            from app.ui.export_html import to_html  # noqa: PLC0415 (few ever need it)

            _replace(path, to_html(exported).encode("utf-8", "replace"))
        case _:
            _replace(path, to_markdown(exported).encode("utf-8", "replace"))


def _exported(store: ConversationStore, conversation_id: str) -> Exported:
    shown = [message.id for message in store.messages(conversation_id)]
    return Exported(store.conversation(conversation_id), store.tree(conversation_id), shown)


def _replace(path: Path, content: bytes) -> None:
    try:
        replace_file(path, content)
    except OSError as error:
        raise errors.StorageError(f"{path}: {error.strerror}") from error


def _read(database: Path, path: Path) -> tuple[list[str], int]:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise imports.CannotImport(str(error.strerror)) from error
    found = imports.read(data)
    connection = open_database(database)
    try:
        store = ConversationStore(connection)
        ids = [store.add_tree(one.conversation, one.messages, one.head).id for one in found.conversations]
    finally:
        connection.close()
    return ids, found.left_out
