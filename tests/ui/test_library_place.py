from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAccessible
from PySide6.QtWidgets import QLabel, QListView, QPushButton
from pytestqt.qtbot import QtBot

from app.core.recent_models import RecentModel
from app.ui.library_place import LibraryPlace
from app.ui.two_line_delegate import SECOND_LINE_ROLE

TINY = RecentModel(path="/models/tiny.gguf", name="Tiny", quant="Q4_K_M", file_size=668_788_096, used_at=0.0)
PLAIN = RecentModel(path="/models/plain.gguf", name="Plain", quant="", file_size=1_000, used_at=0.0)


@pytest.fixture
def place(qtbot: QtBot) -> LibraryPlace:
    place = LibraryPlace()
    qtbot.addWidget(place)
    place.resize(700, 400)
    place.show()
    return place


def view_of(place: LibraryPlace) -> QListView:
    return place.findChild(QListView, "models_on_this_computer")


def button(place: LibraryPlace, name: str) -> QPushButton:
    return place.findChild(QPushButton, name)


def test_without_models_it_tells_how_to_get_one(place: LibraryPlace, qtbot: QtBot) -> None:
    advice = place.findChild(QLabel, "how_to_get_a_model")
    assert advice.isVisible() and "GGUF" in advice.text() and "Drag" in advice.text()
    assert view_of(place).isHidden() and button(place, "use").isHidden()
    with qtbot.waitSignal(place.open_requested):
        qtbot.mouseClick(button(place, "open_model_file"), Qt.MouseButton.LeftButton)


def test_each_model_has_its_particulars(place: LibraryPlace) -> None:
    place.set_models([TINY, PLAIN])
    model = view_of(place).model()
    lines = [str(model.index(row, 0).data(SECOND_LINE_ROLE)) for row in range(2)]
    assert lines[0].startswith("Q4_K_M · 668.8 MB · ") and lines[0].endswith(" · /models")
    assert lines[1].startswith("1.0 kB · ")
    assert place.findChild(QLabel, "how_to_get_a_model").isHidden()


def test_the_model_chosen_can_be_used(place: LibraryPlace, qtbot: QtBot) -> None:
    place.set_models([TINY, PLAIN])
    qtbot.keyClick(view_of(place), Qt.Key.Key_Down)
    with qtbot.waitSignal(place.model_requested) as requested:
        qtbot.mouseClick(button(place, "use"), Qt.MouseButton.LeftButton)
    assert requested.args == [PLAIN.path]
    with qtbot.waitSignal(place.model_requested) as requested:
        qtbot.keyClick(view_of(place), Qt.Key.Key_Return)
    assert requested.args == [PLAIN.path]


def test_the_model_chosen_can_be_taken_off_the_list(place: LibraryPlace, qtbot: QtBot) -> None:
    place.set_models([TINY, PLAIN])
    with qtbot.waitSignal(place.forget_requested) as forgotten:
        qtbot.mouseClick(button(place, "remove_from_list"), Qt.MouseButton.LeftButton)
    assert forgotten.args == [TINY.path]


def test_the_model_chosen_stays_chosen_when_the_list_changes(place: LibraryPlace) -> None:
    place.set_models([TINY, PLAIN])
    place.set_models([PLAIN, TINY])
    assert view_of(place).currentIndex().data() == "Tiny"


def test_a_screen_reader_hears_what_a_button_is_about(place: LibraryPlace) -> None:
    place.set_models([TINY])
    use = QAccessible.queryAccessibleInterface(button(place, "use"))
    assert (use.text(QAccessible.Text.Name), use.text(QAccessible.Text.Description)) == ("Use", "Tiny")
    row = QAccessible.queryAccessibleInterface(view_of(place)).child(0)
    assert row.text(QAccessible.Text.Name).startswith("Tiny, Q4_K_M · ")
