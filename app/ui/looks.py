"""How a message looks, for one font and one palette."""

from __future__ import annotations

from PySide6.QtGui import QColor, QFont, QFontDatabase, QFontInfo, QFontMetricsF, QPalette, QTextCharFormat

from app.ui.leaves import Span
from app.ui.theme import colours


class Looks:
    """Formats and measures for one font and one palette. Measures are in pixels."""

    def __init__(self, font: QFont, palette: QPalette) -> None:
        self.colours = colours(palette)
        self.text_colour = palette.color(QPalette.ColorRole.Text).name()
        self.font = font
        self.pixels = QFontInfo(font).pixelSize()
        self.metrics = QFontMetricsF(font)
        self.em = self.metrics.height()
        self.mono = QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont).families()
        self._formats: dict[Span, QTextCharFormat] = {}

    def padding(self) -> float:
        """Inside the tinted background of code."""
        return self.em * 0.5

    def head(self) -> float:
        """Above code: the line with its language and `Copy`."""
        return self.em * 1.6

    def width_of(self, containers: str) -> float:
        """How far quotes and lists push in what is in them."""
        return self.em * (1.1 * containers.count(">") + 1.5 * containers.count("-"))

    def format(self, span: Span) -> QTextCharFormat:
        """How `span` looks, whatever its text."""
        look = Span("", span.bold, span.italic, span.strike, span.code, span.link)
        if look not in self._formats:
            self._formats[look] = self._made(look)
        return self._formats[look]

    def _made(self, look: Span) -> QTextCharFormat:
        made = QTextCharFormat()
        if look.bold:
            made.setFontWeight(QFont.Weight.Bold)
        made.setFontItalic(look.italic)
        made.setFontStrikeOut(look.strike)
        if look.code:
            made.setFontFamilies(self.mono)
            made.setFontFixedPitch(True)
            made.setBackground(QColor(self.colours.code))
        if look.link:
            made.setAnchor(True)
            made.setAnchorHref(look.link)
            made.setForeground(QColor(self.colours.accent))
            made.setFontUnderline(True)
        return made

    def code_line(self) -> QTextCharFormat:
        made = QTextCharFormat()
        made.setFontFamilies(self.mono)
        made.setFontFixedPitch(True)
        return made
