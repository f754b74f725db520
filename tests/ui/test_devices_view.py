from __future__ import annotations

import dataclasses

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAccessible, QAccessibleInterface
from PySide6.QtWidgets import QApplication, QLabel, QLineEdit, QProgressBar, QPushButton, QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from app.core import errors
from app.core.diagnosis import DeviceReport
from app.ui.devices_view import DevicesView

GIB = 1 << 30
PROCESSOR = DeviceReport("CPU", "A  Processor", "CPU", "cpu", 16 * GIB, 8 * GIB, works=True)
CARD = DeviceReport("CUDA0", "A Card", "CUDA", "gpu", 8 * GIB, 6 * GIB)
BROKEN = DeviceReport(
    "Vulkan0", "A Chip", "Vulkan", "integrated", 0, 0, False, "It hangs.", "Used instead: the processor."
)


@pytest.fixture
def view(qtbot: QtBot) -> DevicesView:
    view = DevicesView()
    qtbot.addWidget(view)
    view.resize(600, 500)
    view.show()
    return view


def button(view: DevicesView, name: str) -> QPushButton:
    return view.findChild(QPushButton, name)


def texts(view: DevicesView) -> list[list[str]]:
    """What is seen of each device, line by line."""
    return [[label.text() for label in row.findChildren(QLabel) if label.isVisible()] for row in rows(view)]


def rows(view: DevicesView) -> list[QWidget]:
    found = [row for row in view.findChildren(QWidget, "device") if row.isVisible()]
    return sorted(found, key=lambda row: row.y())


def failures(view: DevicesView) -> list[QWidget]:
    return [panel for panel in view.findChildren(QWidget, "failure") if panel.isVisible()]


def note(view: DevicesView) -> str:
    label = view.findChild(QLabel, "devices_note")
    return label.text() if label.isVisible() else ""


def spoken(widget: QWidget) -> QAccessibleInterface:
    return QAccessible.queryAccessibleInterface(widget)


def name_of(widget: QWidget) -> str:
    return spoken(widget).text(QAccessible.Text.Name)


def test_each_device_says_what_it_is_and_whether_it_works(view: DevicesView, qtbot: QtBot) -> None:
    view.show_reports([PROCESSOR, CARD, BROKEN])
    view.show_features("AVX2, FMA")
    qtbot.waitUntil(lambda: len({row.y() for row in rows(view)}) == 3)
    assert texts(view) == [
        ["A Processor", "Processor · 8.0 GiB of 16.0 GiB free", "Uses AVX2, FMA", "Works"],
        ["A Card", "Graphics card · CUDA0 · CUDA · 6.0 GiB of 8.0 GiB free", "Not tried yet"],
        [
            "A Chip",
            "Built-in graphics · Vulkan0 · Vulkan",
            "Does not work. It hangs. Used instead: the processor.",
        ],
    ]
    assert note(view) == ""


def test_a_device_that_could_not_be_tried_says_why(view: DevicesView) -> None:
    view.show_reports([dataclasses.replace(CARD, problem="Its memory is full.")])
    assert texts(view)[0][-1] == "Not tried. Its memory is full."


def test_a_device_without_a_description_goes_by_its_name(view: DevicesView) -> None:
    view.show_reports([dataclasses.replace(CARD, description=" ")])
    assert texts(view)[0][0] == "CUDA0"


def test_what_a_driver_says_is_never_markup(view: DevicesView) -> None:
    view.show_reports([dataclasses.replace(BROKEN, description="<b>A Chip</b>", problem="<img src=x>")])
    assert {label.textFormat() for label in rows(view)[0].findChildren(QLabel)} == {Qt.TextFormat.PlainText}
    assert texts(view)[0][0] == "<b>A Chip</b>"


def test_without_a_graphics_card_it_says_what_that_means_and_what_would_help(view: DevicesView) -> None:
    view.show_reports([PROCESSOR])
    assert note(view).startswith("Paddock sees no graphics card it can use. The processor does the work.")
    assert "driver" in note(view)
    assert spoken(button(view, "try_devices")).text(QAccessible.Text.Description) == note(view)


def test_before_the_engine_was_started_it_says_how_to_find_out(view: DevicesView) -> None:
    assert rows(view) == []
    assert note(view) == "What the engine can compute on is known once it was started. Try devices finds out."


def test_what_is_wished_for_is_told(view: DevicesView, qtbot: QtBot) -> None:
    with qtbot.waitSignal(view.check_requested):
        qtbot.keyClick(button(view, "try_devices"), Qt.Key.Key_Space)
    with qtbot.waitSignal(view.copy_requested):
        qtbot.keyClick(button(view, "copy_diagnosis"), Qt.Key.Key_Space)
    view.show_checking(True)
    with qtbot.waitSignal(view.cancel_requested):
        qtbot.keyClick(button(view, "cancel"), Qt.Key.Key_Space)


def test_while_it_tries_it_can_only_be_cancelled(view: DevicesView) -> None:
    view.show_reports([PROCESSOR, CARD])
    busy = view.findChild(QProgressBar, "trying_devices")
    for checking in (True, False):
        view.show_checking(checking)
        assert button(view, "cancel").isVisible() == busy.isVisible() == checking
        assert button(view, "try_devices").isVisible() != checking
        assert [lines[-1] for lines in texts(view)] == ["Works", "Being tried…" if checking else "Not tried yet"]


def test_the_focus_goes_from_one_button_to_the_other(view: DevicesView, qtbot: QtBot) -> None:
    view.activateWindow()
    button(view, "try_devices").setFocus()
    qtbot.waitUntil(lambda: button(view, "try_devices").hasFocus())
    view.show_checking(True)
    assert button(view, "cancel").hasFocus()
    view.show_checking(False)
    assert button(view, "try_devices").hasFocus()


def test_reports_that_come_one_by_one_leave_the_focus_where_it_is(view: DevicesView, qtbot: QtBot) -> None:
    view.activateWindow()
    view.show_reports([PROCESSOR, CARD])
    card = rows(view)[1]
    card.setFocus()
    qtbot.waitUntil(card.hasFocus)
    view.show_reports([PROCESSOR, dataclasses.replace(CARD, works=True), BROKEN])
    assert card.hasFocus() and name_of(card).endswith("Works.")


def test_the_focus_is_not_lost_with_a_device_that_is_gone(view: DevicesView, qtbot: QtBot) -> None:
    view.activateWindow()
    view.show_reports([PROCESSOR, CARD])
    rows(view)[1].setFocus()
    qtbot.waitUntil(rows(view)[1].hasFocus)
    view.show_reports([PROCESSOR])
    assert len(rows(view)) == 1
    assert button(view, "try_devices").hasFocus()


@pytest.mark.parametrize("comes_late", [True, False])
def test_the_tab_key_goes_through_the_devices_to_the_buttons(qtbot: QtBot, comes_late: bool) -> None:
    page, before, after = QWidget(), QLineEdit(objectName="before"), QLineEdit(objectName="after")
    qtbot.addWidget(page)
    view = DevicesView()
    if not comes_late:
        view.show_reports([CARD, BROKEN])
    layout = QVBoxLayout(page)
    for widget in (before, view, after):
        layout.addWidget(widget)
    page.show()
    view.show_reports([PROCESSOR, CARD, BROKEN])
    page.activateWindow()
    before.setFocus()
    qtbot.waitUntil(lambda: before.hasFocus() and len(rows(view)) == 3)
    passed = []
    while not after.hasFocus() and len(passed) < 10:
        qtbot.keyClick(QApplication.focusWidget(), Qt.Key.Key_Tab)
        passed.append(name_of(QApplication.focusWidget()).partition(".")[0])
    assert passed == ["A Processor", "A Card", "A Chip", "Try devices", "Copy diagnosis", ""]


def test_a_screen_reader_hears_all_of_a_device(view: DevicesView) -> None:
    view.show_features("AVX2, FMA")
    view.show_reports([PROCESSOR, BROKEN])
    processor, chip = rows(view)
    assert name_of(processor) == "A Processor. Processor · 8.0 GiB of 16.0 GiB free. Uses AVX2, FMA. Works."
    assert name_of(chip) == (
        "A Chip. Built-in graphics · Vulkan0 · Vulkan. Does not work. It hangs. Used instead: the processor."
    )
    assert spoken(chip).role() == QAccessible.Role.ListItem
    devices = view.findChild(QWidget, "devices")
    assert (spoken(devices).role(), name_of(devices)) == (QAccessible.Role.List, "Devices")


def test_controls_have_the_names_they_are_known_by(view: DevicesView) -> None:
    names = {name: button(view, name).accessibleName() for name in ("try_devices", "cancel", "copy_diagnosis")}
    assert names == {"try_devices": "Try devices", "cancel": "Cancel", "copy_diagnosis": "Copy diagnosis"}


def test_what_was_learned_has_a_line_if_there_is_anything(view: DevicesView) -> None:
    learned = view.findChild(QLabel, "learned")
    assert learned.isHidden()
    view.show_learned("In the last 5 loads the bills were right.")
    assert learned.isVisible() and learned.text() == "Memory bills: In the last 5 loads the bills were right."
    view.show_learned("")
    assert learned.isHidden()


def test_a_failure_says_what_happened_and_what_to_do_until_it_is_tried_again(view: DevicesView, qtbot: QtBot) -> None:
    error = errors.EngineDidNotStart("libllama.so is missing.")
    view.show_failure(errors.EngineCrashed())
    view.show_failure(error)
    qtbot.waitUntil(lambda: len(failures(view)) == 1)
    (panel,) = failures(view)
    assert [label.text() for label in panel.findChildren(QLabel)] == [error.title, error.detail, error.hint]
    view.show_checking(True)
    assert panel.isHidden()


def test_everything_is_in_sight_with_a_large_font_in_a_narrow_window(view: DevicesView, qtbot: QtBot) -> None:
    font = view.font()
    font.setPointSizeF(font.pointSizeF() * 2)
    view.setFont(font)
    view.show_reports([PROCESSOR, CARD, BROKEN])
    view.resize(380, view.heightForWidth(380))
    for row in rows(view):
        for label in row.findChildren(QLabel):
            if label.isVisible():
                qtbot.waitUntil(lambda label=label: label.height() >= label.heightForWidth(label.width()))
                assert label.width() <= 380
