from __future__ import annotations

import os
import shutil
import subprocess
import sys

import llama_cpp
import pytest

from app.engine.child_command import child_command
from app.engine.packs import pack_libraries

# Writes down that it was loaded, and is none.
BACKEND = """
#include <stdio.h>
void *ggml_backend_init(void) { fclose(fopen(MARK, "w")); return NULL; }
"""

# The window, closed once the engine has started or given up.
WINDOW = """
import sys
from pathlib import Path
from PySide6.QtCore import QTimer
from app.ui.application import Application, run

def begin(self, file, begin=Application.begin):
    begin(self, file)
    self.models.loaded.connect(self.window.close)
    QTimer.singleShot(60_000, self.window.close)

Application.begin = begin
sys.exit(run(None, Path(sys.argv[1]), offline=True))
"""


def touch(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return path


def test_a_pack_of_another_version_is_left_alone(tmp_path):
    ours = touch(tmp_path / "0.3.36" / "libggml-cuda.so")
    for other in ("0.3.3", "0.3.360", "0.3.35", "cuda"):
        touch(tmp_path / other / "libggml-cuda.so")
    touch(tmp_path / "libggml-cuda.so")
    assert pack_libraries(tmp_path, "0.3.36") == [ours]


def test_what_a_backend_needs_of_its_own_is_none(tmp_path):
    dll = touch(tmp_path / "0.3.36" / "cuda" / "ggml-cuda.dll")
    for name in ("cublas64_13.dll", "libcudart.so.13", "ggml-cuda.txt", "ggml-cuda.dll.part"):
        touch(dll.with_name(name))
    assert pack_libraries(tmp_path, "0.3.36") == [dll]


def test_without_a_folder_there_are_no_packs(tmp_path):
    assert pack_libraries(tmp_path / "backends", "0.3.36") == []


def test_the_frozen_app_is_its_own_child(monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    assert child_command(tmp_path) == [sys.executable, "--engine-child", str(tmp_path)]
    assert child_command() == [sys.executable, "--engine-child"]


@pytest.fixture
def packs(paths, tmp_path):
    """Two packs of the user; what is loaded leaves a file in the folder that is given."""
    if not (shutil.which("cc") and sys.platform == "linux"):
        pytest.skip("no C compiler")
    source = tmp_path / "backend.c"
    source.write_text(BACKEND, "ascii")
    loaded = tmp_path / "loaded"
    loaded.mkdir()
    for version in (llama_cpp.__version__, "0.0.1"):
        library = touch(paths.packs / version / "libggml-none.so")
        mark = f'-DMARK="{loaded / version}"'
        subprocess.run(["cc", "-shared", "-fPIC", mark, source, "-o", library], check=True)
    return loaded


@pytest.mark.model
def test_the_child_loads_the_pack_of_its_version_and_no_other(packs, paths):
    pipes = dict.fromkeys(("stdin", "stdout"), subprocess.PIPE)
    with subprocess.Popen(child_command(paths.packs), text=True, **pipes) as child:
        child.stdout.readline()  # its hello; it ends when stdin does, whatever it is about
        child.communicate(timeout=60)
    assert [path.name for path in packs.iterdir()] == [llama_cpp.__version__]


@pytest.mark.model
@pytest.mark.parametrize(
    "command",
    [
        pytest.param(["-m", "app", "--self-test", "--data-dir"], id="self-test"),
        pytest.param(["-c", WINDOW], id="window"),
    ],
)
def test_the_packs_of_the_data_folder_are_used(packs, paths, command):
    environment = os.environ | {"QT_QPA_PLATFORM": "offscreen"}
    subprocess.run([sys.executable, *command, paths.root], env=environment, timeout=120, check=True)
    assert [path.name for path in packs.iterdir()] == [llama_cpp.__version__]
