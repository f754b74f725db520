"""Patterns that stand for many questions: `{word}` is one of a list of phrases, `[a|b|]` one of its parts."""

from __future__ import annotations

import random
import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path

_WORD = re.compile(r"\{(\w+)\}")
_CHOICE = re.compile(r"\[([^]]*)\]")

Words = Mapping[str, Sequence[str]]


def filled(pattern: str, words: Words, rng: random.Random) -> str:
    """One of the questions that a pattern stands for."""
    text = _WORD.sub(lambda word: rng.choice(words[word[1]]), pattern)
    text = _CHOICE.sub(lambda choice: rng.choice(choice[1].split("|")), text)
    return " ".join(text.split())


class MoreQuestions:
    """For each topic an endless supply of questions, beside those written out."""

    def __init__(self, path: Path = Path(__file__).parent / "patterns.toml") -> None:
        source: Mapping[str, Mapping[str, str]] = tomllib.loads(path.read_text("utf-8"))
        self._words = {name: row.split("|") for name, row in source["words"].items()}
        self._patterns = {topic: text.strip().splitlines() for topic, text in source["patterns"].items()}

    def question(self, topic: str, rng: random.Random) -> str | None:
        """None for a topic without patterns."""
        patterns = self._patterns.get(topic)
        return filled(rng.choice(patterns), self._words, rng) if patterns else None
