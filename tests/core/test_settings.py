from __future__ import annotations

import dataclasses
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.settings import Group, Settings, SettingsStore, names_in, setting_of

FIELDS = [field.name for field in dataclasses.fields(Settings)]
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text("dark"),
    lambda values: st.lists(values, max_size=3) | st.dictionaries(st.text("dark"), values, max_size=3),
    max_leaves=5,
)


@pytest.fixture
def store(tmp_path):
    return SettingsStore(tmp_path / "settings.json")


def _write(store: SettingsStore, tmp_path, text: str) -> Settings:
    (tmp_path / "settings.json").write_text(text, "utf-8")
    return store.load()


def test_without_a_file_all_is_at_its_default_and_no_file_is_made(store, tmp_path):
    assert store.load() == Settings()
    assert list(tmp_path.iterdir()) == []


def test_the_defaults_are_within_their_own_limits():
    assert Settings().clamped() == Settings()


def test_what_was_saved_is_loaded(store):
    settings = Settings(
        context_length=4096,
        temperature=0.0,
        seed=7,
        default_system_prompt='Odpovídej česky.\n"ano" 😀',
        appearance="dark",
    )
    store.save(settings)
    assert store.load() == settings


def test_half_a_character_in_a_prompt_can_be_saved(store):
    settings = Settings(default_system_prompt="half \ud83d here")
    store.save(settings)
    assert store.load() == settings


def test_every_setting_has_a_label_and_help_and_belongs_to_one_group():
    assert sorted(name for group in Group for name in names_in(group)) == sorted(FIELDS)
    for name in FIELDS:
        assert setting_of(name).label
        assert setting_of(name).help.endswith(".")


@pytest.mark.parametrize(
    ("name", "value", "mended"),
    [
        ("temperature", -1, 0.0),
        ("temperature", 99, 2.0),
        ("temperature", math.nan, 0.7),
        ("temperature", math.inf, 2.0),
        ("temperature", 10**400, 2.0),
        ("temperature", 1, 1.0),
        ("temperature", None, 0.7),
        ("temperature", "hot", 0.7),
        ("temperature", True, 0.7),
        ("top_k", 40.9, 40),
        ("top_k", -3, 0),
        ("context_length", 1, 256),
        ("context_length", None, None),
        ("cache_type_k", None, None),
        ("cache_type_k", "q8_0", "q8_0"),
        ("cache_type_k", "q9", None),
        ("load_mode", "mapped", "mapped"),
        ("keep_in_memory", 1, False),
        ("rope_scale", 0.5, 0.5),
        ("context_length", [4096], None),
        ("devices", "CUDA0, Vulkan1", "CUDA0, Vulkan1"),
        ("devices", "CUDA0,", ""),
        ("devices", "a card", ""),
        ("devices", None, ""),
        ("tensor_split", "3, 1.5", "3, 1.5"),
        ("tensor_split", "3;1", ""),
        ("tensor_split", "1e999", ""),
        ("tensor_split", "-1,2", ""),
        ("experts_on_cpu", -2, 0),
        ("seed", -1, 0),
        ("appearance", "dark", "dark"),
        ("appearance", "pink", "system"),
        ("appearance", ["dark"], "system"),
        ("default_system_prompt", "", ""),
        ("default_system_prompt", 7, Settings().default_system_prompt),
    ],
)
def test_a_value_that_makes_no_sense_is_mended(name, value, mended):
    got = getattr(Settings(**{name: value}).clamped(), name)
    assert got == mended
    assert type(got) is type(mended)


def test_a_damaged_or_unknown_field_costs_only_itself(store, tmp_path):
    text = '{"temperature": "hot", "colour_of_tomorrow": 1, "appearance": [], "top_k": 1%s, "top_p": 0.5}' % ("0" * 400)
    assert _write(store, tmp_path, text) == Settings(top_k=1000, top_p=0.5)


@pytest.mark.parametrize("text", ["[1, 2]", "null", "7", '"text"'])
def test_a_file_that_holds_no_settings_gives_the_defaults(store, tmp_path, text):
    assert _write(store, tmp_path, text) == Settings()


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe\x00"])
def test_a_file_that_cannot_be_read_gives_the_defaults_and_a_line_in_the_log(store, tmp_path, caplog, content):
    (tmp_path / "settings.json").write_bytes(content)
    assert store.load() == Settings()
    assert "settings not read, defaults used" in caplog.text


def test_a_failed_save_leaves_the_old_settings(tmp_path):
    (tmp_path / "settings.json").mkdir()
    with pytest.raises(OSError):
        SettingsStore(tmp_path / "settings.json").save(Settings())
    assert [path.name for path in tmp_path.iterdir()] == ["settings.json"]


@given(st.fixed_dictionaries({}, optional=dict.fromkeys(FIELDS, ANY_JSON)))
def test_whatever_the_file_says_the_settings_are_within_their_limits(values):
    loaded = Settings(**values).clamped()
    assert loaded == loaded.clamped()
    for name in FIELDS:
        value, setting = getattr(loaded, name), setting_of(name)
        if setting.minimum is not None and value is not None:
            assert setting.minimum <= value <= setting.maximum
