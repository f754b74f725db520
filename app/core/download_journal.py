"""The downloads that a person wants, across runs of the app. How far they are is on disk: see `app.core.downloads`."""

from __future__ import annotations

import dataclasses
import json
import logging
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from app.core.database import Connection, Row, Value, execute, transaction
from app.core.downloads import Plan
from app.core.hub_model import HubFile

log = logging.getLogger(__name__)

_SHA256 = re.compile("([0-9a-f]{64})?")
_COMMIT = re.compile("[0-9A-Za-z]{1,64}")


class DownloadJournal:
    """Lives on the GUI thread, beside the conversations and in the same database."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def all(self) -> list[tuple[Plan, bool]]:
        """The plans in the order of the queue, and whether a person paused them. What cannot be read is left out."""
        found = []
        for row in self._execute("SELECT * FROM downloads ORDER BY rank, rowid"):
            try:
                found.append((_plan_in(row), bool(row["paused"])))
            except ValueError as error:
                log.warning("a download in the journal cannot be read: %s", error)
        return found

    def add(self, plan: Plan) -> None:
        """Puts the plan at the end of the queue, in place of one with its id."""
        self._execute(
            "REPLACE INTO downloads (id, rank, plan, paused) "
            "VALUES (?, (SELECT ifnull(max(rank), 0) + 1 FROM downloads), ?, 0)",
            *(plan.id, plan_to_json(plan)),
        )

    def remove(self, plan_id: str) -> None:
        self._execute("DELETE FROM downloads WHERE id = ?", plan_id)

    def set_paused(self, plan_id: str, *, paused: bool) -> None:
        self._execute("UPDATE downloads SET paused = ? WHERE id = ?", int(paused), plan_id)

    def set_order(self, plan_ids: Sequence[str]) -> None:
        """The queue from now on; it holds all plans."""
        with transaction(self._connection):
            for rank, plan_id in enumerate(plan_ids):
                self._execute("UPDATE downloads SET rank = ? WHERE id = ?", rank, plan_id)

    def _execute(self, sql: str, *parameters: Value) -> list[Row]:
        return execute(self._connection, sql, *parameters)


def plan_to_json(plan: Plan) -> str:
    """All but the id."""
    fields = {**dataclasses.asdict(plan), "folder": str(plan.folder)}
    del fields["id"]
    return json.dumps(fields)


def plan_from_json(plan_id: str, text: str) -> Plan:
    """Raises `ValueError` for what is no plan."""
    fields = json.loads(text)
    try:
        plan = Plan(
            id=plan_id,
            repo=_text(fields["repo"]),
            commit=_matching(_COMMIT, fields["commit"]),
            name=_text(fields["name"]),
            quant=_text(fields["quant"]),
            files=tuple(_file(file) for file in fields["files"]),
            folder=Path(_text(fields["folder"])),
        )
    except (KeyError, TypeError) as error:
        raise ValueError(f"{type(error).__name__}: {error}") from error
    if not plan.files:
        raise ValueError("a plan without files")
    return plan


def _plan_in(row: Row) -> Plan:
    return plan_from_json(row["id"], row["plan"])


def _file(fields: Any) -> HubFile:
    size = fields["size"]
    if not isinstance(size, int):
        raise TypeError("a size is no number")
    return HubFile(path=_text(fields["path"]), size=size, sha256=_matching(_SHA256, fields["sha256"]))


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("a field is no text")
    return value


def _matching(pattern: re.Pattern[str], value: object) -> str:
    if not pattern.fullmatch(_text(value)):
        raise ValueError("a field is not what it should be")
    return str(value)
