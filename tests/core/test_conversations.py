from __future__ import annotations

import itertools
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from app.core.conversations import ConversationStore, Message, MessageState, title_from
from app.core.database import execute, open_database
from app.core.errors import DiskFull


@pytest.fixture
def connection(tmp_path):
    connection = open_database(tmp_path / "conversations.db")
    yield connection
    connection.close()


@pytest.fixture
def store(connection):
    return ConversationStore(connection, clock=itertools.count(1000.0).__next__)


def _talk(store: ConversationStore, conversation_id: str, question: str, answer: str) -> tuple[Message, Message]:
    turn, reply = store.add_exchange(conversation_id, question, "Tiny")
    store.append_text(reply.id, answer)
    store.finish(reply.id, MessageState.COMPLETE)
    return turn, reply


def _texts(store: ConversationStore, conversation_id: str) -> list[str]:
    return [message.text for message in store.messages(conversation_id)]


# Conversations


def test_a_new_conversation_is_empty_and_has_its_own_system_prompt(store):
    conversation = store.create("Be brief.")
    assert (conversation.title, conversation.draft, conversation.system_prompt) == ("", "", "Be brief.")
    assert store.messages(conversation.id) == []
    assert store.conversations() == [conversation]


def test_conversations_are_listed_by_last_use(store):
    first, second, third = (store.create("").id for _ in range(3))
    store.add_exchange(first, "hello", "Tiny")
    turn, _ = store.add_exchange(second, "hello", "Tiny")
    assert [conversation.id for conversation in store.conversations()] == [second, first, third]
    store.add_exchange(first, "hello again", "Tiny")
    store.add_reply(second, turn.id, "Tiny")
    assert [conversation.id for conversation in store.conversations()] == [second, first, third]


def test_of_conversations_used_at_the_same_time_the_newer_comes_first(connection):
    store = ConversationStore(connection, clock=lambda: 1000.0)
    made = [store.create("").id for _ in range(5)]
    assert [conversation.id for conversation in store.conversations()] == made[::-1]


def test_renaming_typing_and_a_new_system_prompt_are_no_use(store):
    older, newer = store.create(""), store.create("")
    store.rename(older.id, "Older")
    store.set_draft(older.id, "half a thou")
    store.set_system_prompt(older.id, "Rhyme.")
    assert [conversation.title for conversation in store.conversations()] == [newer.title, "Older"]
    changed = store.conversation(older.id)
    assert (changed.draft, changed.system_prompt, changed.used_at) == ("half a thou", "Rhyme.", older.used_at)


def test_a_deleted_conversation_comes_back_whole_and_to_its_place(store):
    first, second = store.create("One.").id, store.create("Two.").id
    _talk(store, first, "question", "answer")
    _talk(store, second, "question", "answer")
    before = store.conversations(), store.messages(first)
    store.delete(first)
    assert [conversation.id for conversation in store.conversations()] == [second]
    store.restore(first)
    assert (store.conversations(), store.messages(first)) == before


def test_a_reply_that_still_comes_into_a_deleted_conversation_is_kept(store):
    conversation = store.create("")
    _, reply = store.add_exchange(conversation.id, "question", "Tiny")
    store.delete(conversation.id)
    store.append_text(reply.id, "answer")
    store.restore(conversation.id)
    assert _texts(store, conversation.id) == ["question", "answer"]


# Titles


def test_a_conversation_is_named_after_its_first_message(store):
    conversation = store.create("")
    _talk(store, conversation.id, "  What is\n\ta quant? ", "It is")
    _talk(store, conversation.id, "And a token?", "It is")
    assert store.conversation(conversation.id).title == "What is a quant?"


def test_a_name_given_by_hand_is_never_replaced(store):
    before, after = store.create("").id, store.create("").id
    store.rename(before, " My \n quants ")
    store.add_exchange(before, "hello", "Tiny")
    turn, reply = store.add_exchange(after, "hello", "Tiny")
    store.rename(after, "My tokens")
    store.withdraw_exchange(turn.id, reply.id, "hello")
    store.add_exchange(after, "hello", "Tiny")
    assert (store.conversation(before).title, store.conversation(after).title) == ("My quants", "My tokens")


def test_a_blank_name_changes_nothing(store):
    conversation = store.create("")
    turn, reply = store.add_exchange(conversation.id, "hello", "Tiny")
    store.rename(conversation.id, " \n ")
    assert store.conversation(conversation.id).title == "hello"
    store.withdraw_exchange(turn.id, reply.id, "hello")
    assert store.conversation(conversation.id).title == ""


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("", ""),
        (" \n\t ", ""),
        ("one\n\n two\u00a0three", "one two three"),
        ("x" * 60, "x" * 60),
        ("x" * 61, "x" * 60 + "…"),
        ("short " + "x" * 100, "short " + "x" * 54 + "…"),
        ("x" * 39 + " " + "y" * 20 + " and so on", "x" * 39 + " " + "y" * 20 + "…"),
        ("five5 " * 20, ("five5 " * 10).strip() + "…"),
        ("何" * 80, "何" * 60 + "…"),
    ],
)
def test_a_title_is_one_line_cut_at_a_word(text, title):
    assert title_from(text) == title


# Messages


def test_an_exchange_is_the_users_turn_and_an_empty_reply_and_clears_the_draft(store):
    conversation = store.create("")
    store.set_draft(conversation.id, "hel")
    turn, reply = store.add_exchange(conversation.id, "hello", "Tiny")
    assert (turn.role, turn.text, turn.state, turn.parent_id) == ("user", "hello", MessageState.COMPLETE, None)
    assert (reply.role, reply.text, reply.state, reply.parent_id) == ("assistant", "", MessageState.WRITING, turn.id)
    assert (turn.model, reply.model, reply.stats, reply.note) == ("", "Tiny", None, "")
    assert store.messages(conversation.id) == [turn, reply]
    assert store.conversation(conversation.id).draft == ""


def test_a_reply_grows_piece_by_piece_and_says_how_it_ended(store):
    conversation = store.create("")
    _, reply = store.add_exchange(conversation.id, "hello", "Tiny")
    for piece in ("", "Hel", "lo\n", "\0 and 😀"):
        store.append_text(reply.id, piece)
    store.finish(reply.id, MessageState.FAILED, "The engine failed\nTry again.", {"reply_tokens": 3}, "Big")
    ended = store.messages(conversation.id)[-1]
    assert ended.text == "Hello\n\0 and 😀"
    assert (ended.state, ended.note) == (MessageState.FAILED, "The engine failed\nTry again.")
    assert (ended.stats, ended.model) == ({"reply_tokens": 3}, "Big")


def test_finishing_without_a_model_keeps_the_one_it_was_begun_with(store):
    conversation = store.create("")
    _, reply = store.add_exchange(conversation.id, "hello", "Tiny")
    store.finish(reply.id, MessageState.STOPPED)
    assert store.messages(conversation.id)[-1].model == "Tiny"


def test_another_reply_is_shown_instead_and_the_first_is_kept(store, connection):
    conversation = store.create("")
    turn, first = _talk(store, conversation.id, "question", "first answer")
    second = store.add_reply(conversation.id, turn.id, "Big")
    store.append_text(second.id, "second answer")
    assert _texts(store, conversation.id) == ["question", "second answer"]
    _talk(store, conversation.id, "next question", "next answer")
    assert _texts(store, conversation.id) == ["question", "second answer", "next question", "next answer"]
    assert execute(connection, "SELECT text FROM messages WHERE id = ?", first.id)[0]["text"] == "first answer"


def test_only_a_users_turn_of_the_same_conversation_can_be_replied_to(store):
    mine, other = store.create(""), store.create("")
    turn, reply = store.add_exchange(mine.id, "hello", "Tiny")
    for conversation, parent in ((mine, reply), (other, turn)):
        with pytest.raises(ValueError, match="replied to"):
            store.add_reply(conversation.id, parent.id, "Tiny")
    assert store.messages(mine.id) == [turn, reply]
    assert store.messages(other.id) == []


def test_what_was_being_written_when_the_app_ended_is_marked_and_an_empty_reply_stays(store):
    conversation, other = store.create(""), store.create("")
    _talk(store, conversation.id, "question", "answer")
    _, writing = store.add_exchange(conversation.id, "question", "Tiny")
    _, deleted = store.add_exchange(other.id, "question", "Tiny")
    store.delete(other.id)
    assert sorted(store.mark_interrupted()) == sorted([writing.id, deleted.id])
    assert store.mark_interrupted() == []
    states = [message.state for message in store.messages(conversation.id)]
    assert states == [MessageState.COMPLETE] * 3 + [MessageState.INTERRUPTED]


@pytest.mark.parametrize(
    "act",
    [
        lambda store: store.conversation("?"),
        lambda store: store.messages("?"),
        lambda store: store.rename("?", "name"),
        lambda store: store.delete("?"),
        lambda store: store.add_exchange("?", "hello", "Tiny"),
        lambda store: store.add_reply("?", "?", "Tiny"),
        lambda store: store.append_text("?", "text that must not vanish silently"),
        lambda store: store.finish("?", MessageState.COMPLETE),
    ],
)
def test_an_unknown_id_is_never_passed_over_in_silence(store, act):
    with pytest.raises(KeyError):
        act(store)
    assert store.conversations() == []


# Withdrawing


def test_a_refused_message_goes_back_to_the_draft_with_the_title_it_gave(store):
    conversation = store.create("")
    turn, reply = store.add_exchange(conversation.id, "far too long", "Tiny")
    store.withdraw_exchange(turn.id, reply.id, "far too long")
    assert store.messages(conversation.id) == []
    withdrawn = store.conversation(conversation.id)
    assert (withdrawn.title, withdrawn.draft) == ("", "far too long")
    store.add_exchange(conversation.id, "shorter", "Tiny")
    assert store.conversation(conversation.id).title == "shorter"


def test_withdrawing_a_later_message_leaves_the_conversation_and_its_title(store):
    conversation = store.create("")
    _talk(store, conversation.id, "question", "answer")
    turn, reply = store.add_exchange(conversation.id, "far too long", "Tiny")
    store.withdraw_exchange(turn.id, reply.id, "far too long")
    assert _texts(store, conversation.id) == ["question", "answer"]
    assert store.conversation(conversation.id).title == "question"
    _talk(store, conversation.id, "next", "answer")
    assert _texts(store, conversation.id) == ["question", "answer", "next", "answer"]


def test_an_exchange_that_holds_written_text_cannot_be_withdrawn(store):
    conversation = store.create("")
    turn, written = _talk(store, conversation.id, "question", "answer")
    with pytest.raises(ValueError, match="would lose"):
        store.withdraw_exchange(turn.id, written.id, "question")
    assert _texts(store, conversation.id) == ["question", "answer"]


def test_an_exchange_with_another_reply_cannot_be_withdrawn(store):
    conversation = store.create("")
    turn, _ = _talk(store, conversation.id, "question", "answer")
    empty = store.add_reply(conversation.id, turn.id, "Tiny")
    with pytest.raises(ValueError, match="would lose"):
        store.withdraw_exchange(turn.id, empty.id, "question")
    assert store.messages(conversation.id) == [turn, empty]


def test_an_exchange_that_was_already_answered_cannot_be_withdrawn(store):
    conversation = store.create("")
    turn, reply = store.add_exchange(conversation.id, "question", "Tiny")
    store.add_exchange(conversation.id, "next question", "Tiny")
    with pytest.raises(ValueError, match="would lose"):
        store.withdraw_exchange(turn.id, reply.id, "question")
    assert _texts(store, conversation.id) == ["question", "", "next question", ""]


# Damage and disasters


def test_fields_that_make_no_sense_hide_nothing_else(store, connection):
    conversation = store.create("")
    turn, reply = _talk(store, conversation.id, "question", "answer")
    execute(
        connection, "UPDATE messages SET state = 'dreaming', stats = '{oops', role = 'model' WHERE id = ?", reply.id
    )
    execute(connection, "UPDATE messages SET stats = '[1]' WHERE id = ?", turn.id)
    messages = store.messages(conversation.id)
    assert [(message.role, message.text) for message in messages] == [("user", "question"), ("assistant", "answer")]
    assert [(message.state, message.stats) for message in messages] == [(MessageState.COMPLETE, None)] * 2


@pytest.mark.parametrize("head", [None, "gone"])
def test_a_conversation_that_lost_its_head_shows_the_newest_branch(store, connection, head):
    conversation = store.create("")
    _talk(store, conversation.id, "question", "answer")
    execute(connection, "PRAGMA foreign_keys = OFF")
    execute(connection, "UPDATE conversations SET head = ?", head)
    assert _texts(store, conversation.id) == ["question", "answer"]


def test_messages_that_answer_each_other_in_a_circle_are_each_shown_once(store, connection):
    conversation = store.create("")
    turn, reply = _talk(store, conversation.id, "question", "answer")
    execute(connection, "UPDATE messages SET parent_id = ? WHERE id = ?", reply.id, turn.id)
    assert _texts(store, conversation.id) == ["question", "answer"]


def test_on_a_full_disk_nothing_is_half_written(store, connection):
    conversation = store.create("")
    _, reply = _talk(store, conversation.id, "question", "answer")
    store.set_draft(conversation.id, "next")
    pages = execute(connection, "PRAGMA page_count")[0][0]
    execute(connection, f"PRAGMA max_page_count = {pages}")
    before = store.conversations(), store.messages(conversation.id)
    with pytest.raises(DiskFull):
        store.add_exchange(conversation.id, "x" * 100_000, "Tiny")
    with pytest.raises(DiskFull):
        store.append_text(reply.id, "x" * 100_000)
    assert (store.conversations(), store.messages(conversation.id)) == before


WRITER = """
import sys
from pathlib import Path
from app.core.conversations import ConversationStore
from app.core.database import open_database

store = ConversationStore(open_database(Path(sys.argv[1])))
conversation = store.create("")
turn, reply = store.add_exchange(conversation.id, "count", "Tiny")
print(conversation.id, flush=True)
for number in range(1_000_000):
    store.append_text(reply.id, f"{number} ")
    print(number, flush=True)
"""


def test_a_writer_killed_in_the_middle_of_a_stream_leaves_all_it_had_committed(store, connection, tmp_path):
    for pieces in (1, 7, 60, 300):
        arguments = [sys.executable, "-c", WRITER, str(tmp_path / "conversations.db")]
        with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as writer:
            assert writer.stdout is not None
            conversation_id = writer.stdout.readline().strip()
            for _ in range(pieces):
                assert writer.stdout.readline()
            writer.kill()
            confirmed = pieces + sum(line.endswith("\n") for line in writer.stdout)
        text = store.messages(conversation_id)[-1].text
        written = len(text.split())
        assert text == "".join(f"{number} " for number in range(written))
        assert confirmed <= written <= confirmed + 1
        assert len(store.mark_interrupted()) == 1
    assert execute(connection, "PRAGMA integrity_check")[0][0] == "ok"


TEXT = st.text("ab \n\0é😀", max_size=30)


class NothingIsLost(RuleBasedStateMachine):
    """Whatever is done in whatever order, all text ever written is on disk and what is shown is one branch, whole."""

    conversations = Bundle("conversations")
    turns = Bundle("turns")
    replies = Bundle("replies")

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path
        self.written: dict[str, str] = {}
        self._open()

    def _open(self) -> None:
        self.connection = open_database(self.path)
        self.store = ConversationStore(self.connection)

    @rule(target=conversations, system_prompt=TEXT)
    def create(self, system_prompt: str) -> str:
        return self.store.create(system_prompt).id

    @rule(target=turns, conversation_id=conversations, text=TEXT)
    def add_exchange(self, conversation_id: str, text: str) -> tuple[str, str]:
        turn, reply = self.store.add_exchange(conversation_id, text, "Tiny")
        self.written |= {turn.id: text, reply.id: ""}
        return conversation_id, turn.id

    @rule(target=replies, turn=turns)
    def add_reply(self, turn: tuple[str, str]) -> str:
        reply = self.store.add_reply(*turn, "Tiny")
        self.written[reply.id] = ""
        return reply.id

    @rule(reply_id=replies, text=TEXT)
    def append(self, reply_id: str, text: str) -> None:
        self.store.append_text(reply_id, text)
        self.written[reply_id] += text

    @rule(reply_id=replies, state=st.sampled_from(MessageState), note=TEXT)
    def finish(self, reply_id: str, state: MessageState, note: str) -> None:
        self.store.finish(reply_id, state, note, {"reply_tokens": len(note)})

    @rule(conversation_id=conversations, text=TEXT)
    def edit(self, conversation_id: str, text: str) -> None:
        self.store.rename(conversation_id, text)
        self.store.set_draft(conversation_id, text)

    @rule(conversation_id=conversations)
    def delete(self, conversation_id: str) -> None:
        self.store.delete(conversation_id)

    @rule(conversation_id=conversations)
    def restore(self, conversation_id: str) -> None:
        self.store.restore(conversation_id)

    @rule(conversation_id=conversations)
    def refuse(self, conversation_id: str) -> None:
        before = self.store.messages(conversation_id)
        turn, reply = self.store.add_exchange(conversation_id, "refused", "Tiny")
        self.store.withdraw_exchange(turn.id, reply.id, "refused")
        assert self.store.messages(conversation_id) == before

    @rule()
    def restart(self) -> None:
        self.connection.close()
        self._open()
        self.store.mark_interrupted()

    @invariant()
    def every_text_is_there(self) -> None:
        rows = execute(self.connection, "SELECT id, text FROM messages")
        assert {row["id"]: row["text"] for row in rows} == self.written

    @rule(target=turns, turn=turns, text=TEXT)
    def edit_turn(self, turn: tuple[str, str], text: str) -> tuple[str, str]:
        edited, reply = self.store.edit_turn(turn[1], text, "Tiny")
        self.written |= {edited.id: text, reply.id: ""}
        assert [message.id for message in self.store.messages(turn[0])][-2:] == [edited.id, reply.id]
        return turn[0], edited.id

    @rule(target=replies, reply_id=replies, text=TEXT)
    def edit_reply(self, reply_id: str, text: str) -> str:
        edited = self.store.edit_reply(reply_id, text)
        self.written[edited.id] = text
        return edited.id

    @rule(reply_id=replies, text=TEXT)
    def go_on(self, reply_id: str, text: str) -> None:
        self.store.begin_continuing(reply_id)
        self.append(reply_id, text)

    @rule(reply_id=replies)
    def delete_reply(self, reply_id: str) -> None:
        self.store.delete_message(reply_id)

    @rule(turn=turns)
    def delete_turn(self, turn: tuple[str, str]) -> None:
        self.store.delete_message(turn[1])

    @rule(turn=turns)
    def undo_delete(self, turn: tuple[str, str]) -> None:
        self.store.restore_message(turn[1])
        assert turn[1] in [message.id for message in self.store.messages(turn[0])]

    @rule(reply_id=replies)
    def show_version(self, reply_id: str) -> None:
        self.store.show_version(reply_id)

    @rule(target=conversations, turn=turns)
    def fork(self, turn: tuple[str, str]) -> str:
        self.store.restore_message(turn[1])
        before = self.store.messages(turn[0])
        copied = [message.text for message in before[: [one.id for one in before].index(turn[1]) + 1]]
        fork = self.store.fork(turn[1])
        made = self.store.messages(fork.id)
        assert [message.text for message in made] == copied
        self.written |= {message.id: message.text for message in made}
        return fork.id

    @invariant()
    def what_is_shown_is_a_path_from_the_root(self) -> None:
        for row in execute(self.connection, "SELECT id FROM conversations"):
            tree = {message.id: message for message in self.store.tree(row["id"])}
            shown = [message.id for message in self.store.messages(row["id"])]
            path = []
            one = tree.get(shown[-1]) if shown else None
            while one is not None:
                path += [] if one.deleted else [one.id]
                one = tree.get(one.parent_id)
            assert shown == path[::-1]
            assert all(message.id in message.versions for message in tree.values() if not message.deleted)

    @invariant()
    def versions_are_the_messages_in_one_place(self) -> None:
        for row in execute(self.connection, "SELECT id FROM conversations"):
            tree = self.store.tree(row["id"])
            for message in tree:
                siblings = [one.id for one in tree if one.parent_id == message.parent_id and not one.deleted]
                assert list(message.versions) == siblings

    def every_text_can_be_reached(self) -> None:
        for row in execute(self.connection, "SELECT id, conversation_id FROM messages"):
            self.store.restore_message(row["id"])
        for row in execute(self.connection, "SELECT id, conversation_id FROM messages"):
            self.store.show_version(row["id"])
            shown = {message.id: message.text for message in self.store.messages(row["conversation_id"])}
            assert shown[row["id"]] == self.written[row["id"]]

    def teardown(self) -> None:
        self.every_text_can_be_reached()
        self.connection.close()


def test_nothing_written_is_ever_lost_whatever_is_done(tmp_path_factory):
    def machine() -> NothingIsLost:
        return NothingIsLost(tmp_path_factory.mktemp("lost") / "conversations.db")

    limits = settings(
        max_examples=50, stateful_step_count=30, deadline=None, suppress_health_check=[HealthCheck.too_slow]
    )
    run_state_machine_as_test(machine, settings=limits)
