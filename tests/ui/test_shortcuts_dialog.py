from __future__ import annotations

import pytest
from PySide6.QtCore import QCoreApplication, Qt
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import QMenuBar, QTreeWidget
from pytestqt.qtbot import QtBot

from app.ui.shortcuts_dialog import ShortcutGroup, ShortcutsDialog, groups_in, other_groups


@pytest.fixture
def menu_bar(qtbot: QtBot) -> QMenuBar:
    bar = QMenuBar()
    qtbot.addWidget(bar)
    bar.addMenu("&Empty").addAction("Nothing")
    menu = bar.addMenu("&File")
    menu.addAction("&Open && load…").setShortcut(QKeySequence("Ctrl+O"))
    menu.addSeparator()
    menu.addAction("Without keys")
    menu.addMenu("More").addAction("Help").setShortcuts([QKeySequence("F1"), QKeySequence("Ctrl+/")])
    return bar


def test_what_the_menus_offer_is_read_from_them(menu_bar: QMenuBar) -> None:
    shortcuts = (("Open & load", "Ctrl+O"), ("Help", "F1 or Ctrl+/"))
    assert groups_in(menu_bar) == [ShortcutGroup("File", shortcuts)]


def test_all_keys_are_listed_under_their_groups(menu_bar: QMenuBar, qtbot: QtBot) -> None:
    groups = [*groups_in(menu_bar), *other_groups()]
    dialog = ShortcutsDialog(groups)
    qtbot.addWidget(dialog)
    dialog.show()
    tree = dialog.findChild(QTreeWidget, "shortcuts")
    shown = [tree.topLevelItem(row) for row in range(tree.topLevelItemCount())]
    assert [item.text(0) for item in shown] == [group.name for group in groups]
    assert [shown[0].child(row).text(1) for row in range(2)] == ["Ctrl+O", "F1 or Ctrl+/"]
    assert shown[0].child(0).data(0, Qt.ItemDataRole.AccessibleTextRole) == "Open & load, Ctrl+O"
    assert all(item.isExpanded() for item in shown)


def test_no_key_is_left_without_a_name(qtbot: QtBot) -> None:
    assert QCoreApplication.instance() is not None
    for group in other_groups():
        assert all(what and keys for what, keys in group.shortcuts)


def test_escape_closes_it(qtbot: QtBot) -> None:
    dialog = ShortcutsDialog(other_groups())
    qtbot.addWidget(dialog)
    dialog.open()
    with qtbot.waitSignal(dialog.finished):
        qtbot.keyClick(dialog, Qt.Key.Key_Escape)
