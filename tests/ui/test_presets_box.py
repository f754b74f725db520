from __future__ import annotations

from collections.abc import Iterator

import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QAction, QWheelEvent
from PySide6.QtWidgets import QApplication, QComboBox, QInputDialog, QLineEdit, QMenu, QToolButton
from pytestqt.qtbot import QtBot

from app.core.presets import Preset
from app.core.settings import Settings
from app.ui.presets_box import PresetsBox

CLERK = Preset("Clerk", "Be exact.", Settings(temperature=0.0))
POET = Preset("Poet <b>", "Answer in verse.", Settings(temperature=1.2))


@pytest.fixture
def box(qtbot: QtBot) -> Iterator[PresetsBox]:
    box = PresetsBox()
    qtbot.addWidget(box)
    box.set_presets([CLERK, POET])
    box.show()
    yield box
    combo_of(box).hidePopup()


def combo_of(box: PresetsBox) -> QComboBox:
    return box.findChild(QComboBox, "preset")


def menu_of(box: PresetsBox, qtbot: QtBot) -> dict[str, QAction]:
    qtbot.mouseClick(box.findChild(QToolButton, "preset_actions"), Qt.MouseButton.LeftButton)
    menu = box.findChild(QMenu, "preset_menu")
    assert menu.isVisible()
    return {action.text(): action for action in menu.actions() if action.text()}


def test_the_one_that_is_chosen_is_reported_even_a_second_time(box: PresetsBox, qtbot: QtBot) -> None:
    chosen: list[Preset] = []
    box.preset_chosen.connect(chosen.append)
    for _ in range(2):
        combo_of(box).showPopup()
        view = combo_of(box).view()
        view.setCurrentIndex(combo_of(box).model().index(1, 0))
        qtbot.keyClick(view, Qt.Key.Key_Return)
    assert chosen == [POET, POET]
    assert box.current() == "Poet <b>"


def test_showing_one_is_no_choice(box: PresetsBox, qtbot: QtBot) -> None:
    with qtbot.assertNotEmitted(box.preset_chosen):
        box.set_current("Clerk")
        box.set_presets([POET, CLERK])
        assert box.current() == "Clerk"
        box.set_presets([POET])
        assert box.current() == ""
        box.set_current("nobody")
    assert combo_of(box).placeholderText() == "Choose a preset"


@pytest.mark.parametrize("key", [Qt.Key.Key_Down, Qt.Key.Key_Up, Qt.Key.Key_End, Qt.Key.Key_P, Qt.Key.Key_Space])
def test_a_key_opens_the_list_and_chooses_nothing(box: PresetsBox, qtbot: QtBot, key: Qt.Key) -> None:
    box.set_current("Clerk")
    with qtbot.assertNotEmitted(box.preset_chosen):
        qtbot.keyClick(combo_of(box), key)
    assert combo_of(box).view().isVisible()
    assert box.current() == "Clerk"


def test_the_wheel_chooses_nothing(box: PresetsBox, qtbot: QtBot) -> None:
    box.set_current("Clerk")
    combo_of(box).setFocus()
    down, none = QPoint(0, -120), QPoint()
    keys, phase = Qt.KeyboardModifier.NoModifier, Qt.ScrollPhase.NoScrollPhase
    event = QWheelEvent(QPointF(5, 5), QPointF(5, 5), none, down, Qt.MouseButton.NoButton, keys, phase, False)
    with qtbot.assertNotEmitted(box.preset_chosen):
        QApplication.sendEvent(combo_of(box), event)
    assert box.current() == "Clerk"


def test_without_presets_one_can_still_be_saved_or_brought_in(box: PresetsBox, qtbot: QtBot) -> None:
    box.set_presets([])
    assert not combo_of(box).isEnabled()
    assert combo_of(box).placeholderText() == "No presets yet"
    enabled = {text for text, action in menu_of(box, qtbot).items() if action.isEnabled()}
    assert enabled == {"Save as…", "Import…"}


def test_the_menu_acts_on_the_one_that_is_shown(box: PresetsBox, qtbot: QtBot) -> None:
    box.set_current("Poet <b>")
    with qtbot.waitSignal(box.delete_requested) as deleted:
        menu_of(box, qtbot)["Delete"].trigger()
    with qtbot.waitSignal(box.export_requested) as exported:
        menu_of(box, qtbot)["Export…"].trigger()
    with qtbot.waitSignal(box.import_requested):
        menu_of(box, qtbot)["Import…"].trigger()
    assert (deleted.args, exported.args) == (["Poet <b>"], ["Poet <b>"])


def test_a_name_is_asked_for_and_made_clean(box: PresetsBox, qtbot: QtBot) -> None:
    box.set_current("Clerk")
    menu_of(box, qtbot)["Save as…"].trigger()
    dialog = box.findChild(QInputDialog, "save_preset")
    name = dialog.findChild(QLineEdit, "preset_name")
    assert (name.accessibleName(), name.text()) == ("Preset name", "Clerk")
    name.setText("  My\u202e own ")
    with qtbot.waitSignal(box.save_requested) as saved:
        dialog.accept()
    assert saved.args == ["My own"]


def test_an_empty_name_saves_nothing(box: PresetsBox, qtbot: QtBot) -> None:
    menu_of(box, qtbot)["Save as…"].trigger()
    dialog = box.findChild(QInputDialog, "save_preset")
    dialog.findChild(QLineEdit, "preset_name").setText("  ")
    with qtbot.assertNotEmitted(box.save_requested):
        dialog.accept()


def test_the_controls_have_their_names(box: PresetsBox) -> None:
    assert combo_of(box).accessibleName() == "Preset"
    assert box.findChild(QToolButton, "preset_actions").accessibleName() == "Preset actions"
