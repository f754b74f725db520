"""Text as people and models write it: shown and taken as it is, never as markup."""

from __future__ import annotations

from PySide6.QtCore import QMimeData
from PySide6.QtWidgets import QPlainTextEdit, QWidget


class TextBox(QPlainTextEdit):
    """A box of several lines. Tab moves on to the next widget; a file dropped on it is left to the window."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setTabChangesFocus(True)

    def text(self) -> str:
        """The text exactly. `toPlainText` would turn no-break spaces into spaces."""
        return self.document().toRawText().replace("\u2029", "\n").replace("\u2028", "\n")

    def canInsertFromMimeData(self, source: QMimeData) -> bool:  # noqa: N802
        is_file = any(url.isLocalFile() for url in source.urls())
        return not is_file and super().canInsertFromMimeData(source)


def tool_tip(text: str) -> str:
    """`text` as a tool tip. Qt guesses whether one is HTML, so this one says that it is, and escapes."""
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return f"<p>{escaped}</p>" if text else ""


def button_text(text: str) -> str:
    """`text` on a button or in a menu, where a lone `&` would mark a key and a tab a shortcut."""
    return " ".join(text.split()).replace("&", "&&")
