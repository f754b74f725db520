"""The environment of the programs that Paddock starts: a browser, a file manager.

A packaged Paddock finds its libraries by way of LD_LIBRARY_PATH, which PyInstaller's launcher sets, and keeps what was
there under another name. A browser that inherited it would load our libraries in place of its own, and fail.
"""

from __future__ import annotations

import os
import sys

_NAME, _KEPT = "LD_LIBRARY_PATH", "LD_LIBRARY_PATH_ORIG"


def restore_library_path() -> None:
    """As it was before Paddock started. What Paddock itself loads is found nevertheless: the system reads it once."""
    if getattr(sys, "frozen", False) and sys.platform == "linux":
        original = os.environ.pop(_KEPT, None)
        os.environ.pop(_NAME, None)
        if original is not None:
            os.environ[_NAME] = original
