"""The frame: three places, the menus, the toast. No logic."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QByteArray, QMimeData, Qt, Signal, SignalInstance
from PySide6.QtGui import QAction, QActionGroup, QCloseEvent, QDragEnterEvent, QDropEvent, QKeySequence
from PySide6.QtWidgets import (
    QApplication,
    QFileDialog,
    QHBoxLayout,
    QMainWindow,
    QMenu,
    QMessageBox,
    QSizePolicy,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from app.core.versions import versions_text
from app.ui.chat_place import ChatPlace
from app.ui.icons import IconButton
from app.ui.library_place import LibraryPlace
from app.ui.settings_place import SettingsPlace
from app.ui.toast import Toast


class MainWindow(QMainWindow):
    """Shows one place at a time. A file dropped anywhere on it is a wish to open that file."""

    open_file_requested = Signal(str)  # path
    text_files_dropped = Signal(object)  # list of Path
    closing = Signal()
    new_conversation_requested = Signal()
    undo_delete_requested = Signal()
    search_requested = Signal()
    export_requested = Signal()
    export_all_requested = Signal()
    import_requested = Signal()
    print_requested = Signal()

    def __init__(self, chat: ChatPlace, library: LibraryPlace, settings: SettingsPlace) -> None:
        super().__init__()
        self.setObjectName("main_window")
        self.setWindowTitle("Paddock")
        self.setAcceptDrops(True)
        self._chat = chat
        self._places: dict[str, QWidget] = {"chat": chat, "library": library, "settings": settings}
        self._stack = QStackedWidget()
        self._toast = Toast()
        self._place_actions = self._make_place_actions()
        self._place_buttons = {name: self._place_button(name, action) for name, action in self._place_actions.items()}
        self._rail = self._make_rail()
        self.setCentralWidget(self._central())
        self._make_menus()
        unit = self.fontMetrics().averageCharWidth()
        self.resize(unit * 200, unit * 130)
        self.show_place("chat")

    # Building

    def _make_place_actions(self) -> dict[str, QAction]:
        labels = {"chat": self.tr("Chat"), "library": self.tr("Library"), "settings": self.tr("Settings")}
        group = QActionGroup(self)
        actions = {}
        for number, (name, label) in enumerate(labels.items(), start=1):
            actions[name] = QAction(label, group, checkable=True, shortcut=QKeySequence(f"Ctrl+{number}"))
            actions[name].setData(name)
        group.triggered.connect(self._on_place_triggered)
        return actions

    def _make_rail(self) -> QWidget:
        rail = QWidget()
        rail.setObjectName("rail")
        column = QVBoxLayout(rail)
        for button in self._place_buttons.values():
            column.addWidget(button)
        rail.setFocusProxy(self._place_buttons["chat"])
        column.addStretch(1)
        return rail

    def _place_button(self, name: str, action: QAction) -> IconButton:
        button = IconButton(name, scale=1.8)
        button.setObjectName(name)
        button.setText(action.text())
        button.setAccessibleName(name.capitalize())
        button.setToolTip(f"{action.text()} ({action.shortcut().toString(QKeySequence.SequenceFormat.NativeText)})")
        button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextUnderIcon)
        button.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        button.setCheckable(True)
        button.clicked.connect(action.trigger)
        return button

    def _central(self) -> QWidget:
        for place in self._places.values():
            self._stack.addWidget(place)
        row = QHBoxLayout()
        row.setSpacing(0)
        row.addWidget(self._rail)
        row.addWidget(self._stack, 1)
        central = QWidget()
        layout = QVBoxLayout(central)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addLayout(row, 1)
        layout.addWidget(self._toast)
        return central

    def _make_menus(self) -> None:
        file_menu = self.menuBar().addMenu(self.tr("&File"))
        self._add(file_menu, self.tr("&New conversation"), "Ctrl+N", self.new_conversation_requested)
        self._add(file_menu, self.tr("&Open model file…"), "Ctrl+O", self.choose_model_file)
        file_menu.addSeparator()
        self._add(file_menu, self.tr("&Export conversation…"), "Ctrl+E", self.export_requested)
        self._add(file_menu, self.tr("Export &all conversations…"), "", self.export_all_requested)
        self._add(file_menu, self.tr("&Import conversations…"), "", self.import_requested)
        self._add(file_menu, self.tr("&Print…"), "Ctrl+P", self.print_requested)
        file_menu.addSeparator()
        self._add(file_menu, self.tr("&Quit"), "Ctrl+Q", self.close)
        edit_menu = self.menuBar().addMenu(self.tr("&Edit"))
        # A text editor keeps Ctrl+Z to itself while it has the focus.
        self._add(edit_menu, self.tr("&Undo delete"), "Ctrl+Z", self.undo_delete_requested)
        edit_menu.addSeparator()
        self._add(edit_menu, self.tr("&Search conversations"), "Ctrl+Shift+F", self._on_search_triggered)
        view_menu = self.menuBar().addMenu(self.tr("&View"))
        view_menu.addActions(list(self._place_actions.values()))
        view_menu.addSeparator()
        panel = self._add(view_menu, self.tr("Show &panel"), "F9", self._chat.show_panel)
        panel.setCheckable(True)
        panel.setChecked(True)
        self._chat.panel_shown.connect(panel.setChecked)
        view_menu.addActions(self._chat.conversation_actions())
        view_menu.addSeparator()
        self._add(view_menu, self.tr("&Next pane"), "F6", self._on_next_pane_triggered)
        self._add(view_menu, self.tr("P&revious pane"), "Shift+F6", self._on_previous_pane_triggered)
        help_menu = self.menuBar().addMenu(self.tr("&Help"))
        shortcuts = self._add(help_menu, self.tr("&Keyboard shortcuts"), "F1", self._on_shortcuts_triggered)
        shortcuts.setShortcuts([QKeySequence("F1"), QKeySequence("Ctrl+/")])
        self._add(help_menu, self.tr("&About Paddock"), "", self._on_about_triggered)

    def _add(self, menu: QMenu, text: str, keys: str, slot: Callable[..., object] | SignalInstance) -> QAction:
        action = menu.addAction(text)
        action.setShortcut(QKeySequence(keys))
        action.triggered.connect(slot)
        return action

    # Values

    def show_place(self, name: str) -> None:
        """Shows `chat`, `library` or `settings`, and moves the focus there."""
        self._place_actions[name].setChecked(True)
        for button_name, button in self._place_buttons.items():
            button.setChecked(button_name == name)
        place = self._places[name]
        if self._stack.currentWidget() is not place or self.focusWidget() is None:
            self._stack.setCurrentWidget(place)
            place.setFocus()

    def choose_model_file(self) -> None:
        """Asks for a model file; if one is chosen, emits `open_file_requested`."""
        dialog = QFileDialog(self, self.tr("Open model file"))
        dialog.setObjectName("choose_model_file")
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.setNameFilters([self.tr("Models (*.gguf)"), self.tr("All files (*)")])
        dialog.fileSelected.connect(self.open_file_requested)
        dialog.open()

    def show_toast(self, text: str, action_label: str = "", action: Callable[[], object] | None = None) -> None:
        """Says `text` at the bottom of the window for a while; with a label, a button there calls `action`."""
        self._toast.show_text(text, action_label, action)

    def save_layout(self) -> bytes:
        """Place and size of the window and its parts, to be given to `restore_layout` at the next start."""
        window = self.saveGeometry().toHex().toStdString()
        return json.dumps({"window": window, "chat": self._chat.save_layout()}).encode()

    def restore_layout(self, layout: bytes) -> None:
        """Goes back to what `save_layout` returned; what makes no sense is left as it is."""
        try:
            values = json.loads(layout)
            window, chat = QByteArray.fromHex(values["window"].encode()), dict(values["chat"])
        except (ValueError, TypeError, KeyError, AttributeError):
            return
        self.restoreGeometry(window)
        self._chat.restore_layout(chat)

    # Events

    def closeEvent(self, event: QCloseEvent) -> None:  # noqa: N802
        self.closing.emit()
        super().closeEvent(event)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:  # noqa: N802
        if _files_in(event.mimeData()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:  # noqa: N802
        paths = _files_in(event.mimeData())
        if not paths:
            return
        event.acceptProposedAction()
        model = next((path for path in paths if path.suffix.lower() == ".gguf"), None)
        if model is not None:
            self.open_file_requested.emit(str(model))
        elif self._stack.currentWidget() is self._chat:
            self.text_files_dropped.emit(paths)
        else:
            self.open_file_requested.emit(str(paths[0]))  # which says why it is no model

    def _on_place_triggered(self, action: QAction) -> None:
        self.show_place(action.data())

    def _on_next_pane_triggered(self) -> None:
        self._move_focus(1)

    def _on_previous_pane_triggered(self) -> None:
        self._move_focus(-1)

    def _move_focus(self, steps: int) -> None:
        """Moves the focus to the next pane: the rail, or a part of the place shown."""
        place = self._stack.currentWidget()
        panes = [self._rail, *(self._chat.panes() if place is self._chat else [place])]
        focus = QApplication.focusWidget()
        present = next((at for at, pane in enumerate(panes) if pane.isAncestorOf(focus) or pane is focus), 0)
        panes[(present + steps) % len(panes)].setFocus(Qt.FocusReason.ShortcutFocusReason)

    def _on_search_triggered(self) -> None:
        self.show_place("chat")
        self.search_requested.emit()

    def _on_shortcuts_triggered(self) -> None:
        # Imported here: a start of the app does not wait for it.
        from app.ui.shortcuts_dialog import ShortcutsDialog, groups_in, other_groups  # noqa: PLC0415

        dialog = ShortcutsDialog([*groups_in(self.menuBar()), *other_groups()], self)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.open()

    def _on_about_triggered(self) -> None:
        box = QMessageBox(self)
        box.setObjectName("about")
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        box.setWindowTitle(self.tr("About Paddock"))
        box.setTextFormat(Qt.TextFormat.PlainText)
        box.setText(self.tr("Private chat with local models.") + "\n\n" + versions_text())
        box.open()


def _files_in(data: QMimeData) -> list[Path]:
    """The local files of a drag."""
    return [Path(url.toLocalFile()) for url in data.urls() if url.isLocalFile()]
