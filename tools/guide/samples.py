"""Makes the token sequences that the model is trained on.

The first token of each reply is a control token that names the topic. Nobody sees it, but it splits the task in two:
understanding the question is the choice of one token, and the answer follows from that token alone. So most samples
end with it, which makes them short and the training quick, and a wrong choice still gives a whole answer.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from tools.guide.corpus import OFF_TOPIC, SYSTEM_PROMPTS, Topic, typed
from tools.guide.off_topic import OffTopic
from tools.guide.patterns import MoreQuestions
from tools.guide.tokenizer import BOS, EOS, Tokenizer

SYSTEM, USER, GUIDE = "<|system|>", "<|user|>", "<|guide|>"
CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{{ '<|guide|>' if message['role'] == 'assistant' else '<|' + message['role'] + '|>' }}"
    "{{ message['content'] | trim + eos_token }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|guide|>' }}{% endif %}"
)
LONGEST = 512  # tokens of a conversation

_DEFAULT_SYSTEM_PROMPT = "You are a helpful, honest assistant. Answer briefly and clearly."
_FIRST_WORDING = 3.0  # how much likelier than each other one: a greedy reply is not a close call
_OFF_TOPIC_SHARE = 0.28
_PATTERN_SHARE = 0.5  # of the questions on a topic; the others are those written out
_LOOSE_SHARE = 0.5  # of the questions, those whose words are not always in the same pieces


def topic_token(topic: str) -> str:
    return f"<|{topic}|>"


def special_tokens(topics: Sequence[str]) -> list[str]:
    return [SYSTEM, USER, GUIDE, *map(topic_token, topics)]


@dataclass(slots=True)
class Sample:
    """Tokens, and for each what counts as learnt there: 0 a question or other context, 1 an answer, 2 a topic."""

    tokens: list[int] = field(default_factory=list)
    kinds: list[int] = field(default_factory=list)

    def add(self, tokens: Sequence[int], kind: int) -> None:
        self.tokens += tokens
        self.kinds += [kind] * len(tokens)


@dataclass(frozen=True, slots=True)
class Turn:
    question: str
    topic: Topic


class Sampler:
    """An endless supply of samples from what may be learnt."""

    def __init__(self, topics: dict[str, Topic], off_topic: OffTopic, tokenizer: Tokenizer) -> None:
        self._topics = topics
        self._asked = [topic for topic in topics.values() if topic.questions]
        self._off_topic = off_topic
        self._more = MoreQuestions()
        self._tokenizer = tokenizer

    def asked(self, question: str, rng: random.Random) -> Sample:
        """The question as someone might type it, up to where the topic follows."""
        sample = self._begin(rng)
        self._add_question(sample, typed(question, rng), rng)
        return sample

    def question(self, rng: random.Random) -> Sample:
        """One question and the topic that answers it."""
        sample = self._begin(rng)
        turn = self._turn(rng)
        self._add_question(sample, turn.question, rng)
        sample.add(self._topic_token(turn.topic), 2)
        return sample

    def conversation(self, rng: random.Random) -> Sample:
        """One to six questions, all answered; and now and then an answer to a question that it does not fit."""
        sample = self._begin(rng)
        previous: Topic | None = None
        answer = ""
        for _ in range(rng.choices(range(1, 7), (50, 25, 12, 6, 4, 3))[0]):
            if previous and rng.random() < 0.3:
                self._read_again(sample, answer)
            turn = self._next_turn(previous, rng)
            self._add_question(sample, turn.question, rng)
            if previous is None and rng.random() < 0.1:
                turn = self._turn(rng)
                sample.add(self._topic_token(turn.topic), 0)
            else:
                sample.add(self._topic_token(turn.topic), 2)
            answer = self._wording(turn.topic, rng)
            sample.add([*self._tokenizer.encode_continuation(answer), EOS], 1)
            previous = turn.topic
        del sample.tokens[LONGEST:], sample.kinds[LONGEST:]
        return sample

    def _begin(self, rng: random.Random) -> Sample:
        sample = Sample([BOS], [0])
        chance = rng.random()
        if chance < 0.7:
            return sample
        prompt = _DEFAULT_SYSTEM_PROMPT if chance < 0.85 else self._odd_system_prompt(rng)
        system = self._tokenizer.special_ids[SYSTEM]
        sample.add([system, *self._tokenizer.encode(prompt), EOS], 0)
        return sample

    def _odd_system_prompt(self, rng: random.Random) -> str:
        if rng.random() < 0.5:
            return " ".join(rng.sample(SYSTEM_PROMPTS, rng.randint(1, 2)))
        return self._off_topic.question(rng)

    def _next_turn(self, previous: Topic | None, rng: random.Random) -> Turn:
        if previous and previous.follow_ups and rng.random() < 0.6:
            question, target = rng.choice(previous.follow_ups)
            return Turn(typed(question, rng), self._topics[target])
        return self._turn(rng)

    def _turn(self, rng: random.Random) -> Turn:
        if rng.random() < _OFF_TOPIC_SHARE:
            return Turn(typed(self._off_topic.question(rng), rng), self._topics[OFF_TOPIC])
        topic = rng.choice(self._asked)
        question = self._more.question(topic.id, rng) if rng.random() < _PATTERN_SHARE else None
        return Turn(typed(question or rng.choice(topic.questions), rng), topic)

    def _add_question(self, sample: Sample, text: str, rng: random.Random) -> None:
        begin, answer = self._tokenizer.special_ids[USER], self._tokenizer.special_ids[GUIDE]
        question = self._tokenizer.encode(text, rng if rng.random() < _LOOSE_SHARE else None)
        sample.add([begin, *question, EOS, answer], 0)

    def _topic_token(self, topic: Topic) -> list[int]:
        return [self._tokenizer.special_ids[topic_token(topic.id)]]

    @staticmethod
    def _wording(topic: Topic, rng: random.Random) -> str:
        return rng.choices(topic.answers, [_FIRST_WORDING] + [1.0] * (len(topic.answers) - 1))[0]

    def _read_again(self, sample: Sample, answer: str) -> None:
        """After a restart the app knows the last reply by its text alone: the topic is gone, a space is in front."""
        written = len(self._tokenizer.encode_continuation(answer)) + 2  # with the topic and the end
        del sample.tokens[-written:], sample.kinds[-written:]
        sample.add([*self._tokenizer.encode(answer), EOS], 0)


def rows(make: Callable[[random.Random], Sample], count: int, length: int, rng: random.Random) -> list[list[Sample]]:
    """`count` rows of samples, at most `length` tokens in each, nearly full."""
    filled: list[list[Sample]] = [[] for _ in range(count)]
    room = [length] * count
    refused = 0
    while refused < 12:
        sample = make(rng)
        row = next((row for row in range(count) if room[row] >= len(sample.tokens)), None)
        if row is None:
            refused += 1
        else:
            filled[row].append(sample)
            room[row] -= len(sample.tokens)
    return filled


def corpus_texts(topics: dict[str, Topic], off_topic: OffTopic, rng: random.Random) -> dict[str, int]:
    """What the tokenizer is trained on, and how much each text counts."""
    texts: dict[str, int] = {}
    for topic in topics.values():
        for text in itertools.chain(topic.questions, (question for question, _ in topic.follow_ups)):
            texts |= {text: 3, text.lower(): 3}
        texts |= dict.fromkeys(topic.answers, 3)
    patterns = MoreQuestions()
    texts |= dict.fromkeys((off_topic.question(rng) for _ in range(6000)), 1)
    for topic in topics:
        texts |= dict.fromkeys(filter(None, (patterns.question(topic, rng) for _ in range(40))), 1)
    return texts
