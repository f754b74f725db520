"""Messages become the tokens that the model reads.

Three promises. Nothing that a message says becomes a control token (`tokens`). The prompt fits: what does not is left
out, oldest turns first. And a prompt goes on from the one before wherever it can, because what the model has read
already costs nothing, and reading it again costs seconds:

- A reply is kept as the tokens the model chose. Tokenizing its text again may give others (`WrittenReplies`).
- When a conversation outgrows the context, more is left out than must be, so that the next turns fit without moving
  the cut again. The cut follows from the messages alone, by going through the conversation as it grew: so it is the
  same after a restart, or after another conversation was talked to in between.
"""

from __future__ import annotations

import functools
from array import array
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from app.core.errors import MessageTooLong
from app.engine.protocol import ChatMessage
from app.engine.templates import ChatTemplate, choose_template
from app.engine.tokens import SpecialToken, Tokenizer, Vocabulary

__all__ = ["ChatTemplate", "Prompt", "Prompter", "SpecialToken", "Vocabulary", "WrittenReplies", "choose_template"]

_SHORTEST_REPLY = 16  # tokens
_REMEMBERED_REPLIES = 32
_REMEMBERED_COUNTS = 32_768  # more than a conversation has messages, or none would be found again

_USER = ChatMessage("user", "x")
_ASSISTANT = ChatMessage("assistant", "x")


@dataclass(frozen=True, slots=True)
class Prompt:
    """What the model is to read. `text` is for `Prompter.remember` alone."""

    tokens: Sequence[int]
    text: str
    unseen: int  # how many of the oldest messages (the system message not counted) did not fit


class WrittenReplies:
    """The last replies, each with the prompt it answers, as text and as the tokens that were read and written."""

    def __init__(self, limit: int = _REMEMBERED_REPLIES) -> None:
        self._replies: deque[tuple[str, array[int]]] = deque(maxlen=limit)

    def add(self, prompt: str, reply: str, tokens: Sequence[int]) -> None:
        """`tokens` are those of `prompt` and `reply`."""
        kept = array("i", tokens)
        for text in {reply, reply.strip()} - {""}:  # many templates trim replies
            self._replies.append((prompt + text, kept))

    def beginning_of(self, text: str) -> tuple[str, Sequence[int]]:
        """The longest text known that `text` begins with, and its tokens; nothing if there is none."""
        known = [reply for reply in self._replies if text.startswith(reply[0])]
        return max(known, key=lambda reply: len(reply[0]), default=("", ()))


class Prompter:
    """Makes the prompts for one loaded model."""

    def __init__(self, template: ChatTemplate, vocabulary: Vocabulary, context_length: int) -> None:
        self._template = template
        self._vocabulary = vocabulary
        self._context_length = context_length
        self._tokenizer = Tokenizer(vocabulary, template.writes)
        self._written = WrittenReplies()
        self._count = functools.lru_cache(_REMEMBERED_COUNTS)(self._count_anew)

    def remember(self, prompt: Prompt, reply: str, reply_tokens: Sequence[int]) -> None:
        """`prompt` was answered with `reply`, which is made of `reply_tokens`; the next prompt can go on from there."""
        self._written.add(prompt.text, self._tokenizer.mark(reply), [*prompt.tokens, *reply_tokens])

    def until_next_turn(self, pieces: Iterable[str]) -> Iterator[str]:
        """The pieces of a reply, up to where a model without an end token begins to write the user's next turn."""
        return _until(pieces, self._template.next_turn) if self._template.next_turn else iter(pieces)

    def build(self, messages: Sequence[ChatMessage], reply_limit: int | None = None) -> Prompt:
        """The prompt for `messages`, which end with the user's turn; a system message, if any, is the first.

        Raises `MessageTooLong` if the last turn does not fit, `TemplateFailed` if the template refuses.
        """
        marked = [ChatMessage(message.role, self._tokenizer.mark(message.text)) for message in messages]
        system = [message for message in marked if message.role == "system" and message.text.strip()]
        turns = [message for message in marked if message.role != "system"]
        sizes = [self._size(turn) for turn in turns]
        head = self._count((*system, _USER)) - self._frame
        room = allowed = self._context_length - self._reserve(reply_limit)
        while True:
            start = _oldest_that_fits(turns, sizes, allowed - head, allowed * 3 // 4 - head)
            prompt = self._prompt((*system, *turns[start:]), start)
            if len(prompt.tokens) <= room:
                return prompt
            if start == len(turns) - 1:
                self._check_last_turn(prompt, turns[-1], reply_limit, " beside the system prompt" if system else "")
                return prompt
            # The sizes are measured turn by turn and may be off by a few tokens; what counts is the prompt.
            allowed = head + sum(sizes[start:]) - 1

    def _reserve(self, reply_limit: int | None) -> int:
        """Tokens kept free for the reply."""
        quarter = self._context_length // 4
        return max(_SHORTEST_REPLY, min(reply_limit or quarter, quarter))

    def _check_last_turn(self, prompt: Prompt, turn: ChatMessage, reply_limit: int | None, beside: str) -> None:
        """A long message may take room from the reply, but not all of it."""
        least = min(self._reserve(reply_limit), max(_SHORTEST_REPLY, self._context_length // 16))
        if len(prompt.tokens) <= self._context_length - least:
            return
        length = len(self._tokenizer.tokenize(turn.text))
        fits = self._context_length - least - (len(prompt.tokens) - length)
        if fits <= 0:
            raise MessageTooLong(
                f"The system prompt alone nearly fills the context of {_number(self._context_length)} tokens."
            )
        raise MessageTooLong(
            f"It is {_number(length)} tokens long; at most {_number(fits)} fit{beside} in a context of "
            f"{_number(self._context_length)}."
        )

    def _prompt(self, messages: Sequence[ChatMessage], unseen: int) -> Prompt:
        text = self._render(messages)
        known, tokens = self._written.beginning_of(text)
        rest = self._tokenizer.tokenize(text[len(known) :], continues=bool(known))
        return Prompt(self._with_bos([*tokens, *rest]), text, unseen)

    def _render(self, messages: Sequence[ChatMessage]) -> str:
        return self._template.render(messages, self._vocabulary.bos_text, self._vocabulary.eos_text)

    def _with_bos(self, tokens: list[int]) -> list[int]:
        """Exactly one at the beginning, if the model wants one; some templates write it, some do not, some do twice."""
        bos = self._vocabulary.bos
        if bos is None:
            return tokens
        if self._vocabulary.add_bos and tokens[:1] != [bos]:
            return [bos, *tokens]
        while tokens[:2] == [bos, bos]:
            del tokens[0]
        return tokens

    # How much a turn takes: measured in a conversation of its own and remembered, as tokenizing a long history
    # anew for each turn would take seconds.

    def _count_anew(self, messages: tuple[ChatMessage, ...]) -> int:
        return len(self._with_bos(self._tokenizer.tokenize(self._render(messages))))

    @functools.cached_property
    def _frame(self) -> int:
        """What a turn of one letter takes, on average of user and assistant."""
        return -(-(self._count((_USER, _ASSISTANT, _USER)) - self._count((_USER,))) // 2)

    def _size(self, turn: ChatMessage) -> int:
        if turn.role == "user":
            return self._count((turn,)) - self._count((_USER,)) + self._frame
        return self._count((_USER, turn, _USER)) - self._count((_USER, _ASSISTANT, _USER)) + self._frame


def _oldest_that_fits(turns: Sequence[ChatMessage], sizes: Sequence[int], room: int, target: int) -> int:
    """Index of the user's turn from which on the turns stay.

    Goes through the conversation as it grew. When it outgrew `room`, the oldest turns went, until the rest took no
    more than `target`; so that cut stood for a while. The last turn always stays.
    """
    start = used = 0
    for last, turn in enumerate(turns):
        used += sizes[last]
        if turn.role == "user":
            limit = target if used > room else room
            while start < last and (used > limit or turns[start].role != "user"):
                used -= sizes[start]
                start += 1
    return start


def _until(pieces: Iterable[str], end: str) -> Iterator[str]:
    """The pieces up to the text `end`. What may be its beginning is held back until it is known."""
    held = ""
    for piece in pieces:
        held += piece
        before, found, _ = held.partition(end)
        if found:
            held = before
            break
        kept = next((size for size in range(len(end) - 1, 0, -1) if held.endswith(end[:size])), 0)
        if ready := held[: len(held) - kept]:
            yield ready
        held = held[len(held) - kept :]
    if held:
        yield held


def _number(value: int) -> str:
    return f"{value:,}".replace(",", "\N{NO-BREAK SPACE}")
