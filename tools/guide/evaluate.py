"""Asks the guide, in llama.cpp, the questions of `evaluation.toml`: `python -m tools.guide.evaluate [FILE]`.

Those questions were written apart from the text it learnt, in other words, and are used for nothing else. An answer is
right if it tells the key facts of the topic. Prints a table per topic, and exits 1 if the model falls short.
"""

from __future__ import annotations

import argparse
import functools
import sys
import tomllib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from app.core import gguf
from app.engine import llama
from app.engine.prompt import Prompter, choose_template
from app.engine.protocol import ChatMessage, Sampling
from tools.guide.corpus import OFF_TOPIC, Topic, load_topics, tells_facts

EVALUATION = Path(__file__).parent / "evaluation.toml"
RESULT = Path(__file__).parents[2] / "resources" / "guide.gguf"

ON_TOPIC_GOAL, OFF_TOPIC_GOAL = 0.85, 0.9
_LIMIT = 256  # tokens of a reply
_SYSTEM_PROMPT = "You are a helpful, honest assistant. Answer briefly and clearly."
_SAMPLINGS = {
    "greedy": Sampling(temperature=0.0, repeat_penalty=1.0),
    "greedy, repeat penalty 1.1": Sampling(temperature=0.0, repeat_penalty=1.1),
    "the app's defaults": Sampling(seed=1),
}


@dataclass(frozen=True, slots=True)
class Question:
    """`topic` is the one that answers it. `after` are the questions asked before it, oldest first."""

    text: str
    topic: str
    after: Sequence[str] = ()


class Guide:
    """The model, asked as the app asks it."""

    def __init__(self, model: llama.Model, prompter: Prompter) -> None:
        self.model = model
        self._prompter = prompter

    def answer(self, *turns: str, sampling: Sampling, system: str = _SYSTEM_PROMPT) -> str:
        """The reply to a conversation: `turns` are the user's and the guide's by turns, the user's first and last."""
        messages = [ChatMessage("system", system)] if system else []
        messages += [ChatMessage("assistant" if place % 2 else "user", text) for place, text in enumerate(turns)]
        prompt = self._prompter.build(messages)
        self.model.read(prompt.tokens, lambda _done, _cached: None)
        return "".join(self.model.write(sampling, _LIMIT))


@functools.cache
def _native_log() -> llama.NativeLog:
    """Of the whole process: llama.cpp may have something to say as long as it is there."""
    llama.start_backends()
    return llama.NativeLog()


@contextmanager
def loaded(path: Path = RESULT) -> Iterator[Guide]:
    header = gguf.check_file(path)
    options = llama.LoadOptions(path, context_length=1024, threads=2, gpu_layers=0)
    with llama.Model(options, llama.Flag(), _native_log(), lambda _fraction: None) as model:
        yield Guide(model, Prompter(choose_template(header.chat_template), model.vocabulary, model.context_length))


def questions(path: Path = EVALUATION) -> list[Question]:
    written = tomllib.loads(path.read_text("utf-8"))
    on_topic = [Question(entry["text"], entry["topic"], entry.get("after", ())) for entry in written["question"]]
    return on_topic + [Question(entry["text"], OFF_TOPIC) for entry in written["off_topic"]]


def is_right(answer: str, topic: Topic) -> bool:
    return tells_facts(answer, topic.facts)


def scores(
    guide: Guide, asked: Iterable[Question], topics: Mapping[str, Topic], sampling: Sampling
) -> dict[str, list[bool]]:
    """For each topic, which of its questions were answered rightly."""
    found: dict[str, list[bool]] = defaultdict(list)
    for question in asked:
        answer = _answer(guide, question, sampling)
        found[question.topic].append(is_right(answer, topics[question.topic]))
    return found


def _answer(guide: Guide, question: Question, sampling: Sampling) -> str:
    turns: list[str] = []
    for earlier in question.after:
        turns += [earlier, guide.answer(*turns, earlier, sampling=sampling)]
    return guide.answer(*turns, question.text, sampling=sampling)


def _share(right: Sequence[bool]) -> float:
    return sum(right) / len(right)


def _print_table(columns: Mapping[str, Mapping[str, Sequence[bool]]]) -> None:
    print("topic".ljust(28), *columns, sep="  ")
    for topic in next(iter(columns.values())):
        cells = (f"{sum(column[topic])}/{len(column[topic])}".rjust(len(name)) for name, column in columns.items())
        print(topic.ljust(28), *cells, sep="  ")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path, nargs="?", default=RESULT)
    path: Path = parser.parse_args().file
    topics, asked = load_topics(), questions()
    with loaded(path) as guide:
        columns = {name: scores(guide, asked, topics, sampling) for name, sampling in _SAMPLINGS.items()}
    _print_table(columns)
    passed = True
    for name, column in columns.items():
        on_topic = _share([right for topic, row in column.items() if topic != OFF_TOPIC for right in row])
        declined = _share(column[OFF_TOPIC])
        print(f"{name}: {on_topic:.1%} of questions answered, {declined:.1%} of off-topic questions declined")
        passed &= on_topic >= ON_TOPIC_GOAL and declined >= OFF_TOPIC_GOAL
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
