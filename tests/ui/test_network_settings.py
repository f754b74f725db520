from __future__ import annotations

from collections.abc import Callable

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAccessible
from PySide6.QtWidgets import QCheckBox, QLabel, QLineEdit, QPushButton
from pytestqt.qtbot import QtBot

from app.ui.network_session import TokenPlace
from app.ui.network_settings import NetworkSettings


@pytest.fixture
def view(qtbot: QtBot) -> NetworkSettings:
    view = NetworkSettings()
    qtbot.addWidget(view)
    view.show()
    return view


def switch(view: NetworkSettings) -> QCheckBox:
    return view.findChild(QCheckBox, "offline")


def editor(view: NetworkSettings) -> QLineEdit:
    return view.findChild(QLineEdit, "hub_token")


def button(view: NetworkSettings, name: str) -> QPushButton:
    return view.findChild(QPushButton, name)


def words(view: NetworkSettings, name: str) -> str:
    return str(view.findChild(QLabel, name).text())


@pytest.mark.parametrize(
    "press",
    [
        lambda qtbot, box: qtbot.keyClick(box, Qt.Key.Key_Space),
        lambda _qtbot, box: QAccessible.queryAccessibleInterface(box).actionInterface().doAction("Toggle"),
    ],
)
def test_only_the_user_switches_offline(
    view: NetworkSettings, qtbot: QtBot, press: Callable[[QtBot, QCheckBox], None]
) -> None:
    with qtbot.assertNotEmitted(view.offline_changed):
        view.set_offline(True)
    assert switch(view).isChecked()
    with qtbot.waitSignal(view.offline_changed) as changed:
        press(qtbot, switch(view))
    assert changed.args == [False]


def test_the_switch_says_what_it_does(view: NetworkSettings) -> None:
    interface = QAccessible.queryAccessibleInterface(switch(view))
    assert interface.text(QAccessible.Text.Name) == "Offline"
    assert interface.text(QAccessible.Text.Description) == "No connection leaves this computer."
    assert words(view, "offline_help") == "No connection leaves this computer."


@pytest.mark.parametrize(
    "press",
    [
        lambda qtbot, view: qtbot.mouseClick(button(view, "save_token"), Qt.MouseButton.LeftButton),
        lambda qtbot, view: qtbot.keyClick(editor(view), Qt.Key.Key_Return),
    ],
)
def test_a_token_is_handed_on_and_not_kept_on_screen(
    view: NetworkSettings, qtbot: QtBot, press: Callable[[QtBot, NetworkSettings], None]
) -> None:
    qtbot.keyClicks(editor(view), " hf_secret ")
    assert "hf_secret" not in editor(view).displayText()
    with qtbot.waitSignal(view.token_saved) as saved:
        press(qtbot, view)
    assert saved.args == ["hf_secret"]
    assert editor(view).text() == ""


def test_nothing_is_no_token(view: NetworkSettings, qtbot: QtBot) -> None:
    qtbot.keyClicks(editor(view), "  ")
    assert not button(view, "save_token").isEnabled()
    with qtbot.assertNotEmitted(view.token_saved):
        qtbot.keyClick(editor(view), Qt.Key.Key_Return)


@pytest.mark.parametrize(
    ("place", "part"),
    [
        (TokenPlace.NOWHERE, "There is no token"),
        (TokenPlace.KEYRING, "kept in the system keyring"),
        (TokenPlace.THIS_RUN, "This system has no keyring: the token is kept until Paddock is closed"),
    ],
)
def test_it_says_where_the_token_is_kept(view: NetworkSettings, place: TokenPlace, part: str) -> None:
    view.set_token_place(place)
    assert part in words(view, "token_place")
    assert button(view, "remove_token").isVisible() == button(view, "check_token").isVisible()
    assert button(view, "remove_token").isVisible() == (place is not TokenPlace.NOWHERE)


def test_a_kept_token_can_be_checked_and_removed(view: NetworkSettings, qtbot: QtBot) -> None:
    view.set_token_place(TokenPlace.KEYRING)
    with qtbot.waitSignal(view.token_check_requested):
        qtbot.mouseClick(button(view, "check_token"), Qt.MouseButton.LeftButton)
    view.show_token_message("It belongs to <b>ada</b>.")
    assert words(view, "token_message") == "It belongs to <b>ada</b>."
    assert view.findChild(QLabel, "token_message").textFormat() == Qt.TextFormat.PlainText
    with qtbot.waitSignal(view.token_removed):
        qtbot.mouseClick(button(view, "remove_token"), Qt.MouseButton.LeftButton)
    view.set_token_place(TokenPlace.NOWHERE)
    assert words(view, "token_message") == ""


def test_the_focus_goes_from_a_button_that_vanishes_to_the_editor(view: NetworkSettings, qtbot: QtBot) -> None:
    view.set_token_place(TokenPlace.KEYRING)
    view.activateWindow()
    button(view, "remove_token").setFocus()
    qtbot.waitUntil(lambda: button(view, "remove_token").hasFocus())
    view.set_token_place(TokenPlace.NOWHERE)
    assert editor(view).hasFocus()


def test_the_focus_goes_back_to_the_editor_when_a_token_was_saved(view: NetworkSettings, qtbot: QtBot) -> None:
    view.activateWindow()
    qtbot.keyClicks(editor(view), "hf_secret")
    button(view, "save_token").setFocus()
    qtbot.waitUntil(lambda: button(view, "save_token").hasFocus())
    qtbot.keyClick(button(view, "save_token"), Qt.Key.Key_Space)
    assert editor(view).hasFocus()


def test_the_token_can_be_asked_for(view: NetworkSettings, qtbot: QtBot) -> None:
    view.activateWindow()
    view.focus_token()
    qtbot.waitUntil(lambda: editor(view).hasFocus())


def test_the_models_folder_is_shown_and_another_can_be_wished_for(view: NetworkSettings, qtbot: QtBot) -> None:
    view.set_models_folder("/data/models")
    folder = view.findChild(QLineEdit, "models_folder")
    assert (folder.text(), folder.isReadOnly(), folder.accessibleName()) == ("/data/models", True, "Models folder")
    assert button(view, "change_models_folder").accessibleName() == "Change models folder"
    with qtbot.waitSignal(view.models_folder_requested):
        qtbot.mouseClick(button(view, "change_models_folder"), Qt.MouseButton.LeftButton)
