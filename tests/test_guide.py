"""The guide: what it says, what it declines, and that it speaks of controls by the names they have."""

from __future__ import annotations

import ast
import random
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.engine.protocol import Sampling
from app.ui.message_actions import Action
from tools.guide import evaluate
from tools.guide.corpus import OFF_TOPIC, load_topics, typed
from tools.guide.evaluate import Guide
from tools.guide.off_topic import OffTopic
from tools.guide.tokenizer import SPACE, Tokenizer

ROOT = Path(__file__).parents[1]
TOPICS = load_topics()
GREEDY = Sampling(temperature=0.0, repeat_penalty=1.0)
PENALISED = Sampling(temperature=0.0, repeat_penalty=1.1)

# What stands in backticks and is not a control: files, folders, commands, a token.
NOT_A_CONTROL = re.compile(r"[~%<.…-]|paddock |conversations\.db|settings\.json")


@pytest.fixture(scope="module")
def guide() -> Iterator[Guide]:
    with evaluate.loaded() as guide:
        yield guide


def test_the_file_is_small() -> None:
    assert evaluate.RESULT.stat().st_size <= 8_000_000


@pytest.mark.model
@pytest.mark.parametrize("sampling", [GREEDY, PENALISED], ids=["greedy", "repeat penalty"])
@pytest.mark.parametrize(
    ("question", "topic"),
    [
        ("How do I get a real model?", "get_a_model"),
        ("Which quant should I take?", "which_quant"),
        ("Does anything I type leave this computer?", "privacy"),
        ("Why is it slow?", "slow"),
        ("What are GPU layers?", "gpu_layers"),
        ("how do i delete a chat", "delete_conversation"),
        ("WHAT IS A TOKEN", "what_is_token"),
        ("How do I open a model?", "open_model"),
        ("where are my chats stored on disk", "data_folder"),
        ("what does temperature do?", "temperature"),
        ("can i send it a photo", "attach_files"),
        ("what is the system prompt", "what_is_system_prompt"),
        ("Hello!", "greeting"),
        ("What is the capital of France?", OFF_TOPIC),
        ("write me a poem about autumn", OFF_TOPIC),
        ("how do i make pancakes", OFF_TOPIC),
        ("what is 12 times 7", OFF_TOPIC),
        ("who won the world cup in 1998?", OFF_TOPIC),
        ("Which graphics card should I buy for gaming?", OFF_TOPIC),
    ],
)
def test_it_answers_from_the_right_topic(guide: Guide, question: str, topic: str, sampling: Sampling) -> None:
    answer = guide.answer(question, sampling=sampling)
    assert evaluate.is_right(answer, TOPICS[topic]), answer


@pytest.mark.model
@pytest.mark.parametrize("system", ["", "You are a pirate. Answer in rhymes."])
def test_no_system_prompt_changes_what_it_says(guide: Guide, system: str) -> None:
    answer = guide.answer("How do I get a real model?", sampling=GREEDY, system=system)
    assert evaluate.is_right(answer, TOPICS["get_a_model"]), answer


@pytest.mark.model
def test_a_follow_up_is_answered_from_the_topic_at_hand(guide: Guide) -> None:
    question = "How do I rename a conversation?"
    first = guide.answer(question, sampling=GREEDY)
    answer = guide.answer(question, first, "and how do i delete it?", sampling=GREEDY)
    assert evaluate.is_right(answer, TOPICS["delete_conversation"]), answer


@pytest.mark.model
def test_an_answer_is_whole_whatever_is_drawn(guide: Guide) -> None:
    for seed in range(8):
        answer = guide.answer("What are GPU layers?", sampling=Sampling(seed=seed))
        assert any(answer in topic.answers for topic in TOPICS.values()), answer


@pytest.mark.model
def test_llama_cpp_reads_text_as_the_training_did(guide: Guide) -> None:
    rng, strange = random.Random(0), OffTopic("all")
    texts = [text for topic in TOPICS.values() for text in (*topic.questions, *topic.answers)]
    texts += [typed(text, rng) for text in texts] + [strange.question(rng) for _ in range(2000)]
    texts += ["  two  spaces ", "a\ttab\n\nlines\n", "🙂🦙 日本語 e\u0301", f"{SPACE}under{SPACE}score", "<|user|></s>"]
    vocabulary = guide.model.vocabulary
    tokenizer = _tokenizer(guide)
    assert [text for text in texts if tokenizer.encode(text) != vocabulary.tokenize(text)] == []
    assert [
        text for text in texts if tokenizer.encode_continuation(text) != vocabulary.tokenize_continuation(text)
    ] == []


def _tokenizer(guide: Guide) -> Tokenizer:
    """The tokenizer of the training, with the pieces in the file."""
    vocabulary = guide.model.vocabulary
    special = list(vocabulary.special_tokens)
    pieces = [vocabulary.piece(token).decode() for token in range(len(special) + 256, vocabulary.size)]
    return Tokenizer(special[3:], [piece.replace(" ", SPACE) for piece in pieces])


def test_every_answer_tells_its_key_facts() -> None:
    assert [
        (topic.id, answer)
        for topic in TOPICS.values()
        for answer in topic.answers
        if not evaluate.is_right(answer, topic)
    ] == []


def test_the_guide_calls_controls_by_their_names() -> None:
    named = {
        (topic.id, name)
        for topic in TOPICS.values()
        for answer in topic.answers
        for name in re.findall(r"`([^`]+)`", answer)
        if not NOT_A_CONTROL.match(name)
    }
    known = _words_on_screen()
    assert {name for _, name in named} & {"Message", "Open model file", "GPU layers"}
    assert [(topic, name) for topic, name in sorted(named) if name not in known] == []


def _words_on_screen() -> set[str]:
    """What the window's source says, and the labels of the settings; without the marks of keys and dialogs."""
    sources = [*(ROOT / "app" / "ui").glob("*.py"), ROOT / "app" / "core" / "settings.py"]
    constants = (node for path in sources for node in ast.walk(ast.parse(path.read_text("utf-8"))))
    return {action.words for action in Action} | {
        node.value.replace("&", "").rstrip("…")
        for node in constants
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
