from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAccessible, QAction
from PySide6.QtWidgets import QApplication, QLabel, QMenu, QWidget
from pytestqt.qtbot import QtBot

from app.core.resources import resource
from app.ui.message_actions import Action, ActionButton, MessageActions, VersionSwitch

BUTTONS = (Action.COPY, Action.EDIT, Action.REGENERATE, Action.CONTINUE, Action.DELETE, Action.MORE)


@pytest.fixture
def actions(qtbot: QtBot) -> MessageActions:
    return shown(MessageActions(BUTTONS), qtbot)


@pytest.fixture
def switch(qtbot: QtBot) -> VersionSwitch:
    return shown(VersionSwitch(), qtbot)


def shown(widget, qtbot: QtBot):
    qtbot.addWidget(widget)
    widget.show()
    widget.activateWindow()
    qtbot.waitUntil(widget.isActiveWindow)
    if (focus := QApplication.focusWidget()) is not None:
        focus.clearFocus()
    return widget


def button(parent: QWidget, name: str) -> ActionButton:
    found = parent.findChild(ActionButton, name)
    assert found is not None
    return found


def press(qtbot: QtBot, parent: QWidget, name: str) -> None:
    qtbot.mouseClick(button(parent, name), Qt.MouseButton.LeftButton)


def open_menu(qtbot: QtBot, actions: MessageActions) -> dict[str, QAction]:
    """The items of the `More` menu by their words."""
    press(qtbot, actions, "more")
    menu = actions.findChildren(QMenu, "more_menu")[-1]
    qtbot.waitUntil(menu.isVisible)
    return {item.text(): item for item in menu.actions()}


def is_painted(widget: QWidget) -> bool:
    """Whether anything but one colour is there."""
    image = widget.grab().toImage()
    return len({image.pixel(x, y) for x in range(image.width()) for y in range(image.height())}) > 1


@pytest.mark.parametrize("name", ["copy", "edit", "regenerate", "continue", "delete"])
def test_a_button_asks_for_its_action(actions: MessageActions, qtbot: QtBot, name: str) -> None:
    with qtbot.waitSignal(actions.requested) as asked:
        press(qtbot, actions, name)
    assert asked.args == [name]


def test_a_button_is_pressed_by_key(actions: MessageActions, qtbot: QtBot) -> None:
    button(actions, "edit").setFocus()
    with qtbot.waitSignal(actions.requested) as asked:
        qtbot.keyClick(button(actions, "edit"), Qt.Key.Key_Space)
    assert asked.args == ["edit"]


def test_each_button_has_a_name_and_a_tool_tip_and_can_have_the_focus(actions: MessageActions) -> None:
    buttons = actions.findChildren(ActionButton)
    assert [one.accessibleName() for one in buttons] == ["Copy", "Edit", "Regenerate", "Continue", "Delete", "More"]
    assert [one.toolTip() for one in buttons] == [f"<p>{one.accessibleName()}</p>" for one in buttons]
    assert all(one.focusPolicy() & Qt.FocusPolicy.TabFocus for one in buttons)
    assert all(QAccessible.queryAccessibleInterface(one).role() == QAccessible.Role.Button for one in buttons)


@pytest.mark.parametrize("action", [*BUTTONS, Action.PREVIOUS_VERSION, Action.NEXT_VERSION])
def test_each_button_has_an_icon_in_the_colour_of_the_text(action: Action) -> None:
    assert "currentColor" in resource(f"icons/{action}.svg").read_text("utf-8")


def test_quiet_buttons_keep_their_place_and_are_not_painted(actions: MessageActions) -> None:
    places = [one.geometry() for one in actions.findChildren(ActionButton)]
    assert not is_painted(actions)

    actions.set_quiet(False)

    assert is_painted(actions)
    assert [one.geometry() for one in actions.findChildren(ActionButton)] == places


def test_a_quiet_button_with_the_focus_is_painted(actions: MessageActions) -> None:
    button(actions, "edit").setFocus()
    assert is_painted(button(actions, "edit"))
    assert not is_painted(button(actions, "copy"))


def test_only_what_is_offered_is_there(actions: MessageActions) -> None:
    actions.set_offered([Action.COPY, Action.MORE])
    assert [one.objectName() for one in actions.findChildren(ActionButton) if one.isVisible()] == ["copy", "more"]


def test_while_a_reply_is_written_only_what_writes_nothing_can_be_done(actions: MessageActions, qtbot: QtBot) -> None:
    actions.set_busy(True)
    assert [one.objectName() for one in actions.findChildren(ActionButton) if one.isEnabled()] == ["copy", "more"]
    assert [words for words, item in open_menu(qtbot, actions).items() if item.isEnabled()] == ["Details"]

    actions.set_busy(False)
    assert all(one.isEnabled() for one in actions.findChildren(ActionButton))


@pytest.mark.parametrize(
    ("words", "action"), [("Fork from here", "fork_from_here"), ("Pin", "pin"), ("Details", "details")]
)
def test_the_menu_asks_for_its_actions(actions: MessageActions, qtbot: QtBot, words: str, action: str) -> None:
    item = open_menu(qtbot, actions)[words]
    with qtbot.waitSignal(actions.requested) as asked:
        item.trigger()
    assert asked.args == [action]
    assert item.objectName() == action


def test_the_menu_takes_the_pin_of_a_pinned_message_away(actions: MessageActions, qtbot: QtBot) -> None:
    actions.set_pinned(True)
    items = open_menu(qtbot, actions)
    assert list(items) == ["Fork from here", "Unpin", "Details"]
    with qtbot.waitSignal(actions.requested) as asked:
        items["Unpin"].trigger()
    assert asked.args == ["unpin"]


def test_the_menu_is_opened_and_used_by_key(actions: MessageActions, qtbot: QtBot) -> None:
    button(actions, "more").setFocus()
    qtbot.keyClick(button(actions, "more"), Qt.Key.Key_Space)
    menu = actions.findChild(QMenu, "more_menu")
    qtbot.waitUntil(menu.isVisible)
    with qtbot.waitSignal(actions.requested) as asked:
        qtbot.keyClick(menu, Qt.Key.Key_Down)
        qtbot.keyClick(menu, Qt.Key.Key_Return)
    assert asked.args == ["fork_from_here"]
    assert QApplication.focusWidget() is button(actions, "more")


def test_a_closed_menu_does_not_stay_around(actions: MessageActions, qtbot: QtBot) -> None:
    open_menu(qtbot, actions)
    actions.findChild(QMenu, "more_menu").close()
    qtbot.waitUntil(lambda: not actions.findChildren(QMenu))


def test_buttons_grow_with_the_font(actions: MessageActions) -> None:
    small = button(actions, "edit").iconSize()
    font = actions.font()
    font.setPointSizeF(font.pointSizeF() * 2)
    actions.setFont(font)
    assert button(actions, "edit").iconSize().height() >= small.height() * 1.9


def test_the_version_is_said_in_figures_and_in_words(switch: VersionSwitch) -> None:
    switch.show_place(2, 3)
    label = switch.findChild(QLabel, "version")
    assert label.text() == "2/3"
    assert label.accessibleName() == "Version 2 of 3"


@pytest.mark.parametrize(("name", "step"), [("previous_version", -1), ("next_version", 1)])
def test_the_versions_before_and_after_are_a_step_away(
    switch: VersionSwitch, qtbot: QtBot, name: str, step: int
) -> None:
    switch.show_place(2, 3)
    with qtbot.waitSignal(switch.step_requested) as asked:
        press(qtbot, switch, name)
    assert asked.args == [step]


@pytest.mark.parametrize(
    ("place", "usable"), [(1, ["next_version"]), (2, ["previous_version", "next_version"]), (3, ["previous_version"])]
)
def test_there_is_no_step_beyond_the_ends(switch: VersionSwitch, place: int, usable: list[str]) -> None:
    switch.show_place(place, 3)
    assert [one.objectName() for one in switch.findChildren(ActionButton) if one.isEnabled()] == usable


def test_no_other_version_is_shown_while_a_reply_is_written(switch: VersionSwitch) -> None:
    switch.show_place(2, 3)
    switch.set_busy(True)
    assert not any(one.isEnabled() for one in switch.findChildren(ActionButton))
    switch.set_busy(False)
    assert all(one.isEnabled() for one in switch.findChildren(ActionButton))


def test_the_ways_to_other_versions_are_always_painted(switch: VersionSwitch) -> None:
    switch.show_place(2, 3)
    assert all(is_painted(one) for one in switch.findChildren(ActionButton))
