"""What a model thinks before it answers, told apart from the answer.

Models put it between tags at the beginning of the reply. Some chat templates write the first tag for the model: then
only the second one is there, in a line of its own, and all before it was reasoning.
"""

from __future__ import annotations

import enum

_HARMONY = "<|channel|>final<|message|>"

# What reasoning stands between. The model families are those that are known to write it.
TAGS = (
    ("<think>", "</think>"),  # DeepSeek R1, Qwen 3, GLM, and most others
    ("<thinking>", "</thinking>"),
    ("<thought>", "</thought>"),  # EXAONE
    ("<reasoning>", "</reasoning>"),
    ("<seed:think>", "</seed:think>"),  # Seed OSS
    ("[THINK]", "[/THINK]"),  # Magistral
    ("<|START_THINKING|>", "<|END_THINKING|>"),  # Command A
    ("◁think▷", "◁/think▷"),  # Kimi
    ("<|channel|>analysis<|message|>", _HARMONY),  # gpt-oss
)
_LEFT_OVER = ("<|end|><|start|>assistant", "<|start|>assistant", "<|end|>")
_LONGEST_END = 60  # characters, with what is left over before it
LAST_TAG = "</think>"  # which may be there without the first
_END_ALONE = f"\n{LAST_TAG}\n"
_FENCE = "```"
_MOST_BLANKS = 100  # before the first tag


def answer_in(text: str) -> str:
    """A whole reply without its reasoning: what is copied, found and exported of it."""
    splitter = ReasoningSplitter(is_begun=ends_without_beginning(text))
    return splitter.advance(text)[1] or splitter.undecided


def ends_without_beginning(text: str) -> bool:
    """Whether a whole reply begins with reasoning though no tag says so."""
    before, tag, _ = f"\n{text}\n".partition(_END_ALONE)
    is_begun = before.lstrip().startswith(tuple(begin for begin, _ in TAGS))
    return bool(tag) and not is_begun and before.count(f"\n{_FENCE}") % 2 == 0


class _State(enum.Enum):
    BEGINNING = enum.auto()
    INSIDE = enum.auto()
    AFTER = enum.auto()  # among the blanks before the answer
    ANSWER = enum.auto()


class ReasoningSplitter:
    """Splits a reply that is being written."""

    def __init__(self, *, is_begun: bool = False) -> None:
        self._held = ""  # what may be a tag, or the beginning of one
        self._end = TAGS[0][1]
        self._state = _State.INSIDE if is_begun else _State.BEGINNING

    @property
    def is_inside(self) -> bool:
        """Whether what comes is reasoning."""
        return self._state is _State.INSIDE

    @property
    def undecided(self) -> str:
        """What has come so far, if it may become the first tag."""
        return self._held if self._state is _State.BEGINNING else ""

    def advance(self, text: str) -> tuple[str, str]:
        """Takes in `text`. Returns what there is more of the reasoning, and of the answer."""
        self._held += text
        reasoning = answer = ""
        if self._state is _State.BEGINNING:
            self._begin()
        if self._state is _State.INSIDE:
            reasoning = self._reasoning()
        if self._state is _State.AFTER:
            self._held = self._held.lstrip()
            self._state = _State.ANSWER if self._held else _State.AFTER
        if self._state is _State.ANSWER:
            answer, self._held = self._held, ""
        return reasoning, answer

    def _begin(self) -> None:
        start = self._held.lstrip()
        tag = next((tag for tag in TAGS if start.startswith(tag[0])), None)
        if tag:
            self._held, self._end, self._state = start[len(tag[0]) :], tag[1], _State.INSIDE
        elif len(self._held) - len(start) > _MOST_BLANKS or not any(begin.startswith(start) for begin, _ in TAGS):
            self._state = _State.ANSWER

    def _reasoning(self) -> str:
        """What of it is certain to be reasoning."""
        reasoning, tag, rest = self._held.partition(self._end)
        if tag:
            self._held, self._state = rest, _State.AFTER
            return _without_left_over(reasoning)
        longest = _LONGEST_END if self._end == _HARMONY else len(self._end) - 1
        start = max(0, len(self._held) - longest)
        may_begin = self._held.find(self._end[0], start)
        certain = may_begin if may_begin >= 0 else len(self._held)
        reasoning, self._held = self._held[:certain], self._held[certain:]
        return reasoning


def _without_left_over(reasoning: str) -> str:
    for rest in _LEFT_OVER:
        reasoning = reasoning.removesuffix(rest)
    return reasoning
