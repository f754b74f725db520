"""The rows of the list of conversations: pinned ones, those of each folder, the others, and the archived ones.

Each group stands under a heading that opens and closes it; where there is but one group there is no heading. Headings
are rows of the same list and as high as the others: Qt asks for the height of each row as soon as they may differ, and
there are thousands. A tree was rejected for the same reason.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from PySide6.QtCore import QAbstractListModel, QModelIndex, QObject, Qt, Signal

from app.core.conversation import Conversation
from app.ui.moments import moment_in_words
from app.ui.two_line_delegate import MARKED_ROLE, SECOND_LINE_ROLE, Index

HEADING_ROLE = MARKED_ROLE + 1  # the Heading that the row is, or None

_PINNED, _FOLDER, _OTHERS, _ARCHIVED = "0", "1 ", "2", "3"  # groups in their order; a folder's name follows
_ROOT = QModelIndex()


@dataclass(frozen=True, slots=True)
class Heading:
    """The row above the conversations of a group."""

    id: str
    name: str
    count: int
    is_open: bool

    @property
    def text(self) -> str:
        """Its name, and how many conversations it has."""
        return f"{self.name} ({self.count})"


Entry = Conversation | Heading


class ConversationModel(QAbstractListModel):
    """Changes only what differs, so that selection, scroll position and an open editor stay."""

    rename_requested = Signal(str, str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._conversations: Sequence[Conversation] = ()
        self._closed = {_ARCHIVED}
        self._rows: list[Entry] = []
        self._busy_id: str | None = None

    # Values

    def show(self, conversations: Sequence[Conversation]) -> None:
        """Lists `conversations`, within each group in their order."""
        self._conversations = conversations
        self._show_entries(self._entries())

    def show_busy(self, conversation_id: str | None) -> None:
        """Marks the conversation whose reply is being written."""
        for changed in (self._busy_id, conversation_id):
            self._busy_id = conversation_id
            row = self.row_of(changed)
            if row >= 0:
                self._tell_changed(row, row)

    def reveal(self, conversation_id: str | None) -> None:
        """Opens the group that the conversation is in."""
        for one in self._conversations:
            if one.id == conversation_id and _group_of(one) in self._closed:
                self._closed.discard(_group_of(one))
                self._show_entries(self._entries())

    def closed_groups(self) -> list[str]:
        """The ids of the groups that are closed, for `close_groups` at the next start."""
        return sorted(self._closed)

    def close_groups(self, ids: Iterable[str]) -> None:
        """Closes these groups and opens all others; there need not be such groups yet."""
        self._closed = set(ids)
        self._show_entries(self._entries())

    def set_open(self, row: int, is_open: bool) -> None:
        """Opens or closes the group under the heading in that row."""
        heading = self._rows[row]
        if isinstance(heading, Heading):
            (self._closed.discard if is_open else self._closed.add)(heading.id)
            self._show_entries(self._entries())

    # What is there

    def has(self, conversation_id: str) -> bool:
        """Whether the conversation is listed, if only in a group that is closed."""
        return any(one.id == conversation_id for one in self._conversations)

    def row_of(self, conversation_id: str | None) -> int:
        """Where the conversation is; -1 if it is not listed, or in a group that is closed."""
        return next((row for row, entry in enumerate(self._rows) if entry.id == conversation_id), -1)

    def conversation_at(self, index: Index) -> Conversation | None:
        """None for a heading, and for no row at all."""
        entry = self._rows[index.row()] if index.isValid() else None
        return entry if isinstance(entry, Conversation) else None

    def heading_at(self, index: Index) -> Heading | None:
        """None for a conversation, and for no row at all."""
        entry = self._rows[index.row()] if index.isValid() else None
        return entry if isinstance(entry, Heading) else None

    def folders(self) -> list[str]:
        """The names of all folders, in their order."""
        return sorted({one.folder for one in self._conversations if one.folder}, key=_alphabetic)

    # The groups

    def _entries(self) -> list[Entry]:
        """What the rows are to be."""
        groups: dict[str, list[Conversation]] = {}
        for conversation in self._conversations:
            groups.setdefault(_group_of(conversation), []).append(conversation)
        if groups.keys() <= {_OTHERS}:
            return list(self._conversations)
        entries: list[Entry] = []
        for group in sorted(groups, key=_alphabetic):
            members = groups[group]
            heading = Heading(group, self._name(group), len(members), group not in self._closed)
            has_heading = group != _OTHERS or bool(entries)
            entries += [heading] if has_heading else []
            entries += members if heading.is_open or not has_heading else []
        return entries

    def _name(self, group: str) -> str:
        names = {_PINNED: self.tr("Pinned"), _OTHERS: self.tr("Others"), _ARCHIVED: self.tr("Archived")}
        return names.get(group) or group.removeprefix(_FOLDER)

    # Changing the rows

    def _show_entries(self, wanted: list[Entry]) -> None:
        if not self._rows:
            self._fill(wanted)
            return
        self._remove_all_but({entry.id for entry in wanted})
        self._sort([entry.id for entry in wanted])
        self._insert_missing(wanted)
        changed = [row for row, pair in enumerate(zip(self._rows, wanted, strict=True)) if _differ(*pair)]
        self._rows = wanted
        if changed:
            self._tell_changed(changed[0], changed[-1])

    def _fill(self, wanted: list[Entry]) -> None:
        """The rows of a list that has none: at the start, when they are many."""
        if wanted:
            self.beginInsertRows(_ROOT, 0, len(wanted) - 1)
            self._rows = wanted
            self.endInsertRows()

    def _remove_all_but(self, wanted: set[str]) -> None:
        for first, last in reversed(_runs(entry.id not in wanted for entry in self._rows)):
            self.beginRemoveRows(_ROOT, first, last)
            del self._rows[first : last + 1]
            self.endRemoveRows()

    def _insert_missing(self, wanted: list[Entry]) -> None:
        known = {entry.id for entry in self._rows}
        for first, last in _runs(entry.id not in known for entry in wanted):
            self.beginInsertRows(_ROOT, first, last)
            self._rows[first:first] = wanted[first : last + 1]
            self.endInsertRows()

    def _sort(self, order: Sequence[str]) -> None:
        """Brings the rows in the order of their ids in `order`."""
        before = [entry.id for entry in self._rows]
        known = set(before)
        after = [entry_id for entry_id in order if entry_id in known]
        if after == before:
            return
        self.layoutAboutToBeChanged.emit()
        row_of = {entry_id: row for row, entry_id in enumerate(after)}
        self._rows.sort(key=lambda entry: row_of[entry.id])
        kept = self.persistentIndexList()
        self.changePersistentIndexList(kept, [self.index(row_of[before[index.row()]]) for index in kept])
        self.layoutChanged.emit()

    def _tell_changed(self, first: int, last: int) -> None:
        self.dataChanged.emit(self.index(first), self.index(last))

    # For the view

    def rowCount(self, parent: Index = _ROOT) -> int:  # noqa: N802
        return 0 if parent.isValid() else len(self._rows)

    def flags(self, index: Index) -> Qt.ItemFlag:
        if self.heading_at(index):
            return Qt.ItemFlag.ItemIsEnabled  # what is selected is the conversation shown, and no heading is
        flags = super().flags(index)
        return flags | Qt.ItemFlag.ItemIsEditable if index.isValid() else flags

    def data(self, index: Index, role: int = int(Qt.ItemDataRole.DisplayRole)) -> object:
        entry = self._rows[index.row()]
        return self._heading_data(entry, role) if isinstance(entry, Heading) else self._data(entry, role)

    def _heading_data(self, heading: Heading, role: int) -> object:
        if role == HEADING_ROLE:
            return heading
        if role == Qt.ItemDataRole.DisplayRole:
            return heading.text
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return f"{heading.text}, {self.tr('expanded') if heading.is_open else self.tr('collapsed')}"
        return None

    def _data(self, conversation: Conversation, role: int) -> object:
        title = conversation.title or self.tr("New conversation")
        if role == Qt.ItemDataRole.DisplayRole:
            return title
        if role == Qt.ItemDataRole.EditRole:
            return conversation.title
        if role == SECOND_LINE_ROLE:
            return moment_in_words(conversation.used_at)
        if role == MARKED_ROLE:
            return conversation.id == self._busy_id
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return ", ".join([title, *self._notes(conversation)])
        return None

    def _notes(self, conversation: Conversation) -> list[str]:
        """What there is to say about it, for those who hear one row and do not see it among the others."""
        notes = {
            moment_in_words(conversation.used_at): True,
            self.tr("pinned"): conversation.pinned,
            self.tr("archived"): conversation.archived,
            self.tr("a reply is being written"): conversation.id == self._busy_id,
        }
        return [note for note, holds in notes.items() if note and holds]

    def setData(self, index: Index, value: object, role: int = int(Qt.ItemDataRole.EditRole)) -> bool:  # noqa: N802
        """Wishes for another title; it is shown when it has become true."""
        conversation, title = self.conversation_at(index), " ".join(str(value).split())
        if conversation is None or not title or title == conversation.title:
            return False
        self.rename_requested.emit(conversation.id, title)
        return True


def _group_of(conversation: Conversation) -> str:
    if conversation.archived:
        return _ARCHIVED
    if conversation.pinned:
        return _PINNED
    return _FOLDER + conversation.folder if conversation.folder else _OTHERS


def _differ(one: Entry, other: Entry) -> bool:
    return one is not other and one != other


def _alphabetic(name: str) -> tuple[str, str]:
    return name.casefold(), name


def _runs(flags: Iterable[bool]) -> list[tuple[int, int]]:
    """From where to where there are true ones in a row."""
    runs, start = [], 0
    for flag, run in groupby(flags):
        end = start + len(list(run))
        runs += [(start, end - 1)] if flag else []
        start = end
    return runs
