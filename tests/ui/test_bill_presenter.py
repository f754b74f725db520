"""The memory bill beside the settings, with the real llama.cpp in both children."""

from __future__ import annotations

import pytest
from PySide6.QtWidgets import QAbstractButton, QSpinBox

from app.ui.memory_bill import MemoryBillView
from tests.gguf_writer import Shape, write_gguf

pytestmark = pytest.mark.model


@pytest.fixture
def person(start, tmp_path):
    """Someone with a small model loaded."""
    model = write_gguf(tmp_path / "small.gguf", Shape(context=8192))
    person = start("", file=str(model))
    person.wait_for(lambda: person.status().startswith("Ready"))
    return person


def bill(person) -> str:
    return person.window.findChild(MemoryBillView).accessibleDescription()


def test_a_loaded_model_has_its_bill_without_asking_anyone(person):
    assert "Fits in RAM" in bill(person)
    assert "KV cache" in bill(person)
    assert person.control(QSpinBox, "context_length").text() == "automatic (8192)"


def test_the_bill_follows_what_is_changed_before_it_is_in_force(person):
    before = bill(person)
    person.control(QSpinBox, "context_length").setValue(512)
    person.wait_for(lambda: bill(person) != before)
    assert "Fits in RAM" in bill(person)
    assert person.control(QAbstractButton, "apply_and_reload").isEnabled()
    person.press("suit_this_computer")
    person.wait_for(lambda: person.control(QSpinBox, "context_length").value() < 512)
    assert not person.control(QAbstractButton, "apply_and_reload").isEnabled()


def test_what_does_not_fit_says_by_how_much_and_what_would(person, tmp_path):
    deep = write_gguf(tmp_path / "deep.gguf", Shape(layers=128, kv_heads=8, context=1 << 20), sparse=True)
    with person.qtbot.waitSignal(person.application.models.loaded, timeout=60_000):
        person.application.open_file(str(deep))
    person.control(QSpinBox, "context_length").setValue(1 << 20)
    person.wait_for(lambda: "Does not fit" in bill(person))
    assert "a context of" in bill(person)


def test_the_guide_needs_no_bill(start):
    person = start("")
    person.wait_for(lambda: person.status().startswith("Ready"))
    assert "Choose a model" in bill(person)
