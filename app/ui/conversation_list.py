"""The list of conversations, by last use."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QAbstractListModel, QModelIndex, QObject, QPersistentModelIndex, Qt, Signal
from PySide6.QtGui import QContextMenuEvent, QFocusEvent, QKeyEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QLineEdit,
    QListView,
    QMenu,
    QPushButton,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

from app.core.conversations import Conversation
from app.ui.accessibility import follow_selection
from app.ui.moments import moment_in_words
from app.ui.two_line_delegate import MARKED_ROLE, SECOND_LINE_ROLE, Index, TwoLineDelegate

_ROOT = QModelIndex()


class ConversationModel(QAbstractListModel):
    """The rows. `show` changes only what differs, so that selection, scroll position and an open editor stay."""

    rename_requested = Signal(str, str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._rows: list[Conversation] = []
        self._busy_id: str | None = None

    def show(self, conversations: Sequence[Conversation]) -> None:
        """Makes the rows `conversations`, in their order."""
        wanted = {conversation.id for conversation in conversations}
        for row in reversed(range(len(self._rows))):
            if self._rows[row].id not in wanted:
                self.beginRemoveRows(_ROOT, row, row)
                del self._rows[row]
                self.endRemoveRows()
        known = {conversation.id for conversation in self._rows}
        for row, conversation in enumerate(conversations):
            if conversation.id not in known:
                self.beginInsertRows(_ROOT, row, row)
                self._rows.insert(row, conversation)
                self.endInsertRows()
            self._move(self.row_of(conversation.id, start=row), row)
            if self._rows[row] != conversation:
                self._rows[row] = conversation
                self._tell_changed(row)

    def _move(self, source: int, row: int) -> None:
        """Moves up the row at `source`."""
        if source != row:
            self.beginMoveRows(_ROOT, source, source, _ROOT, row)
            self._rows.insert(row, self._rows.pop(source))
            self.endMoveRows()

    def show_busy(self, conversation_id: str | None) -> None:
        """Marks the conversation whose reply is being written."""
        for changed in (self._busy_id, conversation_id):
            self._busy_id = conversation_id
            row = self.row_of(changed)
            if row >= 0:
                self._tell_changed(row)

    def row_of(self, conversation_id: str | None, start: int = 0) -> int:
        """Where the conversation is, from row `start` on; -1 if nowhere."""
        rows = range(start, len(self._rows))
        return next((row for row in rows if self._rows[row].id == conversation_id), -1)

    def id_at(self, index: Index) -> str:
        """The conversation at a valid `index`."""
        return self._rows[index.row()].id

    def rowCount(self, parent: Index = _ROOT) -> int:  # noqa: N802
        return 0 if parent.isValid() else len(self._rows)

    def flags(self, index: Index) -> Qt.ItemFlag:
        return super().flags(index) | Qt.ItemFlag.ItemIsEditable

    def data(self, index: Index, role: int = int(Qt.ItemDataRole.DisplayRole)) -> object:
        conversation = self._rows[index.row()]
        busy = conversation.id == self._busy_id
        title = conversation.title or self.tr("New conversation")
        if role == Qt.ItemDataRole.DisplayRole:
            return title
        if role == Qt.ItemDataRole.EditRole:
            return conversation.title
        if role == SECOND_LINE_ROLE:
            return moment_in_words(conversation.used_at)
        if role == MARKED_ROLE:
            return busy
        if role == Qt.ItemDataRole.AccessibleTextRole:
            parts = (title, moment_in_words(conversation.used_at), self.tr("a reply is being written") if busy else "")
            return ", ".join(part for part in parts if part)
        return None

    def setData(self, index: Index, value: object, role: int = int(Qt.ItemDataRole.EditRole)) -> bool:  # noqa: N802
        """Wishes for another title; it is shown when it has become true."""
        conversation, title = self._rows[index.row()], " ".join(str(value).split())
        if not title or title == conversation.title:
            return False
        self.rename_requested.emit(conversation.id, title)
        return True

    def _tell_changed(self, row: int) -> None:
        self.dataChanged.emit(self.index(row), self.index(row))


class ConversationList(QWidget):
    """Emits what the user wants done with a conversation. Del deletes only while the list itself has the focus."""

    selected = Signal(str)
    new_requested = Signal()
    rename_requested = Signal(str, str)
    delete_requested = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("conversation_list")
        self._changing = False  # whether the selection moves because the rows do
        self._model = ConversationModel(self)
        self._model.rename_requested.connect(self.rename_requested)
        self._view = _View()
        self._view.setModel(self._model)
        self._view.delete_pressed.connect(self._on_view_delete_pressed)
        self._view.selectionModel().currentChanged.connect(self._on_view_current_changed)
        follow_selection(self._view)
        self._new = QPushButton(self.tr("New conversation"))
        self._new.setObjectName("new_conversation")
        self._new.setAccessibleName("New conversation")
        self._new.clicked.connect(self.new_requested)
        layout = QVBoxLayout(self)
        layout.addWidget(self._new)
        layout.addWidget(self._view, 1)

    def set_conversations(self, conversations: Sequence[Conversation], current_id: str | None) -> None:
        """Lists `conversations` in their order and selects the one of `current_id`, without emitting `selected`."""
        self._changing = True
        self._model.show(conversations)
        row = self._model.row_of(current_id)
        if row != self._view.currentIndex().row():
            self._view.setCurrentIndex(self._model.index(row))
        self._changing = False

    def set_busy(self, conversation_id: str | None) -> None:
        """Marks the conversation whose reply is being written; None marks none."""
        self._model.show_busy(conversation_id)

    def focusInEvent(self, event: QFocusEvent) -> None:  # noqa: N802
        # A focus proxy would do the same, but Tab on its way in would skip what comes before it.
        self._view.setFocus(event.reason())

    def _on_view_current_changed(self, current: QModelIndex, previous: QModelIndex) -> None:
        if current.isValid() and not self._changing:
            self.selected.emit(self._model.id_at(current))

    def _on_view_delete_pressed(self, index: QModelIndex) -> None:
        self.delete_requested.emit(self._model.id_at(index))


class _View(QListView):
    delete_pressed = Signal(object)  # QModelIndex

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("conversations")
        self.setAccessibleName("Conversations")
        self.setItemDelegate(_RowDelegate(self))
        self.setUniformItemSizes(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setEditTriggers(QAbstractItemView.EditTrigger.EditKeyPressed | QAbstractItemView.EditTrigger.DoubleClicked)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        # Only a key pressed anew: one held down would empty the list. Never one that an open editor let through.
        editing = self.state() == QAbstractItemView.State.EditingState
        if event.key() != Qt.Key.Key_Delete or editing or not self.hasFocus():
            super().keyPressEvent(event)
        elif self.currentIndex().isValid() and not event.isAutoRepeat():
            self.delete_pressed.emit(self.currentIndex())

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:  # noqa: N802
        by_key = event.reason() == QContextMenuEvent.Reason.Keyboard
        index = self.currentIndex() if by_key else self.indexAt(event.pos())
        if not index.isValid():
            return
        target = QPersistentModelIndex(index)  # the rows may change while the menu is open
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.addAction(self.tr("Rename")).triggered.connect(lambda: self._rename(target))
        menu.addAction(self.tr("Delete")).triggered.connect(lambda: self._delete(target))
        menu.popup(self.viewport().mapToGlobal(self.visualRect(index).center()) if by_key else event.globalPos())

    def _rename(self, target: QPersistentModelIndex) -> None:
        if target.isValid():
            self.edit(self.model().index(target.row(), 0))

    def _delete(self, target: QPersistentModelIndex) -> None:
        if target.isValid():
            self.delete_pressed.emit(self.model().index(target.row(), 0))


class _RowDelegate(TwoLineDelegate):
    def createEditor(self, parent: QWidget, option: QStyleOptionViewItem, index: Index) -> QWidget:  # noqa: N802
        editor = QLineEdit(parent)
        editor.setObjectName("conversation_title")
        editor.setAccessibleName("Conversation title")
        editor.setPlaceholderText(str(index.data()))
        return editor

    def updateEditorGeometry(self, editor: QWidget, option: QStyleOptionViewItem, index: Index) -> None:  # noqa: N802
        line = self.first_line(option)
        line.setHeight(max(line.height(), editor.sizeHint().height()))
        editor.setGeometry(line)
