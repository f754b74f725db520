"""What a start costs: the window opens before anything heavy is imported."""

from __future__ import annotations

import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

# The engine child's, or imported by whoever needs them first.
HEAVY = {"asyncio", "huggingface_hub", "jinja2", "llama_cpp", "markdown_it", "numpy", "psutil", "pygments", "ziamath"}


def _modules_after(statement: str) -> set[str]:
    """What is imported once a fresh interpreter has run `statement`."""
    program = f"import sys\n{statement}\nprint('\\n' + ' '.join(sys.modules))"
    return set(_run("-c", program).splitlines()[-1].split())


def _run(*arguments: str) -> str:
    command = [sys.executable, *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_window_is_ready_without_anything_heavy():
    modules = _modules_after("import app.ui.application")
    assert "PySide6.QtWidgets" in modules
    assert not HEAVY & modules


@pytest.mark.parametrize("module", ["app.__main__", "app.engine.child"])
def test_the_engine_child_starts_without_qt(module):
    assert not {"PySide6", "shiboken6"} & _modules_after(f"import {module}")


def test_version_names_paddock_and_what_it_is_made_of():
    assert _run("-m", "app", "--version").splitlines() == [
        f"Paddock {metadata.version('paddock')}",
        f"llama.cpp of llama-cpp-python {metadata.version('llama-cpp-python')}",
        f"Qt {metadata.version('pyside6-essentials')}",
        f"Python {sys.version.split()[0]}",
    ]


def test_asking_for_versions_loads_neither_llama_cpp_nor_qt():
    modules = _modules_after("from app.__main__ import main; main(['--version'])")
    assert not {"PySide6", "shiboken6", *HEAVY} & modules


def test_a_version_that_cannot_be_found_is_called_unknown():
    without_what_is_installed = "-S"
    program = "from app.core.versions import paddock_version; print(paddock_version())"
    assert _run(without_what_is_installed, "-c", program) == "unknown\n"


def test_a_program_without_outputs_goes_on():
    program = "import sys; sys.stdout = sys.stderr = None; from app.__main__ import main; main(['--version'])"
    assert _run("-c", f"{program}; sys.stderr.write('heard by nobody'); print('neither')") == ""
