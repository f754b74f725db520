from __future__ import annotations

import pytest

from app.core.units import format_bytes, format_count


@pytest.mark.parametrize(
    ("size", "words"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1 KiB"),
        (667_814_368, "637 MiB"),
        (1023 * 2**20, "1.0 GiB"),
        (1_288_490_189, "1.2 GiB"),
        (198 * 10**9, "184.4 GiB"),
        (2**50, "1024.0 TiB"),
    ],
)
def test_a_size_is_told_in_the_unit_people_expect(size, words):
    assert format_bytes(size) == words


def test_thousands_stand_apart_and_never_break():
    assert format_count(512) == "512"
    assert format_count(1_048_576) == "1\u202f048\u202f576"
