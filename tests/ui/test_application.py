"""The whole window with a scripted engine, as a person uses it."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QAbstractButton, QLineEdit, QListView, QPlainTextEdit, QSpinBox

from app.core import guide
from app.core.model_settings import ModelSettings
from app.core.settings import Settings


def test_a_new_user_gets_an_answer_by_one_click(start):
    person = start("floods")
    person.wait_for(lambda: person.status().startswith("Ready"))
    button = person.sees_button(guide.QUESTIONS[0])
    person.qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    person.wait_for(lambda: "the model ended its reply" in person.status())
    assert person.conversations()[0].startswith(guide.QUESTIONS[0])


def test_a_new_user_finds_the_way_to_the_library(start):
    person = start("floods")
    person.qtbot.mouseClick(person.sees_button("Go to the Library"), Qt.MouseButton.LeftButton)
    box = person.window.findChild(QLineEdit, "search_models")
    person.qtbot.waitUntil(box.isVisible)
    assert not person.window.findChild(QPlainTextEdit, "message").isVisible()


def test_someone_with_a_real_model_is_not_sent_to_the_guide(start):
    person = start("floods", file="any.gguf")
    person.wait_for(lambda: person.status().startswith("Ready"))
    assert person.sees_button(guide.QUESTIONS[0]) is None


def test_what_was_typed_and_answered_is_there_at_the_next_start(start):
    person = start("floods", file="any.gguf")
    person.wait_for(lambda: person.status().startswith("Ready"))
    person.write("Count for me")
    person.wait_for(lambda: "the model ended its reply" in person.status())
    person.window.close()
    again = start("floods")
    assert again.conversations()[0].startswith("Count for me")


def test_a_deleted_conversation_comes_back_with_undo(start):
    person = start("floods", file="any.gguf")
    person.wait_for(lambda: person.status().startswith("Ready"))
    person.write("Count for me")
    person.wait_for(lambda: "the model ended its reply" in person.status())
    person.window.activateWindow()
    conversations = person.control(QListView, "conversations")
    conversations.setFocus()
    person.wait_for(conversations.hasFocus)
    person.qtbot.keyClick(conversations, Qt.Key.Key_Delete)
    assert not any(title.startswith("Count for me") for title in person.conversations())
    person.qtbot.mouseClick(person.sees_button("Undo"), Qt.MouseButton.LeftButton)
    assert any(title.startswith("Count for me") for title in person.conversations())


def test_a_message_without_a_model_stays_in_the_box_and_says_why(start):
    person = start("refuses", file="notes.txt")
    person.wait_for(lambda: "not a GGUF model" in person.status())
    assert person.sees_button("Open model file")


def test_a_message_that_is_too_long_is_refused_and_stays_in_the_box(start):
    person = start("too_long", file="any.gguf")
    person.wait_for(lambda: person.status().startswith("Ready"))
    person.write("Very long")
    person.wait_for(lambda: person.control(QPlainTextEdit, "message").toPlainText() == "Very long")
    assert "too long" in person.window.findChild(object, "problem").text()


def test_settings_are_kept_and_a_new_context_length_waits_for_apply_and_reload(start, paths):
    person = start("floods", file="any.gguf")
    person.wait_for(lambda: person.status().startswith("Ready"))
    apply = person.control(QAbstractButton, "apply_and_reload")
    assert not apply.isEnabled()
    person.control(QSpinBox, "context_length").setValue(1024)
    person.wait_for(apply.isEnabled)
    person.qtbot.mouseClick(apply, Qt.MouseButton.LeftButton)
    person.wait_for(lambda: "1\u202f024" in person.status())
    assert ModelSettings(paths.model_settings).of("any.gguf", Settings()).context_length == 1024
    assert not apply.isEnabled()


def test_a_model_that_fails_on_the_gpu_is_offered_with_fewer_layers_and_on_the_processor(start, paths):
    person = start("fails_on_gpu", file="any.gguf")
    person.wait_for(lambda: person.sees_button("Load on the CPU") is not None)
    person.qtbot.mouseClick(person.sees_button("Load with 11 layers on the GPU"), Qt.MouseButton.LeftButton)
    person.wait_for(lambda: person.sees_button("Load with 5 layers on the GPU") is not None)
    person.qtbot.mouseClick(person.sees_button("Load on the CPU"), Qt.MouseButton.LeftButton)
    person.wait_for(lambda: person.status().startswith("Ready"))
    assert ModelSettings(paths.model_settings).of("any.gguf", Settings()).gpu_layers == 0


def test_a_new_version_is_told_with_the_way_to_its_page(start):
    person = start("floods")
    person.application.releases.newer_found.emit("9.9.0")
    assert person.sees_button("Open the release page")
