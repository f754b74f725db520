"""Makes the packages of this system, from nothing, into dist/. `make package` runs it; any Python from 3.11 on can.

An environment of its own in build/env holds what uv.lock says and a llama.cpp for every processor (see
build_llama_wheel.py), which is compiled once and kept. PyInstaller makes build/bundle/paddock of it, which is tried
before it is packed. What can be the same each time is: file times are those of the last commit.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

from build_llama_wheel import llama_wheel  # noqa: E402 (packaging/ is a folder of scripts and no package)

ROOT = HERE.parent
BUILD = ROOT / "build"
DIST = ROOT / "dist"
ENVIRONMENT = BUILD / "env"
PYTHON = ENVIRONMENT / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
BUNDLE = BUILD / "bundle" / "paddock"
APP = BUILD / "bundle" / "Paddock.app"  # macOS
_TOOLS_OF_LICENCES = ("cyclonedx-python-lib[json-validation]>=11,<12", "packaging")


def main() -> None:
    os.chdir(ROOT)
    os.environ |= {"SOURCE_DATE_EPOCH": _time_of_commit(), "PYTHONHASHSEED": "1"}
    uv = _uv()
    make_environment(uv)
    make_bundle()
    add_licences(uv)
    version = try_bundle()
    shutil.rmtree(DIST, ignore_errors=True)
    DIST.mkdir()
    {"linux": _pack_for_linux, "win32": _pack_for_windows, "darwin": _pack_for_macos}[sys.platform](version)
    for package in sorted(DIST.iterdir()):
        print(f"paddock: {package.relative_to(ROOT)}  {package.stat().st_size / 1e6:.1f} MB")


def make_environment(uv: str) -> None:
    """Only what goes into the bundle, and PyInstaller."""
    os.environ["UV_PROJECT_ENVIRONMENT"] = str(ENVIRONMENT)
    sync = [uv, "sync", "--locked", "--no-default-groups", "--group", "package", "--no-editable", "--inexact"]
    _run([*sync, "--reinstall-package", "paddock", "--no-install-package", "llama-cpp-python"])
    wheel = llama_wheel(uv, PYTHON, BUILD)
    _run([uv, "pip", "install", "--quiet", "--python", str(PYTHON), "--no-deps", "--reinstall", str(wheel)])


def make_bundle() -> None:
    folders = ["--distpath", str(BUNDLE.parent), "--workpath", str(BUILD / "pyinstaller")]
    spec = str(HERE / "paddock.spec")
    _run([str(PYTHON), "-m", "PyInstaller", "--noconfirm", "--clean", "--log-level=WARN", *folders, spec])


def add_licences(uv: str) -> None:
    """The terms of all that is in the bundle, and the list of it."""
    places = [BUNDLE / "_internal"] if sys.platform != "darwin" else [APP / "Contents" / "Resources"]
    tools = [option for tool in _TOOLS_OF_LICENCES for option in ("--with", tool)]
    run = [uv, "run", "--no-project", "--python", str(PYTHON), *tools, str(HERE / "licences.py")]
    for place in places:
        bundle = ["--bundle", str(place)] if sys.platform == "linux" else []
        _run([*run, "--environment", str(ENVIRONMENT), *bundle, "--out", str(place / "licences")])
        shutil.copy(ROOT / "LICENSE", place / "licences" / "LICENSE")


def try_bundle() -> str:
    """Paddock's version, as the bundle says it, once its engine has shown that it works."""
    program = BUNDLE / "paddock.exe" if sys.platform == "win32" else BUNDLE / "paddock"
    if sys.platform == "darwin":
        program = APP / "Contents" / "MacOS" / "paddock"
    answer = subprocess.run([program, "--self-test"], stdout=subprocess.PIPE, text=True, check=False)
    result = json.loads(answer.stdout or "{}")
    if answer.returncode or not result.get("ok"):
        raise SystemExit(f"paddock: the bundle does not work: {answer.stdout or answer.returncode}")
    print(f"paddock: the bundle works: {result['backend']}, {result['tokens_per_second']} tokens per second")
    told = subprocess.run([program, "--version"], stdout=subprocess.PIPE, text=True, check=True).stdout
    return told.split()[1]


def _pack_for_linux(version: str) -> None:
    _run([str(PYTHON), str(HERE / "linux" / "make_packages.py"), str(BUNDLE), version, str(DIST)])


def _pack_for_windows(version: str) -> None:
    make = [str(PYTHON), str(HERE / "windows" / "make_installer.py")]
    _run([*make, "--payload", str(BUNDLE), "--version", version, "--out", str(DIST / "Paddock-Setup.exe")])


def _pack_for_macos(version: str) -> None:
    image = DIST / f"Paddock-{version}-{platform.machine()}.dmg"
    _run([str(HERE / "macos" / "make_dmg.sh"), str(APP), str(image)])


def _uv() -> str:
    """The one on PATH, or the private one that tools/setup.sh made."""
    private = ROOT / ".uv" / ("Scripts/uv.exe" if sys.platform == "win32" else "bin/uv")
    found = str(private) if private.exists() else shutil.which("uv")
    if not found:
        raise SystemExit("paddock: uv is needed; `make package` fetches it")
    return found


def _time_of_commit() -> str:
    told = (
        os.environ.get("SOURCE_DATE_EPOCH")
        or subprocess.run(
            ["git", "log", "-1", "--format=%ct"], capture_output=True, text=True, check=False
        ).stdout.strip()
    )
    return told or "315532800"  # without git: 1980


def _run(command: list[str]) -> None:
    subprocess.run(command, check=True)


if __name__ == "__main__":
    main()
