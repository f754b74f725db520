"""Who may import whom, read from the source of every module in `app`.

ui -> engine -> core, never upward; the engine child's modules belong to the child; Qt and every other outside
dependency come in through a door. A new dependency, or a new way from one layer to another, is a line in the table.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

APP = Path(__file__).parent.parent / "app"

STARTING_POINTS = ("app.__main__", "app.self_test")
ENGINE_CHILD = ("app.engine.child", "app.engine.model_host", "app.engine.simulation")
NETWORK = ("app.core.network", "app.core.connections")
NOBODY = ()

# A name covers everything below it; the longest that fits decides.
MAY_BE_IMPORTED_BY: dict[str, tuple[str, ...]] = {
    # The layers. The window knows the engine by its handle and by the values that cross.
    "app.core": ("app",),
    "app.engine": ("app.engine", *STARTING_POINTS),
    "app.engine.child_command": ("app.engine", "app.ui", *STARTING_POINTS),
    "app.engine.engine": ("app.ui", *STARTING_POINTS),
    "app.engine.device_check": ("app.ui",),
    "app.engine.estimator": ("app.ui",),
    "app.engine.protocol": ("app.engine", "app.ui", *STARTING_POINTS),
    "app.engine.jobs": ("app.ui",),
    "app.ui": ("app.ui", *STARTING_POINTS),
    "app.self_test": ("app.__main__",),
    # What runs in the engine child is never imported by the window.
    "app.engine.child": ("app.__main__",),
    "app.engine.model_host": ENGINE_CHILD,
    "app.engine.simulation": ENGINE_CHILD,
    "app.engine.llama": ENGINE_CHILD,
    "app.engine.breakdown": ("app.engine.llama",),
    "app.engine.packs": ("app.engine.llama",),
    "app.engine.prompt": (*ENGINE_CHILD, "app.engine.llama"),
    "app.engine.templates": (*ENGINE_CHILD, "app.engine.prompt"),
    # Qt: the window, the two ends of the engine thread, and the GUI's ends of the estimates and of the jobs.
    "PySide6": (
        *("app.ui", "app.self_test"),
        *("app.engine.device_check", "app.engine.engine", "app.engine.estimator"),
        *("app.engine.jobs", "app.engine.supervisor"),
    ),
    "shiboken6": ("app.ui",),
    # The doors of everything else from outside.
    "httpcore2": ("app.core.connections",),
    "httpx2": NETWORK,
    "huggingface_hub": ("app.core.hub",),
    "jinja2": ("app.engine.templates",),
    "keyring": ("app.core.secrets",),
    "llama_cpp": ("app.engine.llama",),
    "markdown_it": ("app.ui.markdown",),
    "latex2mathml": ("app.ui.maths",),
    "platformdirs": ("app.core.paths",),
    "psutil": ("app.core.hardware",),
    "pygments": ("app.ui.code_lexer",),
    "sqlite3": ("app.core.database",),
    "ziamath": ("app.ui.maths",),
    # One way out. A second start finds the first through a socket of this computer.
    "app.core.connections": ("app.core.network",),
    "PySide6.QtNetwork": ("app.ui.single_instance",),
    "http": NOBODY,
    "socket": NETWORK,
    "ssl": NETWORK,
    "urllib.request": NETWORK,
}

# Where a bug is told in words instead of ending the process.
BOUNDARIES = ("app.engine.child",)

NAMES_THAT_SAY_NOTHING = {"utils", "helpers", "manager", "base", "common"}


def forbidden_imports(module: str, source: str) -> list[str]:
    """What `module` imports against the table, one sentence each."""
    return [
        f"{module} may not import {_readable(name)}"
        for name in _imported_names(ast.parse(source))
        if not _may_import(module, name)
    ]


def broad_excepts(module: str, source: str) -> list[str]:
    """Where `module` catches what it cannot know, one sentence each. Cleaning up and raising again catches nothing."""
    return [
        f"{module} catches every exception in line {node.lineno}"
        for node in ast.walk(ast.parse(source))
        if (isinstance(node, ast.ExceptHandler) and _names_all([node.type]) and not _raises_again(node))
        or (isinstance(node, ast.Call) and _is_suppress(node.func) and _names_all(node.args))
    ]


def _imported_names(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            origin = "." * node.level + (f"{node.module}." if node.module else "")
            yield from (f"{origin}{alias.name}" for alias in node.names)


def _may_import(module: str, name: str) -> bool:
    rules = [rule for rule in MAY_BE_IMPORTED_BY if _is_within(name, rule)]
    if not rules:
        return name.partition(".")[0] in sys.stdlib_module_names
    return any(_is_within(module, importer) for importer in MAY_BE_IMPORTED_BY[max(rules, key=len)])


def _is_within(name: str, package: str) -> bool:
    return name == package or name.startswith(f"{package}.")


def _readable(name: str) -> str:
    """The module's name, without that of what is taken from it: ours are three words deep, others two."""
    depth = 3 if _is_within(name, "app") else 2
    return ".".join(name.split(".")[:depth])


def _names_all(caught: Sequence[ast.expr | None]) -> bool:
    """Whether one of these covers every exception; None stands for a bare `except:`."""
    single = [part for error in caught for part in (error.elts if isinstance(error, ast.Tuple) else [error])]
    return any(error is None or ast.unparse(error) in ("Exception", "BaseException") for error in single)


def _is_suppress(function: ast.expr) -> bool:
    return ast.unparse(function) in ("suppress", "contextlib.suppress")


def _raises_again(handler: ast.ExceptHandler) -> bool:
    last = handler.body[-1]
    return isinstance(last, ast.Raise) and last.exc is None


def _modules() -> dict[str, str]:
    """The source of every module of the app, by the module's name."""
    return {_module_name(path): path.read_text("utf-8") for path in sorted(APP.rglob("*.py"))}


def _module_name(path: Path) -> str:
    parts = path.relative_to(APP.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def test_every_import_is_one_the_table_allows():
    found = [sentence for module, source in _modules().items() for sentence in forbidden_imports(module, source)]
    assert not found, "\n".join(found)


def test_the_table_names_no_module_that_is_gone():
    named = {*MAY_BE_IMPORTED_BY, *BOUNDARIES, *(name for names in MAY_BE_IMPORTED_BY.values() for name in names)}
    assert {name for name in named if _is_within(name, "app")} <= _modules().keys()


def test_only_a_boundary_catches_every_exception():
    found = [
        sentence
        for module, source in _modules().items()
        if module not in BOUNDARIES
        for sentence in broad_excepts(module, source)
    ]
    assert not found, "\n".join(found)


def test_every_module_has_a_name_that_says_something():
    assert not [module for module in _modules() if NAMES_THAT_SAY_NOTHING & set(module.split("."))]


@pytest.mark.parametrize(
    ("module", "source", "imported"),
    [
        ("app.core.memory", "from PySide6.QtCore import QObject", "PySide6.QtCore"),
        ("app.core.memory", "from PySide6 import QtCore", "PySide6.QtCore"),
        ("app.core.memory", "import shiboken6", "shiboken6"),
        ("app.core.memory", "from app.engine.protocol import Device", "app.engine.protocol"),
        ("app.core.memory", "def load():\n    from app.ui import theme", "app.ui.theme"),
        ("app.core.memory", "if TYPE_CHECKING:\n    import sqlite3", "sqlite3"),
        ("app.core.memory", "import somebody_elses", "somebody_elses"),
        ("app.core.memory", "from . import errors", ".errors"),
        ("app.engine.child", "import PySide6.QtCore", "PySide6.QtCore"),
        ("app.engine.engine", "from app.ui.messages import show_error", "app.ui.messages"),
        ("app.engine.supervisor", "from app.engine import llama", "app.engine.llama"),
        ("app.engine.model_host", "import llama_cpp", "llama_cpp"),
        ("app.ui.main_window", "from app.engine import supervisor", "app.engine.supervisor"),
        ("app.ui.main_window", "from PySide6.QtNetwork import QTcpSocket", "PySide6.QtNetwork"),
        ("app.ui.main_window", "from urllib import request", "urllib.request"),
        ("app.ui.main_window", "from app import __main__", "app.__main__"),
        ("app.__main__", "import llama_cpp.llama_cpp", "llama_cpp.llama_cpp"),
    ],
)
def test_an_import_that_the_table_forbids_is_found(module, source, imported):
    assert forbidden_imports(module, source) == [f"{module} may not import {imported}"]


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("app.core.paths", "import platformdirs"),
        ("app.core.memory", "from app.core import errors, gguf\nimport urllib.parse"),
        ("app.engine.engine", "from PySide6.QtCore import QObject\nfrom app.engine.supervisor import Supervisor"),
        ("app.engine.llama", "import llama_cpp.llama_cpp as lib\nfrom app.core import errors"),
        ("app.ui.main_window", "from app.engine.engine import Engine\nfrom app.ui import theme"),
        ("app.__main__", "from app.ui.application import run\nfrom app.engine import child"),
    ],
)
def test_an_import_that_the_table_allows_is_left_alone(module, source):
    assert forbidden_imports(module, source) == []


@pytest.mark.parametrize(
    "source",
    [
        "try: work()\nexcept: pass",
        "try: work()\nexcept Exception: pass",
        "try: work()\nexcept (OSError, BaseException) as error: raise Failed from error",
        "\nwith contextlib.suppress(Exception): work()",
    ],
)
def test_code_that_catches_everything_is_found(source):
    assert broad_excepts("app.core.memory", source) == ["app.core.memory catches every exception in line 2"]


@pytest.mark.parametrize(
    "source",
    [
        "try: work()\nexcept OSError: pass",
        "try: work()\nexcept BaseException:\n    undo()\n    raise",
        "with contextlib.suppress(OSError): work()",
    ],
)
def test_code_that_lets_the_unknown_pass_is_left_alone(source):
    assert broad_excepts("app.core.memory", source) == []
