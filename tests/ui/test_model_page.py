from __future__ import annotations

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QAccessible
from PySide6.QtWidgets import QLabel, QPushButton, QTableView, QTextBrowser, QWidget
from pytestqt.qtbot import QtBot

from app.core import errors
from app.core.downloads import Phase, Progress
from app.core.hub_model import ChatTuning, HubFile, HubModel
from app.core.planner import Fit
from app.core.quants import Quant, QuantRow
from app.ui.model_card import LONGEST
from app.ui.model_page import ModelPage

BASE = "https://hub.example/TheBloke/Tiny-GGUF/blob/main/"
FILE = HubFile("tiny.Q4_K_M.gguf", 668_788_096)
ROW = QuantRow(Quant(FILE.path, "Q4_K_M", (FILE,)), 4.9, 845_000_000, Fit.IN_RAM, "The usual choice", "It is good.")


def model(tuning: ChatTuning = ChatTuning.YES, *, gated: bool = False, other_formats: tuple[str, ...] = ()) -> HubModel:
    return HubModel(
        id="TheBloke/Tiny-GGUF",
        commit="c" * 40,
        files=(FILE,),
        downloads=123_456,
        likes=140,
        licence="apache-2.0",
        base_models=("TinyLlama/Tiny",),
        gated=gated,
        tuning=tuning,
        context_length=2048,
        parameters=1_100_048_384,
        other_formats=other_formats,
    )


@pytest.fixture
def page(qtbot: QtBot) -> ModelPage:
    page = ModelPage()
    qtbot.addWidget(page)
    page.resize(900, 600)
    page.show()
    page.show_loading("TheBloke/Tiny-GGUF")
    return page


@pytest.fixture
def shown(page: ModelPage) -> ModelPage:
    page.show_model(model(), [ROW])
    return page


def text(page: ModelPage, name: str) -> str:
    return page.findChild(QLabel, name).text()


def sees(page: ModelPage, words: str) -> bool:
    return any(words in label.text() for label in page.findChildren(QLabel) if label.isVisible())


def button(page: ModelPage, name: str) -> QPushButton | None:
    """The button of that name, if it is seen."""
    return next((found for found in page.findChildren(QPushButton, name) if found.isVisible()), None)


def card(page: ModelPage) -> QTextBrowser:
    return page.findChild(QTextBrowser, "model_card")


def written(page: ModelPage, qtbot: QtBot, ending: str) -> str:
    """The card's text, once all of it is there."""
    qtbot.waitUntil(lambda: card(page).toPlainText().endswith(ending))
    return card(page).toPlainText()


def test_while_it_is_looked_up_the_page_has_the_name(page: ModelPage) -> None:
    assert (text(page, "model_name"), text(page, "model_owner")) == ("Tiny-GGUF", "TheBloke")
    assert sees(page, "Looking it up…")
    assert not page.findChild(QTableView, "quants").isVisible()


def test_the_facts_are_told(shown: ModelPage) -> None:
    facts = text(shown, "model_facts")
    for fact in (
        "1.1 billion parameters",
        "context 2\u202f048",
        "licence apache-2.0",
        "based on TinyLlama/Tiny",
        "123\u202f456 downloads in 30 days",
        "140 likes",
    ):
        assert fact in facts
    assert "changed" not in facts  # not told when


def test_names_from_outside_are_no_markup(page: ModelPage) -> None:
    page.show_loading("<b>x</b>/<img src=y>")
    formats = [page.findChild(QLabel, name).textFormat() for name in ("model_name", "model_owner", "model_facts")]
    assert formats == [Qt.TextFormat.PlainText] * 3


def test_its_quants_can_be_downloaded_and_used(shown: ModelPage, qtbot: QtBot) -> None:
    with qtbot.waitSignal(shown.download_requested) as requested:
        button(shown, "download").click()
    assert requested.args == [FILE.path]

    shown.set_downloads({FILE.path: Progress(Phase.PAUSED)})
    assert sees(shown, "Its download is paused.")

    shown.set_downloads({})
    shown.set_on_disk([FILE.path])
    with qtbot.waitSignal(shown.use_requested) as requested:
        button(shown, "use").click()
    assert requested.args == [FILE.path]


def test_the_next_model_has_nothing_of_the_one_before(shown: ModelPage) -> None:
    shown.set_on_disk([FILE.path])
    shown.show_card("# Card", BASE)

    shown.show_loading("other/model")
    shown.show_model(model(), [ROW])

    assert button(shown, "use") is None and card(shown).isHidden()


def test_a_model_not_tuned_for_chat_is_called_so(page: ModelPage) -> None:
    for tuning in (ChatTuning.YES, ChatTuning.UNKNOWN):
        page.show_model(model(tuning), [ROW])
        assert not sees(page, "Not tuned for chat")
    page.show_model(model(ChatTuning.NO), [ROW])
    assert sees(page, "Not tuned for chat: it continues text instead of answering.")


def test_other_formats_lead_to_the_gguf_versions(page: ModelPage, qtbot: QtBot) -> None:
    page.show_model(model(other_formats=("AWQ", "safetensors")), [])

    assert sees(page, "Paddock cannot run AWQ, safetensors; it runs GGUF.")
    assert not page.findChild(QTableView, "quants").isVisible()
    with qtbot.waitSignal(page.gguf_versions_requested):
        button(page, "find_gguf_versions").click()


def test_a_gated_model_says_where_to_ask(page: ModelPage, qtbot: QtBot) -> None:
    page.show_model(model(gated=True), [ROW])

    assert sees(page, "Gated: ask for access on its page")
    with qtbot.waitSignal(page.page_requested):
        button(page, "open_page_in_browser").click()
    with qtbot.waitSignal(page.token_requested):
        button(page, "enter_token").click()


@pytest.mark.parametrize(
    ("error", "way_on"),
    [
        (errors.NoConnection("No route."), "try_again"),
        (errors.Offline(), "go_online"),
        (errors.TokenNeeded(), "enter_token"),
    ],
)
def test_a_failure_is_told_with_a_way_on(page: ModelPage, qtbot: QtBot, error: errors.AppError, way_on: str) -> None:
    page.show_failure(error)

    assert sees(page, error.title) and sees(page, error.hint) and not sees(page, "Looking it up")
    signals = {
        "try_again": page.retry_requested,
        "go_online": page.go_online_requested,
        "enter_token": page.token_requested,
    }
    with qtbot.waitSignal(signals[way_on]):
        button(page, way_on).click()


def test_trying_again_leaves_the_focus_on_the_page(page: ModelPage, qtbot: QtBot) -> None:
    page.show_failure(errors.NoConnection())
    again = button(page, "try_again")
    again.setFocus()
    qtbot.waitUntil(again.hasFocus)

    page.show_loading("TheBloke/Tiny-GGUF")
    assert button(page, "back").hasFocus()

    page.show_model(model(), [ROW])
    assert page.findChild(QTableView, "quants").hasFocus()


def test_back_leads_back(shown: ModelPage, qtbot: QtBot) -> None:
    with qtbot.waitSignal(shown.back_requested):
        button(shown, "back").click()


def test_the_card_is_shown_without_html_and_pictures(shown: ModelPage, qtbot: QtBot) -> None:
    source = (
        '<div align="center">\n    <img src="logo.png" alt="Logo">\n</div>\n\n# *Tiny*\n\n![chart](c.png)\n\nThe end'
    )
    shown.show_card(source, BASE)

    assert written(shown, qtbot, "The end").split("\n") == ["[image: Logo]", "Tiny", "[image: chart]", "The end"]
    assert sees(shown, "Model card")
    interface = QAccessible.queryAccessibleInterface(card(shown))
    assert interface.text(QAccessible.Text.Name) == "Model card"


def test_an_empty_card_takes_no_room(shown: ModelPage) -> None:
    shown.show_card(" \n", BASE)
    assert card(shown) is None and not sees(shown, "Model card")


def test_links_of_the_card_lead_to_the_web_only(shown: ModelPage, qtbot: QtBot) -> None:
    shown.show_card("[licence](LICENSE)\n\n[mail](mailto:a@b.example)", BASE)
    written(shown, qtbot, "mail")

    with qtbot.waitSignal(shown.link_activated) as activated:
        click_on_line(card(shown), 0, qtbot)
    assert activated.args == [f"{BASE}LICENSE"]
    with qtbot.assertNotEmitted(shown.link_activated):
        click_on_line(card(shown), 1, qtbot)


def click_on_line(browser: QTextBrowser, number: int, qtbot: QtBot) -> None:
    block = browser.document().findBlockByNumber(number)
    place = browser.document().documentLayout().blockBoundingRect(block).topLeft().toPoint() + QPoint(5, 8)
    assert browser.anchorAt(place)
    qtbot.mouseClick(browser.viewport(), Qt.MouseButton.LeftButton, pos=place)


def test_a_long_card_ends_with_whole_lines_and_says_where_the_rest_is(shown: ModelPage, qtbot: QtBot) -> None:
    line = "word " * 199 + "last\n\n"
    shown.show_card(line * (LONGEST // len(line) + 50), BASE)

    qtbot.waitUntil(lambda: len(card(shown).toPlainText()) > LONGEST * 0.9)
    assert written(shown, qtbot, "last").count("last") == LONGEST // len(line)
    assert sees(shown, "The rest is on the model's page.")


def test_the_page_grows_with_the_card(shown: ModelPage, qtbot: QtBot) -> None:
    shown.show_card("paragraph\n\n" * 100 + "The end", BASE)
    written(shown, qtbot, "The end")

    qtbot.waitUntil(lambda: shown.widget().height() >= card(shown).document().size().height())
    assert card(shown).height() >= card(shown).document().size().height()


def test_a_row_reached_by_key_is_brought_into_sight(page: ModelPage, qtbot: QtBot) -> None:
    files = [HubFile(f"tiny.{number:02}.gguf", 10**9) for number in range(12)]
    page.show_model(model(), [QuantRow(Quant(file.path, "", (file,)), 0, -1, None, "") for file in files])
    page.resize(900, 250)
    view = page.findChild(QTableView, "quants")
    view.setFocus()

    for _ in files:
        qtbot.keyClick(view, Qt.Key.Key_Down)

    row = view.visualRect(view.currentIndex())
    assert row.isValid() and page.viewport().rect().contains(view.viewport().mapTo(page.viewport(), row.center()))


def test_tab_goes_from_top_to_bottom(page: ModelPage, qtbot: QtBot) -> None:
    page.show_model(model(gated=True), [ROW])
    page.set_on_disk([FILE.path])
    page.show_card("card", BASE)
    written(page, qtbot, "card")

    order = ["back", "open_page_in_browser", "enter_token", "only_what_fits", "quants", "use", "model_card"]
    assert tab_chain(button(page, "back")) == order


def tab_chain(first: QWidget) -> list[str]:
    """The names of what one gets to with Tab, `first` first."""
    chain, widget = [first], first.nextInFocusChain()
    while widget is not first:
        if widget.focusPolicy() & Qt.FocusPolicy.TabFocus and widget.isVisible() and widget.isEnabled():
            chain.append(widget)
        widget = widget.nextInFocusChain()
    return [widget.objectName() for widget in chain]
