"""The picker on top of a conversation: which model answers, and how to choose another."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QSize, Qt, Signal, SignalInstance
from PySide6.QtGui import QAction, QPalette, QResizeEvent
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QMenu,
    QProgressBar,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
    QWidgetAction,
)

from app.core.library import ModelFile
from app.core.units import format_bytes
from app.ui.plain_text import button_text, tool_tip

_OTHERS = 12  # models offered besides the quants of the present one; the rest is in the Library


class ModelPicker(QWidget):
    """Shows model, quant and state. Its menu switches to another quant or model on disk, and leads to more."""

    model_requested = Signal(str)  # path
    guide_requested = Signal()
    another_quant_requested = Signal()
    library_requested = Signal()
    open_requested = Signal()
    unload_requested = Signal()
    cancel_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("model_picker")
        self._on_disk: list[tuple[QAction, Path]] = []
        self._models: Sequence[ModelFile] = ()
        self._family = ""
        self._loaded_path = ""
        self._guide_action = self._action("guide", self.tr("Guide"), self.guide_requested)
        self._guide_action.setToolTip(self.tr("A tiny model that knows Paddock and nothing else"))
        self._quant_action = self._action("another_quant", self.tr("Get another quant…"), self.another_quant_requested)
        self._more_action = self._action("more_in_library", self.tr("More in the Library…"), self.library_requested)
        self._library_action = self._action("get_a_model", self.tr("Get a model…"), self.library_requested)
        self._open_action = self._action("open_a_file", self.tr("Open model file…"), self.open_requested)
        self._unload_action = self._action("unload_model", self.tr("Unload model"), self.unload_requested)
        self._button = _ElidingButton()
        self._button.setObjectName("model")
        self._button.setAccessibleName("Model")
        self._menu = QMenu(self._button)  # a menu of the picker's own would tear its buttons out of the tab order
        self._menu.aboutToShow.connect(self._on_menu_about_to_show)
        self._button.setMenu(self._menu)
        self._progress = QProgressBar(textVisible=False, maximum=100)
        self._progress.setObjectName("loading")
        self._progress.setAccessibleName("Loading")
        self._progress.setMaximumHeight(self.fontMetrics().height() // 2)
        self._cancel = QPushButton(self.tr("Cancel"))
        self._cancel.setObjectName("cancel_loading")
        self._cancel.setAccessibleName("Cancel loading")
        self._cancel.clicked.connect(self.cancel_requested)
        self._open = QPushButton(self.tr("Open model file"))
        self._open.setObjectName("open_model_file")
        self._open.setAccessibleName("Open model file")
        self._open.clicked.connect(self.open_requested)
        row = QHBoxLayout()
        row.addWidget(self._button, 1)
        row.addWidget(self._cancel)
        row.addWidget(self._open)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(row)
        layout.addWidget(self._progress)
        self.setFocusProxy(self._button)
        self.set_models([], "", "")
        self.show_none()

    def _action(self, name: str, text: str, wish: SignalInstance) -> QAction:
        action = QAction(text, self)
        action.setObjectName(name)
        action.triggered.connect(wish)
        return action

    def set_models(self, models: Sequence[ModelFile], present_family: str, present_path: str) -> None:
        """Offers the models on disk that can be used.

        `present_family` is the model whose quants come first, `present_path` the file that is loaded; empty if none.
        """
        self._models, self._family, self._loaded_path = models, present_family, present_path
        if not self._menu.isVisible():  # never while someone is about to click
            self._fill_menu()

    def _fill_menu(self) -> None:
        usable = [model for model in self._models if not model.problem]
        quants = [model for model in usable if self._family and model.family == self._family]
        others = [model for model in usable if model not in quants]
        others.sort(key=lambda model: (-model.used_at, model.name.lower(), model.path))
        self._on_disk = []
        self._menu.clear()
        self._add_section(self.tr("Quants of this model"), sorted(quants, key=lambda model: model.size))
        self._add_section(self.tr("Other models"), others[:_OTHERS])
        if len(others) > _OTHERS:
            self._menu.addAction(self._more_action)
        self._menu.addAction(self._guide_action)
        self._menu.addSeparator()
        self._quant_action.setVisible("/" in self._family)  # only such a name is that of a page
        self._menu.addActions([self._quant_action, self._library_action, self._open_action])
        self._menu.addSeparator()
        self._menu.addAction(self._unload_action)

    def _add_section(self, heading: str, models: Sequence[ModelFile]) -> None:
        if not models:
            return
        self._menu.addAction(_Heading(heading, self._menu))
        for model in models:
            action = self._model_action(model)
            self._menu.addAction(action)
            self._on_disk.append((action, model.path))

    def _model_action(self, model: ModelFile) -> QAction:
        action = QAction(button_text(_joined(model.name, model.quant, format_bytes(model.size))), self._menu)
        action.setCheckable(True)
        action.setToolTip(tool_tip(str(model.path)))
        action.triggered.connect(lambda: self.model_requested.emit(str(model.path)))
        return action

    def show_none(self) -> None:
        """No model is loaded."""
        self._show_state(self.tr("No model is loaded"))

    def show_loading(self, name: str, fraction: float) -> None:
        """The model `name` is being loaded; `fraction` of it, 0..1, is."""
        percent = round(fraction * 100)
        self._show_state(_joined(name, self.tr("loading {percent} %").format(percent=percent)), loading=True)
        self._progress.setValue(percent)

    def show_loaded(self, name: str, quant: str) -> None:
        """The model is ready."""
        self._show_state(_joined(name, quant, self.tr("ready")), loaded=True)

    def show_failed(self, name: str) -> None:
        """The model could not be loaded, or was lost."""
        self._show_state(_joined(name, self.tr("not loaded")))

    def _show_state(self, text: str, *, loading: bool = False, loaded: bool = False) -> None:
        had_focus = self._cancel.hasFocus()
        self._button.set_full_text(text)
        self._button.setAccessibleDescription(text)
        self._progress.setVisible(loading)
        self._cancel.setVisible(loading)
        self._open.setVisible(not loading)
        self._unload_action.setEnabled(loaded)
        if had_focus and not loading:
            self._button.setFocus()

    def _on_menu_about_to_show(self) -> None:
        self._fill_menu()
        for action, path in self._on_disk:
            action.setEnabled(path.exists())
            action.setChecked(self._unload_action.isEnabled() and str(path) == self._loaded_path)


class _Heading(QWidgetAction):
    """What `QMenu.addSection` would make, which shows no text under a style sheet. A separator is passed over."""

    def __init__(self, text: str, menu: QMenu) -> None:
        super().__init__(menu)
        self.setText(text)
        self.setSeparator(True)
        label = QLabel(text)
        label.setObjectName("menu_heading")
        label.setForegroundRole(QPalette.ColorRole.PlaceholderText)
        self.setDefaultWidget(label)


class _ElidingButton(QPushButton):
    """As wide as there is room, with a text cut to fit."""

    def __init__(self) -> None:
        super().__init__()
        self._full_text = ""
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def set_full_text(self, text: str) -> None:
        self._full_text = text
        self.setToolTip(tool_tip(text))
        self._elide()

    def sizeHint(self) -> QSize:  # noqa: N802
        return QSize(self.fontMetrics().averageCharWidth() * 30, super().sizeHint().height())

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        return QSize(self.fontMetrics().averageCharWidth() * 14, super().minimumSizeHint().height())

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        super().resizeEvent(event)
        self._elide()

    def _elide(self) -> None:
        room = self.width() - self.fontInfo().pixelSize() * 3  # for the frame and the arrow
        self.setText(button_text(self.fontMetrics().elidedText(self._full_text, Qt.TextElideMode.ElideMiddle, room)))


def _joined(*parts: str) -> str:
    return " · ".join(part for part in parts if part)
