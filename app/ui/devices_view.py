"""What llama.cpp can compute on here, and whether it really works there."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QRectF, Qt, Signal
from PySide6.QtGui import QAccessible, QColor, QFocusEvent, QFont, QPainter, QPaintEvent, QPalette
from PySide6.QtWidgets import QHBoxLayout, QLabel, QProgressBar, QPushButton, QVBoxLayout, QWidget

from app.core.diagnosis import DeviceReport
from app.core.errors import AppError
from app.core.units import format_bytes
from app.ui import accessibility
from app.ui.failure_panel import Failure, FailurePanel
from app.ui.messages import failure_words
from app.ui.theme import colours

_GPU_KINDS = ("gpu", "integrated")


class DevicesView(QWidget):
    """A row for each device, and buttons to try them all and to copy what is known."""

    check_requested = Signal()
    cancel_requested = Signal()
    copy_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("devices_view")
        self._features = ""
        self._is_checking = False
        self._rows: dict[str, _Row] = {}  # by the name of the device
        self._list = _List()
        self._note = _label("devices_note")
        self._failure: FailurePanel | None = None
        self._learned = _label("learned")
        self._learned.setForegroundRole(QPalette.ColorRole.PlaceholderText)
        self._try = _button("Try devices", self.tr("Try devices"))
        self._try.clicked.connect(self.check_requested)
        self._cancel = _button("Cancel", self.tr("Cancel"))
        self._cancel.clicked.connect(self.cancel_requested)
        self._copy = _button("Copy diagnosis", self.tr("Copy diagnosis"))
        self._copy.clicked.connect(self.copy_requested)
        self._busy = QProgressBar(textVisible=False)
        self._busy.setObjectName("trying_devices")
        self._busy.setAccessibleName("Trying the devices")
        self._busy.setRange(0, 0)
        self._lay_out()
        self.show_reports(())
        self.show_learned("")
        self._update_buttons()

    def _lay_out(self) -> None:
        em = self.fontMetrics().height()
        self._busy.setMaximumHeight(max(3, em // 4))
        buttons = QHBoxLayout()
        for button in (self._try, self._cancel, self._copy):
            buttons.addWidget(button)
        buttons.addStretch(1)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(em // 2)
        for widget in (self._list, self._note, self._busy):
            self._column.addWidget(widget)
        self._column.addLayout(buttons)
        self._column.addWidget(self._learned)

    def show_reports(self, reports: Sequence[DeviceReport]) -> None:
        """Shows these devices, and no others."""
        names = [report.name for report in reports]
        for name in [name for name in self._rows if name not in names]:
            self._remove(self._rows.pop(name))
        for place, report in enumerate(reports):
            if report.name not in self._rows:
                self._rows[report.name] = _Row()
            row = self._rows[report.name]
            self._list.put(place, row)
            row.show_report(report, self._features, is_checking=self._is_checking)
        self._list.setVisible(bool(reports))
        note = self._note_on(reports)
        self._note.setText(note)
        self._note.setVisible(bool(note))
        self._try.setAccessibleDescription(note)

    def _remove(self, row: _Row) -> None:
        if row.hasFocus():
            self._try.setFocus()
        row.hide()
        row.deleteLater()

    def _note_on(self, reports: Sequence[DeviceReport]) -> str:
        if not reports:
            return self.tr("What the engine can compute on is known once it was started. Try devices finds out.")
        if any(report.kind in _GPU_KINDS for report in reports):
            return ""
        return self.tr(
            "Paddock sees no graphics card it can use. The processor does the work. "
            "That is enough for small models; large ones answer slowly. "
            "If this computer has a graphics card, two things are needed: the driver of its maker, "
            "and a Paddock whose llama.cpp was built for such cards (CUDA, ROCm, Vulkan or Metal)."
        )

    def show_features(self, text: str) -> None:
        """Shows what the processor has that llama.cpp uses, such as `AVX2, FMA`."""
        self._features = text
        for row in self._rows.values():
            row.show_features(text)

    def show_checking(self, is_checking: bool) -> None:
        """Whether the devices are being tried."""
        if is_checking == self._is_checking:
            return
        self._is_checking = is_checking
        if is_checking:
            self._show_failure_panel(None)
        for row in self._rows.values():
            row.show_checking(is_checking)
        self._update_buttons()
        words = self.tr("Trying the devices.") if is_checking else self._outcome()
        accessibility.announce(self, words)

    def _outcome(self) -> str:
        """For a screen reader, which is not where the rows are."""
        said = [row.outcome() for row in self._rows.values()]
        return " ".join([self.tr("The devices are no longer being tried."), *said])

    def _update_buttons(self) -> None:
        shown, hidden = (self._cancel, self._try) if self._is_checking else (self._try, self._cancel)
        shown.show()
        if hidden.hasFocus():
            shown.setFocus()
        hidden.hide()
        self._busy.setVisible(self._is_checking)

    def show_learned(self, text: str) -> None:
        """Says how right the memory bills were; nothing if `text` is empty."""
        self._learned.setText(self.tr("Memory bills: {0}").format(text) if text else "")
        self._learned.setVisible(bool(text))

    def show_failure(self, error: AppError) -> None:
        """Says why nothing could be tried, until it is tried again."""
        panel = FailurePanel(Failure(*failure_words(error)))
        self._show_failure_panel(panel)
        accessibility.announce(self, ". ".join(part.rstrip(".") for part in failure_words(error) if part))

    def _show_failure_panel(self, panel: FailurePanel | None) -> None:
        if self._failure is not None:
            self._failure.hide()
            self._failure.deleteLater()
        self._failure = panel
        if panel is not None:
            self._column.insertWidget(self._column.indexOf(self._busy), panel)


class _List(QWidget):
    """The rows, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("devices")
        self.setAccessibleName("Devices")
        self._rows = QVBoxLayout(self)
        self._rows.setContentsMargins(0, 0, 0, 0)
        self._rows.setSpacing(self.fontMetrics().height() // 3)

    def put(self, place: int, row: _Row) -> None:
        """Makes `row` the one at `place`, also for the tab key. To be called for all, the first one first."""
        if self._rows.indexOf(row) == place:
            return
        self._rows.insertWidget(place, row)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)  # else Qt would not have `self` in the order
        self.setTabOrder(self._row_before(place), row)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)

    def _row_before(self, place: int) -> QWidget:
        """`self` if there is none."""
        item = self._rows.itemAt(place - 1) if place else None
        return (item.widget() if item else None) or self


class _Row(QWidget):
    """One device. Can be reached with the tab key, so that a screen reader tells of it."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("device")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self._report: DeviceReport | None = None
        self._is_checking = False
        self._title = _label("device_title")
        bold = QFont()
        bold.setBold(True)
        self._title.setFont(bold)
        self._about = _label("device_about")
        self._features = _label("device_features")
        self._state = _label("device_state")
        em = self.fontMetrics().height()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(em, em // 2, em, em // 2)
        layout.setSpacing(em // 6)
        for label in (self._title, self._about, self._features, self._state):
            layout.addWidget(label)
        for label in (self._about, self._features):
            label.setForegroundRole(QPalette.ColorRole.PlaceholderText)

    def show_report(self, report: DeviceReport, features: str, *, is_checking: bool) -> None:
        """Shows the device; `features` are those of the processor."""
        self._report = report
        self._title.setText(" ".join(report.description.split()) or report.name)
        self._about.setText(self._about_text(report))
        self.show_features(features)
        self.show_checking(is_checking)

    def show_features(self, text: str) -> None:
        is_processor = self._report is not None and self._report.kind == "cpu"
        self._features.setText(self.tr("Uses {0}").format(text) if is_processor and text else "")
        self._features.setVisible(bool(self._features.text()))
        accessibility.name_changed(self)

    def show_checking(self, is_checking: bool) -> None:
        self._is_checking = is_checking
        self._state.setText(self._state_text())
        accessibility.name_changed(self)
        self.update()

    def words(self) -> str:
        """Everything it shows, for a screen reader."""
        labels = (self._title, self._about, self._features, self._state)
        return ". ".join(label.text().rstrip(".") for label in labels if label.text()) + "."

    def outcome(self) -> str:
        """The device, and whether it works."""
        return f"{self._title.text()}: {self._state.text()}"

    def _about_text(self, report: DeviceReport) -> str:
        kinds = {
            "cpu": self.tr("Processor"),
            "gpu": self.tr("Graphics card"),
            "integrated": self.tr("Built-in graphics"),
            "accelerator": self.tr("Helps the processor"),
        }
        # A processor has no other name to be chosen by, nor another backend.
        names = () if report.kind == "cpu" else (report.name, report.backend)
        memory = self.tr("{free} of {total} free") if report.memory_total > 0 else ""
        memory = memory.format(free=format_bytes(report.memory_free), total=format_bytes(report.memory_total))
        return " · ".join(part for part in (kinds.get(report.kind, ""), *names, memory) if part)

    def _state_text(self) -> str:
        if (report := self._report) is None:
            return ""
        if report.works:
            return self.tr("Works")
        if report.works is False:
            return _joined(self.tr("Does not work."), report.problem, report.instead)
        if report.problem:
            return _joined(self.tr("Not tried."), report.problem)
        return self.tr("Being tried…") if self._is_checking else self.tr("Not tried yet")

    def focusInEvent(self, event: QFocusEvent) -> None:  # noqa: N802
        super().focusInEvent(event)
        self.update()

    def focusOutEvent(self, event: QFocusEvent) -> None:  # noqa: N802
        super().focusOutEvent(event)
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        """What does not work looks like a failure, for which it has words as well."""
        is_broken = self._report is not None and self._report.works is False
        look = colours(self.palette())
        radius = self.fontMetrics().height() * 0.4
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QColor(look.accent if self.hasFocus() else look.outline))
        painter.setBrush(QColor(look.danger_surface if is_broken else look.code))
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), radius, radius)
        if is_broken:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(look.danger))
            painter.drawRoundedRect(QRectF(0, 0, radius / 2, self.height()), radius / 4, radius / 4)


def _joined(*sentences: str) -> str:
    return " ".join(sentence for sentence in sentences if sentence)


def _label(name: str) -> QLabel:
    label = QLabel(wordWrap=True)
    label.setObjectName(name)
    label.setTextFormat(Qt.TextFormat.PlainText)
    return label


def _button(name: str, text: str) -> QPushButton:
    button = QPushButton(text)
    button.setObjectName(name.lower().replace(" ", "_"))
    button.setAccessibleName(name)
    return button


accessibility.describe(_List, QAccessible.Role.List, _List.accessibleName)
accessibility.describe(_Row, QAccessible.Role.ListItem, _Row.words)
