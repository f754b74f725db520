"""How Paddock looks: four palettes, light and dark, each with more contrast too, and one style sheet made from them.

The palettes are ours, because a bare X11 session has no platform theme to take one from, and there even
`QStyleHints.setColorScheme` changes nothing. Qt's own Fusion style draws what the sheet leaves alone.

The sheet, `resources/style.qss`, measures in `em`, so that everything grows with the font. Where it can it leaves the
colour of a text alone: a widget says by a role of the palette what its text is (`PlaceholderText` if it is secondary).

High contrast is there for whoever chooses it, and whenever the system asks for it, whatever is chosen. The system's own
colours are not taken over: they name about ten things, and code or the memory bill need more that go together.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from string import Template

from PySide6.QtCore import QDir, QObject, Qt, Slot
from PySide6.QtGui import QColor, QPalette
from PySide6.QtWidgets import QApplication, QWidget

from app.core.resources import resource

_Role = QPalette.ColorRole
_CONTRAST = "_contrast"  # at the end of a choice of `Settings.appearance`


@dataclass(frozen=True, slots=True)
class Colours:
    """What colours are used for.

    Texts have a contrast of at least 4.5 on every background they are put on; with high contrast, of 7.
    """

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
    # In code. Contrasts of at least 4.5 to `code`.
    code_keyword: str
    code_string: str
    code_number: str
    code_name: str
    code_builtin: str
    # Parts of the memory bill, in their order. Contrasts of at least 3: to both grounds, and to the neighbours.
    bill_others: str
    bill_weights: str
    bill_cache: str
    bill_buffers: str
    bill_pages: str
    outline: str = "transparent"  # around what else only its ground sets apart
    line_width: str = "1px"  # of borders and of what shows the focus


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
    code_keyword="#7a3e9d",
    code_string="#2a6e2f",
    code_number="#a3480b",
    code_name="#1f5fa8",
    code_builtin="#0f6b75",
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
    code_keyword="#c9a3ec",
    code_string="#9fd08a",
    code_number="#eaa877",
    code_name="#8ab8f0",
    code_builtin="#7fcad2",
    bill_others="#6b746e",
    bill_weights="#aae4bd",
    bill_cache="#95662a",
    bill_buffers="#dcc8f8",
    bill_pages="#3c74a9",
)
LIGHT_CONTRAST = dataclasses.replace(
    LIGHT,
    window="#ffffff",
    surface="#ffffff",
    bubble="#f4f4f4",
    code="#f4f4f4",
    border="#767676",
    hover="#dddddd",
    text="#000000",
    secondary="#2e2e2e",
    disabled="#595959",
    accent="#003314",
    selection="#71a686",
    danger="#7a0000",
    danger_surface="#fff1ef",
    code_keyword="#4b0082",
    code_string="#00390a",
    code_number="#5c2500",
    code_name="#00308f",
    code_builtin="#003d44",
    outline="#767676",
    line_width="2px",
)
DARK_CONTRAST = dataclasses.replace(
    DARK,
    window="#000000",
    surface="#000000",
    bubble="#141414",
    code="#141414",
    border="#858585",
    hover="#333333",
    text="#ffffff",
    secondary="#d6d6d6",
    disabled="#a0a0a0",
    accent="#b9ffd0",
    on_accent="#000000",
    selection="#20633a",
    danger="#ffb3ab",
    danger_surface="#260f0d",
    code_keyword="#dcc4ff",
    code_string="#b8f0a0",
    code_number="#ffc799",
    code_name="#aed2ff",
    code_builtin="#9aeaf2",
    outline="#858585",
    line_width="2px",
)
_DARK_LOOKS = (DARK, DARK_CONTRAST)
_LOOKS = {
    (QColor(look.window).rgb(), QColor(look.border).rgb()): look for look in (LIGHT, LIGHT_CONTRAST, *_DARK_LOOKS)
}


def colours(palette: QPalette) -> Colours:
    """The colours that go with `palette`, ours or another."""
    window, border = palette.color(_Role.Window), palette.color(_Role.Mid)
    known = _LOOKS.get((window.rgb(), border.rgb()))
    return known or (DARK if window.lightness() < 128 else LIGHT)


def apply_appearance(app: QApplication, appearance: str) -> None:
    """Makes the app look as one of the choices of `Settings.appearance` says, now and whenever the system changes."""
    follower = app.findChild(_Appearance)
    if not isinstance(follower, _Appearance):
        app.setStyle("Fusion")
        # Else a widget under a style sheet takes neither font nor palette from its parent.
        app.setAttribute(Qt.ApplicationAttribute.AA_UseStyleSheetPropagationInWidgetStyles)
        follower = _Appearance(app)
    follower.set_appearance(appearance)


def take_font(widget: QWidget) -> None:
    """Gives a widget its parent's font. Under a style sheet one that is made later does not take it by itself."""
    if (parent := widget.parentWidget()) is not None:
        widget.setFont(parent.font())


class _Appearance(QObject):
    """Keeps the app's look what was asked for."""

    def __init__(self, app: QApplication) -> None:
        super().__init__(app)
        self._app = app
        self._shown: Colours | None = None
        self._wants_contrast = False
        hints = app.styleHints()
        self._scheme = hints.colorScheme()
        self._system_wants_contrast = hints.accessibility().contrastPreference() == Qt.ContrastPreference.HighContrast
        hints.colorSchemeChanged.connect(self._on_color_scheme_changed)
        hints.accessibility().contrastPreferenceChanged.connect(self._on_contrast_preference_changed)

    def set_appearance(self, appearance: str) -> None:
        schemes = {"light": Qt.ColorScheme.Light, "dark": Qt.ColorScheme.Dark}
        wanted = schemes.get(appearance.removesuffix(_CONTRAST), Qt.ColorScheme.Unknown)
        self._wants_contrast = appearance.endswith(_CONTRAST)
        # Where there is a platform theme, this brings title bars and native dialogs along.
        self._app.styleHints().setColorScheme(wanted)
        self._scheme = self._app.styleHints().colorScheme() if wanted is Qt.ColorScheme.Unknown else wanted
        self._show()

    def _show(self) -> None:
        has_contrast = self._wants_contrast or self._system_wants_contrast
        if self._scheme == Qt.ColorScheme.Dark:
            shown = DARK_CONTRAST if has_contrast else DARK
        else:
            shown = LIGHT_CONTRAST if has_contrast else LIGHT
        if shown is self._shown:
            return
        self._shown = shown
        self._app.setPalette(_palette(shown))
        self._app.setStyleSheet(_style_sheet(shown))

    @Slot(Qt.ColorScheme)
    def _on_color_scheme_changed(self, scheme: Qt.ColorScheme) -> None:
        # Also comes in answer to `set_appearance`, with the scheme that was asked for.
        self._scheme = scheme
        self._show()

    @Slot(Qt.ContrastPreference)
    def _on_contrast_preference_changed(self, preference: Qt.ContrastPreference) -> None:
        self._system_wants_contrast = preference == Qt.ContrastPreference.HighContrast
        self._show()


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
    check = f"icons:check_{'dark' if look in _DARK_LOOKS else 'light'}.svg"
    return Template(resource("style.qss").read_text("utf-8")).substitute(dataclasses.asdict(look), check=check)
