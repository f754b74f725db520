from __future__ import annotations

import pytest

from app.core import errors
from app.core.downloads import Phase, Progress
from app.ui.download_words import duration, words_of

MIB = 1 << 20
GIB = 1 << 30


@pytest.mark.parametrize(
    ("progress", "words"),
    [
        (Progress(Phase.RECEIVING, 412 * MIB, 669 * MIB, 8.1 * MIB, 32), "412 of 669 MiB · 8.1 MiB/s · 32 s left"),
        (Progress(Phase.RECEIVING, 412 * MIB, 4 * GIB, 25.4 * MIB, 148), "412 MiB of 4.0 GiB · 25 MiB/s · 2 min left"),
        (Progress(Phase.RECEIVING, 3 * GIB, 4 * GIB, 900 * 1024, 9000), "3.0 of 4.0 GiB · 900 KiB/s · 2 h 30 min left"),
        (Progress(Phase.RECEIVING, 3 * GIB, 4 * GIB, 2 * GIB, 0.5), "3.0 of 4.0 GiB · 2.0 GiB/s · 0 s left"),
        (Progress(Phase.RECEIVING, 412 * MIB), "412 MiB"),
        (Progress(Phase.RECEIVING, 0, 669 * MIB), "0 B of 669 MiB"),
        (Progress(Phase.QUEUED, 0, 669 * MIB), "waiting for its turn"),
        (Progress(Phase.QUEUED, 412 * MIB, 669 * MIB), "waiting for its turn · 412 of 669 MiB"),
        (Progress(Phase.CONNECTING), "connecting"),
        (Progress(Phase.WAITING, next_try=8), "waiting for the network, next try in 8 s"),
        (
            Progress(Phase.WAITING, 412 * MIB, 669 * MIB, next_try=8, error=errors.NoConnection("refused")),
            "waiting for the network, next try in 8 s · 412 of 669 MiB",
        ),
        (
            Progress(Phase.WAITING, next_try=300, error=errors.RateLimited()),
            "waiting, next try in 5 min · The Hub asks for a pause",
        ),
        (Progress(Phase.WAITING, error=errors.Offline()), "offline"),
        (Progress(Phase.VERIFYING, 669 * MIB, 669 * MIB, verified=0.409), "verifying 40 %"),
        (Progress(Phase.PAUSED), "paused"),
        (Progress(Phase.PAUSED, 412 * MIB, 669 * MIB), "paused · 412 of 669 MiB"),
        (
            Progress(Phase.PAUSED, error=errors.NotEnoughSpace("free 1.2 GiB")),
            "paused: the disk is full, free 1.2 GiB",
        ),
        (Progress(Phase.PAUSED, error=errors.NotEnoughSpace()), "paused: the disk is full"),
        (
            Progress(Phase.PAUSED, error=errors.ModelFolderUnusable("/models")),
            "paused: The folder for models cannot be written to, /models",
        ),
        (
            Progress(Phase.FAILED, error=errors.FileNotOnTheHub("tiny.gguf.")),
            "The Hub no longer has this file: tiny.gguf. Open the model's page again and choose another file.",
        ),
        (Progress(Phase.FAILED), "Something went wrong. Try again."),
        (Progress(Phase.DONE), "done"),
        (Progress(Phase.VERIFYING, note="The file has changed"), "verifying 0 % · The file has changed"),
    ],
)
def test_each_state_has_its_words(progress: Progress, words: str) -> None:
    assert words_of(progress) == words


def test_every_phase_has_words() -> None:
    assert all(words_of(Progress(phase)) for phase in Phase)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 s"), (59.4, "59 s"), (59.6, "1 min"), (3570, "1 h 0 min"), (90_000, "25 h 0 min")],
)
def test_a_duration_is_as_exact_as_it_is_of_use(seconds: float, words: str) -> None:
    assert duration(seconds) == words
