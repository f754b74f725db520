"""The text files that go with the next message, above the box it is typed in: a chip for each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

from PySide6.QtCore import QPoint, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QAccessible, QColor, QPainter, QPaintEvent, QPalette, QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QLayout, QLayoutItem, QSizePolicy, QWidget

from app.core.conversation import Attachment
from app.core.units import format_bytes, format_count
from app.ui.accessibility import describe
from app.ui.icons import IconButton
from app.ui.plain_text import tool_tip
from app.ui.theme import colours

# In average characters. A longer name is shortened in the middle, so that its ending is seen.
_LONGEST_NAME, _SHORTEST_NAME = 32, 8


class AttachmentChips(QWidget):
    """Shows attachments, one after the other, in as many lines as they need. Hidden while there are none."""

    remove_requested = Signal(int)  # place
    cancel_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("attachments")
        self.setAccessibleName("Attachments")
        describe(AttachmentChips, QAccessible.Role.List, QWidget.accessibleName)
        self._chips: list[_Chip] = []
        self._reading: _Chip | None = None  # while files are being read, after the others
        self._tokens: Mapping[Attachment, int] = {}
        self._flow = _FlowLayout(self)
        policy = QSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Minimum)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)
        self.hide()

    def show_attachments(self, attachments: Sequence[Attachment]) -> None:
        """Shows these, in their order. The focus stays at its place, or at the nearest that is left."""
        place = next((place for place, chip in enumerate(self._chips) if chip.remove.hasFocus()), None)
        for chip in self._chips:
            self._take_away(chip)
        self._chips = [self._chip(place, attachment) for place, attachment in enumerate(attachments)]
        if self._reading is not None:
            self._flow.removeWidget(self._reading)
            self._flow.addWidget(self._reading)
        self.setVisible(bool(self._all()))
        if self._chips and place is not None:
            self._chips[min(place, len(self._chips) - 1)].remove.setFocus()

    def show_tokens(self, tokens: Mapping[Attachment, int]) -> None:
        """Shows how many tokens the attachments are; those that are not among them show none."""
        self._tokens = tokens
        for chip in self._chips:
            chip.show_amount(self._amount(chip.attachment))

    def show_reading(self, text: str) -> None:
        """Shows `text` as long as files are being read, with a button that ends it; with an empty one, nothing."""
        if self._reading is not None:
            self._take_away(self._reading)
            self._reading = None
        if text:
            self._reading = _Chip(Attachment(text, ""), self.tr("Do not wait for it"), self)
            self._reading.remove.setObjectName("cancel_reading")
            self._reading.remove.setAccessibleName("Cancel reading")
            self._reading.remove.clicked.connect(self.cancel_requested)
            self._flow.addWidget(self._reading)
            self._reading.show()
        self.setVisible(bool(self._all()))
        self.updateGeometry()

    def has_focus(self) -> bool:
        """Whether the focus is on one of the chips."""
        return any(chip.remove.hasFocus() for chip in self._all())

    def buttons(self) -> list[QWidget]:
        """What the keyboard can reach, in its order."""
        return [chip.remove for chip in self._all()]

    def _all(self) -> list[_Chip]:
        return self._chips if self._reading is None else [*self._chips, self._reading]

    def _chip(self, place: int, attachment: Attachment) -> _Chip:
        chip = _Chip(attachment, self.tr("Remove {0}").format(attachment.name), self)
        chip.show_amount(self._amount(attachment))
        chip.remove.clicked.connect(partial(self._on_remove_clicked, place))
        self._flow.addWidget(chip)
        chip.show()
        return chip

    def _take_away(self, chip: _Chip) -> None:
        chip.hide()  # until it is gone it would still be seen
        self._flow.removeWidget(chip)
        chip.deleteLater()

    def _amount(self, attachment: Attachment) -> str:
        """How large it is, in tokens too if that is known."""
        size = format_bytes(len(attachment.text.encode("utf-8", "surrogatepass")))
        if attachment not in self._tokens:
            return size
        return self.tr("{0}, {1} tokens").format(size, format_count(self._tokens[attachment]))

    def _on_remove_clicked(self, place: int, _checked: bool = False) -> None:
        self.remove_requested.emit(place)


class _Chip(QWidget):
    """Name, size, and a button that takes it away."""

    def __init__(self, attachment: Attachment, remove: str, parent: QWidget) -> None:
        super().__init__(parent)
        describe(_Chip, QAccessible.Role.ListItem, QWidget.accessibleName)
        self.attachment = attachment
        self.setObjectName("attachment")
        self._name = _Name(attachment.name)
        self._amount = _plain("")
        self._amount.setForegroundRole(QPalette.ColorRole.PlaceholderText)
        self.remove = IconButton("remove", scale=0.9)
        self.remove.setObjectName("remove_attachment")
        self.remove.setAccessibleName(f"Remove {attachment.name}")
        self.remove.setToolTip(tool_tip(remove))
        row = QHBoxLayout(self)
        em = self.fontMetrics().height()
        row.setContentsMargins(em // 2, 0, em // 6, 0)
        row.setSpacing(em // 2)
        for widget in (self._name, self._amount, self.remove):
            row.addWidget(widget)
        self.show_amount("")

    def show_amount(self, amount: str) -> None:
        """Shows how large it is beside its name."""
        self.updateGeometry()
        self._amount.setText(amount)
        self._amount.setVisible(bool(amount))
        words = ", ".join(filter(None, (self.attachment.name, amount)))
        self.setAccessibleName(words)
        self.setToolTip(tool_tip(words))

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        look = colours(self.palette())
        radius = self.fontMetrics().height() * 0.4
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QColor(look.border))
        painter.setBrush(QColor(look.bubble))
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), radius, radius)


class _Name(QLabel):
    """The name of a file, shortened to the room there is."""

    def __init__(self, name: str) -> None:
        super().__init__(textFormat=Qt.TextFormat.PlainText)
        self._full = name

    def sizeHint(self) -> QSize:  # noqa: N802
        metrics = self.fontMetrics()
        wanted = metrics.horizontalAdvance(self._full) + metrics.averageCharWidth()
        return QSize(min(wanted, metrics.averageCharWidth() * _LONGEST_NAME), metrics.height())

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        return QSize(min(self.sizeHint().width(), self.fontMetrics().averageCharWidth() * _SHORTEST_NAME), 0)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        super().resizeEvent(event)
        self.setText(self.fontMetrics().elidedText(self._full, Qt.TextElideMode.ElideMiddle, self.width()))


def _plain(text: str) -> QLabel:
    label = QLabel(text)
    label.setTextFormat(Qt.TextFormat.PlainText)
    return label


class _FlowLayout(QLayout):
    """Widgets from left to right, and where the line is full, in the next one. Qt has no such layout of its own."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._items: list[QLayoutItem] = []
        self.setContentsMargins(0, 0, 0, 0)
        self.setSpacing(max(2, parent.fontMetrics().height() // 3))

    def addItem(self, item: QLayoutItem) -> None:  # noqa: N802
        self._items.append(item)

    def count(self) -> int:
        return len(self._items)

    def itemAt(self, index: int) -> QLayoutItem | None:  # noqa: N802 (Qt asks until there is none)
        return self._items[index] if 0 <= index < len(self._items) else None

    def takeAt(self, index: int) -> QLayoutItem | None:  # noqa: N802
        return self._items.pop(index) if 0 <= index < len(self._items) else None

    def hasHeightForWidth(self) -> bool:  # noqa: N802
        return True

    def heightForWidth(self, width: int) -> int:  # noqa: N802
        return max((area.bottom() + 1 for area in self._areas(width)), default=0)

    def sizeHint(self) -> QSize:  # noqa: N802
        return self.minimumSize()

    def minimumSize(self) -> QSize:  # noqa: N802
        sizes = [item.minimumSize() for item in self._items]
        return QSize(max((one.width() for one in sizes), default=0), max((one.height() for one in sizes), default=0))

    def setGeometry(self, rect: QRect) -> None:  # noqa: N802
        super().setGeometry(rect)
        for item, area in zip(self._items, self._areas(rect.width()), strict=True):
            item.setGeometry(area.translated(rect.topLeft()))

    def _areas(self, width: int) -> list[QRect]:
        areas: list[QRect] = []
        place, below = QPoint(0, 0), 0
        for item in self._items:
            size = item.sizeHint().boundedTo(QSize(max(width, item.minimumSize().width()), item.sizeHint().height()))
            if place.x() and place.x() + size.width() > width:
                place = QPoint(0, below + self.spacing())
            areas.append(QRect(place, size))
            below = max(below, place.y() + size.height())
            place.setX(place.x() + size.width() + self.spacing())
        return areas
