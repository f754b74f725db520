"""The side bar of the Chat place: the conversations, or, while something is looked for, where it was found."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QItemSelectionModel, QModelIndex, QPoint, Qt, Signal
from PySide6.QtGui import QFocusEvent, QKeyEvent
from PySide6.QtWidgets import QLineEdit, QPushButton, QToolButton, QVBoxLayout, QWidget

from app.core.conversation import Conversation
from app.core.errors import AppError
from app.ui.accessibility import follow_selection
from app.ui.conversation_list_view import ConversationListView
from app.ui.conversation_menu import ConversationMenu, FolderMenu, ask_for_folder
from app.ui.conversation_model import ConversationModel
from app.ui.keys import claim_escape, is_escape

if TYPE_CHECKING:
    from app.core.conversation_search import Found
    from app.ui.conversation_search_view import ConversationSearchView


class ConversationList(QWidget):
    """Emits what the user wants done with a conversation. Del deletes only while the list itself has the focus."""

    selected = Signal(str)
    new_requested = Signal()
    rename_requested = Signal(str, str)
    delete_requested = Signal(str)
    pin_requested = Signal(str, bool)
    archive_requested = Signal(str, bool)
    folder_requested = Signal(str, str)  # id, name of the folder; empty: none
    trash_requested = Signal()
    search_requested = Signal(str)
    hit_chosen = Signal(str, str, str)  # conversation, message (empty: its title), the text that was found

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("conversation_list")
        self._changing = False  # whether the selection moves because the rows do
        self._shown_id: str | None = None  # the conversation that is open
        self._model = ConversationModel(self)
        self._model.rename_requested.connect(self.rename_requested)
        self._view = ConversationListView(self._model)
        self._view.delete_pressed.connect(self.delete_requested)
        self._view.pin_pressed.connect(self.pin_requested)
        self._view.archive_pressed.connect(self.archive_requested)
        self._view.folder_pressed.connect(self._on_view_folder_pressed)
        self._view.menu_requested.connect(self._on_view_menu_requested)
        self._view.open_requested.connect(self._on_view_open_requested)
        self._view.selectionModel().currentChanged.connect(self._on_view_current_changed)
        follow_selection(self._view)
        self._new = QPushButton(self.tr("New conversation"))
        self._new.setObjectName("new_conversation")
        self._new.setAccessibleName("New conversation")
        self._new.clicked.connect(self.new_requested)
        self._box = self._search_box()
        self._asked = ""  # what is looked for
        self._answered = ""  # what the hits that are shown are for
        self._opens_first = False  # whether Enter was pressed before there was a hit
        self._hits: ConversationSearchView | None = None  # once something was looked for
        self._trash = QPushButton(self.tr("Trash"))
        self._trash.setObjectName("trash")
        self._trash.setAccessibleName("Trash")
        self._trash.setToolTip(self.tr("Conversations that were deleted"))
        self._trash.setFlat(True)
        self._trash.clicked.connect(self.trash_requested)
        self._layout = QVBoxLayout(self)
        for widget in (self._new, self._box, self._view):
            self._layout.addWidget(widget)
        self._layout.addWidget(self._trash, 0, Qt.AlignmentFlag.AlignLeft)

    def _search_box(self) -> QLineEdit:
        box = QLineEdit()
        box.setObjectName("search_conversations")
        box.setAccessibleName("Search conversations")
        box.setPlaceholderText(self.tr("Search conversations"))
        metrics = box.fontMetrics()
        box.setMinimumWidth(metrics.horizontalAdvance(box.placeholderText()) + metrics.averageCharWidth() * 3)
        box.setClearButtonEnabled(True)
        for button in box.findChildren(QToolButton):
            button.setAccessibleName("Clear search")
        box.textChanged.connect(self._on_box_text_changed)
        box.returnPressed.connect(self._on_box_return_pressed)
        return box

    # Values

    def closed_groups(self) -> list[str]:
        """Which groups are closed, for `close_groups` at the next start."""
        return self._model.closed_groups()

    def close_groups(self, ids: Iterable[str]) -> None:
        """Closes these groups and no others."""
        self._changing = True
        self._model.close_groups(ids)
        self._changing = False

    def set_conversations(self, conversations: Sequence[Conversation], current_id: str | None) -> None:
        """Lists `conversations` in their order and selects the one of `current_id`, without emitting `selected`."""
        self._changing = True
        self._model.show(conversations)
        self._show_current(current_id)
        self._changing = False

    def set_current(self, conversation_id: str) -> bool:
        """Selects that conversation, without emitting `selected`. False if it is not listed."""
        if not self._model.has(conversation_id):
            return False
        self._changing = True
        self._show_current(conversation_id)
        self._changing = False
        return True

    def _show_current(self, current_id: str | None) -> None:
        is_another = current_id != self._shown_id
        self._shown_id = current_id
        if is_another:
            self._model.reveal(current_id)
        self._select_shown(moving=is_another or not self._model.heading_at(self._view.currentIndex()))

    def set_busy(self, conversation_id: str | None) -> None:
        """Marks the conversation whose reply is being written; None marks none."""
        self._model.show_busy(conversation_id)

    def show_hits(self, text: str, found: Found) -> None:
        """Shows where `text` was found so far, unless something else is looked for by now."""
        if text == self._asked and text:
            self._search_view().show_hits(found.hits, is_complete=found.is_complete)
            self._answered = text if found.hits or found.is_complete else ""
            self._show_search(True)
            if self._opens_first:
                self._on_box_return_pressed()

    def show_search_failure(self, text: str, error: AppError) -> None:
        """Looking for `text` did not work."""
        if text == self._asked and text:
            self._search_view().show_failure(error)
            self._show_search(True)

    def focus_search(self) -> None:
        """Goes to the box one types in what to look for."""
        self._box.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self._box.selectAll()

    # Searching

    def _search_view(self) -> ConversationSearchView:
        if self._hits is None:
            # Imported here: a start of the app does not wait for it.
            from app.ui.conversation_search_view import ConversationSearchView  # noqa: PLC0415

            self._hits = ConversationSearchView()
            self._hits.hide()
            self._hits.hit_chosen.connect(self.hit_chosen)
            self._layout.insertWidget(self._layout.indexOf(self._view), self._hits, 1)
            QWidget.setTabOrder(self._box, self._hits.view)
        return self._hits

    def _is_searching(self) -> bool:
        return self._hits is not None and self._hits.isVisibleTo(self)

    def _show_search(self, shown: bool) -> None:
        """Shows the hits in place of the list, or the list again."""
        if shown != self._is_searching():
            had_focus = self._hits is not None and self._hits.view.hasFocus()
            self._search_view().setVisible(shown)
            self._view.setVisible(not shown)
            if had_focus:
                self._view.setFocus()

    def _on_box_text_changed(self) -> None:
        text = " ".join(self._box.text().split())
        if text == self._asked:
            return
        self._asked = text
        self._opens_first = False
        if text:
            self.search_requested.emit(text)
        else:
            self._show_search(False)

    def _on_box_return_pressed(self) -> None:
        self._opens_first = self._answered != self._asked
        if self._is_searching() and not self._opens_first:
            self._search_view().choose()

    def event(self, event: QEvent) -> bool:
        return (self._ends_search(event) and claim_escape(event)) or super().event(event)

    def _ends_search(self, event: QEvent) -> bool:
        return is_escape(event) and (self._box.hasFocus() or self._is_searching())

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        if self._ends_search(event):
            self._box.clear()
            self.setFocus()
        elif event.key() == Qt.Key.Key_Down and self._box.hasFocus():
            if self._is_searching():
                self._search_view().enter()
            else:
                self._view.setFocus()
        else:
            super().keyPressEvent(event)

    def focusInEvent(self, event: QFocusEvent) -> None:  # noqa: N802
        # A focus proxy would do the same, but Tab on its way in would skip what comes before it.
        (self._search_view().view if self._is_searching() else self._view).setFocus(event.reason())

    # The list

    def _select_shown(self, *, moving: bool) -> None:
        """Selects the open conversation. Not `moving`, the row that keys act on stays where it is."""
        place = QModelIndex() if moving else self._view.currentIndex()
        index = self._model.index(self._model.row_of(self._shown_id))
        selection = self._view.selectionModel()
        if moving and index != self._view.currentIndex():
            self._view.setCurrentIndex(index)
        if index.isValid() and not selection.isSelected(index):
            selection.select(index, QItemSelectionModel.SelectionFlag.ClearAndSelect)
        if not moving:
            selection.setCurrentIndex(place, QItemSelectionModel.SelectionFlag.NoUpdate)

    def _on_view_current_changed(self, current: QModelIndex, previous: QModelIndex) -> None:
        conversation = self._model.conversation_at(current)
        if conversation is not None and not self._changing:
            self.selected.emit(conversation.id)

    def _on_view_open_requested(self, index: QModelIndex, is_open: bool) -> None:
        self._changing = True
        self._model.set_open(index.row(), is_open)
        self._select_shown(moving=False)
        self._changing = False

    def _on_view_folder_pressed(self, conversation: Conversation, place: QPoint) -> None:
        menu = FolderMenu(conversation, self._model.folders(), self._view)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.folder_requested.connect(partial(self.folder_requested.emit, conversation.id))
        menu.new_folder_requested.connect(partial(self._ask_for_folder, conversation.id))
        menu.popup(place)

    def _on_view_menu_requested(self, conversation: Conversation, place: QPoint) -> None:
        menu = ConversationMenu(conversation, self._model.folders(), self._view)
        id_ = conversation.id
        menu.rename_requested.connect(partial(self._rename, id_))
        menu.pin_requested.connect(partial(self.pin_requested.emit, id_))
        menu.folder_requested.connect(partial(self.folder_requested.emit, id_))
        menu.new_folder_requested.connect(partial(self._ask_for_folder, id_))
        menu.archive_requested.connect(partial(self.archive_requested.emit, id_))
        menu.delete_requested.connect(partial(self.delete_requested.emit, id_))
        menu.popup(place)

    def _ask_for_folder(self, conversation_id: str) -> None:
        ask_for_folder(self, partial(self.folder_requested.emit, conversation_id))

    def _rename(self, conversation_id: str) -> None:
        row = self._model.row_of(conversation_id)  # the rows may have changed while the menu was open
        if row >= 0:
            self._view.edit(self._model.index(row))
