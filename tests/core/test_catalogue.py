from __future__ import annotations

import re

import pytest

from app.core.catalogue import ShelfModel, shelf


def test_tinyllama_stands_first_on_the_shelf():
    first = shelf()[0]
    assert first.id == "TheBloke/TinyLlama-1.1B-Chat-v1.0-GGUF"
    assert (first.licence, first.context_length) == ("apache-2.0", 2048)


def test_the_shelf_has_about_a_dozen_models_and_none_twice():
    ids = [model.id for model in shelf()]
    assert 10 <= len(ids) <= 15
    assert len(set(ids)) == len(ids)


def test_the_shelf_goes_from_small_machines_to_large_ones():
    memory = [int(model.smallest.removesuffix(" GB of memory").replace("any computer", "0")) for model in shelf()]
    assert memory == sorted(memory)
    assert {0, 8, 16, 32} <= set(memory)


@pytest.mark.parametrize("model", shelf(), ids=lambda model: model.id)
def test_a_model_on_the_shelf_says_what_it_is_in_one_sentence_without_numbers(model: ShelfModel):
    assert re.fullmatch(r"[\w.-]+/[\w.-]+-GGUF", model.id)
    assert re.fullmatch(r"[A-Z][^.\d]{20,110}\.", model.sentence)
    assert re.fullmatch(r"[a-z0-9.-]+", model.licence)
    assert 2048 <= model.context_length <= 1 << 20
