"""The rows of the list of conversations, whatever follows whatever."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from PySide6.QtCore import QPersistentModelIndex, Qt
from PySide6.QtTest import QAbstractItemModelTester

from app.core.conversation import Conversation
from app.ui.conversation_model import ConversationModel


def conversation(name: str, **values: object) -> Conversation:
    return replace(Conversation(name, name.title(), "", "", 0.0, 0.0), **values)


@pytest.fixture
def model(qtbot) -> ConversationModel:
    model = ConversationModel()
    model.tester = QAbstractItemModelTester(model, QAbstractItemModelTester.FailureReportingMode.Fatal)
    return model


def rows(model: ConversationModel, role: int = int(Qt.ItemDataRole.DisplayRole)) -> list[object]:
    return [model.index(row).data(role) for row in range(model.rowCount())]


def heading_row(model: ConversationModel, text: str) -> int:
    return rows(model).index(text)


GROUPED = [
    conversation("a"),
    conversation("b", archived=True, pinned=True),
    conversation("c", folder="work"),
    conversation("d", pinned=True, folder="work"),
    conversation("e", folder="Cooking"),
    conversation("f", folder="work"),
]


def test_pinned_ones_come_first_then_folders_by_name_then_the_others_then_the_archive(model) -> None:
    model.show(GROUPED)
    folders = ["Cooking (1)", "E", "work (2)", "C", "F"]
    assert rows(model) == ["Pinned (1)", "D", *folders, "Others (1)", "A", "Archived (1)"]
    assert model.folders() == ["Cooking", "work"]


def test_without_groups_there_is_no_heading(model) -> None:
    model.show([conversation("b"), conversation("a")])
    assert rows(model) == ["B", "A"]


def test_an_archive_alone_puts_no_heading_over_the_others(model) -> None:
    model.show([conversation("b"), conversation("a", archived=True)])
    assert rows(model) == ["B", "Archived (1)"]


def test_a_group_is_opened_and_closed_and_stays_so(model) -> None:
    model.show(GROUPED)
    model.set_open(heading_row(model, "work (2)"), False)
    model.set_open(heading_row(model, "Archived (1)"), True)
    assert rows(model)[-2:] == ["Archived (1)", "B"]
    assert "C" not in rows(model)
    model.show([*GROUPED, conversation("g", folder="work")])
    assert "work (3)" in rows(model) and "G" not in rows(model)
    model.set_open(heading_row(model, "work (3)"), True)
    assert rows(model)[4:8] == ["work (3)", "C", "F", "G"]


def test_others_that_were_closed_are_there_once_they_have_no_heading(model) -> None:
    model.show(GROUPED)
    model.set_open(heading_row(model, "Others (1)"), False)
    model.show([conversation("a")])
    assert rows(model) == ["A"]


def test_revealing_opens_the_group(model) -> None:
    model.show(GROUPED)
    assert model.row_of("b") == -1
    model.reveal("b")
    assert rows(model)[model.row_of("b")] == "B"


def test_a_screen_reader_hears_whether_a_group_is_open_and_what_is_special(model) -> None:
    model.show(GROUPED)
    model.reveal("b")
    heard = [str(text) for text in rows(model, int(Qt.ItemDataRole.AccessibleTextRole))]
    assert heard[0] == "Pinned (1), expanded"
    assert heard[1].startswith("D, ") and heard[1].endswith("pinned")
    assert heard[-1].endswith("pinned, archived")
    model.set_open(0, False)
    assert rows(model, int(Qt.ItemDataRole.AccessibleTextRole))[0] == "Pinned (1), collapsed"


def test_any_rows_can_follow_any_others_and_an_index_stays_with_its_conversation(model) -> None:
    dice = random.Random(1)

    def any_list() -> list[Conversation]:
        names = dice.sample("abcdefghijkl", dice.randrange(13))
        return [
            conversation(name, pinned=dice.random() < 0.2, folder=dice.choice(["", "", "x", "y"])) for name in names
        ]

    for _ in range(300):
        before = rows(model)
        kept = [QPersistentModelIndex(model.index(row)) for row in range(model.rowCount())]
        model.show(any_list())
        fresh = ConversationModel()
        fresh.show(model._conversations)
        assert rows(model) == rows(fresh)
        for text, index in zip(before, kept, strict=True):
            title = str(text).partition(" (")[0]
            titles = [str(row).partition(" (")[0] for row in rows(model)]
            assert index.isValid() == (title in titles)
            assert not index.isValid() or titles[index.row()] == title
