"""The picker on top of a conversation: which model answers, and how to choose another."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QAction, QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QMenu, QProgressBar, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from app.core.recent_models import RecentModel
from app.ui.plain_text import button_text, tool_tip


class ModelPicker(QWidget):
    """Shows model, quant and state. Its menu offers the models used before, the guide, another file, and to unload."""

    model_requested = Signal(str)  # path
    guide_requested = Signal()
    open_requested = Signal()
    unload_requested = Signal()
    cancel_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("model_picker")
        self._recent: list[tuple[QAction, Path]] = []
        self._guide_action = QAction(self.tr("Guide"), self)
        self._guide_action.setToolTip(self.tr("A tiny model that knows Paddock and nothing else"))
        self._guide_action.setObjectName("guide")
        self._guide_action.triggered.connect(self.guide_requested)
        self._open_action = QAction(self.tr("Open model file…"), self)
        self._open_action.triggered.connect(self.open_requested)
        self._unload_action = QAction(self.tr("Unload model"), self)
        self._unload_action.setObjectName("unload_model")
        self._unload_action.triggered.connect(self.unload_requested)
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
        self.set_models([])
        self.show_none()

    def set_models(self, models: Sequence[RecentModel]) -> None:
        """Offers `models` in their order."""
        self._menu.clear()
        self._recent = [(self._recent_action(model), Path(model.path)) for model in models]
        self._menu.addActions([action for action, _ in self._recent])
        self._menu.addSeparator()
        self._menu.addAction(self._guide_action)
        self._menu.addSeparator()
        self._menu.addActions([self._open_action, self._unload_action])

    def _recent_action(self, model: RecentModel) -> QAction:
        action = QAction(button_text(_joined(model.name, model.quant)), self._menu)
        action.setToolTip(tool_tip(model.path))
        action.triggered.connect(partial(self.model_requested.emit, model.path))
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
        for action, path in self._recent:
            action.setEnabled(path.exists())


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
        return QSize(self.fontMetrics().averageCharWidth() * 18, super().minimumSizeHint().height())

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        super().resizeEvent(event)
        self._elide()

    def _elide(self) -> None:
        room = self.width() - self.fontInfo().pixelSize() * 3  # for the frame and the arrow
        self.setText(button_text(self.fontMetrics().elidedText(self._full_text, Qt.TextElideMode.ElideMiddle, room)))


def _joined(*parts: str) -> str:
    return " · ".join(part for part in parts if part)
