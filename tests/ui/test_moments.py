from __future__ import annotations

from datetime import datetime

import pytest

from app.ui.moments import moment_in_words

NOW = datetime(2026, 3, 1, 0, 30)


@pytest.mark.parametrize(
    ("moment", "words"),
    [
        (datetime(2026, 3, 1, 0, 5), "today 00:05"),
        (datetime(2026, 2, 28, 23, 59), "yesterday 23:59"),
        (datetime(2026, 2, 28, 0, 0), "yesterday 00:00"),
    ],
)
def test_recent_moments_have_a_day_and_a_time(moment: datetime, words: str) -> None:
    assert moment_in_words(moment.timestamp(), NOW) == words


def test_older_and_future_moments_are_dates() -> None:
    words = {moment_in_words(datetime(2026, *day).timestamp(), NOW) for day in ((2, 27), (1, 28), (3, 2))}
    assert len(words) == 3
    assert all("26" in word and ":" not in word for word in words)


@pytest.mark.parametrize("seconds", [0.0, -1e18, 1e18, float("nan")])
def test_a_moment_that_makes_no_sense_costs_nothing_else(seconds: float) -> None:
    assert isinstance(moment_in_words(seconds, NOW), str)
