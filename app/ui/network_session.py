"""The network as the user commands it: the switch, the token, the ledger.

Constructing it opens nothing: no socket, no keyring, and no module that knows how to.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Coroutine
from functools import partial
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, Signal

from app.core import errors
from app.core.hub import Hub, default_endpoint
from app.core.hub_token import HubToken
from app.core.ledger import Ledger, LedgerEntry
from app.core.network import Network
from app.core.secrets import TokenStore, is_plausible
from app.engine.jobs import Job, JobRunner

_LEDGER_LENGTH = 2000  # entries that are shown


class TokenPlace(enum.Enum):
    """Where the Hub token is kept."""

    NOWHERE = "nowhere"
    KEYRING = "keyring"
    THIS_RUN = "this run"


class NetworkSession(QObject):
    """Lives on the GUI thread. `network` and `hub` are for use in jobs."""

    offline_changed = Signal(bool)
    token_place_changed = Signal(object)  # TokenPlace
    token_checked = Signal(object)  # str: the name of its account
    token_check_failed = Signal(object)  # AppError
    ledger_read = Signal(object)  # list of LedgerEntry, newest first

    def __init__(
        self, database: Path, jobs: JobRunner, *, offline: bool, token_kept: bool, parent: QObject | None = None
    ) -> None:
        """`token_kept` says that the keyring has a token."""
        super().__init__(parent)
        self._jobs = jobs
        self._ledger = Ledger(database)
        self.network = Network(self._ledger, offline=offline)
        self.hub = Hub(self.network, lambda: self._token.value)
        self._token = HubToken(TokenStore(default_endpoint()), is_kept=token_kept)
        self.token_place = TokenPlace.KEYRING if token_kept else TokenPlace.NOWHERE

    @property
    def is_offline(self) -> bool:
        return self.network.offline

    def set_offline(self, offline: bool) -> None:
        """Cuts every connection, or allows them again."""
        if offline != self.network.offline:
            self.network.set_offline(offline)
            self.offline_changed.emit(offline)

    def ask(self, question: Callable[[Hub], Coroutine[Any, Any, object]]) -> Job:
        """A job that asks the Hub something, with the user's token."""
        return self._jobs.start(lambda _report: self._asked(question))

    def ask_elsewhere(self, question: Callable[[Network], Coroutine[Any, Any, object]]) -> Job:
        """A job that asks somebody other than the Hub, without the user's token."""
        return self._jobs.start(lambda _report: question(self.network))

    async def ready(self) -> None:
        """In a job: waits for what requests need."""
        await self._token.ready()

    def save_token(self, token: str) -> None:
        """Keeps the token, and asks the Hub whose it is."""
        if not is_plausible(token.strip()):
            self.token_check_failed.emit(errors.TokenRefused(self.tr("This does not look like a token.")))
            return
        job = self._jobs.start(lambda _report: self._token.save(token.strip()))
        job.finished.connect(self._on_token_saved)

    def remove_token(self) -> None:
        """Forgets the token everywhere."""
        job = self._jobs.start(lambda _report: self._token.forget())
        job.finished.connect(partial(self._show_token_place, TokenPlace.NOWHERE))

    def check_token(self) -> None:
        """Asks the Hub whose token it is."""
        job = self.ask(lambda hub: hub.account())
        job.finished.connect(self.token_checked)
        job.failed.connect(self.token_check_failed)

    def read_ledger(self) -> None:
        """Reads what `ledger_read` tells."""
        job = self._jobs.start(lambda _report: self._newest())
        job.finished.connect(self.ledger_read)

    async def close(self) -> None:
        """In a job, the last one."""
        await self.network.close()
        self._ledger.close()

    async def _asked(self, question: Callable[[Hub], Coroutine[Any, Any, object]]) -> object:
        await self.ready()
        return await question(self.hub)

    async def _newest(self) -> list[LedgerEntry]:
        return self._ledger.newest(_LEDGER_LENGTH)

    def _on_token_saved(self, kept: bool) -> None:
        self._show_token_place(TokenPlace.KEYRING if kept else TokenPlace.THIS_RUN)
        if not self.is_offline:
            self.check_token()

    def _show_token_place(self, place: TokenPlace, *_result: object) -> None:
        self.token_place = place
        self.token_place_changed.emit(place)
