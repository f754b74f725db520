"""Brings the chat session and the widgets of the Chat place together: values to the widgets, wishes to the session."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from app.core import errors, guide
from app.core.conversation import Attachment
from app.core.conversations import Conversation, ConversationStore, Message, MessageState
from app.core.settings import Settings
from app.engine import protocol
from app.ui import words
from app.ui.chat_session import ChatSession
from app.ui.composer import Composer
from app.ui.conversation_list import ConversationList
from app.ui.conversation_view import SUGGESTION, ConversationView, Failure
from app.ui.messages import failure_words
from app.ui.system_prompt import SystemPrompt

_DRAFT_INTERVAL = 400  # milliseconds after the last key

TRY_AGAIN = "try_again"
OPEN_FILE = "open_file"
OPEN_LIBRARY = "open_library"
LOAD_ANYWAY = "load_anyway"
LOAD_WITH_LAYERS = "load_with_layers_"  # goes on with their number


class ChatPresenter(QObject):
    """Owns no widget and no data; knows who has to hear of what."""

    open_file_requested = Signal()
    library_requested = Signal()
    load_anyway_requested = Signal()
    load_with_layers_requested = Signal(int)  # on the GPU
    conversation_deleted = Signal(str, str)  # id, title: to offer the undo
    storage_failed = Signal(object)  # StorageError

    def __init__(
        self,
        session: ChatSession,
        store: ConversationStore,
        settings: Callable[[], Settings],
        has_real_models: Callable[[], bool],
        conversations: ConversationList,
        view: ConversationView,
        composer: Composer,
        system_prompt: SystemPrompt,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._session = session
        self._store = store
        self._settings = settings
        self._has_real_models = has_real_models
        self._list = conversations
        self._view = view
        self._composer = composer
        self._system_prompt = system_prompt
        self._attached: dict[str, tuple[Attachment, ...]] = {}  # to drafts of other conversations
        self._draft_timer = QTimer(self, singleShot=True, interval=_DRAFT_INTERVAL)
        self._draft_timer.timeout.connect(self._on_draft_timer_timeout)
        self._listen_to_widgets()
        self._listen_to_session()

    def _listen_to_widgets(self) -> None:
        self._list.selected.connect(self._on_list_selected)
        self._list.new_requested.connect(self.new_conversation)
        self._list.rename_requested.connect(self._on_list_rename_requested)
        self._list.delete_requested.connect(self._on_list_delete_requested)
        self._composer.send_requested.connect(self._on_composer_send_requested)
        self._composer.stop_requested.connect(self._session.stop)
        self._composer.text_changed.connect(self._on_composer_text_changed)
        self._system_prompt.edited.connect(self._on_system_prompt_edited)
        self._view.try_again_requested.connect(self._session.answer_again)
        self._view.regenerate_requested.connect(self._session.answer_again)
        self._view.action_requested.connect(self._on_view_action_requested)
        self._view.suggestion_requested.connect(self._on_composer_send_requested)

    def _listen_to_session(self) -> None:
        self._session.opened.connect(self._on_session_opened)
        self._session.messages_added.connect(self._on_session_messages_added)
        self._session.message_replaced.connect(self._on_session_message_replaced)
        self._session.waiting_for_model.connect(self._on_session_waiting_for_model)
        self._session.prompt_progressed.connect(self._on_session_prompt_progressed)
        self._session.text_received.connect(self._view.append_text)
        self._session.reply_finished.connect(self._on_session_reply_finished)
        self._session.reply_failed.connect(self._on_session_reply_failed)
        self._session.refused.connect(self._on_session_refused)
        self._session.unseen_changed.connect(self._view.set_unseen)
        self._session.conversations_changed.connect(self.show_conversations)
        self._session.writing_changed.connect(self._on_session_writing_changed)
        self._session.storage_failed.connect(self.storage_failed)

    def begin(self) -> None:
        """Shows the conversation used last, or a new one."""
        conversations = self._store.conversations()
        newest = max((one for one in conversations if not one.archived), key=lambda one: one.used_at, default=None)
        if newest is None:
            self.new_conversation()
            return
        self._list.set_conversations(conversations, newest.id)
        self._session.open(newest.id)

    @Slot()
    def new_conversation(self) -> None:
        """Shows an empty conversation: the one that is there already, if nothing was written to it."""
        empty = next((one for one in self._store.conversations() if not one.title and not one.draft), None)
        if empty is None or self._store.messages(empty.id):
            empty = self._store.create(self._settings().default_system_prompt)
        self._open(empty.id)
        self._composer.setFocus()

    def save(self) -> None:
        """Puts what is still being typed into the store."""
        self._system_prompt.flush()
        self._on_draft_timer_timeout()

    @Slot(str, object)
    def keep_attachments(self, conversation_id: str, attachments: Sequence[Attachment]) -> None:
        """Adds files to the draft of a conversation that is not shown."""
        self._attached[conversation_id] = (*self._attached.get(conversation_id, ()), *attachments)

    def undo_delete(self, conversation_id: str) -> None:
        self._store.restore(conversation_id)
        self._open(conversation_id)

    def _open(self, conversation_id: str) -> None:
        self.save()
        if self._session.conversation is not None:
            self._attached[self._session.conversation.id] = self._composer.attachments()
        self._session.open(conversation_id)

    @Slot(str)
    def open_conversation(self, conversation_id: str) -> None:
        """Shows that conversation."""
        self._on_list_selected(conversation_id)
        if not self._list.set_current(conversation_id):
            self.show_conversations()

    @Slot(str, str, str)
    def open_hit(self, conversation_id: str, message_id: str, text: str) -> None:
        """Shows where something was found: a message, or the conversation that is called so."""
        self.open_conversation(conversation_id)
        if message_id:
            self._session.reveal(message_id)
            self._view.go_to_message(message_id, text)

    @Slot()
    def show_conversations(self) -> None:
        """Shows the list as it is now."""
        current = self._session.conversation
        self._list.set_conversations(self._store.conversations(), current.id if current else "")
        self._list.set_busy(self._session.busy_conversation)

    def _show_composer_state(self) -> None:
        busy, current = self._session.busy_conversation, self._session.conversation
        here = current is not None and busy == current.id
        self._composer.set_writing(here)
        why = "" if here or busy is None else self.tr("A reply is being written in another conversation.")
        self._composer.set_send_enabled(not why, why)

    @Slot(str)
    def _on_list_selected(self, conversation_id: str) -> None:
        current = self._session.conversation
        if current is None or current.id != conversation_id:
            self._open(conversation_id)

    @Slot(str, str)
    def _on_list_rename_requested(self, conversation_id: str, title: str) -> None:
        self._store.rename(conversation_id, title)
        self.show_conversations()

    @Slot(str)
    def _on_list_delete_requested(self, conversation_id: str) -> None:
        if self._session.busy_conversation == conversation_id:
            self._session.stop()
        self.save()
        title = self._store.conversation(conversation_id).title
        self._store.delete(conversation_id)
        current = self._session.conversation
        if current is not None and current.id == conversation_id:
            self.begin()
        else:
            self.show_conversations()
        self.conversation_deleted.emit(conversation_id, title)

    @Slot(str)
    def _on_composer_send_requested(self, text: str) -> None:
        self.save()
        self._composer.show_problem("")
        try:
            self._session.send(text, self._composer.attachments())
        except errors.StorageError as error:
            self._composer.show_problem(_sentence(error))  # the text is still in the box

    @Slot(str)
    def _on_composer_text_changed(self, _text: str) -> None:
        self._draft_timer.start()

    @Slot()
    def _on_draft_timer_timeout(self) -> None:
        self._draft_timer.stop()
        conversation = self._session.conversation
        if conversation is not None and conversation.draft != self._composer.text():
            self._session.set_draft(self._composer.text())

    @Slot(str)
    def _on_system_prompt_edited(self, text: str) -> None:
        self._session.set_system_prompt(text)

    @Slot(str, str)
    def _on_view_action_requested(self, reply_id: str, action: str) -> None:
        if action == TRY_AGAIN:
            self._session.answer_again(reply_id)
        elif action == OPEN_FILE:
            self.open_file_requested.emit()
        elif action == OPEN_LIBRARY:
            self.library_requested.emit()
        elif action == LOAD_ANYWAY:
            self.load_anyway_requested.emit()
        elif action.startswith(LOAD_WITH_LAYERS):
            self.load_with_layers_requested.emit(int(action.removeprefix(LOAD_WITH_LAYERS)))

    @Slot(object, object)
    def _on_session_opened(self, conversation: Conversation, messages: Sequence[Message]) -> None:
        self._view.show_messages(messages)
        if not messages:
            self._show_empty_state()
        self._composer.set_text(conversation.draft)
        self._composer.set_attachments(self._attached.pop(conversation.id, ()))
        self._composer.show_problem("")
        self._system_prompt.set_text(conversation.system_prompt)
        if not self._list.set_current(conversation.id):
            self.show_conversations()
        self._list.set_busy(self._session.busy_conversation)
        self._show_composer_state()

    def _show_empty_state(self) -> None:
        """An invitation: for a new user to ask the guide, for others to write."""
        if self._has_real_models():
            text = self.tr("Write a message below. Nothing you write leaves this machine.")
            actions = [(OPEN_FILE, self.tr("Open model file"))]
        else:
            text = self.tr(
                "Nothing you write leaves this machine. A small guide that knows Paddock is ready for your questions; "
                "models that know the world are opened from the Library."
            )
            actions = [(SUGGESTION, self.tr(question)) for question in guide.QUESTIONS]
            actions.append((OPEN_LIBRARY, self.tr("Go to the Library")))
        self._view.show_empty_state(self.tr("Private chat, on this computer"), text, tuple(actions))

    @Slot()
    def show_models_changed(self) -> None:
        """There are other models than before: the invitation may have to change."""
        current = self._session.conversation
        if current is not None and not self._store.messages(current.id):
            self._show_empty_state()

    @Slot(object)
    def _on_session_messages_added(self, messages: Sequence[Message]) -> None:
        self._composer.clear()
        self._view.add_messages(messages)

    @Slot(str, object)
    def _on_session_message_replaced(self, old_id: str, reply: Message) -> None:
        self._view.replace_message(old_id, reply)

    @Slot(str)
    def _on_session_waiting_for_model(self, reply_id: str) -> None:
        self._view.show_progress(reply_id, self.tr("Waiting for the model to load"), None)

    @Slot(object)
    def _on_session_prompt_progressed(self, progress: protocol.PromptProgress) -> None:
        fresh = progress.total - progress.cached
        fraction = (progress.done - progress.cached) / fresh if fresh > 0 else None
        self._view.show_progress(progress.reply_id, words.reading(progress), fraction)

    @Slot(str, object, object)
    def _on_session_reply_finished(self, reply_id: str, state: MessageState, stats: protocol.ReplyStats | None) -> None:
        self._view.finish(reply_id, state, words.footer(dataclasses.asdict(stats)) if stats else "")

    @Slot(str, object)
    def _on_session_reply_failed(self, reply_id: str, error: errors.AppError) -> None:
        self._view.finish(reply_id, MessageState.FAILED, "", failure_of(error, try_again=True))

    @Slot(object, str, object)
    def _on_session_refused(self, error: errors.AppError, text: str, attachments: Sequence[Attachment]) -> None:
        self._composer.set_text(text)
        self._composer.set_attachments(attachments)
        self._composer.show_problem(_sentence(error))

    @Slot(bool)
    def _on_session_writing_changed(self, _writing: bool) -> None:
        self._show_composer_state()
        self.show_conversations()


def failure_of(error: errors.AppError, *, try_again: bool = False, layers: int = 0) -> Failure:
    """The row that tells of `error`, with what can be done about it at once.

    `layers` were to be on the GPU: a model that fails there may work with fewer, or without.
    """
    tr = words.tr
    actions = [(TRY_AGAIN, tr("Try again"))] if try_again else []
    if isinstance(error, errors.NotEnoughMemory):
        actions.append((LOAD_ANYWAY, tr("Load anyway")))
    if layers and isinstance(error, errors.NotEnoughMemory | errors.ModelLoadFailed | errors.EngineError):
        if fewer := layers // 2:
            actions.append((f"{LOAD_WITH_LAYERS}{fewer}", tr("Load with {0} layers on the GPU").format(fewer)))
        actions.append((f"{LOAD_WITH_LAYERS}0", tr("Load on the CPU")))
    if isinstance(error, errors.ModelError) and not try_again:
        actions.append((OPEN_FILE, tr("Open model file")))
    return Failure(*failure_words(error), actions=tuple(actions))


def _sentence(error: errors.AppError) -> str:
    title, detail, hint = failure_words(error)
    return " ".join(part if part.endswith((".", "!", "?")) else f"{part}." for part in (title, detail, hint) if part)
