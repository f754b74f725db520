"""The presets beside a conversation: one is chosen from a list, the rest is in a menu."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QPoint, QSignalBlocker, Qt, Signal
from PySide6.QtGui import QKeyEvent, QWheelEvent
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QInputDialog, QLabel, QLineEdit, QMenu, QVBoxLayout, QWidget

from app.core.presets import LONGEST_NAME, Preset, clean_name
from app.ui.icons import IconButton


class PresetsBox(QWidget):
    """Shows the names of presets. Choosing one is a wish: whoever grants it calls `set_current`, or leaves it."""

    preset_chosen = Signal(object)  # Preset
    save_requested = Signal(str)  # name; one of that name is replaced
    delete_requested = Signal(str)
    import_requested = Signal()
    export_requested = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("presets_box")
        self._presets: list[Preset] = []
        self._combo = _DeliberateCombo()
        self._combo.setObjectName("preset")
        self._combo.setAccessibleName("Preset")
        self._combo.setToolTip(self.tr("A system prompt and settings of writing, kept under a name"))
        self._combo.activated.connect(self._on_combo_activated)
        self._button = IconButton("more", scale=1.0)
        self._button.setObjectName("preset_actions")
        self._button.setAccessibleName("Preset actions")
        self._button.setAccessibleDescription(self.tr("Opens a menu"))
        self._button.setToolTip(self.tr("Save, delete or share presets"))
        self._button.clicked.connect(self._on_button_clicked)
        label = QLabel(self.tr("Preset"))
        label.setBuddy(self._combo)
        row = QHBoxLayout()
        row.addWidget(self._combo, 1)
        row.addWidget(self._button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(label)
        layout.addLayout(row)
        self.set_presets([])

    def set_presets(self, presets: Sequence[Preset]) -> None:
        """Offers these, in their order; the current one stays so if it is among them."""
        current = self.current()
        self._presets = list(presets)
        with QSignalBlocker(self._combo):
            self._combo.clear()
            self._combo.addItems([preset.name for preset in presets])
        self._combo.setPlaceholderText(self.tr("Choose a preset") if presets else self.tr("No presets yet"))
        self._combo.setEnabled(bool(presets))
        self.set_current(current)

    def set_current(self, name: str) -> None:
        """Shows which preset is in use; empty: none, or one that was changed since."""
        names = [preset.name for preset in self._presets]
        with QSignalBlocker(self._combo):
            self._combo.setCurrentIndex(names.index(name) if name in names else -1)

    def current(self) -> str:
        """The name of the preset that is shown; empty if none is."""
        place = self._combo.currentIndex()
        return self._presets[place].name if 0 <= place < len(self._presets) else ""

    def _on_combo_activated(self, place: int) -> None:
        if 0 <= place < len(self._presets):
            self.preset_chosen.emit(self._presets[place])

    def _on_button_clicked(self) -> None:
        menu = QMenu(self._button)
        menu.setObjectName("preset_menu")
        menu.setAccessibleName("Preset actions")
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        name = self.current()
        save = menu.addAction(self.tr("Save as…"), self._ask_for_name)
        delete = menu.addAction(self.tr("Delete"), lambda: self.delete_requested.emit(name))
        menu.addSeparator()
        bring_in = menu.addAction(self.tr("Import…"), self.import_requested.emit)
        export = menu.addAction(self.tr("Export…"), lambda: self.export_requested.emit(name))
        for action, called in ((save, "save_as"), (delete, "delete"), (bring_in, "import"), (export, "export")):
            action.setObjectName(called)
        for action in (delete, export):
            action.setEnabled(bool(name))  # there must be one to do it with
        menu.popup(self._button.mapToGlobal(QPoint(0, self._button.height())))

    def _ask_for_name(self) -> None:
        dialog = QInputDialog(self)
        dialog.setObjectName("save_preset")
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setWindowTitle(self.tr("Save preset"))
        dialog.setLabelText(
            self.tr("Keeps the system prompt and the settings of writing.\nName (a preset of that name is replaced):")
        )
        dialog.setTextValue(self.current())
        dialog.textValueSelected.connect(self._on_name_selected)
        dialog.open()
        box = dialog.findChild(QLineEdit)
        assert isinstance(box, QLineEdit)
        box.setObjectName("preset_name")
        box.setAccessibleName("Preset name")
        box.setMaxLength(LONGEST_NAME)

    def _on_name_selected(self, text: str) -> None:
        if name := clean_name(text):
            self.save_requested.emit(name)


class _DeliberateCombo(QComboBox):
    """Changes nothing but by a choice from its open list: a preset takes the place of what is written in a box.

    Arrow keys and letters, which otherwise choose at once, open the list; the wheel is left to what scrolls.
    """

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        moves = (
            Qt.Key.Key_Up,
            Qt.Key.Key_Down,
            Qt.Key.Key_PageUp,
            Qt.Key.Key_PageDown,
            Qt.Key.Key_Home,
            Qt.Key.Key_End,
        )
        is_plain = not event.modifiers() & (Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.AltModifier)
        if event.key() in moves or (is_plain and event.text().isprintable() and event.text()):
            self.showPopup()
        else:
            super().keyPressEvent(event)

    def wheelEvent(self, event: QWheelEvent) -> None:  # noqa: N802
        event.ignore()
