"""How this app starts itself as an engine child, from source and frozen alike."""

from __future__ import annotations

import sys
from pathlib import Path


def child_command(packs: Path | None = None) -> list[str]:
    """`packs` is the folder of the backends that were added by hand: see `app.engine.packs`."""
    own = [sys.executable] if getattr(sys, "frozen", False) else [sys.executable, "-P", "-m", "app"]
    return [*own, "--engine-child", *([str(packs)] if packs else [])]
