"""The place for models: for now those that were opened on this computer."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QLocale, QModelIndex, Qt, Signal
from PySide6.QtGui import QFocusEvent, QStandardItem, QStandardItemModel
from PySide6.QtWidgets import QAbstractItemView, QHBoxLayout, QLabel, QListView, QPushButton, QVBoxLayout, QWidget

from app.core.recent_models import RecentModel
from app.ui.moments import moment_in_words
from app.ui.two_line_delegate import SECOND_LINE_ROLE, TwoLineDelegate

_PATH_ROLE = int(Qt.ItemDataRole.UserRole) + 10


class LibraryPlace(QWidget):
    """Lists models by last use. One set of buttons acts on the one chosen: sets in each row are long to tab through."""

    model_requested = Signal(str)
    open_requested = Signal()
    forget_requested = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("library_place")
        self._model = QStandardItemModel(self)
        self._view = QListView()
        self._view.setObjectName("models_on_this_computer")
        self._view.setAccessibleName("Models on this computer")
        self._view.setModel(self._model)
        self._view.setItemDelegate(TwoLineDelegate(self._view))
        self._view.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self._view.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self._view.activated.connect(self._on_view_activated)
        self._view.selectionModel().currentChanged.connect(self._update_buttons)
        self._heading = QLabel()
        self._heading.setTextFormat(Qt.TextFormat.PlainText)
        font = self._heading.font()
        font.setPointSizeF(font.pointSizeF() * 1.3)
        self._heading.setFont(font)
        self._advice = self._advice_label()
        self._open = self._button("open_model_file", self.tr("Open model file"), "Open model file")
        self._open.clicked.connect(self.open_requested)
        self._use = self._button("use", self.tr("Use"), "Use")
        self._use.clicked.connect(self._on_use_clicked)
        self._forget = self._button("remove_from_list", self.tr("Remove from list"), "Remove from list")
        self._forget.clicked.connect(self._on_forget_clicked)
        self._lay_out()
        self.set_models([])

    def _advice_label(self) -> QLabel:
        label = QLabel(wordWrap=True)
        label.setObjectName("how_to_get_a_model")
        label.setTextFormat(Qt.TextFormat.PlainText)
        label.setText(
            self.tr(
                "Paddock runs any chat model in the GGUF format: a file whose name ends in .gguf. Drag one onto this "
                "window, or open it from where it lies; it is used in place, not copied.\n\n"
                "Have none yet? Search the web for the name of a model and GGUF, and download one file with your "
                "browser. TinyLlama-1.1B-Chat-v1.0 in the quant Q4_K_M is small enough for any computer."
            )
        )
        return label

    def _button(self, name: str, text: str, accessible_name: str) -> QPushButton:
        button = QPushButton(text)
        button.setObjectName(name)
        button.setAccessibleName(accessible_name)
        return button

    def _lay_out(self) -> None:
        top, bottom = QHBoxLayout(), QHBoxLayout()
        top.addWidget(self._heading, 1)
        top.addWidget(self._open)
        bottom.addWidget(self._use)
        bottom.addWidget(self._forget)
        bottom.addStretch(1)
        column = QWidget()
        column.setMaximumWidth(self.fontMetrics().averageCharWidth() * 120)
        layout = QVBoxLayout(column)
        layout.setSpacing(self.fontMetrics().height())
        layout.addLayout(top)
        layout.addWidget(self._view, 1)
        layout.addWidget(self._advice, 1, Qt.AlignmentFlag.AlignTop)
        layout.addLayout(bottom)
        outer = QHBoxLayout(self)
        outer.addWidget(column)

    def set_models(self, models: Sequence[RecentModel]) -> None:
        """Lists `models` in their order; the one chosen stays chosen."""
        chosen = self._chosen_path()
        self._model.clear()
        for model in models:
            self._model.appendRow(_row(model))
        paths = [model.path for model in models]
        self._view.setCurrentIndex(self._model.index(paths.index(chosen) if chosen in paths else 0, 0))
        self._heading.setText(self.tr("Models on this computer") if models else self.tr("No models yet"))
        for widget in (self._view, self._use, self._forget):
            widget.setVisible(bool(models))
        self._advice.setVisible(not models)
        self._update_buttons()

    def focusInEvent(self, event: QFocusEvent) -> None:  # noqa: N802
        # A focus proxy would do the same, but Tab on its way in would skip what comes before it.
        (self._open if self._view.isHidden() else self._view).setFocus(event.reason())

    def _chosen_path(self) -> str:
        return str(self._view.currentIndex().data(_PATH_ROLE) or "")

    def _update_buttons(self) -> None:
        for button in (self._use, self._forget):
            button.setEnabled(self._view.currentIndex().isValid())
            button.setAccessibleDescription(str(self._view.currentIndex().data() or ""))

    def _on_view_activated(self, index: QModelIndex) -> None:
        self.model_requested.emit(index.data(_PATH_ROLE))

    def _on_use_clicked(self) -> None:
        self.model_requested.emit(self._chosen_path())

    def _on_forget_clicked(self) -> None:
        self.forget_requested.emit(self._chosen_path())


def _row(model: RecentModel) -> QStandardItem:
    item = QStandardItem(model.name)
    size = QLocale().formattedDataSize(model.file_size, 1, QLocale.DataSizeFormat.DataSizeSIFormat)
    details = (model.quant, size, moment_in_words(model.used_at), str(Path(model.path).parent))
    second_line = " · ".join(detail for detail in details if detail)
    item.setData(model.path, _PATH_ROLE)
    item.setData(second_line, SECOND_LINE_ROLE)
    item.setData(f"{model.name}, {second_line}", int(Qt.ItemDataRole.AccessibleTextRole))
    return item
