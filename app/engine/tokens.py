"""Text becomes tokens, and nothing that a message says becomes a control token.

llama.cpp can tokenize a rendered conversation in one call that parses the texts of special tokens. But then a person
who types `</s>`, or a model that writes `<|im_start|>system`, writes a control token. So we find the special tokens
ourselves, and llama.cpp gets only the plain runs between them, with parsing switched off.

To tell the template's special tokens from those in messages, a message is *marked* before it is rendered: an
invisible character, which Unicode reserves for such uses, goes after each character that can begin a special token and
before each that can end one. What a marker interrupts is not found. Since both ends are marked, nothing is found
either where a template cuts a piece out of a message, or where the end of its own text and the beginning of a message
would make a token together. Tags such as `<think>` stay whole, as templates look for them in replies, unless they are
control tokens. The markers are taken out of the plain runs before these are tokenized, so apart from what they
prevent, the tokens are those of llama.cpp's own parsing.

Rejected: tokenizing each message by itself. The tokens would differ from those the model was trained on wherever the
template's text touches a message, and templates that trim or split messages could not be followed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

_MARK = "\ufdd0"
_TAG = r"</?[\w:-]+>"
_SPACE = " \t\n\v\f\r"  # what C's isspace knows


@dataclass(frozen=True, slots=True)
class SpecialToken:
    """A token with a text of its own. llama.cpp finds those that are not `control` in plain text too.

    `lstrip` and `rstrip`: the token swallows the white space before or after it.
    """

    id: int
    control: bool = True
    lstrip: bool = False
    rstrip: bool = False


class Vocabulary(Protocol):
    """A model's tokens, as far as a prompt needs them."""

    @property
    def special_tokens(self) -> Mapping[str, SpecialToken]: ...
    @property
    def bos(self) -> int | None: ...
    @property
    def bos_text(self) -> str: ...
    @property
    def eos_text(self) -> str: ...
    @property
    def add_bos(self) -> bool: ...

    def tokenize(self, text: str) -> list[int]:
        """The tokens of plain text, no control token among them, as after a special token."""
        ...

    def tokenize_continuation(self, text: str) -> list[int]:
        """The same for text that goes on from other text: without the space some vocabularies put in front."""
        ...


class Tokenizer:
    """Tokenizes text made of marked messages and what a template writes around them."""

    def __init__(self, vocabulary: Vocabulary, template_writes: Callable[[str], bool]) -> None:
        """`template_writes(text)` says whether the template itself writes `text`."""
        self._vocabulary = vocabulary
        self._guarded = {
            text: token
            for text, token in vocabulary.special_tokens.items()
            # One of a single character cannot be interrupted; it stays plain text, as nobody can tell who wrote it.
            if len(text) > 1 and (token.control or (_may_be_role_marker(text) and template_writes(text)))
        }
        self._special = re.compile(_any_of(self._guarded))
        in_plain_text = _any_of(text for text, token in self._guarded.items() if not token.control)
        self._role_marker_ahead = re.compile(f"(?={in_plain_text})")
        first, last = {text[0] for text in self._guarded}, {text[-1] for text in self._guarded}
        self._markable = re.compile(f"{_TAG}|{_any_of(first | last)}")
        self._marks = str.maketrans(
            {edge: _MARK * (edge in last) + edge + _MARK * (edge in first) for edge in first | last}
        )

    def mark(self, text: str) -> str:
        """The text of a message, such that nothing in it is taken for a special token."""
        return self._markable.sub(self._marked, text.replace(_MARK, ""))

    @staticmethod
    def unmark(text: str) -> str:
        """Rendered text as a person would read it."""
        return text.replace(_MARK, "")

    def _marked(self, match: re.Match[str]) -> str:
        found = match[0]
        is_harmless_tag = len(found) > 1 and not self._special.search(found)
        return found if is_harmless_tag else found.translate(self._marks)

    def tokenize(self, text: str, continues: bool = False) -> list[int]:
        """The tokens of rendered text. `continues`: it goes on from plain text that has its tokens already."""
        tokens: list[int] = []
        position, strip = 0, False
        for match in self._special.finditer(text):
            token = self._guarded[match[0]]
            run = text[position : match.start()]
            tokens += self._plain(run, continues, strip, token.lstrip)
            tokens.append(token.id)
            position, strip, continues = match.end(), token.rstrip, False
        return tokens + self._plain(text[position:], continues, strip, False)

    def _plain(self, run: str, continues: bool, lstrip: bool, rstrip: bool) -> list[int]:
        run = run.replace(_MARK, "")
        if lstrip:
            run = run.lstrip(_SPACE)
        if rstrip:
            run = run.rstrip(_SPACE)
        tokens: list[int] = []
        for piece in filter(None, self._pieces(run)):
            tokenize = self._vocabulary.tokenize_continuation if continues else self._vocabulary.tokenize
            tokens += tokenize(piece)
            continues = True
        return tokens

    def _pieces(self, run: str) -> Iterator[str]:
        """`run`, cut where llama.cpp would find a role marker that a message wrote."""
        position = 0
        for match in self._role_marker_ahead.finditer(run):
            yield run[position : match.start() + 1]
            position = match.start() + 1
        yield run[position:]


def _may_be_role_marker(text: str) -> bool:
    # Not white space, of which some vocabularies have tokens; not a word; not a tag that belongs to ordinary text.
    return bool(re.search(r"\w", text) and re.search(r"[^\w\s]", text) and not re.fullmatch(_TAG, text))


def _any_of(texts: Iterable[str]) -> str:
    """A pattern for the longest of `texts`; of none, for nothing."""
    return "|".join(map(re.escape, sorted(texts, key=len, reverse=True))) or "(?!)"
