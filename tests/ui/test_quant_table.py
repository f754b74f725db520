from __future__ import annotations

import pytest
from PySide6.QtCore import QRect, Qt
from PySide6.QtGui import QAccessible
from PySide6.QtWidgets import QCheckBox, QLabel, QPushButton, QScrollArea, QTableView
from pytestqt.qtbot import QtBot

from app.core.downloads import Phase, Progress
from app.core.hub_model import HubFile
from app.core.planner import Fit
from app.core.quants import Quant, QuantRow
from app.ui.quant_model import Column
from app.ui.quant_table import QuantTable

MIB = 2**20
REASON = "Best quality that leaves room for other programs."


def row(quant: str, size: int, fit: Fit | None, *, bits: float, parts: int = 1, **details) -> QuantRow:
    files = tuple(HubFile(f"tiny.{quant}-{part}.gguf", size) for part in range(parts))
    memory = size * parts + 100 * MIB if size >= 0 else -1
    return QuantRow(Quant(f"tiny.{quant}.gguf", quant, files), bits, memory, fit, f"Use of {quant}", **details)


SMALL = row("Q2_K", 461 * MIB, Fit.IN_RAM, bits=3.5, exact=True, context_length=2048)
GOOD = row("Q4_K_M", 638 * MIB, Fit.ON_GPU, bits=4.9, recommended=REASON)
TIGHT = row("Q8_0", 1117 * MIB, Fit.PARTLY_ON_GPU, bits=8.5, is_tight=True)
SPLIT = row("F16", 1050 * MIB, Fit.TOO_LARGE, bits=16.0, parts=2, missing=300 * MIB, suggestion="Q4_K_M instead of F16")
STRANGE = row("", -1, None, bits=0.0)
ROWS = [SMALL, GOOD, TIGHT, SPLIT, STRANGE]


@pytest.fixture
def table(qtbot: QtBot) -> QuantTable:
    table = QuantTable()
    qtbot.addWidget(table)
    table.show_rows(ROWS)
    table.resize(900, 500)
    table.show()
    return table


def view(table: QuantTable) -> QTableView:
    return table.findChild(QTableView, "quants")


def button(table: QuantTable, name: str) -> QPushButton:
    return table.findChild(QPushButton, name)


def column(table: QuantTable, column: Column) -> list[str]:
    model = view(table).model()
    return [str(model.index(line, column).data()) for line in range(model.rowCount())]


def choose(table: QuantTable, wanted: QuantRow) -> None:
    line = column(table, Column.NAME).index(wanted.quant.name)
    view(table).setCurrentIndex(view(table).model().index(line, 0))


def chosen(table: QuantTable) -> str:
    return table.findChild(QLabel, "chosen_quant").text()


def words(table: QuantTable) -> str:
    return table.findChild(QLabel, "chosen_quant_in_words").text()


def spoken(table: QuantTable) -> list[str]:
    """What a screen reader finds in the table, headings and cells."""
    found = QAccessible.queryAccessibleInterface(view(table))
    return [found.child(number).text(QAccessible.Text.Name) for number in range(found.childCount())]


def test_each_quant_is_a_row(table: QuantTable) -> None:
    header = view(table).horizontalHeader()
    headings = [header.model().headerData(number, Qt.Orientation.Horizontal) for number in range(header.count())]
    assert headings == ["Name", "Quant", "Bits", "Size", "Memory", "Fits", "Use case"]
    assert [column(table, place)[1] for place in Column] == [
        "tiny.Q4_K_M.gguf",
        "Q4_K_M",
        "4.9",
        "638 MiB",
        "about 738 MiB",
        "fits on the GPU",
        "Use of Q4_K_M",
    ]
    assert column(table, Column.FITS) == [
        "fits in RAM",
        "fits on the GPU",
        "fits, partly on the GPU",
        "does not fit",
        "unknown",
    ]


def test_only_what_is_not_exact_is_called_about(table: QuantTable) -> None:
    assert column(table, Column.MEMORY)[:2] == ["561 MiB", "about 738 MiB"]


def test_what_nobody_knows_is_called_unknown(table: QuantTable) -> None:
    columns = (Column.QUANT, Column.BITS, Column.SIZE, Column.MEMORY, Column.FITS)
    assert [column(table, place)[-1] for place in columns] == ["unknown"] * len(columns)


def test_a_cell_says_which_column_it_is_in(table: QuantTable) -> None:
    assert {"Size", "461 MiB", "tiny.Q2_K.gguf"} <= {*spoken(table)}
    assert f"tiny.Q4_K_M.gguf, recommended, {REASON}" in spoken(table)


def test_the_cell_of_what_does_not_fit_says_what_would(table: QuantTable) -> None:
    words = "does not fit: about 300 MiB too much. What would fit: Q4_K_M instead of F16."
    assert words in spoken(table)
    assert words in view(table).model().index(3, Column.FITS).data(Qt.ItemDataRole.ToolTipRole)


def test_the_recommended_quant_is_chosen_at_first_and_says_why(table: QuantTable) -> None:
    assert chosen(table) == "tiny.Q4_K_M.gguf"
    assert words(table) == f"638 MiB to download. Recommended. {REASON}"
    assert button(table, "download").isEnabled() and button(table, "use").isHidden()
    assert REASON in button(table, "download").accessibleDescription()


@pytest.mark.parametrize(
    ("wanted", "says"),
    [
        (SMALL, "461 MiB to download. Takes 561 MiB of memory with a context of 2\u202f048: fits in RAM."),
        (TIGHT, "Takes about 1.2 GiB of memory: fits, partly on the GPU. Little is left for other programs."),
        (
            SPLIT,
            "2.1 GiB to download, in 2 files. Takes about 2.1 GiB of memory: does not fit, about 300 MiB too much. "
            "What would fit: Q4_K_M instead of F16. It may still run,",
        ),
        (STRANGE, "The Hub does not say how large it is. Whether it fits is not known."),
    ],
)
def test_the_line_below_says_what_will_happen(table: QuantTable, wanted: QuantRow, says: str) -> None:
    choose(table, wanted)

    assert chosen(table) == wanted.quant.name and says in words(table)
    assert button(table, "download").isEnabled()  # an estimate forbids nothing


@pytest.mark.parametrize(
    ("place", "order"),
    [
        (Column.BITS, [STRANGE, SMALL, GOOD, TIGHT, SPLIT]),
        (Column.SIZE, [STRANGE, SMALL, GOOD, TIGHT, SPLIT]),
        (Column.MEMORY, [STRANGE, SMALL, GOOD, TIGHT, SPLIT]),
        (Column.FITS, [GOOD, TIGHT, SMALL, STRANGE, SPLIT]),
        (Column.NAME, [STRANGE, SPLIT, SMALL, GOOD, TIGHT]),
    ],
)
def test_each_column_sorts_and_the_choice_stays(table: QuantTable, place: Column, order: list[QuantRow]) -> None:
    view(table).sortByColumn(place, Qt.SortOrder.AscendingOrder)

    assert column(table, Column.NAME) == [line.quant.name for line in order]
    assert chosen(table) == GOOD.quant.name


def test_what_does_not_fit_can_be_left_out_and_unknown_is_no_no(table: QuantTable) -> None:
    choose(table, SPLIT)
    table.findChild(QCheckBox, "only_what_fits").click()

    assert column(table, Column.FITS) == ["fits in RAM", "fits on the GPU", "fits, partly on the GPU", "unknown"]
    assert chosen(table) == SMALL.quant.name


def test_where_nothing_fits_the_filter_says_so(table: QuantTable) -> None:
    table.show_rows([SPLIT])
    table.findChild(QCheckBox, "only_what_fits").click()

    assert column(table, Column.NAME) == []
    assert words(table) == "None of these fits the memory that is free now."
    assert not button(table, "download").isEnabled()


def test_download_asks_for_the_chosen_quant(table: QuantTable, qtbot: QtBot) -> None:
    with qtbot.waitSignal(table.download_requested) as requested:
        button(table, "download").click()
    assert requested.args == [GOOD.quant.name]


@pytest.mark.parametrize("act", ["enter", "double click"])
def test_enter_and_a_double_click_do_what_the_button_does(table: QuantTable, qtbot: QtBot, act: str) -> None:
    def go() -> None:
        if act == "enter":
            qtbot.keyClick(view(table), Qt.Key.Key_Return)
        else:
            place = view(table).visualRect(view(table).currentIndex()).center()
            qtbot.mouseClick(view(table).viewport(), Qt.MouseButton.LeftButton, pos=place)
            qtbot.mouseDClick(view(table).viewport(), Qt.MouseButton.LeftButton, pos=place)

    with qtbot.waitSignal(table.download_requested) as requested:
        go()
    assert requested.args == [GOOD.quant.name]

    table.set_downloads({GOOD.quant.name: Progress(Phase.RECEIVING, 1, 2)})
    with qtbot.assertNotEmitted(table.download_requested), qtbot.assertNotEmitted(table.use_requested):
        go()

    table.set_on_disk([GOOD.quant.name])
    with qtbot.waitSignal(table.use_requested) as requested:
        go()
    assert requested.args == [GOOD.quant.name]


def test_arrows_choose_and_tell_where_the_row_is(table: QuantTable, qtbot: QtBot) -> None:
    with qtbot.waitSignal(table.row_reached) as reached:
        qtbot.keyClick(view(table), Qt.Key.Key_Down)

    assert chosen(table) == TIGHT.quant.name
    row_area = view(table).visualRect(view(table).currentIndex())
    top = view(table).viewport().mapTo(table, row_area.topLeft())
    assert reached.args == [QRect(top, row_area.size())]


@pytest.mark.parametrize(
    ("progress", "badge", "explanation"),
    [
        (Progress(Phase.QUEUED), "waiting", "It is being downloaded."),
        (Progress(Phase.RECEIVING, 44, 100), "44 % there", "It is being downloaded."),
        (Progress(Phase.RECEIVING, 44), "downloading", "It is being downloaded."),
        (Progress(Phase.VERIFYING), "verifying", "It is being downloaded."),
        (Progress(Phase.PAUSED), "paused", "Its download is paused."),
        (Progress(Phase.FAILED), "failed", "Its download has failed."),
    ],
)
def test_a_download_is_told_in_its_row(table: QuantTable, progress: Progress, badge: str, explanation: str) -> None:
    choose(table, SMALL)
    table.set_downloads({SMALL.quant.name: progress})

    assert f"tiny.Q2_K.gguf, {badge}" in spoken(table)
    assert explanation in words(table)
    assert not button(table, "download").isEnabled()

    table.set_downloads({})
    assert "tiny.Q2_K.gguf" in spoken(table)
    assert button(table, "download").isEnabled()


def test_a_quant_on_disk_can_be_used(table: QuantTable, qtbot: QtBot) -> None:
    table.set_on_disk([GOOD.quant.name])

    assert f"tiny.Q4_K_M.gguf, recommended, on disk, {REASON}" in spoken(table)
    assert words(table).startswith("It is on this computer.")
    assert not button(table, "download").isEnabled()
    with qtbot.waitSignal(table.use_requested) as requested:
        button(table, "use").click()
    assert requested.args == [GOOD.quant.name]


def test_the_button_that_goes_grey_leaves_the_focus_in_the_table(table: QuantTable, qtbot: QtBot) -> None:
    button(table, "download").setFocus()
    qtbot.waitUntil(button(table, "download").hasFocus)

    table.set_downloads({GOOD.quant.name: Progress(Phase.QUEUED)})

    assert view(table).hasFocus()


def test_the_choice_stays_when_memory_changes(table: QuantTable) -> None:
    choose(table, TIGHT)
    now_too_large = row("Q8_0", 1117 * MIB, Fit.TOO_LARGE, bits=8.5)

    table.show_rows([SMALL, GOOD, now_too_large, SPLIT, STRANGE])

    assert chosen(table) == TIGHT.quant.name and "does not fit" in words(table)


def test_another_model_begins_with_its_own_recommendation(table: QuantTable) -> None:
    choose(table, TIGHT)

    table.show_rows([])
    assert chosen(table) == "" and words(table) == ""
    table.show_rows(ROWS)

    assert chosen(table) == GOOD.quant.name


def test_a_dozen_rows_are_in_sight(table: QuantTable, qtbot: QtBot) -> None:
    dozen = [row(f"Q{number}_0", number * MIB, Fit.IN_RAM, bits=number) for number in range(1, 13)]
    table.show_rows(dozen)

    table.resize(900, table.sizeHint().height())

    qtbot.waitUntil(lambda: view(table).rowViewportPosition(11) > 0)
    last = view(table).visualRect(view(table).model().index(11, 0))
    qtbot.waitUntil(lambda: view(table).viewport().rect().contains(last, proper=False))


def test_the_rows_in_sight_are_told_as_a_page_is_scrolled(qtbot: QtBot) -> None:
    table, page = QuantTable(), QScrollArea()
    qtbot.addWidget(page)
    told: list[tuple[str, ...]] = []
    table.sight_changed.connect(told.append)
    table.show_rows([row(f"Q{number}_0", number * MIB, Fit.IN_RAM, bits=number) for number in range(1, 31)])
    page.setWidgetResizable(True)
    page.setWidget(table)
    page.resize(900, 200)
    page.show()

    qtbot.waitUntil(lambda: bool(told))
    assert told[-1][0] == "tiny.Q1_0.gguf" and 0 < len(told[-1]) < 12

    page.verticalScrollBar().setValue(page.verticalScrollBar().maximum())
    qtbot.waitUntil(lambda: told[-1][-1] == "tiny.Q12_0.gguf")
    view(table).verticalScrollBar().setValue(view(table).verticalScrollBar().maximum())
    qtbot.waitUntil(lambda: told[-1][-1] == "tiny.Q30_0.gguf")

    page.hide()
    assert told[-1] == ()
    page.show()
    qtbot.waitUntil(lambda: told[-1] != ())
