"""What the guide learns from: the topics in `topics/`, more questions for them in `questions/`, and the many ways in
which a question is typed.
"""

from __future__ import annotations

import dataclasses
import functools
import random
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TOPICS = Path(__file__).parent / "topics"
QUESTIONS = Path(__file__).parent / "questions"
OFF_TOPIC = "off_topic"


@dataclass(frozen=True, slots=True)
class Topic:
    """Something the guide can be asked about.

    `follow_ups` are questions asked right after the answer, each with the id of the topic that answers it. `facts` are
    what an answer must say: of each list of alternatives, one.
    """

    id: str
    questions: Sequence[str]
    answers: Sequence[str]
    facts: Sequence[Sequence[str]]
    follow_ups: Sequence[tuple[str, str]] = ()


def load_topics(folder: Path = TOPICS) -> dict[str, Topic]:
    """All topics by id, in the order of file and place. Raises `ValueError` if two share an id, or one is missing."""
    topics: dict[str, Topic] = {}
    for path in sorted(folder.glob("*.toml")):
        for entry in tomllib.loads(path.read_text("utf-8")).get("topic", ()):
            topic = _topic(entry)
            if topic.id in topics:
                raise ValueError(f"{path.name}: there is another topic {topic.id}")
            topics[topic.id] = topic
    for topic in topics.values():
        if topic.questions:
            questions = dict.fromkeys((*topic.questions, *more_questions(topic.id)))
            topics[topic.id] = dataclasses.replace(topic, questions=tuple(questions))
    unknown = {target for topic in topics.values() for _, target in topic.follow_ups} - topics.keys()
    if unknown:
        raise ValueError(f"Follow-ups lead to topics that do not exist: {', '.join(sorted(unknown))}")
    return topics


def more_questions(topic: str) -> list[str]:
    """The questions for `topic` in `questions/`."""
    return [question for entries in _question_files() for question in entries.get(topic, {}).get("questions", ())]


@functools.cache
def _question_files() -> list[dict[str, Any]]:
    return [tomllib.loads(path.read_text("utf-8")) for path in sorted(QUESTIONS.glob("*.toml"))]


def _topic(entry: Mapping[str, Any]) -> Topic:
    return Topic(
        id=entry["id"],
        questions=tuple(entry.get("questions", ())),
        answers=tuple(answer.strip() for answer in entry["answers"]),
        facts=tuple(tuple(alternatives) for alternatives in entry["facts"]),
        follow_ups=tuple((question, target) for question, target in entry.get("follow_ups", ())),
    )


def tells_facts(answer: str, facts: Sequence[Sequence[str]]) -> bool:
    """Whether an answer says what it must."""
    said = answer.lower()
    return all(any(alternative.lower() in said for alternative in alternatives) for alternatives in facts)


_VARIATIONS = tomllib.loads((Path(__file__).parent / "variations.toml").read_text("utf-8"))
SYSTEM_PROMPTS: Sequence[str] = _VARIATIONS["system_prompts"]
_SYNONYMS: dict[str, list[str]] = {}
for _row in _VARIATIONS["synonyms"]:
    for _phrase in _row:
        _SYNONYMS.setdefault(_phrase, []).extend(other for other in _row if other != _phrase)
_LONGEST_FIRST = sorted(_SYNONYMS, key=len, reverse=True)
_PHRASE = re.compile(r"\b(" + "|".join(map(re.escape, _LONGEST_FIRST)) + r")\b", re.IGNORECASE)
_NEIGHBOURS = {
    key: row[max(0, place - 1) : place] + row[place + 1 : place + 2]
    for row in ("qwertyuiop", "asdfghjkl", "zxcvbnm")
    for place, key in enumerate(row)
}


def typed(question: str, rng: random.Random) -> str:
    """The question as some other person might type it."""
    text = _with_synonyms(question, rng)
    if rng.random() < 0.15:
        text = _without_a_word(text, rng)
    if rng.random() < 0.12:
        text = f"{rng.choice(_VARIATIONS['before'])} {text}"
    if rng.random() < 0.1:
        text = text.rstrip("?!. ") + rng.choice(_VARIATIONS["after"])
    for _ in range(rng.choices((0, 1, 2), (0.76, 0.18, 0.06))[0]):
        text = _with_a_typo(text, rng)
    return _in_some_case(_punctuated(text, rng), rng)


def _with_synonyms(text: str, rng: random.Random) -> str:
    def replaced(match: re.Match[str]) -> str:
        return rng.choice(_SYNONYMS[match[0].lower()]) if rng.random() < 0.2 else match[0]

    return _PHRASE.sub(replaced, text)


def _without_a_word(text: str, rng: random.Random) -> str:
    words = text.split()
    places = [place for place, word in enumerate(words) if len(words) > 6 or word.lower() in _VARIATIONS["small_words"]]
    if len(words) > 2 and places:
        del words[rng.choice(places)]
    return " ".join(words)


def _with_a_typo(text: str, rng: random.Random) -> str:
    places = [place for place in range(1, len(text) - 1) if text[place].isalpha()]
    if len(text) < 6 or not places:
        return text
    place = rng.choice(places)
    letter = text[place]
    match rng.randrange(4):
        case 0:
            return text[:place] + text[place + 1] + letter + text[place + 2 :]
        case 1:
            return text[:place] + text[place + 1 :]
        case 2:
            return text[:place] + letter + text[place:]
        case _:
            return text[:place] + rng.choice(_NEIGHBOURS.get(letter.lower(), letter)) + text[place + 1 :]


def _punctuated(text: str, rng: random.Random) -> str:
    chance = rng.random()
    if chance < 0.4:
        return text.rstrip("?!. ")
    if chance < 0.5:
        return text.rstrip("?!. ") + "?"
    return text.replace(",", "").replace("'", "") if chance < 0.55 else text


def _in_some_case(text: str, rng: random.Random) -> str:
    chance = rng.random()
    if chance < 0.45:
        return text.lower()
    if chance < 0.65:
        return text[:1].upper() + text[1:]
    return text.upper() if chance < 0.7 else text
