"""Reads conversations that Paddock or another app exported. Which app it was shows in the file itself.

What a file says is hostile input: every value is looked at before it is used, what makes no sense costs only itself,
and what was left out is told. Nothing is written here: each conversation goes into the store as a whole, or not at all.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from app.core import import_gpt4all as gpt4all
from app.core.conversation import Attachment, Conversation, Message, MessageState
from app.core.errors import AppError
from app.core.exports import FORMAT, VERSION

Values = Mapping[str, Any]

_LARGEST = 1 << 30  # bytes
_MOST_MESSAGES = 100_000  # in one conversation
_LATEST = 4e9  # seconds since 1970; later moments are milliseconds, or none
_LONGEST_NAME = 200  # characters of a title, or of a folder's name
_POLICIES = ("oldest", "middle", "ask")


class CannotImport(AppError):
    title = "This file holds no conversations that Paddock can read"
    hint = (
        "Paddock reads its own exports, those of ChatGPT, Open WebUI, LM Studio and Jan as JSON, and GPT4All's chats."
    )


@dataclass(frozen=True, slots=True)
class Imported:
    """A conversation to be added: a parent before what answers it, `head` the last message shown."""

    conversation: Conversation
    messages: tuple[Message, ...]
    head: str | None


@dataclass(frozen=True, slots=True)
class Import:
    """What was in a file. `source` is the app it is from, `left_out` how many conversations made no sense.

    `cut_short`: in how many of those that are there something after their last message made none.
    """

    source: str
    conversations: tuple[Imported, ...]
    left_out: int
    cut_short: int = 0


def read_file(path: Path) -> Import:
    """What is in that file. Raises `CannotImport`, with the reason."""
    try:
        if not path.is_file():  # a pipe would be waited for
            raise CannotImport("It is no file.")
        if path.stat().st_size > _LARGEST:
            raise CannotImport("It is larger than any export.")
        return read(path.read_bytes())
    except OSError as error:
        raise CannotImport(f"{error.strerror}.") from error
    except MemoryError as error:
        raise CannotImport("There is not enough memory to read it.") from error


def read(data: bytes) -> Import:
    """What is in a file of these bytes. Raises `CannotImport`, with the reason."""
    if gpt4all.is_chat(data):
        return _gpt4all(data)
    document = _document(data.decode("utf-8-sig", "replace"))
    for source, is_theirs, conversations in _SOURCES:
        if is_theirs(document):
            return _collected(source, conversations(document))
    raise CannotImport("It is none of the formats that Paddock knows.")


def _collected(source: str, found: Iterable[Imported | None]) -> Import:
    all_of_them = list(found)
    good = tuple(one for one in all_of_them if one is not None and one.messages)
    return Import(source, good, len(all_of_them) - len(good))


def _document(text: str) -> Any:
    try:
        return _loads(text)
    except RecursionError as error:
        raise CannotImport("It is nested too deeply.") from error
    except ValueError as error:
        if lines := _json_lines(text):
            return lines
        raise CannotImport("It is not JSON.") from error


def _json_lines(text: str) -> list[Any]:
    """A value a line, as Jan keeps messages; nothing if a line is none."""
    try:
        return [_loads(line) for line in text.split("\n") if line.strip()]
    except (ValueError, RecursionError):
        return []


def _loads(text: str) -> Any:
    return json.loads(text, object_pairs_hook=_object, parse_constant=lambda _: None)  # `NaN` and the like are no JSON


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """As json does by itself, but in Python: so other threads, the window's too, get their turn meanwhile."""
    return dict(pairs)


# Paddock


def _is_paddock(document: Any) -> bool:
    if not (isinstance(document, dict) and document.get("format") == FORMAT):
        return False
    if _whole(document.get("version")) > VERSION:
        raise CannotImport("A newer version of Paddock wrote it. Update Paddock, then import it.")
    return True


def _paddock(document: Values) -> Iterator[Imported | None]:
    for values in _dicts(document.get("conversations")):
        messages = [
            replace(
                _message(one.get("id"), one.get("parent"), one.get("role"), one.get("text"), one.get("created_at")),
                state=_state(one.get("state")),
                note=_words(one.get("note")),
                model=_words(one.get("model")),
                stats=one.get("stats") if isinstance(one.get("stats"), dict) else None,
                pinned=one.get("pinned") is True,
                deleted=one.get("deleted") is True,
                attachments=tuple(
                    Attachment(_words(file.get("name")), _words(file.get("text")))
                    for file in _dicts(one.get("attachments"))
                ),
            )
            for one in _dicts(values.get("messages"))
        ]
        conversation = replace(
            _conversation(values.get("title"), values.get("created_at"), values.get("used_at")),
            system_prompt=_words(values.get("system_prompt")),
            draft=_words(values.get("draft")),
            pinned=values.get("pinned") is True,
            archived=values.get("archived") is True,
            folder=_name(values.get("folder")),
            policy=next((one for one in _POLICIES if one == values.get("policy")), "oldest"),
        )
        yield _imported(conversation, messages, values.get("head"))


# ChatGPT: a list of conversations, each a tree by id


def _is_chatgpt(document: Any) -> bool:
    return any("mapping" in one for one in _dicts(document))


def _chatgpt(document: Any) -> Iterator[Imported | None]:
    for values in _dicts(document):
        nodes = values.get("mapping")
        if not isinstance(nodes, dict):
            yield None
            continue
        messages, skipped = [], {}
        for key, node in nodes.items():
            if isinstance(node, dict):
                message = _chatgpt_message(key, node)
                if message is None:
                    skipped[key] = node.get("parent")
                else:
                    messages.append(message)
        conversation = _conversation(values.get("title"), values.get("create_time"), values.get("update_time"))
        yield _imported(conversation, _without_skipped(messages, skipped), values.get("current_node"), skipped)


def _chatgpt_message(key: str, node: Values) -> Message | None:
    said = node.get("message")
    if not isinstance(said, dict):
        return None
    writer, content = said.get("author"), said.get("content")
    role = writer.get("role") if isinstance(writer, dict) else None
    parts = content.get("parts") if isinstance(content, dict) else None
    text = "\n\n".join(part for part in parts if isinstance(part, str)) if isinstance(parts, list) else ""
    if role not in ("user", "assistant") or not text.strip():
        return None  # of tools, of the system, or a picture
    return _message(key, node.get("parent"), role, text, said.get("create_time"))


# Open WebUI: a list of conversations, each with a tree by id under chat.history


def _is_open_webui(document: Any) -> bool:
    return any(isinstance(one.get("chat"), dict) for one in _dicts(document))


def _open_webui(document: Any) -> Iterator[Imported | None]:
    for values in _dicts(document):
        chat = values.get("chat")
        history = chat.get("history") if isinstance(chat, dict) else None
        nodes = history.get("messages") if isinstance(history, dict) else None
        if not (isinstance(chat, dict) and isinstance(history, dict) and isinstance(nodes, dict)):
            yield None
            continue
        messages = [
            replace(
                _message(key, node.get("parentId"), node.get("role"), node.get("content"), node.get("timestamp")),
                model=_words(node.get("model")),
            )
            for key, node in nodes.items()
            if isinstance(node, dict)
        ]
        title = values.get("title") or chat.get("title")
        conversation = _conversation(title, values.get("created_at"), values.get("updated_at"))
        conversation = replace(conversation, system_prompt=_words(chat.get("system")))
        yield _imported(conversation, messages, history.get("currentId"))


# LM Studio: one conversation a file; each message has versions, one of them selected


def _is_lm_studio(document: Any) -> bool:
    return isinstance(document, dict) and any("versions" in one for one in _dicts(document.get("messages")))


def _lm_studio(document: Values) -> Iterator[Imported | None]:
    messages: list[Message] = []
    parent: str | None = None
    for place, values in enumerate(_dicts(document.get("messages"))):
        versions = [_lm_studio_version(version) for version in _dicts(values.get("versions"))]
        selected = _whole(values.get("currentlySelected"))
        made = [
            _message(f"{place}.{number}", parent, role, text, document.get("createdAt"))
            for number, (role, text) in enumerate(versions)
        ]
        messages += made
        if made:
            parent = made[selected if 0 <= selected < len(made) else -1].id
    conversation = _conversation(document.get("name"), document.get("createdAt"), document.get("createdAt"))
    yield _imported(replace(conversation, system_prompt=_words(document.get("systemPrompt"))), messages, parent)


def _lm_studio_version(version: Values) -> tuple[Any, str]:
    blocks = [version, *_dicts(version.get("steps"))]
    texts = [_words(part.get("text")) for block in blocks for part in _dicts(block.get("content"))]
    return version.get("role"), "\n\n".join(text for text in texts if text)


# Jan: the messages of one conversation, one a line or in a list


def _is_jan(document: Any) -> bool:
    return any(_jan_text(one) for one in _dicts(document))


def _jan(document: Any) -> Iterator[Imported | None]:
    messages: list[Message] = []
    for place, values in enumerate(_dicts(document)):
        parent = messages[-1].id if messages else None
        messages.append(_message(str(place), parent, values.get("role"), _jan_text(values), values.get("created_at")))
    first = next((message.text for message in messages if message.role == "user"), "")
    made = messages[0].created_at if messages else 0.0
    yield _imported(_conversation(first[:60], made, made), messages, None)


def _jan_text(values: Values) -> str:
    found = []
    for part in _dicts(values.get("content")):
        text = part.get("text")
        found.append(_words(text.get("value")) if isinstance(text, dict) else "")
    return "\n\n".join(text for text in found if text)


# GPT4All: no JSON; one conversation a file


def _gpt4all(data: bytes) -> Import:
    try:
        chat = gpt4all.read_chat(data)
    except gpt4all.UnknownChat as error:
        raise CannotImport(str(error)) from error
    prompts = [item.text for item in chat.items if item.kind == gpt4all.SYSTEM]
    messages: list[Message] = []
    for place, item in enumerate(item for item in chat.items if item.kind != gpt4all.SYSTEM):
        parent = messages[-1].id if messages else None
        messages.append(_gpt4all_message(str(place), parent, item, chat))
    conversation = _conversation(chat.title, chat.created_at, chat.created_at)
    found = _imported(replace(conversation, system_prompt="\n\n".join(prompts)), messages, None)
    return replace(_collected("GPT4All", [found]), cut_short=int(found is not None and not chat.is_whole))


def _gpt4all_message(message_id: str, parent: str | None, item: gpt4all.Item, chat: gpt4all.Chat) -> Message:
    role = "user" if item.kind == gpt4all.PROMPT else "assistant"
    message = _message(message_id, parent, role, item.text, chat.created_at)
    if role == "assistant":
        message = replace(message, model=_name(chat.model))
    if item.is_error:
        return replace(message, text="", note=item.text, state=MessageState.FAILED)
    state = MessageState.STOPPED if item.was_stopped else MessageState.COMPLETE
    return replace(message, state=state, attachments=item.attachments)


_SOURCES = (
    ("Paddock", _is_paddock, _paddock),
    ("ChatGPT", _is_chatgpt, _chatgpt),
    ("Open WebUI", _is_open_webui, _open_webui),
    ("LM Studio", _is_lm_studio, _lm_studio),
    ("Jan", _is_jan, _jan),
)


# What all of them need


def _imported(
    conversation: Conversation, messages: list[Message], head: Any, skipped: dict[str, Any] | None = None
) -> Imported | None:
    ordered = _parents_first(messages)
    if not ordered or len(ordered) > _MOST_MESSAGES:
        return None
    last = _known_parent(head, skipped or {}, {message.id for message in ordered})
    return Imported(conversation, tuple(ordered), last)


def _without_skipped(messages: list[Message], skipped: dict[str, Any]) -> list[Message]:
    """Messages whose parents are those that remain."""
    ids = {message.id for message in messages}
    return [replace(one, parent_id=_known_parent(one.parent_id, skipped, ids)) for one in messages]


def _known_parent(parent: Any, skipped: dict[str, Any], ids: set[str]) -> str | None:
    """The nearest message above, past those that were skipped, whose way up is then known."""
    passed = []
    while isinstance(parent, str) and parent not in ids and parent in skipped:
        passed.append(parent)
        parent = skipped.pop(parent)  # taken out, so that a loop ends
    found = parent if isinstance(parent, str) and parent in ids else None
    skipped.update(dict.fromkeys(passed, found))
    return found


def _parents_first(messages: list[Message]) -> list[Message]:
    """In the order of the file, but never a message before the one it answers; loops and doubles are left out."""
    by_id: dict[str, Message] = {}
    for message in messages:
        by_id.setdefault(message.id, message)
    children: dict[str | None, list[Message]] = {}
    for message in by_id.values():
        parent = message.parent_id if message.parent_id in by_id else None
        children.setdefault(parent, []).append(replace(message, parent_id=parent))
    ordered: list[Message] = []
    waiting = children.get(None, [])[::-1]
    while waiting:
        message = waiting.pop()
        ordered.append(message)
        waiting += children.get(message.id, [])[::-1]
    return ordered


def _conversation(title: Any, created_at: Any, used_at: Any) -> Conversation:
    made = _moment(created_at)
    return Conversation("", _name(title), "", "", made, _moment(used_at) or made)


def _message(message_id: Any, parent: Any, role: Any, text: Any, created_at: Any) -> Message:
    return Message(
        id=_words(message_id),
        conversation_id="",
        parent_id=parent if isinstance(parent, str) else None,
        role="user" if role == "user" else "assistant",
        text=_words(text),
        state=MessageState.COMPLETE,
        note="",
        model="",
        created_at=_moment(created_at),
        stats=None,
    )


def _state(value: Any) -> MessageState:
    try:
        return MessageState(value)
    except ValueError:
        return MessageState.COMPLETE


def _dicts(value: Any) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _name(value: Any) -> str:
    """On one line."""
    return " ".join(_words(value).split())[:_LONGEST_NAME]


def _words(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _whole(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def _moment(value: Any) -> float:
    """Seconds since 1970, from seconds, milliseconds or ISO 8601; 0.0 for what is no moment."""
    if isinstance(value, str):
        try:
            return datetime.fromisoformat(value).timestamp()
        except (ValueError, OverflowError, OSError):
            return 0.0
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _LATEST * 1000:
        return 0.0
    return value / 1000 if value > _LATEST else float(value)
