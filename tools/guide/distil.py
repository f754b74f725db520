"""The second part of the training: the guide learns to understand a question as all-MiniLM-L6-v2 does.

At the end of each question its state is to tell the meaning that the encoder found, through a matrix that is not kept,
and its next token the topic. So words that are like each other to the encoder become so to the guide.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from tools.guide import train
from tools.guide.corpus import OFF_TOPIC
from tools.guide.lessons import Lessons
from tools.guide.minilm import WIDTH
from tools.guide.model import Llama
from tools.guide.samples import Sample, Sampler, rows

SEED = 11
_ROWS, _LENGTH = 40, 128  # of a batch of questions
_RATE, _WARM_UP = 1e-3, 20
_OFF_TOPIC_SHARE, _CHANGED_SHARE = 0.28, 0.3  # of the questions
_MEANING_WEIGHT = 3.0


def distil(
    model: Llama,
    sampler: Sampler,
    lessons: Lessons,
    topic_tokens: Sequence[int],
    steps: int,
    after_step: Callable[[int], None],
) -> None:
    """`topic_tokens` are those of the topics of the lessons. `after_step(step)` may save or look at the model."""
    rng = random.Random(SEED)
    to_meaning = nn.Linear(model.shape.width, WIDTH, bias=False)
    optimizers = [*train.optimizers(model), torch.optim.AdamW(to_meaning.parameters())]
    began = time.monotonic()
    for step in range(steps):
        model.train()
        batch = _laid_out(rows(lambda rng: _sample(sampler, lessons, rng), _ROWS, _LENGTH, rng))
        with torch.autocast("cpu", torch.bfloat16):
            states = model.states(*batch[:4])
            logits, meanings = model.logits(states).float(), to_meaning(states).float()
        places = batch[4]
        understood = -(lessons.topics[places] * logits.log_softmax(1)[:, topic_tokens]).sum(1).mean()
        strangeness = 1 - functional.cosine_similarity(meanings, lessons.meanings[places]).mean()
        certainty = train.NORMALISER_WEIGHT * logits.logsumexp(1).square().mean()
        (understood + _MEANING_WEIGHT * strangeness + certainty).backward()
        train.learn(model, [train.conversations(sampler, rng)])
        rate = _RATE * min(1, (step + 1) / _WARM_UP) * max(0.01, 1 - step / steps)
        train.update(model, optimizers, rate)
        if step % 20 == 0:
            said = f"topic {understood.item():.3f}  meaning {strangeness.item():.3f}"
            print(f"step {step:5d}  {time.monotonic() - began:6.0f} s  {said}", flush=True)
        after_step(step)


def _sample(sampler: Sampler, lessons: Lessons, rng: random.Random) -> Sample:
    """A question up to where its topic would follow. In place of that is its number among the lessons."""
    chance = rng.random()
    if chance < _CHANGED_SHARE:
        place = rng.randrange(lessons.changed, len(lessons.questions))
    else:
        on_topic = [topic for topic in lessons.written if topic != OFF_TOPIC]
        topic = OFF_TOPIC if rng.random() < _OFF_TOPIC_SHARE else rng.choice(on_topic)
        place = rng.choice(lessons.written[topic])
    sample = sampler.asked(lessons.questions[place], rng)
    del sample.tokens[_LENGTH - 1 :]
    sample.tokens.append(place)
    return sample


def _laid_out(rows_of_samples: Sequence[Sequence[Sample]]) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Tokens, positions, mask, where the questions end, and their places among the lessons."""
    shape = len(rows_of_samples), _LENGTH
    tokens, positions, owners = (torch.zeros(shape, dtype=torch.long) for _ in range(3))
    ends, places = [], []
    for row, samples in enumerate(rows_of_samples):
        start = 0
        for owner, sample in enumerate(samples, 1):
            *question, place = sample.tokens
            end = start + len(question)
            tokens[row, start:end] = torch.tensor(question)
            positions[row, start:end] = torch.arange(len(question))
            owners[row, start:end] = owner
            ends.append(row * _LENGTH + end - 1)
            places.append(place)
            start = end
    mask = (owners.unsqueeze(2) == owners.unsqueeze(1)).tril()
    return tokens, positions, mask, torch.tensor(ends), torch.tensor(places)
