"""A button that shows and hides what is below it, and tells a screen reader which of the two it is."""

from __future__ import annotations

from PySide6.QtCore import QObject, Qt
from PySide6.QtGui import QAccessible, QAccessibleActionInterface, QAccessibleInterface, QAccessibleStateChangeEvent
from PySide6.QtWidgets import QAccessibleWidget, QSizePolicy, QToolButton, QWidget


class FoldButton(QToolButton):
    """Folds `content` away, at first and whenever it is pressed again."""

    def __init__(self, content: QWidget, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        _tell_of_folds()
        self._content = content
        self.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.clicked.connect(self._on_clicked)
        self.set_open(False)

    def is_open(self) -> bool:
        """Whether the content is shown."""
        return not self._content.isHidden()

    def set_open(self, is_open: bool) -> None:
        """Shows or hides the content."""
        self._content.setVisible(is_open)
        self.setArrowType(Qt.ArrowType.DownArrow if is_open else Qt.ArrowType.RightArrow)
        changed = QAccessible.State()
        changed.expanded = changed.collapsed = True
        QAccessible.updateAccessibility(QAccessibleStateChangeEvent(self, changed))

    def _on_clicked(self) -> None:
        self.set_open(not self.is_open())


class _AccessibleFold(QAccessibleWidget):
    """Qt's own for buttons knows of no state but pressed."""

    def __init__(self, button: FoldButton) -> None:
        super().__init__(button, QAccessible.Role.Button)
        self._button = button

    def text(self, kind: QAccessible.Text) -> str:
        told = super().text(kind)
        return self._button.text() if kind == QAccessible.Text.Name and not told else told

    def state(self) -> QAccessible.State:
        state = super().state()
        state.expandable = True
        state.expanded = self._button.is_open()
        state.collapsed = not self._button.is_open()
        return state

    def actionNames(self) -> list[str]:  # noqa: N802
        return [QAccessibleActionInterface.pressAction(), *super().actionNames()]

    def doAction(self, name: str) -> None:  # noqa: N802
        if name == QAccessibleActionInterface.pressAction():
            self._button.click()
        else:
            super().doAction(name)


_told: list[bool] = []


def _tell_of_folds() -> None:
    if not _told:
        QAccessible.installFactory(_interface_of)
        _told.append(True)


def _interface_of(_class_name: str, described: QObject) -> QAccessibleInterface | None:
    return _AccessibleFold(described) if isinstance(described, FoldButton) else None
