from __future__ import annotations

import pytest
from PySide6.QtCore import QSize
from PySide6.QtGui import QColor, QIcon, QImage, QPalette
from pytestqt.qtbot import QtBot

from app.ui.icons import IconButton, line_icon


def painted(icon: QIcon, mode: QIcon.Mode = QIcon.Mode.Normal) -> set[str]:
    """The colours of the solid pixels."""
    image: QImage = icon.pixmap(QSize(48, 48), 1.0, mode).toImage()
    pixels = [image.pixelColor(x, y) for x in range(image.width()) for y in range(image.height())]
    return {pixel.name() for pixel in pixels if pixel.alpha() == 255}


@pytest.mark.parametrize("name", ["chat", "library", "settings", "panel", "reset"])
def test_an_icon_has_the_colour_of_the_text_on_buttons(qtbot: QtBot, name: str) -> None:
    palette = QPalette()
    palette.setColor(QPalette.ColorGroup.Active, QPalette.ColorRole.ButtonText, QColor("#336699"))
    palette.setColor(QPalette.ColorGroup.Disabled, QPalette.ColorRole.ButtonText, QColor("#999999"))
    icon = line_icon(name, palette)
    assert painted(icon) == {"#336699"}
    assert painted(icon, QIcon.Mode.Disabled) == {"#999999"}


def test_a_button_follows_palette_and_font(qtbot: QtBot) -> None:
    button = IconButton("chat")
    qtbot.addWidget(button)
    size = button.iconSize().height()
    button.setPalette(QPalette(QColor("#222222")))
    font = button.font()
    font.setPointSizeF(font.pointSizeF() * 2)
    button.setFont(font)
    assert painted(button.icon()) == {button.palette().buttonText().color().name()} != {"#000000"}
    assert button.iconSize().height() >= size * 1.9
