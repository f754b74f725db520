from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAccessible, QColor
from PySide6.QtWidgets import QApplication, QLabel, QRadioButton, QToolButton, QWidget
from pytestqt.qtbot import QtBot

from app.engine.protocol import PromptPreviewed
from app.ui.context_bar import ContextBar, Part
from app.ui.context_meter import ContextMeter
from app.ui.theme import colours

PREVIEW = PromptPreviewed("id", context_length=2048, system=100, pinned=0, history=900, last=56, reserve=512)


@pytest.fixture
def meter(qtbot: QtBot) -> ContextMeter:
    meter = ContextMeter()
    qtbot.addWidget(meter)
    meter.resize(700, meter.sizeHint().height())
    meter.show()
    return meter


def line_of(meter: ContextMeter) -> str:
    return meter.findChild(QLabel, "context_text").text().replace("\u202f", " ")


def description_of(meter: ContextMeter) -> str:
    interface = QAccessible.queryAccessibleInterface(meter)
    return interface.text(QAccessible.Text.Description).replace("\u202f", " ")


def open_details(meter: ContextMeter, qtbot: QtBot) -> QWidget:
    button = meter.findChild(QToolButton, "show_context_details")
    button.setFocus()
    qtbot.keyClick(button, Qt.Key.Key_Space)
    details = meter.findChild(QWidget, "context_details")
    assert details.isVisible()
    return details


def test_one_line_says_how_full_the_context_is(meter: ContextMeter) -> None:
    meter.show_preview(PREVIEW, 0)
    assert line_of(meter) == "1 056 of 2 048 tokens · next message 56 · 512 kept for the reply"


def test_a_screen_reader_hears_every_part(meter: ContextMeter) -> None:
    meter.show_preview(PREVIEW, 0)
    interface = QAccessible.queryAccessibleInterface(meter)
    assert interface.text(QAccessible.Text.Name) == "Context"
    assert description_of(meter) == (
        "1 056 of 2 048 tokens. System prompt 100, Messages so far 900, Next message 56, Kept for the reply 512, "
        "Free 480"
    )
    button = meter.findChild(QToolButton, "show_context_details")
    assert button.accessibleDescription() == meter.accessibleDescription()


def test_pinned_messages_are_told_when_there_are_any(meter: ContextMeter) -> None:
    meter.show_preview(PromptPreviewed("id", 2048, system=100, pinned=300, history=600, last=56, reserve=512), 0)
    assert "Messages that stay 300" in description_of(meter)


@pytest.mark.parametrize(
    ("policy", "dropping", "said"),
    [
        ("oldest", 1, "Sending this will drop the oldest message from what the model sees"),
        ("oldest", 4, "Sending this will drop the 4 oldest messages from what the model sees"),
        ("middle", 1, "Sending this will drop a message after the first ones from what the model sees"),
        ("middle", 4, "Sending this will drop 4 messages after the first ones from what the model sees"),
    ],
)
def test_what_goes_is_said_before_it_does(meter: ContextMeter, policy: str, dropping: int, said: str) -> None:
    meter.set_policy(policy)
    meter.show_preview(PREVIEW, dropping)
    assert line_of(meter) == said
    assert description_of(meter).startswith(f"{said}. 1 056 of 2 048 tokens.")
    assert meter.findChild(QLabel, "context_text").font().bold()
    meter.show_preview(PREVIEW, 0)
    assert line_of(meter).startswith("1 056 of 2 048 tokens")
    assert not meter.findChild(QLabel, "context_text").font().bold()


def test_it_is_announced_once(meter: ContextMeter, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr("app.ui.context_meter.announce", lambda _widget, text: said.append(text))
    for dropping in (0, 2, 3, 0, 1):
        meter.show_preview(PREVIEW, dropping)
    assert said == [
        "Sending this will drop the 2 oldest messages from what the model sees",
        "Sending this will drop the oldest message from what the model sees",
    ]


def test_a_message_that_would_be_refused_is_said_with_what_to_do(meter: ContextMeter) -> None:
    meter.show_preview(PromptPreviewed("id", 2048, refusal="ContextFull", detail="It holds 2048 tokens."), 0)
    assert line_of(meter).startswith("This would not be sent: the conversation has filled the model's context.")
    assert "It holds 2048 tokens. Choose in the context meter" in description_of(meter)
    assert "Free" not in description_of(meter)


def test_without_a_model_nothing_is_known(meter: ContextMeter) -> None:
    before = line_of(meter)
    meter.show_preview(PREVIEW, 0)
    meter.show_preview(PromptPreviewed("id", refusal="NoModelLoaded"), 0)
    assert line_of(meter) == before == "How full the context is shows once a model is loaded."


def test_the_policy_is_chosen_from_the_keyboard(meter: ContextMeter, qtbot: QtBot) -> None:
    meter.show_preview(PREVIEW, 0)
    meter.set_policy("middle")
    details = open_details(meter, qtbot)
    chosen = QApplication.focusWidget()
    assert isinstance(chosen, QRadioButton)
    assert (chosen.accessibleName(), chosen.isChecked()) == ("Keep the first and the newest", True)
    with qtbot.waitSignal(meter.policy_changed) as changed:
        qtbot.keyClick(chosen, Qt.Key.Key_Down)
    assert changed.args == ["ask"]
    qtbot.keyClick(details, Qt.Key.Key_Escape)
    assert details.isHidden()


def test_showing_a_policy_is_no_choice(meter: ContextMeter, qtbot: QtBot) -> None:
    with qtbot.assertNotEmitted(meter.policy_changed):
        for policy in ("ask", "middle", "something new", "oldest"):
            meter.set_policy(policy)
    assert meter.findChild(QRadioButton, "drop_the_oldest").isChecked()


def test_the_details_follow_what_is_typed_meanwhile(meter: ContextMeter, qtbot: QtBot) -> None:
    meter.show_preview(PREVIEW, 0)
    details = open_details(meter, qtbot)
    height = details.height()
    meter.show_preview(PromptPreviewed("id", 2048, refusal="MessageTooLong", detail="It is 9000 tokens long."), 0)
    assert details.findChild(QLabel, "context_said").text().startswith("The message is too long")
    assert details.height() < height
    details.close()


def test_the_details_are_read_as_lines(meter: ContextMeter) -> None:
    meter.show_preview(PREVIEW, 0)
    interface = QAccessible.queryAccessibleInterface(meter.findChild(QWidget, "context_details"))
    children = [interface.child(place) for place in range(interface.childCount())]
    names = [child.text(QAccessible.Text.Name).replace("\u202f", " ") for child in children]
    assert {"System prompt 100", "Messages so far 900", "Free 480", "Stop and ask"} <= set(names)


def test_the_bar_shows_every_part_that_is_there(meter: ContextMeter) -> None:
    meter.show_preview(PREVIEW, 0)
    bar = meter.findChild(ContextBar)
    areas = dict(bar.areas())
    assert list(areas) == [Part.SYSTEM, Part.HISTORY, Part.NEXT, Part.RESERVE, Part.FREE]
    assert areas[Part.HISTORY].width() > areas[Part.RESERVE].width() > areas[Part.NEXT].width() >= 2
    assert areas[Part.FREE].right() == pytest.approx(bar.width())
    picture = bar.grab().toImage()
    middle = areas[Part.HISTORY].center().toPoint()
    assert picture.pixelColor(middle) == QColor(colours(bar.palette()).bill_weights)


def test_no_label_is_cut_in_a_large_font(meter: ContextMeter) -> None:
    font = meter.font()
    font.setPointSizeF(font.pointSizeF() * 2)
    meter.setFont(font)
    meter.show_preview(PREVIEW, 4)
    meter.resize(400, meter.heightForWidth(400))
    text = meter.findChild(QLabel, "context_text")
    assert text.height() >= text.heightForWidth(text.width())
