from __future__ import annotations

from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QCheckBox, QComboBox, QDoubleSpinBox, QLabel, QLineEdit, QPlainTextEdit, QToolButton
from pytestqt.qtbot import QtBot

from app.ui.setting_editor import SettingEditor


class Watched:
    """An editor of a setting, and what it reported."""

    def __init__(self, name: str, qtbot: QtBot) -> None:
        self.editor = SettingEditor(name)
        qtbot.addWidget(self.editor)
        self.editor.show()
        self.editor.activateWindow()
        qtbot.waitUntil(self.editor.isActiveWindow)
        self.reported: list[Any] = []
        self.editor.value_changed.connect(self.reported.append)

    def find(self, kind: type[Any]) -> Any:
        return self.editor.findChild(kind)

    def note(self) -> str:
        return self.editor.findChildren(QLabel)[-1].text()


def test_an_automatic_choice_says_what_it_means_now(qtbot: QtBot) -> None:
    watched = Watched("cache_type_k", qtbot)
    box = watched.find(QComboBox)
    said = [box.currentText()]
    for value in ("f16", "q8_0"):
        watched.editor.set_automatic_value(value)
        said.append(box.currentText())

    assert said == ["automatic", "automatic (F16)", "automatic (Q8_0)"]
    assert watched.reported == []


def test_a_choice_can_be_fixed_and_made_automatic_again(qtbot: QtBot) -> None:
    watched = Watched("cache_type_v", qtbot)
    box = watched.find(QComboBox)
    for _ in range(2):
        qtbot.keyClick(box, Qt.Key.Key_Down)
    qtbot.mouseClick(watched.find(QToolButton), Qt.MouseButton.LeftButton)

    assert watched.reported == ["f16", "q8_0", None]
    assert box.currentText() == "automatic"


def test_a_truth_is_a_check_box_with_its_own_label(qtbot: QtBot) -> None:
    watched = Watched("keep_in_memory", qtbot)
    box = watched.find(QCheckBox)
    for _ in range(2):
        qtbot.keyClick(box, Qt.Key.Key_Space)

    assert (box.text(), box.accessibleName()) == ("Keep in memory", "Keep in memory")
    assert watched.reported == [True, False]


@pytest.mark.parametrize(("name", "value", "text"), [("rope_base", 500_000.0, "500,000"), ("rope_scale", 0.5, "0.50")])
def test_nought_is_said_to_be_the_models_own(qtbot: QtBot, name: str, value: float, text: str) -> None:
    watched = Watched(name, qtbot)
    box = watched.find(QDoubleSpinBox)
    box.setGroupSeparatorShown(True)
    said = [box.text()]
    watched.editor.set_value(value)
    said.append(box.text())

    assert said == ["the model's own", text]


def test_a_nought_that_means_nought_is_a_number(qtbot: QtBot) -> None:
    watched = Watched("min_p", qtbot)
    watched.editor.set_value(0.0)

    assert watched.find(QDoubleSpinBox).text() == "0.00"


def test_a_prompt_has_several_lines_and_names_of_devices_have_one(qtbot: QtBot) -> None:
    assert Watched("default_system_prompt", qtbot).find(QPlainTextEdit)
    assert Watched("devices", qtbot).find(QLineEdit)


def test_a_line_is_reported_whole_when_typing_pauses(qtbot: QtBot) -> None:
    watched = Watched("devices", qtbot)
    qtbot.keyClicks(watched.find(QLineEdit), " CUDA0,CUDA1 ")
    at_once = list(watched.reported)

    qtbot.waitUntil(lambda: bool(watched.reported))
    assert (at_once, watched.reported) == ([], ["CUDA0,CUDA1"])


def test_a_line_is_reported_at_once_with_enter_or_a_flush(qtbot: QtBot) -> None:
    watched = Watched("tensor_split", qtbot)
    line = watched.find(QLineEdit)
    qtbot.keyClicks(line, "3,1")
    qtbot.keyClick(line, Qt.Key.Key_Return)
    qtbot.keyClicks(line, "0")
    watched.editor.flush()

    assert watched.reported == ["3,1", "3,10"]


def test_a_line_that_makes_no_sense_is_not_reported_and_does_not_stay(qtbot: QtBot) -> None:
    watched = Watched("tensor_split", qtbot)
    watched.editor.set_value("3,1")
    line = watched.find(QLineEdit)
    line.setFocus()
    qtbot.keyClicks(line, "x,")
    watched.editor.flush()
    typed = line.text()
    watched.find(QToolButton).setFocus()

    assert (typed, line.text(), watched.reported) == ("3,1,", "3,1", [])


def test_a_line_can_be_emptied(qtbot: QtBot) -> None:
    watched = Watched("tensor_split", qtbot)
    watched.editor.set_value("3")
    qtbot.keyClick(watched.find(QLineEdit), Qt.Key.Key_Backspace)
    watched.editor.flush()

    assert watched.reported == [""]


def test_a_value_that_comes_in_while_typing_a_line_is_shown_and_not_reported(qtbot: QtBot) -> None:
    watched = Watched("tensor_split", qtbot)
    qtbot.keyClicks(watched.find(QLineEdit), "3,")
    watched.editor.set_value("1,1")
    watched.editor.flush()

    assert (watched.find(QLineEdit).text(), watched.reported) == ("1,1", [])


def test_the_reason_is_said_in_place_of_the_help_while_it_is_automatic(qtbot: QtBot) -> None:
    watched = Watched("load_mode", qtbot)
    help_ = watched.note()
    watched.editor.set_reason("Because.")
    said = [watched.note()]
    box = watched.find(QComboBox)
    described = box.accessibleDescription()
    qtbot.keyClick(box, Qt.Key.Key_Down)
    said.append(watched.note())
    watched.editor.set_value(None)
    said.append(watched.note())

    assert said == ["Because.", help_, "Because."]
    assert described == f"Because. {help_}"
