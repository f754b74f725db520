from __future__ import annotations

from collections.abc import Iterator

import pytest
from PySide6.QtCore import QEvent, QPoint, QRectF, Qt
from PySide6.QtGui import QAccessible, QColor, QHelpEvent
from PySide6.QtWidgets import QApplication, QLabel, QPushButton, QToolTip, QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from app.core.memory import RAM, DeviceBill, DeviceMemory
from app.engine.protocol import MemoryEstimated
from app.ui import memory_bill
from app.ui.bill_bar import BillBar, Part, Share, sizes_of
from app.ui.memory_bill import MemoryBillView
from app.ui.theme import LIGHT

MIB = 1 << 20
GIB = 1 << 30

SMALL = DeviceBill(RAM, weights=633 * MIB, kv_cache=44 * MIB, buffers=70 * MIB)
RAM_16 = DeviceMemory(RAM, "", total=16 * GIB, free=10 * GIB)
GPU_8 = DeviceMemory("CUDA0", "A graphics card", total=8 * GIB, free=7 * GIB)


def estimate(
    *devices: DeviceBill,
    memory: tuple[DeviceMemory, ...] = (RAM_16,),
    fit: str = "fits in RAM",
    missing: int = 0,
    suggestion: str = "",
) -> MemoryEstimated:
    return MemoryEstimated(
        request_id="1",
        devices=devices,
        memory=memory,
        context_length=2048,
        gpu_layers=0,
        layers=22,
        threads=2,
        cache_type_k="f16",
        cache_type_v="f16",
        mapped=False,
        fit=fit,
        missing=missing,
        suggestion=suggestion,
        reasons=(),
    )


TOO_LARGE = estimate(
    DeviceBill(RAM, weights=9 * GIB, kv_cache=2 * GIB, buffers=1 * GIB),
    fit="does not fit",
    missing=2 * GIB,
    suggestion="a context of 4 096 instead of 8 192",
)


@pytest.fixture
def view(qtbot: QtBot) -> Iterator[MemoryBillView]:
    """The view between two buttons."""
    window = QWidget()
    qtbot.addWidget(window)
    view = MemoryBillView()
    layout = QVBoxLayout(window)
    for widget in (QPushButton("before"), view, QPushButton("after")):
        layout.addWidget(widget)
    window.show()
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow)
    yield view
    QToolTip.hideText()


def verdict(view: MemoryBillView) -> str:
    return view.findChild(QLabel, "verdict").text().replace("\u00a0", " ")


def told(widget: QWidget, kind: QAccessible.Text = QAccessible.Text.Name) -> str:
    return QAccessible.queryAccessibleInterface(widget).text(kind).replace("\u00a0", " ")


def rows(view: MemoryBillView) -> list[QWidget]:
    """The lines in sight, from top to bottom."""
    lines = [view.findChildren(QWidget, f"bill_{part.name.lower()}") for part in Part]
    visible = [line for same in lines for line in same if line.isVisible()]
    return sorted(visible, key=lambda line: line.mapTo(view, QPoint()).y())


# What a memory is shared out to


def test_what_the_loaded_model_gives_back_is_not_used_by_others() -> None:
    memory = DeviceMemory(RAM, "", total=16 * GIB, free=10 * GIB, given_back=3 * GIB)

    sizes = sizes_of(memory, SMALL)

    assert sizes[Part.OTHERS] == 6 * GIB
    assert sizes[Part.LEFT] == 10 * GIB - 747 * MIB


@pytest.mark.parametrize(
    ("free", "pages", "left", "missing"),
    [
        (4000, 900, 2500, 0),  # room for all of them
        (1200, 600, 0, 0),  # some are dropped: they are repacked weights, and so there twice
        (1000, 400, 0, 0),
        (700, 400, 0, 300),  # those that are nowhere else cannot be spared
    ],
)
def test_pages_that_can_be_spared_take_only_the_room_there_is(free: int, pages: int, left: int, missing: int) -> None:
    bill = DeviceBill(RAM, weights=500, kv_cache=60, buffers=40, mapped=900)

    sizes = sizes_of(DeviceMemory(RAM, "", total=5000, free=free), bill)

    assert (sizes[Part.PAGES], sizes[Part.LEFT], sizes[Part.MISSING]) == (pages, left, missing)


@pytest.mark.parametrize("bill", [SMALL, TOO_LARGE.devices[0], DeviceBill(RAM, 5 * GIB, GIB, GIB, 9 * GIB)])
def test_all_parts_together_are_the_whole_memory_and_what_is_missing(bill: DeviceBill) -> None:
    sizes = sizes_of(RAM_16, bill)

    assert sum(sizes.values()) - 2 * sizes[Part.MISSING] == RAM_16.total


def test_a_memory_of_unknown_size_is_never_too_small() -> None:
    sizes = sizes_of(DeviceMemory("Vulkan0", "", total=0, free=0), SMALL)

    assert sizes[Part.WEIGHTS] == SMALL.weights
    assert sizes[Part.MISSING] == sizes[Part.OTHERS] == 0


# What is said


def test_it_says_where_it_fits_and_what_it_takes(view: MemoryBillView) -> None:
    view.show_estimate(estimate(SMALL))

    assert verdict(view) == "Fits in RAM. Takes 747 MiB."


def test_if_it_does_not_fit_it_says_by_how_much_and_what_would(view: MemoryBillView) -> None:
    view.show_estimate(TOO_LARGE)

    expected = "Does not fit: 2.0 GiB too much. What would fit: a context of 4 096 instead of 8 192."
    assert verdict(view) == expected
    assert told(view.findChild(QWidget, "bill_left")) == ""
    assert told(rows(view)[-1]) == "Does not fit 2.0 GiB"


def test_each_line_says_its_part_its_size_and_what_it_is(view: MemoryBillView) -> None:
    view.show_estimate(estimate(SMALL))

    expected = ["Others use now 6.0 GiB", "Weights 633 MiB", "KV cache 44 MiB", "Buffers 70 MiB", "Left free 9.3 GiB"]
    assert [told(row) for row in rows(view)] == expected
    for row in rows(view):
        assert QAccessible.queryAccessibleInterface(row).role() == QAccessible.Role.ListItem
        description = told(row, QAccessible.Text.Description)
        assert description and description in row.toolTip()


def test_each_memory_is_shown_also_one_that_the_model_does_not_use(view: MemoryBillView) -> None:
    view.show_estimate(estimate(SMALL, memory=(RAM_16, GPU_8)))

    assert [told(row) for row in rows(view)[5:]] == ["Others use now 1.0 GiB", "Left free 7.0 GiB"]
    texts = [label.text() for label in view.findChildren(QLabel)]
    assert {"RAM", "16.0 GiB", "CUDA0 · A graphics card", "8.0 GiB"} <= set(texts)


def test_a_memory_that_is_gone_is_no_longer_shown(view: MemoryBillView) -> None:
    view.show_estimate(estimate(SMALL, memory=(RAM_16, GPU_8)))
    view.show_estimate(estimate(SMALL))

    assert len(rows(view)) == 5
    assert "CUDA0" not in view.accessibleDescription()


def test_what_the_loaded_model_gives_back_is_said(view: MemoryBillView) -> None:
    memory = DeviceMemory(RAM, "", total=16 * GIB, free=10 * GIB, given_back=3 * GIB)

    view.show_estimate(estimate(SMALL, memory=(memory,)))

    expected = "10.0 GiB can be used: 3.0 GiB of it is given back by the model that is loaded."
    assert expected in told(view, QAccessible.Text.Description)


def test_a_screen_reader_hears_the_whole_bill_in_one_place(view: MemoryBillView) -> None:
    view.show_estimate(estimate(SMALL))

    parts = "Others use now 6.0 GiB, Weights 633 MiB, KV cache 44 MiB, Buffers 70 MiB, Left free 9.3 GiB"
    assert told(view) == "Memory bill"
    assert told(view, QAccessible.Text.Description) == f"Fits in RAM. Takes 747 MiB. RAM, 16.0 GiB: {parts}."


def test_nothing_is_said_of_a_memory_of_unknown_size_that_is_not_known(view: MemoryBillView) -> None:
    view.show_estimate(estimate(SMALL, memory=(DeviceMemory(RAM, "", total=0, free=0),)))

    assert [told(row) for row in rows(view)] == ["Weights 633 MiB", "KV cache 44 MiB", "Buffers 70 MiB"]
    assert "size unknown" in [label.text() for label in view.findChildren(QLabel)]


def test_a_screen_reader_is_told_when_it_fits_elsewhere_than_before(
    view: MemoryBillView, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    monkeypatch.setattr(memory_bill, "announce", lambda _widget, text: told.append(text.split(":")[0]))
    for answer in (estimate(SMALL), estimate(SMALL), TOO_LARGE, TOO_LARGE):
        view.show_estimate(answer)

    assert told == ["Does not fit"]


# Before and between answers


def test_the_last_answer_stays_until_the_next_is_there(view: MemoryBillView) -> None:
    view.show_estimate(estimate(SMALL))
    view.show_pending()

    assert verdict(view) == "Fits in RAM. Takes 747 MiB."
    assert rows(view)


def test_before_the_first_answer_it_says_that_it_is_working(view: MemoryBillView) -> None:
    view.show_nothing("Choose a model.")
    view.show_pending()

    assert verdict(view) == "Working out what this model takes here…"
    assert not rows(view)


def test_without_an_answer_it_says_why(view: MemoryBillView) -> None:
    view.show_estimate(estimate(SMALL))
    view.show_nothing("Choose a model.")

    assert verdict(view) == view.accessibleDescription() == "Choose a model."
    assert not rows(view)


# The keyboard


def test_the_bill_is_one_stop_and_arrow_keys_lead_through_its_lines(view: MemoryBillView, qtbot: QtBot) -> None:
    view.show_estimate(estimate(SMALL, memory=(RAM_16, GPU_8)))
    view.show_estimate(TOO_LARGE)  # what is left free is hidden now
    before, after = view.window().findChildren(QPushButton)
    before.setFocus()
    reached = []
    for key in ("Tab", "Down", "Down", "Up", "End", "Down", "Tab", "Backtab", "Home"):
        qtbot.keyClick(QApplication.focusWidget(), getattr(Qt.Key, f"Key_{key}"))
        reached.append(QApplication.focusWidget())

    lines = rows(view)
    assert reached[:7] == [view, lines[0], lines[1], lines[0], lines[-1], lines[-1], after]
    assert reached[8] is view


def test_a_line_reached_by_an_arrow_key_explains_itself(view: MemoryBillView, qtbot: QtBot) -> None:
    view.show_estimate(estimate(SMALL))
    view.setFocus()
    qtbot.keyClick(view, Qt.Key.Key_Down)

    qtbot.waitUntil(QToolTip.isVisible)
    assert "What the system and other programs use now." in QToolTip.text()


def test_the_focus_stays_on_a_line_when_a_new_answer_comes(view: MemoryBillView, qtbot: QtBot) -> None:
    view.show_estimate(estimate(SMALL))
    view.setFocus()
    qtbot.keyClick(view, Qt.Key.Key_Down)
    line = QApplication.focusWidget()
    view.show_estimate(TOO_LARGE)

    assert QApplication.focusWidget() is line


# The bar


@pytest.fixture
def bar(qtbot: QtBot) -> BillBar:
    bar = BillBar()
    qtbot.addWidget(bar)
    bar.resize(400, bar.sizeHint().height())
    bar.show()
    return bar


def test_the_bar_is_in_proportion_and_shows_the_smallest_part(bar: BillBar) -> None:
    bar.show_shares([Share(Part.OTHERS, 500), Share(Part.WEIGHTS, 1), Share(Part.PAGES, 0), Share(Part.LEFT, 499)])

    (_, others), (_, weights), (_, left) = bar.areas()
    assert others.width() == pytest.approx(left.width(), rel=0.01)
    assert 3 <= weights.width() < 10
    assert left.right() == pytest.approx(bar.width())


def test_the_bar_ends_where_the_memory_ends_and_the_rest_is_beyond(bar: BillBar) -> None:
    bar.show_shares(
        [Share(Part.OTHERS, 200), Share(Part.WEIGHTS, 600), Share(Part.CACHE, 400), Share(Part.MISSING, 200)]
    )

    areas = {share.part: area for share, area in bar.areas()}
    assert areas[Part.MISSING].left() == pytest.approx(400 * 1000 / 1200)
    assert areas[Part.CACHE].width() == pytest.approx(400 * 200 / 1200)
    assert areas[Part.MISSING].right() == pytest.approx(400)


def test_what_does_not_fit_is_hatched(bar: BillBar) -> None:
    bar.show_shares([Share(Part.WEIGHTS, 300), Share(Part.MISSING, 100)])

    (_, weights), (_, missing) = bar.areas()
    assert colours_along(bar, weights) == {QColor(LIGHT.bill_weights).name()}
    lightness = [QColor(name).lightness() for name in colours_along(bar, missing)]
    assert min(lightness) < 120
    assert max(lightness) > 220


def colours_along(bar: BillBar, area: QRectF) -> set[str]:
    """In the middle of `area`, without its ends."""
    image = bar.grab().toImage()
    ratio = image.devicePixelRatio()
    places = range(int((area.left() + 8) * ratio), int((area.right() - 8) * ratio))
    return {image.pixelColor(x, image.height() // 2).name() for x in places}


def test_each_part_of_the_bar_explains_itself(bar: BillBar, qtbot: QtBot) -> None:
    bar.show_shares([Share(Part.OTHERS, 50, "Others <b>"), Share(Part.WEIGHTS, 50, "Weights")])
    shown = []
    for share, area in bar.areas():
        place = area.center().toPoint()
        QApplication.sendEvent(bar, QHelpEvent(QEvent.Type.ToolTip, place, bar.mapToGlobal(place)))
        qtbot.waitUntil(lambda words=share.words: words.split()[0] in QToolTip.text())
        shown.append(QToolTip.text())
    QToolTip.hideText()

    assert shown == ["<p>Others &lt;b&gt;</p>", "<p>Weights</p>"]
