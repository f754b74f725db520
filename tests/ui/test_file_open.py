from __future__ import annotations

import os
import subprocess
import sys

# In a process of its own: there can be one application in each.
PROGRAM = """
from PySide6.QtCore import QUrl
from PySide6.QtGui import QFileOpenEvent
from app.ui.file_open import FileOpenApplication

qt = FileOpenApplication([])
qt.file_opened.connect(lambda path: print(ascii(path)))
qt.sendEvent(qt, QFileOpenEvent("/models/Päddock tiny.gguf"))
qt.sendEvent(qt, QFileOpenEvent(QUrl("https://example.com/x.gguf")))
"""


def test_a_file_opened_in_finder_is_told_and_an_address_is_not():
    environment = os.environ | {"QT_QPA_PLATFORM": "offscreen"}
    command = [sys.executable, "-c", PROGRAM]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.splitlines() == [ascii("/models/Päddock tiny.gguf")]
