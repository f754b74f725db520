"""The dialog for bugs: what happened, and the details to copy into a report."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QFontDatabase, QGuiApplication
from PySide6.QtWidgets import QApplication, QDialog, QDialogButtonBox, QLabel, QPlainTextEdit, QVBoxLayout, QWidget


def show_crash(parent: QWidget | None, details: str) -> None:
    """Shows `details` (versions and traceback), unless a crash is being shown already. Returns at once.

    Never more than one: a bug in something that is done over and over would bury the screen in dialogs.
    """
    shown = QApplication.topLevelWidgets()
    if not any(isinstance(widget, CrashDialog) and widget.isVisible() for widget in shown):
        dialog = CrashDialog(details, parent)
        # Without a parent nothing but this lambda keeps the dialog alive.
        dialog.finished.connect(lambda: dialog.deleteLater())  # noqa: PLW0108
        dialog.open()


class CrashDialog(QDialog):
    """What happened in words, the details, `Copy details` and `Close`."""

    def __init__(self, details: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("crash_dialog")
        self.setWindowTitle(self.tr("Paddock: something went wrong"))
        self._details = QPlainTextEdit(details, readOnly=True, tabChangesFocus=True)
        self._details.setObjectName("details")
        self._details.setAccessibleName("Details")
        self._details.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        self._details.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        layout = QVBoxLayout(self)
        layout.addWidget(self._explanation())
        layout.addWidget(self._details, 1)
        layout.addWidget(self._buttons())
        self._close.setDefault(True)
        self._close.setFocus()
        unit = self.fontMetrics().averageCharWidth()
        self.resize(QSize(unit * 90, unit * 55).boundedTo(self.screen().availableSize() * 0.9))

    def _explanation(self) -> QLabel:
        text = self.tr(
            "This is a bug in Paddock. Your conversations are saved. You can go on; if something looks wrong, "
            "restart Paddock. If you report it, add the details below: they name files, but hold nothing you wrote."
        )
        label = QLabel(text, wordWrap=True)
        label.setTextFormat(Qt.TextFormat.PlainText)
        return label

    def _buttons(self) -> QDialogButtonBox:
        buttons = QDialogButtonBox()
        copy = buttons.addButton(self.tr("Copy details"), QDialogButtonBox.ButtonRole.ActionRole)
        self._close = buttons.addButton(self.tr("Close"), QDialogButtonBox.ButtonRole.RejectRole)
        copy.setObjectName("copy_details")
        copy.setAccessibleName("Copy details")
        copy.clicked.connect(self._on_copy_clicked)
        self._close.setObjectName("close")
        self._close.setAccessibleName("Close")
        buttons.rejected.connect(self.reject)
        return buttons

    def _on_copy_clicked(self) -> None:
        QGuiApplication.clipboard().setText(self._details.toPlainText())
