"""What can be done with a conversation of the list."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from PySide6.QtCore import QCoreApplication, Qt, Signal, SignalInstance
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import QInputDialog, QLineEdit, QMenu, QWidget

from app.core.conversation import Conversation
from app.ui.plain_text import button_text

RENAME_KEYS, DELETE_KEYS = "F2", "Del"
PIN_KEYS, FOLDER_KEYS, ARCHIVE_KEYS = "Ctrl+Shift+P", "Ctrl+Shift+M", "Ctrl+Shift+A"


class ConversationMenu(QMenu):
    """The context menu of one conversation. Goes when it is closed."""

    rename_requested = Signal()
    pin_requested = Signal(bool)
    folder_requested = Signal(str)
    new_folder_requested = Signal()
    archive_requested = Signal(bool)
    delete_requested = Signal()

    def __init__(self, conversation: Conversation, folders: Sequence[str], parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        pinned, archived = conversation.pinned, conversation.archived
        self._add(self.tr("Rename"), RENAME_KEYS, self.rename_requested)
        self._add(self.tr("Unpin") if pinned else self.tr("Pin"), PIN_KEYS, lambda: self.pin_requested.emit(not pinned))
        move = FolderMenu(conversation, folders, self)
        move.folder_requested.connect(self.folder_requested)
        move.new_folder_requested.connect(self.new_folder_requested)
        self.addMenu(move)
        self._add(
            self.tr("Take out of the archive") if archived else self.tr("Archive"),
            ARCHIVE_KEYS,
            lambda: self.archive_requested.emit(not archived),
        )
        self.addSeparator()
        self._add(self.tr("Delete"), DELETE_KEYS, self.delete_requested)

    def _add(self, text: str, keys: str, slot: Callable[[], object] | SignalInstance) -> None:
        action = self.addAction(text)
        action.setShortcut(QKeySequence(keys))
        action.setShortcutContext(Qt.ShortcutContext.WidgetShortcut)  # it is only told here: the list knows its keys
        action.setShortcutVisibleInContextMenu(True)
        action.triggered.connect(slot)


class FolderMenu(QMenu):
    """The folders that a conversation can be moved to; the one it is in is checked."""

    folder_requested = Signal(str)  # empty: none
    new_folder_requested = Signal()

    def __init__(self, conversation: Conversation, folders: Sequence[str], parent: QWidget) -> None:
        super().__init__(parent)
        self.setTitle(self.tr("Move to folder"))
        for folder in ("", *folders):
            action = self.addAction(button_text(folder) or self.tr("No folder"))
            action.setCheckable(True)
            action.setChecked(folder == conversation.folder)
            action.triggered.connect(partial(self._request, folder))
        self.addSeparator()
        self.addAction(self.tr("New folder…")).triggered.connect(self.new_folder_requested)

    def _request(self, folder: str, _checked: bool = False) -> None:
        self.folder_requested.emit(folder)


def ask_for_folder(parent: QWidget, then: Callable[[str], None]) -> None:
    """Opens a dialog over `parent` and returns at once; calls `then` with the name if one is given."""
    dialog = QInputDialog(parent)
    dialog.setObjectName("new_folder")
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    dialog.setWindowTitle(QCoreApplication.translate("FolderMenu", "New folder"))
    dialog.setLabelText(QCoreApplication.translate("FolderMenu", "Name of the folder"))
    dialog.textValueSelected.connect(lambda name: then(name) if name.strip() else None)
    dialog.open()
    box = dialog.findChild(QLineEdit)
    assert isinstance(box, QLineEdit)
    box.setObjectName("folder_name")
    box.setAccessibleName("Folder name")
