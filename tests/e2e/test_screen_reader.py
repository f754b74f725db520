"""The real app in a real X window, used by someone who sees nothing of it: over AT-SPI, as `screen_reader` tells."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.conftest import Screen
from tests.gguf_writer import Shape, write_gguf

ROOT = Path(__file__).parents[2]
SCREEN_READER = Path(__file__).with_name("screen_reader.py")
SYSTEM_PYTHON = "/usr/bin/python3"  # the bindings of AT-SPI are a package of the system
TIMEOUT = 600  # seconds, on a busy machine

pytestmark = [pytest.mark.window, pytest.mark.model]


def why_not() -> str:
    """Why there can be no screen reader here; empty if there can."""
    if sys.platform != "linux":
        return "AT-SPI and Xvfb are Linux's"
    if missing := [program for program in ("Xvfb", "xdotool", "dbus-run-session") if not shutil.which(program)]:
        return f"{' and '.join(missing)} is missing; `make test` installs it or says how"
    bindings = [SYSTEM_PYTHON, "-c", "import gi; gi.require_version('Atspi', '2.0')"]
    if not Path(SYSTEM_PYTHON).exists() or subprocess.run(bindings, capture_output=True).returncode:
        return f"{SYSTEM_PYTHON} has no bindings of AT-SPI; `make test` installs them or says how"
    return ""


@pytest.fixture(autouse=True)
def _skips_where_nobody_can_listen() -> None:
    if reason := why_not():
        pytest.skip(reason)


@pytest.fixture
def environment(screen: Screen, tmp_path: Path) -> dict[str, str]:
    """A screen, and folders in which no bus or setting of who runs the test is found."""
    folders = {
        name: tmp_path / name.lower()
        for name in ("XDG_RUNTIME_DIR", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME")
    }
    for folder in folders.values():
        folder.mkdir(mode=0o700)
    others = ("DBUS_SESSION_BUS_ADDRESS", "AT_SPI_BUS_ADDRESS", "NO_AT_BRIDGE", "QT_ACCESSIBILITY", "WAYLAND_DISPLAY")
    kept = {name: value for name, value in os.environ.items() if name not in others}
    own = {"DISPLAY": screen.display, "QT_QPA_PLATFORM": "xcb", "GSETTINGS_BACKEND": "memory", "PYTHONPATH": str(ROOT)}
    return kept | own | {name: str(folder) for name, folder in folders.items()}


def test_who_hears_the_app_talks_edits_walks_the_versions_searches_and_exports(
    screen: Screen, environment: dict[str, str], tmp_path: Path
) -> None:
    ends = write_gguf(tmp_path / "ends.gguf", reply_length=60, name="Brief")
    never_ends = write_gguf(tmp_path / "never ends.gguf", Shape(context=16_384), name="Endless")  # till one says stop
    exported = tmp_path / "exported.md"
    app = [sys.executable, "-m", "app", "--data-dir", str(screen.data), "--offline"]
    reader = [SYSTEM_PYTHON, "-u", str(SCREEN_READER), str(ends), str(never_ends), str(exported), *app]

    heard = run(["dbus-run-session", "--", *reader], environment)

    said = json.loads(heard.splitlines()[-1])
    texts = [text.split(": ", 1)[1] for text in said]
    written = exported.read_text("utf-8")
    assert len(texts) == 4
    for text in texts:
        assert text in written, f"{text!r} was heard but not exported"


def run(command: list[str], environment: dict[str, str]) -> str:
    """What the command prints. It fails with all that was heard, and leaves nothing running."""
    process = subprocess.Popen(
        command,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        start_new_session=True,
    )
    try:
        output, _ = process.communicate(timeout=TIMEOUT)
    finally:
        _end_all(process)
    assert process.returncode == 0, f"what it did and heard:\n{output}"
    return output


def _end_all(process: subprocess.Popen[str]) -> None:
    """The bus starts programs of its own."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
