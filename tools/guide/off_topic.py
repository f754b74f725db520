"""Questions that the guide declines: half of them written, half patterns and words put together."""

from __future__ import annotations

import random
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path

from tools.guide.corpus import OFF_TOPIC, TOPICS, more_questions
from tools.guide.patterns import filled

_WRITTEN_SHARE = 0.5  # of the questions; the others are put together
_SYLLABLES = [consonant + vowel for consonant in "bcdfghjklmnpqrstvwxyz" for vowel in "aeiou"]


class OffTopic:
    """An endless supply of questions. `part` is `all`, or `learn` or `check`, which share nothing."""

    def __init__(self, part: str, path: Path = TOPICS / "off_topic.toml") -> None:
        source: Mapping[str, Mapping[str, str]] = tomllib.loads(path.read_text("utf-8"))
        words = {name: row.split("|") for name, row in source["words"].items()} | _made_up_words()
        self._words = {name: _part_of(row, part) for name, row in words.items()}
        self._patterns = [_part_of(row.split("|"), part) for row in source["patterns"].values()]
        self._written = _part_of(more_questions(OFF_TOPIC), part)
        self._weights = [len(row) ** 0.5 for row in self._patterns]

    def question(self, rng: random.Random) -> str:
        if self._written and rng.random() < _WRITTEN_SHARE:
            return rng.choice(self._written)
        row = rng.choices(self._patterns, self._weights)[0]
        return filled(rng.choice(row), self._words, rng)


def _made_up_words() -> dict[str, list[str]]:
    rng = random.Random(0)
    numbers = [str(rng.randrange(10**digits)) for digits in (1, 2, 3, 4) for _ in range(100)]
    gibberish = ["".join(rng.choices(_SYLLABLES, k=rng.randint(1, 5))) for _ in range(2000)]
    return {"number": numbers, "gibberish": gibberish}


def _part_of(items: Sequence[str], part: str) -> Sequence[str]:
    """`check` gets every eighth, `learn` the others."""
    if part == "all":
        return items
    return [item for place, item in enumerate(items) if (place % 8 == 5) == (part == "check")]
