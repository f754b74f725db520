from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QAccessible
from pytestqt.qtbot import QtBot

from app.ui.status_line import StatusLine


def test_it_can_be_read_but_not_changed_from_the_keyboard(qtbot: QtBot) -> None:
    line = StatusLine()
    qtbot.addWidget(line)
    line.set_status("Ready · 18.2 tokens/s")
    qtbot.keyClicks(line, "nonsense")
    qtbot.keyClick(line, Qt.Key.Key_Delete)
    interface = QAccessible.queryAccessibleInterface(line)
    assert interface.text(QAccessible.Text.Name) == "Status"
    assert interface.text(QAccessible.Text.Value) == "Ready · 18.2 tokens/s"


def test_a_long_status_shows_its_beginning_and_is_whole_in_the_tool_tip(qtbot: QtBot) -> None:
    line = StatusLine()
    qtbot.addWidget(line)
    line.resize(80, line.sizeHint().height())
    line.set_status("Ready · " + "word " * 50 + "<b>")
    assert line.cursorPosition() == 0
    assert line.toolTip().endswith("word &lt;b&gt;</p>")


def test_a_status_too_long_ends_in_an_ellipsis_until_it_is_read(qtbot: QtBot) -> None:
    line = StatusLine()
    qtbot.addWidget(line)
    line.set_status("word " * 50)
    line.resize(120, line.sizeHint().height())
    line.show()
    line.activateWindow()
    line.clearFocus()
    elided = line.grab().toImage()
    line.setFocus()
    qtbot.waitUntil(line.hasFocus)
    assert line.grab().toImage() != elided
    line.clearFocus()
    line.set_status("word")
    assert line.grab().toImage() != elided
