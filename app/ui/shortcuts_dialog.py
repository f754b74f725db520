"""The list of all keys that do something.

What the menus offer is read from the menus, so that the list never tells anything else than they do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QCoreApplication, QSize, Qt
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import (
    QAbstractItemView,
    QDialog,
    QDialogButtonBox,
    QHeaderView,
    QMenu,
    QMenuBar,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from app.ui.conversation_menu import ARCHIVE_KEYS, DELETE_KEYS, FOLDER_KEYS, PIN_KEYS, RENAME_KEYS


@dataclass(frozen=True, slots=True)
class ShortcutGroup:
    """What can be done somewhere, each with its keys as a person reads them."""

    name: str
    shortcuts: tuple[tuple[str, str], ...]


class ShortcutsDialog(QDialog):
    """Shows `groups` as a tree of two columns, so that arrow keys walk through it and a screen reader reads it."""

    def __init__(self, groups: Sequence[ShortcutGroup], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("shortcuts_dialog")
        self.setWindowTitle(self.tr("Keyboard shortcuts"))
        self._tree = self._make_tree()
        for group in groups:
            self._add(group)
        self._tree.expandAll()
        self._tree.setCurrentIndex(self._tree.model().index(0, 0))
        buttons = QDialogButtonBox()
        close = buttons.addButton(self.tr("Close"), QDialogButtonBox.ButtonRole.RejectRole)
        close.setObjectName("close")
        close.setAccessibleName("Close")
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.addWidget(self._tree, 1)
        layout.addWidget(buttons)
        unit = self.fontMetrics().averageCharWidth()
        self.resize(QSize(unit * 80, unit * 90).boundedTo(self.screen().availableSize() * 0.9))

    def _make_tree(self) -> QTreeWidget:
        tree = QTreeWidget()
        tree.setObjectName("shortcuts")
        tree.setAccessibleName("Shortcuts")
        tree.setColumnCount(2)
        tree.setHeaderHidden(True)
        tree.setRootIsDecorated(False)
        tree.setUniformRowHeights(True)
        tree.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        tree.setAllColumnsShowFocus(True)
        tree.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        tree.header().setStretchLastSection(False)
        tree.header().setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        tree.header().setSectionResizeMode(1, QHeaderView.ResizeMode.ResizeToContents)
        return tree

    def _add(self, group: ShortcutGroup) -> None:
        heading = QTreeWidgetItem(self._tree, [group.name])
        heading.setFirstColumnSpanned(True)
        font = heading.font(0)
        font.setBold(True)
        heading.setFont(0, font)
        heading.setSizeHint(0, QSize(0, round(self.fontMetrics().lineSpacing() * 1.5)))
        for what, keys in group.shortcuts:
            row = QTreeWidgetItem(heading, [what, keys])
            row.setData(0, Qt.ItemDataRole.AccessibleTextRole, f"{what}, {keys}")


def groups_in(menu_bar: QMenuBar) -> list[ShortcutGroup]:
    """What the menus offer that has keys, menu by menu."""
    groups = []
    for entry in menu_bar.actions():
        actions = _actions_under(entry)
        shortcuts = tuple(
            (_without_marks(one.text()), _keys_of(one)) for one in actions if not one.shortcut().isEmpty()
        )
        if shortcuts:
            groups.append(ShortcutGroup(_without_marks(entry.text()), shortcuts))
    return groups


def other_groups() -> list[ShortcutGroup]:
    """Keys that are in no menu, because they are for the widget that has the focus."""
    return [
        _group(
            tr("Message"),
            ("Enter", tr("Send")),
            ("Shift+Enter", tr("New line")),
            ("Esc", tr("Stop the reply")),
        ),
        _group(
            tr("Conversations"),
            (RENAME_KEYS, tr("Rename")),
            (PIN_KEYS, tr("Pin or unpin")),
            (FOLDER_KEYS, tr("Move to folder")),
            (ARCHIVE_KEYS, tr("Archive, or take out of the archive")),
            (DELETE_KEYS, tr("Delete")),
            ("Left", tr("Close a group")),
            ("Right", tr("Open a group")),
            ("Shift+F10", tr("Everything that can be done with one")),
        ),
        _group(
            tr("Search conversations"),
            ("Down", tr("Go to what was found")),
            ("Enter", tr("Open what was found")),
            ("Esc", tr("Back to all conversations")),
        ),
    ]


def _group(name: str, *shortcuts: tuple[str, str]) -> ShortcutGroup:
    return ShortcutGroup(name, tuple((what, _in_words(QKeySequence(keys))) for keys, what in shortcuts))


def _actions_under(entry: QAction) -> list[QAction]:
    """The actions of a menu and of those within it."""
    menu = entry.menu()
    if not isinstance(menu, QMenu):
        return [entry]
    return [action for each in menu.actions() for action in _actions_under(each)]


def _keys_of(action: QAction) -> str:
    return tr(" or ").join(_in_words(keys) for keys in action.shortcuts())


def _in_words(keys: QKeySequence) -> str:
    return keys.toString(QKeySequence.SequenceFormat.NativeText)


def _without_marks(text: str) -> str:
    """A menu's text without the marks of its letters, and without the dots that announce a dialog."""
    return text.replace("&&", "\0").replace("&", "").replace("\0", "&").removesuffix("…")


def tr(text: str) -> str:
    return QCoreApplication.translate("ShortcutsDialog", text)
