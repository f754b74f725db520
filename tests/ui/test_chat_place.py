from __future__ import annotations

import json
from dataclasses import replace

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QListView, QPlainTextEdit, QSplitter, QTextBrowser, QToolButton, QWidget
from pytestqt.qtbot import QtBot

from app.core.conversation import Conversation
from app.ui.chat_place import ChatPlace
from app.ui.composer import Composer
from app.ui.context_meter import ContextMeter
from app.ui.conversation_list import ConversationList
from app.ui.model_picker import ModelPicker
from app.ui.presets_box import PresetsBox
from app.ui.settings_panel import SettingsPanel
from app.ui.status_line import StatusLine
from app.ui.system_prompt import SystemPrompt


def new_place(qtbot: QtBot) -> ChatPlace:
    place = ChatPlace(
        *(ConversationList(), ModelPicker(), QTextBrowser(objectName="conversation"), Composer()),
        *(StatusLine(), ContextMeter(), PresetsBox(), SystemPrompt(), SettingsPanel()),
    )
    qtbot.addWidget(place)
    place.resize(1200, 700)
    place.show()
    place.activateWindow()
    qtbot.waitActive(place)
    return place


@pytest.fixture
def place(qtbot: QtBot) -> ChatPlace:
    return new_place(qtbot)


def panel_of(place: ChatPlace) -> QWidget:
    return place.findChild(QWidget, "panel")


def widths_of(place: ChatPlace) -> list[int]:
    return place.findChild(QSplitter).sizes()


def test_the_button_hides_and_shows_the_panel(place: ChatPlace, qtbot: QtBot) -> None:
    button = place.findChild(QToolButton, "show_panel")
    assert panel_of(place).isVisible() and button.isChecked()
    with qtbot.waitSignal(place.panel_shown) as shown:
        qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    assert shown.args == [False]
    assert panel_of(place).isHidden()
    with qtbot.waitSignal(place.panel_shown) as shown:
        place.show_panel(True)
    assert shown.args == [True]
    assert panel_of(place).isVisible() and button.isChecked()


def test_widths_and_panel_are_remembered(place: ChatPlace, qtbot: QtBot) -> None:
    place.findChild(QSplitter).setSizes([300, 500, 400])
    widths = widths_of(place)
    place.show_panel(False)
    layout = place.save_layout()
    other = new_place(qtbot)
    assert widths_of(other) != widths
    other.restore_layout(layout)
    assert panel_of(other).isHidden()
    other.show_panel(True)
    assert widths_of(other) == widths


def test_the_groups_that_are_closed_are_remembered(place: ChatPlace, qtbot: QtBot) -> None:
    listed = [replace(Conversation(one, one, "", "", 0.0, 0.0), folder=one) for one in ("Work", "Cooking")]

    def headings(one: ChatPlace) -> dict[str, bool]:
        model = one.findChild(QListView, "conversations").model()
        found = [model.heading_at(model.index(row)) for row in range(model.rowCount())]
        return {heading.name: heading.is_open for heading in found if heading is not None}

    view = place.findChild(QListView, "conversations")
    place.findChild(ConversationList).set_conversations(listed, None)
    view.open_requested.emit(view.model().index(0), False)
    assert headings(place) == {"Cooking": False, "Work": True}
    other = new_place(qtbot)
    other.restore_layout(json.loads(json.dumps(place.save_layout())))
    other.findChild(ConversationList).set_conversations(listed, None)
    assert headings(other) == {"Cooking": False, "Work": True}


@pytest.mark.parametrize(
    "layout",
    [
        {},
        {"splitter": "nonsense", "panel": "nonsense"},
        {"splitter": None},
        {"closed_groups": 3},
    ],
)
def test_a_layout_that_makes_no_sense_changes_nothing(place: ChatPlace, layout: dict[str, object]) -> None:
    before = widths_of(place)
    place.restore_layout(layout)
    assert widths_of(place) == before
    assert panel_of(place).isVisible()


def test_the_panes_are_in_reading_order_without_those_hidden(place: ChatPlace) -> None:
    kinds = [ConversationList, ModelPicker, QTextBrowser, Composer, QWidget]
    assert all(isinstance(pane, kind) for pane, kind in zip(place.panes(), kinds, strict=True))
    place.show_panel(False)
    assert panel_of(place) not in place.panes()
    assert len(place.panes()) == 4


def test_the_focus_goes_to_the_box_one_types_in(place: ChatPlace, qtbot: QtBot) -> None:
    place.setFocus()
    qtbot.waitUntil(place.findChild(QPlainTextEdit, "message").hasFocus)
