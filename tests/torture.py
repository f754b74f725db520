"""The real window with a scripted engine child, for tests that kill it: `torture.py DATA_DIR LOG [ask]`.

With `ask` it sends a message as soon as a model is loaded, and again whenever a reply has ended.
"""

from __future__ import annotations

import sys
from pathlib import Path

from PySide6.QtCore import QTimer

from app.ui import application

SCRIPTED_CHILD = Path(__file__).with_name("scripted_child.py")


class Asker(application.Application):
    """Asks without end."""

    def begin(self, file: Path | None) -> None:
        super().begin(file)
        self.chat.writing_changed.connect(self._on_chat_writing_changed)
        self.models.loaded.connect(self._ask)

    def _on_chat_writing_changed(self, writing: bool) -> None:
        if not writing:
            QTimer.singleShot(0, self, self._ask)

    def _ask(self) -> None:
        self._composer.send_requested.emit("Count.")


if __name__ == "__main__":
    if sys.argv[3:] == ["ask"]:
        application.Application = Asker  # type: ignore[misc]
    command = [sys.executable, str(SCRIPTED_CHILD), "echo", sys.argv[2]]
    sys.exit(application.run(Path("any.gguf"), Path(sys.argv[1]), command))
