from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import psutil
import pytest

from app.core import errors
from app.core.conversation import Attachment
from app.core.conversations import ConversationStore, MessageState
from app.core.database import open_database
from app.core.guide import guide_path
from app.core.recent_models import RecentModels
from app.core.settings import Settings
from app.engine.engine import Engine
from app.ui.chat_session import ChatSession
from app.ui.model_session import ModelSession

TIMEOUT = 20_000
WHOLE_REPLY = "".join(f"{n} " for n in range(400))


@dataclass
class Desk:
    """A chat session and all it needs but widgets."""

    store: ConversationStore
    engine: Engine
    models: ModelSession
    session: ChatSession

    def messages(self):
        return self.store.messages(self.session.conversation.id)

    def kill_the_engine(self) -> None:
        for process in psutil.Process().children():
            if any("scripted_child" in word for word in process.cmdline()):
                process.kill()


@pytest.fixture
def database(paths):
    connection = open_database(paths.database)
    yield connection
    connection.close()


@pytest.fixture
def sit_down(start_engine, database, qtbot) -> Callable[..., Desk]:
    def sit(behaviour: str, *, load: bool = True, store_class: type[ConversationStore] = ConversationStore) -> Desk:
        store = store_class(database)
        engine = start_engine(behaviour)
        models = ModelSession(engine, RecentModels(database), lambda _path: Settings())
        session = ChatSession(store, engine, models, Settings)
        session.open(store.create("Be brief.").id)
        if load:
            with qtbot.waitSignal(models.loaded, timeout=TIMEOUT):
                models.open("any.gguf")
        return Desk(store, engine, models, session)

    return sit


def test_the_message_is_on_disk_before_the_engine_hears_of_it(sit_down, paths, qtbot):
    desk = sit_down("echo", load=False)
    desk.models.open("any.gguf")  # still loading: nothing can have been generated yet
    desk.session.send("Keep this.")
    other = ConversationStore(open_database(paths.database))
    assert [message.text for message in other.messages(desk.session.conversation.id)] == ["Keep this.", ""]
    with qtbot.waitSignal(desk.session.reply_finished, timeout=TIMEOUT):
        pass


def test_a_reply_is_shown_and_kept_whole(sit_down, qtbot):
    desk = sit_down("floods")
    shown: list[str] = []
    desk.session.text_received.connect(lambda _id, text: shown.append(text))
    with qtbot.waitSignal(desk.session.reply_finished, timeout=TIMEOUT):
        desk.session.send("Count.")
    assert "".join(shown) == desk.messages()[-1].text == WHOLE_REPLY
    assert desk.messages()[-1].state is MessageState.COMPLETE
    assert desk.messages()[-1].model == "Scripted Q4_K_M"


def test_half_a_second_after_it_was_shown_text_is_on_disk(sit_down, qtbot):
    desk = sit_down("echo")
    with qtbot.waitSignal(desk.session.text_received, timeout=TIMEOUT):
        desk.session.send("Count.")
    qtbot.waitUntil(lambda: desk.messages()[-1].text != "", timeout=500)
    desk.session.stop()
    qtbot.waitUntil(lambda: not desk.session.is_writing, timeout=TIMEOUT)


def test_stop_keeps_what_was_written(sit_down, qtbot):
    desk = sit_down("echo")
    with qtbot.waitSignal(desk.session.text_received, timeout=TIMEOUT):
        desk.session.send("Count.")
    with qtbot.waitSignal(desk.session.reply_finished, timeout=TIMEOUT):
        desk.session.stop()
    reply = desk.messages()[-1]
    assert reply.state is MessageState.STOPPED
    assert reply.text
    assert WHOLE_REPLY.startswith(reply.text)


def test_after_a_crash_the_partial_reply_stays_and_try_again_works(sit_down, qtbot):
    desk = sit_down("echo")
    with qtbot.waitSignal(desk.session.text_received, timeout=TIMEOUT):
        desk.session.send("Count.")
    with qtbot.waitSignal(desk.session.reply_failed, timeout=TIMEOUT) as failed:
        desk.kill_the_engine()
    assert isinstance(failed.args[1], errors.EngineWasKilled)
    broken = desk.messages()[-1]
    assert broken.state is MessageState.FAILED
    assert broken.text
    assert errors.EngineWasKilled.title in broken.note
    with qtbot.waitSignal(desk.session.reply_finished, timeout=TIMEOUT):
        desk.session.answer_again(broken.id)
    assert [message.text for message in desk.messages()] == ["Count.", WHOLE_REPLY]


def test_a_message_that_is_too_long_goes_back_to_where_it_was_typed(sit_down, qtbot):
    desk = sit_down("too_long")
    with qtbot.waitSignal(desk.session.refused, timeout=TIMEOUT) as refused:
        desk.session.send("Very long.")
    assert isinstance(refused.args[0], errors.MessageTooLong)
    assert refused.args[1] == "Very long."
    assert desk.messages() == []
    assert desk.session.conversation.draft == "Very long."


def test_without_a_model_nothing_is_sent_and_nothing_lost(sit_down, qtbot):
    desk = sit_down("echo", load=False)
    with qtbot.waitSignal(desk.session.refused, timeout=TIMEOUT) as refused:
        desk.session.send("Hello")
    assert isinstance(refused.args[0], errors.NoModelLoaded)
    assert desk.messages() == []


def test_a_message_sent_while_the_model_loads_is_answered_once_it_is_there(sit_down, qtbot):
    desk = sit_down("loads_slowly", load=False)
    desk.models.open("any.gguf")
    with qtbot.waitSignals([desk.session.waiting_for_model, desk.session.reply_finished], timeout=TIMEOUT):
        desk.session.send("Count.")
    assert desk.messages()[-1].text == WHOLE_REPLY


def test_a_message_that_waits_for_a_model_that_cannot_be_loaded_can_be_tried_again(sit_down, qtbot):
    desk = sit_down("refuses", load=False)
    desk.models.open("any.gguf")
    with qtbot.waitSignal(desk.session.reply_failed, timeout=TIMEOUT):
        desk.session.send("Hello")
    assert desk.messages()[-1].state is MessageState.FAILED
    assert not desk.session.is_writing


def test_a_reply_goes_on_while_another_conversation_is_looked_at(sit_down, qtbot):
    desk = sit_down("echo")
    first = desk.session.conversation.id
    with qtbot.waitSignal(desk.session.text_received, timeout=TIMEOUT):
        desk.session.send("Count.")
    desk.session.open(desk.store.create("").id)
    shown: list[str] = []
    desk.session.text_received.connect(lambda _id, text: shown.append(text))
    qtbot.waitUntil(lambda: not desk.session.is_writing, timeout=TIMEOUT)
    assert shown == []
    assert desk.store.messages(first)[-1].text == WHOLE_REPLY


def test_coming_back_to_a_reply_under_way_shows_every_piece_once(sit_down, qtbot):
    desk = sit_down("echo")
    first = desk.session.conversation.id
    with qtbot.waitSignal(desk.session.text_received, timeout=TIMEOUT):
        desk.session.send("Count.")
    desk.session.open(desk.store.create("").id)
    with qtbot.waitSignal(desk.engine.text_received, timeout=TIMEOUT):
        pass
    shown: list[str] = []
    desk.session.opened.connect(lambda _one, messages: shown.append(messages[-1].text))
    desk.session.text_received.connect(lambda _id, text: shown.append(text))
    desk.session.open(first)
    qtbot.waitUntil(lambda: not desk.session.is_writing, timeout=TIMEOUT)
    assert "".join(shown) == WHOLE_REPLY


def test_asking_again_keeps_the_earlier_reply_on_disk(sit_down, database, qtbot):
    desk = sit_down("floods")
    with qtbot.waitSignal(desk.session.reply_finished, timeout=TIMEOUT):
        desk.session.send("Count.")
    first = desk.messages()[-1]
    with qtbot.waitSignal(desk.session.reply_finished, timeout=TIMEOUT):
        desk.session.answer_again(first.id)
    assert desk.messages()[-1].id != first.id
    kept = database.execute("SELECT text FROM messages WHERE id = ?", [first.id]).fetchone()
    assert kept["text"] == WHOLE_REPLY


class FullDisk(ConversationStore):
    """A disk that takes no piece of a reply until there is room again."""

    is_full = True

    def append_text(self, message_id: str, text: str) -> None:
        if self.is_full:
            raise errors.DiskFull
        super().append_text(message_id, text)


def test_what_a_full_disk_did_not_take_is_written_once_there_is_room(sit_down, qtbot):
    desk = sit_down("floods", store_class=FullDisk)
    with qtbot.waitSignals([desk.session.storage_failed, desk.session.reply_finished], timeout=TIMEOUT):
        desk.session.send("Count.")
    assert desk.messages()[-1].text == ""
    desk.store.is_full = False
    qtbot.waitUntil(lambda: desk.messages()[-1].state is MessageState.COMPLETE, timeout=TIMEOUT)
    assert desk.messages()[-1].text == WHOLE_REPLY


def test_a_changed_system_prompt_takes_effect_with_the_next_message(sit_down, qtbot):
    desk = sit_down("floods")
    asked = []
    desk.engine._command_given.connect(asked.append)
    desk.session.set_system_prompt("Speak like a pirate.")
    with qtbot.waitSignal(desk.session.reply_finished, timeout=TIMEOUT):
        desk.session.send("Hello")
    assert [(message.role, message.text) for message in asked[-1].messages] == [
        ("system", "Speak like a pirate."),
        ("user", "Hello"),
    ]


def test_the_guide_is_asked_greedily_and_without_a_system_prompt(sit_down, qtbot):
    desk = sit_down("floods", load=False)
    with qtbot.waitSignal(desk.models.loaded, timeout=TIMEOUT):
        desk.models.open(str(guide_path()))
    asked = []
    desk.engine._command_given.connect(asked.append)
    with qtbot.waitSignal(desk.session.reply_finished, timeout=TIMEOUT):
        desk.session.send("What can you do?")
    assert [message.role for message in asked[-1].messages] == ["user"]
    assert asked[-1].sampling.temperature == 0


# Versions, and what can be done with a message


@pytest.fixture
def talked(sit_down, qtbot) -> Desk:
    """A desk with a question and its answer."""
    desk = sit_down("floods")
    with qtbot.waitSignal(desk.session.reply_finished, timeout=TIMEOUT):
        desk.session.send("Count.")
    return desk


def put_to_the_model(desk: Desk) -> list:
    asked = []
    desk.engine._command_given.connect(asked.append)
    return asked


def test_an_edited_question_is_answered_anew_and_the_old_one_stays_within_reach(talked, qtbot):
    first = talked.messages()[0]
    with qtbot.waitSignals([talked.session.branch_changed, talked.session.reply_finished], timeout=TIMEOUT):
        talked.session.edit(first.id, "Count again.")
    question, answer = talked.messages()
    assert (question.text, answer.text) == ("Count again.", WHOLE_REPLY)
    assert question.versions == (first.id, question.id)
    talked.session.show_version(question.id, -1)
    assert [message.text for message in talked.messages()] == ["Count.", WHOLE_REPLY]
    talked.session.show_version(first.id, 1)
    assert talked.messages()[0].text == "Count again."


def test_an_edited_reply_is_what_the_model_sees_from_then_on(talked, qtbot):
    talked.session.edit(talked.messages()[1].id, "One, two.")
    asked = put_to_the_model(talked)
    with qtbot.waitSignal(talked.session.reply_finished, timeout=TIMEOUT):
        talked.session.send("Go on.")
    assert [message.text for message in asked[-1].messages] == ["Be brief.", "Count.", "One, two.", "Go on."]
    assert len(talked.messages()[1].versions) == 2


def test_the_model_goes_on_with_a_reply(talked, qtbot):
    reply = talked.messages()[1]
    asked = put_to_the_model(talked)
    with qtbot.waitSignals([talked.session.message_replaced, talked.session.reply_finished], timeout=TIMEOUT):
        talked.session.go_on(reply.id)
    assert [message.role for message in asked[-1].messages] == ["system", "user", "assistant"]
    assert asked[-1].messages[-1].text == WHOLE_REPLY
    continued = talked.messages()[1]
    assert (continued.id, continued.text, continued.state) == (reply.id, WHOLE_REPLY * 2, MessageState.COMPLETE)


def test_a_deleted_message_is_not_put_to_the_model_and_comes_back(talked, qtbot):
    question = talked.messages()[0]
    with qtbot.waitSignal(talked.session.message_deleted, timeout=TIMEOUT):
        talked.session.delete_message(question.id)
    asked = put_to_the_model(talked)
    with qtbot.waitSignal(talked.session.reply_finished, timeout=TIMEOUT):
        talked.session.send("And now?")
    assert "Count." not in [message.text for message in asked[-1].messages]
    talked.session.restore_message(question.id)
    assert [message.text for message in talked.messages()] == ["Count.", WHOLE_REPLY, "And now?", WHOLE_REPLY]


def test_a_pinned_message_is_put_to_the_model_as_such(talked, qtbot):
    question = talked.messages()[0]
    with qtbot.waitSignal(talked.session.message_changed, timeout=TIMEOUT) as changed:
        talked.session.pin(question.id, True)
    assert changed.args[0].pinned
    talked.session.set_policy("middle")
    asked = put_to_the_model(talked)
    with qtbot.waitSignal(talked.session.reply_finished, timeout=TIMEOUT):
        talked.session.send("And now?")
    assert [message.pinned for message in asked[-1].messages] == [False, True, False, False]
    assert asked[-1].policy == "middle"


def test_a_fork_goes_on_by_itself(talked, qtbot):
    before = talked.session.conversation.id
    talked.session.fork(talked.messages()[0].id)
    assert talked.session.conversation.id != before
    assert [message.text for message in talked.messages()] == ["Count."]
    assert len(talked.store.messages(before)) == 2


def test_nothing_is_changed_while_a_reply_is_being_written(sit_down, qtbot):
    desk = sit_down("echo")
    with qtbot.waitSignal(desk.session.text_received, timeout=TIMEOUT):
        desk.session.send("Count.")
    question, reply = desk.messages()
    desk.session.edit(question.id, "Other words.")
    desk.session.delete_message(question.id)
    desk.session.go_on(reply.id)
    assert [message.id for message in desk.messages()] == [question.id, reply.id]
    desk.session.stop()
    qtbot.waitUntil(lambda: not desk.session.is_writing, timeout=TIMEOUT)


def test_attached_files_are_put_to_the_model_before_the_words(talked, qtbot):
    asked = put_to_the_model(talked)
    with qtbot.waitSignal(talked.session.reply_finished, timeout=TIMEOUT):
        talked.session.send("Sum it up.", [Attachment("notes.txt", "```\nfirst\n```")])
    assert asked[-1].messages[-1].text == "notes.txt:\n\n````\n```\nfirst\n```\n````\n\nSum it up."
    assert talked.messages()[2].text == "Sum it up."


def test_what_a_reply_was_written_with_is_kept(talked):
    stats = talked.messages()[1].stats
    assert stats["seed"] == 7
    assert stats["sampling"]["temperature"] == Settings().temperature
    assert stats["backend"] == "CPU"


def test_a_conversation_that_would_lose_something_asks_first(sit_down, qtbot):
    desk = sit_down("full")
    with qtbot.waitSignal(desk.session.refused, timeout=TIMEOUT) as refused:
        desk.session.send("One more.")
    assert isinstance(refused.args[0], errors.ContextFull)
    assert desk.session.conversation.draft == "One more."
