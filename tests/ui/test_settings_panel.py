from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QAccessible, QWheelEvent
from PySide6.QtWidgets import QAbstractSpinBox, QApplication, QDoubleSpinBox, QLabel, QPushButton, QSpinBox, QToolButton
from pytestqt.qtbot import QtBot

from app.core.settings import Group, Settings, names_in, setting_of
from app.ui.settings_panel import SettingsPanel


@pytest.fixture
def panel(qtbot: QtBot) -> SettingsPanel:
    panel = SettingsPanel()
    qtbot.addWidget(panel)
    panel.show()
    panel.activateWindow()
    qtbot.waitActive(panel)
    return panel


def spin(panel: SettingsPanel, name: str) -> QSpinBox:
    return panel.findChild(QSpinBox, name)


def apply_button(panel: SettingsPanel) -> QPushButton:
    return panel.findChild(QPushButton, "apply_and_reload")


def type_into(qtbot: QtBot, box: QAbstractSpinBox, text: str) -> None:
    box.setFocus()
    box.selectAll()
    qtbot.keyClicks(box, text)


def turn_wheel(box: QAbstractSpinBox) -> bool:
    """Turns the wheel one notch over `box`; whether it was used."""
    middle = QPointF(box.rect().center())
    event = QWheelEvent(
        *(middle, box.mapToGlobal(middle), QPoint(), QPoint(0, 120), Qt.MouseButton.NoButton),
        *(Qt.KeyboardModifier.NoModifier, Qt.ScrollPhase.NoScrollPhase, False),
    )
    QApplication.sendEvent(box, event)
    return event.isAccepted()


def names() -> Iterator[str]:
    yield from names_in(Group.LOADING)
    yield from names_in(Group.SAMPLING)


@pytest.mark.parametrize("name", list(names()))
def test_each_setting_has_name_help_and_limits(panel: SettingsPanel, name: str) -> None:
    setting = setting_of(name)
    box = panel.findChild(QAbstractSpinBox, name)
    told = QAccessible.queryAccessibleInterface(box)
    assert told.text(QAccessible.Text.Name) == setting.label
    assert told.text(QAccessible.Text.Description) == setting.help
    assert setting.help in [label.text() for label in panel.findChildren(QLabel)]
    assert isinstance(box, QSpinBox | QDoubleSpinBox)
    below = 1 if setting.automatic else 0
    assert (box.minimum(), box.maximum()) == (setting.minimum - below, setting.maximum)


def test_it_shows_the_settings_it_is_given_and_reports_none_of_them(panel: SettingsPanel, qtbot: QtBot) -> None:
    settings = Settings(context_length=4096, gpu_layers=None, temperature=1.25, seed=7)
    with qtbot.assertNotEmitted(panel.changed):
        panel.set_settings(settings)
        panel.flush()
    assert spin(panel, "context_length").value() == 4096
    assert spin(panel, "gpu_layers").text() == "automatic"
    assert panel.findChild(QDoubleSpinBox, "temperature").value() == 1.25
    assert spin(panel, "seed").value() == 7


def test_a_change_is_reported_once_and_whole_when_typing_pauses(panel: SettingsPanel, qtbot: QtBot) -> None:
    panel.set_settings(Settings(top_k=20, default_system_prompt="Mine."))
    changes: list[Settings] = []
    panel.changed.connect(changes.append)
    type_into(qtbot, panel.findChild(QDoubleSpinBox, "temperature"), "1.3")
    type_into(qtbot, spin(panel, "context_length"), "1024")
    assert changes == []
    expected = Settings(temperature=1.3, context_length=1024, top_k=20, default_system_prompt="Mine.")
    qtbot.waitUntil(lambda: changes == [expected])


def test_settings_that_arrive_during_a_change_do_not_undo_it(panel: SettingsPanel, qtbot: QtBot) -> None:
    type_into(qtbot, spin(panel, "top_k"), "99")
    panel.set_settings(Settings(top_k=40, appearance="dark"))
    with qtbot.waitSignal(panel.changed) as changed:
        panel.flush()
    assert changed.args == [Settings(top_k=99, appearance="dark")]


def test_automatic_says_what_it_means_now(panel: SettingsPanel) -> None:
    panel.set_automatic_values({"context_length": 2048, "threads": 2, "gpu_layers": 0})
    grouped = panel.locale().toString(2048)
    assert spin(panel, "context_length").text() == f"automatic ({grouped})"
    assert spin(panel, "threads").text() == "automatic (2)"
    assert spin(panel, "gpu_layers").text() == "automatic (0)"


def test_one_steps_from_automatic_to_what_it_means_and_back_below_the_least(panel: SettingsPanel, qtbot: QtBot) -> None:
    box = spin(panel, "context_length")
    panel.set_automatic_values({"context_length": 512})
    shown = []
    for key in (Qt.Key.Key_Up, Qt.Key.Key_Up, Qt.Key.Key_Down, Qt.Key.Key_Down, Qt.Key.Key_Down):
        qtbot.keyClick(box, key)
        shown.append(box.text())
    assert shown == ["512", "768", "512", "256", "automatic (512)"]
    panel.flush()
    with qtbot.waitSignal(panel.changed) as changed:
        qtbot.keyClick(box, Qt.Key.Key_Up)
    assert changed.args[0].context_length == 512


def test_a_changed_setting_can_be_put_back_to_its_default(panel: SettingsPanel, qtbot: QtBot) -> None:
    reset = panel.findChild(QToolButton, "reset_gpu_layers")
    assert reset.isHidden()
    type_into(qtbot, spin(panel, "gpu_layers"), "12")
    panel.flush()
    with qtbot.waitSignal(panel.changed) as changed:
        qtbot.mouseClick(reset, Qt.MouseButton.LeftButton)
    assert changed.args[0].gpu_layers is None
    assert reset.isHidden()
    assert spin(panel, "gpu_layers").hasFocus()


def test_no_value_beyond_the_limits_is_reported(panel: SettingsPanel, qtbot: QtBot) -> None:
    changes: list[Settings] = []
    panel.changed.connect(changes.append)
    for name, text in (("temperature", "9"), ("top_k", "999999"), ("context_length", "12")):
        box = panel.findChild(QAbstractSpinBox, name)
        type_into(qtbot, box, text)
        qtbot.keyClick(box, Qt.Key.Key_Return)
        panel.flush()
    assert changes
    assert all(settings == settings.clamped() for settings in changes)


def test_apply_is_offered_only_when_the_loading_settings_differ_from_those_in_force(
    panel: SettingsPanel, qtbot: QtBot
) -> None:
    offered = {"none loaded": apply_button(panel).isEnabled()}
    panel.set_in_force(Settings())
    offered["the same"] = apply_button(panel).isEnabled()
    type_into(qtbot, panel.findChild(QDoubleSpinBox, "temperature"), "0.1")
    offered["sampling"] = apply_button(panel).isEnabled()
    type_into(qtbot, spin(panel, "threads"), "1")
    offered["loading"] = apply_button(panel).isEnabled()
    panel.set_in_force(Settings(threads=1))
    offered["applied"] = apply_button(panel).isEnabled()
    expected = {"none loaded": False, "the same": False, "sampling": False, "loading": True, "applied": False}
    assert offered == expected


def test_apply_reports_the_newest_settings_first(panel: SettingsPanel, qtbot: QtBot) -> None:
    panel.set_in_force(Settings())
    heard: list[object] = []
    panel.changed.connect(heard.append)
    panel.apply_requested.connect(lambda: heard.append("apply"))
    type_into(qtbot, spin(panel, "context_length"), "1024")
    qtbot.mouseClick(apply_button(panel), Qt.MouseButton.LeftButton)
    assert heard == [dataclasses.replace(Settings(), context_length=1024), "apply"]


def test_the_wheel_changes_a_number_only_where_the_focus_is(panel: SettingsPanel) -> None:
    focused, other = spin(panel, "top_k"), panel.findChild(QDoubleSpinBox, "temperature")
    focused.setFocus()
    assert not turn_wheel(other)
    assert other.value() == Settings().temperature
    assert turn_wheel(focused)
    assert focused.value() == Settings().top_k + 1
