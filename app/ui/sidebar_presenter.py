"""The list of conversations as a place to find things: search, pins, folders, the archive, the trash, files."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Qt, Signal, Slot

from app.core import errors
from app.core.conversations import ConversationStore
from app.core.database import open_database
from app.engine.jobs import JobRunner
from app.ui.conversation_list import ConversationList
from app.ui.conversation_searcher import ConversationSearcher

if TYPE_CHECKING:
    from app.ui.trash_view import TrashView

_MOST_HITS = 100
_TRASH_SECONDS = 30 * 24 * 60 * 60


class SidebarPresenter(QObject):
    """Owns no widget but the dialog it opens, and no data."""

    changed = Signal()  # the list is to be shown anew
    restored = Signal(str)  # the id of a conversation that came back from the trash
    purged = Signal(str)  # the id of a conversation that nothing can bring back
    hit_chosen = Signal(str, str, str)  # conversation, message (empty: its title), the text that was found
    storage_failed = Signal(object)  # StorageError

    def __init__(
        self,
        store: ConversationStore,
        database: Path,
        jobs: JobRunner,
        view: ConversationList,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._store = store
        self._database = database
        self._jobs = jobs
        self._view = view
        self._trash: TrashView | None = None
        self._searcher = ConversationSearcher(database, jobs, _MOST_HITS, self)
        self._searcher.found.connect(view.show_hits)
        self._searcher.failed.connect(view.show_search_failure)
        view.search_requested.connect(self._searcher.search)
        view.hit_chosen.connect(self.hit_chosen)
        view.pin_requested.connect(partial(self._change, store.set_pinned))
        view.archive_requested.connect(partial(self._change, store.set_archived))
        view.folder_requested.connect(partial(self._change, store.set_folder))
        view.trash_requested.connect(self._on_view_trash_requested)

    def begin(self) -> None:
        """In the background: what has been in the trash for long enough goes for good."""
        job = self._jobs.start_function(partial(_empty_trash, self._database, time.time() - _TRASH_SECONDS))
        job.failed.connect(self.storage_failed)

    def _change(self, function: Callable[..., None], *arguments: Any) -> None:
        try:
            function(*arguments)
        except errors.StorageError as error:
            self.storage_failed.emit(error)
        self.changed.emit()

    @Slot()
    def _on_view_trash_requested(self) -> None:
        from app.ui.trash_view import TrashView  # noqa: PLC0415 (few ever need it)

        self._trash = TrashView(self._view.window())
        self._trash.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._trash.restore_requested.connect(self._on_trash_restore_requested)
        self._trash.purge_requested.connect(self._on_trash_purge_requested)
        self._trash.finished.connect(self._on_trash_finished)
        self._show_trash()
        self._trash.open()

    def _show_trash(self) -> None:
        if self._trash is not None:
            self._trash.set_conversations(self._store.trash())

    @Slot(str)
    def _on_trash_restore_requested(self, conversation_id: str) -> None:
        self._change(self._store.restore, conversation_id)
        self._show_trash()
        self.restored.emit(conversation_id)

    @Slot(str)
    def _on_trash_purge_requested(self, conversation_id: str) -> None:
        self._change(self._store.purge, conversation_id)
        self._show_trash()
        self.purged.emit(conversation_id)

    @Slot()
    def _on_trash_finished(self) -> None:
        self._trash = None


def _empty_trash(database: Path, before: float) -> None:
    """One conversation at a time, so that nobody else waits for long."""
    connection = open_database(database)
    try:
        store = ConversationStore(connection)
        for conversation in store.trash():
            if conversation.deleted_at is not None and conversation.deleted_at < before:
                with contextlib.suppress(KeyError, ValueError):  # it was purged or restored a moment ago
                    store.purge(conversation.id)
    finally:
        connection.close()
