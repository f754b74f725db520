"""How Paddock looks: two palettes and one style sheet made from them.

The palettes are ours, because a bare X11 session has no platform theme to take one from, and there even
`QStyleHints.setColorScheme` changes nothing. Qt's own Fusion style draws what the sheet leaves alone.

The sheet, `resources/style.qss`, measures in `em`, so that everything grows with the font. Where it can it leaves the
colour of a text alone: a widget says by a role of the palette what its text is (`PlaceholderText` if it is secondary).
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from string import Template

from PySide6.QtCore import QDir, QObject, Qt, Slot
from PySide6.QtGui import QColor, QPalette
from PySide6.QtWidgets import QApplication

from app.core.resources import resource

_Role = QPalette.ColorRole


@dataclass(frozen=True, slots=True)
class Colours:
    """What colours are used for. Texts have a contrast of at least 4.5 on every background they are put on."""

    window: str
    surface: str  # what one types in, lists, menus
    bubble: str  # behind the user's own messages
    code: str  # behind code
    border: str
    hover: str
    text: str
    secondary: str  # texts that matter less
    disabled: str
    accent: str
    on_accent: str
    selection: str
    danger: str
    danger_surface: str  # behind a failure
    # Parts of the memory bill, in their order. Contrasts of at least 3: to both grounds, and to the neighbours.
    bill_others: str
    bill_weights: str
    bill_cache: str
    bill_buffers: str
    bill_pages: str


LIGHT = Colours(
    window="#fbfbf9",
    surface="#ffffff",
    bubble="#eef2ed",
    code="#f1f2ef",
    border="#d9dcd6",
    hover="#e9ece7",
    text="#1f2421",
    secondary="#5c635e",
    disabled="#9aa09b",
    accent="#2b7148",
    on_accent="#ffffff",
    selection="#c6e0cf",
    danger="#a8261c",
    danger_surface="#fbecea",
    bill_others="#8b928d",
    bill_weights="#14492c",
    bill_cache="#c47b16",
    bill_buffers="#4a2a6e",
    bill_pages="#4b93cc",
)
DARK = Colours(
    window="#1b1e1c",
    surface="#232725",
    bubble="#272d29",
    code="#252a27",
    border="#3b423d",
    hover="#2e3430",
    text="#e4e8e5",
    secondary="#a0a8a2",
    disabled="#6c746e",
    accent="#7cc796",
    on_accent="#10261a",
    selection="#31543f",
    danger="#f2998f",
    danger_surface="#332524",
    bill_others="#6b746e",
    bill_weights="#aae4bd",
    bill_cache="#95662a",
    bill_buffers="#dcc8f8",
    bill_pages="#3c74a9",
)


def colours(palette: QPalette) -> Colours:
    """The colours that go with `palette`."""
    return DARK if palette.color(_Role.Window).lightness() < 128 else LIGHT


def apply_appearance(app: QApplication, appearance: str) -> None:
    """Makes the app `light` or `dark`, or with `system` as the system is, now and whenever that changes."""
    follower = app.findChild(_Appearance)
    if not isinstance(follower, _Appearance):
        app.setStyle("Fusion")
        # Else a widget under a style sheet takes neither font nor palette from its parent.
        app.setAttribute(Qt.ApplicationAttribute.AA_UseStyleSheetPropagationInWidgetStyles)
        follower = _Appearance(app)
    follower.set_appearance(appearance)


class _Appearance(QObject):
    """Keeps the app's look what was asked for."""

    def __init__(self, app: QApplication) -> None:
        super().__init__(app)
        self._app = app
        self._shown: Colours | None = None
        app.styleHints().colorSchemeChanged.connect(self._on_color_scheme_changed)

    def set_appearance(self, appearance: str) -> None:
        # Where there is a platform theme, this brings title bars and native dialogs along.
        self._app.styleHints().setColorScheme(
            {"light": Qt.ColorScheme.Light, "dark": Qt.ColorScheme.Dark}.get(appearance, Qt.ColorScheme.Unknown)
        )
        is_dark = appearance == "dark" or (appearance != "light" and self._system_is_dark())
        self._show(DARK if is_dark else LIGHT)

    def _system_is_dark(self) -> bool:
        return self._app.styleHints().colorScheme() == Qt.ColorScheme.Dark

    def _show(self, shown: Colours) -> None:
        if shown is self._shown:
            return
        self._shown = shown
        self._app.setPalette(_palette(shown))
        self._app.setStyleSheet(_style_sheet(shown))

    @Slot(Qt.ColorScheme)
    def _on_color_scheme_changed(self, scheme: Qt.ColorScheme) -> None:
        # Also comes in answer to `set_appearance`, with the scheme that was asked for.
        self._show(DARK if scheme == Qt.ColorScheme.Dark else LIGHT)


def _palette(look: Colours) -> QPalette:
    palette = QPalette()
    for role, colour in _roles(look).items():
        palette.setColor(role, QColor(colour))
    for role in (_Role.WindowText, _Role.Text, _Role.ButtonText, _Role.PlaceholderText, _Role.HighlightedText):
        palette.setColor(QPalette.ColorGroup.Disabled, role, QColor(look.disabled))
    return palette


def _roles(look: Colours) -> dict[QPalette.ColorRole, str]:
    return {
        _Role.Window: look.window,
        _Role.WindowText: look.text,
        _Role.Base: look.surface,
        _Role.AlternateBase: look.hover,
        _Role.Text: look.text,
        _Role.PlaceholderText: look.secondary,
        _Role.Button: look.surface,
        _Role.ButtonText: look.text,
        _Role.BrightText: look.on_accent,
        _Role.Light: look.surface,
        _Role.Midlight: look.hover,
        _Role.Mid: look.border,
        _Role.Dark: look.border,
        _Role.Shadow: look.border,
        _Role.Highlight: look.selection,
        _Role.HighlightedText: look.text,
        _Role.Accent: look.accent,
        _Role.Link: look.accent,
        _Role.LinkVisited: look.accent,
        _Role.ToolTipBase: look.text,
        _Role.ToolTipText: look.window,
    }


def _style_sheet(look: Colours) -> str:
    # By a name of their own: a path may have spaces and worse in it, and would break the sheet.
    QDir.setSearchPaths("icons", [str(resource("icons"))])
    check = "icons:check_dark.svg" if look is DARK else "icons:check_light.svg"
    return Template(resource("style.qss").read_text("utf-8")).substitute(dataclasses.asdict(look), check=check)
