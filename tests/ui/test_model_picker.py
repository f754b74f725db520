from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAccessible, QAction
from PySide6.QtWidgets import QMenu, QProgressBar, QPushButton
from pytestqt.qtbot import QtBot

from app.core.library import ModelFile, Place, PlaceKind
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


def entries(picker: ModelPicker) -> list[QAction]:
    return [action for action in button(picker, "model").menu().actions() if action.text() and action.isVisible()]


def actions(picker: ModelPicker) -> dict[str, QAction]:
    return {action.text(): action for action in entries(picker) if not action.isSeparator()}


def open_menu(picker: ModelPicker) -> QMenu:
    menu: QMenu = button(picker, "model").menu()
    menu.popup(picker.mapToGlobal(picker.rect().center()))
    return menu


def file(
    path: Path, name: str = "Tiny", quant: str = "Q4_K_M", size: int = 669, family: str = "", used_at: float = 0.0
) -> ModelFile:
    place = Place(path.parent, PlaceKind.OURS)
    return ModelFile(path, name, quant, size << 20, place, family or name, used_at=used_at)


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


def test_the_menu_offers_the_quants_of_this_model_then_others_then_ways_to_more(
    picker: ModelPicker, tmp_path: Path
) -> None:
    models = [
        file(tmp_path / "big.gguf", "Tiny", "Q8_0", 1170, "owner/tiny", used_at=9.0),
        file(tmp_path / "old.gguf", "Old", used_at=1.0),
        file(tmp_path / "small.gguf", "Tiny", "Q2_K", 433, "owner/tiny"),
        file(tmp_path / "new.gguf", "New & better", "", used_at=2.0),
        replace(file(tmp_path / "broken.gguf", "Broken"), problem="The file is incomplete"),
    ]
    picker.set_models(models, "owner/tiny", str(models[0].path))
    assert [action.text() for action in entries(picker)] == [
        "Quants of this model",
        "Tiny · Q2_K · 433 MiB",
        "Tiny · Q8_0 · 1.1 GiB",
        "Other models",
        "New && better · 669 MiB",
        "Old · Q4_K_M · 669 MiB",
        "Guide",
        "Get another quant…",
        "Get a model…",
        "Open model file…",
        "Unload model",
    ]


def test_without_a_present_model_there_is_no_section_of_quants(picker: ModelPicker, tmp_path: Path) -> None:
    picker.set_models([file(tmp_path / "a.gguf", "A")], "", "")
    assert [action.text() for action in entries(picker)][:3] == ["Other models", "A · Q4_K_M · 669 MiB", "Guide"]
    assert "Get another quant…" not in actions(picker)


def test_another_quant_is_offered_for_a_model_of_the_hub_only(picker: ModelPicker, qtbot: QtBot) -> None:
    picker.set_models([], "Tiny", "")
    assert "Get another quant…" not in actions(picker)
    picker.set_models([], "owner/tiny", "")
    with qtbot.waitSignal(picker.another_quant_requested):
        actions(picker)["Get another quant…"].trigger()


def test_the_library_has_the_models_that_are_too_many_for_a_menu(
    picker: ModelPicker, qtbot: QtBot, tmp_path: Path
) -> None:
    models = [file(tmp_path / f"{number}.gguf", f"Model {number:02}") for number in range(13)]
    picker.set_models(models[:12], "", "")
    assert "More in the Library…" not in actions(picker)
    picker.set_models(models, "", "")
    names = list(actions(picker))
    assert names[11:14] == ["Model 11 · Q4_K_M · 669 MiB", "More in the Library…", "Guide"]
    for name in ("More in the Library…", "Get a model…"):
        with qtbot.waitSignal(picker.library_requested):
            actions(picker)[name].trigger()


def test_a_model_is_chosen_in_two_steps_from_the_keyboard(picker: ModelPicker, qtbot: QtBot, tmp_path: Path) -> None:
    there = tmp_path / "there.gguf"
    there.touch()
    picker.set_models([file(there, "There")], "", "")
    menu = open_menu(picker)
    with qtbot.waitSignal(picker.model_requested) as requested:
        qtbot.keyClick(menu, Qt.Key.Key_Down)  # the heading is passed over
        qtbot.keyClick(menu, Qt.Key.Key_Return)
    assert requested.args == [str(there)]


def test_what_is_gone_when_the_menu_opens_is_greyed(picker: ModelPicker, tmp_path: Path) -> None:
    there, gone = tmp_path / "there.gguf", tmp_path / "gone.gguf"
    there.touch()
    picker.set_models([file(there, "There"), file(gone, "Gone")], "", "")
    open_menu(picker).close()
    assert actions(picker)["There · Q4_K_M · 669 MiB"].isEnabled()
    assert not actions(picker)["Gone · Q4_K_M · 669 MiB"].isEnabled()


def test_the_model_that_is_loaded_is_checked_and_no_other(picker: ModelPicker, tmp_path: Path) -> None:
    loaded, other = file(tmp_path / "a.gguf", "A"), file(tmp_path / "b.gguf", "B")
    picker.set_models([loaded, other], "A", str(loaded.path))
    picker.show_loaded("A", "Q4_K_M")
    assert checked(picker) == ["A · Q4_K_M · 669 MiB"]
    actions(picker)["B · Q4_K_M · 669 MiB"].trigger()  # which need not succeed
    assert checked(picker) == ["A · Q4_K_M · 669 MiB"]
    picker.show_none()
    assert checked(picker) == []


def test_the_menu_does_not_change_while_it_is_open(picker: ModelPicker, tmp_path: Path) -> None:
    picker.set_models([file(tmp_path / "a.gguf", "A")], "", "")
    menu = open_menu(picker)
    picker.set_models([file(tmp_path / "b.gguf", "B")], "", "")
    assert "A · Q4_K_M · 669 MiB" in actions(picker)
    menu.close()
    open_menu(picker).close()
    assert "B · Q4_K_M · 669 MiB" in actions(picker) and "A · Q4_K_M · 669 MiB" not in actions(picker)


def checked(picker: ModelPicker) -> list[str]:
    open_menu(picker).close()
    return [text for text, action in actions(picker).items() if action.isChecked()]


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
    picker.set_models([], "", "")
    picker.set_models([], "", "")
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
