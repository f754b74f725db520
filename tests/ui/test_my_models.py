from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAccessible
from PySide6.QtWidgets import QLabel, QListView, QMessageBox, QPushButton, QWidget
from pytestqt.qtbot import QtBot

from app.core.library import ModelFile, Place, PlaceKind
from app.ui.my_models import MyModels
from app.ui.two_line_delegate import SECOND_LINE_ROLE

MIB = 1 << 20
OURS = Place(Path("/data/models"), PlaceKind.OURS)
ADDED = Place(Path("/mnt/stick"), PlaceKind.ADDED)
LM_STUDIO = Place(Path("/home/ada/.lmstudio/models"), PlaceKind.LM_STUDIO)
OLLAMA = Place(Path("/home/ada/.ollama/models"), PlaceKind.OLLAMA)


def model(name: str, place: Place = OURS, used_at: float = 0.0, problem: str = "") -> ModelFile:
    path = place.path / name / "model.gguf"
    return ModelFile(
        path, name, "Q4_K_M", 669 * MIB, place, name, memory=890 * MIB, used_at=used_at, problem=problem, parts=(path,)
    )


@pytest.fixture
def view(qtbot: QtBot) -> MyModels:
    view = MyModels()
    qtbot.addWidget(view)
    view.resize(900, 900)
    view.show()
    return view


def list_of(view: MyModels) -> QListView:
    return view.findChild(QListView, "models_on_this_computer")


def button(view: QWidget, name: str) -> QPushButton:
    return view.findChild(QPushButton, name)


def rows(found: QListView, role: int = int(Qt.ItemDataRole.DisplayRole)) -> list[str]:
    return [str(found.model().index(row, 0).data(role)) for row in range(found.model().rowCount())]


def spoken(view: MyModels) -> list[str]:
    return rows(list_of(view), int(Qt.ItemDataRole.AccessibleTextRole))


def click(qtbot: QtBot, view: QWidget, name: str) -> None:
    qtbot.mouseClick(button(view, name), Qt.MouseButton.LeftButton)


def test_without_models_it_invites_to_find_one(view: MyModels, qtbot: QtBot) -> None:
    assert button(view, "find_models").isVisible()
    assert list_of(view).isHidden() and button(view, "use").isHidden() and button(view, "delete").isHidden()
    with qtbot.waitSignal(view.find_requested):
        click(qtbot, view, "find_models")
    with qtbot.waitSignal(view.open_requested):
        click(qtbot, view, "open_model_file")
    view.set_models([model("Tiny")], "")
    assert not button(view, "find_models").isVisible()
    assert list_of(view).isVisible()


def test_models_are_listed_by_last_use_then_by_name(view: MyModels) -> None:
    view.set_models([model("b"), model("A"), model("old", used_at=1.0), model("new", used_at=2.0)], "")
    assert rows(list_of(view)) == ["new", "old", "A", "b"]


def test_a_row_says_all_there_is_to_know_in_words(view: MyModels) -> None:
    tiny = model("Tiny", used_at=time.time())
    view.set_models([tiny, model("Other")], str(tiny.path))
    second = rows(list_of(view), SECOND_LINE_ROLE)
    assert second[0].startswith("memory about 890 MiB · used ") and second[0].endswith(" · /data/models/Tiny")
    assert "never used" in second[1]
    assert spoken(view)[0].startswith("Tiny · Q4_K_M · loaded · 669 MiB · memory about 890 MiB")
    assert "loaded" not in spoken(view)[1]


def test_the_total_is_told(view: MyModels) -> None:
    total = view.findChild(QLabel, "models_in_all")
    view.set_models([model("a"), model("b")], "")
    assert total.text() == "2 models, 1.3 GiB"
    view.set_models([model("a")], "")
    assert total.text() == "1 model, 669 MiB"


@pytest.mark.parametrize(
    "press",
    [
        lambda qtbot, view: click(qtbot, view, "use"),
        lambda qtbot, view: qtbot.keyClick(list_of(view), Qt.Key.Key_Return),
        lambda qtbot, view: list_of(view).doubleClicked.emit(list_of(view).currentIndex()),
    ],
)
def test_the_model_chosen_can_be_used(view: MyModels, qtbot: QtBot, press: Callable[[QtBot, MyModels], None]) -> None:
    second = model("b")
    view.set_models([model("a"), second], "")
    qtbot.keyClick(list_of(view), Qt.Key.Key_Down)
    with qtbot.waitSignal(view.use_requested) as requested:
        press(qtbot, view)
    assert requested.args == [str(second.path)]


def test_the_model_chosen_can_be_shown_in_its_folder(view: MyModels, qtbot: QtBot) -> None:
    view.set_models([model("a")], "")
    with qtbot.waitSignal(view.show_requested) as requested:
        click(qtbot, view, "show_in_folder")
    assert requested.args == [str(model("a").path)]


def test_a_model_of_ours_can_be_deleted_by_button_and_key(view: MyModels, qtbot: QtBot) -> None:
    view.set_models([model("a")], "")
    for press in (
        lambda: click(qtbot, view, "delete"),
        lambda: qtbot.keyClick(list_of(view), Qt.Key.Key_Delete),
    ):
        with qtbot.waitSignal(view.delete_requested) as requested:
            press()
        assert requested.args == [str(model("a").path)]


@pytest.mark.parametrize(
    ("place", "why"),
    [
        (ADDED, "This is a file of your own, which Paddock never deletes."),
        (LM_STUDIO, "This file belongs to LM Studio. Delete it there."),
    ],
)
def test_a_file_that_is_not_ours_cannot_be_deleted_and_why_is_said(
    view: MyModels, qtbot: QtBot, place: Place, why: str
) -> None:
    view.set_models([model("a", place)], "")
    delete = button(view, "delete")
    assert not delete.isEnabled()
    assert why in delete.toolTip()
    described = QAccessible.queryAccessibleInterface(delete).text(QAccessible.Text.Description)
    assert described == f"a: {why}"
    with qtbot.assertNotEmitted(view.delete_requested):
        qtbot.keyClick(list_of(view), Qt.Key.Key_Delete)


def test_a_file_with_a_problem_says_so_and_cannot_be_used(view: MyModels, qtbot: QtBot) -> None:
    view.set_models([model("a", problem="The file is incomplete: <b>half</b> is missing")], "")
    assert "The file is incomplete: <b>half</b> is missing" in spoken(view)[0]
    assert "&lt;b&gt;half" in button(view, "use").toolTip()
    assert button(view, "delete").isEnabled()
    with qtbot.assertNotEmitted(view.use_requested):
        qtbot.keyClick(list_of(view), Qt.Key.Key_Return)


def test_the_model_chosen_stays_chosen_and_the_next_one_follows_it(view: MyModels, qtbot: QtBot) -> None:
    view.set_models([model("a"), model("b"), model("c")], "")
    qtbot.keyClick(list_of(view), Qt.Key.Key_Down)
    view.set_models([model("c", used_at=1.0), model("b"), model("a")], "")
    assert list_of(view).currentIndex().data() == "b"
    view.set_models([model("a"), model("c")], "")
    assert list_of(view).currentIndex().data() == "c"
    view.set_models([model("a")], "")
    assert list_of(view).currentIndex().data() == "a"


def test_the_focus_stays_on_delete_while_there_is_something_to_delete(view: MyModels, qtbot: QtBot) -> None:
    view.set_models([model("a"), model("b"), model("c", ADDED)], "")
    view.activateWindow()
    button(view, "delete").setFocus()
    qtbot.waitUntil(lambda: button(view, "delete").hasFocus())
    view.set_models([model("b"), model("c", ADDED)], "")
    assert button(view, "delete").hasFocus()
    view.set_models([model("c", ADDED)], "")
    assert list_of(view).hasFocus()


# Folders


def folders_of(view: MyModels) -> QListView:
    return view.findChild(QListView, "folders")


def test_folders_say_whose_they_are_and_whether_they_are_there(view: MyModels) -> None:
    view.set_places([OURS, ADDED, LM_STUDIO], {ADDED.path}, {OURS.path: 1, LM_STUDIO.path: 3})
    assert rows(folders_of(view), int(Qt.ItemDataRole.AccessibleTextRole)) == [
        f"{OURS.path}, Paddock's own · 1 model",
        f"{ADDED.path}, added by you · not connected",
        f"{LM_STUDIO.path}, LM Studio · 3 models",
    ]


def test_a_folder_can_be_added_and_removed_but_not_our_own(view: MyModels, qtbot: QtBot) -> None:
    view.set_places([OURS, ADDED], (), {})
    assert not button(view, "remove_folder").isEnabled()
    with qtbot.waitSignal(view.add_folder_requested):
        click(qtbot, view, "add_folder")
    qtbot.keyClick(folders_of(view), Qt.Key.Key_Down)
    with qtbot.waitSignal(view.remove_place_requested) as requested:
        click(qtbot, view, "remove_folder")
    assert requested.args == [str(ADDED.path)]
    view.set_places([OURS], (), {})
    assert not button(view, "remove_folder").isEnabled()


def test_folders_of_other_apps_are_offered(view: MyModels, qtbot: QtBot) -> None:
    assert view.findChild(QWidget, "also_found_on_this_computer").isHidden()
    view.set_offers([(LM_STUDIO, 3), (OLLAMA, 1)])
    view.set_offers([(LM_STUDIO, 3), (OLLAMA, 1)])
    assert view.findChild(QWidget, "also_found_on_this_computer").isVisible()
    assert [each.accessibleName() for each in view.findChildren(QPushButton) if each.text() == "Add"] == [
        "Add LM Studio",
        "Add Ollama",
    ]
    with qtbot.waitSignal(view.offer_accepted) as accepted:
        click(qtbot, view, "add_ollama")
    assert accepted.args == [OLLAMA]
    view.set_offers([(LM_STUDIO, 3)])
    assert button(view, "add_lm_studio").isVisible()
    assert button(view, "add_ollama") is None or not button(view, "add_ollama").isVisible()
    view.set_offers([])
    assert view.findChild(QWidget, "also_found_on_this_computer").isHidden()


# Trash


def test_what_is_in_the_trash_can_be_restored(view: MyModels, qtbot: QtBot) -> None:
    trash = view.findChild(QWidget, "trash")
    assert trash.isHidden()
    view.set_trash(2, 1200 * MIB)
    assert trash.isVisible()
    assert view.findChild(QLabel, "in_the_trash").text() == "In the trash: 2 models, 1.2 GiB"
    with qtbot.waitSignal(view.restore_requested):
        click(qtbot, view, "restore")
    view.set_trash(0, 0)
    assert trash.isHidden()


def test_the_trash_is_emptied_only_after_a_question(view: MyModels, qtbot: QtBot) -> None:
    view.set_trash(2, 1200 * MIB)
    with qtbot.assertNotEmitted(view.empty_trash_requested):
        click(qtbot, view, "empty_trash")
        question(view).reject()
    qtbot.waitUntil(lambda: view.findChild(QMessageBox) is None)
    click(qtbot, view, "empty_trash")
    box = question(view)
    assert "2 models" in box.text() and "1.2 GiB" in box.text() and "cannot be undone" in box.text()
    assert box.defaultButton() is box.button(QMessageBox.StandardButton.Cancel)
    yes = next(each for each in box.buttons() if each.text() == "Empty trash")
    with qtbot.waitSignal(view.empty_trash_requested):
        qtbot.mouseClick(yes, Qt.MouseButton.LeftButton)


def question(view: MyModels) -> QMessageBox:
    return view.findChild(QMessageBox, "empty_trash_question")


def test_a_row_can_be_drawn_however_long_its_name(view: MyModels) -> None:
    view.set_models([model("model" * 60), model("b")], str(model("b").path))
    assert not view.grab().isNull()
