"""How an `AppError` is told to the user. Inline where there is a place for it; a dialog only where they must decide."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication, Qt
from PySide6.QtWidgets import QMessageBox, QWidget

from app.core.errors import AppError


def failure_words(error: AppError) -> tuple[str, str, str]:
    """What happened, the particulars (may be empty) and what to do now, in the user's language, as plain text."""
    title = QCoreApplication.translate("errors", error.title)
    hint = QCoreApplication.translate("errors", error.hint)
    return title, error.detail, hint


def show_error(parent: QWidget | None, error: AppError) -> None:
    """Opens a dialog over `parent` that says what `failure_words` says. Returns at once."""
    box = QMessageBox(parent)
    box.setObjectName("error")
    box.setIcon(QMessageBox.Icon.Warning)
    box.setWindowTitle("Paddock")
    # All in the main text: the informative text of a message box cannot be kept from showing markup.
    box.setTextFormat(Qt.TextFormat.PlainText)
    box.setText("\n\n".join(part for part in failure_words(error) if part))
    # Without a parent nothing but this lambda keeps the box alive.
    box.finished.connect(lambda: box.deleteLater())  # noqa: PLW0108
    box.open()
