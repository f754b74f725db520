"""What can be done with single messages: brings their rows, the chat session and the dialogs about them together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Qt, Signal, Slot

from app.core import errors
from app.core.conversation import Message
from app.engine.protocol import PromptPreviewed
from app.ui.chat_session import ChatSession
from app.ui.conversation_view import ConversationView
from app.ui.messages import failure_words

if TYPE_CHECKING:
    from app.ui.message_details import MessageDetails


class MessagePresenter(QObject):
    """Owns no widget but the dialog it opens, and no data."""

    message_deleted = Signal(str)  # its id: to offer the undo
    storage_failed = Signal(object)  # StorageError

    def __init__(self, session: ChatSession, view: ConversationView, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._view = view
        self._details: MessageDetails | None = None
        self._details_of = ""
        self._to_restore: list[str] = []  # once the reply under way is written
        view.edit_requested.connect(partial(self._do, session.edit))
        view.continue_requested.connect(partial(self._do, session.go_on))
        view.delete_requested.connect(partial(self._do, session.delete_message))
        view.version_requested.connect(partial(self._do, session.show_version))
        view.fork_requested.connect(partial(self._do, session.fork))
        view.pin_requested.connect(partial(self._do, session.pin))
        view.details_requested.connect(self._on_view_details_requested)
        session.branch_changed.connect(self._on_session_branch_changed)
        session.message_changed.connect(self._on_session_message_changed)
        session.message_deleted.connect(self.message_deleted)
        session.writing_changed.connect(self._on_session_writing_changed)
        session.previewed.connect(self._on_session_previewed)

    @Slot(str)
    def undo_delete(self, message_id: str) -> None:
        """Brings a deleted message back; once it is written, if a reply is under way: that may be another version."""
        if self._session.is_writing:
            self._to_restore.append(message_id)
        else:
            self._do(self._session.restore_message, message_id)

    def _do(self, function: Callable[..., None], *arguments: Any) -> None:
        """A wish that the disk may refuse."""
        try:
            function(*arguments)
        except errors.StorageError as error:
            self.storage_failed.emit(error)

    @Slot(object, str)
    def _on_session_branch_changed(self, messages: Sequence[Message], looked_at: str) -> None:
        self._view.show_messages(messages)
        if looked_at:
            self._view.go_to_message(looked_at)

    @Slot(bool)
    def _on_session_writing_changed(self, writing: bool) -> None:
        self._view.set_busy(writing)
        while self._to_restore and not self._session.is_writing:
            self.undo_delete(self._to_restore.pop(0))

    @Slot(object)
    def _on_session_message_changed(self, message: Message) -> None:
        self._view.replace_message(message.id, message)

    @Slot(str)
    def _on_view_details_requested(self, message_id: str) -> None:
        message = self._session.shown_message(message_id)
        if message is None:
            return
        from app.ui.message_details import MessageDetails  # noqa: PLC0415 (few ever need it)

        self._details, self._details_of = MessageDetails(message, self._view.window()), message_id
        self._details.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._details.prompt_requested.connect(self._on_details_prompt_requested)
        self._details.finished.connect(self._on_details_finished)
        self._details.open()

    @Slot(str)
    def _on_details_prompt_requested(self, message_id: str) -> None:
        if self._details is not None and not self._session.preview_prompt_of(message_id):
            self._details.show_problem(self.tr("This needs a model that is loaded and not writing."))

    @Slot()
    def _on_details_finished(self) -> None:
        self._details = None

    @Slot(object)
    def _on_session_previewed(self, preview: PromptPreviewed) -> None:
        if self._details is None or preview.request_id != self._details_of:
            return
        if preview.refusal:
            error = errors.AppError.from_name(preview.refusal, preview.detail)
            self._details.show_problem(" ".join(part for part in failure_words(error) if part))
        else:
            self._details.show_prompt(preview.text)
