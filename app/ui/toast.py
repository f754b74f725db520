"""A bar at the bottom of the window that says what was done, and may offer to undo it."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QEvent, QObject, Qt, QTimer
from PySide6.QtGui import QAccessible, QAccessibleAnnouncementEvent, QEnterEvent, QPalette
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QWidget

SHOWN_MS = 10_000


class Toast(QFrame):
    """Hidden until `show_text`. Goes by itself, but never while the pointer or the keyboard is on it.

    Its colours are the window's the other way round. It takes room in the layout: floating over it, it would cover
    the box one types in.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("toast")
        self.setAutoFillBackground(True)
        self.setBackgroundRole(QPalette.ColorRole.WindowText)
        self._action: Callable[[], object] | None = None
        self._text = QLabel()
        self._text.setObjectName("toast_text")
        self._text.setTextFormat(Qt.TextFormat.PlainText)
        self._text.setWordWrap(True)
        self._text.setForegroundRole(QPalette.ColorRole.Window)
        self._button = QPushButton()
        self._button.setObjectName("toast_action")
        self._button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self._button.clicked.connect(self._on_button_clicked)
        self._button.installEventFilter(self)
        layout = QHBoxLayout(self)
        layout.addWidget(self._text, 1)
        layout.addWidget(self._button)
        self._timer = QTimer(self, singleShot=True, interval=SHOWN_MS)
        self._timer.timeout.connect(self._on_timer_timeout)
        self.hide()

    def show_text(self, text: str, action_label: str = "", action: Callable[[], object] | None = None) -> None:
        """Shows `text`, in place of what was shown; with a label, a button that calls `action` once."""
        self._text.setText(text)
        self._action = action
        self._button.setText(action_label)
        self._button.setAccessibleName(action_label)
        self._button.setVisible(bool(action_label))
        self.show()
        self._timer.start()
        QAccessible.updateAccessibility(QAccessibleAnnouncementEvent(self, text))

    def enterEvent(self, event: QEnterEvent) -> None:  # noqa: N802
        self._timer.stop()
        super().enterEvent(event)

    def leaveEvent(self, event: QEvent) -> None:  # noqa: N802
        self._timer.start()
        super().leaveEvent(event)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802
        if event.type() == QEvent.Type.FocusOut:
            self._timer.start()
        return super().eventFilter(watched, event)

    def _on_timer_timeout(self) -> None:
        if not self._button.hasFocus():
            self.hide()

    def _on_button_clicked(self) -> None:
        self.hide()
        action, self._action = self._action, None
        if action is not None:
            action()
