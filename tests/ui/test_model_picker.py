from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAccessible, QAction
from PySide6.QtWidgets import QMenu, QProgressBar, QPushButton
from pytestqt.qtbot import QtBot

from app.core.recent_models import RecentModel
from app.ui.model_picker import ModelPicker


@pytest.fixture
def picker(qtbot: QtBot) -> ModelPicker:
    picker = ModelPicker()
    qtbot.addWidget(picker)
    picker.resize(900, 60)
    picker.show()
    return picker


def button(picker: ModelPicker, name: str) -> QPushButton:
    return picker.findChild(QPushButton, name)


def actions(picker: ModelPicker) -> dict[str, QAction]:
    return {action.text(): action for action in button(picker, "model").menu().actions() if action.text()}


def recent(path: Path, name: str = "Tiny", quant: str = "Q4_K_M") -> RecentModel:
    return RecentModel(path=str(path), name=name, quant=quant, file_size=1, used_at=0.0)


def test_it_says_model_quant_and_state_to_everyone(picker: ModelPicker) -> None:
    picker.show_loaded("TinyLlama & Co", "Q4_K_M")
    interface = QAccessible.queryAccessibleInterface(button(picker, "model"))
    assert interface.text(QAccessible.Text.Name) == "Model"
    assert interface.text(QAccessible.Text.Description) == "TinyLlama & Co · Q4_K_M · ready"
    assert button(picker, "model").text() == "TinyLlama && Co · Q4_K_M · ready"


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (lambda picker: picker.show_none(), "No model is loaded"),
        (lambda picker: picker.show_loading("Tiny", 0.42), "Tiny · loading 42 %"),
        (lambda picker: picker.show_loaded("Tiny", ""), "Tiny · ready"),
        (lambda picker: picker.show_failed("Tiny"), "Tiny · not loaded"),
    ],
)
def test_each_state_has_its_words(picker: ModelPicker, state: object, words: str) -> None:
    state(picker)  # type: ignore[operator]
    assert button(picker, "model").accessibleDescription() == words


def test_loading_shows_how_far_it_is_and_can_be_cancelled(picker: ModelPicker, qtbot: QtBot) -> None:
    picker.show_loading("Tiny", 0.42)
    progress = picker.findChild(QProgressBar, "loading")
    assert (progress.isVisible(), progress.value()) == (True, 42)
    with qtbot.waitSignal(picker.cancel_requested):
        qtbot.mouseClick(button(picker, "cancel_loading"), Qt.MouseButton.LeftButton)
    picker.show_none()
    assert progress.isHidden() and button(picker, "cancel_loading").isHidden()
    assert button(picker, "open_model_file").isVisible()


def test_the_menu_offers_the_models_used_before_and_greys_those_gone(
    picker: ModelPicker, qtbot: QtBot, tmp_path: Path
) -> None:
    there = tmp_path / "there.gguf"
    there.touch()
    picker.set_models([recent(there, "There"), recent(tmp_path / "gone.gguf", "Gone & lost")])
    menu: QMenu = button(picker, "model").menu()
    menu.popup(picker.mapToGlobal(picker.rect().center()))
    offered = ["There · Q4_K_M", "Gone && lost · Q4_K_M", "Guide", "Open model file…", "Unload model"]
    assert list(actions(picker)) == offered
    assert actions(picker)["There · Q4_K_M"].isEnabled()
    assert not actions(picker)["Gone && lost · Q4_K_M"].isEnabled()
    with qtbot.waitSignal(picker.model_requested) as requested:
        qtbot.keyClick(menu, Qt.Key.Key_Down)
        qtbot.keyClick(menu, Qt.Key.Key_Return)
    assert requested.args == [str(there)]


def test_the_guide_is_offered_apart_from_real_models(picker: ModelPicker, qtbot: QtBot) -> None:
    with qtbot.waitSignal(picker.guide_requested), qtbot.assertNotEmitted(picker.model_requested):
        actions(picker)["Guide"].trigger()


def test_a_model_can_be_unloaded_only_when_one_is_loaded(picker: ModelPicker, qtbot: QtBot) -> None:
    unload = actions(picker)["Unload model"]
    assert not unload.isEnabled()
    picker.show_loaded("Tiny", "Q8_0")
    with qtbot.waitSignal(picker.unload_requested):
        unload.trigger()
    picker.show_failed("Tiny")
    assert not unload.isEnabled()


def test_button_and_menu_ask_to_open_a_file_also_after_the_list_changed(picker: ModelPicker, qtbot: QtBot) -> None:
    picker.set_models([])
    picker.set_models([])
    with qtbot.waitSignal(picker.open_requested):
        qtbot.mouseClick(button(picker, "open_model_file"), Qt.MouseButton.LeftButton)
    with qtbot.waitSignal(picker.open_requested):
        actions(picker)["Open model file…"].trigger()


def test_a_long_name_is_cut_in_the_middle_and_whole_in_the_tool_tip(picker: ModelPicker) -> None:
    name = "a<b>-very-" + "long-" * 60 + "name"
    picker.show_loaded(name, "Q4_K_M")
    assert "…" in button(picker, "model").text()
    assert "a&lt;b&gt;-very-" in button(picker, "model").toolTip()
    picker.resize(picker.fontMetrics().horizontalAdvance(name) + 900, 60)
    assert button(picker, "model").text() == f"{name} · Q4_K_M · ready"


def test_the_focus_does_not_vanish_with_the_cancel_button(picker: ModelPicker, qtbot: QtBot) -> None:
    picker.activateWindow()
    picker.show_loading("Tiny", 0.1)
    button(picker, "cancel_loading").setFocus()
    qtbot.waitUntil(lambda: button(picker, "cancel_loading").hasFocus())
    picker.show_loaded("Tiny", "Q4_K_M")
    assert button(picker, "model").hasFocus()
