"""Keeps the context meter true: asks the engine what the model would be given if the draft were sent now."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QObject, QTimer, Slot

from app.engine.protocol import PromptPreviewed
from app.ui.chat_session import ChatSession
from app.ui.composer import Composer
from app.ui.context_meter import ContextMeter
from app.ui.model_session import ModelSession
from app.ui.settings_session import SettingsSession

_PAUSE = 200  # milliseconds after the last key


class ContextPresenter(QObject):
    """Owns no widget and no data."""

    def __init__(
        self,
        session: ChatSession,
        models: ModelSession,
        settings: SettingsSession,
        composer: Composer,
        meter: ContextMeter,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._session = session
        self._models = models
        self._composer = composer
        self._meter = meter
        self._timer = QTimer(self, singleShot=True, interval=_PAUSE)
        self._timer.timeout.connect(self._ask)
        for something in (
            *(composer.draft_changed, settings.changed, models.loaded, models.unloaded),
            *(session.opened, session.branch_changed, session.message_changed, session.writing_changed),
        ):
            something.connect(self._on_something_changed)
        session.opened.connect(self._on_session_opened)
        session.previewed.connect(self._on_session_previewed)
        meter.policy_changed.connect(self._on_meter_policy_changed)

    @Slot()
    def _on_something_changed(self, *_what: Any) -> None:
        self._timer.start()

    @Slot()
    def _on_session_opened(self, *_what: Any) -> None:
        if self._session.conversation is not None:
            self._meter.set_policy(self._session.conversation.policy)

    @Slot(str)
    def _on_meter_policy_changed(self, policy: str) -> None:
        self._session.set_policy(policy)
        self._ask()

    def _ask(self) -> None:
        if not self._models.loaded_path:
            self._meter.show_unknown()
        else:
            self._session.preview(self._composer.text(), self._composer.attachments())

    @Slot(object)
    def _on_session_previewed(self, preview: PromptPreviewed) -> None:
        current = self._session.conversation
        if current is not None and preview.request_id == current.id:
            self._meter.show_preview(preview, max(0, len(preview.unseen) - len(self._session.unseen())))
