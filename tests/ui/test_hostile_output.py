"""Whatever a model writes, streamed or opened: it is shown, nothing is fetched, and it stays a message.

How long the window is kept from anything else by each of these texts is a figure of `tests/benchmarks/bench_view.py`.
"""

from __future__ import annotations

import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt, QTimer, QUrl
from PySide6.QtGui import QAccessible, QImage
from PySide6.QtWidgets import QAbstractButton, QLabel, QScrollArea, QScrollBar, QWidget
from pytestqt.qtbot import QtBot

from app.core.conversations import Message, MessageState
from app.ui.conversation_view import ConversationView
from app.ui.message_browser import MessageBrowser
from app.ui.message_row import MessageRow
from tests.hostile_texts import SLOW, TRICKS, aimed

PATIENCE = 0.4  # seconds for a text to be worked on, for slow ones need not end
PIECES = 200  # of a streamed text at most
TIMEOUT = 30_000  # milliseconds

OURS = {"copy_code", "reasoning_line"}  # buttons that a text may have

_NETWORK = ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto", "socket.sendmsg")


class Watch:
    """What Python was about to do while `is_on`, as its audit events tell. A hook stays until the process ends."""

    def __init__(self) -> None:
        self.is_on = False
        self.opened: list[str] = []
        self.sent: list[str] = []
        sys.addaudithook(self._on_event)

    def _on_event(self, event: str, arguments: tuple[object, ...]) -> None:
        if not self.is_on:
            return
        if event == "open":
            self.opened.append(str(arguments[0]))
        elif event in _NETWORK:
            self.sent.append(f"{event} {arguments[1:]}")


@pytest.fixture(scope="module")
def watch() -> Watch:
    return Watch()


@pytest.fixture(autouse=True)
def asked(monkeypatch: pytest.MonkeyPatch, watch: Watch) -> Iterator[list[str]]:
    """What a document wanted to load. No test here may leave anything in it, nor reach for the network."""
    asked: list[str] = []
    load = MessageBrowser.loadResource

    def noted(browser: MessageBrowser, kind: int, address: QUrl | str) -> object:
        asked.append(address.toString() if isinstance(address, QUrl) else address)
        return load(browser, kind, address)

    monkeypatch.setattr(MessageBrowser, "loadResource", noted)
    watch.is_on = True
    yield asked
    watch.is_on = False
    sent = list(watch.sent)
    watch.opened.clear()
    watch.sent.clear()
    assert asked == []
    assert sent == []


@pytest.fixture
def view(qtbot: QtBot) -> ConversationView:
    view = ConversationView()
    qtbot.addWidget(view)
    view.resize(800, 600)
    view.show()
    open_message(view, "All is well.")
    settle(view, qtbot)
    return view


def message(text: str, state: MessageState = MessageState.COMPLETE, role: str = "assistant") -> Message:
    return Message("m", "c", None, role, text, state, "", "Tiny Q4", 0.0, None)


def open_message(view: ConversationView, text: str, role: str = "assistant") -> None:
    view.show_messages([message(text, role=role)])


def stream(view: ConversationView, qtbot: QtBot, text: str) -> None:
    """Some characters at a time, as a model writes; of a long text, in `PIECES` larger ones."""
    view.show_messages([message("", MessageState.WRITING)])
    size = max(7, -(-len(text) // PIECES))
    rest = iter(range(0, len(text), size))
    timer = QTimer(interval=1)

    def send() -> None:
        start = next(rest, None)
        if start is None:
            timer.stop()
        else:
            view.append_text("m", text[start : start + size])

    timer.timeout.connect(send)
    timer.start()
    qtbot.waitUntil(lambda: not timer.isActive(), timeout=TIMEOUT)
    view.finish("m", MessageState.COMPLETE, "12 tokens")


def row(view: ConversationView) -> MessageRow:
    [found] = [row for row in view.findChildren(MessageRow) if row.isVisibleTo(view)]
    return found


def settle(view: ConversationView, qtbot: QtBot) -> None:
    qtbot.waitUntil(lambda: not row(view).browser.has_work(), timeout=TIMEOUT)


def work_on(view: ConversationView, qtbot: QtBot) -> None:
    """Until all is shown, or `PATIENCE` is at an end."""
    end = time.monotonic() + PATIENCE
    qtbot.waitUntil(lambda: not row(view).browser.has_work() or time.monotonic() > end, timeout=TIMEOUT)


def scroll_bar(view: ConversationView) -> QScrollBar:
    area = view.findChild(QScrollArea)
    assert area is not None
    return area.verticalScrollBar()


# It is shown


@pytest.mark.parametrize("name", SLOW)
def test_what_is_opened_is_shown(view: ConversationView, qtbot: QtBot, name: str) -> None:
    open_message(view, SLOW[name])
    work_on(view, qtbot)
    scroll_bar(view).setValue(0)
    qtbot.wait(20)

    assert row(view).browser.text() == SLOW[name]
    assert_shown(row(view).browser, SLOW[name])


@pytest.mark.parametrize("name", SLOW)
def test_what_is_streamed_is_shown(view: ConversationView, qtbot: QtBot, name: str) -> None:
    stream(view, qtbot, SLOW[name])
    work_on(view, qtbot)

    assert row(view).browser.text() == SLOW[name]
    assert_shown(row(view).browser, SLOW[name])


@pytest.mark.parametrize("name", ["10 MB on one line", "list items", "control characters", "zalgo"])
def test_a_user_may_write_it_too(view: ConversationView, qtbot: QtBot, name: str) -> None:
    open_message(view, SLOW[name], role="user")
    work_on(view, qtbot)

    assert_shown(row(view).browser, SLOW[name])


@pytest.mark.parametrize(("name", "sought"), [("10 MB on one line", "x"), ("list items", "item"), ("entities", "amp")])
def test_it_can_be_searched(view: ConversationView, qtbot: QtBot, name: str, sought: str) -> None:
    open_message(view, SLOW[name])
    view.go_to_message("m", sought)
    work_on(view, qtbot)
    view.findChild(QAbstractButton, "previous_hit").click()

    words = view.findChild(QLabel, "hits").text()
    assert words == f"{words.split()[-1]} of {words.split()[-1]}"


@pytest.mark.parametrize("name", ["10 MB on one line", "a line of code of 1 MB", "formulas within formulas"])
def test_it_can_be_resized_zoomed_and_edited(view: ConversationView, qtbot: QtBot, name: str) -> None:
    open_message(view, SLOW[name])
    work_on(view, qtbot)
    view.resize(500, 600)
    view.set_zoom(1.5)
    work_on(view, qtbot)
    row(view).begin_editing()

    assert row(view).width() <= 500
    assert "too long" in view.findChild(QLabel, "edit_hint").text()


def assert_shown(browser: MessageBrowser, text: str) -> None:
    has_reasoning = browser.findChild(QWidget, "reasoning") is not None
    assert browser.document().characterCount() > 1 or has_reasoning or not text.strip()
    assert browser.height() > 0


# Nothing is fetched


@pytest.fixture
def site() -> Iterator[socket.socket]:
    """Where somebody would answer."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        yield server


@pytest.mark.parametrize("name", TRICKS)
@pytest.mark.parametrize("is_streamed", [False, True], ids=["opened", "streamed"])
def test_it_reads_no_file_and_reaches_for_nothing(
    view: ConversationView,
    qtbot: QtBot,
    tmp_path: Path,
    site: socket.socket,
    watch: Watch,
    name: str,
    is_streamed: bool,
) -> None:
    file = tmp_path / "secret.png"
    QImage(1, 1, QImage.Format.Format_ARGB32).save(str(file))
    text = aimed(TRICKS[name], file=file.as_posix(), site=f"http://127.0.0.1:{site.getsockname()[1]}")

    if is_streamed:
        stream(view, qtbot, text)
    else:
        open_message(view, text)
    settle(view, qtbot)
    if (fold := row(view).browser.findChild(QAbstractButton, "reasoning_line")) is not None:
        fold.click()
    settle(view, qtbot)
    view.grab()

    assert row(view).browser.text() == text
    assert not [path for path in watch.opened if "secret" in path or "127.0.0.1" in path]
    with pytest.raises(BlockingIOError):
        site.accept()


def test_the_watch_sees_a_file_and_an_attempt_to_connect(tmp_path: Path, site: socket.socket, watch: Watch) -> None:
    (tmp_path / "secret.png").write_bytes(b"")
    socket.create_connection(site.getsockname()).close()

    assert any("secret.png" in path for path in watch.opened)
    assert any("socket.connect" in attempt for attempt in watch.sent)
    site.accept()[0].close()
    watch.opened.clear()
    watch.sent.clear()


def test_a_browser_answers_by_itself_what_a_document_asks_for(
    view: ConversationView, tmp_path: Path, asked: list[str]
) -> None:
    file = tmp_path / "secret.png"
    QImage(9, 9, QImage.Format.Format_ARGB32).save(str(file))
    document = row(view).browser.document()
    loaded = document.resource(2, QUrl.fromLocalFile(str(file)))  # an image

    assert isinstance(loaded, QImage)
    assert loaded.width() == 1
    assert asked == [file.as_uri()]
    asked.clear()


# It stays a message


@pytest.mark.parametrize("name", TRICKS)
def test_it_makes_no_part_of_the_window(view: ConversationView, qtbot: QtBot, name: str) -> None:
    labels, buttons = labels_of(row(view)), buttons_of(row(view), view)
    text = aimed(TRICKS[name], file="/secret.png", site="http://127.0.0.1:9")
    open_message(view, text)
    settle(view, qtbot)

    assert labels_of(row(view)) == labels
    assert buttons_of(row(view), view) - OURS == buttons
    assert row(view).author.text() == "Assistant"
    assert spoken_names(view) == [f"Assistant: {text}"]


@pytest.mark.parametrize("name", TRICKS)
def test_its_links_lead_to_the_web_or_to_a_letter(view: ConversationView, qtbot: QtBot, name: str) -> None:
    open_message(view, aimed(TRICKS[name], file="/secret.png", site="http://127.0.0.1:9"))
    settle(view, qtbot)

    schemes = {QUrl(address).scheme() for address in links(row(view).browser)}
    assert schemes <= {"http", "https", "mailto"}
    assert schemes == {"http", "mailto"} or name != "links that work"


@pytest.mark.parametrize("role", ["assistant", "user"])
def test_a_turned_around_text_leaves_the_author_where_it_is(view: ConversationView, qtbot: QtBot, role: str) -> None:
    open_message(view, "left", role=role)
    settle(view, qtbot)
    place, name = row(view).author.geometry(), row(view).author.text()

    open_message(view, TRICKS["an author turned around"], role=role)
    settle(view, qtbot)

    assert (row(view).author.geometry(), row(view).author.text()) == (place, name)
    assert row(view).layoutDirection() is Qt.LayoutDirection.LeftToRight


def labels_of(row: MessageRow) -> list[str]:
    return [label.text() for label in row.findChildren(QLabel) if label.isVisibleTo(row) and label.text()]


def buttons_of(row: QWidget, view: ConversationView) -> set[str]:
    return {button.objectName() for button in row.findChildren(QAbstractButton) if button.isVisibleTo(view)}


def spoken_names(view: ConversationView) -> list[str]:
    """The names of the messages, as a screen reader finds them."""
    area = view.findChild(QScrollArea)
    assert area is not None
    column = QAccessible.queryAccessibleInterface(area.widget())
    return [column.child(index).text(QAccessible.Text.Name) for index in range(column.childCount())]


def links(browser: MessageBrowser) -> set[str]:
    """The addresses of all links there are."""
    found = set()
    block = browser.document().begin()
    while block.isValid():
        for place in block.textFormats():
            if place.format.isAnchor():
                found.add(place.format.anchorHref())
        block = block.next()
    return found
