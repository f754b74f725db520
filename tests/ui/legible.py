"""Finds words on the screen that are cut off."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator

from PySide6.QtCore import QPoint, QRect, QSize, Qt
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractScrollArea,
    QComboBox,
    QGroupBox,
    QLabel,
    QLineEdit,
    QPlainTextEdit,
    QTabBar,
    QToolButton,
    QWidget,
)

from app.ui.message_row import MessageRow

_ROUNDING = 1  # pixels


def cut_words(window: QWidget) -> list[str]:
    """What is in sight in `window` and has less room than its words need. A tooltip that tells them all will do."""
    found = []
    for widget in window.findChildren(QWidget):
        if widget.isVisible() and not _is_of_qt(widget) and not _is_a_row_out_of_sight(widget):
            found += [f"{_path(widget)}: {problem}" for problem in _problems(widget, window)]
    return found


def _is_of_qt(widget: QWidget) -> bool:
    return widget.objectName().startswith("qt_") or isinstance(widget.parentWidget(), QTabBar)


def _is_a_row_out_of_sight(widget: QWidget) -> bool:
    """Of a conversation: it gets its place when it comes into sight."""
    one: QWidget | None = widget
    while one is not None and not isinstance(one, MessageRow):
        one = one.parentWidget()
    return one is not None and one.visibleRegion().isEmpty()


def _path(widget: QWidget) -> str:
    names = []
    one: QWidget | None = widget
    while one is not None and len(names) < 4:
        names.append(one.objectName() or type(one).__name__)
        one = one.parentWidget()
    return "/".join(reversed(names))


def _problems(widget: QWidget, window: QWidget) -> Iterator[str]:
    words = _words(widget)
    if not words:
        return
    room, needed = widget.size(), _needed(widget, words)
    if needed.width() > room.width() + _ROUNDING or needed.height() > room.height() + _ROUNDING:
        if _is_shortened(widget, words) and _tells(widget, words):
            return
        yield f"“{words}” needs {needed.width()} x {needed.height()} and has {room.width()} x {room.height()}"
    elif not _shown_area(widget, window).contains(QRect(QPoint(), room)):
        yield f"“{words}” reaches out of what it is in"


def _words(widget: QWidget) -> str:
    if isinstance(widget, QLabel | QAbstractButton):
        return widget.text()
    if isinstance(widget, QLineEdit):
        return widget.placeholderText() or (widget.text() if widget.isReadOnly() else "")
    if isinstance(widget, QPlainTextEdit):
        return widget.placeholderText()
    if isinstance(widget, QGroupBox):
        return widget.title()
    if isinstance(widget, QComboBox):
        return widget.currentText()
    if isinstance(widget, QTabBar):
        return " | ".join(widget.tabText(index) for index in range(widget.count()))
    return ""


def _is_shortened(widget: QWidget, words: str) -> bool:
    """On purpose: with an ellipsis, or a path, which one can move through."""
    return "…" in words or (isinstance(widget, QLineEdit) and widget.isReadOnly())


def _tells(widget: QWidget, words: str) -> bool:
    """Whether a tooltip holds what there is besides an ellipsis, in that order."""
    one: QWidget | None = widget
    while one is not None:
        if re.search(".*".join(re.escape(html.escape(part, quote=False)) for part in words.split("…")), one.toolTip()):
            return True
        one = one.parentWidget()
    return False


def _needed(widget: QWidget, words: str) -> QSize:
    metrics = widget.fontMetrics()
    if isinstance(widget, QLabel) and widget.wordWrap():
        longest = max((metrics.horizontalAdvance(word) for word in re.split(r"[\s\u200b]+", words)), default=0)
        return QSize(longest, widget.heightForWidth(widget.width()))
    if isinstance(widget, QLineEdit):
        frame = widget.width() - widget.contentsRect().width()
        return QSize(metrics.horizontalAdvance(words) + frame + metrics.averageCharWidth(), metrics.height())
    if isinstance(widget, QPlainTextEdit):
        margin = round(2 * widget.document().documentMargin())
        flags = int(Qt.TextFlag.TextWordWrap)
        area = metrics.boundingRect(QRect(0, 0, widget.viewport().width() - margin, 10_000), flags, words)
        return QSize(area.width() + margin, area.height() + margin)
    if isinstance(widget, QGroupBox):
        return QSize(metrics.horizontalAdvance(words), metrics.height())
    if isinstance(widget, QToolButton) and widget.toolButtonStyle() == Qt.ToolButtonStyle.ToolButtonIconOnly:
        return widget.iconSize()
    return widget.minimumSizeHint() if isinstance(widget, QTabBar) else widget.sizeHint()


def _shown_area(widget: QWidget, window: QWidget) -> QRect:
    """The part of `widget` that the widgets around it leave in sight; scrolling is a way to see the rest."""
    area = QRect(QPoint(), widget.size())
    one, place = widget, QPoint()
    while one is not window and one.parentWidget() is not None:
        place += one.pos()
        one = one.parentWidget()
        inside = QRect(-place, one.size())
        if isinstance(scrolled := one.parentWidget(), QAbstractScrollArea):
            can_scroll = scrolled.horizontalScrollBarPolicy() != Qt.ScrollBarPolicy.ScrollBarAlwaysOff
            return area if can_scroll else area & QRect(inside.left(), area.top(), inside.width(), area.height())
        area &= inside
    return area
