"""Start to a usable window, against an empty PySide6 window, both as new processes and in turn.

Usable: the window is painted and the `Message` box takes keys. Cold means that the system has nothing of either in its
file cache, as after switching the computer on; emptying that cache takes root on Linux. Warm starts are shown too.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

ROUNDS = 10
CACHE_SWITCH = Path("/proc/sys/vm/drop_caches")

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
import os
import sys
from pathlib import Path
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QPlainTextEdit
from app.ui import application

class Timed(application.Application):
    def begin(self, file):
        super().begin(file)
        message = self.window.findChild(QPlainTextEdit, "message")
        assert message.isVisible() and message.isEnabled()
        QTimer.singleShot(0, lambda: os._exit(0))

application.Application = Timed
application.run(None, Path(sys.argv[1]))
"""


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        _compare("warm", folder, lambda: None)
        if os.access(CACHE_SWITCH, os.W_OK):
            _compare("cold", folder, _empty_the_file_cache)
        else:
            print("cold start: not measured, as only root on Linux may empty the file cache")


def _compare(kind: str, folder: str, prepare: Callable[[], None]) -> None:
    pairs = []
    for _ in range(ROUNDS + 1):
        pair = []
        for code in (PADDOCK, EMPTY):
            prepare()
            pair.append(_seconds(code, folder))
        pairs.append(pair)
    del pairs[0]  # the first one makes the data folder and the bytecode
    ours, empty = (statistics.median(column) for column in zip(*pairs, strict=True))
    ratios = sorted(a / b for a, b in pairs)
    print(f"{kind} start to a usable window     {ours * 1000:8.0f} ms")
    print(f"{kind} start of an empty window     {empty * 1000:8.0f} ms")
    print(f"ratio (median, min, max)          {statistics.median(ratios):.2f}  {ratios[0]:.2f}  {ratios[-1]:.2f}")


def _empty_the_file_cache() -> None:
    os.sync()
    CACHE_SWITCH.write_text("3")


def _seconds(code: str, folder: str) -> float:
    environment = {"QT_QPA_PLATFORM": "offscreen", **os.environ}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # an installed app has its bytecode
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", code, folder], check=True, env=environment, stderr=subprocess.DEVNULL)
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
