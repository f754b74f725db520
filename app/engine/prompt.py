"""Messages become the tokens that the model reads.

Three promises. Nothing that a message says becomes a control token (`tokens`). The prompt fits: what does not is left
out, oldest turns first or as the conversation's policy wants it, and what is pinned stays. And a prompt goes on from
the one before wherever it can, because what the model has read already costs nothing, and reading it again costs
seconds:

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

from app.core.errors import ContextFull, MessageTooLong
from app.engine.protocol import ChatMessage, Policy
from app.engine.templates import ChatTemplate, choose_template
from app.engine.tokens import SpecialToken, Tokenizer, Vocabulary

__all__ = [
    "ChatTemplate",
    "Prompt",
    "Prompter",
    "Sizes",
    "SpecialToken",
    "Vocabulary",
    "WrittenReplies",
    "choose_template",
]

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
    unseen: tuple[int, ...] = ()  # places of the messages (the system message not counted) that did not fit


@dataclass(frozen=True, slots=True)
class Sizes:
    """What takes how many tokens of the context. `last` is the turn to be answered, with what of the reply is there."""

    system: int
    pinned: int
    history: int
    last: int
    reserve: int


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

    def build(
        self, messages: Sequence[ChatMessage], reply_limit: int | None = None, policy: Policy = "oldest"
    ) -> Prompt:
        """The prompt for `messages`, which end with the user's turn, or with the reply that is to be gone on with.

        A system message, if any, is the first. Raises `MessageTooLong` if the last turn does not fit, `ContextFull`
        if something would have to be left out and the policy is to ask, `TemplateFailed` if the template refuses.
        """
        talk = self._talk(messages, policy)
        room = allowed = self._context_length - self._reserve(reply_limit)
        while True:
            start = _oldest_that_fits(talk.turns, talk.loose, allowed - talk.head, allowed * 3 // 4 - talk.head)
            if start and policy == "ask":
                raise ContextFull(f"It holds {_number(self._context_length)} tokens.")
            prompt = self._prompt(talk, start)
            if len(prompt.tokens) <= room:
                return prompt
            if start == len(talk.turns) - 1:
                self._check_last_turn(prompt, talk, reply_limit)
                return prompt
            # The sizes are measured turn by turn and may be off by a few tokens; what counts is the prompt.
            allowed = talk.head + sum(talk.loose[start:]) - 1

    def sizes(self, messages: Sequence[ChatMessage], reply_limit: int | None, policy: Policy) -> Sizes:
        """How the prompt that `build` would make for `messages` fills the context."""
        talk = self._talk(messages, policy)
        unseen = self.build(messages, reply_limit, policy).unseen
        seen = [size for place, size in enumerate(talk.loose) if place not in unseen]
        last = talk.loose[-1] + talk.begun_size
        return Sizes(
            system=max(0, talk.head - talk.kept_size - talk.begun_size),
            pinned=talk.kept_size,
            history=sum(seen) - talk.loose[-1],
            last=last,
            reserve=max(0, min(self._reserve(reply_limit), self._context_length - talk.head - sum(seen))),
        )

    def readable(self, prompt: Prompt) -> str:
        """The text of the prompt as a person would read it, special tokens included."""
        return self._tokenizer.unmark(prompt.text)

    def _talk(self, messages: Sequence[ChatMessage], policy: Policy) -> _Talk:
        marked = [ChatMessage(message.role, self._tokenizer.mark(message.text)) for message in messages]
        system = [message for message in marked if message.role == "system" and message.text.strip()]
        turns = [message for message in marked if message.role != "system"]
        pins = [message.pinned for message in messages if message.role != "system"]
        begun = turns.pop().text if len(turns) > 1 and turns[-1].role == "assistant" else ""
        sizes = [self._size(turn) for turn in turns]
        kept = {place for place, pinned in enumerate(pins[: len(turns) - 1]) if pinned}
        if policy == "middle":
            kept |= set(range(min(2, len(turns) - 1)))
        kept_size = sum(sizes[place] for place in kept)
        begun_size = len(self._tokenizer.tokenize(begun, continues=True)) if begun else 0
        return _Talk(
            system=system,
            turns=turns,
            loose=[0 if place in kept else size for place, size in enumerate(sizes)],
            kept=frozenset(kept),
            kept_size=kept_size,
            begun=begun,
            begun_size=begun_size,
            head=self._count((*system, _USER)) - self._frame + kept_size + begun_size,
        )

    def _reserve(self, reply_limit: int | None) -> int:
        """Tokens kept free for the reply."""
        quarter = self._context_length // 4
        return max(_SHORTEST_REPLY, min(reply_limit or quarter, quarter))

    def _check_last_turn(self, prompt: Prompt, talk: _Talk, reply_limit: int | None) -> None:
        """A long message may take room from the reply, but not all of it."""
        least = min(self._reserve(reply_limit), max(_SHORTEST_REPLY, self._context_length // 16))
        if len(prompt.tokens) <= self._context_length - least:
            return
        length = len(self._tokenizer.tokenize(talk.turns[-1].text)) + talk.begun_size
        fits = self._context_length - least - (len(prompt.tokens) - length)
        others = " and ".join(
            words for words, there in (("the system prompt", talk.system), ("pinned messages", talk.kept)) if there
        )
        if fits <= 0:
            fill = f"alone nearly fill{'' if talk.kept else 's'} the context of {_number(self._context_length)} tokens."
            raise MessageTooLong(f"{others[:1].upper()}{others[1:]} {fill}")
        beside = f" beside {others}" if others else ""
        raise MessageTooLong(
            f"It is {_number(length)} tokens long; at most {_number(fits)} fit{beside} in a context of "
            f"{_number(self._context_length)}."
        )

    def _prompt(self, talk: _Talk, start: int) -> Prompt:
        """With the turns from `start` on, and those that are kept."""
        unseen = tuple(place for place in range(start) if place not in talk.kept)
        seen = [turn for place, turn in enumerate(talk.turns) if place not in unseen]
        text = self._render((*talk.system, *seen)) + talk.begun
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


@dataclass(frozen=True, slots=True)
class _Talk:
    """Marked messages, and what they take. `kept` are the places of turns that stay whatever goes; `loose` are the
    sizes of the turns, 0 for those. `begun` is the beginning of the reply, if there is one. `head` is what all that
    cannot go takes.
    """

    system: Sequence[ChatMessage]
    turns: Sequence[ChatMessage]
    loose: Sequence[int]
    kept: frozenset[int]
    kept_size: int
    begun: str
    begun_size: int
    head: int


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
