"""The conversations that were deleted: each can be brought back, or deleted for good."""

from __future__ import annotations

import time
from collections.abc import Sequence

from PySide6.QtCore import QAbstractListModel, QModelIndex, QObject, QSize, Qt, Signal
from PySide6.QtGui import QKeyEvent, QPalette
from PySide6.QtWidgets import (
    QAbstractItemView,
    QDialog,
    QHBoxLayout,
    QLabel,
    QListView,
    QMessageBox,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from app.core.conversation import Conversation
from app.ui.accessibility import follow_selection
from app.ui.moments import moment_in_words
from app.ui.two_line_delegate import SECOND_LINE_ROLE, Index, TwoLineDelegate

KEPT_DAYS = 30  # after that a deleted conversation may go for good

_DAY = 24 * 60 * 60  # seconds
_ROOT = QModelIndex()


class TrashView(QDialog):
    """Emits what is to be done with the conversation that is chosen. Nothing goes for good without a question."""

    restore_requested = Signal(str)
    purge_requested = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("trash_view")
        self.setWindowTitle(self.tr("Trash"))
        self._model = _TrashModel(self)
        self._view = _TrashList(self._model)
        self._view.delete_pressed.connect(self._on_purge_clicked)
        self._about = QLabel(wordWrap=True)
        self._about.setObjectName("about_trash")
        self._about.setTextFormat(Qt.TextFormat.PlainText)
        self._about.setForegroundRole(QPalette.ColorRole.PlaceholderText)
        self._restore = _button("Restore", self.tr("Restore"))
        self._restore.clicked.connect(self._on_restore_clicked)
        self._purge = _button("Delete for good", self.tr("Delete for good"))
        self._purge.clicked.connect(self._on_purge_clicked)
        self._close = _button("Close", self.tr("Close"))
        self._close.clicked.connect(self.reject)
        self._lay_out()
        self.set_conversations([])

    def _lay_out(self) -> None:
        row = QHBoxLayout()
        row.addWidget(self._restore)
        row.addWidget(self._purge)
        row.addStretch(1)
        row.addWidget(self._close)
        layout = QVBoxLayout(self)
        layout.addWidget(self._about)
        layout.addWidget(self._view, 1)
        layout.addLayout(row)
        unit = self.fontMetrics().averageCharWidth()
        self.resize(QSize(unit * 70, unit * 60).boundedTo(self.screen().availableSize() * 0.9))

    def set_conversations(self, conversations: Sequence[Conversation]) -> None:
        """What is in the trash, in this order. The place one was at stays."""
        row = max(0, self._view.currentIndex().row())
        self._model.show(conversations)
        self._view.setCurrentIndex(self._model.index(min(row, len(conversations) - 1)))
        self._about.setText(self._about_in_words(bool(conversations)))
        for button in (self._restore, self._purge):
            if button.hasFocus() and not conversations:
                self._close.setFocus()  # else the focus would go anywhere
            button.setEnabled(bool(conversations))

    def _about_in_words(self, has_any: bool) -> str:
        if not has_any:
            return self.tr("The trash is empty. Conversations you delete can be brought back from here.")
        return self.tr("Deleted conversations are kept for {0} days. Restore brings one back whole.").format(KEPT_DAYS)

    def _chosen(self) -> Conversation | None:
        index = self._view.currentIndex()
        return self._model.conversations[index.row()] if index.isValid() else None

    def _on_restore_clicked(self) -> None:
        if chosen := self._chosen():
            self.restore_requested.emit(chosen.id)

    def _on_purge_clicked(self) -> None:
        chosen = self._chosen()
        if chosen is None:
            return
        chosen_id = chosen.id
        question = self.tr("Delete “{0}” for good? This cannot be undone.").format(self._model.title_of(chosen))
        box = QMessageBox(self)
        box.setObjectName("delete_for_good_question")
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        box.setWindowTitle(self.tr("Delete for good?"))
        box.setTextFormat(Qt.TextFormat.PlainText)
        box.setText(question)
        box.addButton(self.tr("Delete for good"), QMessageBox.ButtonRole.AcceptRole)
        box.setDefaultButton(box.addButton(QMessageBox.StandardButton.Cancel))
        box.accepted.connect(lambda: self.purge_requested.emit(chosen_id))
        box.open()


def _button(name: str, text: str) -> QPushButton:
    button = QPushButton(text)
    button.setObjectName(name.lower().replace(" ", "_"))
    button.setAccessibleName(name)
    button.setAutoDefault(False)  # Enter in the list does nothing by surprise
    return button


class _TrashModel(QAbstractListModel):
    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self.conversations: Sequence[Conversation] = []

    def show(self, conversations: Sequence[Conversation]) -> None:
        self.beginResetModel()
        self.conversations = conversations
        self.endResetModel()

    def title_of(self, conversation: Conversation) -> str:
        return conversation.title or self.tr("New conversation")

    def rowCount(self, parent: Index = _ROOT) -> int:  # noqa: N802
        return 0 if parent.isValid() else len(self.conversations)

    def data(self, index: Index, role: int = int(Qt.ItemDataRole.DisplayRole)) -> object:
        conversation = self.conversations[index.row()]
        title = self.title_of(conversation)
        if role == Qt.ItemDataRole.DisplayRole:
            return title
        if role == SECOND_LINE_ROLE:
            return self._fate_of(conversation)
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return f"{title}, {self._fate_of(conversation)}"
        return None

    def _fate_of(self, conversation: Conversation) -> str:
        """When it was deleted, and how long it is kept."""
        deleted_at = conversation.deleted_at or 0.0
        left = KEPT_DAYS - int((time.time() - deleted_at) // _DAY)
        kept = self.tr("kept for {0} more days").format(left) if left > 1 else self.tr("kept for one more day")
        return ", ".join([self.tr("deleted {0}").format(moment_in_words(deleted_at)), kept])


class _TrashList(QListView):
    delete_pressed = Signal()

    def __init__(self, model: _TrashModel) -> None:
        super().__init__()
        self.setModel(model)
        self.setObjectName("deleted_conversations")
        self.setAccessibleName("Deleted conversations")
        self.setItemDelegate(TwoLineDelegate(self))
        self.setUniformItemSizes(True)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        follow_selection(self)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        if event.key() != Qt.Key.Key_Delete:
            super().keyPressEvent(event)
        elif not event.isAutoRepeat():
            self.delete_pressed.emit()
