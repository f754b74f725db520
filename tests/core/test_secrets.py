from __future__ import annotations

import logging
import subprocess
import sys
import types

import keyring
import keyring.backends.chainer
import keyring.backends.fail
import keyring.backends.null
import keyring.backends.SecretService
import keyring.core
import pytest
from keyring import errors
from keyring.backend import KeyringBackend

from app.core.secrets import TokenStore, is_plausible

HUB = "https://huggingface.co"
TOKEN = "hf_" + "aB3" * 11


class MemoryKeyring(KeyringBackend):
    """Keeps what it is given, as the system's keyrings do."""

    priority = 5

    def __init__(self) -> None:
        super().__init__()
        self.kept: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        if not self.kept.pop((service, username), ""):
            raise errors.PasswordDeleteError("no such password")


class PlainFileKeyring(MemoryKeyring):
    """Has the priority of the backends that write plain files."""

    priority = 0.5


class BrokenKeyring(MemoryKeyring):
    """Fails in everything."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error

    def get_password(self, service: str, username: str) -> str | None:
        raise self.error

    def set_password(self, service: str, username: str, password: str) -> None:
        raise self.error

    def delete_password(self, service: str, username: str) -> None:
        raise self.error


class ForgetfulKeyring(MemoryKeyring):
    """Takes a secret and loses it."""

    def set_password(self, service: str, username: str, password: str) -> None:
        pass


class LyingKeyring(MemoryKeyring):
    """Gives back something else."""

    def get_password(self, service: str, username: str) -> str | None:
        return "gone\nwrong"


class Chain(MemoryKeyring):
    """Asks several keyrings, and writes into the first."""

    priority = 10

    def __init__(self, *backends: KeyringBackend) -> None:
        super().__init__()
        self.backends = backends


# Otherwise keyring would find these as well when it looks for the system's.
KeyringBackend._classes -= {MemoryKeyring, PlainFileKeyring, BrokenKeyring, ForgetfulKeyring, LyingKeyring, Chain}


@pytest.fixture(autouse=True)
def memory_keyring(monkeypatch) -> MemoryKeyring:
    """In place of the system's keyring, which no test may touch."""
    backend = MemoryKeyring()
    monkeypatch.setattr(keyring.core, "_keyring_backend", backend)
    return backend


def assert_kept_for_this_run_only() -> None:
    store = TokenStore(HUB)
    assert store.load() == ""
    assert store.save(TOKEN) is False
    assert store.load() == TOKEN
    assert TokenStore(HUB).load() == ""
    store.forget()
    assert store.load() == ""


def test_a_token_is_kept_in_the_keyring(memory_keyring):
    assert TokenStore(HUB).save(f"  {TOKEN}\n") is True
    assert memory_keyring.kept == {("Paddock", "huggingface.co"): TOKEN}
    assert TokenStore(HUB).load() == TOKEN


def test_a_new_token_takes_the_place_of_the_old_one(memory_keyring):
    store = TokenStore(HUB)
    store.save("hf_old")
    assert store.save(TOKEN)
    assert store.load() == TOKEN
    assert list(memory_keyring.kept.values()) == [TOKEN]


def test_without_a_token_there_is_none():
    assert TokenStore(HUB).load() == ""


def test_a_forgotten_token_is_gone(memory_keyring):
    store = TokenStore(HUB)
    store.save(TOKEN)
    store.forget()
    assert store.load() == ""
    assert memory_keyring.kept == {}


def test_a_token_that_was_never_there_can_be_forgotten():
    TokenStore(HUB).forget()


def test_every_hub_has_a_token_of_its_own(memory_keyring):
    TokenStore(HUB).save(TOKEN)
    other = TokenStore("http://someone:secret@localhost:8080/hub")
    assert other.load() == ""
    other.save("other")
    assert memory_keyring.kept["Paddock", "localhost:8080"] == "other"
    assert TokenStore(HUB).load() == TOKEN


@pytest.mark.parametrize(
    "error",
    [
        errors.NoKeyringError("no backend"),
        errors.KeyringLocked("locked"),
        errors.InitError("no collection"),
        errors.PasswordSetError("cancelled"),
        ConnectionRefusedError("D-Bus"),
        TimeoutError("D-Bus"),
        ValueError("D-Bus"),
        RuntimeError("GLib"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_with_a_keyring_that_fails_a_token_is_kept_for_this_run_only(error):
    keyring.set_keyring(BrokenKeyring(error))
    assert_kept_for_this_run_only()


def test_what_the_secret_service_lets_through_is_no_error():
    exceptions = pytest.importorskip("secretstorage.exceptions")
    for error in (exceptions.LockedException("locked"), exceptions.PromptDismissedException("dismissed")):
        keyring.set_keyring(BrokenKeyring(error))
        assert_kept_for_this_run_only()


def test_what_the_bus_answers_is_no_error():
    jeepney = pytest.importorskip("jeepney")
    answer = types.SimpleNamespace(header=types.SimpleNamespace(fields={}), body=())
    keyring.set_keyring(BrokenKeyring(jeepney.DBusErrorResponse(answer)))
    assert_kept_for_this_run_only()


@pytest.mark.parametrize("module", ["pywintypes", "win32ctypes.pywin32.pywintypes"])
def test_what_windows_raises_is_no_error(monkeypatch, module):
    pywintypes = types.ModuleType(module)
    pywintypes.error = type("error", (Exception,), {})
    monkeypatch.setitem(sys.modules, module, pywintypes)
    keyring.set_keyring(BrokenKeyring(pywintypes.error(1783, "CredWrite", "The stub received bad data")))
    assert_kept_for_this_run_only()


def test_a_bug_in_a_keyring_is_not_hidden():
    keyring.set_keyring(BrokenKeyring(ZeroDivisionError()))
    with pytest.raises(ZeroDivisionError):
        TokenStore(HUB).load()


@pytest.mark.parametrize(
    "backend",
    [
        keyring.backends.fail.Keyring(),
        keyring.backends.null.Keyring(),
        keyring.backends.chainer.ChainerBackend(),
        ForgetfulKeyring(),
        LyingKeyring(),
    ],
    ids=["fail", "null", "empty chain", "forgetful", "lying"],
)
def test_without_a_usable_keyring_a_token_is_kept_for_this_run_only(backend):
    keyring.set_keyring(backend)
    assert_kept_for_this_run_only()


@pytest.mark.parametrize("is_chained", [False, True])
def test_a_token_is_never_put_into_a_plain_file(is_chained):
    plain = PlainFileKeyring()
    keyring.set_keyring(Chain(plain, MemoryKeyring()) if is_chained else plain)
    assert_kept_for_this_run_only()
    assert plain.kept == {}


def test_a_chain_that_begins_with_the_systems_keyring_is_used():
    keyring.set_keyring(Chain(MemoryKeyring(), PlainFileKeyring()))
    assert TokenStore(HUB).save(TOKEN) is True


def test_without_a_secret_service_on_the_bus_there_is_no_keyring(monkeypatch, tmp_path):
    pytest.importorskip("secretstorage")
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", f"unix:path={tmp_path / 'bus'}")
    keyring.set_keyring(keyring.backends.SecretService.Keyring())
    assert_kept_for_this_run_only()


@pytest.mark.parametrize("name", ["no_such_module.Keyring", "keyring.backends.fail.NoSuchKeyring", "nonsense", ""])
def test_a_keyring_that_the_environment_names_but_does_not_exist_is_none(monkeypatch, name):
    monkeypatch.setattr(keyring.core, "_keyring_backend", None)
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", name)
    assert_kept_for_this_run_only()


def test_settings_of_keyring_that_cannot_be_read_mean_there_is_none(monkeypatch, tmp_path):
    settings = tmp_path / "keyringrc.cfg"
    settings.write_text("no section")
    monkeypatch.setattr(keyring.core, "_keyring_backend", None)
    monkeypatch.setattr(keyring.core, "_config_path", lambda: settings)
    monkeypatch.delenv("PYTHON_KEYRING_BACKEND", raising=False)
    assert_kept_for_this_run_only()


def test_the_token_is_in_no_log_and_no_words_of_the_store(caplog):
    caplog.set_level(logging.DEBUG)
    keyring.set_keyring(BrokenKeyring(ValueError(f"cannot store {TOKEN}")))
    store = TokenStore(HUB)
    store.save(TOKEN)
    assert "ValueError" in caplog.text
    assert TOKEN not in caplog.text
    assert TOKEN not in repr(store)


def test_what_is_no_token_is_refused_without_being_quoted(memory_keyring):
    with pytest.raises(ValueError, match=r"^not a token$"):
        TokenStore(HUB).save("my secret sentence")
    assert memory_keyring.kept == {}


def test_what_is_no_token_is_not_taken_from_the_keyring(memory_keyring):
    memory_keyring.kept["Paddock", "huggingface.co"] = "two\nlines"
    assert TokenStore(HUB).load() == ""


@pytest.mark.parametrize("token", [TOKEN, "x", "a.b-c_d~e+f/g=", "z" * 200])
def test_a_token_is_a_word_of_printable_ascii(token):
    assert is_plausible(token)


@pytest.mark.parametrize("token", ["", " ", "two words", "line\n", "ümlaut", "tab\t", "\x00", "z" * 201])
def test_anything_else_is_no_token(token):
    assert not is_plausible(token)


def test_importing_the_store_does_not_import_keyring():
    code = "import sys, app.core.secrets; sys.exit('keyring' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
