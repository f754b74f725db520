from __future__ import annotations

import dataclasses
import itertools
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QImage, QPalette, QStyleHints
from PySide6.QtWidgets import QApplication, QCheckBox
from pytestqt.qtbot import QtBot

from app.core.resources import resource
from app.ui.theme import DARK, DARK_CONTRAST, LIGHT, LIGHT_CONTRAST, Colours, apply_appearance, colours

TEXTS_AND_GROUNDS = [
    (text, ground)
    for text in ("text", "secondary", "accent", "danger")
    for ground in ("window", "surface", "bubble", "code", "danger_surface")
] + [("on_accent", "accent"), ("text", "selection"), ("text", "hover")]
CODE = [field.name for field in dataclasses.fields(Colours) if field.name.startswith("code_")]
TEXTS_AND_GROUNDS += [(text, "code") for text in CODE]


CODES_AND_GROUNDS = [
    (f"code_{part}", ground)
    for part in ("keyword", "string", "number", "name", "builtin")
    for ground in ("code", "window", "bubble")
]
ALL_LOOKS = pytest.mark.parametrize(
    "look", [LIGHT, DARK, LIGHT_CONTRAST, DARK_CONTRAST], ids=["light", "dark", "light contrast", "dark contrast"]
)
CONTRAST_LOOKS = pytest.mark.parametrize("look", [LIGHT_CONTRAST, DARK_CONTRAST], ids=["light", "dark"])


@pytest.fixture
def app(qapp: QApplication) -> Iterator[QApplication]:
    """The application, which afterwards looks as it did."""
    style, palette = qapp.style().objectName(), qapp.palette()
    yield qapp
    qapp.setStyleSheet("")
    qapp.setPalette(palette)
    qapp.setStyle(style)


def contrast(one: str, other: str) -> float:
    """As WCAG 2 counts it."""
    lighter, darker = sorted((luminance(QColor(one)), luminance(QColor(other))), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour: QColor) -> float:
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
        for part in (colour.redF(), colour.greenF(), colour.blueF())
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@ALL_LOOKS
@pytest.mark.parametrize(("text", "ground"), TEXTS_AND_GROUNDS + CODES_AND_GROUNDS)
def test_every_text_can_be_read_on_every_ground(look: Colours, text: str, ground: str) -> None:
    assert contrast(getattr(look, text), getattr(look, ground)) >= 4.5


@CONTRAST_LOOKS
@pytest.mark.parametrize(("text", "ground"), TEXTS_AND_GROUNDS + CODES_AND_GROUNDS)
def test_with_high_contrast_every_text_stands_out(look: Colours, text: str, ground: str) -> None:
    assert contrast(getattr(look, text), getattr(look, ground)) >= 7


@CONTRAST_LOOKS
def test_with_high_contrast_edges_focus_and_selection_are_seen(look: Colours) -> None:
    for ground in (look.window, look.surface, look.bubble, look.code):
        assert min(contrast(look.border, ground), contrast(look.outline, ground), contrast(look.disabled, ground)) >= 4
    assert contrast(look.accent, look.border) >= 3  # a border in focus and one that is not
    assert contrast(look.selection, look.window) >= 2.7  # more would cost the text on it its own


@ALL_LOOKS
def test_the_parts_of_the_memory_bill_differ_from_their_neighbours_and_from_every_ground(look: Colours) -> None:
    parts = [look.bill_others, look.bill_weights, look.bill_cache, look.bill_buffers, look.bill_pages]

    for neighbours in itertools.pairwise(parts):
        assert contrast(*neighbours) >= 3
    for part in parts:
        assert min(contrast(part, look.window), contrast(part, look.surface)) >= 3


@pytest.mark.parametrize(
    ("appearance", "look"),
    [
        ("light", LIGHT),
        ("dark", DARK),
        ("light_contrast", LIGHT_CONTRAST),
        ("dark_contrast", DARK_CONTRAST),
    ],
)
def test_an_appearance_is_a_palette(app: QApplication, appearance: str, look: Colours) -> None:
    apply_appearance(app, appearance)

    assert colours(app.palette()) is look
    assert app.palette().color(QPalette.ColorRole.Text) == QColor(look.text)
    assert look.accent in app.styleSheet()


def test_the_system_decides_if_it_is_asked_to(app: QApplication, qtbot: QtBot) -> None:
    apply_appearance(app, "dark")
    apply_appearance(app, "system")

    # A bare X server and the offscreen platform know no scheme, which means a light one.
    assert colours(app.palette()) is LIGHT


@pytest.fixture
def system(app: QApplication) -> Iterator[QStyleHints]:
    """The system's wishes, which afterwards are none."""
    hints = app.styleHints()
    yield hints
    hints.accessibility().contrastPreferenceChanged.emit(Qt.ContrastPreference.NoPreference)
    hints.colorSchemeChanged.emit(Qt.ColorScheme.Light)


def test_the_system_is_followed_as_it_changes(app: QApplication, system: QStyleHints) -> None:
    apply_appearance(app, "system")
    seen = []
    for scheme in (Qt.ColorScheme.Dark, Qt.ColorScheme.Light):
        system.colorSchemeChanged.emit(scheme)
        for preference in (Qt.ContrastPreference.HighContrast, Qt.ContrastPreference.NoPreference):
            system.accessibility().contrastPreferenceChanged.emit(preference)
            seen.append(colours(app.palette()))
    assert seen == [DARK_CONTRAST, DARK, LIGHT_CONTRAST, LIGHT]


def test_who_chose_light_or_dark_still_gets_the_contrast_that_the_system_asks_for(
    app: QApplication, system: QStyleHints
) -> None:
    apply_appearance(app, "dark")
    system.accessibility().contrastPreferenceChanged.emit(Qt.ContrastPreference.HighContrast)
    assert colours(app.palette()) is DARK_CONTRAST


@pytest.mark.parametrize(("window", "look"), [("#efefef", LIGHT), ("#202020", DARK)])
def test_a_palette_that_is_not_ours_goes_with_the_nearest_look(window: str, look: Colours) -> None:
    assert colours(QPalette(QColor(window))) is look


def test_paddock_looks_the_same_in_a_folder_with_an_odd_name(
    app: QApplication, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    odd = tmp_path / "Ein Ordner (2); 'ünï \" 模型"
    shutil.copytree(resource("icons"), odd / "resources/icons")
    shutil.copy(resource("style.qss"), odd / "resources")

    def drawn() -> QImage:
        apply_appearance(app, "dark")
        apply_appearance(app, "light")
        box = QCheckBox("checked", checked=True)
        qtbot.addWidget(box)
        return box.grab().toImage()

    as_ever = drawn()
    monkeypatch.setattr(sys, "_MEIPASS", str(odd), raising=False)
    assert drawn() == as_ever


def test_inactive_windows_show_a_selection_as_active_ones_do(app: QApplication) -> None:
    apply_appearance(app, "light")

    for role in (QPalette.ColorRole.Highlight, QPalette.ColorRole.HighlightedText):
        active = app.palette().color(QPalette.ColorGroup.Active, role)
        assert app.palette().color(QPalette.ColorGroup.Inactive, role) == active


def test_disabled_texts_differ(app: QApplication) -> None:
    apply_appearance(app, "dark")
    palette = app.palette()

    role = QPalette.ColorRole.ButtonText
    assert palette.color(QPalette.ColorGroup.Disabled, role) != palette.color(QPalette.ColorGroup.Active, role)
