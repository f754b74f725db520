from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtGui import QAccessible
from PySide6.QtWidgets import QApplication, QLabel, QListView, QPushButton
from pytestqt.qtbot import QtBot

from app.core import errors
from app.core.downloads import Phase, Plan, Progress
from app.core.hub_model import HubFile
from app.ui import accessibility
from app.ui.downloads_view import DownloadsView

MIB = 1 << 20
RECEIVING = Progress(Phase.RECEIVING, 412 * MIB, 669 * MIB, 8.1 * MIB, 32)
PAUSED = Progress(Phase.PAUSED, 412 * MIB, 669 * MIB)


def plan(number: int) -> Plan:
    files = (HubFile(f"model-{number}.Q4_K_M.gguf", 669 * MIB),)
    return Plan(f"id{number}", "owner/model", "0" * 40, files[0].path, "Q4_K_M", files, Path("/models"))


@pytest.fixture
def view(qtbot: QtBot) -> Iterator[DownloadsView]:
    view = DownloadsView()
    qtbot.addWidget(view)
    view.resize(900, 400)
    yield view
    QAccessible.setActive(False)


def show(view: DownloadsView, *progress: Progress) -> None:
    view.set_downloads([(plan(number), each) for number, each in enumerate(progress)])


def list_of(view: DownloadsView) -> QListView:
    return view.findChild(QListView, "downloads")


def button(view: DownloadsView, name: str) -> QPushButton:
    return view.findChild(QPushButton, name)


def spoken(view: DownloadsView) -> list[str]:
    model = list_of(view).model()
    return [str(model.index(row, 0).data(Qt.ItemDataRole.AccessibleTextRole)) for row in range(model.rowCount())]


def test_without_downloads_there_is_nothing(view: DownloadsView) -> None:
    assert view.isHidden()
    show(view, RECEIVING)
    assert view.isVisible()
    show(view)
    assert view.isHidden()


def test_each_download_is_told_in_words(view: DownloadsView) -> None:
    show(view, RECEIVING, Progress(Phase.QUEUED))
    assert spoken(view) == [
        "model-0.Q4_K_M.gguf, 412 of 669 MiB · 8.1 MiB/s · 32 s left",
        "model-1.Q4_K_M.gguf, waiting for its turn",
    ]
    view.show_progress("id1", Progress(Phase.VERIFYING, verified=0.4))
    assert spoken(view)[1] == "model-1.Q4_K_M.gguf, verifying 40 %"


def test_a_quant_that_the_name_lacks_is_added(view: DownloadsView) -> None:
    view.set_downloads([(replace(plan(0), name="Tiny"), Progress(Phase.QUEUED))])
    assert spoken(view) == ["Tiny · Q4_K_M, waiting for its turn"]


def test_the_first_is_chosen_by_itself_and_a_screen_reader_hears_what_the_buttons_are_about(
    view: DownloadsView,
) -> None:
    show(view, RECEIVING, PAUSED)
    pause = QAccessible.queryAccessibleInterface(button(view, "pause"))
    assert pause.text(QAccessible.Text.Name) == "Pause"
    assert pause.text(QAccessible.Text.Description) == "model-0.Q4_K_M.gguf"


@pytest.mark.parametrize(
    ("progress", "name"),
    [
        (RECEIVING, "pause"),
        (Progress(Phase.QUEUED), "pause"),
        (Progress(Phase.WAITING, error=errors.NoConnection()), "pause"),
        (Progress(Phase.VERIFYING), "pause"),
        (PAUSED, "resume"),
        (Progress(Phase.FAILED, error=errors.DownloadDamaged()), "resume"),
        (RECEIVING, "cancel"),
    ],
)
def test_what_can_be_done_with_the_one_chosen(view: DownloadsView, qtbot: QtBot, progress: Progress, name: str) -> None:
    show(view, RECEIVING, progress)
    qtbot.keyClick(list_of(view), Qt.Key.Key_Down)
    with qtbot.waitSignal(getattr(view, f"{name}_requested")) as requested:
        qtbot.mouseClick(button(view, name), Qt.MouseButton.LeftButton)
    assert requested.args == ["id1"]
    assert button(view, "pause").isHidden() != button(view, "resume").isHidden()


def test_the_focus_stays_in_its_place_when_pause_becomes_resume(view: DownloadsView, qtbot: QtBot) -> None:
    show(view, RECEIVING)
    view.activateWindow()
    button(view, "pause").setFocus()
    qtbot.waitUntil(lambda: button(view, "pause").hasFocus())
    view.show_progress("id0", PAUSED)
    assert button(view, "resume").hasFocus() and button(view, "pause").isHidden()
    view.show_progress("id0", RECEIVING)
    assert button(view, "pause").hasFocus() and button(view, "resume").isHidden()


def test_the_order_of_the_queue_can_be_changed(view: DownloadsView, qtbot: QtBot) -> None:
    show(view, RECEIVING, RECEIVING)
    assert not button(view, "move_up").isEnabled()
    with qtbot.waitSignal(view.move_requested) as moved:
        qtbot.mouseClick(button(view, "move_down"), Qt.MouseButton.LeftButton)
    assert moved.args == ["id0", 1]
    view.set_downloads([(plan(1), RECEIVING), (plan(0), RECEIVING)])
    assert list_of(view).currentIndex().row() == 1
    with qtbot.waitSignal(view.move_requested) as moved:
        qtbot.mouseClick(button(view, "move_up"), Qt.MouseButton.LeftButton)
    assert moved.args == ["id0", -1]


def test_a_move_as_far_as_it_goes_leaves_the_focus_on_the_way_back(view: DownloadsView, qtbot: QtBot) -> None:
    show(view, RECEIVING, RECEIVING)
    view.activateWindow()
    button(view, "move_down").setFocus()
    qtbot.waitUntil(lambda: button(view, "move_down").hasFocus())
    view.set_downloads([(plan(1), RECEIVING), (plan(0), RECEIVING)])
    assert button(view, "move_up").hasFocus()
    assert button(view, "move_up").isEnabled() and not button(view, "move_down").isEnabled()


def test_a_single_download_has_no_place_to_move_to(view: DownloadsView) -> None:
    show(view, RECEIVING)
    assert button(view, "move_up").isHidden() and button(view, "move_down").isHidden()


def test_when_the_one_chosen_is_gone_the_next_is_chosen(view: DownloadsView, qtbot: QtBot) -> None:
    show(view, RECEIVING, RECEIVING, RECEIVING)
    qtbot.keyClick(list_of(view), Qt.Key.Key_Down)
    view.set_downloads([(plan(0), RECEIVING), (plan(2), PAUSED)])
    assert list_of(view).currentIndex().data() == "model-2.Q4_K_M.gguf"
    assert button(view, "resume").isVisible()
    view.set_downloads([(plan(0), RECEIVING)])
    assert list_of(view).currentIndex().data() == "model-0.Q4_K_M.gguf"


def test_a_failure_is_told_whole_and_only_for_the_one_chosen(view: DownloadsView, qtbot: QtBot) -> None:
    show(view, RECEIVING, Progress(Phase.FAILED, error=errors.AccessNotGranted("<b>owner</b>/model")))
    problem = view.findChild(QLabel, "download_problem")
    assert problem.text() == ""
    qtbot.keyClick(list_of(view), Qt.Key.Key_Down)
    assert problem.text().startswith("You have no access to this model yet: <b>owner</b>/model. Open the model's page")
    assert problem.textFormat() == Qt.TextFormat.PlainText
    view.show_progress("id1", RECEIVING)
    assert problem.text() == ""


def test_progress_changes_neither_the_layout_nor_focus_nor_choice(view: DownloadsView, qtbot: QtBot) -> None:
    show(view, RECEIVING, RECEIVING)
    view.activateWindow()
    qtbot.keyClick(list_of(view), Qt.Key.Key_Down)
    list_of(view).setFocus()
    qtbot.waitUntil(lambda: list_of(view).hasFocus())
    QApplication.processEvents()
    layouts = _Counter(QEvent.Type.LayoutRequest)
    view.installEventFilter(layouts)
    for megabytes in range(412, 512):
        view.show_progress("id0", replace(RECEIVING, received=megabytes * MIB))
        view.show_progress("id1", replace(RECEIVING, received=megabytes * MIB))
    QApplication.processEvents()
    assert layouts.count == 0
    assert spoken(view)[1].startswith("model-1.Q4_K_M.gguf, 511 of 669 MiB")
    assert list_of(view).hasFocus() and list_of(view).currentIndex().row() == 1


class _Counter(QObject):
    def __init__(self, kind: QEvent.Type) -> None:
        super().__init__()
        self._kind = kind
        self.count = 0

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802
        self.count += event.type() == self._kind
        return False


def test_it_is_as_high_as_its_rows_up_to_five(view: DownloadsView) -> None:
    heights = []
    for count in (1, 5, 50):
        show(view, *[RECEIVING] * count)
        heights.append(list_of(view).sizeHint().height())
    assert heights[0] < heights[1] == heights[2]


def test_a_screen_reader_hears_of_a_change_once_and_never_of_percents(
    view: DownloadsView, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    monkeypatch.setattr(accessibility, "announce", lambda _widget, text: told.append(text))
    waiting = Progress(Phase.WAITING, next_try=8, error=errors.NoConnection())
    show(view, Progress(Phase.QUEUED))
    for percent in range(50):
        view.show_progress("id0", replace(RECEIVING, received=percent * MIB))
    for _ in range(3):  # tries that lead nowhere
        view.show_progress("id0", waiting)
        view.show_progress("id0", Progress(Phase.CONNECTING))
    view.show_progress("id0", PAUSED)
    assert [text.partition(": ")[2] for text in told] == [
        "0 B of 669 MiB · 8.1 MiB/s · 32 s left",
        "waiting for the network, next try in 8 s",
        "paused · 412 of 669 MiB",
    ]


def test_news_of_a_download_that_is_gone_is_ignored(view: DownloadsView) -> None:
    show(view, RECEIVING)
    view.show_progress("id7", PAUSED)
    assert spoken(view) == ["model-0.Q4_K_M.gguf, 412 of 669 MiB · 8.1 MiB/s · 32 s left"]


def test_a_row_is_drawn_for_every_phase(view: DownloadsView) -> None:
    show(view, *(Progress(phase, 3, 7, verified=0.5, error=errors.Offline()) for phase in Phase))
    assert not view.grab().isNull()
