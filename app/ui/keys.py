"""The Esc key, which ends what one is at, and else stops the reply that is being written."""

from __future__ import annotations

from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QKeyEvent


def is_escape(event: QEvent) -> bool:
    return isinstance(event, QKeyEvent) and event.key() == Qt.Key.Key_Escape


def claim_escape(event: QEvent) -> bool:
    """For `event` of a widget that has a use for Esc: true if that was the question, which is answered then.

    The key comes to the widget afterwards. Else it would be a shortcut of the window.
    """
    if event.type() != QEvent.Type.ShortcutOverride or not is_escape(event):
        return False
    event.accept()
    return True
