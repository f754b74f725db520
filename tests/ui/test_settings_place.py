from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QComboBox, QLabel, QLineEdit, QPlainTextEdit, QPushButton
from pytestqt.qtbot import QtBot

from app.core.settings import Settings
from app.ui.settings_place import SettingsPlace


@pytest.fixture
def place(qtbot: QtBot) -> SettingsPlace:
    place = SettingsPlace()
    qtbot.addWidget(place)
    place.set_settings(Settings(default_system_prompt="Be kind.", top_k=7))
    place.show()
    return place


def test_it_shows_what_it_is_given_and_reports_none_of_it(place: SettingsPlace, qtbot: QtBot) -> None:
    with qtbot.assertNotEmitted(place.changed):
        place.set_settings(Settings(default_system_prompt="Be brief.", appearance="dark"))
        place.set_data_folder("/home/me/paddock")
        place.flush()
    assert place.findChild(QPlainTextEdit, "default_system_prompt").toPlainText() == "Be brief."
    assert place.findChild(QComboBox, "appearance").currentText() == "Dark"
    assert place.findChild(QLineEdit, "data_folder").text() == "/home/me/paddock"
    versions = place.findChild(QLabel, "versions")
    assert versions.text().startswith("Paddock ")
    assert versions.textFormat() == Qt.TextFormat.PlainText


def test_the_appearance_is_reported_at_once_with_all_settings(place: SettingsPlace, qtbot: QtBot) -> None:
    with qtbot.waitSignal(place.changed) as changed:
        qtbot.keyClick(place.findChild(QComboBox, "appearance"), Qt.Key.Key_Down)
    assert changed.args == [Settings(default_system_prompt="Be kind.", top_k=7, appearance="light")]


def test_the_default_system_prompt_is_reported_when_typing_pauses(place: SettingsPlace, qtbot: QtBot) -> None:
    with qtbot.waitSignal(place.changed) as changed:
        qtbot.keyClicks(place.findChild(QPlainTextEdit, "default_system_prompt"), "Hi. ")
    assert changed.args[0].default_system_prompt == "Hi. Be kind."


def test_flush_reports_a_prompt_still_being_typed(place: SettingsPlace, qtbot: QtBot) -> None:
    qtbot.keyClick(place.findChild(QPlainTextEdit, "default_system_prompt"), Qt.Key.Key_X)
    with qtbot.waitSignal(place.changed, timeout=0) as changed:
        place.flush()
    assert changed.args[0].default_system_prompt == "xBe kind."


def test_the_button_asks_to_open_the_data_folder(place: SettingsPlace, qtbot: QtBot) -> None:
    with qtbot.waitSignal(place.open_folder_requested):
        qtbot.mouseClick(place.findChild(QPushButton, "open_data_folder"), Qt.MouseButton.LeftButton)
