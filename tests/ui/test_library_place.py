import pytest
from PySide6.QtWidgets import QLineEdit, QTabBar, QWidget

from app.ui.library_place import LibraryPlace


@pytest.fixture
def parts(qtbot):
    parts = [QLineEdit(), QWidget(), QLineEdit(), QWidget()]
    for part in parts:
        qtbot.addWidget(part)
    return parts


@pytest.fixture
def place(qtbot, parts):
    place = LibraryPlace()
    qtbot.addWidget(place)
    place.needed.connect(lambda: place.fill(*parts))
    return place


def test_the_parts_are_made_when_the_place_is_first_seen_and_only_then(qtbot, place, parts):
    asked = []
    place.needed.connect(lambda: asked.append(True))
    assert not place.is_filled
    place.show()
    place.hide()
    place.show()
    assert asked == [True]
    qtbot.waitUntil(lambda: parts[0].isVisible() and not parts[2].isVisible() and parts[3].isVisible())


def test_the_tabs_lead_to_finding_models_and_to_those_there_are(qtbot, place, parts):
    place.show()
    tabs = place.findChild(QTabBar)
    with qtbot.waitSignal(place.mine_shown):
        tabs.setCurrentIndex(1)
    assert parts[2].isVisible() and not parts[0].isVisible()
    tabs.setCurrentIndex(0)
    assert parts[0].isVisible() and not parts[2].isVisible()


def test_a_models_page_takes_the_place_of_the_search_and_gives_it_back(place, parts):
    place.show()
    place.show_model()
    assert parts[1].isVisible() and not parts[0].isVisible()
    place.show_search()
    assert parts[0].isVisible() and not parts[1].isVisible()


def test_a_models_page_can_be_asked_for_before_the_place_was_seen(place, parts):
    place.show_model()
    place.show()
    assert parts[1].isVisible()


def test_the_focus_goes_into_the_page_that_is_shown(qtbot, place, parts):
    place.show()
    with qtbot.waitActive(place):
        place.activateWindow()
    place.setFocus()
    qtbot.waitUntil(parts[0].hasFocus)
    place.show_mine()
    qtbot.waitUntil(parts[2].hasFocus)
