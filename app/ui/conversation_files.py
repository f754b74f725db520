"""Conversations go out into files and onto paper, and come in from files.

All of it happens in the background, on a connection of its own. A file that cannot be written is left as it was.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Qt, Signal, Slot
from PySide6.QtWidgets import QFileDialog, QWidget

from app.core import imports
from app.core.conversations import ConversationStore
from app.core.database import open_database
from app.core.errors import AppError, StorageError
from app.core.exports import CannotExport, CannotPrint, Exported, to_json, to_markdown
from app.core.file_names import safe_name
from app.core.files import replace_file
from app.engine.jobs import Job, JobRunner

if TYPE_CHECKING:
    from PySide6.QtPrintSupport import QPrinter

_JSON, _MARKDOWN, _HTML, _PDF = ".json", ".md", ".html", ".pdf"
_ENDINGS = (_MARKDOWN, _HTML, _PDF, _JSON)


@dataclass(frozen=True, slots=True)
class Added:
    """What came of an import: the new conversations, and how many could not be read, or not to their end.

    With a `failure`, `ids` are those that were added before it. A file that holds nothing is one, if nothing came of
    the others either.
    """

    ids: list[str]
    left_out: int
    cut_short: int
    failure: AppError | None = None


class ConversationFiles(QObject):
    """Asks for files and printers, writes and reads. Owns no widget but the dialogs it opens."""

    exported = Signal(str)  # the path of the file or folder
    imported = Signal(object)  # Added
    printed = Signal()
    failed = Signal(object)  # AppError

    def __init__(self, database: Path, jobs: JobRunner, window: QWidget, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._database = database
        self._jobs = jobs
        self._window = window
        self._stopped = Event()

    def export(self, conversation_id: str, title: str) -> None:
        """Asks where to, and in which format, then writes one conversation."""
        name = safe_name(title, self.tr("Conversation"))
        self._ask_where(self.tr("Export conversation"), name, _ENDINGS, partial(self.write, [conversation_id]))

    def export_all(self) -> None:
        """Asks for a file: JSON holds all in one, the other formats make a folder of that name, a file for each."""
        title, name = self.tr("Export all conversations"), self.tr("Conversations")
        self._ask_where(title, name, _ENDINGS[::-1], partial(self.write, None))

    def ask_import(self) -> None:
        """Asks for files, then adds the conversations in them."""
        dialog = self._dialog(self.tr("Import conversations"), QFileDialog.FileMode.ExistingFiles)
        dialog.setNameFilters(
            [self.tr("Exports and chats") + " (*.json *.jsonl *.chat)", self.tr("All files") + " (*)"]
        )
        dialog.filesSelected.connect(lambda paths: self.read([Path(path) for path in paths]))
        dialog.open()

    def ask_print(self, conversation_id: str, title: str) -> None:
        """Asks for a printer, then prints one conversation."""
        # Imported here: few ever need it.
        from PySide6.QtPrintSupport import QPrintDialog, QPrinter  # noqa: PLC0415

        printer = QPrinter(QPrinter.PrinterMode.HighResolution)
        printer.setDocName(safe_name(title, self.tr("Conversation")))
        dialog = QPrintDialog(printer, self._window)
        dialog.setObjectName("print_conversation")
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setWindowModality(Qt.WindowModality.WindowModal)
        dialog.accepted.connect(lambda: self.print_to(conversation_id, printer))
        dialog.show()

    def write(self, conversation_ids: Sequence[str] | None, path: Path, ending: str = "") -> None:
        """Writes conversations, or all but those in the trash. JSON is one file.

        In other formats one conversation is a file, all are a new folder. The format is that of the path's ending,
        else that of `ending`, else Markdown.
        """
        name = path.suffix.lower()
        ending = name if name in _ENDINGS else ending or _MARKDOWN
        job = self._start(partial(_write, self._database, conversation_ids, path, ending, self._stopped))
        job.finished.connect(lambda written: self.exported.emit(str(written)))

    def read(self, paths: Sequence[Path]) -> None:
        """Adds the conversations in these files: some apps have one in each."""
        job = self._start(partial(_read, self._database, paths, self._stopped))
        job.finished.connect(self._on_job_read)

    def print_to(self, conversation_id: str, printer: QPrinter) -> None:
        """Prints one conversation."""
        job = self._start(partial(_print, self._database, conversation_id, printer))
        job.finished.connect(lambda _nothing: self.printed.emit())

    @Slot()
    def stop(self) -> None:
        """Has what is under way end after the conversation it is at: nobody will hear of it."""
        self._stopped.set()

    def _start(self, work: Callable[[], object]) -> Job:
        job = self._jobs.start_function(work)
        job.failed.connect(self.failed)
        return job

    @Slot(object)
    def _on_job_read(self, added: Added) -> None:
        if added.ids or added.failure is None:
            self.imported.emit(added)
        if added.failure is not None:
            self.failed.emit(added.failure)

    # Dialogs

    def _ask_where(self, title: str, name: str, endings: Sequence[str], then: Callable[[Path, str], None]) -> None:
        """Asks for a file to write. `then` is given its path, and the ending of the format that is chosen."""
        dialog = self._dialog(title, QFileDialog.FileMode.AnyFile)
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setNameFilters([f"{self._format(ending)} (*{ending})" for ending in endings])
        dialog.setDefaultSuffix(endings[0])
        dialog.selectFile(name + endings[0])
        dialog.filterSelected.connect(partial(_use_ending, dialog))
        dialog.fileSelected.connect(lambda path: then(Path(path), _ending_in(dialog.selectedNameFilter())))
        dialog.open()

    def _dialog(self, title: str, mode: QFileDialog.FileMode) -> QFileDialog:
        dialog = QFileDialog(self._window, title)
        dialog.setObjectName("conversation_file")
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setFileMode(mode)
        return dialog

    def _format(self, ending: str) -> str:
        names = {
            _MARKDOWN: self.tr("Markdown"),
            _HTML: self.tr("Web page"),
            _PDF: self.tr("PDF"),
            _JSON: self.tr("JSON, for Paddock to import"),
        }
        return names[ending]


def _use_ending(dialog: QFileDialog, name_filter: str) -> None:
    """Another format was chosen: the name gets its ending, if it had that of another one."""
    ending = _ending_in(name_filter)
    dialog.setDefaultSuffix(ending)
    path = Path(next(iter(dialog.selectedFiles()), ""))
    if path.suffix.lower() in _ENDINGS:
        dialog.selectFile(path.with_suffix(ending).name)


def _ending_in(name_filter: str) -> str:
    return name_filter.rpartition("*")[2].rstrip(")")


# In a thread of their own


def _read(database: Path, paths: Sequence[Path], stopped: Event) -> Added:
    ids: list[str] = []
    left_out = cut_short = 0
    failure: AppError | None = None
    with closing(open_database(database)) as connection:
        store = ConversationStore(connection)
        for path in paths:
            try:
                found = imports.read_file(path)
                left_out += found.left_out
                cut_short += found.cut_short
                for one in found.conversations:
                    if stopped.is_set():
                        return Added(ids, left_out, cut_short)
                    ids.append(store.add_tree(one.conversation, one.messages, one.head).id)
            except imports.CannotImport as error:
                left_out += 1
                failure = error
            except StorageError as error:
                return Added(ids, left_out, cut_short, error)
    return Added(ids, left_out, cut_short, None if ids else failure)


def _write(database: Path, conversation_ids: Sequence[str] | None, path: Path, ending: str, stopped: Event) -> Path:
    with closing(open_database(database)) as connection:
        store = ConversationStore(connection)
        if conversation_ids is not None and ending != _JSON:
            return _replace(path, _content(_exported(store, conversation_ids[0]), ending))
        ids = [one.id for one in store.conversations()] if conversation_ids is None else conversation_ids
        found = (_exported(store, one) for one in ids if not stopped.is_set())
        if ending != _JSON:
            return _write_each(found, path, ending)
        content = to_json(found, time.time()).encode()
        return path if stopped.is_set() else _replace(path, content)


def _write_each(found: Iterator[Exported], path: Path, ending: str) -> Path:
    folder = _new_folder(path.with_suffix("") if path.suffix.lower() in _ENDINGS else path)
    taken: set[str] = set()
    for exported in found:
        if exported.shown:
            title = safe_name(exported.conversation.title, "Conversation")
            name = next(one for one in _numbered(title) if one.lower() not in taken)
            taken.add(name.lower())
            _replace(folder / f"{name}{ending}", _content(exported, ending))
    return folder


def _new_folder(wanted: Path) -> Path:
    """A folder of that name, or of that name and a number: what is in one that is there is somebody's."""
    for name in _numbered(wanted.name):
        folder = wanted.with_name(name)
        try:
            folder.mkdir()
        except FileExistsError:
            continue
        except OSError as error:
            raise CannotExport(f"{folder}: {error.strerror}") from error
        return folder
    raise AssertionError  # there is no end to numbers


def _numbered(name: str) -> Iterator[str]:
    yield name
    yield from (f"{name} {number}" for number in itertools.count(2))


def _content(exported: Exported, ending: str) -> bytes:
    # Imported here: few ever need them.
    if ending == _PDF:
        from app.ui.printing import to_pdf  # noqa: PLC0415

        return to_pdf(exported)
    if ending == _HTML:
        from app.ui.export_html import to_html  # noqa: PLC0415

        return to_html(exported).encode("utf-8", "replace")
    return to_markdown(exported).encode("utf-8", "replace")


def _print(database: Path, conversation_id: str, printer: QPrinter) -> None:
    from app.ui.printing import print_to  # noqa: PLC0415 (few ever need it)

    with closing(open_database(database)) as connection:
        exported = _exported(ConversationStore(connection), conversation_id)
    print_to(exported, printer)
    if printer.printerState() is printer.PrinterState.Error:
        raise CannotPrint


def _exported(store: ConversationStore, conversation_id: str) -> Exported:
    shown = [message.id for message in store.messages(conversation_id)]
    return Exported(store.conversation(conversation_id), store.tree(conversation_id), shown)


def _replace(path: Path, content: bytes) -> Path:
    try:
        replace_file(path, content)
    except OSError as error:
        raise CannotExport(f"{path}: {error.strerror}") from error
    return path
