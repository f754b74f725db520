from __future__ import annotations

import time

import pytest
from PySide6.QtCore import QItemSelectionModel, Qt
from PySide6.QtGui import QAccessible
from PySide6.QtWidgets import QComboBox, QLabel, QLineEdit, QListView, QPushButton, QWidget
from pytestqt.qtbot import QtBot

from app.core import errors
from app.core.catalogue import ShelfModel
from app.core.hub_model import SearchRow, Sort
from app.ui.model_search import ModelSearch

TINY = ShelfModel("TheBloke/TinyLlama-GGUF", "Small and quick.", "apache-2.0", 2048, "any computer")
LARGE = ShelfModel("bartowski/Llama-70B-GGUF", "Knows a lot.", "llama3.3", 131_072, "64 GB of memory")
FOUND = SearchRow("Qwen/Qwen3-4B-GGUF", downloads=12_345, likes=67, licence="apache-2.0")
GATED = SearchRow("google/gemma-GGUF", changed_at=time.time(), gated=True)


@pytest.fixture
def search(qtbot: QtBot) -> ModelSearch:
    search = ModelSearch()
    qtbot.addWidget(search)
    search.set_shelf([TINY, LARGE])
    search.resize(800, 500)
    search.show()
    return search


def box(search: ModelSearch) -> QLineEdit:
    return search.findChild(QLineEdit, "search_models")


def models(search: ModelSearch) -> QListView:
    return search.findChild(QListView, "models")


def names(search: ModelSearch) -> list[str]:
    model = models(search).model()
    return [str(model.index(row, 0).data()) for row in range(model.rowCount())]


def spoken(search: ModelSearch, row: int) -> str:
    return QAccessible.queryAccessibleInterface(models(search)).child(row).text(QAccessible.Text.Name)


def button(search: ModelSearch, name: str) -> QPushButton | None:
    """The button of that name, if it is seen."""
    return next((found for found in search.findChildren(QPushButton, name) if found.isVisible()), None)


def sees(search: ModelSearch, words: str) -> bool:
    return any(words in label.text() for label in search.findChildren(QLabel) if label.isVisible())


def test_without_typing_it_shows_good_models_to_begin_with(search: ModelSearch) -> None:
    assert names(search) == ["TinyLlama-GGUF", "Llama-70B-GGUF"]
    assert sees(search, "Good models to begin with")
    assert button(search, "show_more") is None


def test_a_row_of_the_shelf_says_all_about_the_model(search: ModelSearch) -> None:
    parts = ("TheBloke", "for any computer", "apache-2.0", "context 2\u202f048", "Small and quick.")
    assert all(part in spoken(search, 0) for part in parts)


def test_it_asks_once_after_a_pause_in_typing(search: ModelSearch, qtbot: QtBot) -> None:
    asked: list[tuple[str, object]] = []
    search.search_requested.connect(lambda text, sort: asked.append((text, sort)))

    qtbot.keyClicks(box(search), "qwen")
    assert not asked

    qtbot.waitUntil(lambda: bool(asked))
    assert asked == [("qwen", Sort.DOWNLOADS)]


def test_enter_asks_at_once_and_tells_the_text(search: ModelSearch, qtbot: QtBot) -> None:
    entered: list[str] = []
    search.entered.connect(entered.append)
    qtbot.keyClicks(box(search), " owner/name ")

    with qtbot.waitSignal(search.search_requested, timeout=100) as asked:
        qtbot.keyClick(box(search), Qt.Key.Key_Return)

    assert asked.args == ["owner/name", Sort.DOWNLOADS]
    assert entered == ["owner/name"]


def test_enter_without_text_asks_for_nothing(search: ModelSearch, qtbot: QtBot) -> None:
    with qtbot.assertNotEmitted(search.search_requested), qtbot.assertNotEmitted(search.entered):
        qtbot.keyClicks(box(search), "  ")
        qtbot.keyClick(box(search), Qt.Key.Key_Return)


def test_another_order_asks_again(search: ModelSearch, qtbot: QtBot) -> None:
    order = search.findChild(QComboBox, "sort_by")
    assert [order.itemText(row) for row in range(order.count())] == ["Most downloads", "Most likes", "Last change"]
    with qtbot.assertNotEmitted(search.search_requested):
        qtbot.keyClick(order, Qt.Key.Key_Down)  # nothing is being looked for
    qtbot.keyClicks(box(search), "qwen")

    with qtbot.waitSignal(search.search_requested, timeout=100) as asked:
        qtbot.keyClick(order, Qt.Key.Key_Down)

    assert asked.args == ["qwen", Sort.CHANGED]


def test_what_was_there_stays_while_it_is_searching(search: ModelSearch) -> None:
    search.show_searching()

    assert names(search) == ["TinyLlama-GGUF", "Llama-70B-GGUF"]
    assert sees(search, "Searching…")


def test_results_say_all_about_the_models(search: ModelSearch) -> None:
    search.show_searching()
    search.show_results([FOUND, GATED], has_more=False)

    assert names(search) == ["Qwen3-4B-GGUF", "gemma-GGUF"]
    assert spoken(search, 0) == "Qwen3-4B-GGUF, Qwen, 12\u202f345 downloads · 67 likes · apache-2.0"
    assert "changed today" in spoken(search, 1) and spoken(search, 1).endswith(" · gated")
    assert not sees(search, "Searching…")


def test_more_results_come_below(search: ModelSearch, qtbot: QtBot) -> None:
    search.show_searching()
    search.show_results([FOUND], has_more=True)
    with qtbot.waitSignal(search.more_requested):
        button(search, "show_more").click()
    search.show_searching()
    search.add_results([GATED], has_more=False)

    assert names(search) == ["Qwen3-4B-GGUF", "gemma-GGUF"]
    assert button(search, "show_more") is None


def test_a_click_or_enter_on_a_model_asks_for_it(search: ModelSearch, qtbot: QtBot) -> None:
    view = models(search)
    with qtbot.waitSignal(search.model_requested) as requested:
        place = view.visualRect(view.model().index(1, 0)).center()
        qtbot.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=place)
    assert requested.args == [LARGE.id]
    qtbot.keyClick(view, Qt.Key.Key_Up)
    with qtbot.waitSignal(search.model_requested) as requested:
        qtbot.keyClick(view, Qt.Key.Key_Return)
    assert requested.args == [TINY.id]


def test_down_leads_from_the_box_into_the_list(search: ModelSearch, qtbot: QtBot) -> None:
    search.setFocus()
    qtbot.waitUntil(box(search).hasFocus)

    qtbot.keyClick(box(search), Qt.Key.Key_Down)

    assert models(search).hasFocus() and models(search).currentIndex().row() == 0


def test_coming_back_leads_to_the_row_one_left(search: ModelSearch, qtbot: QtBot) -> None:
    models(search).setCurrentIndex(models(search).model().index(1, 0))

    search.setFocus()

    qtbot.waitUntil(models(search).hasFocus)


@pytest.mark.parametrize("clear", ["escape", "clear_search", "backspace"])
def test_clearing_shows_the_first_models_again_and_asks_for_nothing(
    search: ModelSearch, qtbot: QtBot, clear: str
) -> None:
    qtbot.keyClicks(box(search), "q")
    qtbot.keyClick(box(search), Qt.Key.Key_Return)
    search.show_searching()
    search.show_results([FOUND], has_more=True)

    with qtbot.assertNotEmitted(search.search_requested):
        match clear:
            case "escape":
                qtbot.keyClick(models(search), Qt.Key.Key_Escape)
            case "clear_search":
                button(search, "clear_search").click()
            case _:
                qtbot.keyClick(box(search), Qt.Key.Key_Backspace)

    assert names(search) == ["TinyLlama-GGUF", "Llama-70B-GGUF"]
    assert box(search).text() == "" and button(search, "show_more") is None and button(search, "clear_search") is None


def test_what_comes_of_a_search_that_was_cleared_is_ignored(search: ModelSearch) -> None:
    box(search).setText("q")
    search.show_searching()
    box(search).clear()

    search.show_results([FOUND], has_more=True)
    search.show_failure(errors.NoConnection())

    assert names(search) == ["TinyLlama-GGUF", "Llama-70B-GGUF"]
    assert button(search, "try_again") is None


def test_where_nothing_is_found_it_says_what_to_do(search: ModelSearch) -> None:
    search.show_searching()
    search.show_results([], has_more=False)

    assert sees(search, "Nothing found") and sees(search, "Try another word, or paste the address of a model.")
    assert not models(search).isVisible()


def test_a_failure_is_told_with_a_way_on(search: ModelSearch, qtbot: QtBot) -> None:
    search.show_searching()
    search.show_failure(errors.NoConnection("The name is not known."))

    assert sees(search, "The Hub cannot be reached") and sees(search, "The name is not known.")
    assert names(search) == ["TinyLlama-GGUF", "Llama-70B-GGUF"]
    with qtbot.waitSignal(search.retry_requested):
        button(search, "try_again").click()
    search.show_searching()
    assert not sees(search, "The Hub cannot be reached")


def test_offline_it_offers_to_go_online_and_keeps_the_models(search: ModelSearch, qtbot: QtBot) -> None:
    search.show_searching()
    search.show_failure(errors.Offline())

    assert sees(search, "Paddock is offline") and names(search) == ["TinyLlama-GGUF", "Llama-70B-GGUF"]
    with qtbot.waitSignal(search.go_online_requested):
        button(search, "go_online").click()
    with qtbot.waitSignal(search.retry_requested):
        search.leave_offline()
    assert not sees(search, "Paddock is offline")


def test_going_online_asks_for_nothing_where_nothing_was_refused(search: ModelSearch, qtbot: QtBot) -> None:
    with qtbot.assertNotEmitted(search.retry_requested):
        search.leave_offline()


def test_the_button_that_goes_away_leaves_the_focus_in_the_box(search: ModelSearch, qtbot: QtBot) -> None:
    search.show_searching()
    search.show_failure(errors.NoConnection())
    again = button(search, "try_again")
    again.setFocus()
    qtbot.waitUntil(again.hasFocus)

    search.show_searching()

    assert box(search).hasFocus()


def test_a_row_that_a_screen_reader_selects_can_be_opened_with_a_button(search: ModelSearch, qtbot) -> None:
    search.show_searching()
    search.show_results([FOUND], has_more=False)
    view = search.findChild(QListView, "models")
    button = search.findChild(QPushButton, "open_model")
    assert not button.isEnabled()
    view.selectionModel().select(view.model().index(0, 0), QItemSelectionModel.SelectionFlag.Select)
    with qtbot.waitSignal(search.model_requested) as asked:
        button.click()
    assert asked.args == [FOUND.id]


def test_tab_goes_from_top_to_bottom(search: ModelSearch) -> None:
    search.show_searching()
    search.show_results([FOUND], has_more=True)
    search.show_searching()
    search.show_failure(errors.NoConnection())

    order = ["search_models", "sort_by", "try_again", "clear_search", "models", "open_model", "show_more"]
    assert tab_chain(box(search)) == order


def tab_chain(first: QWidget) -> list[str]:
    """The names of what one gets to with Tab, `first` first."""
    chain, widget = [first], first.nextInFocusChain()
    while widget is not first:
        if widget.focusPolicy() & Qt.FocusPolicy.TabFocus and widget.isVisible():
            chain.append(widget)
        widget = widget.nextInFocusChain()
    return [widget.objectName() for widget in chain]
