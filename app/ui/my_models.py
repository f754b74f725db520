"""The models on this computer: which there are, what they take, and what can be done with the one chosen."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QFocusEvent, QKeyEvent, QStandardItemModel
from PySide6.QtWidgets import (
    QAbstractItemView,
    QFrame,
    QHBoxLayout,
    QLabel,
    QListView,
    QMessageBox,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from app.core.library import ModelFile, Place, PlaceKind
from app.core.units import format_bytes
from app.ui.accessibility import follow_selection
from app.ui.empty_state import EmptyState
from app.ui.model_folders import ModelFolders, heading, models_in_words, named_button
from app.ui.model_rows import MODEL_ROLE, ModelDelegate, model_item
from app.ui.plain_text import tool_tip

_ROWS_IN_SIGHT = 5  # at least, in a low window


class MyModels(QWidget):
    """Lists models by last use. One set of buttons acts on the one chosen: sets in each row are long to tab through."""

    use_requested = Signal(str)  # path
    delete_requested = Signal(str)
    show_requested = Signal(str)
    open_requested = Signal()
    add_folder_requested = Signal()
    remove_place_requested = Signal(str)  # path of the folder
    offer_accepted = Signal(object)  # Place
    restore_requested = Signal()
    empty_trash_requested = Signal()
    find_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("my_models")
        self._models: Sequence[ModelFile] = ()
        self._loaded_path = ""
        self._model = QStandardItemModel(self)
        self._view = _View()
        self._view.setModel(self._model)
        self._view.selectionModel().currentChanged.connect(self._update_buttons)
        follow_selection(self._view)
        self._heading = heading("")
        self._heading.setObjectName("models_in_all")
        self._use = named_button("Use", self.tr("Use"))
        self._use.setDefault(True)  # stands out
        self._show = named_button("Show in folder", self.tr("Show in folder"))
        self._delete = named_button("Delete", self.tr("Delete"))
        self._open = named_button("Open model file", self.tr("Open model file"))
        self._empty = EmptyState(
            self.tr("No models yet"),
            self.tr(
                "Find one that suits this computer, or open a file that you have: any chat model in the GGUF format. "
                "Files are used where they lie, not copied."
            ),
            [("find_models", self.tr("Find models"))],
        )
        self._trash = _TrashLine()
        self._folders = ModelFolders()
        self._connect()
        self._lay_out()
        self._show_models()

    def _connect(self) -> None:
        self._view.entered_row.connect(self._use.click)
        self._view.delete_pressed.connect(self._delete.click)
        self._use.clicked.connect(lambda: self.use_requested.emit(self._chosen_path()))
        self._show.clicked.connect(lambda: self.show_requested.emit(self._chosen_path()))
        self._delete.clicked.connect(lambda: self.delete_requested.emit(self._chosen_path()))
        self._open.clicked.connect(self.open_requested)
        self._empty.action_requested.connect(self.find_requested)
        self._trash.restore_requested.connect(self.restore_requested)
        self._trash.empty_requested.connect(self.empty_trash_requested)
        self._folders.add_folder_requested.connect(self.add_folder_requested)
        self._folders.remove_place_requested.connect(self.remove_place_requested)
        self._folders.offer_accepted.connect(self.offer_accepted)

    def _lay_out(self) -> None:
        top, buttons = QHBoxLayout(), QHBoxLayout()
        top.addWidget(self._heading, 1)
        top.addWidget(self._open)
        for each in (self._use, self._show, self._delete):
            buttons.addWidget(each)
        buttons.addStretch(1)
        column = QWidget()
        column.setMaximumWidth(self.fontMetrics().averageCharWidth() * 165)
        layout = QVBoxLayout(column)
        layout.addLayout(top)
        layout.addWidget(self._view, 1)
        layout.addWidget(self._empty, 1, Qt.AlignmentFlag.AlignVCenter)
        layout.addLayout(buttons)
        layout.addWidget(self._trash)
        layout.addSpacing(self.fontMetrics().height())
        layout.addWidget(self._folders)
        page = QWidget()
        row = QHBoxLayout(page)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(column)
        area = QScrollArea()  # for low windows
        area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setWidgetResizable(True)
        area.setWidget(page)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(area)

    # Values

    def set_models(self, models: Sequence[ModelFile], loaded_path: str) -> None:
        """Lists `models`; `loaded_path` is that of the one in use, if any. The one chosen stays chosen."""
        ordered = sorted(models, key=lambda model: (-model.used_at, model.name.lower(), model.path))
        if (ordered, loaded_path) != (self._models, self._loaded_path):
            self._models, self._loaded_path = ordered, loaded_path
            self._show_models()

    def set_places(self, places: Sequence[Place], missing: Collection[Path], counts: Mapping[Path, int]) -> None:
        """Lists where models are looked for; `missing` are not connected, `counts` says how many models each has."""
        self._folders.set_places(places, missing, counts)

    def set_offers(self, offers: Sequence[tuple[Place, int]]) -> None:
        """Offers folders of other apps, with the number of models in each."""
        self._folders.set_offers(offers)

    def set_trash(self, count: int, size: int) -> None:
        """So many models are in the trash, of `size` bytes in all."""
        self._trash.show_contents(count, size)

    def focusInEvent(self, event: QFocusEvent) -> None:  # noqa: N802
        # A focus proxy would do the same, but Tab on its way in would skip what comes before it.
        (self._view if self._models else self._empty.buttons[0]).setFocus(event.reason())

    def _show_models(self) -> None:
        chosen, place = self._chosen_path(), self._view.currentIndex().row()
        paths = [str(model.path) for model in self._models]
        row = paths.index(chosen) if chosen in paths else min(max(place, 0), len(paths) - 1)
        # The new rows come before the old ones go, so that there is always one chosen and no button goes grey between.
        old = self._model.rowCount()
        for model in self._models:
            self._model.appendRow(model_item(model, is_loaded=str(model.path) == self._loaded_path))
        self._view.setCurrentIndex(self._model.index(old + row, 0) if paths else self._model.index(-1, -1))
        self._model.removeRows(0, old)
        self._heading.setText(_total(self._models) if paths else "")
        for widget in (self._view, self._use, self._show, self._delete):
            widget.setVisible(bool(paths))
        self._empty.setVisible(not paths)
        self._view.updateGeometry()
        self._update_buttons()

    def _chosen(self) -> ModelFile | None:
        model: ModelFile | None = self._view.currentIndex().data(MODEL_ROLE)
        return model

    def _chosen_path(self) -> str:
        model = self._chosen()
        return str(model.path) if model else ""

    def _update_buttons(self) -> None:
        model = self._chosen()
        if model is None:
            return
        self._enable(self._use, model.name, why_not=model.problem)
        self._enable(self._delete, model.name, why_not="" if model.is_ours else self._why_not_ours(model))
        self._show.setAccessibleDescription(model.name)

    def _enable(self, button: QPushButton, name: str, why_not: str) -> None:
        """Makes the button one for the model `name`, or says why there is nothing to press."""
        if why_not and button.hasFocus():
            self._view.setFocus()  # a button that goes grey would hand the focus on to anything
        button.setEnabled(not why_not)
        button.setToolTip(tool_tip(why_not))
        button.setAccessibleDescription(": ".join(part for part in (name, why_not) if part))

    def _why_not_ours(self, model: ModelFile) -> str:
        if model.place.kind is PlaceKind.ADDED:
            return self.tr("This is a file of your own, which Paddock never deletes.")
        return self.tr("This file belongs to {0}. Delete it there.").format(model.place.kind.value)


class _TrashLine(QWidget):
    """What is in the trash, and what can be done about it. Hidden while it is empty."""

    restore_requested = Signal()
    empty_requested = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("trash")
        self._words = QLabel()
        self._words.setObjectName("in_the_trash")
        self._question = ""
        restore = named_button("Restore", self.tr("Restore"))
        restore.setToolTip(tool_tip(self.tr("Brings back the model that was deleted last")))
        restore.clicked.connect(self.restore_requested)
        empty = named_button("Empty trash", self.tr("Empty trash…"))
        empty.clicked.connect(self._on_empty_clicked)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self._words)
        row.addWidget(restore)
        row.addWidget(empty)
        row.addStretch(1)
        self.hide()

    def show_contents(self, count: int, size: int) -> None:
        models, space = models_in_words(count), format_bytes(size)
        self._words.setText(self.tr("In the trash: {0}, {1}").format(models, space))
        self._question = self.tr("Delete {0} for good? This frees {1} and cannot be undone.").format(models, space)
        self.setVisible(count > 0)

    def _on_empty_clicked(self) -> None:
        box = QMessageBox(self.window())
        box.setObjectName("empty_trash_question")
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        box.setWindowTitle(self.tr("Empty the trash?"))
        box.setText(self._question)
        box.addButton(self.tr("Empty trash"), QMessageBox.ButtonRole.AcceptRole)
        box.setDefaultButton(box.addButton(QMessageBox.StandardButton.Cancel))
        box.accepted.connect(self.empty_requested)
        box.open()


class _View(QListView):
    entered_row = Signal()  # by Enter or a double click
    delete_pressed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("models_on_this_computer")
        self.setAccessibleName("Models on this computer")
        self.setItemDelegate(ModelDelegate(self))
        self.setUniformItemSizes(True)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.doubleClicked.connect(self.entered_row)

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        rows = min(self.model().rowCount(), _ROWS_IN_SIGHT) if self.model() else 0
        return QSize(super().minimumSizeHint().width(), rows * self.sizeHintForRow(0) + 2 * self.frameWidth())

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        # Only a key pressed anew: one held down would empty the list.
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and not event.isAutoRepeat():
            self.entered_row.emit()
        elif event.key() == Qt.Key.Key_Delete and not event.isAutoRepeat():
            self.delete_pressed.emit()
        else:
            super().keyPressEvent(event)


def _total(models: Sequence[ModelFile]) -> str:
    return f"{models_in_words(len(models))}, {format_bytes(sum(model.size for model in models))}"
