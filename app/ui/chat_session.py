"""The conversation being talked to: puts each word into the store as it comes, and tells the view.

A message is committed before anything is generated. The pieces of a reply are shown at once and committed a few
times a second; a piece that could not be written, because the disk is full, stays here and is written later. One
reply is written at a time, and it goes on when the user looks at another conversation meanwhile.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from app.core import errors
from app.core.conversation import Attachment, with_attachments
from app.core.conversations import Conversation, ConversationStore, Message, MessageState
from app.core.guide import is_guide
from app.core.settings import Settings
from app.engine import protocol
from app.engine.engine import Engine, EngineState
from app.ui.model_session import ModelSession

_SAVE_INTERVAL = 250  # milliseconds; half of what may be lost at most

# The guide knows one answer to a question: the likeliest.
_GUIDE_SAMPLING = protocol.Sampling(temperature=0.0, repeat_penalty=1.0, reply_limit=300)

_STATES = {
    "end": MessageState.COMPLETE,
    "stopped": MessageState.STOPPED,
    "length": MessageState.LIMIT,
    "context": MessageState.LIMIT,
}


@dataclass(slots=True)
class _Writing:
    """The reply under way."""

    reply: Message
    asked: Message  # the user's message it answers
    unsaved: list[str] = field(default_factory=list)
    has_text: bool = False
    is_new_exchange: bool = True  # False for another try at an old message
    continues: bool = False  # the reply had a beginning
    waits_for_model: bool = False
    put: list[str] = field(default_factory=list)  # ids of the messages that were put to the model
    unseen: list[str] = field(default_factory=list)  # those of them that the model does not see
    sampling: protocol.Sampling | None = None


class ChatSession(QObject):
    """Lives on the GUI thread. The view is told by signals; it never sees the store or the engine."""

    opened = Signal(object, object)  # Conversation, list of Message
    messages_added = Signal(object)  # list of Message
    message_replaced = Signal(str, object)  # id of a reply that gives way, Message in its place
    waiting_for_model = Signal(str)  # reply id
    prompt_progressed = Signal(object)  # protocol.PromptProgress
    text_received = Signal(str, str)  # reply id, text
    reply_finished = Signal(str, object, object)  # reply id, MessageState, ReplyStats or None
    reply_failed = Signal(str, object)  # reply id, AppError
    refused = Signal(object, str, object)  # AppError, and what goes back into the composer: text, attachments
    unseen_changed = Signal(object)  # list of ids of messages that the model no longer sees
    branch_changed = Signal(object, str)  # list of Message shown from now on; id of the one that is looked at
    message_changed = Signal(object)  # Message: what is known of it, not its text
    message_deleted = Signal(str)  # id
    previewed = Signal(object)  # protocol.PromptPreviewed, of what is shown, the draft included
    conversations_changed = Signal()
    writing_changed = Signal(bool)
    storage_failed = Signal(object)  # StorageError

    def __init__(
        self,
        store: ConversationStore,
        engine: Engine,
        models: ModelSession,
        settings: Callable[[], Settings],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._store = store
        self._engine = engine
        self._models = models
        self._settings = settings
        self._conversation: Conversation | None = None
        self._writing: _Writing | None = None
        self._writes: deque[Callable[[], None]] = deque()  # what the disk has not taken yet, in order
        self._save_timer = QTimer(self, interval=_SAVE_INTERVAL)
        self._save_timer.timeout.connect(self._on_save_timer_timeout)
        engine.prompt_progressed.connect(self._on_engine_prompt_progressed)
        engine.prompt_previewed.connect(self.previewed)
        engine.text_received.connect(self._on_engine_text_received)
        engine.reply_finished.connect(self._on_engine_reply_finished)
        engine.reply_failed.connect(self._on_engine_reply_failed)
        models.loaded.connect(self._on_models_loaded)
        models.cancelled.connect(self._on_models_cancelled)
        models.failed.connect(self._on_models_failed)

    @property
    def conversation(self) -> Conversation | None:
        """The one that is shown. None for a new one that nothing was written to yet."""
        return self._conversation

    @property
    def is_writing(self) -> bool:
        return self._writing is not None

    @property
    def busy_conversation(self) -> str | None:
        """The conversation whose reply is being written."""
        return self._writing.reply.conversation_id if self._writing else None

    def open(self, conversation_id: str) -> None:
        """Shows a conversation, a reply under way included."""
        self._save()
        self._conversation = self._store.conversation(conversation_id)
        messages = self._store.messages(conversation_id)
        self.opened.emit(self._conversation, messages)
        self.unseen_changed.emit(_unseen(messages))
        if self._writing and self._writing.waits_for_model and self._shows(self._writing.reply):
            self.waiting_for_model.emit(self._writing.reply.id)

    def send(self, text: str, attachments: Sequence[Attachment] = ()) -> None:
        """Commits the user's message, then has it answered. Refused while another reply is being written."""
        if self._writing or self._conversation is None:
            return
        if self._engine.model is None and not self._models.is_loading and not self._models.path:
            self.refused.emit(errors.NoModelLoaded(), text, attachments)
            return
        asked, reply = self._store.add_exchange(self._conversation.id, text, self._model_name(), attachments)
        self._conversation = self._store.conversation(self._conversation.id)
        self.messages_added.emit([asked, reply])
        self.conversations_changed.emit()
        self._answer(_Writing(reply, asked))

    @Slot(str)
    def answer_again(self, reply_id: str) -> None:
        """Another reply to the same message: after a failure, or because the user wants a different one."""
        if self._writing or self._conversation is None:
            return
        messages = self._store.messages(self._conversation.id)
        old = next((message for message in messages if message.id == reply_id), None)
        asked = next((message for message in messages if old and message.id == old.parent_id), None)
        if asked is None:
            return
        reply = self._store.add_reply(self._conversation.id, asked.id, self._model_name())
        self.message_replaced.emit(reply_id, reply)
        self.conversations_changed.emit()
        self._answer(_Writing(reply, asked, is_new_exchange=False))

    @Slot(str, str)
    def edit(self, message_id: str, text: str) -> None:
        """Other words for a message. A turn of the user is answered anew; the version before stays within reach."""
        old = self._shown(message_id)
        if old is None or self._writing or self._conversation is None or text == old.text:
            return
        if old.role == "user":
            asked, reply = self._store.edit_turn(message_id, text, self._model_name())
            self._show_branch(asked.id)
            self._answer(_Writing(reply, asked, is_new_exchange=False))
        else:
            self._show_branch(self._store.edit_reply(message_id, text).id)
        self.conversations_changed.emit()

    @Slot(str)
    def go_on(self, reply_id: str) -> None:
        """Has the model go on with a reply, the last one."""
        messages = self._messages()
        if self._writing or not messages or messages[-1].id != reply_id or not messages[-1].text:
            return
        asked = next((message for message in messages if message.id == messages[-1].parent_id), None)
        if asked is not None:
            self._store.begin_continuing(reply_id)
            reply = self._messages()[-1]
            self.message_replaced.emit(reply_id, reply)
            self._answer(_Writing(reply, asked, is_new_exchange=False, continues=True, has_text=True))

    @Slot(str, int)
    def show_version(self, message_id: str, step: int) -> None:
        """Shows the version before (-1) or after (1) that message's, with what came of it."""
        message = self._shown(message_id)
        if message is None or self._writing or message_id not in message.versions:
            return
        place = message.versions.index(message_id) + step
        if 0 <= place < len(message.versions):
            self._store.show_version(message.versions[place])
            self._show_branch(message.versions[place])

    @Slot(str)
    def delete_message(self, message_id: str) -> None:
        """Leaves a message out; `restore_message` brings it back."""
        if self._writing is None and self._shown(message_id) is not None:
            self._store.delete_message(message_id)
            self._show_branch("")
            self.message_deleted.emit(message_id)

    def restore_message(self, message_id: str) -> None:
        """Brings a deleted message back and shows it, wherever it is."""
        self._store.restore_message(message_id)
        if self._writing is None:
            self._show_branch(message_id)

    @Slot(str, bool)
    def pin(self, message_id: str, pinned: bool) -> None:
        """Whether the model is to see the message, however long the conversation becomes."""
        self._store.pin_message(message_id, pinned)
        if (message := self._shown(message_id)) is not None:
            self.message_changed.emit(message)

    @Slot(str)
    def fork(self, message_id: str) -> None:
        """Goes on from that message in a new conversation."""
        self.open(self._store.fork(message_id).id)
        self.conversations_changed.emit()

    @Slot(str)
    def set_policy(self, policy: str) -> None:
        """What the model may forget of this conversation; see `Conversation`."""
        self._change(self._store.set_policy, policy)

    def preview(self, draft: str, attachments: Sequence[Attachment] = ()) -> None:
        """Asks what the model would be given for what is shown and `draft`; `previewed` tells."""
        if self._writing or self._conversation is None or self._engine.state is not EngineState.READY:
            return
        messages = self._messages()
        turns = [*self._system(), *(_put(message) for message in messages if _has_words(message))]
        if draft or attachments or not turns or turns[-1].role != "user":
            turns.append(protocol.ChatMessage("user", with_attachments(draft, attachments)))
        self._engine.preview(self._conversation.id, turns, self._sampling().reply_limit, _policy(self._conversation))

    def unseen(self) -> list[str]:
        """The messages shown that the model did not see when it wrote the last reply."""
        return _unseen(self._messages())

    def shown_message(self, message_id: str) -> Message | None:
        """A message of the branch that is shown."""
        return self._shown(message_id)

    def reveal(self, message_id: str) -> None:
        """Shows a message of the conversation that is shown, in whichever branch it is."""
        if self._shown(message_id) is None and self._writing is None:
            self._store.show_version(message_id)
            self._show_branch(message_id)

    def preview_prompt_of(self, reply_id: str) -> bool:
        """Asks what the model is given for a message that is shown, up to there; `previewed` tells.

        False if nobody can be asked now.
        """
        before = list(itertools.takewhile(lambda message: message.id != reply_id, self._messages()))
        is_ready = self._engine.state is EngineState.READY and not self._writing
        if not is_ready or self._conversation is None or not before:
            return False
        turns = [*self._system(), *(_put(message) for message in before if _has_words(message))]
        self._engine.preview(reply_id, turns, self._sampling().reply_limit, _policy(self._conversation))
        return True

    def set_draft(self, text: str) -> None:
        """Keeps what is being typed into the conversation that is shown."""
        self._change(self._store.set_draft, text)

    def set_system_prompt(self, text: str) -> None:
        """Takes effect with the next message."""
        self._change(self._store.set_system_prompt, text)

    def _change(self, write: Callable[[str, str], None], text: str) -> None:
        if self._conversation is None:
            return
        try:
            write(self._conversation.id, text)
            self._conversation = self._store.conversation(self._conversation.id)
        except errors.StorageError as error:
            self.storage_failed.emit(error)

    @Slot()
    def stop(self) -> None:
        """Ends the reply under way and keeps what was written."""
        if self._writing is None:
            return
        if self._writing.waits_for_model:
            self._finish(MessageState.STOPPED, None)
        else:
            self._engine.stop()

    def close(self) -> None:
        """Writes what is still unwritten. The reply under way stays open and is marked at the next start."""
        self._save()

    def _model_name(self) -> str:
        model = self._engine.model
        return f"{model.name} {model.quant}".strip() if model else ""

    def _messages(self) -> list[Message]:
        return self._store.messages(self._conversation.id) if self._conversation else []

    def _shown(self, message_id: str) -> Message | None:
        return next((message for message in self._messages() if message.id == message_id), None)

    def _show_branch(self, message_id: str) -> None:
        messages = self._messages()
        self.branch_changed.emit(messages, message_id)
        self.unseen_changed.emit(_unseen(messages))

    def _shows(self, message: Message) -> bool:
        return self._conversation is not None and self._conversation.id == message.conversation_id

    def _answer(self, writing: _Writing) -> None:
        self._writing = writing
        self.writing_changed.emit(True)
        if self._engine.state is EngineState.READY:
            self._generate(writing)
            return
        writing.waits_for_model = True
        self.waiting_for_model.emit(writing.reply.id)
        if not self._models.is_loading:
            self._models.reload()

    def _generate(self, writing: _Writing) -> None:
        writing.waits_for_model = False
        conversation = self._store.conversation(writing.reply.conversation_id)
        messages = self._system(conversation)
        writing.put.clear()
        for message in self._store.messages(conversation.id):
            if message.id == writing.reply.id and not writing.continues:
                break
            if _has_words(message):
                writing.put.append(message.id)
                messages.append(_put(message))
            if message.id == writing.reply.id:
                break
        writing.sampling = self._sampling()
        self._engine.generate(writing.reply.id, messages, writing.sampling, _policy(conversation))
        self._save_timer.start()

    @property
    def _is_with_guide(self) -> bool:
        return self._engine.model is not None and is_guide(self._engine.model.path)

    def _system(self, conversation: Conversation | None = None) -> list[protocol.ChatMessage]:
        shown = conversation or self._conversation
        if shown is None or not shown.system_prompt or self._is_with_guide:  # it cannot be told to be somebody else
            return []
        return [protocol.ChatMessage("system", shown.system_prompt)]

    def _sampling(self) -> protocol.Sampling:
        return _GUIDE_SAMPLING if self._is_with_guide else _sampling(self._settings())

    def _save(self) -> None:
        writing = self._writing
        if writing is not None and writing.unsaved:
            self._writes.append(partial(self._store.append_text, writing.reply.id, "".join(writing.unsaved)))
            writing.unsaved.clear()
        try:
            while self._writes:
                self._writes[0]()
                self._writes.popleft()
        except errors.StorageError as error:
            self.storage_failed.emit(error)
        if self._writing is None and not self._writes:
            self._save_timer.stop()

    @Slot()
    def _on_save_timer_timeout(self) -> None:
        self._save()

    @Slot(object)
    def _on_engine_prompt_progressed(self, progress: protocol.PromptProgress) -> None:
        if self._writing is None:
            return
        put = self._writing.put
        self._writing.unseen = [put[place] for place in progress.unseen if place < len(put)]
        if self._shows(self._writing.reply):
            self.prompt_progressed.emit(progress)
            self.unseen_changed.emit(self._writing.unseen)

    @Slot(str, str)
    def _on_engine_text_received(self, reply_id: str, text: str) -> None:
        writing = self._writing
        if writing is None or writing.reply.id != reply_id:
            return
        writing.has_text = True
        writing.unsaved.append(text)
        if self._shows(writing.reply):
            self.text_received.emit(reply_id, text)

    @Slot(str, object)
    def _on_engine_reply_finished(self, reply_id: str, stats: protocol.ReplyStats) -> None:
        if self._writing and self._writing.reply.id == reply_id:
            self._finish(_STATES.get(stats.reason, MessageState.COMPLETE), stats)

    @Slot(str, object)
    def _on_engine_reply_failed(self, reply_id: str, error: errors.AppError) -> None:
        if self._writing and self._writing.reply.id == reply_id:
            self._fail(error)

    @Slot(object)
    def _on_models_loaded(self) -> None:
        if self._writing and self._writing.waits_for_model and self._engine.state is EngineState.READY:
            self._generate(self._writing)

    @Slot()
    def _on_models_cancelled(self) -> None:
        if self._writing and self._writing.waits_for_model:
            self._finish(MessageState.STOPPED, None)

    @Slot(str, object)
    def _on_models_failed(self) -> None:
        if self._writing and self._writing.waits_for_model:
            self._fail(errors.ModelNotReady())

    def _finish(self, state: MessageState, stats: protocol.ReplyStats | None) -> None:
        kept = {**dataclasses.asdict(stats), **self._circumstances()} if stats else None
        reply = self._end_writing(state, stats=kept, model=self._model_name() or None)
        if self._shows(reply):
            self.reply_finished.emit(reply.id, state, stats)
        self.writing_changed.emit(False)

    def _circumstances(self) -> dict[str, Any]:
        """What the reply under way was written with."""
        writing, model = self._writing, self._engine.model
        assert writing is not None
        known: dict[str, Any] = {"unseen": writing.unseen}
        if writing.sampling is not None:
            known["sampling"] = dataclasses.asdict(writing.sampling)
        if model is not None:
            known |= {"backend": model.backend, "threads": model.threads, "gpu_layers": model.gpu_layers}
        return known

    def _fail(self, error: errors.AppError) -> None:
        writing = self._writing
        assert writing is not None
        is_refused = isinstance(error, errors.MessageTooLong | errors.ContextFull)
        if is_refused and writing.is_new_exchange and not writing.has_text:
            self._writing = None
            self._withdraw(writing, error)
        else:
            reply = self._end_writing(MessageState.FAILED, note="\n".join((error.title, error.detail, error.hint)))
            if self._shows(reply):
                self.reply_failed.emit(reply.id, error)
        self.writing_changed.emit(False)

    def _withdraw(self, writing: _Writing, error: errors.AppError) -> None:
        """Nothing was generated: the message goes back to where it was typed."""
        try:
            self._store.withdraw_exchange(writing.asked.id, writing.reply.id, draft=writing.asked.text)
        except errors.StorageError as failure:
            self.storage_failed.emit(failure)
        if self._shows(writing.reply):
            self.open(writing.reply.conversation_id)
        self.refused.emit(error, writing.asked.text, writing.asked.attachments)
        self.conversations_changed.emit()

    def _end_writing(
        self, state: MessageState, note: str = "", stats: dict[str, Any] | None = None, model: str | None = None
    ) -> Message:
        writing = self._writing
        assert writing is not None
        self._save()
        self._writes.append(partial(self._store.finish, writing.reply.id, state, note, stats, model))
        self._writing = None
        self._save()
        return writing.reply


def _unseen(messages: Sequence[Message]) -> list[str]:
    """The messages that the model did not see when it wrote the last reply."""
    known = [message.stats["unseen"] for message in messages if message.stats and "unseen" in message.stats]
    unseen = known[-1] if known else []
    return [one for one in unseen if isinstance(one, str)] if isinstance(unseen, list) else []


def _has_words(message: Message) -> bool:
    return bool(message.text or message.attachments)


def _put(message: Message) -> protocol.ChatMessage:
    """The message as the model gets it."""
    text = with_attachments(message.text, message.attachments)
    return protocol.ChatMessage("user" if message.role == "user" else "assistant", text, message.pinned)


def _policy(conversation: Conversation) -> protocol.Policy:
    known: dict[str, protocol.Policy] = {"middle": "middle", "ask": "ask"}
    return known.get(conversation.policy, "oldest")


def _sampling(settings: Settings) -> protocol.Sampling:
    return protocol.Sampling(
        **{field.name: getattr(settings, field.name) for field in dataclasses.fields(protocol.Sampling)}
    )
