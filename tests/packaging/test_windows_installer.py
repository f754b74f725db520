"""Paddock-Setup.exe with a stub inside, compiled here and run in Wine: install, upgrade and uninstall, all in silence.

Needs `makensis` and 64-bit Wine: on Debian and Ubuntu, `apt install nsis wine64`. What a stub cannot show is shown by
the release workflow, on Windows.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
WINE = shutil.which("wine64") or shutil.which("wine64", path="/usr/lib/wine")
pytestmark = pytest.mark.skipif(not (WINE and shutil.which("makensis")), reason="needs makensis and wine64")

# Says that it runs, and goes on running.
STUB = r"""
Target amd64-unicode
SilentInstall silent
RequestExecutionLevel user
Name stub
OutFile "${OUT}"
Section
    FileOpen $0 "$TEMP\paddock-runs" w
    FileClose $0
    Sleep 120000
SectionEnd
"""
UNINSTALL_KEY = r"HKCU\Software\Microsoft\Windows\CurrentVersion\Uninstall\Paddock"
CLASSES = r"HKCU\Software\Classes"
STEPS = {  # what is in _internal, by version
    "0.1.0": {"base_library.zip": "1", "llama_cpp/lib/ggml-stale.dll": "1", "ünï/模型.txt": "1"},
    "0.2.0": {"base_library.zip": "2", "llama_cpp/lib/ggml.dll": "2", "ünï/模型.txt": "2"},
}


class Windows:
    """One Wine prefix: a user with nothing installed."""

    def __init__(self, folder: Path) -> None:
        self._environment = {name: os.environ[name] for name in ("PATH", "LANG", "LC_ALL") if name in os.environ} | {
            "HOME": str(folder),
            "LC_ALL": "C.UTF-8",
            "WINEPREFIX": str(folder / "prefix"),
            "WINEDEBUG": "-all",
            "WINEDLLOVERRIDES": "mscoree=d;mshtml=d;winemenubuilder.exe=d",
        }
        self.run("wineboot", "-i")
        [self.home] = (folder / "prefix/drive_c/users").glob("[!P]*")
        self.local = self.home / "AppData/Local"
        self.data = self.local / "Paddock"
        self.programs = self.local / "Programs/Paddock"
        self.shortcut = self.home / "AppData/Roaming/Microsoft/Windows/Start Menu/Programs/Paddock.lnk"

    def be(self, version: str) -> None:
        self.run("reg", "add", r"HKCU\Software\Wine", "/v", "Version", "/d", version, "/f")

    def run(self, *command: object) -> int:
        """The exit code."""
        done = subprocess.run([WINE, *map(str, command)], env=self._environment, capture_output=True, timeout=120)
        return done.returncode

    def uninstall(self, program: Path, *options: str) -> int:
        """The exit code, once the copy of itself that it leaves the work to has ended, too."""
        code = self.run(program / "uninstall.exe", "/S", *options)
        subprocess.run([Path(WINE).with_name("wineserver"), "-w"], env=self._environment, timeout=120)
        return code

    def start(self, program: Path) -> subprocess.Popen:
        """Returns once the stub runs."""
        process = subprocess.Popen([WINE, str(program)], env=self._environment)
        deadline = time.monotonic() + 30
        while not list(self.home.rglob("paddock-runs")):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        return process

    def registry(self, key: str) -> dict[str, str]:
        """All values at and below `key` by their path, those without a name under that of their key."""
        done = subprocess.run([WINE, "reg", "query", key, "/s"], env=self._environment, capture_output=True, timeout=60)
        values, at = {}, ""
        for line in done.stdout.decode("utf-8", "replace").splitlines():
            if line.startswith("HKEY_CURRENT_USER"):
                at = line.strip().replace("HKEY_CURRENT_USER", "HKCU").removeprefix(key)
            elif match := re.match(r" {4}(.*?) {4}REG_\w+ {4}(.*)", line):
                name = "" if match[1] == "(Default)" else f"\\{match[1]}"
                values[f"{at}{name}"] = match[2]
        return values

    def close(self) -> None:
        subprocess.run([Path(WINE).with_name("wineserver"), "-k"], env=self._environment, timeout=60)


@pytest.fixture(scope="module")
def setups(tmp_path_factory) -> dict[str, Path]:
    """The installer of each version."""
    folder = tmp_path_factory.mktemp("setups")
    stub, script = folder / "stub.exe", folder / "stub.nsi"
    script.write_text(STUB, "ascii")
    subprocess.run(["makensis", "-V1", f"-DOUT={stub}", script], check=True)
    return {version: make_setup(folder / version, stub, version) for version in STEPS}


def make_setup(folder: Path, stub: Path, version: str) -> Path:
    payload, setup = folder / "payload", folder / "Paddock-Setup.exe"
    for name, text in STEPS[version].items():
        path = payload / "_internal" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "ascii")
    shutil.copy(stub, payload / "paddock.exe")
    script = ROOT / "packaging/windows/make_installer.py"
    options = ["--payload", payload, "--version", version, "--out", setup]
    subprocess.run([sys.executable, script, *options], check=True)
    return setup


@pytest.fixture(scope="module")
def computer(tmp_path_factory) -> Iterator[Windows]:
    computer = Windows(tmp_path_factory.mktemp("wine"))
    yield computer
    computer.close()


@pytest.fixture
def windows(computer) -> Iterator[Windows]:
    """Windows 10 without Paddock."""
    computer.be("win10")
    yield computer
    if (computer.programs / "uninstall.exe").exists():
        computer.uninstall(computer.programs)
    computer.run("reg", "delete", rf"{CLASSES}\.gguf", "/f")
    shutil.rmtree(computer.programs, ignore_errors=True)
    shutil.rmtree(computer.data, ignore_errors=True)


def files_in(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def installed(version: str) -> set[str]:
    return {"paddock.exe", "uninstall.exe", *(f"_internal/{name}" for name in STEPS[version])}


def fill(data: Path) -> set[str]:
    """Conversations, settings and a model."""
    for name in ("conversations.db", "settings.json", "logs/paddock.log", "models/tiny.gguf"):
        path = data / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("mine", "ascii")
    return files_in(data)


def test_install_upgrade_and_uninstall_leave_nothing_behind_but_what_is_the_users(windows, setups):
    program = windows.programs
    before = files_in(windows.home)
    windows.run("reg", "add", rf"{CLASSES}\.gguf", "/ve", "/d", "SomeoneElse", "/f")
    windows.run("reg", "add", rf"{CLASSES}\.gguf\OpenWithProgids", "/v", "SomeoneElse", "/d", "", "/f")
    classes = windows.registry(CLASSES)

    assert windows.run(setups["0.1.0"], "/S") == 0
    assert files_in(program) == installed("0.1.0")
    assert windows.shortcut.is_file()
    where = rf"C:\users\{windows.home.name}\AppData\Local\Programs\Paddock"
    key = windows.registry(UNINSTALL_KEY)
    assert int(key.pop(r"\EstimatedSize"), 16) > 0
    assert key == {
        r"\DisplayName": "Paddock",
        r"\DisplayVersion": "0.1.0",
        r"\DisplayIcon": rf"{where}\paddock.exe",
        r"\Publisher": "Paddock",
        r"\InstallLocation": where,
        r"\UninstallString": rf'"{where}\uninstall.exe"',
        r"\QuietUninstallString": rf'"{where}\uninstall.exe" /S',
        r"\NoModify": "0x1",
        r"\NoRepair": "0x1",
    }
    assert windows.registry(CLASSES) == classes | {
        r"\.gguf\OpenWithProgids\Paddock.gguf": "",
        r"\Paddock.gguf": "GGUF model",
        r"\Paddock.gguf\DefaultIcon": rf"{where}\paddock.exe,0",
        r"\Paddock.gguf\shell\open\command": rf'"{where}\paddock.exe" "%1"',
        r"\Applications\paddock.exe\FriendlyAppName": "Paddock",
        r"\Applications\paddock.exe\SupportedTypes\.gguf": "",
        r"\Applications\paddock.exe\shell\open\command": rf'"{where}\paddock.exe" "%1"',
    }

    data = fill(windows.data)
    (program / "mine.txt").write_text("mine", "ascii")
    assert windows.run(setups["0.2.0"], "/S") == 0
    assert files_in(program) == {*installed("0.2.0"), "mine.txt"}
    assert (program / "_internal/ünï/模型.txt").read_text("ascii") == "2"
    assert windows.registry(UNINSTALL_KEY)[r"\DisplayVersion"] == "0.2.0"
    assert files_in(windows.data) == data

    assert windows.uninstall(program) == 0
    left = {name for name in files_in(windows.home) - before if "Temp/" not in name}
    assert left == {"AppData/Local/Programs/Paddock/mine.txt", *(f"AppData/Local/Paddock/{name}" for name in data)}
    assert windows.registry(UNINSTALL_KEY) == {}
    assert windows.registry(CLASSES) == classes
    assert files_in(windows.data) == data


def test_purge_takes_the_users_data_too(windows, setups):
    windows.run(setups["0.1.0"], "/S")
    fill(windows.data)
    assert windows.uninstall(windows.programs, "/PURGE") == 0
    assert not windows.data.exists()
    assert not windows.programs.exists()
    assert r"\.gguf" not in "".join(windows.registry(CLASSES))


def test_a_folder_with_spaces_and_cjk_is_found_again_by_the_upgrade(windows, setups):
    folder = windows.home.parents[1] / "Spaces in 路径/Päddock"
    assert windows.run(setups["0.1.0"], "/S", r"/D=C:\Spaces", "in", r"路径\Päddock") == 0
    assert files_in(folder) == installed("0.1.0")
    assert windows.run(setups["0.2.0"], "/S") == 0
    assert files_in(folder) == installed("0.2.0")
    assert windows.uninstall(folder) == 0
    assert not folder.exists()
    assert not windows.programs.exists()


def test_nothing_is_touched_while_paddock_runs(windows, setups):
    program = windows.programs
    windows.run(setups["0.1.0"], "/S")
    paddock = windows.start(program / "paddock.exe")
    try:
        assert windows.run(setups["0.2.0"], "/S") == 2
        where = rf"C:\users\{windows.home.name}\AppData\Local\Programs\Paddock"
        assert windows.run(program / "uninstall.exe", "/S", f"_?={where}") == 2  # itself, not a copy: for its exit code
        assert files_in(program) == installed("0.1.0")
    finally:
        paddock.terminate()
        paddock.wait(30)
    assert windows.run(setups["0.2.0"], "/S") == 0
    assert files_in(program) == installed("0.2.0")


def test_an_older_windows_is_told_so(windows, setups):
    windows.be("win81")
    assert windows.run(setups["0.1.0"], "/S") == 2
    assert not windows.programs.exists()
