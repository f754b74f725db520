"""Where something was found: conversations by their titles, and messages with the words around."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QAbstractListModel, QModelIndex, QPointF, QRect, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QFont,
    QFontMetrics,
    QKeyEvent,
    QPainter,
    QPalette,
    QTextCharFormat,
    QTextLayout,
    QTextOption,
)
from PySide6.QtWidgets import (
    QAbstractItemView,
    QLabel,
    QListView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

from app.core.conversation_search import Hit
from app.core.errors import AppError
from app.ui import accessibility
from app.ui.accessibility import follow_selection
from app.ui.messages import failure_words
from app.ui.moments import moment_in_words
from app.ui.painted_text import draw_line, text_colours
from app.ui.two_line_delegate import Index

HITS_SHOWN = 100  # how many are looked for

_HIT_ROLE = int(Qt.ItemDataRole.UserRole) + 1
_ENTER = (Qt.Key.Key_Return, Qt.Key.Key_Enter)
_LINES = 2  # of the words around what was found
_ROOT = QModelIndex()


class ConversationSearchView(QWidget):
    """A line that says how much was found, and the list of it. A click or Enter chooses a hit."""

    hit_chosen = Signal(str, str, str)  # conversation, message (empty: its title), the text that was found

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("conversation_search")
        self._state = QLabel(wordWrap=True)
        self._state.setObjectName("search_state")
        self._state.setTextFormat(Qt.TextFormat.PlainText)
        self._state.setForegroundRole(QPalette.ColorRole.PlaceholderText)
        self._model = _HitModel(self)
        self.view = _HitList(self._model)
        self.view.chosen.connect(self._on_view_chosen)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._state)
        layout.addWidget(self.view, 1)

    def show_hits(self, hits: Sequence[Hit], *, is_complete: bool = True) -> None:
        """Shows `hits` in their order. If they are but more of what is shown, one stays where one is."""
        if not self._model.add(hits):
            self._model.show(hits)
            self.view.scrollToTop()
        self._say(self._found_in_words(len(hits)) if is_complete else self._found_so_far_in_words(len(hits)))

    def show_failure(self, error: AppError) -> None:
        """The search did not work."""
        self._model.show([])
        self._say("\n".join(part for part in failure_words(error) if part))

    def enter(self) -> None:
        """Goes into the list, to the hit one was at or the first."""
        if not self.view.currentIndex().isValid():
            self.view.setCurrentIndex(self._model.index(0))
        if self._model.hits:
            self.view.setFocus()

    def choose(self) -> None:
        """Chooses the hit one was at, or the first."""
        if self._model.hits:
            index = self.view.currentIndex()
            self._on_view_chosen(index if index.isValid() else self._model.index(0))

    def _found_in_words(self, count: int) -> str:
        if count == 0:
            return self.tr("Nothing found")
        return (
            self.tr("The first {0} found").format(count) if count >= HITS_SHOWN else self.tr("Found: {0}").format(count)
        )

    def _found_so_far_in_words(self, count: int) -> str:
        if count == 0:
            return self.tr("Searching older messages…")
        return self.tr("Found so far: {0}. Searching older messages…").format(count)

    def _say(self, text: str) -> None:
        if text != self._state.text():
            self._state.setText(text)
            accessibility.announce(self, text)

    def _on_view_chosen(self, index: QModelIndex) -> None:
        hit = self._model.hits[index.row()]
        self.hit_chosen.emit(hit.conversation_id, hit.message_id or "", hit.match)


class _HitModel(QAbstractListModel):
    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.hits: Sequence[Hit] = []

    def add(self, hits: Sequence[Hit]) -> bool:
        """Shows `hits`, if they begin with those there are. Whether they do."""
        count = len(self.hits)
        if not count or hits[:count] != self.hits:
            return False
        if len(hits) > count:
            self.beginInsertRows(_ROOT, count, len(hits) - 1)
            self.hits = hits
            self.endInsertRows()
        return True

    def show(self, hits: Sequence[Hit]) -> None:
        self.beginResetModel()
        self.hits = hits
        self.endResetModel()

    def rowCount(self, parent: Index = _ROOT) -> int:  # noqa: N802
        return 0 if parent.isValid() else len(self.hits)

    def data(self, index: Index, role: int = int(Qt.ItemDataRole.DisplayRole)) -> object:
        hit = self.hits[index.row()]
        if role == _HIT_ROLE:
            return hit
        if role == Qt.ItemDataRole.DisplayRole:
            return hit.title or self.tr("New conversation")
        if role == Qt.ItemDataRole.AccessibleTextRole:
            around = moment_in_words(hit.used_at) if hit.message_id is None else _text_of(hit)
            return f"{self.data(index)}: {around}"
        return None


class _HitList(QListView):
    chosen = Signal(QModelIndex)

    def __init__(self, model: _HitModel) -> None:
        super().__init__()
        self.setModel(model)
        self.setObjectName("hits")
        self.setAccessibleName("Found conversations")
        self.setItemDelegate(_HitDelegate(self))
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.clicked.connect(self.chosen)
        follow_selection(self)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        if event.key() not in _ENTER:
            super().keyPressEvent(event)
        elif self.currentIndex().isValid() and not event.isAutoRepeat():
            self.chosen.emit(self.currentIndex())


# --- how they look -------------------------------------------------------------------------------------------------


class _HitDelegate(QStyledItemDelegate):
    """A title over a moment, or over the words around what was found in a message."""

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:  # noqa: N802
        line = QFontMetrics(option.font).lineSpacing()
        lines = 2 if _hit_at(index).message_id is None else 1 + _LINES
        return QSize(line * 6, line * lines + _margin(line) * 3)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        self.initStyleOption(option, index)
        title, option.text = option.text, ""
        option.widget.style().drawControl(QStyle.ControlElement.CE_ItemViewItem, option, painter, option.widget)
        hit, height = _hit_at(index), option.fontMetrics.lineSpacing()
        margin = _margin(height)
        first = option.rect.adjusted(margin * 2, margin, -margin * 2, 0)
        first.setHeight(height)
        second = first.translated(0, height + margin)
        text, muted = text_colours(option)
        painter.save()
        painter.setPen(text)
        if hit.message_id is None:
            _draw_words(painter, first, option.font, hit, (text, text), 1)
            painter.setPen(muted)
            draw_line(painter, second, moment_in_words(hit.used_at), option.font)
        else:
            draw_line(painter, first, title, option.font)
            _draw_words(painter, second, option.font, hit, (muted, text), _LINES)
        painter.restore()


def _hit_at(index: Index) -> Hit:
    hit = index.data(_HIT_ROLE)
    assert isinstance(hit, Hit)
    return hit


def _margin(line: int) -> int:
    return max(2, line // 5)


def _text_of(hit: Hit) -> str:
    return hit.before + hit.match + hit.after


def _draw_words(
    painter: QPainter, line: QRect, font: QFont, hit: Hit, colours: tuple[QColor, QColor], lines: int
) -> None:
    """Draws so many lines of the words around the match, from `line` on, in `colours`: theirs and that of the match.

    Of what stands before no more than half a line is kept: the match has to be in sight.
    """
    before = QFontMetrics(font).elidedText(hit.before, Qt.TextElideMode.ElideLeft, line.width() // 2)
    text = before + hit.match + hit.after
    formats = [_format(0, len(text), colours[0]), _format(len(before), len(hit.match), colours[1], QFont.Weight.Bold)]
    laid_out = _lay_out(text, formats, font, line.width(), lines)
    end = _end_of(laid_out)
    while _end_of(laid_out) < len(laid_out.text()):
        end -= 1
        laid_out = _lay_out(text[:end].rstrip() + "…", formats, font, line.width(), lines)
    laid_out.draw(painter, QPointF(line.topLeft()))


def _lay_out(text: str, formats: Sequence[QTextLayout.FormatRange], font: QFont, width: int, lines: int) -> QTextLayout:
    made = QTextLayout(text, font)
    option = QTextOption()
    option.setWrapMode(QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere)
    made.setTextOption(option)
    made.setFormats(formats)
    made.beginLayout()
    for number in range(lines):
        line = made.createLine()
        if line.isValid():
            line.setLineWidth(width)
            line.setPosition(QPointF(0, number * QFontMetrics(font).lineSpacing()))
    made.endLayout()
    return made


def _end_of(laid_out: QTextLayout) -> int:
    """How much of the text there was room for."""
    last = laid_out.lineAt(laid_out.lineCount() - 1)
    return last.textStart() + last.textLength()


def _format(start: int, length: int, colour: QColor, weight: int = QFont.Weight.Normal) -> QTextLayout.FormatRange:
    made = QTextLayout.FormatRange()
    made.start, made.length = start, length
    characters = QTextCharFormat()
    characters.setForeground(colour)
    characters.setFontWeight(weight)
    made.format = characters
    return made
