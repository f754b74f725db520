"""Questions that the guide declines: patterns and words put together, sums, and what is no language at all."""

from __future__ import annotations

import random
import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path

from tools.guide.corpus import TOPICS

_SLOT = re.compile(r"\{(\w+)\}")
_SYLLABLES = [consonant + vowel for consonant in "bcdfghjklmnpqrstvwxyz" for vowel in "aeiou"]
_SUMS = (
    "what is {} {} {}|{} {} {}|how much is {} {} {}|calculate {} {} {}|{} {} {} =|solve {} {} {}|can you compute {} {} {}"
).split("|")
_OPERATORS = ("+", "-", "*", "/", "plus", "minus", "times", "divided by", "to the power of", "percent of", "x", "mod")


class OffTopic:
    """An endless supply of questions. `part` is `learn` or `check`: the two share no pattern and no word."""

    def __init__(self, part: str, path: Path = TOPICS / "off_topic.toml") -> None:
        source: Mapping[str, Mapping[str, str]] = tomllib.loads(path.read_text("utf-8"))
        self._words = {name: _part_of(row.split("|"), part) for name, row in source["words"].items()}
        self._patterns = [_part_of(row.split("|"), part) for row in source["patterns"].values()]
        self._others = [_part_of(row.split("|"), part) for row in source["others"].values()]

    def question(self, rng: random.Random) -> str:
        chance = rng.random()
        if chance < 0.03:
            return self._sum(rng)
        if chance < 0.05:
            return self._gibberish(rng)
        if chance < 0.12:
            return rng.choice(rng.choice(self._others))
        row = rng.choices(self._patterns, [len(patterns) ** 0.5 for patterns in self._patterns])[0]
        return _SLOT.sub(lambda slot: rng.choice(self._words[slot[1]]), rng.choice(row))

    @staticmethod
    def _sum(rng: random.Random) -> str:
        largest = rng.choice((10, 100, 10_000))
        return rng.choice(_SUMS).format(rng.randrange(largest), rng.choice(_OPERATORS), rng.randrange(largest))

    @staticmethod
    def _gibberish(rng: random.Random) -> str:
        return " ".join("".join(rng.choices(_SYLLABLES, k=rng.randint(1, 5))) for _ in range(rng.randint(1, 5)))


def _part_of(items: Sequence[str], part: str) -> Sequence[str]:
    """`check` gets every eighth, `learn` the others, `all` everything."""
    if part == "all":
        return items
    return [item for place, item in enumerate(items) if (place % 8 == 5) == (part == "check")]
