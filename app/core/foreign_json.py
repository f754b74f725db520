"""Reading the JSON files of other apps: they may be anything."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_LIMIT = 2**20  # bytes; settings and manifests have a few thousand


def read_object(path: Path) -> Mapping[str, Any]:
    """The JSON object in the file; empty if there is none, or if it cannot be read."""
    try:
        if not path.is_file():  # a pipe would be waited for
            return {}
        with path.open("rb") as file:
            found = json.loads(file.read(_LIMIT))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
