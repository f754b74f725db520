"""Questions with what all-MiniLM-L6-v2 makes of them: the guide learns from it what words mean that it seldom sees.

Beside the questions that were written there are such in which words have given way to others of like meaning. Nobody
knows their topic; a small classifier, trained on what the encoder makes of those written, says how likely each is.
"""

from __future__ import annotations

import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from tools.guide.corpus import OFF_TOPIC, Topic
from tools.guide.minilm import WIDTH, MiniLM
from tools.guide.off_topic import OffTopic
from tools.guide.patterns import MoreQuestions

_OF_PATTERNS, _OFF_TOPIC, _CHANGED = 40, 6000, 25000  # questions: of the patterns of each topic, off topic, changed
_COMMON_WORDS = 6000  # the encoder's vocabulary begins with letters and marks, then has words, the commonest first
_LIKE_WORDS, _CHANGED_WORDS = 12, 0.3  # how many may stand in for a word, and share of words that are changed
_SCALE = 20.0  # of a meaning, for the classifier
_CLASSIFIER_STEPS, _CLASSIFIER_BATCH, _CLASSIFIER_RATE = 1500, 512, 3e-3


@dataclass(frozen=True, slots=True)
class Lessons:
    """Questions; a row for each with its meaning, and one with the likelihood of each topic.

    `written` are the places of the questions of each topic; the others, from `changed` on, have none for sure.
    """

    questions: Sequence[str]
    meanings: Tensor
    topics: Tensor
    written: Mapping[str, Sequence[int]]
    changed: int


def prepare(topics: Mapping[str, Topic], off_topic: OffTopic, encoder: MiniLM, rng: random.Random) -> Lessons:
    """Takes some minutes: the encoder reads all questions."""
    ids = list(topics)
    asked = _written(topics, off_topic, rng)
    written: dict[str, list[int]] = {}
    for place, topic in enumerate(asked.values()):
        written.setdefault(topic, []).append(place)
    questions = list(asked)
    like = _like_words(encoder)
    changed = dict.fromkeys(_with_other_words(rng.choice(questions), like, rng) for _ in range(_CHANGED))
    questions += (question for question in changed if question not in asked)
    meanings = encoder.embed(questions)
    labels = torch.tensor([ids.index(topic) for topic in asked.values()])
    known = functional.one_hot(labels, len(ids)).float()
    supposed = _supposed(meanings[: len(asked)], labels, meanings[len(asked) :], len(ids))
    return Lessons(questions, meanings, torch.cat((known, supposed)), written, len(asked))


def _written(topics: Mapping[str, Topic], off_topic: OffTopic, rng: random.Random) -> dict[str, str]:
    """Each question's topic."""
    patterns = MoreQuestions()
    asked: dict[str, str] = {}
    for topic in topics.values():
        more = (patterns.question(topic.id, rng) for _ in range(_OF_PATTERNS))
        asked |= dict.fromkeys((*topic.questions, *filter(None, more)), topic.id)
    return asked | dict.fromkeys((off_topic.question(rng) for _ in range(_OFF_TOPIC)), OFF_TOPIC)


def _like_words(encoder: MiniLM) -> dict[str, list[str]]:
    """For each common word those nearest to it."""
    common = [place for place, piece in enumerate(encoder.pieces) if re.fullmatch(r"[a-z]{2,}", piece)]
    common = common[:_COMMON_WORDS]
    words = [encoder.pieces[place] for place in common]
    centred = encoder.word_embeddings - encoder.word_embeddings.mean(0)
    directions = functional.normalize(centred[common], dim=1)
    nearest = (directions @ directions.T).topk(_LIKE_WORDS + 1).indices[:, 1:].tolist()
    return {word: [words[place] for place in row] for word, row in zip(words, nearest, strict=True)}


def _with_other_words(question: str, like: Mapping[str, Sequence[str]], rng: random.Random) -> str:
    def other(match: re.Match[str]) -> str:
        choices = like.get(match[0].lower())
        return rng.choice(choices) if choices and rng.random() < _CHANGED_WORDS else match[0]

    return re.sub("[A-Za-z]+", other, question)


def _supposed(meanings: Tensor, labels: Tensor, others: Tensor, topics: int) -> Tensor:
    """What a classifier that learns the `labels` of the `meanings` says of the others."""
    hidden = 512
    classifier = nn.Sequential(nn.Linear(WIDTH, hidden), nn.GELU(), nn.Dropout(0.4), nn.Linear(hidden, topics))
    optimizer = torch.optim.AdamW(classifier.parameters(), _CLASSIFIER_RATE)
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.0, _CLASSIFIER_STEPS)
    for _ in range(_CLASSIFIER_STEPS):
        some = torch.randint(len(labels), (_CLASSIFIER_BATCH,))
        loss = functional.cross_entropy(classifier(meanings[some] * _SCALE), labels[some], label_smoothing=0.05)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    classifier.eval()
    with torch.no_grad():
        return classifier(others * _SCALE).softmax(1)
