"""Conversations go out and come back, and come in from other apps, whatever a file says."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.conversation import Attachment
from app.core.conversations import ConversationStore, MessageState
from app.core.database import open_database
from app.core.exports import Exported, to_json, to_markdown
from app.core.imports import CannotImport, Import, read


@pytest.fixture
def store(tmp_path):
    connection = open_database(tmp_path / "conversations.db")
    yield ConversationStore(connection)
    connection.close()


def exported(store: ConversationStore, conversation_id: str) -> Exported:
    shown = [message.id for message in store.messages(conversation_id)]
    return Exported(store.conversation(conversation_id), store.tree(conversation_id), shown)


def bytes_of(document: Any) -> bytes:
    return json.dumps(document).encode()


def texts(imported: Import, place: int = 0) -> list[tuple[str, str]]:
    return [(message.role, message.text) for message in imported.conversations[place].messages]


@pytest.fixture
def talk(store):
    """A conversation with two versions of its answer, an attachment, a pin and a deleted message."""
    conversation = store.create("Be brief.")
    question, answer = store.add_exchange(conversation.id, "What is this?", "Tiny Q4", [Attachment("a.txt", "one")])
    store.append_text(answer.id, "A file.")
    store.finish(answer.id, MessageState.COMPLETE, stats={"reply_tokens": 3})
    store.edit_reply(answer.id, "A text file.")
    store.pin_message(question.id, True)
    more, reply = store.add_exchange(conversation.id, "Thanks 🦙", "Tiny Q4")
    store.append_text(reply.id, "Welcome.")
    store.finish(reply.id, MessageState.STOPPED)
    store.delete_message(more.id)
    store.set_folder(conversation.id, "Work")
    return conversation.id


def test_what_went_out_as_json_comes_back_whole(store, talk):
    before = exported(store, talk)
    result = read(to_json([before], now=0.0).encode())
    assert (result.source, result.left_out) == ("Paddock", 0)
    (imported,) = result.conversations
    copy = store.add_tree(imported.conversation, imported.messages, imported.head)
    after = exported(store, copy.id)

    def told(one: Exported) -> list[tuple[Any, ...]]:
        places = {message.id: place for place, message in enumerate(one.messages)}
        return [
            (places.get(m.parent_id), m.role, m.text, m.state, m.stats, m.pinned, m.deleted, m.attachments)
            for m in one.messages
        ]

    assert told(after) == told(before)
    assert [m.text for m in store.messages(copy.id)] == [m.text for m in store.messages(talk)]
    assert (copy.title, copy.folder, copy.system_prompt) == ("What is this?", "Work", "Be brief.")


def test_the_text_for_people_holds_what_is_shown(store, talk):
    text = to_markdown(exported(store, talk))
    assert text.startswith("# What is this?\n")
    assert "> Be brief." in text
    assert "## You\n\na.txt:\n\n```\none\n```\n\nWhat is this?" in text
    assert "## Assistant (Tiny Q4)\n\nA text file." in text
    assert "A file." not in text
    assert "Thanks" not in text


def test_chatgpt_with_branches_and_tools():
    def node(parent, role, text, **more):
        return {"parent": parent, "message": {"author": {"role": role}, "content": {"parts": [text]}, **more}}

    document = [
        {
            "title": "Trip",
            "create_time": 1700000000.5,
            "current_node": "b2",
            "mapping": {
                "root": {"parent": None, "message": None},
                "sys": node("root", "system", "hidden"),
                "a": node("sys", "user", "Where to?", create_time=1700000001),
                "tool": node("a", "tool", "search results"),
                "b1": node("tool", "assistant", "Rome."),
                "b2": node("a", "assistant", "Paris."),
            },
        }
    ]
    result = read(bytes_of(document))
    assert result.source == "ChatGPT"
    (one,) = result.conversations
    assert texts(result) == [("user", "Where to?"), ("assistant", "Rome."), ("assistant", "Paris.")]
    assert [message.parent_id for message in one.messages] == [None, "a", "a"]
    assert one.head == "b2"
    assert one.conversation.title == "Trip"
    assert one.conversation.created_at == 1700000000.5


def test_open_webui():
    nodes = {
        "1": {"parentId": None, "role": "user", "content": "Hi", "timestamp": 1700000000},
        "2": {"parentId": "1", "role": "assistant", "content": "Hello", "model": "llama3", "timestamp": 1700000001},
    }
    document = [{"title": "Hi", "chat": {"system": "Be kind.", "history": {"messages": nodes, "currentId": "2"}}}]
    result = read(bytes_of(document))
    assert result.source == "Open WebUI"
    assert texts(result) == [("user", "Hi"), ("assistant", "Hello")]
    assert result.conversations[0].messages[1].model == "llama3"
    assert result.conversations[0].conversation.system_prompt == "Be kind."


def test_lm_studio_with_versions():
    def single(role, text):
        return {"type": "singleStep", "role": role, "content": [{"type": "text", "text": text}]}

    steps = [{"type": "contentBlock", "content": [{"type": "text", "text": "Two."}]}]
    document = {
        "name": "Numbers",
        "createdAt": 1700000000000,
        "messages": [
            {"versions": [single("user", "Count.")], "currentlySelected": 0},
            {"versions": [single("assistant", "One."), {"type": "multiStep", "role": "assistant", "steps": steps}],
             "currentlySelected": 1},
            {"versions": [single("user", "Go on.")], "currentlySelected": 0},
        ],
    }  # fmt: skip
    result = read(bytes_of(document))
    assert result.source == "LM Studio"
    assert texts(result) == [("user", "Count."), ("assistant", "One."), ("assistant", "Two."), ("user", "Go on.")]
    assert result.conversations[0].messages[3].parent_id == "1.1"
    assert result.conversations[0].conversation.created_at == 1700000000


def test_jan_with_a_message_a_line():
    lines = [
        {
            "id": "a",
            "role": "user",
            "content": [{"type": "text", "text": {"value": "Hi"}}],
            "created_at": 1700000000000,
        },
        {"id": "b", "role": "assistant", "content": [{"type": "text", "text": {"value": "Hello"}}]},
    ]
    result = read("\n".join(map(json.dumps, lines)).encode())
    assert result.source == "Jan"
    assert texts(result) == [("user", "Hi"), ("assistant", "Hello")]
    first, second = result.conversations[0].messages
    assert second.parent_id == first.id


@pytest.mark.parametrize("data", [b"", b"hello", b"{}", b"[]", b"[1, 2]", b'{"format": "other"}', b"[" * 100_000])
def test_what_holds_no_conversations_says_so(data):
    with pytest.raises(CannotImport):
        read(data)


def test_an_export_of_a_newer_version_says_what_to_do():
    with pytest.raises(CannotImport) as refused:
        read(bytes_of({"format": "paddock-conversations", "version": 99, "conversations": []}))
    assert "Update Paddock" in refused.value.detail


def test_a_conversation_that_makes_no_sense_costs_only_itself():
    document = {
        "format": "paddock-conversations",
        "version": 1,
        "conversations": [
            {"messages": "none"},
            {"title": 3, "messages": [{"id": "a", "parent": "a", "text": "loop"}]},
            {"title": "good", "messages": [{"id": "a", "parent": "gone", "role": "user", "text": "Hi", "stats": []}]},
        ],
    }
    result = read(bytes_of(document))
    assert [one.conversation.title for one in result.conversations] == ["good"]
    assert result.left_out == 2


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                [
                    "mapping",
                    "chat",
                    "history",
                    "messages",
                    "versions",
                    "content",
                    "text",
                    "parts",
                    "author",
                    "role",
                    "title",
                ]
            )
            | st.sampled_from(
                ["currentId", "current_node", "parentId", "create_time", "created_at", "message", "steps"]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=30,
)


@settings(max_examples=400, deadline=None)
@given(_JSON)
def test_nothing_in_a_file_can_be_worse_than_a_refusal(document):
    try:
        result = read(json.dumps([document, {"mapping": document}, {"chat": {"history": document}}]).encode())
    except CannotImport:
        return
    for one in result.conversations:
        seen: set[str | None] = {None}
        for message in one.messages:
            assert message.parent_id in seen
            seen.add(message.id)


def test_a_reply_that_ends_within_code_does_not_take_what_follows_with_it(store):
    conversation = store.create("")
    for words in ("```python\nx = 1", "~~~~\n~~~\n```", "`` ` ``\n```a`b```", "```\nx\n```"):
        _turn, reply = store.add_exchange(conversation.id, "Code", "")
        store.append_text(reply.id, words)
    parts = to_markdown(exported(store, conversation.id)).split("## Assistant\n\n")[1:]
    texts = [part.split("\n\n## You")[0].rstrip("\n") for part in parts]
    assert texts == ["```python\nx = 1\n```", "~~~~\n~~~\n```\n~~~~", "`` ` ``\n```a`b```", "```\nx\n```"]


def test_messages_without_ids_or_with_the_same_are_all_there():
    def said(role, text):
        return {"role": role, "id": "same", "content": [{"type": "text", "text": {"value": text}}]}

    result = read(bytes_of([said("user", "Hi"), said("assistant", "Hello"), said("user", "Bye")]))
    assert texts(result) == [("user", "Hi"), ("assistant", "Hello"), ("user", "Bye")]


def test_a_long_chain_of_what_is_skipped_is_walked_once():
    count = 20_000
    nodes = {f"s{place}": {"parent": f"s{place - 1}", "message": None} for place in range(count)}
    said = {"author": {"role": "user"}, "content": {"parts": ["Hi"]}}
    nodes |= {f"m{place}": {"parent": f"s{count - 1}", "message": said} for place in range(count)}
    began = time.process_time()
    (one,) = read(bytes_of([{"mapping": nodes}])).conversations
    assert len(one.messages) == count
    assert time.process_time() - began < 20  # minutes, if each message walked it


def test_what_a_file_says_of_a_conversation_is_one_of_what_can_be_said():
    values = {"folder": "a\nb" * 200, "policy": "steal", "messages": [{"id": "a", "stats": {"speed": float("nan")}}]}
    document = {"format": "paddock-conversations", "version": 1, "conversations": [values]}
    (one,) = read(bytes_of(document)).conversations
    assert one.conversation.policy == "oldest"
    assert one.conversation.folder.startswith("a ba b")
    assert len(one.conversation.folder) == 200
    assert one.messages[0].stats == {"speed": None}


def test_each_conversation_is_a_line_of_the_export(store, talk):
    text = to_json([exported(store, talk), exported(store, talk)], now=0.0)
    assert len(json.loads(text)["conversations"]) == 2
    assert [line[:10] for line in text.splitlines()[1:3]] == ['{"title": ', '{"title": ']
    assert json.loads(to_json([], now=0.0))["conversations"] == []
