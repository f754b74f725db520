"""What a download is doing, in words. Qt only for `tr`."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication

from app.core.downloads import Phase, Progress
from app.core.errors import AppError, NoAnswer, NoConnection, NotEnoughSpace, Offline
from app.core.units import format_bytes
from app.ui.messages import failure_words

_WITHOUT_NETWORK = (NoConnection, NoAnswer)


def words_of(progress: Progress) -> str:
    """One line, such as `412 of 669 MiB · 8.1 MiB/s · 32 s left` or `paused · 412 of 669 MiB`."""
    return " · ".join(part for part in (*_parts(progress), progress.note) if part)


def duration(seconds: float) -> str:
    """About how long, such as `32 s`, `5 min` or `2 h 5 min`."""
    if seconds < 59.5:
        return tr("{0} s").format(round(seconds))
    minutes = round(seconds / 60)
    if minutes < 60:
        return tr("{0} min").format(minutes)
    return tr("{0} h {1} min").format(minutes // 60, minutes % 60)


def _parts(progress: Progress) -> list[str]:
    match progress.phase:
        case Phase.QUEUED:
            return [tr("waiting for its turn"), _amount(progress)]
        case Phase.CONNECTING:
            return [tr("connecting"), _amount(progress)]
        case Phase.RECEIVING:
            return [_amount(progress), _speed(progress), _time_left(progress)]
        case Phase.WAITING:
            return [*_waiting(progress), _amount(progress)]
        case Phase.VERIFYING:
            return [tr("verifying {0} %").format(int(progress.verified * 100))]
        case Phase.PAUSED:
            return [_paused(progress.error), _amount(progress)]
        case Phase.FAILED:
            return [_failed(progress.error or AppError())]
        case Phase.DONE:
            return [tr("done")]


def _amount(progress: Progress) -> str:
    """How much is there, of how much. Nothing if nothing is there and nothing comes."""
    if progress.received == 0 and progress.phase is not Phase.RECEIVING:
        return ""
    received = format_bytes(progress.received)
    if progress.total < 0:
        return received
    total = format_bytes(progress.total)
    number, _, unit = received.partition(" ")
    return tr("{0} of {1}").format(number if total.endswith(f" {unit}") else received, total)


def _speed(progress: Progress) -> str:
    if progress.speed <= 0:
        return ""
    value, unit = progress.speed / 1024, "KiB"
    while value >= 999.5:
        value, unit = value / 1024, "MiB" if unit == "KiB" else "GiB"
    return tr("{0}/s").format(f"{value:.{1 if value < 9.95 else 0}f} {unit}")


def _time_left(progress: Progress) -> str:
    return tr("{0} left").format(duration(progress.seconds_left)) if progress.seconds_left >= 0 else ""


def _waiting(progress: Progress) -> list[str]:
    if isinstance(progress.error, Offline):
        return [tr("offline")]
    next_try = tr("next try in {0}").format(duration(progress.next_try))
    if progress.error is None or isinstance(progress.error, _WITHOUT_NETWORK):
        return [tr("waiting for the network, {0}").format(next_try)]
    return [tr("waiting, {0}").format(next_try), failure_words(progress.error)[0]]


def _paused(error: AppError | None) -> str:
    if error is None:
        return tr("paused")
    title, detail, _ = failure_words(error)
    if isinstance(error, NotEnoughSpace):
        title = tr("the disk is full")
    return tr("paused: {0}").format(", ".join(part for part in (title, detail) if part))


def _failed(error: AppError) -> str:
    title, detail, hint = failure_words(error)
    return f"{': '.join(part.rstrip('.') for part in (title, detail) if part)}. {hint}"


def tr(text: str) -> str:
    return QCoreApplication.translate("download_words", text)
