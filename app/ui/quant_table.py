"""The quants of a model, and what can be done with the one that is chosen."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from PySide6.QtCore import QModelIndex, QRect, Qt, Signal
from PySide6.QtGui import QFocusEvent
from PySide6.QtWidgets import QCheckBox, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from app.core.downloads import Phase, Progress
from app.core.planner import Fit
from app.core.quants import QuantRow
from app.core.units import format_count
from app.ui.accessibility import follow_selection
from app.ui.quant_model import (
    Column,
    QuantFilter,
    QuantModel,
    fit_in_words,
    memory_in_words,
    shortfall_in_words,
    size_in_words,
    state_in_words,
)
from app.ui.quant_view import QuantView


class QuantTable(QWidget):
    """A table, and below it the chosen quant with `Download` and `Use`.

    Enter does what the buttons do: it uses a quant that is on disk, and downloads one that is not.
    """

    download_requested = Signal(str)  # the quant's name
    use_requested = Signal(str)
    row_reached = Signal(QRect)  # by a key, where in the widget it is: it has to be brought into sight
    sight_changed = Signal(object)  # the names of the quants that can be seen, from the top

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("quant_table")
        self._downloads: Mapping[str, Progress] = {}
        self._on_disk: frozenset[str] = frozenset()
        self._model = QuantModel(self)
        self._filter = QuantFilter(self._model, self)
        self._view = QuantView(self._filter)
        self._view.selectionModel().currentChanged.connect(self._update_chosen)
        follow_selection(self._view)
        self._view.row_entered.connect(self._on_view_row_entered)
        self._view.row_reached.connect(self._on_view_row_reached)
        self._view.sight_changed.connect(self.sight_changed)
        self._only_fitting = QCheckBox(self.tr("Only what fits"))
        self._only_fitting.setObjectName("only_what_fits")
        self._only_fitting.setAccessibleName("Only what fits")
        self._only_fitting.toggled.connect(self._on_only_fitting_toggled)
        self._title = _label("chosen_quant")
        font = self._title.font()
        font.setBold(True)
        self._title.setFont(font)
        self._words = _label("chosen_quant_in_words")
        self._use = _button("use", self.tr("Use"), "Use")
        self._use.clicked.connect(self._on_use_clicked)
        self._download = _button("download", self.tr("Download"), "Download")
        self._download.clicked.connect(self._on_download_clicked)
        self._lay_out()
        self._update_chosen()

    def _lay_out(self) -> None:
        heading = QLabel(self.tr("Quants"))
        heading.setAccessibleName("Files of this model")  # the list itself has the short name
        font = heading.font()
        font.setPointSizeF(font.pointSizeF() * 1.3)
        heading.setFont(font)
        top, bottom, words = QHBoxLayout(), QHBoxLayout(), QVBoxLayout()
        top.addWidget(heading, 1)
        top.addWidget(self._only_fitting)
        words.addWidget(self._title)
        words.addWidget(self._words)
        words.addStretch(1)
        bottom.addLayout(words, 1)
        bottom.addWidget(self._use, 0, Qt.AlignmentFlag.AlignTop)
        bottom.addWidget(self._download, 0, Qt.AlignmentFlag.AlignTop)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(self.fontMetrics().height() * 2 // 3)
        layout.addLayout(top)
        layout.addWidget(self._view)
        layout.addLayout(bottom)

    # Values

    def show_rows(self, rows: Sequence[QuantRow]) -> None:
        """Shows `rows`. A quant that was chosen stays chosen, else the recommended one is."""
        chosen = self._chosen()
        self._model.show_rows(rows)
        if self._chosen() is None:
            names = [row.quant.name for row in rows]
            recommended = [row.quant.name for row in rows if row.recommended]
            self._choose([*([chosen.quant.name] if chosen else []), *recommended, *names])
        self._view.fit()
        self._update_chosen()

    def set_downloads(self, states: Mapping[str, Progress]) -> None:
        """The downloads under way, by the quants' names."""
        self._downloads = states
        self._show_states()

    def set_on_disk(self, names: Iterable[str]) -> None:
        """The quants that are on this computer."""
        self._on_disk = frozenset(names)
        self._show_states()

    def focusInEvent(self, event: QFocusEvent) -> None:  # noqa: N802
        # A focus proxy would do the same, but Tab on its way in would skip what comes before it.
        self._view.setFocus(event.reason())

    def _show_states(self) -> None:
        states = {name: state_in_words(progress) for name, progress in self._downloads.items()}
        self._model.show_states(states | dict.fromkeys(self._on_disk, self.tr("on disk")))
        self._update_chosen()

    def _choose(self, names: Sequence[str]) -> None:
        """Chooses the first of these that is shown."""
        shown = [self._filter.index(row, Column.NAME) for row in range(self._filter.rowCount())]
        by_name = {index.data(): index for index in shown}
        index = next((by_name[name] for name in names if name in by_name), QModelIndex())
        self._view.setCurrentIndex(index)
        self._view.scrollTo(index)

    def _chosen(self) -> QuantRow | None:
        index = self._filter.mapToSource(self._view.currentIndex())
        return self._model.row(index) if index.isValid() else None

    # The one that is chosen

    def _update_chosen(self) -> None:
        row = self._chosen()
        name = row.quant.name if row else ""
        is_there = name in self._on_disk
        self._title.setText(name)
        self._words.setText(self._in_words(row) if row else self._nothing_in_words())
        if self._download.hasFocus() and (is_there or name in self._downloads):
            self._view.setFocus()  # a button that goes grey would hand the focus on to anything
        self._use.setVisible(is_there)
        self._use.setDefault(is_there)
        self._download.setEnabled(row is not None and not is_there and name not in self._downloads)
        self._download.setDefault(self._download.isEnabled())
        for button in (self._use, self._download):
            button.setAccessibleDescription(f"{name}: {self._words.text()}" if row else "")

    def _in_words(self, row: QuantRow) -> str:
        """What a click on a button would do, or why there is nothing to click."""
        if row.quant.name in self._on_disk:
            return self.tr("It is on this computer. {0}").format(self._fit_in_words(row))
        if progress := self._downloads.get(row.quant.name):
            return self._download_in_words(progress)
        count = len(row.quant.files)
        size = self.tr("{0} to download").format(size_in_words(row))
        if row.quant.size < 0:
            size = self.tr("The Hub does not say how large it is")
        if count > 1:
            size = self.tr("{0}, in {1} files").format(size, count)
        return f"{size}. {self._fit_in_words(row)}"

    def _fit_in_words(self, row: QuantRow) -> str:
        if row.recommended:
            return self.tr("Recommended. {0}").format(row.recommended)
        if row.fit is None:
            return self.tr("Whether it fits is not known.")
        takes = memory_in_words(row)
        if row.exact:
            takes = self.tr("{0} of memory with a context of {1}").format(takes, format_count(row.context_length))
        else:
            takes = self.tr("{0} of memory").format(takes)
        needs = self.tr("Takes {0}: {1}").format(takes, fit_in_words(row.fit))
        if row.fit is Fit.TOO_LARGE:
            return self.tr("{0}, {1} It may still run, slowly, or not at all.").format(needs, shortfall_in_words(row))
        return self.tr("{0}. Little is left for other programs.").format(needs) if row.is_tight else f"{needs}."

    def _download_in_words(self, progress: Progress) -> str:
        if progress.phase is Phase.PAUSED:
            return self.tr("Its download is paused. Resume it under Downloads.")
        if progress.phase is Phase.FAILED:
            return self.tr("Its download has failed. Downloads says why.")
        return self.tr("It is being downloaded. Downloads shows how far it is.")

    def _nothing_in_words(self) -> str:
        if self._model.rowCount():
            return self.tr("None of these fits the memory that is free now.")
        return ""

    def _on_only_fitting_toggled(self, only: bool) -> None:
        chosen = self._chosen()
        self._filter.set_only_fitting(only)
        self._choose([*([chosen.quant.name] if chosen else []), *self._model.names()])
        self._view.fit()
        self._update_chosen()

    def _on_view_row_reached(self, row: QRect) -> None:
        self.row_reached.emit(row.translated(self._view.pos()))

    def _on_view_row_entered(self) -> None:
        for button in (self._use, self._download):
            if button.isVisible() and button.isEnabled():
                button.click()
                return

    def _on_use_clicked(self) -> None:
        if row := self._chosen():
            self.use_requested.emit(row.quant.name)

    def _on_download_clicked(self) -> None:
        if row := self._chosen():
            self.download_requested.emit(row.quant.name)


def _label(name: str) -> QLabel:
    label = QLabel(wordWrap=True)
    label.setObjectName(name)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setMinimumWidth(1)  # a long name must not make the page wider
    return label


def _button(name: str, text: str, accessible_name: str) -> QPushButton:
    button = QPushButton(text)
    button.setObjectName(name)
    button.setAccessibleName(accessible_name)
    return button
