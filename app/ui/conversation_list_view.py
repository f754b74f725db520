"""The list of conversations as it looks, and the keys that act on its current row."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import (
    QEvent,
    QItemSelectionModel,
    QKeyCombination,
    QModelIndex,
    QPoint,
    QPointF,
    QRect,
    Qt,
    Signal,
)
from PySide6.QtGui import QColor, QContextMenuEvent, QKeyEvent, QKeySequence, QPainter, QPalette, QPen, QPolygonF
from PySide6.QtWidgets import QAbstractItemView, QLineEdit, QListView, QStyle, QStyleOptionViewItem, QWidget

from app.ui.conversation_menu import ARCHIVE_KEYS, DELETE_KEYS, FOLDER_KEYS, PIN_KEYS
from app.ui.conversation_model import HEADING_ROLE, ConversationModel, Heading
from app.ui.painted_text import bold, draw_line
from app.ui.two_line_delegate import Index, TwoLineDelegate

_TOGGLES = (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space)
_ARROWS = {Qt.Key.Key_Right: True, Qt.Key.Key_Left: False}


class ConversationListView(QListView):
    """Selected is the conversation that is open. Keys walk over headings too, which leaves the selection alone."""

    delete_pressed = Signal(str)
    pin_pressed = Signal(str, bool)
    archive_pressed = Signal(str, bool)
    folder_pressed = Signal(object, object)  # Conversation, QPoint on the screen
    menu_requested = Signal(object, object)  # Conversation, QPoint on the screen
    open_requested = Signal(QModelIndex, bool)  # a heading; whether its group is to be open

    def __init__(self, model: ConversationModel) -> None:
        super().__init__()
        self._model = model
        self.setModel(model)
        self.setObjectName("conversations")
        self.setAccessibleName("Conversations")
        self.setItemDelegate(_RowDelegate(self))
        self.setUniformItemSizes(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setEditTriggers(QAbstractItemView.EditTrigger.EditKeyPressed | QAbstractItemView.EditTrigger.DoubleClicked)
        self.clicked.connect(self._toggle)

    def dataChanged(self, first: Index, last: Index, roles: Sequence[int] = ()) -> None:  # noqa: N802
        # QListView's own would lay out all rows anew, for one that says something else. They stay as high as they are.
        QAbstractItemView.dataChanged(self, first, last, roles)

    def selectionCommand(  # noqa: N802
        self, index: Index, event: QEvent | None = None
    ) -> QItemSelectionModel.SelectionFlag:
        if self._model.heading_at(index):
            return QItemSelectionModel.SelectionFlag.NoUpdate
        return super().selectionCommand(index, event)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        # Only a key pressed anew: one held down would empty the list. Never one that an open editor let through.
        is_ours = self.hasFocus() and self.state() != QAbstractItemView.State.EditingState
        if not is_ours or not self._act(event):
            super().keyPressEvent(event)

    def _act(self, event: QKeyEvent) -> bool:
        """Does what the key is for in the current row; False if it is for nothing there."""
        conversation = self._model.conversation_at(self.currentIndex())
        if conversation is None:
            return self._act_on_heading(event)
        acts = {
            DELETE_KEYS: lambda: self.delete_pressed.emit(conversation.id),
            PIN_KEYS: lambda: self.pin_pressed.emit(conversation.id, not conversation.pinned),
            ARCHIVE_KEYS: lambda: self.archive_pressed.emit(conversation.id, not conversation.archived),
            FOLDER_KEYS: lambda: self.folder_pressed.emit(conversation, self._place(self.currentIndex())),
        }
        act = acts.get(_keys(event))
        if act and not event.isAutoRepeat():
            act()
        return act is not None

    def _act_on_heading(self, event: QKeyEvent) -> bool:
        index = self.currentIndex()
        heading = self._model.heading_at(index)
        if heading is None or event.key() not in (*_TOGGLES, *_ARROWS):
            return False
        wanted = _ARROWS.get(Qt.Key(event.key()), not heading.is_open)
        if wanted != heading.is_open and not event.isAutoRepeat():
            self.open_requested.emit(index, wanted)
        return True

    def _toggle(self, index: QModelIndex) -> None:
        if heading := self._model.heading_at(index):
            self.open_requested.emit(index, not heading.is_open)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:  # noqa: N802
        by_key = event.reason() == QContextMenuEvent.Reason.Keyboard
        index = self.currentIndex() if by_key else self.indexAt(event.pos())
        conversation = self._model.conversation_at(index)
        if conversation is not None:
            self.menu_requested.emit(conversation, self._place(index) if by_key else event.globalPos())

    def _place(self, index: QModelIndex) -> QPoint:
        """Where on the screen the row is."""
        return self.viewport().mapToGlobal(self.visualRect(index).center())


def _keys(event: QKeyEvent) -> str:
    """The keys as `conversation_menu` names them; those of the number pad are like the others."""
    modifiers = event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier
    return QKeySequence(QKeyCombination(modifiers, Qt.Key(event.key()))).toString()


class _RowDelegate(TwoLineDelegate):
    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        heading = index.data(HEADING_ROLE)
        if isinstance(heading, Heading):
            _draw_heading(painter, option, heading)
        else:
            super().paint(painter, option, index)

    def createEditor(self, parent: QWidget, option: QStyleOptionViewItem, index: Index) -> QWidget:  # noqa: N802
        editor = QLineEdit(parent)
        editor.setObjectName("conversation_title")
        editor.setAccessibleName("Conversation title")
        editor.setPlaceholderText(str(index.data()))
        return editor

    def setEditorData(self, editor: QWidget, index: Index) -> None:  # noqa: N802
        # Also comes when the row changes meanwhile, as that of a conversation in which a reply is written.
        if isinstance(editor, QLineEdit) and not editor.isModified():
            super().setEditorData(editor, index)

    def updateEditorGeometry(self, editor: QWidget, option: QStyleOptionViewItem, index: Index) -> None:  # noqa: N802
        line = self.first_line(option)
        line.setHeight(max(line.height(), editor.sizeHint().height()))
        editor.setGeometry(line)


def _draw_heading(painter: QPainter, option: QStyleOptionViewItem, heading: Heading) -> None:
    """At the bottom of its row, so that there is room above the group; framed while keys act on it."""
    height = option.fontMetrics.lineSpacing()
    margin = max(2, height // 5)
    line = option.rect.adjusted(margin * 2, 0, -margin * 2, -margin)
    line.setTop(line.bottom() - height)
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    if option.state & QStyle.StateFlag.State_HasFocus:
        painter.setPen(QPen(option.palette.color(QPalette.ColorRole.Accent), 1.5))
        painter.drawRoundedRect(line.adjusted(-margin, -margin // 2, margin, margin // 2), margin, margin)
    colour = option.palette.color(QPalette.ColorRole.PlaceholderText)
    _draw_arrow(painter, line, colour, is_open=heading.is_open)
    painter.setPen(colour)
    draw_line(painter, line.adjusted(height, 0, 0, 0), heading.text, bold(option.font))
    painter.restore()


def _draw_arrow(painter: QPainter, line: QRect, colour: QColor, *, is_open: bool) -> None:
    """At the beginning of `line`: down if the group is open, to the right if not."""
    side = line.height() * 0.22
    middle = QPointF(line.left() + line.height() * 0.4, line.center().y() + 0.5)
    corners = [(-1.0, -0.6), (1.0, -0.6), (0.0, 0.8)] if is_open else [(-0.6, -1.0), (-0.6, 1.0), (0.8, 0.0)]
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(colour)
    painter.drawPolygon(QPolygonF([middle + QPointF(x, y) * side for x, y in corners]))
