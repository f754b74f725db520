"""Trains the model. Minutes on a processor; the same seed gives the same model on the same machine."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from tools.guide.model import Llama
from tools.guide.samples import LONGEST, Sample, Sampler, rows

SEED = 3
# A step is a batch of questions and one of conversations: rows, tokens in a row, tokens in all that are learnt from.
# Their shapes are always the same, as the kernels for processors are made anew for each other one.
_QUESTIONS, _CONVERSATIONS = (48, 128, 1536), (4, LONGEST, 1536)
_RATE, _WARM_UP = 2e-3, 40  # learning rate of every step, and steps until it is reached
_WEIGHT_DECAY = 0.1
_KINDS = ("question", "answer", "topic")
_LOSS_WEIGHTS = (0.1, 1.0, 1.0)  # each times the mean over the tokens of its kind
# Keeps the log of the normaliser near 0, so that a token that is certain has a logit near 0, which the repeat penalty
# of llama.cpp, a factor, does not change.
NORMALISER_WEIGHT = 2e-3


def train(model: Llama, sampler: Sampler, steps: int, after_step: Callable[[int], None]) -> None:
    """`after_step(step)` may save or look at the model."""
    rng = random.Random(SEED)
    its_optimizers = optimizers(model)
    began = time.monotonic()
    for step in range(steps):
        rate = min(1, (step + 1) / _WARM_UP) * max(0.01, 1 - step / steps)
        model.train()
        losses = learn(model, [questions(sampler, rng), conversations(sampler, rng)])
        update(model, its_optimizers, _RATE * rate)
        if step % 20 == 0:
            said = "  ".join(f"{name} {loss:.3f}" for name, loss in zip(_KINDS, losses, strict=True))
            print(f"step {step:5d}  {time.monotonic() - began:6.0f} s  {said}", flush=True)
        after_step(step)


def optimizers(model: Llama) -> list[torch.optim.Optimizer]:
    """Of its matrices, and of the rest."""
    matrices = [weight for name, weight in model.named_parameters() if name.startswith("blk") and weight.dim() == 2]
    others = [weight for name, weight in model.named_parameters() if not (name.startswith("blk") and weight.dim() == 2)]
    return [
        torch.optim.Muon(matrices, weight_decay=_WEIGHT_DECAY, adjust_lr_fn="match_rms_adamw"),
        torch.optim.AdamW(others, betas=(0.9, 0.98), weight_decay=_WEIGHT_DECAY),
    ]


def update(model: Llama, optimizers: Sequence[torch.optim.Optimizer], rate: float) -> None:
    """One step of all optimizers along the gradients there are."""
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["lr"] = rate
        optimizer.step()
        optimizer.zero_grad()


class Batch(NamedTuple):
    """Tokens and positions (row, time), mask (row, time, time); of the chosen tokens place, successor and its kind.

    Kind -1 does not count.
    """

    tokens: Tensor
    positions: Tensor
    mask: Tensor
    chosen: Tensor
    targets: Tensor
    kinds: Tensor


def questions(sampler: Sampler, rng: random.Random) -> Batch:
    return _filled(sampler.question, _QUESTIONS, rng)


def conversations(sampler: Sampler, rng: random.Random) -> Batch:
    return _filled(sampler.conversation, _CONVERSATIONS, rng)


def _filled(make: Callable[[random.Random], Sample], size: tuple[int, int, int], rng: random.Random) -> Batch:
    count, length, learnt = size
    return _laid_out(rows(make, count, length, rng), length, learnt)


def _laid_out(rows_of_samples: Sequence[Sequence[Sample]], length: int, learnt: int) -> Batch:
    """Samples one after the other; no token sees one of another sample. Topics and answers are chosen first."""
    shape = len(rows_of_samples), length
    tokens, targets, positions = (torch.zeros(shape, dtype=torch.long) for _ in range(3))
    kinds, owners = torch.full(shape, -1), torch.full(shape, -1)
    for row, samples in enumerate(rows_of_samples):
        start = 0
        for owner, sample in enumerate(samples):
            end = start + len(sample.tokens)
            tokens[row, start:end] = torch.tensor(sample.tokens)
            targets[row, start : end - 1] = torch.tensor(sample.tokens[1:])
            kinds[row, start : end - 1] = torch.tensor(sample.kinds[1:])
            positions[row, start:end] = torch.arange(len(sample.tokens))
            owners[row, start:end] = owner
            start = end
    mask = (owners.unsqueeze(2) == owners.unsqueeze(1)).tril()
    chosen = (kinds.flatten() + torch.rand(kinds.numel())).topk(learnt).indices
    return Batch(tokens, positions, mask, chosen, targets.flatten()[chosen], kinds.flatten()[chosen])


def learn(model: Llama, batches: Sequence[Batch]) -> list[float]:
    """Adds up the gradients of a step. Returns the loss of each kind of token."""
    counts = [max(1, sum(int((batch.kinds == kind).sum()) for batch in batches)) for kind in range(len(_KINDS))]
    losses = [0.0] * len(_KINDS)
    for batch in batches:
        with torch.autocast("cpu", torch.bfloat16):
            logits = model(batch.tokens, batch.positions, batch.mask, batch.chosen).float()
        normalisers = logits.logsumexp(-1)
        each = normalisers - logits.gather(1, batch.targets.unsqueeze(1)).squeeze(1)
        total = torch.zeros(())
        for kind, weight in enumerate(_LOSS_WEIGHTS):
            of_kind = batch.kinds == kind
            loss = each[of_kind].sum() / counts[kind]
            losses[kind] += loss.item()
            total = total + weight * loss
            if kind:
                total = total + NORMALISER_WEIGHT * normalisers[of_kind].square().sum() / counts[kind]
        total.backward()
    return losses


@torch.no_grad()
def likeliest(model: Llama, prompts: Sequence[Sequence[int]], choices: Sequence[int]) -> list[int]:
    """For each prompt, which of the tokens is the likeliest to come next."""
    model.eval()
    found: list[int] = []
    count, length, _ = _QUESTIONS
    for start in range(0, len(prompts), count):
        some = prompts[start : start + count]
        batch = _laid_out([[Sample(list(prompt), [0] * len(prompt))] for prompt in some], length, learnt=1)
        ends = torch.tensor([row * length + len(prompt) - 1 for row, prompt in enumerate(some)])
        logits = model(batch.tokens, batch.positions, batch.mask, ends)
        found += [choices[place] for place in logits[:, list(choices)].argmax(-1).tolist()]
    return found
