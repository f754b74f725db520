from __future__ import annotations

import os
import subprocess
import sys

from app.engine.child import Interrupts


class FakeFlag:
    def __init__(self) -> None:
        self.up = False

    def lift(self) -> None:
        self.up = True

    def lower(self) -> None:
        self.up = False


def test_an_interrupt_stops_what_is_under_way():
    flag = FakeFlag()
    interrupts = Interrupts(flag)
    interrupts.begin("r1")
    interrupts.ask("r1")
    assert flag.up


def test_an_interrupt_that_comes_too_early_is_remembered():
    flag = FakeFlag()
    interrupts = Interrupts(flag)
    interrupts.ask("r1")
    assert not flag.up
    interrupts.begin("r1")
    assert flag.up


def test_an_interrupt_that_comes_too_late_stops_nothing_else():
    flag = FakeFlag()
    interrupts = Interrupts(flag)
    interrupts.begin("r1")
    interrupts.end()
    interrupts.ask("r1")
    interrupts.begin("r2")
    assert not flag.up


def test_the_child_ends_when_its_stdin_does_and_prints_nothing_but_the_protocol():
    child = subprocess.run(
        [sys.executable, "-m", "app", "--engine-child"], stdin=subprocess.DEVNULL, capture_output=True, timeout=60
    )
    assert child.returncode == 0
    assert all(line.startswith(b'{"type":') for line in child.stdout.splitlines())


def test_the_child_never_imports_qt():
    code = "import sys, app.engine.model_host, app.engine.child; print([m for m in sys.modules if 'PySide' in m])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ)
    assert found.stdout.strip() == "[]"
