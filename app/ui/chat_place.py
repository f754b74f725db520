"""Where one talks with a model: conversations on the left, the one shown in the middle, its settings on the right."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QByteArray, Qt, Signal
from PySide6.QtGui import QAction, QFocusEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QScrollArea, QSplitter, QVBoxLayout, QWidget

from app.ui.composer import Composer
from app.ui.context_meter import ContextMeter
from app.ui.conversation_list import ConversationList
from app.ui.icons import IconButton
from app.ui.model_picker import ModelPicker
from app.ui.presets_box import PresetsBox
from app.ui.settings_panel import SettingsPanel
from app.ui.status_line import StatusLine
from app.ui.system_prompt import SystemPrompt


class ChatPlace(QWidget):
    """Lays out the widgets it is given. The panel on the right can be hidden."""

    panel_shown = Signal(bool)

    def __init__(
        self,
        conversations: ConversationList,
        picker: ModelPicker,
        conversation: QWidget,
        composer: Composer,
        status: StatusLine,
        meter: ContextMeter,
        presets: PresetsBox,
        system_prompt: SystemPrompt,
        settings: SettingsPanel,
    ) -> None:
        super().__init__()
        self.setObjectName("chat_place")
        self._conversations = conversations
        self._conversation = conversation
        self._panel_button = IconButton("panel")
        self._panel_button.setObjectName("show_panel")
        self._panel_button.setAccessibleName("Show panel")
        self._panel_button.setToolTip(self.tr("Show or hide system prompt and settings (F9)"))
        self._panel_button.setCheckable(True)
        self._panel_button.setChecked(True)
        self._panel_button.toggled.connect(self.show_panel)
        centre = self._centre(picker, conversation, composer, meter, status)
        self._panel = self._right_panel(presets, system_prompt, settings)
        self._composer = composer
        self._panes = (conversations, picker, conversation, composer, self._panel)
        self._splitter = QSplitter()
        self._splitter.setChildrenCollapsible(False)
        for widget in (conversations, centre, self._panel):
            self._splitter.addWidget(widget)
            widget.raise_()  # the order for a screen reader
        for index in range(self._splitter.count()):
            self._splitter.handle(index).raise_()
        self._splitter.setStretchFactor(1, 1)
        unit = self.fontMetrics().averageCharWidth()
        self._splitter.setSizes([unit * 28, unit * 90, unit * 48])
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._splitter)

    def _centre(self, picker: QWidget, *below: QWidget) -> QWidget:
        top = QHBoxLayout()
        top.addWidget(picker, 1)
        top.addWidget(self._panel_button, 0, Qt.AlignmentFlag.AlignTop)
        centre = QWidget()
        layout = QVBoxLayout(centre)
        layout.addLayout(top)
        for widget in below:
            layout.addWidget(widget, 1 if widget is self._conversation else 0)
        return centre

    def _right_panel(self, presets: PresetsBox, system_prompt: SystemPrompt, settings: SettingsPanel) -> QWidget:
        scroll = QScrollArea(widgetResizable=True)
        scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setWidget(settings)
        scroll.setMinimumWidth(settings.minimumSizeHint().width() + scroll.verticalScrollBar().sizeHint().width())
        panel = _Panel(system_prompt)
        panel.setObjectName("panel")
        layout = QVBoxLayout(panel)
        layout.addWidget(presets)
        layout.addWidget(system_prompt, 1)
        layout.addWidget(scroll, 4)
        return panel

    def focusInEvent(self, event: QFocusEvent) -> None:  # noqa: N802
        # A focus proxy would do the same, but Tab on its way in would skip what comes before it.
        self._composer.setFocus(event.reason())

    def panes(self) -> list[QWidget]:
        """What F6 moves through, in reading order."""
        return [pane for pane in self._panes if not pane.isHidden()]

    def conversation_actions(self) -> list[QAction]:
        """What can be done with the conversation that is shown, for the menus."""
        return self._conversation.actions()

    def show_panel(self, shown: bool) -> None:
        """Shows or hides system prompt and settings."""
        if shown == self._panel.isVisibleTo(self):
            return
        self._panel.setVisible(shown)
        self._panel_button.setChecked(shown)
        self.panel_shown.emit(shown)

    def save_layout(self) -> dict[str, Any]:
        """The widths, whether the panel is shown, and which groups are closed, as JSON can hold them."""
        state = self._splitter.saveState().toHex().toStdString()
        groups = self._conversations.closed_groups()
        return {"splitter": state, "panel": self._panel.isVisibleTo(self), "closed_groups": groups}

    def restore_layout(self, layout: dict[str, Any]) -> None:
        """Goes back to what `save_layout` returned; what makes no sense is left as it is."""
        self._splitter.restoreState(QByteArray.fromHex(str(layout.get("splitter")).encode()))
        self.show_panel(layout.get("panel") is not False)
        groups = layout.get("closed_groups")
        if isinstance(groups, list):
            self._conversations.close_groups(group for group in groups if isinstance(group, str))


class _Panel(QWidget):
    """Hands the focus on to `first`. A focus proxy would make Tab skip what comes before it."""

    def __init__(self, first: QWidget) -> None:
        super().__init__()
        self._first = first

    def focusInEvent(self, event: QFocusEvent) -> None:  # noqa: N802
        self._first.setFocus(event.reason())
