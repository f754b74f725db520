from __future__ import annotations

import json
from pathlib import Path

import pytest

from app.core.errors import StorageError
from app.core.presets import CannotImportPreset, Preset, PresetStore, clean_name, from_json, to_json
from app.core.settings import Settings

POET = Preset("Poet", "Answer in verse.", Settings(temperature=1.2, top_k=0, seed=7))
CLERK = Preset("clerk", "Be exact.", Settings(temperature=0.0))


@pytest.fixture
def store(tmp_path: Path) -> PresetStore:
    return PresetStore(tmp_path / "presets.json")


def test_presets_are_there_again_by_name(store: PresetStore, tmp_path: Path) -> None:
    assert store.all() == []
    store.save(POET)
    store.save(CLERK)
    assert PresetStore(tmp_path / "presets.json").all() == [CLERK, POET]
    assert [path.name for path in tmp_path.iterdir()] == ["presets.json"]


def test_saving_replaces_the_preset_of_that_name_in_whichever_case(store: PresetStore) -> None:
    store.save(POET)
    store.save(Preset("POET", "Rhyme.", Settings()))
    assert store.all() == [Preset("POET", "Rhyme.", Settings())]


def test_adding_replaces_nothing(store: PresetStore) -> None:
    store.save(POET)
    assert store.add(CLERK) == CLERK
    assert [store.add(POET).name, store.add(POET).name] == ["Poet 2", "Poet 3"]
    long = Preset("n" * 60, "", Settings())
    store.add(long)
    assert store.add(long).name == "n" * 58 + " 2"


def test_deleting_one_leaves_the_others(store: PresetStore) -> None:
    store.save(POET)
    store.save(CLERK)
    store.delete("Poet")
    store.delete("nobody")
    assert store.all() == [CLERK]


def test_only_the_settings_of_writing_are_kept_and_applied(store: PresetStore) -> None:
    store.save(Preset("Mine", "", Settings(temperature=0.3, context_length=512, offline=True)))
    (kept,) = store.all()
    assert kept.settings == Settings(temperature=0.3)
    applied = kept.applied_to(Settings(context_length=8192, temperature=1.0, top_k=3, appearance="dark"))
    assert applied == Settings(context_length=8192, temperature=0.3, appearance="dark")


def test_what_makes_no_sense_costs_only_itself(store: PresetStore, tmp_path: Path) -> None:
    document = {
        "presets": [
            {"name": "Good", "system_prompt": 5, "settings": {"temperature": "hot", "top_k": 7, "unknown": 1}},
            {"name": "Out of range", "system_prompt": "x", "settings": {"temperature": 99, "seed": -1}},
            {"name": "Bare"},
            {"name": "bare", "settings": []},
            {"name": "\u202e\n"},
            {"system_prompt": "nameless"},
            "nothing",
        ]
    }
    (tmp_path / "presets.json").write_text(json.dumps(document))
    assert store.all() == [
        Preset("bare", "", Settings()),
        Preset("Good", "", Settings(top_k=7)),
        Preset("Out of range", "x", Settings(temperature=2.0, seed=0)),
    ]


@pytest.mark.parametrize("content", ["[]", "null", '{"presets": 1}', "{}"])
def test_a_file_of_something_else_holds_no_presets(store: PresetStore, tmp_path: Path, content: str) -> None:
    (tmp_path / "presets.json").write_text(content)
    assert store.all() == []


def test_a_damaged_file_is_put_aside_not_written_over(
    store: PresetStore, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "presets.json").write_bytes(b'{"presets": [{"name": "Po')
    assert store.all() == []
    store.save(CLERK)
    assert store.all() == [CLERK]
    assert (tmp_path / "presets.json.damaged").read_bytes() == b'{"presets": [{"name": "Po'
    assert "presets not read" in caplog.text


def test_a_disk_that_refuses_is_told(tmp_path: Path) -> None:
    store = PresetStore(tmp_path / "gone" / "presets.json")
    with pytest.raises(StorageError, match=r"presets\.json"):
        store.save(POET)
    (tmp_path / "presets.json").mkdir()
    with pytest.raises(StorageError):
        PresetStore(tmp_path / "presets.json").all()


def test_a_preset_can_be_passed_on(store: PresetStore) -> None:
    text = to_json(POET)
    document = json.loads(text)
    assert (document["format"], document["version"]) == ("paddock-preset", 1)
    known = {"temperature", "top_k", "top_p", "min_p", "repeat_penalty", "seed", "reply_limit"}
    assert set(document["settings"]) == known
    assert from_json(text.encode()) == POET
    assert from_json(b"\xef\xbb\xbf" + text.encode()) == POET


def test_half_a_character_survives_the_way_out_and_in() -> None:
    odd = Preset("Odd", "half \ud83d", Settings())
    assert from_json(to_json(odd).encode("ascii")) == odd


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"\x89PNG", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"[]", "something else"),
        (b'{"format": "paddock-conversations", "version": 1}', "something else"),
        (b'{"format": "paddock-preset", "version": 2, "name": "x"}', "another version"),
        (b'{"format": "paddock-preset", "version": 1, "name": " \\n"}', "no name"),
        (b'{"format": "paddock-preset", "version": 1, "name": 5}', "no name"),
        (b" " * 2_000_000, "larger"),
    ],
)
def test_what_is_no_preset_is_refused_with_the_reason(data: bytes, reason: str) -> None:
    with pytest.raises(CannotImportPreset, match=reason):
        from_json(data)


def test_a_preset_of_somebody_else_can_set_nothing_but_how_replies_are_written() -> None:
    values = {"offline": False, "models_folder": "/etc", "temperature": float("nan"), "top_p": 0.5}
    document = {"format": "paddock-preset", "version": 1, "name": "a\u202eb\nc", "settings": values}
    assert from_json(json.dumps(document).encode()) == Preset("a b c", "", Settings(top_p=0.5))


def test_a_name_is_one_short_line() -> None:
    assert clean_name("  two\twords \n") == "two words"
    assert clean_name("x" * 100) == "x" * 60
    assert clean_name("\u200b\u202e") == ""
