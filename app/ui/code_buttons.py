"""The `Copy` buttons on the code of a message."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from PySide6.QtCore import QRectF, QTimer
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QToolButton, QWidget

from app.ui.accessibility import announce
from app.ui.code_colours import CodePlace
from app.ui.looks import Looks
from app.ui.theme import take_font

_MOST = 200  # in a message
_THANKS = 2000  # milliseconds


class CodeButtons:
    """As many buttons as there is code, over a text."""

    def __init__(self, parent: QWidget) -> None:
        self._parent = parent
        self._places: Sequence[CodePlace] = ()
        self.buttons: list[QToolButton] = []  # from first to last

    def show(self, places: Sequence[CodePlace]) -> None:
        """These are the codes there are now."""
        self._places = places
        count = min(len(places), _MOST)
        while len(self.buttons) > count:
            gone = self.buttons.pop()
            if gone.hasFocus():
                self._parent.setFocus()
            gone.hide()
            gone.deleteLater()
        while len(self.buttons) < count:
            self._add(len(self.buttons))

    def place(self, index: int, area: QRectF, looks: Looks) -> None:
        """Puts a button on the head of its code, whose first line is at `area`, in the parent's coordinates."""
        button = self.buttons[index]
        size = button.sizeHint()
        height = min(size.height(), round(looks.head() + looks.padding()))
        top = area.top() - looks.head() - looks.padding() / 2 + (looks.head() - height) / 2
        button.setGeometry(round(area.right()) - size.width() - 2, round(top), size.width(), height)
        if button.isHidden():
            button.show()

    def _add(self, index: int) -> None:
        button = QToolButton(self._parent)
        take_font(button)
        button.setObjectName("copy_code")
        button.setAccessibleName("Copy code")
        button.setAccessibleDescription(self._places[index].language)
        button.setText(self._parent.tr("Copy"))
        button.setAutoRaise(True)
        button.setFocusPolicy(self._parent.focusPolicy())
        button.clicked.connect(partial(self._on_clicked, button))
        QWidget.setTabOrder(self.buttons[-1] if self.buttons else self._parent, button)
        self.buttons.append(button)

    def _on_clicked(self, button: QToolButton) -> None:
        place = self._places[self.buttons.index(button)]
        QGuiApplication.clipboard().setText(place.text())
        button.setText(self._parent.tr("Copied"))
        announce(button, self._parent.tr("Copied"))
        QTimer.singleShot(_THANKS, button, partial(button.setText, self._parent.tr("Copy")))
