"""The memory bill beside the settings: whether the model fits, and what it takes of each memory.

For the keyboard and a screen reader it is one widget that says everything when it gets the focus. From there the arrow
keys lead through its lines, each of which says what it is: that way it costs one press of Tab, however many memories
there are.
"""

from __future__ import annotations

from PySide6.QtCore import QPoint, QRectF, Qt
from PySide6.QtGui import (
    QAccessible,
    QColor,
    QFocusEvent,
    QFont,
    QKeyEvent,
    QPainter,
    QPaintEvent,
    QPalette,
)
from PySide6.QtWidgets import QHBoxLayout, QLabel, QScrollArea, QToolTip, QVBoxLayout, QWidget

from app.core.memory import RAM, DeviceBill, DeviceMemory, MemoryBill
from app.core.units import format_bytes
from app.engine.protocol import MemoryEstimated
from app.ui.accessibility import announce, describe
from app.ui.bill_bar import BillBar, Part, Share, needed, sizes_of
from app.ui.bill_row import BillRow, paint_border
from app.ui.theme import colours

_NAMES = {
    Part.OTHERS: "Others use now",
    Part.WEIGHTS: "Weights",
    Part.CACHE: "KV cache",
    Part.BUFFERS: "Buffers",
    Part.PAGES: "File pages (can be dropped)",
    Part.LEFT: "Left free",
    Part.MISSING: "Does not fit",
}
_EXPLANATIONS = {
    Part.OTHERS: "What the system and other programs use now.",
    Part.WEIGHTS: "What the model has learned. A smaller quant takes less.",
    Part.CACHE: "What the model remembers of the conversation. A shorter context takes less, and so do other KV cache "
    "types.",
    Part.BUFFERS: "Room to compute in. A smaller micro-batch takes less.",
    Part.PAGES: "Parts of the model's file. The system drops them when memory gets short, and reads them again when "
    "they are needed, which is slow.",
    Part.LEFT: "What other programs can still have.",
    Part.MISSING: "More than there is.",
}


class MemoryBillView(QWidget):
    """Shows one estimate, or why there is none."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("memory_bill")
        self.setAccessibleName("Memory bill")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        describe(MemoryBillView, QAccessible.Role.Grouping, QWidget.accessibleName)
        self._estimate: MemoryEstimated | None = None
        self._memories: list[_MemoryView] = []
        title = QLabel(self.tr("Memory bill"))
        self._verdict = _Verdict()
        em = self.fontMetrics().height()
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(em // 2, em // 2, em // 2, em // 2)
        self._layout.setSpacing(em // 2)
        self._layout.addWidget(title)
        self._layout.addWidget(self._verdict)
        self.show_nothing("")

    def show_estimate(self, estimate: MemoryEstimated) -> None:
        """Shows `estimate`. A screen reader is told if it fits elsewhere than the one before did."""
        before, self._estimate = self._estimate, estimate
        verdict = self._verdict_of(estimate)
        self._verdict.show_text(verdict, is_bad=estimate.missing > 0)
        self._show_memories(estimate)
        shown = [memory.words() for memory in self._memories if not memory.isHidden()]
        self.setAccessibleDescription(" ".join([verdict, *shown]))
        if before is not None and before.fit != estimate.fit and self.isVisible():
            announce(self, verdict)

    def show_pending(self) -> None:
        """An answer is awaited: the last one stays until it is there."""
        if self._estimate is None:
            self.show_nothing(self.tr("Working out what this model takes here…"))

    def show_nothing(self, text: str) -> None:
        """There is no estimate. `text` says why, and what to do."""
        self._estimate = None
        self._verdict.show_text(text, is_bad=False, is_quiet=True)
        for memory in self._memories:
            memory.hide()
        self.setAccessibleDescription(text)

    def _verdict_of(self, estimate: MemoryEstimated) -> str:
        fit = estimate.fit[:1].upper() + estimate.fit[1:]
        if not estimate.missing:
            takes = _unbroken(sum(needed(device) for device in estimate.devices))
            return self.tr("{fit}. Takes {takes}.").format(fit=fit, takes=takes)
        verdict = self.tr("{fit}: {missing} too much.").format(fit=fit, missing=_unbroken(estimate.missing))
        if not estimate.suggestion:
            return verdict
        return self.tr("{verdict} What would fit: {change}.").format(verdict=verdict, change=estimate.suggestion)

    def _show_memories(self, estimate: MemoryEstimated) -> None:
        while len(self._memories) < len(estimate.memory):
            self._add_memory()
        bill = MemoryBill(estimate.devices)
        for view, memory in zip(self._memories, estimate.memory, strict=False):
            view.show_memory(memory, bill.on(memory.device))
            view.show()
        for view in self._memories[len(estimate.memory) :]:
            view.hide()

    def _add_memory(self) -> None:
        view = _MemoryView()
        self._memories.append(view)
        self._layout.addWidget(view)
        before: QWidget = self
        for row in self._rows():
            # Tab goes on from a row to what follows the bill.
            self.setTabOrder(before, row)
            before = row

    def _rows(self) -> list[BillRow]:
        return [row for memory in self._memories for row in memory.rows]

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        stops: list[QWidget] = [self, *(row for row in self._rows() if row.isVisible())]
        here = next((index for index, stop in enumerate(stops) if stop.hasFocus()), 0)
        goals = {
            int(Qt.Key.Key_Down): here + 1,
            int(Qt.Key.Key_Up): here - 1,
            int(Qt.Key.Key_Home): 0,
            int(Qt.Key.Key_End): len(stops) - 1,
        }
        goal = goals.get(event.key())
        if goal is None:
            super().keyPressEvent(event)
        elif 0 <= goal < len(stops):
            _go_to(stops[goal])

    def focusInEvent(self, event: QFocusEvent) -> None:  # noqa: N802
        super().focusInEvent(event)
        self.update()

    def focusOutEvent(self, event: QFocusEvent) -> None:  # noqa: N802
        super().focusOutEvent(event)
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        look = colours(self.palette())
        paint_border(self, look.accent if self.hasFocus() else look.border)


class _Verdict(QLabel):
    """One line that stands out, and more so if it is bad."""

    def __init__(self) -> None:
        super().__init__(wordWrap=True)
        self.setObjectName("verdict")
        self.setTextFormat(Qt.TextFormat.PlainText)
        self._is_bad = False

    def show_text(self, text: str, *, is_bad: bool, is_quiet: bool = False) -> None:
        self._is_bad = is_bad
        font = QFont()
        font.setBold(not is_quiet)
        self.setFont(font)
        self.setForegroundRole(QPalette.ColorRole.PlaceholderText if is_quiet else QPalette.ColorRole.WindowText)
        em = self.fontMetrics().height()
        self.setContentsMargins(*((em // 2, em // 3, em // 3, em // 3) if is_bad else (0, 0, 0, 0)))
        self.setText(text)
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        if self._is_bad:
            self._paint_ground()
        super().paintEvent(event)

    def _paint_ground(self) -> None:
        look = colours(self.palette())
        radius = self.fontMetrics().height() * 0.3
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QColor(look.outline))
        painter.setBrush(QColor(look.danger_surface))
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), radius, radius)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(look.danger))
        painter.drawRoundedRect(QRectF(0, 0, radius / 2, self.height()), radius / 4, radius / 4)


class _MemoryView(QWidget):
    """One memory: its name and size, the bar, and a line for each part of it."""

    def __init__(self) -> None:
        super().__init__()
        describe(_MemoryView, QAccessible.Role.List, QWidget.accessibleName)
        describe(BillBar, QAccessible.Role.Graphic, QWidget.accessibleName)
        self._name = QLabel(wordWrap=True)
        self._total = QLabel()
        self._bar = BillBar()
        self._given_back = QLabel(wordWrap=True)
        self._given_back.setForegroundRole(QPalette.ColorRole.PlaceholderText)
        for label in (self._name, self._total, self._given_back):
            label.setTextFormat(Qt.TextFormat.PlainText)
        self.rows = [BillRow(part, self.tr(_NAMES[part])) for part in Part]
        self._lay_out()

    def _lay_out(self) -> None:
        em = self.fontMetrics().height()
        heading = QHBoxLayout()
        heading.addWidget(self._name, 1)
        heading.addWidget(self._total, 0, Qt.AlignmentFlag.AlignTop)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, em // 3, 0, 0)
        layout.setSpacing(em // 6)
        layout.addLayout(heading)
        layout.addWidget(self._bar)
        for row in self.rows:
            layout.addWidget(row)
        layout.addWidget(self._given_back)

    def show_memory(self, memory: DeviceMemory, bill: DeviceBill) -> None:
        """Shows `memory` as it would be with the model loaded that takes `bill` of it."""
        self._name.setText(self._name_of(memory))
        self._total.setText(format_bytes(memory.total) if memory.total > 0 else self.tr("size unknown"))
        sizes = sizes_of(memory, bill)
        shares = []
        for row in self.rows:
            size = sizes[row.part]
            explanation = self.tr(_EXPLANATIONS[row.part])
            # Nothing left, but nothing missing either, is worth saying.
            is_full = row.part is Part.LEFT and memory.total > 0 and not sizes[Part.MISSING]
            row.setVisible(size > 0 or is_full)
            row.show_size(size, explanation)
            shares.append(Share(row.part, size, f"{row.words()}. {explanation}"))
        self._bar.show_shares(shares)
        self._show_given_back(memory)
        self.setAccessibleName(f"{self._name.text()}, {self._total.text()}")
        self._bar.setAccessibleName(self.words())

    def _name_of(self, memory: DeviceMemory) -> str:
        if memory.device == RAM or not memory.description:
            return memory.device
        return f"{memory.device} · {memory.description}"

    def _show_given_back(self, memory: DeviceMemory) -> None:
        text = self.tr("{free} can be used: {given_back} of it is given back by the model that is loaded.")
        said = text.format(free=_unbroken(memory.free), given_back=_unbroken(memory.given_back))
        self._given_back.setText(said if memory.given_back else "")
        self._given_back.setVisible(memory.given_back > 0)

    def words(self) -> str:
        """Everything it shows, as sentences."""
        parts = ", ".join(row.words() for row in self.rows if not row.isHidden())
        said = f"{self.accessibleName()}: {parts}."
        return said if self._given_back.isHidden() else f"{said} {self._given_back.text()}"


def _unbroken(size: int) -> str:
    """A size in bytes that stays on one line."""
    return format_bytes(size).replace(" ", "\u00a0")


def _go_to(stop: QWidget) -> None:
    """Gives `stop` the focus, brings it into sight, and shows its tool tip, which the next move of the focus hides."""
    stop.setFocus(Qt.FocusReason.OtherFocusReason)
    parent = stop.parentWidget()
    while parent is not None and not isinstance(parent, QScrollArea):
        parent = parent.parentWidget()
    if parent is not None:
        parent.ensureWidgetVisible(stop)  # by itself it follows the focus only where Tab leads it
    QToolTip.showText(stop.mapToGlobal(QPoint(0, stop.height())), stop.toolTip(), stop)
