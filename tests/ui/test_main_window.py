from __future__ import annotations

from collections.abc import Iterator

import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QAccessible, QAccessibleInterface, QAction, QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import (
    QApplication,
    QFileDialog,
    QLineEdit,
    QMessageBox,
    QPushButton,
    QTextBrowser,
    QToolButton,
    QWidget,
)
from pytestqt.qtbot import QtBot

from app.core.conversations import Conversation
from app.ui.chat_place import ChatPlace
from app.ui.composer import Composer
from app.ui.context_meter import ContextMeter
from app.ui.conversation_list import ConversationList
from app.ui.library_place import LibraryPlace
from app.ui.main_window import MainWindow
from app.ui.model_picker import ModelPicker
from app.ui.presets_box import PresetsBox
from app.ui.settings_panel import SettingsPanel
from app.ui.settings_place import SettingsPlace
from app.ui.status_line import StatusLine
from app.ui.system_prompt import SystemPrompt

CONTROL = Qt.KeyboardModifier.ControlModifier


def new_window(qtbot: QtBot) -> MainWindow:
    chat = ChatPlace(
        *(ConversationList(), ModelPicker(), QTextBrowser(objectName="conversation"), Composer()),
        *(StatusLine(), ContextMeter(), PresetsBox(), SystemPrompt(), SettingsPanel()),
    )
    window = MainWindow(chat, LibraryPlace(), SettingsPlace())
    qtbot.addWidget(window)
    window.show()
    window.activateWindow()
    qtbot.waitActive(window)
    return window


@pytest.fixture
def window(qtbot: QtBot) -> MainWindow:
    return new_window(qtbot)


def place_shown(window: MainWindow) -> list[str]:
    names = ("chat_place", "library_place", "settings_place")
    return [name for name in names if window.findChild(QWidget, name).isVisible()]


def dragged(*urls: str) -> QMimeData:
    data = QMimeData()
    data.setUrls([QUrl(url) for url in urls])
    return data


def drop_on(widget: QWidget, data: QMimeData) -> bool:
    """Drags `data` onto `widget` and drops it; whether anything took it."""
    buttons, keys = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    enter = QDragEnterEvent(QPoint(5, 5), Qt.DropAction.CopyAction, data, buttons, keys)
    QApplication.sendEvent(widget, enter)
    drop = QDropEvent(QPointF(5, 5), Qt.DropAction.CopyAction, data, buttons, keys)
    QApplication.sendEvent(widget.window(), drop)
    return enter.isAccepted() and drop.isAccepted()


def test_three_places_are_a_key_or_a_click_away(window: MainWindow, qtbot: QtBot) -> None:
    assert place_shown(window) == ["chat_place"]
    for key, name in ((Qt.Key.Key_2, "library"), (Qt.Key.Key_3, "settings"), (Qt.Key.Key_1, "chat")):
        qtbot.keyClick(window, key, CONTROL)
        assert place_shown(window) == [f"{name}_place"]
        assert window.findChild(QToolButton, name).isChecked()
    for name in ("settings", "settings", "library", "chat"):
        qtbot.mouseClick(window.findChild(QToolButton, name), Qt.MouseButton.LeftButton)
        assert place_shown(window) == [f"{name}_place"]
        assert [
            other for other in ("chat", "library", "settings") if window.findChild(QToolButton, other).isChecked()
        ] == [name]


def test_a_place_is_shown_with_the_focus_in_it(window: MainWindow, qtbot: QtBot) -> None:
    for name in ("library", "settings", "chat"):
        window.show_place(name)
        qtbot.waitUntil(lambda name=name: window.findChild(QWidget, f"{name}_place").isAncestorOf(window.focusWidget()))


def test_showing_the_place_that_is_shown_leaves_the_focus_alone(window: MainWindow, qtbot: QtBot) -> None:
    prompt = window.findChild(QWidget, "system_prompt")
    prompt.setFocus()
    qtbot.waitUntil(prompt.hasFocus)
    window.show_place("chat")
    assert prompt.hasFocus()


def test_f6_goes_around_the_panes_both_ways(window: MainWindow, qtbot: QtBot) -> None:
    def walk(keys: Qt.KeyboardModifier) -> list[str]:
        names = []
        for _ in range(6):
            qtbot.keyClick(window, Qt.Key.Key_F6, keys)
            names.append(window.focusWidget().objectName())
        return names

    window.findChild(QWidget, "message").setFocus()
    forward = ["system_prompt", "chat", "conversations", "model", "conversation", "message"]
    assert walk(Qt.KeyboardModifier.NoModifier) == forward
    assert walk(Qt.KeyboardModifier.ShiftModifier) == [*reversed(forward[:-1]), "message"]


def test_tab_goes_around_all_controls_in_reading_order(window: MainWindow, qtbot: QtBot) -> None:
    window.findChild(SystemPrompt).set_default("Be brief.")
    names: list[str] = []
    while (name := window.focusWidget().objectName()) not in names:
        names.append(name)
        qtbot.keyClick(window.focusWidget(), Qt.Key.Key_Tab)
    rail = ["chat", "library", "settings"]
    chat = ["new_conversation", "search_conversations", "conversations", "trash", "model", "open_model_file"]
    loading = ["context_length", "threads", "gpu_layers", "more_settings"]
    panel = ["system_prompt", "use_the_default", *loading, "temperature", "top_k"]
    start = names.index("chat")
    walk = names[start:] + names[:start]
    writing = ["conversation", "attach_file", "message", "show_context_details", "status", "preset_actions"]
    expected = [*rail, *chat, "show_panel", *writing, *panel]
    assert walk[: len(expected)] == expected
    assert walk[-1] == "reply_limit"


def test_f9_hides_and_shows_the_panel(window: MainWindow, qtbot: QtBot) -> None:
    panel = window.findChild(QWidget, "panel")
    button = window.findChild(QToolButton, "show_panel")
    for shown in (False, True):
        qtbot.keyClick(window, Qt.Key.Key_F9)
        assert (panel.isVisible(), button.isChecked()) == (shown, shown)
    button.click()
    qtbot.keyClick(window, Qt.Key.Key_F9)
    assert panel.isVisible()


def test_keys_ask_for_a_conversation_and_its_return(window: MainWindow, qtbot: QtBot) -> None:
    with qtbot.waitSignal(window.new_conversation_requested):
        qtbot.keyClick(window, Qt.Key.Key_N, CONTROL)
    view = window.findChild(QWidget, "conversations")
    view.setFocus()
    qtbot.waitUntil(view.hasFocus)
    with qtbot.waitSignal(window.undo_delete_requested):
        qtbot.keyClick(view, Qt.Key.Key_Z, CONTROL)


def test_undo_in_the_box_one_types_in_is_about_the_typing(window: MainWindow, qtbot: QtBot) -> None:
    message = window.findChild(QWidget, "message")
    message.setFocus()
    qtbot.waitUntil(message.hasFocus)
    with qtbot.assertNotEmitted(window.undo_delete_requested):
        qtbot.keyClick(message, Qt.Key.Key_Z, CONTROL)


def test_escape_in_a_title_being_edited_does_not_stop_the_reply(window: MainWindow, qtbot: QtBot) -> None:
    composer, conversations = window.findChild(Composer), window.findChild(ConversationList)
    composer.set_writing(True)
    conversations.set_conversations([Conversation("a", "A", "", "", 0.0, 0.0)], "a")
    conversations.setFocus()
    qtbot.keyClick(window.focusWidget(), Qt.Key.Key_F2)
    editor = window.findChild(QLineEdit, "conversation_title")
    with qtbot.assertNotEmitted(composer.stop_requested):
        qtbot.keyClick(editor, Qt.Key.Key_Escape)
    with qtbot.waitSignal(composer.stop_requested):
        qtbot.keyClick(window.focusWidget(), Qt.Key.Key_Escape)


def test_a_file_can_be_chosen(window: MainWindow, qtbot: QtBot, tmp_path: object) -> None:
    window.choose_model_file()
    dialog = window.findChild(QFileDialog, "choose_model_file")
    assert "*.gguf" in dialog.nameFilters()[0] and "*" in dialog.nameFilters()[1]
    with qtbot.waitSignal(window.open_file_requested) as requested:
        dialog.fileSelected.emit(f"{tmp_path}/tiny.gguf")
    assert requested.args == [f"{tmp_path}/tiny.gguf"]
    dialog.reject()


@pytest.mark.parametrize(
    "name", ["message", "system_prompt", "conversations", "context_length", "conversation", "chat"]
)
def test_a_file_can_be_dropped_anywhere(window: MainWindow, qtbot: QtBot, name: str) -> None:
    target = window.findChild(QWidget, name)
    with qtbot.waitSignal(window.open_file_requested) as requested:
        assert drop_on(target, dragged("file:///models/ti%20ny.gguf", "file:///models/other.gguf"))
    assert requested.args == ["/models/ti ny.gguf"]


def test_a_web_address_is_no_file(window: MainWindow, qtbot: QtBot) -> None:
    with qtbot.assertNotEmitted(window.open_file_requested):
        assert not drop_on(window.findChild(QWidget, "chat"), dragged("https://example.org/tiny.gguf"))


def test_closing_is_told(window: MainWindow, qtbot: QtBot) -> None:
    with qtbot.waitSignal(window.closing):
        qtbot.keyClick(window, Qt.Key.Key_Q, CONTROL)
    assert window.isHidden()


def test_a_toast_can_be_undone_from_the_keyboard(window: MainWindow, qtbot: QtBot) -> None:
    done: list[str] = []
    window.show_toast("Deleted", "Undo", lambda: done.append("undone"))
    button = window.findChild(QPushButton, "toast_action")
    button.setFocus()
    qtbot.keyClick(button, Qt.Key.Key_Space)
    assert done == ["undone"]


def test_the_layout_is_remembered(window: MainWindow, qtbot: QtBot) -> None:
    window.resize(790, 555)
    window.findChild(ChatPlace).show_panel(False)
    layout = window.save_layout()
    other = new_window(qtbot)
    other.restore_layout(layout)
    assert (other.height(), other.findChild(QWidget, "panel").isHidden()) == (555, True)


@pytest.mark.parametrize(
    "layout", [b"", b"[]", b"{}", b"\xff", b'{"window": 1, "chat": 2}', b'{"window": "x", "chat": {}}']
)
def test_a_layout_that_makes_no_sense_changes_nothing(window: MainWindow, layout: bytes) -> None:
    before = window.size()
    window.restore_layout(layout)
    assert window.size() == before


def test_about_tells_the_versions(window: MainWindow, qtbot: QtBot) -> None:
    about = next(action for action in window.findChildren(QAction) if action.text() == "&About Paddock")
    about.trigger()
    box = window.findChild(QMessageBox, "about")
    assert "Paddock" in box.text() and "Qt" in box.text()
    box.reject()


def test_a_screen_reader_finds_the_panes_in_reading_order(window: MainWindow) -> None:
    names = list(names_in(QAccessible.queryAccessibleInterface(window)))
    panes = ["Chat", "New conversation", "Conversations", "Model", "Message", "Send", "Status", "System prompt", "Seed"]
    assert sorted(panes, key=names.index) == panes


def names_in(element: QAccessibleInterface) -> Iterator[str]:
    """As one goes through them from first to last."""
    yield element.text(QAccessible.Text.Name)
    for index in range(element.childCount()):
        yield from names_in(element.child(index))


def test_every_control_has_a_name_for_screen_readers(window: MainWindow) -> None:
    window.show_toast("Deleted", "Undo", lambda: None)
    controls = [
        widget
        for widget in window.findChildren(QWidget)
        if widget.focusPolicy() & Qt.FocusPolicy.TabFocus
        and widget.window() is window
        and not widget.objectName().startswith("qt_")  # a part of another
    ]
    names = {
        widget.objectName(): QAccessible.queryAccessibleInterface(widget).text(QAccessible.Text.Name)
        for widget in controls
    }
    assert len(names) > 35
    assert [name for name, told in names.items() if not told] == ["conversation"]  # only a stand-in here
