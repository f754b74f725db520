from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from PySide6.QtCore import QEvent, QMimeData, QPoint, QSize, Qt, QUrl
from PySide6.QtGui import QAccessible, QDragEnterEvent, QDropEvent, QGuiApplication, QInputMethodEvent
from PySide6.QtWidgets import (
    QApplication,
    QFileDialog,
    QLabel,
    QPlainTextEdit,
    QPushButton,
    QToolButton,
    QVBoxLayout,
    QWidget,
)
from pytestqt.qtbot import QtBot

from app.core.conversation import Attachment
from app.ui.composer import Composer

NOTES, TABLE = Attachment("notes.txt", "words\n"), Attachment("table.csv", "1,2\n")


@pytest.fixture
def composer(qtbot: QtBot) -> Composer:
    composer = Composer()
    qtbot.addWidget(composer)
    composer.resize(QSize(600, 50))
    composer.show()
    composer.activateWindow()
    composer.setFocus()
    qtbot.waitUntil(lambda: box_of(composer).hasFocus())
    return composer


def box_of(composer: Composer) -> QPlainTextEdit:
    return composer.findChild(QPlainTextEdit, "message")


def button(composer: Composer, name: str) -> QPushButton:
    return composer.findChild(QPushButton, name)


def sent_by(composer: Composer) -> list[str]:
    sent: list[str] = []
    composer.send_requested.connect(sent.append)
    return sent


@pytest.mark.parametrize("key", [Qt.Key.Key_Return, Qt.Key.Key_Enter])
def test_enter_sends_the_text_and_leaves_it_in_the_box(composer: Composer, qtbot: QtBot, key: Qt.Key) -> None:
    sent = sent_by(composer)
    qtbot.keyClicks(box_of(composer), "hello")
    qtbot.keyClick(box_of(composer), key)
    assert sent == ["hello"]
    assert composer.text() == "hello"


def test_shift_enter_breaks_the_line(composer: Composer, qtbot: QtBot) -> None:
    sent = sent_by(composer)
    qtbot.keyClicks(box_of(composer), "one")
    qtbot.keyClick(box_of(composer), Qt.Key.Key_Return, Qt.KeyboardModifier.ShiftModifier)
    qtbot.keyClicks(box_of(composer), "two")
    assert sent == []
    assert composer.text() == "one\ntwo"


@pytest.mark.parametrize(
    "text", ["  indented\n\ttabbed \n", "no\u00a0break", "emoji \U0001f40e and é", "a</s><b>b</b>"]
)
def test_the_text_is_sent_exactly_as_it_is(composer: Composer, qtbot: QtBot, text: str) -> None:
    sent = sent_by(composer)
    composer.set_text(text)
    qtbot.keyClick(box_of(composer), Qt.Key.Key_Return)
    assert sent == [text]


@pytest.mark.parametrize("text", ["", "   ", "\n\t\n"])
def test_blanks_are_not_sent(composer: Composer, qtbot: QtBot, text: str) -> None:
    sent = sent_by(composer)
    composer.set_text(text)
    qtbot.keyClick(box_of(composer), Qt.Key.Key_Return)
    assert sent == []
    assert not button(composer, "send").isEnabled()


def test_enter_belongs_to_the_input_method_while_it_composes_a_word(composer: Composer, qtbot: QtBot) -> None:
    sent = sent_by(composer)
    composer.set_text("ni")
    QApplication.sendEvent(box_of(composer), QInputMethodEvent("hao", []))
    qtbot.keyClick(box_of(composer), Qt.Key.Key_Return)
    assert sent == []
    done = QInputMethodEvent()
    done.setCommitString("你好")
    composer.clear()
    QApplication.sendEvent(box_of(composer), done)
    qtbot.keyClick(box_of(composer), Qt.Key.Key_Return)
    assert sent == ["你好"]


def test_the_send_button_sends_and_leaves_the_focus_in_the_box(composer: Composer, qtbot: QtBot) -> None:
    sent = sent_by(composer)
    composer.set_text("hello")
    qtbot.mouseClick(button(composer, "send"), Qt.MouseButton.LeftButton)
    assert sent == ["hello"]
    assert box_of(composer).hasFocus()


def test_stop_is_there_only_while_a_reply_is_being_written(composer: Composer) -> None:
    assert button(composer, "stop").isHidden()
    composer.set_writing(True)
    assert button(composer, "stop").isVisible()
    composer.set_writing(False)
    assert button(composer, "stop").isHidden()


def test_escape_and_the_button_stop_a_reply(composer: Composer, qtbot: QtBot) -> None:
    composer.set_writing(True)
    with qtbot.waitSignal(composer.stop_requested):
        qtbot.keyClick(box_of(composer), Qt.Key.Key_Escape)
    with qtbot.waitSignal(composer.stop_requested):
        qtbot.mouseClick(button(composer, "stop"), Qt.MouseButton.LeftButton)


def test_escape_does_nothing_while_no_reply_is_being_written(composer: Composer, qtbot: QtBot) -> None:
    with qtbot.assertNotEmitted(composer.stop_requested):
        qtbot.keyClick(box_of(composer), Qt.Key.Key_Escape)


def test_the_next_message_can_be_typed_but_not_sent_while_a_reply_is_being_written(
    composer: Composer, qtbot: QtBot
) -> None:
    sent = sent_by(composer)
    composer.set_writing(True)
    qtbot.keyClicks(box_of(composer), "next")
    qtbot.keyClick(box_of(composer), Qt.Key.Key_Return)
    assert sent == []
    composer.set_writing(False)
    qtbot.keyClick(box_of(composer), Qt.Key.Key_Return)
    assert sent == ["next"]


def test_the_focus_goes_back_to_the_box_when_stop_vanishes_under_it(composer: Composer) -> None:
    composer.set_writing(True)
    button(composer, "stop").setFocus()
    composer.set_writing(False)
    assert box_of(composer).hasFocus()


def test_it_says_why_nothing_can_be_sent(composer: Composer, qtbot: QtBot) -> None:
    sent = sent_by(composer)
    composer.set_send_enabled(False, "No model is loaded.")
    assert box_of(composer).placeholderText() == "No model is loaded."
    assert "No model is loaded." in button(composer, "send").toolTip()
    qtbot.keyClicks(box_of(composer), "hello")
    qtbot.keyClick(box_of(composer), Qt.Key.Key_Return)
    problem = composer.findChild(QLabel, "problem")
    assert sent == []
    assert (problem.isVisible(), problem.text()) == (True, "No model is loaded.")
    composer.set_send_enabled(True, "")
    qtbot.keyClick(box_of(composer), Qt.Key.Key_Return)
    assert sent == ["hello"]


def test_a_problem_is_shown_as_plain_text_until_the_message_changes(composer: Composer, qtbot: QtBot) -> None:
    problem = composer.findChild(QLabel, "problem")
    composer.show_problem("<b>too long</b>")
    assert problem.isVisible()
    assert problem.textFormat() == Qt.TextFormat.PlainText
    qtbot.keyClick(box_of(composer), Qt.Key.Key_A)
    assert problem.isHidden()


def test_only_typing_is_reported_not_what_the_owner_puts_in(composer: Composer, qtbot: QtBot) -> None:
    reported: list[str] = []
    composer.text_changed.connect(reported.append)
    composer.set_text("a draft")
    qtbot.keyClick(box_of(composer), Qt.Key.Key_S)
    composer.clear()
    assert reported == ["a drafts"]


def test_it_grows_with_its_text_up_to_eight_lines(composer: Composer) -> None:
    line = box_of(composer).fontMetrics().lineSpacing()
    heights = {}
    for lines in (1, 2, 8, 9, 50):
        composer.set_text("\n".join("x" * lines))
        heights[lines] = box_of(composer).height()
        assert (box_of(composer).verticalScrollBar().maximum() > 0) == (lines > 8)
    assert line <= heights[2] - heights[1] <= line + 1
    assert heights[1] < heights[2] < heights[8] == heights[9] == heights[50]


def test_a_style_with_wide_borders_hides_no_line(composer: Composer) -> None:
    composer.setStyleSheet("QPlainTextEdit { padding: 9px; border: 3px solid; }")
    composer.set_text("\n".join("x" * 8))
    bar = box_of(composer).verticalScrollBar()
    box_of(composer).setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAsNeeded)
    assert bar.maximum() == 0


def test_it_keeps_its_whole_height_under_a_problem_of_several_lines(qtbot: QtBot) -> None:
    window, composer = QWidget(), Composer()
    qtbot.addWidget(window)
    layout = QVBoxLayout(window)
    layout.addWidget(QPlainTextEdit(), 1)
    layout.addWidget(composer)
    window.resize(300, 500)
    window.show()
    composer.set_text("one\ntwo\nthree")
    composer.show_problem("word " * 40)
    qtbot.waitUntil(lambda: composer.findChild(QLabel, "problem").height() > 3 * window.fontMetrics().height())
    assert box_of(composer).geometry().bottom() < composer.height()


def test_pasting_takes_the_plain_text(composer: Composer, qtbot: QtBot) -> None:
    data = QMimeData()
    data.setHtml("<b>bold</b> words")
    data.setText("bold words")
    QGuiApplication.clipboard().setMimeData(data)
    qtbot.keyClick(box_of(composer), Qt.Key.Key_V, Qt.KeyboardModifier.ControlModifier)
    assert composer.text() == "bold words"


def test_a_file_is_left_to_the_window(composer: Composer) -> None:
    file, web = QMimeData(), QMimeData()
    file.setUrls([QUrl.fromLocalFile("/models/tiny.gguf")])
    web.setUrls([QUrl("https://example.org/")])
    assert not box_of(composer).canInsertFromMimeData(file)
    assert box_of(composer).canInsertFromMimeData(web)


def test_the_controls_have_their_names(composer: Composer) -> None:
    composer.set_writing(True)
    names = {name: composer.findChild(QWidget, name) for name in ("message", "send", "stop")}
    told = {
        name: QAccessible.queryAccessibleInterface(widget).text(QAccessible.Text.Name) for name, widget in names.items()
    }
    assert told == {"message": "Message", "send": "Send", "stop": "Stop"}


def test_a_larger_font_makes_it_higher(composer: Composer) -> None:
    before = box_of(composer).height()
    font = composer.font()
    font.setPointSizeF(font.pointSizeF() * 2)
    composer.setFont(font)
    QApplication.sendPostedEvents(composer, QEvent.Type.LayoutRequest)
    assert box_of(composer).height() > before * 1.4


# Attachments


def dropped(composer: Composer, paths: Sequence[Path]) -> bool:
    """Whether the composer takes a drag of these files; if so they are dropped."""
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
    place, action = QPoint(5, 5), Qt.DropAction.CopyAction
    buttons, keys = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    enter = QDragEnterEvent(place, action, data, buttons, keys)
    composer.dragEnterEvent(enter)
    drop = QDropEvent(place.toPointF(), action, data, buttons, keys)
    composer.dropEvent(drop)
    assert enter.isAccepted() == drop.isAccepted()
    return enter.isAccepted()


def removers(composer: Composer) -> list[QToolButton]:
    """The buttons that take attachments away."""
    return [one for one in composer.findChildren(QToolButton, "remove_attachment") if one.isVisible()]


def problem_of(composer: Composer) -> str:
    label = composer.findChild(QLabel, "problem")
    return label.text() if label.isVisible() else ""


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    for one in (NOTES, TABLE):
        (tmp_path / one.name).write_text(one.text)
    return [tmp_path / NOTES.name, tmp_path / TABLE.name]


def test_text_files_are_wished_for_where_they_are_dropped(composer: Composer, files: list[Path], qtbot: QtBot) -> None:
    with qtbot.waitSignal(composer.attach_requested) as wished:
        assert dropped(composer, files)
    assert wished.args == [files]
    with qtbot.waitSignal(composer.draft_changed):
        composer.add_attachments([NOTES])
    composer.add_attachments([TABLE])
    assert composer.attachments() == (NOTES, TABLE)
    assert [button.accessibleName() for button in removers(composer)] == ["Remove notes.txt", "Remove table.csv"]


def test_a_model_is_left_to_the_window(composer: Composer, files: list[Path], qtbot: QtBot) -> None:
    with qtbot.assertNotEmitted(composer.attach_requested):
        assert not dropped(composer, [Path("/models/tiny.GGUF")])
        assert not dropped(composer, [*files, Path("/models/tiny.gguf")])
        assert not dropped(composer, [])
    assert composer.attachments() == ()


def test_over_the_box_too_text_goes_to_the_composer_and_a_model_to_the_window(qtbot: QtBot, files: list[Path]) -> None:
    class Window(QWidget):
        def dragEnterEvent(self, event: QDragEnterEvent) -> None:  # noqa: N802
            asked.append(event.mimeData().urls()[0].fileName())

    asked: list[str] = []
    window = Window(acceptDrops=True)
    qtbot.addWidget(window)
    layout = QVBoxLayout(window)
    layout.addWidget(composer := Composer())
    window.show()
    for file, is_taken in ((files[0], True), (Path("/models/tiny.gguf"), False)):
        data = QMimeData()
        data.setUrls([QUrl.fromLocalFile(str(file))])
        keys, button = Qt.KeyboardModifier.NoModifier, Qt.MouseButton.LeftButton
        event = QDragEnterEvent(QPoint(5, 5), Qt.DropAction.CopyAction, data, button, keys)
        QApplication.sendEvent(box_of(composer).viewport(), event)
        assert (file.name not in asked) == is_taken


def test_files_are_chosen_with_the_button(composer: Composer, files: list[Path], qtbot: QtBot) -> None:
    qtbot.mouseClick(composer.findChild(QToolButton, "attach_file"), Qt.MouseButton.LeftButton)
    dialog = composer.findChild(QFileDialog, "choose_attachments")
    assert dialog.fileMode() == QFileDialog.FileMode.ExistingFiles
    with qtbot.waitSignal(composer.attach_requested) as wished:
        dialog.filesSelected.emit([str(file) for file in files])
    dialog.reject()
    assert wished.args == [files]


def test_while_files_are_read_nothing_is_sent_and_the_reading_can_be_ended(composer: Composer, qtbot: QtBot) -> None:
    sent = sent_by(composer)
    composer.set_attachments([NOTES])
    composer.set_reading(True)
    composer.show_reading("Reading table.csv…")
    assert not button(composer, "send").isEnabled()
    qtbot.keyClick(box_of(composer), Qt.Key.Key_Return)
    assert (sent, problem_of(composer)) == ([], "A file is still being read. It can be taken away above.")
    cancel = composer.findChild(QToolButton, "cancel_reading")
    assert (cancel.accessibleName(), cancel.parentWidget().accessibleName()) == ("Cancel reading", "Reading table.csv…")
    cancel.setFocus()
    with qtbot.waitSignal(composer.reading_cancel_requested):
        qtbot.keyClick(cancel, Qt.Key.Key_Space)
    composer.set_reading(False)
    composer.show_reading("")
    assert not cancel.isVisible()
    assert box_of(composer).hasFocus()
    qtbot.keyClick(box_of(composer), Qt.Key.Key_Return)
    assert sent == [""]


def test_each_file_shows_its_tokens_once_they_are_known(composer: Composer) -> None:
    composer.set_attachments([NOTES, TABLE])
    remover = removers(composer)[0]
    remover.setFocus()
    composer.show_tokens({NOTES: 1234})
    names = [one.parentWidget().accessibleName().replace("\u202f", " ") for one in removers(composer)]
    assert names == ["notes.txt, 6 B, 1 234 tokens", "table.csv, 4 B"]
    assert remover.hasFocus()
    composer.set_attachments([NOTES])
    assert "tokens" in removers(composer)[0].parentWidget().accessibleName()
    composer.show_tokens({})
    assert removers(composer)[0].parentWidget().accessibleName() == "notes.txt, 6 B"


def test_an_attachment_is_taken_away_from_the_keyboard(composer: Composer, qtbot: QtBot) -> None:
    composer.set_attachments([NOTES, TABLE])
    removers(composer)[0].setFocus()
    with qtbot.waitSignal(composer.draft_changed):
        qtbot.keyClick(removers(composer)[0], Qt.Key.Key_Space)
    assert composer.attachments() == (TABLE,)
    assert removers(composer)[0].hasFocus()
    qtbot.keyClick(removers(composer)[0], Qt.Key.Key_Space)
    assert composer.attachments() == ()
    assert box_of(composer).hasFocus()


def test_a_file_can_be_sent_without_words(composer: Composer, qtbot: QtBot) -> None:
    sent = sent_by(composer)
    composer.set_attachments([NOTES])
    assert button(composer, "send").isEnabled()
    qtbot.keyClick(box_of(composer), Qt.Key.Key_Return)
    assert sent == [""]
    composer.set_attachments([])
    assert not button(composer, "send").isEnabled()


def test_clearing_takes_the_files_away_and_setting_a_text_does_not(composer: Composer) -> None:
    composer.set_attachments([NOTES])
    composer.set_text("words")
    assert composer.attachments() == (NOTES,)
    composer.clear()
    assert (composer.attachments(), composer.text(), removers(composer)) == ((), "", [])


def test_only_what_the_user_does_changes_the_draft(composer: Composer, qtbot: QtBot) -> None:
    with qtbot.assertNotEmitted(composer.draft_changed):
        composer.set_text("a draft")
        composer.set_attachments([NOTES])
        composer.clear()
    with qtbot.waitSignal(composer.draft_changed):
        qtbot.keyClick(box_of(composer), Qt.Key.Key_S)


def test_a_screen_reader_finds_each_file_in_a_list(composer: Composer) -> None:
    composer.set_attachments([NOTES, Attachment("long.txt", "x" * 5000)])
    chips = QAccessible.queryAccessibleInterface(composer.findChild(QWidget, "attachments"))
    assert (chips.role(), chips.text(QAccessible.Text.Name)) == (QAccessible.Role.List, "Attachments")
    shown = [chips.child(place) for place in range(chips.childCount())]
    assert [one.role() for one in shown] == [QAccessible.Role.ListItem] * 2
    assert [one.text(QAccessible.Text.Name) for one in shown] == ["notes.txt, 6 B", "long.txt, 5 KiB"]


def test_tab_goes_through_the_files_on_its_way_to_the_box(composer: Composer, qtbot: QtBot) -> None:
    composer.set_attachments([NOTES, TABLE])
    composer.findChild(QToolButton, "attach_file").setFocus()
    visited = []
    for _ in range(3):
        qtbot.keyClick(QApplication.focusWidget(), Qt.Key.Key_Tab)
        visited.append(QApplication.focusWidget().accessibleName())
    assert visited == ["Remove notes.txt", "Remove table.csv", "Message"]


def test_many_files_take_several_lines_and_none_is_cut(composer: Composer) -> None:
    composer.set_attachments([Attachment(f"{'long name ' * 6}{number}.txt", "x") for number in range(6)])
    chips = composer.findChild(QWidget, "attachments")
    QApplication.sendPostedEvents(None, QEvent.Type.LayoutRequest)
    composer.resize(composer.width(), composer.heightForWidth(composer.width()))
    areas = [button.parentWidget().geometry() for button in removers(composer)]
    assert len({area.top() for area in areas}) > 1
    assert all(chips.rect().contains(area) for area in areas)
