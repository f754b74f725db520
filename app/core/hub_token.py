"""The user's token for the Hub while Paddock runs: read from the keyring late, and at most once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.core.secrets import TokenStore

if TYPE_CHECKING:
    import asyncio

_PATIENCE = 3.0  # seconds; a locked keyring asks for a password, and public models need no token


class HubToken:
    """`value` is empty while there is none. The coroutines run on the jobs' loop."""

    def __init__(self, store: TokenStore, *, is_kept: bool) -> None:
        """`is_kept` says that the keyring has one: else it is not even looked at."""
        self._store = store
        self._is_due = is_kept
        self.value = ""

    async def ready(self) -> None:
        """Waits until the token is there, but not for long: it may come later, for the next request."""
        import asyncio  # noqa: PLC0415 (not needed to start the app)

        if not self._is_due:
            return
        self._is_due = False
        reading = asyncio.get_running_loop().create_task(asyncio.to_thread(self._store.load))
        reading.add_done_callback(self._take)
        await asyncio.wait([reading], timeout=_PATIENCE)

    async def save(self, token: str) -> bool:
        """From now on this one. Returns whether the keyring keeps it; else it is lost when Paddock ends."""
        import asyncio  # noqa: PLC0415

        self._is_due = False
        self.value = token
        return await asyncio.to_thread(self._store.save, token)

    async def forget(self) -> None:
        """From now on none, in the keyring neither."""
        import asyncio  # noqa: PLC0415

        self._is_due = False
        self.value = ""
        await asyncio.to_thread(self._store.forget)

    def _take(self, reading: asyncio.Task[str]) -> None:
        if not reading.cancelled() and not self.value:
            self.value = reading.result()
