from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAccessible
from PySide6.QtWidgets import QPlainTextEdit, QPushButton
from pytestqt.qtbot import QtBot

from app.ui.system_prompt import SystemPrompt


@pytest.fixture
def prompt(qtbot: QtBot) -> SystemPrompt:
    """Shows "Be kind.", with the focus in the editor."""
    prompt = SystemPrompt()
    qtbot.addWidget(prompt)
    prompt.set_text("Be kind.")
    prompt.show()
    prompt.activateWindow()
    prompt.setFocus()
    qtbot.waitUntil(lambda: editor_of(prompt).hasFocus())
    return prompt


def editor_of(prompt: SystemPrompt) -> QPlainTextEdit:
    return prompt.findChild(QPlainTextEdit, "system_prompt")


def default_button(prompt: SystemPrompt) -> QPushButton:
    return prompt.findChild(QPushButton, "use_the_default")


def edits_of(prompt: SystemPrompt) -> list[str]:
    edits: list[str] = []
    prompt.edited.connect(edits.append)
    return edits


def test_what_is_typed_is_reported_once_when_typing_pauses(prompt: SystemPrompt, qtbot: QtBot) -> None:
    edits = edits_of(prompt)
    qtbot.keyClicks(editor_of(prompt), "Hi. ")
    assert edits == []
    qtbot.waitUntil(lambda: edits == ["Hi. Be kind."])


def test_leaving_the_editor_reports_at_once(prompt: SystemPrompt, qtbot: QtBot) -> None:
    edits = edits_of(prompt)
    prompt.set_default("Be brief.")
    qtbot.keyClick(editor_of(prompt), Qt.Key.Key_X)
    qtbot.keyClick(editor_of(prompt), Qt.Key.Key_Tab)
    assert edits == ["xBe kind."]
    assert default_button(prompt).hasFocus()


def test_flush_reports_at_once_and_only_once(prompt: SystemPrompt, qtbot: QtBot) -> None:
    edits = edits_of(prompt)
    qtbot.keyClick(editor_of(prompt), Qt.Key.Key_X)
    prompt.flush()
    prompt.flush()
    assert edits == ["xBe kind."]


def test_what_the_owner_puts_in_is_not_reported(prompt: SystemPrompt) -> None:
    edits = edits_of(prompt)
    prompt.set_text("Another conversation's.")
    prompt.flush()
    assert edits == []
    assert prompt.text() == "Another conversation's."


def test_what_was_typed_for_one_conversation_never_goes_to_the_next(prompt: SystemPrompt, qtbot: QtBot) -> None:
    edits = edits_of(prompt)
    qtbot.keyClick(editor_of(prompt), Qt.Key.Key_X)
    prompt.set_text("Another conversation's.")
    prompt.flush()
    assert edits == []


def test_hearing_its_own_text_back_leaves_the_cursor_where_it_is(prompt: SystemPrompt, qtbot: QtBot) -> None:
    qtbot.keyClicks(editor_of(prompt), "Hi. ")
    prompt.set_text("Hi. Be kind.")
    assert editor_of(prompt).textCursor().position() == 4


def test_the_default_can_be_used_and_undone(prompt: SystemPrompt, qtbot: QtBot) -> None:
    edits = edits_of(prompt)
    prompt.set_default("Be brief.")
    qtbot.mouseClick(default_button(prompt), Qt.MouseButton.LeftButton)
    assert edits == ["Be brief."]
    assert not default_button(prompt).isEnabled()
    editor_of(prompt).undo()
    prompt.flush()
    assert edits == ["Be brief.", "Be kind."]
    assert default_button(prompt).isEnabled()


def test_a_screen_reader_hears_its_name(prompt: SystemPrompt) -> None:
    interface = QAccessible.queryAccessibleInterface(editor_of(prompt))
    assert interface.text(QAccessible.Text.Name) == "System prompt"
