"""The bar that finds a text in the conversation that is shown."""

from __future__ import annotations

from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtGui import QKeyEvent, QPalette, QResizeEvent
from PySide6.QtWidgets import QBoxLayout, QHBoxLayout, QLabel, QLineEdit, QPushButton, QWidget

from app.ui import accessibility
from app.ui.keys import claim_escape, is_escape

_NARROW = 75  # average characters


class FindBar(QWidget):
    """Enter and Shift+Enter go to the next and the previous hit, Esc closes."""

    text_changed = Signal(str)
    step_requested = Signal(int)  # -1 or 1
    close_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("find_bar")
        self._box = QLineEdit(clearButtonEnabled=True)
        self._box.setObjectName("find_in_this_conversation")
        self._box.setAccessibleName("Find in this conversation")
        self._box.setPlaceholderText(self.tr("Find in this conversation"))
        self._box.textChanged.connect(self.text_changed)
        self._words = QLabel()
        self._words.setObjectName("hits")
        self._words.setTextFormat(Qt.TextFormat.PlainText)
        self._words.setForegroundRole(QPalette.ColorRole.PlaceholderText)
        self._previous = self._button("previous_hit", self.tr("Previous"), "Previous hit")
        self._next = self._button("next_hit", self.tr("Next"), "Next hit")
        self._close = self._button("close_find", self.tr("Close"), "Close find")
        self._previous.clicked.connect(lambda: self.step_requested.emit(-1))
        self._next.clicked.connect(lambda: self.step_requested.emit(1))
        self._close.clicked.connect(self.close_requested)
        self._line = QBoxLayout(QBoxLayout.Direction.LeftToRight, self)
        self._line.addWidget(self._box, 1)
        row = QHBoxLayout()
        row.addWidget(self._words, 1)
        for button in (self._previous, self._next, self._close):
            row.addWidget(button)
        self._line.addLayout(row)
        self.setFocusProxy(self._box)
        self.hide()

    def _button(self, name: str, text: str, accessible_name: str) -> QPushButton:
        button = QPushButton(text)
        button.setObjectName(name)
        button.setAccessibleName(accessible_name)
        button.setAutoDefault(False)
        return button

    def text(self) -> str:
        return self._box.text()

    def set_text(self, text: str) -> None:
        """What to find; emits `text_changed`, if it is another one."""
        self._box.setText(text)

    def begin(self) -> None:
        """Shows the bar, to be typed into."""
        self.show()
        self._box.setFocus()
        self._box.selectAll()

    def show_place(self, place: int, count: int) -> None:
        """Which of the hits one is at, counted from 1."""
        words = self.tr("{0} of {1}").format(place, count) if count else self.tr("Not found")
        if not self._box.text():
            words = ""
        for button in (self._previous, self._next):
            button.setEnabled(count > 0)
        if words != self._words.text():
            self._words.setText(words)
            accessibility.announce(self._box, words)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        """The box has a line of its own where it would have little room on that of the buttons."""
        super().resizeEvent(event)
        is_narrow = self.width() < self.fontMetrics().averageCharWidth() * _NARROW
        directions = QBoxLayout.Direction
        self._line.setDirection(directions.TopToBottom if is_narrow else directions.LeftToRight)

    def event(self, event: QEvent) -> bool:
        return claim_escape(event) or super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        if is_escape(event):
            self.close_requested.emit()
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.step_requested.emit(-1 if event.modifiers() & Qt.KeyboardModifier.ShiftModifier else 1)
        else:
            super().keyPressEvent(event)
