"""What the context meter opens: every part of the context in words, and what the model may forget."""

from __future__ import annotations

from PySide6.QtCore import QPoint, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QAccessible, QColor, QPainter, QPaintEvent, QPalette, QPen
from PySide6.QtWidgets import QFrame, QLabel, QRadioButton, QVBoxLayout, QWidget

from app.core.units import format_count
from app.ui.accessibility import describe
from app.ui.context_bar import Part
from app.ui.theme import colours

NAMES = {
    Part.SYSTEM: "System prompt",
    Part.HISTORY: "Messages so far",
    Part.PINNED: "Messages that stay",
    Part.NEXT: "Next message",
    Part.RESERVE: "Kept for the reply",
    Part.FREE: "Free",
}
_POLICIES = {
    "oldest": ("Drop the oldest", "The model forgets the beginning first. Pinned messages stay."),
    "middle": ("Keep the first and the newest", "How the conversation began stays, what lies between goes."),
    "ask": ("Stop and ask", "A message that needs more room is not sent. You choose what to do."),
}


class ContextDetails(QFrame):
    """Shown over the window until one clicks elsewhere or presses Escape."""

    policy_chosen = Signal(str)

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent, Qt.WindowType.Popup)
        self.setObjectName("context_details")
        self.setAccessibleName("Context details")
        self.setFrameShape(QFrame.Shape.StyledPanel)
        self.setAutoFillBackground(True)
        self.setBackgroundRole(QPalette.ColorRole.Base)
        describe(_Row, QAccessible.Role.StaticText, QWidget.accessibleName)
        self._said = _paragraph()
        self._said.setObjectName("context_said")
        self._rows = {part: _Row(part, self.tr(name)) for part, name in NAMES.items()}
        self._choices = {policy: self._choice(policy, *words) for policy, words in _POLICIES.items()}
        self._layout = QVBoxLayout(self)
        self._lay_out()

    def _choice(self, policy: str, label: str, explanation: str) -> QRadioButton:
        choice = QRadioButton(self.tr(label))
        choice.setObjectName(label.lower().replace(" ", "_"))
        choice.setAccessibleName(label)
        choice.setAccessibleDescription(self.tr(explanation))
        choice.clicked.connect(lambda: self.policy_chosen.emit(policy))
        return choice

    def _lay_out(self) -> None:
        em = self.fontMetrics().height()
        layout = self._layout
        layout.setContentsMargins(em, em * 3 // 4, em, em * 3 // 4)
        layout.setSpacing(em // 4)
        layout.addWidget(self._said)
        for row in self._rows.values():
            layout.addWidget(row)
        heading = _paragraph(self.tr("When the conversation gets longer than the context"))
        heading.setContentsMargins(0, em * 2 // 3, 0, 0)
        layout.addWidget(heading)
        for policy, choice in self._choices.items():
            explanation = _paragraph(self.tr(_POLICIES[policy][1]))
            explanation.setForegroundRole(QPalette.ColorRole.PlaceholderText)
            explanation.setIndent(em * 3 // 2)
            layout.addWidget(choice)
            layout.addWidget(explanation)

    def show_parts(self, said: str, sizes: dict[Part, int]) -> None:
        """Shows the sizes in tokens, below a sentence; parts that are not there are left out."""
        self._said.setText(said)
        for part, row in self._rows.items():
            row.setVisible(part in sizes and (part is not Part.PINNED or sizes[part] > 0))
            row.show_size(sizes.get(part, 0))
        words = [row.accessibleName() for row in self._rows.values() if not row.isHidden()]
        self.setAccessibleDescription(f"{said} {', '.join(words)}".strip())
        if self.isVisible():
            self._fit()

    def set_policy(self, policy: str) -> None:
        """Checks that choice; what is no policy is shown as the one that is used then, the first."""
        self._choices.get(policy, self._choices["oldest"]).setChecked(True)

    def open_above(self, widget: QWidget) -> None:
        """Shows itself where `widget` is, on the screen as a whole, and takes the focus."""
        self._fit()
        corner = widget.mapToGlobal(QPoint(widget.width() - self.width(), -self.height()))
        room = widget.screen().availableGeometry()
        self.move(max(room.left(), corner.x()), max(room.top(), corner.y()))
        self.show()
        chosen = next(choice for choice in self._choices.values() if choice.isChecked())
        chosen.setFocus(Qt.FocusReason.PopupFocusReason)

    def _fit(self) -> None:
        width = self.fontMetrics().averageCharWidth() * 52
        self.setFixedSize(width, self._layout.totalHeightForWidth(width))


class _Row(QWidget):
    """A colour, what it stands for, and how many tokens that takes."""

    def __init__(self, part: Part, name: str) -> None:
        super().__init__()
        self._part = part
        self._name = name
        self._size = ""

    def show_size(self, size: int) -> None:
        self._size = format_count(size)
        self.setAccessibleName(f"{self._name} {self._size}")
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:  # noqa: N802
        metrics = self.fontMetrics()
        return QSize(metrics.horizontalAdvance(self._name + self._size) + metrics.height() * 3, metrics.height() + 2)

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        return self.sizeHint()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        look = colours(self.palette())
        em = self.fontMetrics().height()
        side = round(em * 0.6)
        square = QRectF(1, (self.height() - side) / 2, side, side)
        painter.fillRect(square, QColor(getattr(look, self._part.value)))
        painter.setPen(QPen(QColor(look.secondary), 1))
        painter.drawRect(square)
        painter.setPen(self.palette().color(QPalette.ColorRole.WindowText))
        middle = int(Qt.AlignmentFlag.AlignVCenter)
        painter.drawText(self.rect().adjusted(em, 0, 0, 0), middle | int(Qt.AlignmentFlag.AlignLeft), self._name)
        painter.drawText(self.rect(), middle | int(Qt.AlignmentFlag.AlignRight), self._size)


def _paragraph(text: str = "") -> QLabel:
    label = QLabel(text, wordWrap=True)
    label.setTextFormat(Qt.TextFormat.PlainText)
    return label
