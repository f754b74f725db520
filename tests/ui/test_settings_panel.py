from __future__ import annotations

import dataclasses

import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QAccessible, QAccessibleInterface, QWheelEvent
from PySide6.QtWidgets import (
    QAbstractSpinBox,
    QApplication,
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QLabel,
    QLineEdit,
    QPushButton,
    QSpinBox,
    QToolButton,
    QWidget,
)
from pytestqt.qtbot import QtBot

from app.core.settings import Group, Settings, names_in, setting_of
from app.ui.memory_bill import MemoryBillView
from app.ui.settings_panel import SettingsPanel


@pytest.fixture
def panel(qtbot: QtBot) -> SettingsPanel:
    panel = SettingsPanel()
    qtbot.addWidget(panel)
    panel.show()
    panel.activateWindow()
    qtbot.waitUntil(panel.isActiveWindow)
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


NAMES = [*names_in(Group.LOADING), *names_in(Group.SAMPLING)]
ADVANCED = [name for name in NAMES if setting_of(name).advanced]


def editor_of(panel: SettingsPanel, name: str) -> QWidget:
    return panel.findChild(QWidget, setting_of(name).label.lower().replace(" ", "_").replace("-", "_"))


def names_of_labels(told: QAccessibleInterface) -> list[str]:
    """What a combo box goes by on Linux, where its name is its value."""
    return [label.text(QAccessible.Text.Name) for label, _ in told.relations(QAccessible.RelationFlag.Label)]


@pytest.mark.parametrize("name", NAMES)
def test_each_setting_has_a_name_and_help(panel: SettingsPanel, name: str) -> None:
    setting = setting_of(name)
    told = QAccessible.queryAccessibleInterface(editor_of(panel, name))
    assert setting.label in (told.text(QAccessible.Text.Name), *names_of_labels(told))
    assert told.text(QAccessible.Text.Description) == setting.help
    assert setting.help in [label.text() for label in panel.findChildren(QLabel)]


@pytest.mark.parametrize("name", [name for name in NAMES if setting_of(name).minimum is not None])
def test_each_number_has_its_limits(panel: SettingsPanel, name: str) -> None:
    setting = setting_of(name)
    box = editor_of(panel, name)
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


def test_every_change_is_told_at_once_and_whole(panel: SettingsPanel, qtbot: QtBot) -> None:
    panel.set_settings(Settings(top_k=20))
    told: list[Settings] = []
    panel.edited.connect(told.append)
    box = spin(panel, "gpu_layers")
    for _ in range(2):
        qtbot.keyClick(box, Qt.Key.Key_Up)
    panel.findChild(QCheckBox, "keep_in_memory").click()
    expected = Settings(top_k=20, gpu_layers=0), Settings(top_k=20, gpu_layers=1)
    assert told == [*expected, dataclasses.replace(expected[1], keep_in_memory=True)]


def test_what_was_just_typed_into_a_line_is_applied_too(panel: SettingsPanel, qtbot: QtBot) -> None:
    panel.findChild(QToolButton, "more_settings").click()
    qtbot.keyClicks(panel.findChild(QLineEdit, "devices"), "CUDA0")
    with qtbot.waitSignal(panel.changed) as changed:
        panel.flush()
    assert changed.args == [Settings(devices="CUDA0")]


def test_reasons_stand_below_what_is_automatic(panel: SettingsPanel) -> None:
    panel.set_settings(Settings(threads=2))
    panel.set_reasons({"context_length": "It is enough.", "threads": "One each."})
    shown = [label.text() for label in panel.findChildren(QLabel)]
    assert "It is enough." in shown
    assert "One each." not in shown
    panel.set_reasons({})
    assert "It is enough." not in [label.text() for label in panel.findChildren(QLabel)]


def test_more_settings_are_out_of_the_way_until_asked_for(panel: SettingsPanel, qtbot: QtBot) -> None:
    fold = panel.findChild(QToolButton, "more_settings")
    told = QAccessible.queryAccessibleInterface(fold)
    seen = []
    for _ in range(3):
        shown = {editor_of(panel, name).isVisible() for name in ADVANCED}
        seen.append((shown, bool(told.state().expanded), bool(told.state().collapsed)))
        qtbot.keyClick(fold, Qt.Key.Key_Space)
    assert seen == [({False}, False, True), ({True}, True, False), ({False}, False, True)]
    assert told.text(QAccessible.Text.Name) == "More settings"


def test_a_screen_reader_can_press_more_settings(panel: SettingsPanel) -> None:
    told = QAccessible.queryAccessibleInterface(panel.findChild(QToolButton, "more_settings"))
    told.actionInterface().doAction("Press")
    assert editor_of(panel, ADVANCED[0]).isVisible()


def test_more_settings_says_how_many_are_not_the_default(panel: SettingsPanel) -> None:
    fold = panel.findChild(QToolButton, "more_settings")
    said = [fold.text()]
    panel.set_settings(Settings(cache_type_k="q8_0", keep_in_memory=True, threads=1, temperature=0.1))
    said.append(fold.text())
    assert said == ["More settings", "More settings (2 changed)"]
    assert fold.accessibleDescription() == "2 changed"


def test_one_button_makes_all_settings_of_loading_automatic_again(panel: SettingsPanel, qtbot: QtBot) -> None:
    suit = panel.findChild(QPushButton, "suit_this_computer")
    offered = [suit.isEnabled()]
    panel.set_settings(Settings(temperature=0.1))
    offered.append(suit.isEnabled())
    panel.set_settings(Settings(gpu_layers=12, cache_type_k="q8_0", keep_in_memory=True, temperature=0.1))
    offered.append(suit.isEnabled())
    told: list[Settings] = []
    panel.edited.connect(told.append)
    with qtbot.waitSignal(panel.changed) as changed:
        qtbot.mouseClick(suit, Qt.MouseButton.LeftButton)
    assert (offered, suit.isEnabled()) == ([False, False, True], False)
    assert told == changed.args == [Settings(temperature=0.1)]
    assert spin(panel, "gpu_layers").text() == "automatic"
    assert panel.findChild(QComboBox, "kv_cache_type_k").currentText() == "automatic"


def test_the_bill_stands_between_the_settings_that_change_it(panel: SettingsPanel, qtbot: QtBot) -> None:
    view = MemoryBillView()
    panel.set_bill(view)
    panel.set_settings(Settings(threads=1))
    qtbot.waitUntil(view.isVisible)
    suit = panel.findChild(QPushButton, "suit_this_computer")
    suit.setFocus()
    reached = []
    for _ in range(2):
        qtbot.keyClick(QApplication.focusWidget(), Qt.Key.Key_Tab)
        reached.append(QApplication.focusWidget().objectName())
    assert reached == ["memory_bill", "more_settings"]
    assert spin(panel, "gpu_layers").y() < view.y() < panel.findChild(QToolButton, "more_settings").y()


def test_the_panel_stays_narrow_whatever_it_shows(panel: SettingsPanel) -> None:
    panel.set_bill(MemoryBillView())
    panel.findChild(QToolButton, "more_settings").click()
    panel.set_settings(Settings(context_length=1_048_576, rope_base=100_000_000.0))
    panel.set_automatic_values({"load_mode": "mapped"})
    QApplication.processEvents()
    assert panel.minimumSizeHint().width() < panel.fontMetrics().averageCharWidth() * 44
