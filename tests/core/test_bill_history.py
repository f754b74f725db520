"""What is learned of memory bills."""

from __future__ import annotations

import json

import pytest

from app.core.bill_history import BillHistory

GIB = 1 << 30


@pytest.fixture
def file(tmp_path):
    return tmp_path / "bills.json"


def after(file, *measured: float) -> BillHistory:
    """A history of loads that were billed 1 GiB and took as many GiB as `measured` says."""
    history = BillHistory(file)
    for share in measured:
        history.add(GIB, round(share * GIB))
    return history


def test_of_few_loads_nothing_is_learned(file):
    history = after(file, 1.5, 1.5, 1.5, 1.5)
    assert history.difference() == 0.0
    assert "after 5 loads" in history.in_words() and "so far: 4" in history.in_words()


def test_what_is_always_off_is_learned(file):
    history = after(file, 1.09, 1.1, 1.1, 1.11, 1.12)
    assert history.difference() == pytest.approx(0.1, abs=1e-6)
    assert history.in_words() == "In the last 5 loads models took 10 % more than billed. New bills allow for that."


def test_models_may_take_less_than_billed(file):
    history = after(file, *[0.8] * 6)
    assert history.difference() == pytest.approx(-0.2, abs=1e-6)
    assert "took 20 % less" in history.in_words()


def test_one_load_that_went_otherwise_teaches_nothing(file):
    assert after(file, 1.0, 1.0, 3.0, 1.0, 1.0).difference() == 0.0


def test_a_small_difference_is_none(file):
    history = after(file, *[1.02] * 5)
    assert history.difference() == 0.0
    assert history.in_words() == "In the last 5 loads the bills were right to 3 %."


def test_only_the_last_twenty_loads_count(file):
    assert after(file, *[2.0] * 20, *[1.0] * 11).difference() == 0.0
    assert len(json.loads(file.read_text("ascii"))) == 20


def test_small_models_and_loads_that_were_not_measured_do_not_count(file):
    history = after(file, *[0.0] * 5)
    for _ in range(5):
        history.add(6 << 20, 40 << 20)
    assert history.difference() == 0.0
    assert not file.exists()


def test_what_was_learned_is_there_after_a_restart(file):
    learned = after(file, *[1.2] * 5).difference()
    assert learned > 0.1
    assert BillHistory(file).difference() == learned


@pytest.mark.parametrize(
    "text",
    [
        "null",
        '{"a": 1}',
        "[1, [2], [3, 4, 5], null]",
        f'[[{GIB}, "x"], [{GIB}, true], [0, {GIB}], [-1, 1], [{GIB}, 1e9], [{GIB}, {10**400}], [1, 100]]',
    ],
)
def test_what_makes_no_sense_costs_only_itself(file, text):
    file.write_text(text, "utf-8")
    assert after(file, *[1.2] * 4).difference() == 0.0
    assert after(file, 1.2).difference() == pytest.approx(0.2, abs=1e-6)


def test_a_damaged_file_is_begun_anew(file, caplog):
    file.write_bytes(b"\xff[[")
    assert after(file, *[1.2] * 5).difference() > 0.1
    assert "not read" in caplog.text
    assert BillHistory(file).difference() > 0.1


def test_a_full_disk_is_told_and_costs_nothing_until_the_next_start(tmp_path):
    history = BillHistory(tmp_path / "gone" / "bills.json")
    for _ in range(5):
        with pytest.raises(OSError, match="bills"):
            history.add(GIB, 2 * GIB)
    assert history.difference() == 1.0
