"""The Library of the whole window against a Hub on this computer."""

from __future__ import annotations

import dataclasses
import os

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QCheckBox,
    QLabel,
    QLineEdit,
    QListView,
    QMessageBox,
    QTabBar,
    QTableView,
    QWidget,
)

from app.core import hardware
from app.core.units import format_bytes
from app.ui.bill_bar import needed
from tests.fake_hub import FakeHub
from tests.fake_hub_faults import Fault, Kind
from tests.gguf_writer import write_gguf
from tests.ui.person import Person

REPO = "maker/Storyteller-GGUF"


@pytest.fixture
def quant_files(tmp_path):
    """Two quants of a model small enough to be loaded by anything."""
    content = write_gguf(tmp_path / "story.gguf", quant="Q8_0").read_bytes()
    return {"storyteller.Q4_K_M.gguf": content, "storyteller.Q8_0.gguf": content + bytes(32)}


@pytest.fixture
def person(hub: FakeHub, quant_files, start) -> Person:
    hub.add_model(REPO, files=quant_files, card="# Storyteller\n\nIt tells stories.", downloads=5, likes=1)
    person = start("floods")
    person.wait_for(lambda: person.status().startswith("Ready"))
    person.press("library")
    return person


def look_for(person: Person, text: str) -> None:
    box = person.control(QLineEdit, "search_models")
    box.clear()
    person.qtbot.keyClicks(box, text)


def rows(view: QAbstractItemView) -> list[str]:
    model = view.model()
    return [str(model.index(row, 0).data(Qt.ItemDataRole.DisplayRole)) for row in range(model.rowCount())]


def texts(person: Person) -> str:
    return "\n".join(label.text() for label in person.window.findChildren(QLabel) if label.isVisible())


def open_page(person: Person) -> QTableView:
    look_for(person, REPO)
    person.qtbot.keyClick(person.control(QLineEdit, "search_models"), Qt.Key.Key_Return)
    person.wait_for(lambda: [t for t in person.window.findChildren(QTableView, "quants") if t.isVisible()])
    table = person.control(QTableView, "quants")
    person.wait_for(lambda: len(rows(table)) == 2)
    return table


def choose(table: QTableView, name: str) -> None:
    found = next(row for row, text in enumerate(rows(table)) if name in text)
    table.setCurrentIndex(table.model().index(found, 0))


def download(person: Person, name: str) -> None:
    choose(open_page(person), name)
    person.press("download")
    person.wait_for(lambda: person.sees_button("Use"))


def test_the_shelf_is_there_without_a_request(person, hub):
    shelf = person.control(QListView, "models")
    assert "TinyLlama" in rows(shelf)[0]
    assert hub.requests == []


def test_a_search_finds_models_as_one_types(person):
    look_for(person, "storyt")
    person.wait_for(lambda: rows(person.control(QListView, "models")) == ["Storyteller-GGUF"])


def test_a_pasted_name_opens_the_models_page_with_its_card(person):
    open_page(person)
    person.wait_for(lambda: "It tells stories." in "".join(w.toPlainText() for w in browsers(person)))


def browsers(person: Person) -> list[QWidget]:
    return [widget for widget in person.window.findChildren(QWidget) if hasattr(widget, "toPlainText")]


def test_a_quant_is_downloaded_used_and_switched_in_two_clicks(person, paths):
    download(person, "Q4_K_M")
    assert (paths.models / REPO / "storyteller.Q4_K_M.gguf").is_file()
    person.press("use")
    person.wait_for(lambda: person.control(QAbstractButton, "model").accessibleDescription().endswith("ready"))
    person.press("library")
    choose(person.control(QTableView, "quants"), "Q8_0")
    person.press("download")
    person.wait_for((paths.models / REPO / "storyteller.Q8_0.gguf").is_file)
    person.press("chat")
    menu = person.control(QAbstractButton, "model").menu()
    person.wait_for(lambda: any("Q8_0" in action.text() for action in menu.actions()))
    next(action for action in menu.actions() if "Q8_0" in action.text()).trigger()
    person.wait_for(lambda: person.application.models.path.endswith("storyteller.Q8_0.gguf"))


def test_a_deleted_model_goes_to_the_trash_and_comes_back(person, paths):
    download(person, "Q4_K_M")
    file = paths.models / REPO / "storyteller.Q4_K_M.gguf"
    person.control(QTabBar, "library_pages").setCurrentIndex(1)
    person.wait_for(lambda: len(rows(person.control(QListView, "models_on_this_computer"))) == 1)
    person.press("delete")
    person.wait_for(lambda: not file.exists())
    person.wait_for(lambda: person.sees_button("Undo"))
    person.press("toast_action")
    person.wait_for(file.exists)


def test_a_download_that_was_under_way_goes_on_at_the_next_start(person, hub, start, paths):
    hub.faults.add(Fault(Kind.STALL, "cdn", after_bytes=1000, times=None))
    choose(open_page(person), "Q8_0")
    person.press("download")
    downloads = lambda: person.control(QListView, "downloads")  # noqa: E731
    person.wait_for(lambda: list((paths.models / REPO).glob("*.part")))
    assert rows(downloads()) == ["storyteller.Q8_0.gguf"]
    person.application.library.close()
    hub.faults.clear()
    again = start("floods")
    again.wait_for((paths.models / REPO / "storyteller.Q8_0.gguf").is_file)


def test_offline_nothing_is_asked_and_one_click_goes_online(person, hub):
    person.press("settings")
    offline = person.control(QCheckBox, "offline")
    offline.click()
    person.press("library")
    hub.forget_requests()
    look_for(person, "storyt")
    person.wait_for(lambda: "Paddock is offline" in texts(person))
    assert hub.requests == []
    person.press("go_online")
    person.wait_for(lambda: rows(person.control(QListView, "models")) == ["Storyteller-GGUF"])
    person.press("settings")
    assert not person.control(QCheckBox, "offline").isChecked()


def test_the_ledger_lists_what_was_asked(person):
    look_for(person, "storyt")
    person.wait_for(lambda: rows(person.control(QListView, "models")) == ["Storyteller-GGUF"])
    person.press("settings")
    person.wait_for(lambda: person.control(QTableView, "requests").model().rowCount() >= 1)
    model = person.control(QTableView, "requests").model()
    said = [str(model.index(0, column).data()) for column in range(model.columnCount())]
    assert "searching for models" in said and any(text.startswith("127.0.0.1") for text in said)


def test_a_hub_that_fails_is_told_in_words_with_a_way_on(person, hub):
    hub.faults.add(Fault(Kind.CLOSE, "api"))
    look_for(person, "storyt")
    person.wait_for(lambda: "The Hub cannot be reached" in texts(person))
    person.qtbot.mouseClick(person.sees_button("Try again"), Qt.MouseButton.LeftButton)
    person.wait_for(lambda: rows(person.control(QListView, "models")) == ["Storyteller-GGUF"])


def test_a_gated_model_wants_a_token_and_then_is_downloaded(person, hub, quant_files, paths):
    hub.add_model("maker/Gated-GGUF", files=quant_files, gated="manual")
    look_for(person, "maker/Gated-GGUF")
    person.qtbot.keyClick(person.control(QLineEdit, "search_models"), Qt.Key.Key_Return)
    table = person.control(QTableView, "quants")
    person.wait_for(lambda: len(rows(table)) == 2)
    choose(table, "Q8_0")
    person.press("download")
    person.wait_for(lambda: "This model wants to know who you are" in texts(person))
    person.press("enter_token")
    person.qtbot.keyClicks(person.control(QLineEdit, "hub_token"), hub.token_ok)
    person.press("save_token")
    person.wait_for(lambda: "The Hub knows this token" in texts(person))
    person.press("library")
    person.press("resume")
    person.wait_for((paths.models / "maker/Gated-GGUF/storyteller.Q8_0.gguf").is_file)
    assert hub.token_ok not in "".join(p.read_text("utf-8", "replace") for p in paths.root.glob("*.json"))


def test_a_token_that_the_hub_refuses_is_told_and_does_not_break_public_models(person, hub):
    person.press("settings")
    person.qtbot.keyClicks(person.control(QLineEdit, "hub_token"), "hf_stale")
    person.press("save_token")
    person.wait_for(lambda: "The Hub does not accept your token" in texts(person))
    person.press("library")
    open_page(person)


def delete(person: Person, paths, name: str = "Q4_K_M"):
    download(person, name)
    file = paths.models / REPO / f"storyteller.{name}.gguf"
    person.control(QTabBar, "library_pages").setCurrentIndex(1)
    person.wait_for(lambda: len(rows(person.control(QListView, "models_on_this_computer"))) == 1)
    person.press("delete")
    person.wait_for(lambda: not file.exists())
    return file


def test_what_is_in_the_trash_can_be_restored_later(person, paths):
    file = delete(person, paths)
    person.press("restore")
    person.wait_for(file.exists)
    person.wait_for(lambda: len(rows(person.control(QListView, "models_on_this_computer"))) == 1)


def test_emptying_the_trash_asks_once_and_frees_the_space(person, paths):
    delete(person, paths)
    person.press("empty_trash")
    question = person.control(QMessageBox, "empty_trash_question")
    next(b for b in question.buttons() if question.buttonRole(b) == QMessageBox.ButtonRole.AcceptRole).click()
    # Not `rglob`: folders go while it looks.
    person.wait_for(lambda: not any(name.endswith(".gguf") for *_, names in os.walk(paths.models) for name in names))


def test_another_quant_is_two_clicks_away_from_the_picker(person, paths):
    download(person, "Q4_K_M")
    person.press("use")
    person.wait_for(lambda: person.control(QAbstractButton, "model").accessibleDescription().endswith("ready"))
    menu = person.control(QAbstractButton, "model").menu()
    another = lambda: [a for a in menu.actions() if a.text().startswith("Get another quant") and a.isVisible()]  # noqa: E731
    person.wait_for(another)
    another()[0].trigger()
    person.wait_for(lambda: len(rows(person.control(QTableView, "quants"))) == 2)


def test_a_folder_with_models_is_added_and_taken_off_again_and_its_files_stay(person, tmp_path, quant_files):
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    file = folder / "mine.Q8_0.gguf"
    file.write_bytes(quant_files["storyteller.Q4_K_M.gguf"])
    person.control(QTabBar, "library_pages").setCurrentIndex(1)
    person.application.library.on_disk.add(folder)
    models = person.control(QListView, "models_on_this_computer")
    person.wait_for(lambda: len(rows(models)) == 1)
    assert not person.control(QAbstractButton, "delete").isEnabled()
    person.application.library.on_disk.remove(folder)
    person.wait_for(lambda: not rows(models))
    assert file.exists()


def test_another_folder_for_downloads_keeps_what_is_in_the_first(person, paths, tmp_path):
    download(person, "Q4_K_M")
    other = tmp_path / "big disk"
    other.mkdir()
    settings = dataclasses.replace(person.application.settings.shared(), models_folder=str(other))
    person.application.settings.change(settings)
    choose(person.control(QTableView, "quants"), "Q8_0")
    person.press("download")
    person.wait_for((other / REPO / "storyteller.Q8_0.gguf").is_file)
    person.control(QTabBar, "library_pages").setCurrentIndex(1)
    person.wait_for(lambda: len(rows(person.control(QListView, "models_on_this_computer"))) == 2)


def column(table: QTableView, heading: str) -> list[str]:
    model = table.model()
    headings = [model.headerData(place, Qt.Orientation.Horizontal) for place in range(model.columnCount())]
    return [str(model.index(row, headings.index(heading)).data()) for row in range(model.rowCount())]


def test_without_an_answer_of_the_engine_memory_stays_a_first_estimate(person, paths):
    table = open_page(person)
    person.wait_for(lambda: len(list(paths.headers.glob("*.gguf"))) == 2)
    assert all(text.startswith("about ") for text in column(table, "Memory"))
    assert column(table, "Fits") == ["fits in RAM", "fits in RAM"]


@pytest.mark.model
@pytest.mark.parametrize("context", [None, 1024])
def test_memory_before_the_download_is_the_bill_of_the_downloaded_file(hub, quant_files, start, paths, context):
    hub.add_model(REPO, files=quant_files)
    person = start("")
    person.press("library")
    table = open_page(person)
    person.application.settings.change(
        dataclasses.replace(person.application.settings.shared(), context_length=context, gpu_layers=0)
    )
    person.wait_for(lambda: not any("about" in text for text in column(table, "Memory")))
    words = lambda: person.control(QLabel, "chosen_quant_in_words").text()  # noqa: E731
    person.wait_for(lambda: "about" not in words())
    before = column(table, "Memory")

    choose(table, "Q8_0")
    person.press("download")
    file = paths.models / REPO / "storyteller.Q8_0.gguf"
    person.wait_for(file.is_file)
    estimator = person.application.estimator
    with person.qtbot.waitSignal(estimator.estimated, check_params_cb=lambda key, _: key == "the file") as estimated:
        estimator.ask("the file", str(file), person.application.settings.of(str(file)))
    bill = estimated.args[1].devices
    assert before[rows(table).index(file.name)] == format_bytes(sum(needed(part) for part in bill))


@pytest.mark.model
def test_what_would_not_fit_says_by_how_much_and_what_would_and_can_be_downloaded(hub, quant_files, start, monkeypatch):
    hub.add_model(REPO, files=quant_files)
    person = start("")
    settings = person.application.settings
    settings.change(dataclasses.replace(settings.shared(), context_length=1 << 20, gpu_layers=0))
    too_much = hardware.memory_available() - (1 << 30)  # of what this computer has, for its cache takes 2 GiB
    monkeypatch.setattr(person.application.models, "given_back", lambda: (("RAM", -too_much),))
    person.press("library")
    table = open_page(person)
    words = lambda: person.control(QLabel, "chosen_quant_in_words").text()  # noqa: E731
    person.wait_for(lambda: "with a context of" in words())
    assert column(table, "Fits") == ["does not fit", "does not fit"]
    assert "too much. What would fit: a context of " in words()
    assert person.control(QAbstractButton, "download").isEnabled()
