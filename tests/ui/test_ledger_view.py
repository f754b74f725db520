from __future__ import annotations

import re

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QPushButton, QTableView
from pytestqt.qtbot import QtBot

from app.core.ledger import LedgerEntry
from app.ui.ledger_view import LedgerView

OLD = LedgerEntry(1_000.0, "GET", "huggingface.co", "searching for models", 200, 4312, "")
NEW = LedgerEntry(2_000.0, "GET", "cdn.example:8443", "downloading a model", 206, 412 << 20, "cut off")
LOST = LedgerEntry(3_000.0, "HEAD", "huggingface.co", "reading about a model", None, 0, "no connection")
UNDER_WAY = LedgerEntry(4_000.0, "GET", "huggingface.co", "checking the token", None, 0, "")


@pytest.fixture
def view(qtbot: QtBot) -> LedgerView:
    view = LedgerView()
    qtbot.addWidget(view)
    view.resize(900, 400)
    view.show()
    return view


def table(view: LedgerView) -> QTableView:
    return view.findChild(QTableView, "requests")


def cells(view: LedgerView, row: int, role: Qt.ItemDataRole = Qt.ItemDataRole.DisplayRole) -> list[str]:
    model = table(view).model()
    return [str(model.index(row, column).data(role)) for column in range(model.columnCount())]


def test_without_requests_it_says_so(view: LedgerView) -> None:
    nothing = view.findChild(QLabel, "no_request")
    assert nothing.text() == "No request has left this computer."
    assert nothing.isVisible() and table(view).isHidden()
    view.set_entries([OLD])
    assert nothing.isHidden() and table(view).isVisible()
    view.set_entries([])
    assert nothing.isVisible() and table(view).isHidden()


def test_each_request_has_a_line_the_newest_first(view: LedgerView) -> None:
    view.set_entries([OLD, LOST, UNDER_WAY, NEW])
    assert [cells(view, row)[1:] for row in range(4)] == [
        ["huggingface.co", "checking the token", "GET", "none yet", "0 B"],
        ["huggingface.co", "reading about a model", "HEAD", "no connection", "0 B"],
        ["cdn.example:8443", "downloading a model", "GET", "206, cut off", "412 MiB"],
        ["huggingface.co", "searching for models", "GET", "200", "4 KiB"],
    ]
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d", cells(view, 0)[0])


def test_the_columns_have_headings(view: LedgerView) -> None:
    model = table(view).model()
    headings = [model.headerData(column, Qt.Orientation.Horizontal) for column in range(model.columnCount())]
    assert headings == ["When", "Host", "For what", "Method", "Answer", "Bytes"]
    assert table(view).accessibleName() == "Requests"


def test_a_screen_reader_hears_a_cell_with_its_heading(view: LedgerView) -> None:
    view.set_entries([OLD])
    assert cells(view, 0, Qt.ItemDataRole.AccessibleDescriptionRole)[1:3] == [
        "Host",
        "For what",
    ]


def test_a_tool_tip_is_never_markup(view: LedgerView) -> None:
    view.set_entries([LedgerEntry(0.0, "GET", "<b>host</b>", "", 200, 0, "")])
    assert cells(view, 0, Qt.ItemDataRole.ToolTipRole)[1] == "<p>&lt;b&gt;host&lt;/b&gt;</p>"


def test_a_moment_that_is_none_leaves_its_cell_empty(view: LedgerView) -> None:
    view.set_entries([LedgerEntry(1e300, "GET", "host", "", 200, 0, "")])
    assert cells(view, 0)[0] == ""


def test_it_asks_for_its_entries_when_it_comes_into_sight_and_when_asked_to(qtbot: QtBot) -> None:
    view = LedgerView()
    qtbot.addWidget(view)
    with qtbot.waitSignal(view.refresh_requested):
        view.show()
    with qtbot.waitSignal(view.refresh_requested):
        qtbot.mouseClick(view.findChild(QPushButton, "refresh"), Qt.MouseButton.LeftButton)


def test_the_same_entries_again_leave_the_choice_alone(view: LedgerView, qtbot: QtBot) -> None:
    view.set_entries([NEW, OLD])
    qtbot.keyClick(table(view), Qt.Key.Key_Down)
    chosen = table(view).currentIndex().row()
    view.set_entries([NEW, OLD])
    assert chosen >= 0 and table(view).currentIndex().row() == chosen
