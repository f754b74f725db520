"""Moments in words, short enough for a list."""

from __future__ import annotations

from datetime import datetime, timedelta

from PySide6.QtCore import QCoreApplication, QDate, QLocale


def moment_in_words(seconds: float, now: datetime | None = None) -> str:
    """`seconds` since 1970 as "today 14:05", "yesterday 14:05" or a date, in local time; empty if no such moment is."""
    try:
        moment = datetime.fromtimestamp(seconds)
    except (ValueError, OverflowError, OSError):
        return ""
    today = (now or datetime.now()).date()
    if moment.date() == today:
        return QCoreApplication.translate("moments", "today {time}").format(time=f"{moment:%H:%M}")
    if moment.date() == today - timedelta(days=1):
        return QCoreApplication.translate("moments", "yesterday {time}").format(time=f"{moment:%H:%M}")
    day = QDate(moment.year, moment.month, moment.day)
    return QLocale().toString(day, QLocale.FormatType.ShortFormat)
