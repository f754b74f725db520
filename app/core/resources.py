"""Finds the files that come with Paddock: icons, translations, the model catalogue."""

from __future__ import annotations

import sys
from pathlib import Path


def resource(name: str) -> Path:
    """The file `name` in `resources/`, which lies beside `app/` in a checkout, a wheel and a frozen app alike."""
    root = Path(getattr(sys, "_MEIPASS", Path(__file__).parents[2]))  # PyInstaller says where it unpacked
    return root / "resources" / name
