from __future__ import annotations

import time
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAccessible, QGuiApplication
from PySide6.QtWidgets import QApplication, QLabel, QPlainTextEdit, QPushButton
from pytestqt.qtbot import QtBot

from app.core.conversation import Attachment, Message, MessageState
from app.ui.message_details import MessageDetails, details_of

STATS: dict[str, Any] = {
    "reason": "length",
    "prompt_tokens": 1512,
    "cached_tokens": 1024,
    "reply_tokens": 240,
    "first_token_seconds": 0.82,
    "tokens_per_second": 12.34,
    "context_used": 1752,
    "context_length": 2048,
    "seed": 1234567890,
    "memory_measured": 5,
    "unseen": ["m1", "m2"],
    "reasoning_seconds": 75.0,
    "sampling": {
        "temperature": 0.7,
        "top_k": 40,
        "top_p": 0.95,
        "min_p": 0.05,
        "repeat_penalty": 1.1,
        "seed": None,
        "reply_limit": None,
    },
    "backend": "CUDA0: Some GPU",
    "threads": 4,
    "gpu_layers": 22,
}


def reply(
    stats: dict[str, Any] | None, state: MessageState = MessageState.LIMIT, model: str = "TinyLlama Chat Q4_K_M"
) -> Message:
    note = "The engine stopped\nBy signal 6.\nTry again."
    return Message("m3", "c", "m2", "assistant", "text", state, note, model, time.time(), stats)


def shown(qtbot: QtBot, message: Message) -> MessageDetails:
    dialog = MessageDetails(message)
    qtbot.addWidget(dialog)
    dialog.show()
    dialog.activateWindow()
    qtbot.waitUntil(dialog.isActiveWindow)
    return dialog


def prompt(dialog: MessageDetails) -> QPlainTextEdit:
    return dialog.findChild(QPlainTextEdit, "exact_prompt")


def press(qtbot: QtBot, dialog: MessageDetails, name: str) -> None:
    qtbot.mouseClick(dialog.findChild(QPushButton, name), Qt.MouseButton.LeftButton)


def test_all_that_is_known_of_a_reply_is_said_in_words() -> None:
    known = dict(details_of(reply(STATS)))
    assert known.pop("Written").startswith("today ")
    assert known == {
        "Model": "TinyLlama Chat",
        "Quant": "Q4_K_M",
        "Runs on": "CUDA0: Some GPU",
        "Threads": "4",
        "GPU layers": "22",
        "Temperature": "0.7",
        "Top-k": "40",
        "Top-p": "0.95",
        "Min-p": "0.05",
        "Repeat penalty": "1.1",
        "Seed": "1234567890",
        "Reply limit": "no limit",
        "Prompt tokens": "1\u202f512, 1\u202f024 of them known from before",
        "Reply tokens": "240",
        "Speed": "12.3 tokens/s",
        "First token after": "0.8 s",
        "Thought for": "1 min 15 s",
        "Context used": "1\u202f752 of 2\u202f048",
        "Messages not seen": "2",
        "Ended": "the reply limit was reached",
    }


@pytest.mark.parametrize(
    ("state", "stats", "words"),
    [
        (MessageState.COMPLETE, {"reason": "end"}, "the model ended its reply"),
        (MessageState.LIMIT, {"reason": "context"}, "the context is full"),
        (MessageState.STOPPED, {"reason": "stopped"}, "stopped by you"),
        (MessageState.STOPPED, None, "stopped by you"),
        (MessageState.FAILED, None, "The engine stopped"),
        (MessageState.INTERRUPTED, None, "Paddock was closed while this was being written"),
        (MessageState.WRITING, None, "it is being written"),
    ],
)
def test_why_a_reply_ended_is_said_in_words(state: MessageState, stats: dict[str, Any] | None, words: str) -> None:
    assert dict(details_of(reply(stats, state)))["Ended"] == words


def test_what_is_not_known_is_left_out() -> None:
    assert [name for name, _ in details_of(reply(None, MessageState.COMPLETE, "My own words"))] == ["Written", "Model"]


def test_a_users_message_has_a_time_and_attachments() -> None:
    attachments = (Attachment("a.txt", ""), Attachment("b\u202e\n.txt", ""))
    asked = Message("m", "c", None, "user", "text", MessageState.COMPLETE, "", "", time.time(), None, (), True)
    attached = Message(
        "m", "c", None, "user", "text", MessageState.COMPLETE, "", "", time.time(), None, attachments=attachments
    )
    assert [name for name, _ in details_of(asked)] == ["Written"]
    assert dict(details_of(attached))["Attached"] == "a.txt, b  .txt"


@pytest.mark.parametrize(
    "strange", [None, "x", True, [], {}, float("nan"), float("inf"), -1e300, 10**400], ids=lambda value: repr(value)[:9]
)
def test_what_makes_no_sense_costs_only_itself(strange: object) -> None:
    stats = {
        name: strange if name != "sampling" else dict.fromkeys(STATS["sampling"], strange)
        for name in STATS
        if name != "reply_tokens"
    }
    known = dict(details_of(reply({**stats, "reply_tokens": 240, "more": strange})))
    assert known["Reply tokens"] == "240"
    assert not {"Speed", "Threads", "Seed", "Temperature", "Context used"} & set(known)
    assert details_of(reply({**STATS, "sampling": strange}))


def test_words_from_outside_are_plain_and_bounded(qtbot: QtBot) -> None:
    message = reply({**STATS, "backend": "x" * 1_000_000}, model="<b>Tiny</b>\n\u202eQ4_K_M")
    known = dict(details_of(message))
    assert known["Runs on"] == "x" * 300 + "…"
    assert known["Model"] == "<b>Tiny</b>"
    dialog = shown(qtbot, message)
    labels = dialog.findChildren(QLabel)
    assert labels
    assert all(label.textFormat() == Qt.TextFormat.PlainText for label in labels)


def test_all_details_are_copied(qtbot: QtBot) -> None:
    message = reply(STATS)
    press(qtbot, shown(qtbot, message), "copy")
    lines = [f"{name}: {value}" for name, value in details_of(message)]
    assert QGuiApplication.clipboard().text() == "\n".join(lines)
    assert "Model: TinyLlama Chat" in lines


def test_the_prompt_is_asked_for_and_shown_exactly(qtbot: QtBot) -> None:
    dialog = shown(qtbot, reply(STATS))
    assert prompt(dialog).isHidden()
    with qtbot.waitSignal(dialog.prompt_requested) as asked:
        press(qtbot, dialog, "show_the_exact_prompt")
    assert asked.args == ["m3"]
    text = "<|user|>\n<b>Hello</b> & all</s>\n<|assistant|>\n"

    dialog.show_prompt(text)

    assert prompt(dialog).toPlainText() == text
    assert prompt(dialog).isVisible()
    assert prompt(dialog).isReadOnly()
    assert QApplication.focusWidget() is prompt(dialog)
    press(qtbot, dialog, "copy")
    assert QGuiApplication.clipboard().text().endswith(f"\n\n{text}")


def test_why_there_is_no_prompt_is_said_until_there_is_one(qtbot: QtBot) -> None:
    dialog = shown(qtbot, reply(STATS))
    label = dialog.findChild(QLabel, "problem")
    dialog.show_problem("No model is loaded.")
    assert (label.isVisible(), label.text()) == (True, "No model is loaded.")
    assert prompt(dialog).isHidden()

    dialog.show_prompt("x")

    assert not label.isVisible()


def test_a_users_message_has_no_prompt_of_its_own(qtbot: QtBot) -> None:
    asked = Message("m", "c", None, "user", "text", MessageState.COMPLETE, "", "", time.time(), None)
    assert shown(qtbot, asked).findChild(QPushButton, "show_the_exact_prompt").isHidden()


def test_each_value_is_reached_by_key_named_and_selected(qtbot: QtBot) -> None:
    dialog = shown(qtbot, reply({"seed": 7}, MessageState.STOPPED))
    visited = {}
    for _ in range(9):
        focus = QApplication.focusWidget()
        if isinstance(focus, QLabel):
            name = QAccessible.queryAccessibleInterface(focus).text(QAccessible.Text.Name)
            visited[name] = focus.selectedText()
        qtbot.keyClick(focus, Qt.Key.Key_Tab)
    assert visited["Model: TinyLlama Chat"] == "TinyLlama Chat"
    assert visited["Seed: 7"] == "7"
    assert visited["Ended: stopped by you"] == "stopped by you"
    assert dialog.isVisible()


def test_escape_closes_it(qtbot: QtBot) -> None:
    dialog = shown(qtbot, reply(STATS))
    qtbot.keyClick(dialog, Qt.Key.Key_Escape)
    assert not dialog.isVisible()
