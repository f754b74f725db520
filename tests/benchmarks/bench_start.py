"""Cold start to a usable window, against an empty PySide6 window, both as new processes and in turn.

Usable: the window is painted and the `Message` box takes keys.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time

ROUNDS = 10

EMPTY = """
import sys
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication, QWidget
app = QApplication(sys.argv)
window = QWidget()
window.resize(1100, 760)
window.show()
QTimer.singleShot(0, lambda: QTimer.singleShot(0, app.quit))
app.exec()
"""

PADDOCK = """
import gc
gc.disable()  # as app.__main__ does
import sys
from pathlib import Path
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication, QPlainTextEdit
from app.ui import application

class Timed(application.Application):
    def begin(self, file):
        super().begin(file)
        message = self.window.findChild(QPlainTextEdit, "message")
        assert message.isVisible() and message.isEnabled()
        QTimer.singleShot(0, lambda: os._exit(0))

import os
application.Application = Timed
application.run(None, Path(sys.argv[1]))
"""


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        pairs = [(_seconds(PADDOCK, folder), _seconds(EMPTY, folder)) for _ in range(ROUNDS + 1)][1:]
    ours, empty = (statistics.median(column) for column in zip(*pairs, strict=True))
    ratios = sorted(a / b for a, b in pairs)
    print(f"start to a usable window          {ours * 1000:8.0f} ms")
    print(f"start of an empty window          {empty * 1000:8.0f} ms")
    print(f"ratio (median, min, max)          {statistics.median(ratios):.2f}  {ratios[0]:.2f}  {ratios[-1]:.2f}")


def _seconds(code: str, folder: str) -> float:
    environment = {"QT_QPA_PLATFORM": "offscreen", **os.environ}
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", code, folder], check=True, env=environment)
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
