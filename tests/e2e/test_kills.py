"""Nothing written is lost, whoever is killed, whenever."""

from __future__ import annotations

import contextlib
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from app.core.conversations import ConversationStore, MessageState
from app.core.database import open_database
from app.core.recent_models import RecentModels
from app.core.settings import Settings
from app.engine.engine import Engine, EngineState
from app.ui.chat_session import ChatSession
from app.ui.model_session import ModelSession
from tests.gguf_writer import BENCH, write_gguf

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")

ROUNDS = 30
APP_KILLS = 50
SAFE_AFTER = 0.5  # seconds: what was streamed longer ago than this must be on disk
LONG_QUESTION = "Tell me about the rivers and the mountains and the quiet houses. " * 60


def _settings() -> Settings:
    return Settings(threads=1)  # more would wait for each other on a busy machine


class Chat:
    """Everything but the widgets, with real llama.cpp in the child."""

    def __init__(self, folder: Path) -> None:
        self.database = open_database(folder / "conversations.db")
        self.store = ConversationStore(self.database)
        self.engine = Engine()
        self.models = ModelSession(self.engine, RecentModels(self.database), lambda _path: _settings())
        self.session = ChatSession(self.store, self.engine, self.models, _settings)
        self.begin_conversation()
        self.streamed: dict[str, str] = {}
        self.engine.text_received.connect(self._take)

    def _take(self, reply_id: str, text: str) -> None:
        self.streamed[reply_id] = self.streamed.get(reply_id, "") + text

    def begin_conversation(self) -> None:
        self.session.open(self.store.create("Be brief.").id)

    def child(self) -> psutil.Process | None:
        for process in psutil.Process().children():
            with contextlib.suppress(psutil.NoSuchProcess):  # a zombie counts as gone too
                if "--engine-child" in process.cmdline():
                    return process
        return None

    def last_reply(self):
        return self.store.messages(self.session.conversation.id)[-1]

    def close(self) -> None:
        self.session.close()
        self.engine.close()
        self.database.close()


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    return write_gguf(tmp_path_factory.mktemp("models") / "bench.gguf", BENCH)


@pytest.fixture
def chat(tmp_path, qtbot) -> Iterator[Chat]:
    chat = Chat(tmp_path)
    yield chat
    chat.close()


@pytest.mark.model
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGABRT, signal.SIGSEGV], ids=lambda number: number.name)
@pytest.mark.parametrize("phase", ["loading", "reading", "writing"])
def test_the_engine_can_be_killed_at_any_moment(chat, model, qtbot, phase, number):
    chance = random.Random(f"{phase} {number}")
    for _ in range(ROUNDS):
        chat.begin_conversation()
        _bring_to(phase, chat, model, qtbot)
        _kill_within(0.6 if phase == "loading" else 0.1, number, chat, qtbot, chance)
        qtbot.waitUntil(lambda: chat.engine.state is EngineState.EMPTY, timeout=30_000)
        assert not chat.models.is_loading
        assert not chat.session.is_writing
        if phase != "loading":
            reply = chat.last_reply()
            assert reply.text == chat.streamed.get(reply.id, "")
            assert reply.state in (MessageState.FAILED, MessageState.COMPLETE)
    _the_app_still_works(chat, model, qtbot)


def _bring_to(phase: str, chat: Chat, model: Path, qtbot) -> None:
    if phase == "loading":
        chat.models.open(str(model))
        return
    if chat.engine.state is not EngineState.READY:
        with qtbot.waitSignal(chat.models.loaded, timeout=30_000):
            chat.models.open(str(model))
    if phase == "reading":
        with qtbot.waitSignal(chat.engine.prompt_progressed, timeout=30_000):
            chat.session.send(LONG_QUESTION)
    else:
        with qtbot.waitSignal(chat.engine.text_received, timeout=30_000):
            chat.session.send("Hello")


def _kill_within(seconds: float, number: int, chat: Chat, qtbot, chance: random.Random) -> None:
    qtbot.waitUntil(lambda: chat.child() is not None, timeout=30_000)
    until = time.monotonic() + chance.uniform(0, seconds)
    qtbot.waitUntil(lambda: time.monotonic() >= until, timeout=30_000)
    chat.child().send_signal(number)


def _the_app_still_works(chat: Chat, model: Path, qtbot) -> None:
    chat.begin_conversation()
    with qtbot.waitSignal(chat.engine.text_received, timeout=30_000):
        chat.session.send("Are you back?")  # loads the model, as the user would have it
    with qtbot.waitSignal(chat.session.reply_finished, timeout=30_000):
        chat.session.stop()
    assert chat.last_reply().text


def test_the_app_can_be_killed_at_any_moment_of_a_reply(tmp_path):
    chance = random.Random(1)
    data = tmp_path / "data"
    for number in range(APP_KILLS):
        log = tmp_path / f"streamed {number}.log"
        window = subprocess.Popen([sys.executable, "-m", "tests.torture", str(data), str(log), "ask"])
        _wait_until(log.exists, "a reply to begin")
        (child,) = psutil.Process(window.pid).children()
        time.sleep(chance.uniform(0, 1.2))
        killed_at = time.time()
        window.kill()
        window.wait()
        _wait_until(lambda gone=child: not gone.is_running(), "the engine child to end")
        _check_what_is_on_disk(data / "conversations.db", log, killed_at)


def _wait_until(condition, what: str) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(0.005)


def _check_what_is_on_disk(database: Path, log: Path, killed_at: float) -> None:
    streamed: dict[str, str] = {}
    due: dict[str, str] = {}
    for line in log.read_text().splitlines():
        moment, reply_id, word = line.split(" ", 2)
        streamed[reply_id] = streamed.get(reply_id, "") + word
        if float(moment) < killed_at - SAFE_AFTER:
            due[reply_id] = streamed[reply_id]
    with contextlib.closing(sqlite3.connect(database)) as connection:
        replies = dict(connection.execute("SELECT id, text FROM messages WHERE role = 'assistant'"))
        questions = connection.execute("SELECT count(*) FROM messages WHERE role = 'user'").fetchone()[0]
    assert questions == len(replies)
    for reply_id, text in streamed.items():
        kept = replies[reply_id]
        assert text.startswith(kept)
        assert kept.startswith(due.get(reply_id, ""))
