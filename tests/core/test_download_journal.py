from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.database import execute, open_database
from app.core.download_journal import DownloadJournal, plan_from_json, plan_to_json
from app.core.downloads import Plan
from app.core.hub_model import HubFile

TINY = Plan(
    id="tiny",
    repo="ada/tiny-GGUF",
    commit="c" * 40,
    name="Tiny",
    quant="Q4_K_M",
    files=(HubFile("tiny.Q4_K_M.gguf", 637 << 20, "a" * 64),),
    folder=Path("/models").absolute(),
)
BIG = dataclasses.replace(
    TINY,
    id="big",
    files=(HubFile("big-00001-of-00002.gguf", 60 << 30, "b" * 64), HubFile("big-00002-of-00002.gguf", -1)),
)
OTHER = dataclasses.replace(TINY, id="other", commit="main")


@pytest.fixture
def connection(tmp_path):
    connection = open_database(tmp_path / "conversations.db")
    yield connection
    connection.close()


@pytest.fixture
def journal(connection):
    journal = DownloadJournal(connection)
    for plan in (TINY, BIG, OTHER):
        journal.add(plan)
    return journal


def _ids(journal: DownloadJournal) -> list[str]:
    return [plan.id for plan, _ in journal.all()]


def test_at_first_there_are_none(connection):
    assert DownloadJournal(connection).all() == []


def test_plans_are_there_after_a_restart_as_they_were_and_in_their_order(journal, tmp_path):
    connection = open_database(tmp_path / "conversations.db")
    assert DownloadJournal(connection).all() == [(TINY, False), (BIG, False), (OTHER, False)]
    connection.close()


def test_a_removed_plan_is_gone_and_the_others_stay(journal):
    journal.remove(BIG.id)
    assert _ids(journal) == [TINY.id, OTHER.id]


def test_what_a_person_paused_stays_paused_until_it_is_resumed(journal):
    journal.set_paused(BIG.id, paused=True)
    assert [paused for _, paused in journal.all()] == [False, True, False]
    journal.set_paused(BIG.id, paused=False)
    assert [paused for _, paused in journal.all()] == [False, False, False]


def test_the_order_can_be_changed_and_a_new_plan_comes_last(journal):
    journal.set_order([OTHER.id, TINY.id, BIG.id])
    assert _ids(journal) == [OTHER.id, TINY.id, BIG.id]
    journal.add(dataclasses.replace(TINY, id="new"))
    assert _ids(journal) == [OTHER.id, TINY.id, BIG.id, "new"]


def test_a_plan_added_again_is_there_once_and_last(journal):
    journal.add(dataclasses.replace(TINY, quant="Q8_0"))
    assert [(plan.id, plan.quant) for plan, _ in journal.all()][-1] == (TINY.id, "Q8_0")
    assert len(journal.all()) == 3


FIELDS = json.loads(plan_to_json(TINY))
DAMAGED = {
    "no JSON": "{",
    "no object": "[]",
    "a number": "5",
    "nothing": "{}",
    "no commit": json.dumps({**FIELDS, "commit": "../../x"}),
    "no hash": json.dumps({**FIELDS, "files": [{"path": "a.gguf", "size": 5, "sha256": "/etc"}]}),
    "no size": json.dumps({**FIELDS, "files": [{"path": "a.gguf", "size": "5", "sha256": ""}]}),
    "no files": json.dumps({**FIELDS, "files": []}),
    "files of another kind": json.dumps({**FIELDS, "files": [3]}),
    "no folder": json.dumps({**FIELDS, "folder": None}),
}


@pytest.mark.parametrize("text", DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_row_costs_only_itself(journal, connection, caplog, text):
    execute(connection, "UPDATE downloads SET plan = ? WHERE id = ?", text, BIG.id)
    assert _ids(journal) == [TINY.id, OTHER.id]
    assert "cannot be read" in caplog.text


@given(
    st.builds(
        HubFile, path=st.text(), size=st.integers(-1, 2**62), sha256=st.sampled_from(["", "0123456789abcdef" * 4])
    )
)
def test_a_plan_survives_being_written_down(file):
    plan = dataclasses.replace(TINY, files=(file, *TINY.files))
    assert plan_from_json(plan.id, plan_to_json(plan)) == plan


@pytest.mark.skipif(os.name != "posix", reason="file names are text there")
def test_a_folder_whose_name_is_no_valid_text_is_kept(connection):
    plan = dataclasses.replace(TINY, folder=Path(os.fsdecode(b"/models/gr\xfc\xdfe")))
    journal = DownloadJournal(connection)
    journal.add(plan)
    assert journal.all() == [(plan, False)]


def test_unknown_fields_of_a_newer_paddock_do_no_harm():
    assert plan_from_json(TINY.id, json.dumps({**FIELDS, "mirror": "x"})) == TINY
