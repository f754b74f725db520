"""Finding text in all conversations."""

from __future__ import annotations

import pytest

from app.core.conversation_search import Hit, search, search_in_steps
from app.core.conversations import ConversationStore, MessageState
from app.core.database import execute, open_database, transaction


@pytest.fixture
def connection(tmp_path):
    connection = open_database(tmp_path / "conversations.db")
    yield connection
    connection.close()


@pytest.fixture
def store(connection):
    return ConversationStore(connection)


def talk(store: ConversationStore, question: str, answer: str = "", title: str = "") -> tuple[str, str, str]:
    """Ids of the conversation, the question and the answer."""
    conversation = store.create("").id
    asked, reply = store.add_exchange(conversation, question, "")
    store.append_text(reply.id, answer)
    store.finish(reply.id, MessageState.COMPLETE)
    if title:
        store.rename(conversation, title)
    return conversation, asked.id, reply.id


def found(connection, text: str) -> list[str | None]:
    return [hit.message_id for hit in search(connection, text)]


def test_any_part_of_a_word_is_found_whatever_its_case_and_accents(connection, store):
    _, asked, _ = talk(store, "Où est le Café de l'Étoile?", title="x")
    for words in ("café", "CAFE", "etoil", "afé de l'é", "Où est"):
        assert found(connection, words) == [asked]
    assert found(connection, "cafes") == []


def test_the_match_is_shown_as_it_stands_with_the_words_around_it(connection, store):
    conversation, asked, _ = talk(store, "a " * 100 + "the Große Straße is " + "long " * 100, title="Trip")
    (hit,) = search(connection, "GROSSE STRASSE")
    assert (hit.conversation_id, hit.message_id, hit.title) == (conversation, asked, "Trip")
    assert hit.match == "Große Straße"
    assert hit.before.endswith("the ")
    assert hit.before.startswith("…")
    assert hit.after.startswith(" is long")
    assert hit.after.endswith("…")


def test_titles_come_first_then_the_newest_messages(connection, store):
    _, first, _ = talk(store, "the llama sleeps", title="one")
    _, second, _ = talk(store, "a llama again", title="two")
    named, _, _ = talk(store, "nothing", title="Llamas at night")
    hits = search(connection, "llama")
    assert [(hit.conversation_id == named, hit.message_id) for hit in hits] == [
        (True, None),
        (False, second),
        (False, first),
    ]


def test_one_or_two_letters_are_found_as_well(connection, store):
    _, asked, _ = talk(store, "東京 xy", title="t")
    assert found(connection, "東京") == [asked]
    assert found(connection, "x") == [asked]


def test_nothing_is_looked_for_where_nothing_was_typed(connection, store):
    talk(store, "hello")
    assert search(connection, "  ") == []


def test_what_is_in_the_trash_is_not_found(connection, store):
    conversation, _, _ = talk(store, "a secret word")
    store.delete(conversation)
    assert search(connection, "secret") == []
    store.restore(conversation)
    assert len(search(connection, "secret word")) == 2  # its title as well
    store.delete(conversation)
    store.purge(conversation)
    assert search(connection, "secret") == []


def test_a_deleted_message_is_not_found_until_it_is_restored(connection, store):
    _, asked, reply = talk(store, "question", "a rare answer")
    store.delete_message(reply)
    assert found(connection, "rare") == []
    store.restore_message(reply)
    assert found(connection, "rare") == [reply]
    assert asked


def test_a_reply_is_found_once_it_is_written_and_again_once_it_went_on(connection, store):
    conversation = store.create("").id
    _, reply = store.add_exchange(conversation, "q", "")
    store.append_text(reply.id, "wonderful ")
    assert found(connection, "wonderful") == []
    store.finish(reply.id, MessageState.COMPLETE)
    assert found(connection, "wonderful") == [reply.id]
    store.begin_continuing(reply.id)
    store.append_text(reply.id, "weather")
    store.finish(reply.id, MessageState.COMPLETE)
    assert found(connection, "wonderful weather") == [reply.id]
    assert found(connection, "wonderful wind") == []


def test_a_reply_that_was_cut_off_by_a_crash_is_found(connection, store):
    conversation = store.create("").id
    _, reply = store.add_exchange(conversation, "q", "")
    store.append_text(reply.id, "interrupted words")
    store.mark_interrupted()
    assert found(connection, "interrupted words") == [reply.id]


@pytest.mark.parametrize("text", ['"', "'", "a OR b", "title:", "*", "NEAR(", "%_", "\\", "🦙🦙"])
def test_what_means_something_to_the_database_is_only_text(connection, store, text):
    _, asked, _ = talk(store, f"before {text} after", title="t")
    assert found(connection, f"before {text} aft") == [asked]
    assert isinstance(search(connection, text), list)
    assert search(connection, "half a character: \ud800") == []


def test_there_are_no_more_hits_than_asked_for(connection, store):
    for number in range(20):
        talk(store, f"word number {number}", title="t")
    assert len(search(connection, "number", limit=5)) == 5


def test_conversations_of_an_earlier_version_are_found(tmp_path):
    """The database is brought back to what it was before there was an index."""
    path = tmp_path / "old.db"
    connection = open_database(path)
    store = ConversationStore(connection)
    _, asked, _ = talk(store, "an old question")
    for trigger in ("message_made", "message_changed", "message_gone"):
        execute(connection, f"DROP TRIGGER {trigger}")
    execute(connection, "DROP TABLE message_index")
    for column in ("pinned", "archived", "folder", "policy"):
        execute(connection, f"ALTER TABLE conversations DROP COLUMN {column}")
    for column in ("pinned", "deleted_at", "attachments"):
        execute(connection, f"ALTER TABLE messages DROP COLUMN {column}")
    execute(connection, "PRAGMA user_version = 2")
    connection.close()
    again = open_database(path)
    hits = search(again, "old question")
    assert [hit.message_id for hit in hits] == [None, asked]
    assert isinstance(hits[0], Hit)
    again.close()


@pytest.mark.parametrize("between", [" ", "\n", "\n\n", "  \t ", " \n    "])
def test_words_are_found_together_however_the_text_breaks_between_them(connection, store, between):
    _, asked, _ = talk(store, f"on the river{between}bank of a{between}b", title="x")
    for text in ("river bank", "the river b", "er ba", "of a b", "a b"):
        assert found(connection, text) == [asked], text
    assert found(connection, "river of") == []


def test_a_phrase_is_found_however_many_newer_messages_have_its_pieces(connection, store):
    _, asked, _ = talk(store, "the water of the river", title="x")
    with transaction(connection):
        conversation = store.create("").id
        execute(
            connection,
            "WITH RECURSIVE number (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < 2500) "
            "INSERT INTO messages (id, conversation_id, role, state, model, created_at, text) "
            "SELECT 'm' || n, ?, 'user', 'complete', '', 0, 'the water, the air, r of t. of the river' FROM number",
            conversation,
        )
    assert found(connection, "the water of the river") == [asked]
    *sooner, last = search_in_steps(connection, "the water of the river", patience=0)
    assert sooner
    assert not any(step.is_complete for step in sooner)
    assert last.is_complete
    assert found(connection, "er")[:1] == ["m2500"]


def test_letters_that_only_an_old_message_has_are_found(connection, store):
    _, asked, _ = talk(store, "zz top", title="x")
    for _ in range(150):
        talk(store, "nothing", "more", title="x")
    assert found(connection, "zz") == [asked]
