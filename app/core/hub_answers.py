"""Turns what a Hub answers into values. It may be anything: a field of the wrong kind counts as not being there, and
a row that cannot be read costs only itself.

Not with the dataclasses of `huggingface_hub`: they take any type for any field, and refuse a whole model for a date
without milliseconds.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from app.core.file_names import is_safe_path
from app.core.hub_model import ChatTuning, HubFile, HubModel, SearchRow

_REPO = re.compile(r"(?!.*(--|\.\.))\b[\w.-]{1,96}\b/\b[\w.-]{1,96}\b(?<!\.git)", re.ASCII)  # the Hub's own rule
_LARGEST = 2**62  # larger numbers are nonsense, and no database takes them
_LONGEST = 200  # characters of a word to show

_CHAT_WORDS = re.compile(r"chat|instruct|assistant|conversational|(?<![a-z])it(?![a-z])", re.IGNORECASE)
_BASE_WORDS = re.compile(r"intermediate-step|pretrain|(?<![a-z])(base|pt)(?![a-z])", re.IGNORECASE)
_CHAT_TAGS = {"conversational", "chat", "instruct"}

_FORMATS_BY_TAG = {"awq": "AWQ", "gptq": "GPTQ", "exl2": "EXL2", "exl3": "EXL3", "mlx": "MLX"}
_FORMATS_BY_FILE = {
    "safetensors": re.compile(r"\.safetensors$"),
    "PyTorch": re.compile(r"(^|/)pytorch_model[^/]*\.bin$|\.pth$"),
    "ONNX": re.compile(r"\.onnx$"),
    "GGML": re.compile(r"ggml[^/]*\.bin$"),  # what came before GGUF
}


def is_repo(text: object) -> bool:
    """Whether this is `owner/name`, and fit to name folders by."""
    return isinstance(text, str) and bool(_REPO.fullmatch(text)) and is_safe_path(text)


def search_rows(answer: Sequence[object]) -> tuple[SearchRow, ...]:
    return tuple(_search_row(row) for row in answer if isinstance(row, dict) and is_repo(row.get("id")))


def _search_row(row: Mapping[str, Any]) -> SearchRow:
    return SearchRow(
        id=row["id"],
        downloads=_count(row.get("downloads")),
        likes=_count(row.get("likes")),
        changed_at=_seconds(row.get("lastModified")),
        gated=_is_gated(row),
        licence=_licence(row),
    )


def model(answer: Mapping[str, Any], asked_for: str) -> HubModel:
    """The model's page. A model that was renamed since has the id that the Hub says now."""
    returned = answer.get("id")
    repo = returned if isinstance(returned, str) and is_repo(returned) else asked_for
    gguf = _mapping(answer.get("gguf"))
    files = tuple(_siblings(answer))
    return HubModel(
        id=repo,
        commit=_commit(answer.get("sha")),
        files=files,
        downloads=_count(answer.get("downloads")),
        likes=_count(answer.get("likes")),
        changed_at=_seconds(answer.get("lastModified")),
        licence=_licence(answer),
        base_models=_base_models(answer),
        gated=_is_gated(answer),
        private=answer.get("private") is True,
        tuning=_tuning(repo, _tags(answer), _mapping(gguf).get("chat_template")),
        architecture=words(gguf.get("architecture")),
        context_length=_count(gguf.get("context_length")),
        parameters=_count(gguf.get("total")),
        other_formats=_other_formats(repo, _tags(answer), files),
    )


def tree_files(answer: Sequence[object]) -> Iterator[HubFile]:
    """The files of a page of the tree, which calls the hash by another name than the model's page does."""
    for entry in answer:
        if isinstance(entry, dict) and entry.get("type") == "file":
            yield from _file(entry.get("path"), entry.get("size"), _mapping(entry.get("lfs")), "oid")


def _siblings(answer: Mapping[str, Any]) -> Iterator[HubFile]:
    for entry in _sequence(answer.get("siblings")):
        if isinstance(entry, dict):
            yield from _file(entry.get("rfilename"), entry.get("size"), _mapping(entry.get("lfs")), "sha256")


def _file(path: object, size: object, large: Mapping[str, Any], hash_name: str) -> Iterator[HubFile]:
    """The file, unless its name is not safe."""
    if isinstance(path, str) and is_safe_path(path):
        digest = large.get(hash_name)
        is_digest = isinstance(digest, str) and re.fullmatch("[0-9a-f]{64}", digest)
        yield HubFile(
            path, _size(size if large.get("size") is None else large["size"]), str(digest) if is_digest else ""
        )


# --- what a model is -----------------------------------------------------------------------------------------------


def _tuning(repo: str, tags: Sequence[str], template: object) -> ChatTuning:
    name = repo.rpartition("/")[2]
    if (isinstance(template, str) and template) or _CHAT_WORDS.search(name):
        return ChatTuning.YES
    if _BASE_WORDS.search(name):
        return ChatTuning.NO
    return ChatTuning.YES if _CHAT_TAGS.intersection(tags) else ChatTuning.UNKNOWN


def _other_formats(repo: str, tags: Sequence[str], files: Sequence[HubFile]) -> tuple[str, ...]:
    """Tags tell what a file's name does not; where they repeat it, they may be left over from the base model."""
    said = {tag.lower() for tag in tags} | set(re.split("[^a-z0-9]", repo.rpartition("/")[2].lower()))
    tagged = [name for word, name in _FORMATS_BY_TAG.items() if word in said]
    found = [name for name, pattern in _FORMATS_BY_FILE.items() if any(pattern.search(file.path) for file in files)]
    return (*tagged, *found)


def _base_models(answer: Mapping[str, Any]) -> tuple[str, ...]:
    stated = _mapping(answer.get("cardData")).get("base_model")
    tagged = [tag.rpartition(":")[2] for tag in _tags(answer) if tag.startswith("base_model:")]
    names = [stated] if isinstance(stated, str) else _sequence(stated)
    return tuple(dict.fromkeys(name for name in [*names, *tagged] if is_repo(name)))


def _licence(answer: Mapping[str, Any]) -> str:
    tagged = [tag.partition(":")[2] for tag in _tags(answer) if tag.startswith("license:")]
    return tagged[0] if tagged else words(_mapping(answer.get("cardData")).get("license"))


def _is_gated(answer: Mapping[str, Any]) -> bool:
    return answer.get("gated") in ("auto", "manual", True)


def _commit(sha: object) -> str:
    return sha if isinstance(sha, str) and re.fullmatch(r"[0-9A-Za-z]{1,64}", sha) else "main"


# --- fields of any kind --------------------------------------------------------------------------------------------


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _sequence(value: object) -> Sequence[Any]:
    return value if isinstance(value, list) else ()


def _tags(answer: Mapping[str, Any]) -> list[str]:
    return [words(tag) for tag in _sequence(answer.get("tags")) if isinstance(tag, str)]


def words(value: object) -> str:
    """One line that can be shown."""
    text = value[:_LONGEST] if isinstance(value, str) else ""
    return " ".join("".join(letter for letter in text if letter.isprintable() or letter.isspace()).split())


def _count(value: object) -> int:
    return max(0, _size(value))


def _size(value: object) -> int:
    """-1 if this is no number of things."""
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _LARGEST else -1


def _seconds(value: object) -> float:
    """Since 1970, of a time such as 2024-01-31T12:00:00.000Z; 0 if it is none."""
    if not isinstance(value, str):
        return 0.0
    try:
        moment = datetime.fromisoformat(value)
        return max(0.0, (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())
    except (ValueError, OverflowError):
        return 0.0
