"""What a model remembers of how it is loaded."""

from __future__ import annotations

import dataclasses
import json

import pytest

from app.core.model_settings import ModelSettings, with_loading_of
from app.core.settings import Settings


@pytest.fixture
def file(tmp_path):
    return tmp_path / "models.json"


def test_a_model_without_settings_of_its_own_has_the_shared_ones(file):
    shared = Settings(context_length=8192, temperature=0.1)
    assert ModelSettings(file).of("a.gguf", shared) == shared
    assert not file.exists()


def test_what_was_fixed_for_one_model_is_its_own_after_a_restart(file):
    ModelSettings(file).keep("a.gguf", Settings(gpu_layers=12, threads=1), Settings(threads=1))
    kept = ModelSettings(file)
    assert kept.of("a.gguf", Settings(threads=2)) == Settings(gpu_layers=12, threads=2)
    assert kept.of("b.gguf", Settings()) == Settings()


def test_automatic_can_be_a_models_own_where_the_shared_value_is_fixed(file):
    shared = Settings(context_length=8192)
    ModelSettings(file).keep("a.gguf", Settings(context_length=None), shared)
    assert ModelSettings(file).of("a.gguf", shared).context_length is None


def test_how_replies_are_written_is_shared(file):
    ModelSettings(file).keep("a.gguf", Settings(temperature=0.1), Settings())
    assert ModelSettings(file).of("a.gguf", Settings(temperature=0.9)).temperature == 0.9


def test_a_model_that_is_as_all_others_again_is_forgotten(file):
    kept = ModelSettings(file)
    kept.keep("a.gguf", Settings(gpu_layers=12), Settings())
    kept.keep("a.gguf", Settings(), Settings())
    assert json.loads(file.read_text("utf-8")) == {}


def test_a_file_name_that_is_no_valid_unicode_is_kept(file):
    ModelSettings(file).keep("a\udcff.gguf", Settings(threads=2), Settings())
    assert ModelSettings(file).of("a\udcff.gguf", Settings()).threads == 2


@pytest.mark.parametrize(
    "text", ["[]", '{"a.gguf": 3}', '{"a.gguf": {"gpu_layers": "many", "colour": 1, "temperature": 2}}', "{}"]
)
def test_what_makes_no_sense_costs_only_itself(file, text):
    file.write_text(text, "utf-8")
    assert ModelSettings(file).of("a.gguf", Settings()) == Settings()


def test_a_damaged_file_is_said_in_the_log(file, caplog):
    file.write_text("{", "utf-8")
    assert ModelSettings(file).of("a.gguf", Settings()) == Settings()
    assert "not read" in caplog.text


def test_a_disk_that_refuses_costs_nothing_before_the_next_start(file):
    kept = ModelSettings(file / "nowhere")
    with pytest.raises(OSError):
        kept.keep("a.gguf", Settings(threads=2), Settings())
    assert kept.of("a.gguf", Settings()).threads == 2


def test_loading_can_be_taken_from_others():
    mixed = with_loading_of(Settings(threads=2, temperature=0.1), Settings(threads=1, temperature=0.9))
    assert mixed == dataclasses.replace(Settings(), threads=1, temperature=0.1)
