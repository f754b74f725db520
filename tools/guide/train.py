"""Trains the model. Minutes on a processor; the same seed gives the same model on the same machine."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional

from tools.guide.model import Llama
from tools.guide.samples import Sample, Sampler, batches

_SEED = 3
_QUESTIONS, _CONVERSATIONS = 200, 22  # samples per step
_MOST_TOKENS = 4096  # per batch; a step is a few batches
_RATE, _WARM_UP = 2e-3, 40  # learning rate of every step, and steps until it is reached
_WEIGHT_DECAY = 0.1
_LOSS_WEIGHTS = (0.1, 1.0, 1.0)  # of questions, answers, topics; each the mean over its tokens
# Keeps the log of the normaliser near 0, so that a token that is certain has a logit near 0, which the repeat penalty
# of llama.cpp, a factor, does not change.
_NORMALISER_WEIGHT = 2e-3


def train(model: Llama, sampler: Sampler, steps: int, after_step: Callable[[int], None]) -> None:
    """`after_step(step)` may save or look at the model."""
    torch.manual_seed(_SEED)
    optimizers = _optimizers(model)
    began = time.monotonic()
    for step in range(steps):
        rate = min(1, (step + 1) / _WARM_UP) * max(0.01, 1 - step / steps)
        model.train()
        losses = _learn(model, list(_step_batches(sampler, step)))
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for optimizer in optimizers:
            for group in optimizer.param_groups:
                group["lr"] = _RATE * rate
            optimizer.step()
            optimizer.zero_grad()
        if step % 20 == 0:
            said = "  ".join(f"{name} {loss:.3f}" for name, loss in zip(("question", "answer", "topic"), losses))
            print(f"step {step:5d}  {time.monotonic() - began:6.0f} s  {said}", flush=True)
        after_step(step)


def _step_batches(sampler: Sampler, step: int) -> Iterator[list[Sample]]:
    yield from batches(sampler.question, _QUESTIONS, 2 * step, _MOST_TOKENS)
    yield from batches(sampler.conversation, _CONVERSATIONS, 2 * step + 1, _MOST_TOKENS)


def _optimizers(model: Llama) -> list[torch.optim.Optimizer]:
    matrices = [weight for name, weight in model.named_parameters() if name.startswith("blk") and weight.dim() == 2]
    others = [weight for name, weight in model.named_parameters() if not (name.startswith("blk") and weight.dim() == 2)]
    return [
        torch.optim.Muon(matrices, weight_decay=_WEIGHT_DECAY, adjust_lr_fn="match_rms_adamw"),
        torch.optim.AdamW(others, betas=(0.9, 0.98), weight_decay=_WEIGHT_DECAY),
    ]


def _learn(model: Llama, groups: Sequence[Sequence[Sample]]) -> list[float]:
    """Adds up the gradients of a step. Returns the loss of each kind of token."""
    counts = [sum(sample.kinds[1:].count(kind) for group in groups for sample in group) for kind in range(3)]
    losses = [0.0] * 3
    for group in groups:
        tokens, kinds = _padded(group)
        with torch.autocast("cpu", torch.bfloat16):
            stream = model(tokens[:, :-1])
            counted = kinds[:, 1:] >= 0
            logits = model.logits(stream[counted]).float()
        normaliser = logits.logsumexp(-1)
        loss_of_each = functional.cross_entropy(logits, tokens[:, 1:][counted], reduction="none")
        total = torch.zeros(())
        for kind, weight in enumerate(_LOSS_WEIGHTS):
            of_kind = kinds[:, 1:][counted] == kind
            loss = loss_of_each[of_kind].sum() / max(1, counts[kind])
            losses[kind] += loss.item()
            total = total + weight * loss
            if kind:
                total = total + _NORMALISER_WEIGHT * normaliser[of_kind].square().sum() / max(1, counts[kind])
        total.backward()
    return losses


def _padded(group: Sequence[Sample]) -> tuple[Tensor, Tensor]:
    """Padding comes last, where no token sees it, and has kind -1."""
    longest = max(len(sample.tokens) for sample in group)
    tokens = torch.zeros(len(group), longest, dtype=torch.long)
    kinds = torch.full((len(group), longest), -1)
    for row, sample in enumerate(group):
        tokens[row, : len(sample.tokens)] = torch.tensor(sample.tokens)
        kinds[row, : len(sample.kinds)] = torch.tensor(sample.kinds)
    return tokens, kinds


@torch.no_grad()
def topic_of(model: Llama, prompts: Sequence[Sequence[int]], topics: Sequence[int]) -> list[int]:
    """The likeliest of the topic tokens after each prompt."""
    model.eval()
    choices = torch.tensor(topics)
    found = []
    for prompt in prompts:
        logits = model.logits(model(torch.tensor([list(prompt)]))[0, -1])
        found.append(topics[int(logits[choices].argmax())])
    return found
