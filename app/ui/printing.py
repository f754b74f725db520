"""Puts a conversation on paper, or into a PDF. Slow for long ones, so it is done only when asked for."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QMarginsF, QUrl
from PySide6.QtGui import QImage, QPagedPaintDevice, QPageLayout, QPageSize, QPdfWriter, QTextDocument

from app.core.errors import StorageError
from app.core.exports import Exported
from app.ui.export_html import to_html

_MARGIN = 18.0  # millimetres


class _Page(QTextDocument):
    """Loads nothing, whatever is written in it: returning nothing would let Qt look for itself."""

    def loadResource(self, _kind: int, _name: QUrl | str) -> object:  # noqa: N802
        return QImage(1, 1, QImage.Format.Format_ARGB32)


def write_pdf(exported: Exported, path: Path) -> None:
    """Writes a PDF file. Raises `StorageError`."""
    writer = QPdfWriter(str(path))
    writer.setTitle(" ".join(exported.conversation.title.split()))
    writer.setPageLayout(_layout())
    print_to(exported, writer)
    if not path.is_file():
        raise StorageError(str(path))


def print_to(exported: Exported, device: QPagedPaintDevice) -> None:
    """Draws the pages."""
    page = _Page()
    page.setHtml(to_html(exported))
    page.print_(device)


def _layout() -> QPageLayout:
    margins = QMarginsF(_MARGIN, _MARGIN, _MARGIN, _MARGIN)
    size = QPageSize(QPageSize.PageSizeId.A4)
    return QPageLayout(size, QPageLayout.Orientation.Portrait, margins, QPageLayout.Unit.Millimeter)
