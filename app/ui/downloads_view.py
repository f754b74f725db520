"""The downloads under way, and what can be done with the one that is chosen.

One set of buttons acts on the chosen row: sets in each row are long to tab through. Progress comes many times a
second, so a row is only drawn anew; buttons and words below the list change when a download turns to something else,
which is also when a screen reader is told.
"""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QFocusEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QLabel,
    QListView,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from app.core.downloads import Phase, Plan, Progress
from app.ui import accessibility
from app.ui.accessibility import follow_selection
from app.ui.download_rows import DownloadDelegate, DownloadModel, row_height, title_of
from app.ui.download_words import words_of
from app.ui.messages import failure_words

_ROWS_IN_SIGHT = 5
_STOPPED = (Phase.PAUSED, Phase.FAILED)
_PASSING = (Phase.QUEUED, Phase.CONNECTING)  # states that are over before one has heard of them


class DownloadsView(QWidget):
    """Hidden while there is no download."""

    pause_requested = Signal(str)  # the plan's id
    resume_requested = Signal(str)
    cancel_requested = Signal(str)
    move_requested = Signal(str, int)  # so many steps down the queue, or up if negative

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("downloads_view")
        self._told: dict[str, Phase] = {}  # what a screen reader was told last, by id
        self._model = DownloadModel(self)
        self._view = _View()
        self._view.setModel(self._model)
        self._view.selectionModel().currentChanged.connect(self._update_chosen)
        follow_selection(self._view)
        self._problem = QLabel(wordWrap=True)
        self._problem.setObjectName("download_problem")
        self._problem.setTextFormat(Qt.TextFormat.PlainText)
        self._pause = self._button("Pause", self.tr("Pause"))
        self._pause.clicked.connect(lambda: self.pause_requested.emit(self._chosen_id()))
        self._resume = self._button("Resume", self.tr("Resume"))
        self._resume.clicked.connect(lambda: self.resume_requested.emit(self._chosen_id()))
        self._cancel = self._button("Cancel", self.tr("Cancel"))
        self._cancel.clicked.connect(lambda: self.cancel_requested.emit(self._chosen_id()))
        self._up = self._button("Move up", self.tr("Move up"))
        self._up.clicked.connect(lambda: self.move_requested.emit(self._chosen_id(), -1))
        self._down = self._button("Move down", self.tr("Move down"))
        self._down.clicked.connect(lambda: self.move_requested.emit(self._chosen_id(), 1))
        self._lay_out()
        self.hide()

    def _button(self, name: str, text: str) -> QPushButton:
        button = QPushButton(text)
        button.setObjectName(name.lower().replace(" ", "_"))
        button.setAccessibleName(name)
        return button

    def _lay_out(self) -> None:
        heading = QLabel(self.tr("Downloads"))
        heading.setAccessibleName("Downloads under way")  # the list itself has the short name
        font = heading.font()
        font.setPointSizeF(font.pointSizeF() * 1.3)
        heading.setFont(font)
        buttons = QHBoxLayout()
        buttons.addWidget(self._problem, 1)
        for button in (self._pause, self._resume, self._cancel, self._up, self._down):
            buttons.addWidget(button, 0, Qt.AlignmentFlag.AlignTop)
        column = QWidget()
        column.setMaximumWidth(self.fontMetrics().averageCharWidth() * 165)
        layout = QVBoxLayout(column)
        layout.addWidget(heading)
        layout.addWidget(self._view)
        layout.addLayout(buttons)
        outer = QHBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(column)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)

    def set_downloads(self, items: Sequence[tuple[Plan, Progress]]) -> None:
        """All downloads in the order of the queue. The one chosen stays chosen."""
        chosen, place = self._chosen_id(), self._view.currentIndex().row()
        self._model.show(items)
        row = self._model.row_of(chosen)
        if row < 0:
            row = min(max(place, 0), len(items) - 1)
        if row != self._view.currentIndex().row():
            self._view.setCurrentIndex(self._model.index(row))
        self._view.updateGeometry()
        self._told = {plan.id: self._told.get(plan.id, progress.phase) for plan, progress in items}
        self.setVisible(bool(items))
        self._update_chosen()

    def show_progress(self, plan_id: str, progress: Progress) -> None:
        """A download went on. Costs little, however often it comes."""
        row = self._model.row_of(plan_id)
        if row < 0:
            return
        plan, before = self._model.at(row)
        self._model.show_progress(plan_id, progress)
        if (progress.phase, progress.error) != (before.phase, before.error):
            self._tell(plan, progress)
            if row == self._view.currentIndex().row():
                self._update_chosen()

    def focusInEvent(self, event: QFocusEvent) -> None:  # noqa: N802
        # A focus proxy would do the same, but Tab on its way in would skip what comes before it.
        self._view.setFocus(event.reason())

    def _chosen_id(self) -> str:
        row = self._view.currentIndex().row()
        return self._model.at(row)[0].id if row >= 0 else ""

    def _tell(self, plan: Plan, progress: Progress) -> None:
        """Says what a download has turned to. A try that leads nowhere is not told, only that it waits."""
        if progress.phase in _PASSING or self._told.get(plan.id) is progress.phase:
            return
        self._told[plan.id] = progress.phase
        accessibility.announce(self, f"{title_of(plan)}: {words_of(progress)}")

    def _update_chosen(self) -> None:
        """Offers what can be done with the download that is chosen."""
        row, count = self._view.currentIndex().row(), self._model.rowCount()
        if row < 0:
            return
        plan, progress = self._model.at(row)
        self._problem.setText(_what_to_do(progress))
        if progress.phase in _STOPPED:
            _swap(self._pause, self._resume)
        else:
            _swap(self._resume, self._pause)
        _enable(self._up, row > 0, instead=self._down)
        _enable(self._down, row < count - 1, instead=self._up)
        for button in (self._up, self._down):
            button.setVisible(count > 1)
        for button in (self._pause, self._resume, self._cancel, self._up, self._down):
            button.setAccessibleDescription(title_of(plan))


def _what_to_do(progress: Progress) -> str:
    """For a download that only a person can help. What a row cannot show whole is told again."""
    if progress.phase is Phase.FAILED:
        return words_of(progress)
    return failure_words(progress.error)[2] if progress.phase is Phase.PAUSED and progress.error else ""


def _swap(away: QPushButton, there: QPushButton) -> None:
    """Shows the one in place of the other; the focus stays in that place."""
    there.show()
    if away.hasFocus():
        there.setFocus()
    away.hide()


def _enable(button: QPushButton, enabled: bool, instead: QPushButton) -> None:
    """A button that goes grey hands the focus to the one that can undo what it did."""
    if button.hasFocus() and not enabled:
        instead.setEnabled(True)
        instead.setFocus()
    button.setEnabled(enabled)


class _View(QListView):
    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("downloads")
        self.setAccessibleName("Downloads")
        self.setItemDelegate(DownloadDelegate(self))
        self.setUniformItemSizes(True)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Maximum)

    def sizeHint(self) -> QSize:  # noqa: N802
        """High enough for its rows, up to a few."""
        return self._size_for(min(self.model().rowCount(), _ROWS_IN_SIGHT))

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        return self._size_for(min(self.model().rowCount(), 1))

    def _size_for(self, rows: int) -> QSize:
        height = rows * row_height(self.fontMetrics().lineSpacing()) + 2 * self.frameWidth()
        return QSize(self.fontMetrics().averageCharWidth() * 40, height)
