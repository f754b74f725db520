"""Has text files read that are to go with a message, and their tokens counted.

Both may take long: a drive may be slow, or gone, and the engine busy. The window waits for neither. Drops are read one
after the other, so that one that never ends holds one thread, and each knows how much room those before it took.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from app.core.conversation import Attachment, with_attachments
from app.core.errors import AppError
from app.core.text_files import CannotAttach, harmless_name, read_text_files
from app.engine.engine import Engine
from app.engine.jobs import Job, JobRunner
from app.engine.protocol import TokensCounted
from app.ui.chat_session import ChatSession
from app.ui.composer import Composer
from app.ui.messages import failure_words
from app.ui.model_session import ModelSession

_PATIENCE = 200  # milliseconds before it is said that files are being read
_MOST_PROBLEMS = 3  # that are told one by one


class AttachmentPresenter(QObject):
    """Owns no widget. Files go with the conversation that was shown when they were chosen."""

    read_for_another = Signal(str, object)  # id of a conversation that is not shown any more, list of Attachment

    def __init__(
        self,
        session: ChatSession,
        models: ModelSession,
        engine: Engine,
        jobs: JobRunner,
        composer: Composer,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._session = session
        self._models = models
        self._engine = engine
        self._jobs = jobs
        self._composer = composer
        self._waiting: deque[tuple[str, list[Path]]] = deque()  # conversation, files
        self._reading: tuple[str, list[Path]] | None = None
        self._job: Job | None = None
        self._tokens: dict[Attachment, int] = {}  # for the model that is loaded
        self._asked: dict[str, Attachment] = {}  # by the id of the question
        self._questions = 0
        self._patience = QTimer(self, singleShot=True, interval=_PATIENCE)
        self._patience.timeout.connect(self._show_reading)
        composer.attach_requested.connect(self.read)
        composer.reading_cancel_requested.connect(self._on_composer_reading_cancel_requested)
        composer.attachments_changed.connect(self._count)
        session.opened.connect(self._on_session_opened)
        models.loaded.connect(self._on_models_changed)
        models.unloaded.connect(self._on_models_changed)
        engine.tokens_counted.connect(self._on_engine_tokens_counted)

    # Reading

    @Slot(object)
    def read(self, paths: Sequence[Path]) -> None:
        """Adds these files to the message that is being written. What cannot be added is said above the box."""
        self._composer.show_problem("")
        self._waiting.append((self._shown(), list(paths)))
        self._composer.set_reading(True)
        self._read_next()

    def _read_next(self) -> None:
        if self._reading is not None:
            return
        if not self._waiting:
            self._patience.stop()
            self._show_reading()
            return
        self._reading = self._waiting.popleft()
        conversation_id, paths = self._reading
        others = self._composer.attachments() if conversation_id == self._shown() else ()
        self._job = self._jobs.start_function(partial(read_text_files, paths, others))
        self._job.finished.connect(self._on_job_finished)
        self._job.cancelled.connect(self._on_job_cancelled)
        self._patience.start()

    @Slot(object)
    def _on_job_finished(self, result: tuple[list[Attachment], list[CannotAttach]]) -> None:
        assert self._reading is not None
        read, problems = result
        (conversation_id, _paths), self._reading = self._reading, None
        if conversation_id == self._shown():
            self._composer.add_attachments(read)
            self._composer.show_problem(self._in_words(problems))
        elif read:
            self.read_for_another.emit(conversation_id, read)
        self._read_next()

    @Slot()
    def _on_job_cancelled(self) -> None:
        self._reading = None
        self._read_next()

    @Slot()
    def _on_composer_reading_cancel_requested(self) -> None:
        shown = self._shown()
        self._waiting = deque(one for one in self._waiting if one[0] != shown)
        if self._job is not None and self._reading is not None and self._reading[0] == shown:
            self._job.cancel()

    @Slot()
    def _show_reading(self) -> None:
        """Says what is being read for the conversation that is shown, if anything is."""
        drops = [*self._waiting] if self._reading is None else [self._reading, *self._waiting]
        names = [
            harmless_name(path) for conversation, paths in drops if conversation == self._shown() for path in paths
        ]
        self._composer.set_reading(bool(names))
        if len(names) > 1:
            self._composer.show_reading(self.tr("Reading {0} files…").format(len(names)))
        else:
            self._composer.show_reading(self.tr("Reading {0}…").format(names[0]) if names else "")

    @Slot()
    def _on_session_opened(self, *_what: Any) -> None:
        self._show_reading()

    def _shown(self) -> str:
        return "" if self._session.conversation is None else self._session.conversation.id

    def _in_words(self, problems: Sequence[AppError]) -> str:
        told = [_sentence(error) for error in problems[:_MOST_PROBLEMS]]
        if more := len(problems) - len(told):
            told.append(self.tr("Not attached besides: {0}").format(more))
        return "\n".join(told)

    # Counting

    @Slot()
    def _on_models_changed(self, *_what: Any) -> None:
        self._tokens = {}
        self._asked = {}
        self._count()

    @Slot()
    def _count(self) -> None:
        attachments = self._composer.attachments()
        self._tokens = {one: tokens for one, tokens in self._tokens.items() if one in attachments}
        self._asked = {number: one for number, one in self._asked.items() if one in attachments}
        self._composer.show_tokens(self._tokens)
        if not self._models.loaded_path:
            return
        for attachment in attachments:
            if attachment not in self._tokens and attachment not in self._asked.values():
                self._questions += 1
                self._asked[f"attachment {self._questions}"] = attachment
                self._engine.count_tokens(f"attachment {self._questions}", with_attachments("", [attachment]))

    @Slot(object)
    def _on_engine_tokens_counted(self, counted: TokensCounted) -> None:
        attachment = self._asked.pop(counted.request_id, None)
        if attachment is not None and counted.tokens is not None:
            self._tokens[attachment] = counted.tokens
            self._composer.show_tokens(self._tokens)


def _sentence(error: AppError) -> str:
    title, detail, hint = failure_words(error)
    return f"{title}: {detail} {hint}"
