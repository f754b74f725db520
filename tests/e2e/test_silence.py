"""Nothing goes to the network that the user did not cause, and nothing at all while Paddock is offline.

The real app runs in a process of its own, with its engine child, and every Python in it writes down each attempt to
reach the network (`socket_guard`). A fake Hub stands where the real one would be, so that an attempt would succeed.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fake_hub import FakeHub

ROOT = Path(__file__).parents[2]
GUARD = Path(__file__).with_name("socket_guard")

# Does what a user does, and prints what they then see.
DRIVER = """
import json, os, sys, traceback
from pathlib import Path
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication, QLabel, QLineEdit, QTabBar, QAbstractItemView, QWidget
from PySide6.QtTest import QTest
from PySide6.QtCore import Qt
from app.ui import application

what, data_dir = sys.argv[1], Path(sys.argv[2])
seen = {}

def find(kind, name):
    return next(w for w in QApplication.allWidgets() if isinstance(w, kind) and w.objectName() == name)

def texts():
    return [w.text() for w in QApplication.allWidgets() if isinstance(w, QLabel) and w.isVisible()]

def wait_for(words):
    for _ in range(600):
        if any(words in text for text in texts()):
            break
        QTest.qWait(100)
    return texts()

def look_around():
    for name in ("library", "settings", "library"):
        find(QWidget, name).click()
        QTest.qWait(300)
    tabs = find(QTabBar, "library_pages")
    tabs.setCurrentIndex(1)
    QTest.qWait(500)
    tabs.setCurrentIndex(0)
    QTest.qWait(300)
    if what == "offline":
        box = find(QLineEdit, "search_models")
        QTest.keyClicks(box, "tinyllama")
        QTest.keyClick(box, Qt.Key.Key_Return)
        seen["search"] = wait_for("Paddock is offline")
        box.clear()
        QTest.keyClicks(box, "owner/name")
        QTest.keyClick(box, Qt.Key.Key_Return)
        seen["page"] = wait_for("Paddock is offline")
    find(QWidget, "main_window").close()

def try_to_look_around():
    try:
        look_around()
    except Exception:
        traceback.print_exc()
        os._exit(1)

def begin(self, file, begin=application.Application.begin):
    begin(self, file)
    QTimer.singleShot(2000, try_to_look_around)

application.Application.begin = begin
code = application.run(None, data_dir, offline=what == "offline")
print(json.dumps({"code": code, **seen}))
"""


@pytest.mark.parametrize("what", ["offline", "online"])
def test_no_connection_is_tried_that_the_user_did_not_ask_for(tmp_path, what):
    attempts = tmp_path / "attempts.txt"
    with FakeHub() as hub:
        environment = os.environ | {
            "PYTHONPATH": f"{GUARD}{os.pathsep}{ROOT}",
            "SOCKET_GUARD": str(attempts),
            "HF_ENDPOINT": hub.endpoint,
            "QT_QPA_PLATFORM": "offscreen",
        }
        done = subprocess.run(
            [sys.executable, "-c", DRIVER, what, str(tmp_path / "data")],
            env=environment,
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert hub.requests == []
    seen = json.loads(done.stdout.splitlines()[-1])
    assert seen["code"] == 0
    assert not attempts.exists(), attempts.read_text("utf-8")
    if what == "offline":
        assert any("Paddock is offline" in text for text in seen["search"]), seen
        assert any("Paddock is offline" in text for text in seen["page"]), seen


def test_the_guard_sees_an_attempt(tmp_path):
    attempts = tmp_path / "attempts.txt"
    script = "import socket; socket.socket().connect_ex(('127.0.0.1', 9))"
    environment = os.environ | {"PYTHONPATH": str(GUARD), "SOCKET_GUARD": str(attempts)}
    subprocess.run([sys.executable, "-c", script], env=environment, timeout=60, check=True)
    assert "127.0.0.1" in attempts.read_text("utf-8")
