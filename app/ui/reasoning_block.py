"""The reasoning before a reply, folded into one line until one wants to read it."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QColor, QKeyEvent, QPainter, QPaintEvent, QPalette
from PySide6.QtWidgets import QHBoxLayout, QLabel, QSizePolicy, QVBoxLayout, QWidget

from app.ui.fold import FoldButton
from app.ui.theme import colours

_LONGEST_LINE = 300  # characters, far more than there is room for


class ReasoningBlock(QWidget):
    """A line that opens, and while reasoning is being written the last words of it beside it."""

    folded = Signal()  # or unfolded: it has another height

    def __init__(self, content: QWidget, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("reasoning")
        self.content = content
        content.setObjectName("reasoning_text")
        content.setAccessibleName("Reasoning text")
        self.button = _Line(content, self)
        self.button.setObjectName("reasoning_line")
        self.button.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self.button.clicked.connect(self._on_button_clicked)
        self._last_words = _Elided(self)
        line = QHBoxLayout()
        line.addWidget(self.button)
        line.addWidget(self._last_words, 1)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, self.fontMetrics().height() * 3 // 4)
        self._column.setSpacing(self.fontMetrics().height() // 4)
        self._column.addLayout(line)
        self._indented = QHBoxLayout()
        self._indented.setContentsMargins(self.fontMetrics().height(), 0, 0, 0)
        self._indented.addWidget(content)
        self._column.addLayout(self._indented)

    def show_thinking(self, last_line: str) -> None:
        """It is being written."""
        self.button.setText(self.tr("Thinking…"))
        self._last_words.set_words(last_line[:_LONGEST_LINE])

    def show_thought(self, seconds: float) -> None:
        """It took so long; 0 if that is not known."""
        self.button.setText(self.tr("Thought for {0}").format(_duration(seconds)) if seconds else self.tr("Reasoning"))
        self._last_words.set_words("")

    def is_open(self) -> bool:
        """Whether all of it is shown."""
        return self.button.is_open()

    def follow(self, palette: QPalette) -> None:
        """Takes on the colours that go with `palette`: those of what matters less."""
        grey = QPalette(palette)
        for role in (QPalette.ColorRole.Text, QPalette.ColorRole.WindowText, QPalette.ColorRole.ButtonText):
            grey.setColor(role, QColor(colours(palette).secondary))
        self.setPalette(grey)

    def height_for(self, width: int) -> int:
        """In pixels."""
        self._indented.invalidate()  # each remembers what it knew
        self._column.invalidate()
        known = self._column.hasHeightForWidth()
        return self._column.heightForWidth(width) if known else self._column.sizeHint().height()

    def tab_chain(self) -> list[QWidget]:
        """What one gets to with the tab key, in reading order."""
        return [self.button, self.content] if self.is_open() else [self.button]

    def paintEvent(self, _event: QPaintEvent) -> None:  # noqa: N802
        """A bar beside the text, as beside a quote."""
        if self.is_open():
            em = self.fontMetrics().height()
            area = self.content.geometry()
            bar = area.adjusted(-em * 2 // 3, 0, 0, 0)
            bar.setWidth(max(2, em // 7))
            QPainter(self).fillRect(bar, QColor(colours(self.palette()).border))

    def _on_button_clicked(self) -> None:
        self.folded.emit()


class _Line(FoldButton):
    """Opens by Enter too."""

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.click()
        else:
            super().keyPressEvent(event)


class _Elided(QLabel):
    """As much of the end of a line as there is room for."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setObjectName("last_words")
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)

    def set_words(self, words: str) -> None:
        self.setText(words)

    def paintEvent(self, _event: QPaintEvent) -> None:  # noqa: N802
        painter = QPainter(self)
        painter.setPen(self.palette().color(QPalette.ColorRole.WindowText))
        shown = self.fontMetrics().elidedText(self.text(), Qt.TextElideMode.ElideLeft, self.width())
        painter.drawText(self.rect(), int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft), shown)


def _duration(seconds: float) -> str:
    whole = max(1, round(seconds))
    return f"{whole} s" if whole < 60 else f"{whole // 60} min {whole % 60} s"
