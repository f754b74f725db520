from __future__ import annotations

import pytest

from app.core.reasoning import TAGS, ReasoningSplitter, answer_in


def split(text: str, size: int) -> tuple[str, str]:
    splitter = ReasoningSplitter()
    parts = [splitter.advance(text[start : start + size]) for start in range(0, len(text), size)]
    return "".join(part[0] for part in parts), "".join(part[1] for part in parts)


@pytest.mark.parametrize("size", [1, 2, 5, 1000])
@pytest.mark.parametrize(("begin", "end"), TAGS)
def test_reasoning_stands_between_tags(begin: str, end: str, size: int) -> None:
    assert split(f"\n{begin}a < b [c] <|d\n{end}\n\nanswer", size) == ("a < b [c] <|d\n", "answer")


@pytest.mark.parametrize("size", [1, 4, 1000])
def test_the_channels_of_gpt_oss_are_told_apart(size: int) -> None:
    text = "<|channel|>analysis<|message|>hmm<|end|><|start|>assistant<|channel|>final<|message|>yes"
    assert split(text, size) == ("hmm", "yes")


@pytest.mark.parametrize("text", ["The <think> tag", "<b>x</b>", "< think>", "x\n<think>y</think>", "`</think>`"])
@pytest.mark.parametrize("size", [1, 1000])
def test_only_the_beginning_of_a_reply_is_reasoning(text: str, size: int) -> None:
    assert split(text, size) == ("", text)
    assert answer_in(text) == text


def test_reasoning_that_is_not_finished_is_no_answer() -> None:
    assert split("<think>one\ntwo", 3) == ("one\ntwo", "")


def test_the_first_tag_may_be_the_templates() -> None:
    assert answer_in("Let me see.\n</think>\n\nYes.") == "Yes."


def test_a_tag_in_code_ends_nothing() -> None:
    text = "Like this:\n```\nx\n</think>\n```\n"
    assert answer_in(text) == text


@pytest.mark.parametrize("text", ["<", "[", " <think", "<|"])
def test_a_whole_reply_that_might_have_begun_with_a_tag_is_an_answer(text: str) -> None:
    assert answer_in(text) == text


def test_what_may_become_a_tag_is_undecided() -> None:
    splitter = ReasoningSplitter()
    splitter.advance(" <th")
    assert splitter.undecided == " <th"
    assert splitter.advance("e")[1] == " <the"
