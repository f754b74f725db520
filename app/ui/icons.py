"""Our own line icons, drawn in the colour of the text around them."""

from __future__ import annotations

import functools

from PySide6.QtCore import QByteArray, QEvent, QSize, Qt
from PySide6.QtGui import QIcon, QPainter, QPalette, QPixmap
from PySide6.QtSvg import QSvgRenderer
from PySide6.QtWidgets import QToolButton, QWidget

from app.core.resources import resource

_SIZES = (16, 24, 32, 48, 64, 96)  # pixels; enough for large fonts and dense screens


def line_icon(name: str, palette: QPalette) -> QIcon:
    """`resources/icons/NAME.svg` with `currentColor` taken from `palette`, normal and disabled."""
    normal, disabled = (
        palette.color(group, QPalette.ColorRole.ButtonText).name()
        for group in (QPalette.ColorGroup.Active, QPalette.ColorGroup.Disabled)
    )
    return _icon(name, normal, disabled)


@functools.lru_cache  # a change of palette reaches every button several times
def _icon(name: str, normal: str, disabled: str) -> QIcon:
    drawing = resource(f"icons/{name}.svg").read_text("utf-8")
    icon = QIcon()
    for mode, colour in ((QIcon.Mode.Normal, normal), (QIcon.Mode.Disabled, disabled)):
        renderer = QSvgRenderer(QByteArray(drawing.replace("currentColor", colour).encode()))
        for size in _SIZES:
            icon.addPixmap(_drawn(renderer, size), mode)
    return icon


def _drawn(renderer: QSvgRenderer, size: int) -> QPixmap:
    pixmap = QPixmap(size, size)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    renderer.render(painter)
    painter.end()
    return pixmap


class IconButton(QToolButton):
    """A flat button with one of our icons, which follows the palette and, `scale` times its height, the font."""

    def __init__(self, icon: str, scale: float = 1.2, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._icon = icon
        self._scale = scale
        self.setAutoRaise(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self._draw()

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802
        super().changeEvent(event)
        if event.type() in (QEvent.Type.PaletteChange, QEvent.Type.FontChange):
            self._draw()

    def _draw(self) -> None:
        side = round(self.fontMetrics().height() * self._scale)
        self.setIconSize(QSize(side, side))
        self.setIcon(line_icon(self._icon, self.palette()))
