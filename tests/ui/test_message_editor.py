from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QInputMethodEvent, QKeySequence, QShortcut
from PySide6.QtWidgets import QApplication, QLabel, QPlainTextEdit, QPushButton
from pytestqt.qtbot import QtBot

from app.ui.message_editor import LONGEST, MessageEditor


class Heard:
    """What the editor said."""

    def __init__(self, editor: MessageEditor) -> None:
        self.saved: list[str] = []
        self.cancelled = 0
        editor.saved.connect(self.saved.append)
        editor.cancelled.connect(self._on_cancelled)

    def _on_cancelled(self) -> None:
        self.cancelled += 1


def make(qtbot: QtBot, old: str = "old words", text: str | None = None) -> tuple[MessageEditor, QPlainTextEdit, Heard]:
    editor = MessageEditor(old, old if text is None else text)
    qtbot.addWidget(editor)
    editor.resize(400, 300)
    editor.show()
    editor.activateWindow()
    qtbot.waitUntil(editor.isActiveWindow)
    editor.setFocus()
    return editor, editor.findChild(QPlainTextEdit, "edit_message"), Heard(editor)


def hint(editor: MessageEditor) -> str:
    return editor.findChild(QLabel, "edit_hint").text()


def save(editor: MessageEditor) -> QPushButton:
    return editor.findChild(QPushButton, "save")


def test_it_begins_with_the_old_words_and_the_caret_after_them(qtbot: QtBot) -> None:
    editor, box, _ = make(qtbot)
    assert editor.text() == "old words"
    assert QApplication.focusWidget() is box
    qtbot.keyClicks(box, "!")
    assert editor.text() == "old words!"


@pytest.mark.parametrize("key", [Qt.Key.Key_Return, Qt.Key.Key_Enter])
def test_enter_saves(qtbot: QtBot, key: Qt.Key) -> None:
    _, box, heard = make(qtbot)
    qtbot.keyClicks(box, "!")
    qtbot.keyClick(box, key)
    assert (heard.saved, heard.cancelled) == (["old words!"], 0)


def test_shift_and_enter_break_the_line(qtbot: QtBot) -> None:
    editor, box, heard = make(qtbot)
    qtbot.keyClick(box, Qt.Key.Key_Return, Qt.KeyboardModifier.ShiftModifier)
    assert editor.text() == "old words\n"
    assert not heard.saved


def test_escape_keeps_the_old(qtbot: QtBot) -> None:
    _, box, heard = make(qtbot)
    qtbot.keyClicks(box, "!")
    qtbot.keyClick(box, Qt.Key.Key_Escape)
    assert (heard.saved, heard.cancelled) == ([], 1)


def test_escape_is_no_shortcut_of_the_window_meanwhile(qtbot: QtBot) -> None:
    editor, box, heard = make(qtbot)
    stopped: list[int] = []
    shortcut = QShortcut(QKeySequence(Qt.Key.Key_Escape), editor)
    shortcut.activated.connect(lambda: stopped.append(1))
    qtbot.keyClick(box, Qt.Key.Key_Escape)
    assert heard.cancelled == 1
    assert not stopped


def test_the_buttons_do_what_the_keys_do(qtbot: QtBot) -> None:
    editor, box, heard = make(qtbot)
    qtbot.keyClicks(box, "!")
    qtbot.mouseClick(save(editor), Qt.MouseButton.LeftButton)
    qtbot.mouseClick(editor.findChild(QPushButton, "cancel"), Qt.MouseButton.LeftButton)
    assert (heard.saved, heard.cancelled) == (["old words!"], 1)


def test_the_same_words_are_no_new_version(qtbot: QtBot) -> None:
    _, box, heard = make(qtbot)
    qtbot.keyClick(box, Qt.Key.Key_Return)
    assert (heard.saved, heard.cancelled) == ([], 1)


def test_an_edit_can_be_gone_on_with(qtbot: QtBot) -> None:
    editor, box, heard = make(qtbot, "old words", "half an edit")
    assert editor.text() == "half an edit"
    qtbot.keyClick(box, Qt.Key.Key_Return)
    assert heard.saved == ["half an edit"]


@pytest.mark.parametrize("text", ["", " \n "])
def test_no_words_at_all_cannot_be_saved(qtbot: QtBot, text: str) -> None:
    editor, box, heard = make(qtbot, "old words", text)
    assert not save(editor).isEnabled()
    qtbot.keyClick(box, Qt.Key.Key_Return)
    assert (heard.saved, heard.cancelled) == ([], 0)


def test_nothing_is_saved_while_a_reply_is_written_and_it_says_why(qtbot: QtBot) -> None:
    editor, box, heard = make(qtbot)
    qtbot.keyClicks(box, "!")
    assert hint(editor) == "Enter saves as a new version, Esc keeps the old."

    editor.set_busy(True)
    qtbot.keyClick(box, Qt.Key.Key_Return)
    assert not heard.saved
    assert not save(editor).isEnabled()
    assert hint(editor) == box.accessibleDescription() == "A reply is being written. This can be saved when it is done."

    editor.set_busy(False)
    qtbot.keyClick(box, Qt.Key.Key_Return)
    assert heard.saved == ["old words!"]


def test_enter_of_an_input_method_is_its_own(qtbot: QtBot) -> None:
    _, box, heard = make(qtbot)
    QApplication.sendEvent(box, QInputMethodEvent("にほ", []))
    qtbot.keyClick(box, Qt.Key.Key_Return)
    assert not heard.saved


def test_words_are_kept_exactly(qtbot: QtBot) -> None:
    text = "a\u00a0b\t<b>c</b>\n\n  d"
    editor, _, _ = make(qtbot, "old", text)
    assert editor.text() == text


def test_the_box_is_as_high_as_its_text_within_reason(qtbot: QtBot) -> None:
    editor, box, _ = make(qtbot)
    heights = []
    for lines in (1, 8, 40, 80):
        box.setPlainText("\n".join(["x"] * lines))
        heights.append(box.height())
    short, middle, long, longer = heights
    assert editor.sizeHint().height() > longer
    assert short < middle < long == longer


def test_the_tab_key_goes_on_to_save_and_cancel(qtbot: QtBot) -> None:
    editor, box, _ = make(qtbot)
    visited = []
    for _ in range(3):
        focus = QApplication.focusWidget()
        visited.append(focus.accessibleName())
        qtbot.keyClick(focus, Qt.Key.Key_Tab)
    assert visited == ["Edit message", "Save", "Cancel"]
    assert [widget.accessibleName() for widget in editor.tab_chain()] == visited
    assert box.toPlainText() == "old words"


def test_what_is_too_long_is_not_edited_and_one_is_told_what_to_do(qtbot: QtBot) -> None:
    long = "x" * (LONGEST + 1)
    editor = MessageEditor(long, long)
    qtbot.addWidget(editor)
    editor.show()
    heard = Heard(editor)
    cancel = editor.findChild(QPushButton, "cancel")

    assert "too long" in hint(editor)
    assert "attach it as a file" in hint(editor)
    assert editor.tab_chain() == [cancel]
    assert cancel.accessibleDescription() == hint(editor)
    assert not editor.findChild(QPlainTextEdit, "edit_message").isVisible()
    assert editor.text() == long
    cancel.click()
    assert (heard.saved, heard.cancelled) == ([], 1)


def test_what_is_too_long_is_not_pasted(qtbot: QtBot) -> None:
    editor, box, _ = make(qtbot)
    QApplication.clipboard().setText("x" * LONGEST)
    box.paste()
    assert editor.text() == "old words"
    assert "too long to be pasted" in hint(editor)
    QApplication.clipboard().setText("!")
    box.paste()
    assert editor.text() == "old words!"
    assert "too long" not in hint(editor)
