"""Puts a conversation on paper, or into a PDF. Slow for long ones, so it is done off the GUI thread."""

from __future__ import annotations

from PySide6.QtCore import QBuffer, QByteArray, QEventLoop, QIODevice, QLocale, QMarginsF, QUrl
from PySide6.QtGui import (
    QImage,
    QPagedPaintDevice,
    QPageLayout,
    QPageSize,
    QPdfWriter,
    QTextBlockFormat,
    QTextCharFormat,
    QTextCursor,
    QTextDocument,
)

from app.core.exports import Exported, shown_messages
from app.ui.export_html import STYLE, message_html, opening

_ABOVE_MESSAGE = 18.0  # points


class _Pages(QTextDocument):
    """Loads nothing, whatever is written in it: returning nothing would let Qt look for itself."""

    def loadResource(self, _kind: int, _name: QUrl | str) -> object:  # noqa: N802
        return QImage(1, 1, QImage.Format.Format_ARGB32)


def to_pdf(exported: Exported) -> bytes:
    """The PDF. In memory, as Qt does not tell whether writing one into a file worked."""
    content = QByteArray()
    buffer = QBuffer(content)
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    writer = QPdfWriter(buffer)
    writer.setTitle(" ".join(exported.conversation.title.split()))
    writer.setPageLayout(_layout())
    print_to(exported, writer)
    del writer  # which ends the file
    return bytes(content.data())


def print_to(exported: Exported, device: QPagedPaintDevice) -> None:
    """Draws the pages, in whichever thread."""
    _timers = QEventLoop()  # a thread has timers, which the layout of a text wants, once it has had an event loop
    pages = _Pages()
    pages.setUndoRedoEnabled(False)
    pages.setDefaultStyleSheet(STYLE)
    pages.setHtml(opening(exported))
    for message in shown_messages(exported):
        _add(pages, message_html(message))
    pages.print_(device)


def _add(pages: QTextDocument, html: str) -> None:
    """Adds a message at the end. Not all of them at once: no other thread gets its turn while Qt reads HTML."""
    cursor = QTextCursor(pages)
    cursor.movePosition(QTextCursor.MoveOperation.End)
    cursor.insertBlock(QTextBlockFormat(), QTextCharFormat())
    start = cursor.position()
    cursor.insertHtml(html)
    cursor.setPosition(start)
    heading = QTextBlockFormat()  # which Qt does not take over from the first block of what is inserted
    heading.setHeadingLevel(2)
    heading.setTopMargin(_ABOVE_MESSAGE)
    cursor.setBlockFormat(heading)


def _layout() -> QPageLayout:
    """Without margins: the text has its own, in which the page number stands."""
    is_letter = QLocale().measurementSystem() == QLocale.MeasurementSystem.ImperialUSSystem
    size = QPageSize(QPageSize.PageSizeId.Letter if is_letter else QPageSize.PageSizeId.A4)
    return QPageLayout(size, QPageLayout.Orientation.Portrait, QMarginsF(), QPageLayout.Unit.Millimeter)
