"""The user's token for the Hub: in the system keyring and nowhere else. The door to keyring.

Without a usable keyring the token lives in memory, for this run only. Usable is what keyring itself recommends, a
backend of priority one or more: this rules out the ones that fail or forget everything, and those that write secrets
into plain files. What was saved is read back, because some backends take a secret and lose it.

A keyring fails in many ways, and not all of them are keyring's own exceptions: the backends let those of D-Bus and
Windows through, and a broken setting of the user's fails like any Python code. None of them is worth an error: the
token is then kept in memory, and whoever saved it is told so. Of a failure only the kind is logged, for its words
might quote the token.
"""

from __future__ import annotations

import configparser
import logging
import string
import sys
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from keyring.backend import KeyringBackend

log = logging.getLogger(__name__)

_SERVICE = "Paddock"
_LONGEST_TOKEN = 200
_TOKEN_CHARACTERS = frozenset(string.ascii_letters + string.digits + string.punctuation)

# What comes from a D-Bus that is not there or refuses, from a missing or unsuitable backend that the user's settings
# name, and from settings that cannot be read. GLib's error is a RuntimeError.
_FAILURES = (OSError, RuntimeError, ValueError, ImportError, AttributeError, configparser.Error)
# The exceptions that backends let through; each can only be raised by a module that is loaded.
_FOREIGN_FAILURES = (
    ("keyring.errors", "KeyringError"),
    ("secretstorage.exceptions", "SecretStorageException"),
    ("jeepney", "DBusErrorResponse"),
    ("dbus", "DBusException"),
    ("pywintypes", "error"),
    ("win32ctypes.pywin32.pywintypes", "error"),
)


def is_plausible(token: str) -> bool:
    """Whether this may be a token, whose form the Hub does not promise: printable ASCII, no spaces, not too long."""
    return 0 < len(token) <= _LONGEST_TOKEN and _TOKEN_CHARACTERS.issuperset(token)


class TokenStore:
    """Keeps the token for one Hub. Every method may block for long, while the system asks the user to unlock the
    keyring: none is for the GUI thread.
    """

    def __init__(self, endpoint: str) -> None:
        """`endpoint` is the address of the Hub: another Hub has a token of its own."""
        self._user = urlsplit(endpoint).netloc.rpartition("@")[2] or endpoint
        self._in_memory = ""

    def load(self) -> str:
        """The token; empty if there is none, or the keyring does not give it out."""
        return self._in_memory or self._kept()

    def save(self, token: str) -> bool:
        """Whether the keyring keeps it; if not, it is there for this run only. It has to be plausible."""
        token = token.strip()
        if not is_plausible(token):
            raise ValueError("not a token")
        is_kept = self._keep(token)
        self._in_memory = "" if is_kept else token
        return is_kept

    def forget(self) -> None:
        """Removes the token, from the keyring as well."""
        self._in_memory = ""
        try:
            _keyring().delete_password(_SERVICE, self._user)
        except _failures() as error:  # most often there was none
            log.info("The keyring deleted no token: %s", type(error).__name__)

    def _keep(self, token: str) -> bool:
        try:
            _keyring().set_password(_SERVICE, self._user, token)
        except _failures() as error:
            log.info("The keyring does not take the token: %s", type(error).__name__)
            return False
        return self._kept() == token

    def _kept(self) -> str:
        try:
            token = _keyring().get_password(_SERVICE, self._user) or ""
        except _failures() as error:
            log.info("The keyring gives no token: %s", type(error).__name__)
            return ""
        return token if is_plausible(token) else ""


def _keyring() -> KeyringBackend:
    """The system's keyring. Raises one of `_failures` if there is none that is safe."""
    import keyring  # noqa: PLC0415 (slow: it looks for every backend there is)
    from keyring.errors import NoKeyringError  # noqa: PLC0415

    backend = keyring.get_keyring()
    chained = getattr(backend, "backends", None) or [backend]  # a chain writes into its first
    if not keyring.core.recommended(chained[0]):
        raise NoKeyringError
    return backend


def _failures() -> tuple[type[Exception], ...]:
    foreign = [getattr(sys.modules.get(module), name, None) for module, name in _FOREIGN_FAILURES]
    return (*_FAILURES, *filter(None, foreign))
