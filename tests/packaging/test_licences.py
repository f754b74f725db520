"""The licences and the bill of materials of what is installed where the tests run."""

from __future__ import annotations

import json
import runpy
import sys
from importlib import metadata
from pathlib import Path

import pytest

SCRIPT = runpy.run_path(str(Path(__file__).parents[2] / "packaging/licences.py"))
PART = SCRIPT["Part"]


def lay(environment: Path, name: str, *, needs: str = "", text: str = "") -> None:
    """Something installed, with a licence or without."""
    folder = environment / "lib/python3.11/site-packages" / f"{name.replace('-', '_')}-1.0.dist-info"
    (folder / "licenses").mkdir(parents=True)
    requires = "".join(f"Requires-Dist: {need}\n" for need in needs.split(", ") if need)
    (folder / "METADATA").write_text(f"Metadata-Version: 2.4\nName: {name}\nVersion: 1.0\n{requires}")
    if text:
        (folder / "licenses/LICENSE").write_text(text)
    (folder / "RECORD").write_text(
        f"{folder.name}/METADATA,,\n" + (f"{folder.name}/licenses/LICENSE,,\n" if text else "")
    )


@pytest.fixture
def environment(tmp_path):
    place = tmp_path / "env"
    lay(place, "paddock", needs="llama-cpp-python, PySide6_Essentials, wintool; sys_platform == 'no'", text="ours")
    lay(place, "llama-cpp-python", needs="numpy[fast], nothing; extra == 'test'", text="MIT")
    lay(place, "PySide6-Essentials")
    lay(place, "numpy", needs="faster; extra == 'fast', slower; extra == 'slow'", text="BSD")
    lay(place, "faster", text="BSD")
    for unwanted in ("slower", "wintool", "nothing", "pytest"):
        lay(place, unwanted)
    (place / "pyvenv.cfg").write_text("home = /usr/bin\nversion_info = 3.11.7\n")
    return place


def run(environment: Path, out: Path) -> int:
    return SCRIPT["main"](["--environment", str(environment), "--out", str(out)])


@pytest.fixture
def _without_bill(monkeypatch):
    """The library that writes the bill comes with the release, not with the tests."""
    monkeypatch.setitem(SCRIPT["main"].__globals__, "bill_of_materials", lambda parts: "")


def test_there_is_a_text_for_all_that_paddock_needs_here_and_for_nothing_else(environment, tmp_path, _without_bill):
    assert run(environment, tmp_path / "out") == 0
    assert {
        path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*.*") if path.is_dir()
    } == {
        *("paddock 1.0", "llama-cpp-python 1.0", "pyside6-essentials 1.0", "numpy 1.0", "faster 1.0"),
        *("llama.cpp 1.0", "Qt 1.0", "Python 3.11.7"),
    }
    assert (tmp_path / "out/paddock 1.0/LICENSE").read_text() == "ours"
    assert "LESSER GENERAL PUBLIC" in (tmp_path / "out/pyside6-essentials 1.0/LGPL-3.0.txt").read_text()


def test_a_part_without_a_text_is_an_error(environment, tmp_path, capsys, _without_bill):
    lay(environment, "secret")
    meta = environment / "lib/python3.11/site-packages/numpy-1.0.dist-info/METADATA"
    meta.write_text(meta.read_text() + "Requires-Dist: secret\n")
    assert run(environment, tmp_path / "out") == 1
    assert "no licence text for secret" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_all_that_is_installed_here_has_a_text(tmp_path, _without_bill):
    assert run(Path(sys.prefix), tmp_path) == 0
    assert (tmp_path / f"llama-cpp-python {metadata.version('llama-cpp-python')}" / "LICENSE.md").stat().st_size > 500


def test_the_bill_names_each_part_once(monkeypatch):
    pytest.importorskip("cyclonedx", reason="needs cyclonedx-python-lib[json-validation]")
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    parts = [
        PART("paddock", "0.1.0", "Apache-2.0", {"LICENSE": ""}, "pypi"),
        PART("numpy", "2", "BSD-3-Clause AND 0BSD", {"LICENSE": ""}, "pypi"),
        PART("libgomp1", "12.2.0-14", "", {"copyright": ""}, "deb"),
        PART("odd", "1", "Whatever you like", {"LICENSE": ""}),
    ]
    text = SCRIPT["bill_of_materials"](parts)
    assert text == SCRIPT["bill_of_materials"](list(reversed(parts)))
    bill = json.loads(text)
    assert {part["name"]: part.get("purl") for part in bill["components"]} == {
        "numpy": "pkg:pypi/numpy@2",
        "libgomp1": "pkg:deb/libgomp1@12.2.0-14",
        "odd": None,
    }
    assert bill["metadata"]["component"]["version"] == "0.1.0"
    assert bill["metadata"]["timestamp"].startswith("2023-11-14")
