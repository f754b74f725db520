from __future__ import annotations

import os
import sys

import pytest

from app.core.host_environment import restore_library_path


@pytest.fixture
def packaged(monkeypatch):
    """What PyInstaller's launcher leaves behind."""
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("LD_LIBRARY_PATH", "/opt/paddock/_internal")
    monkeypatch.delenv("LD_LIBRARY_PATH_ORIG", raising=False)


def test_a_program_that_paddock_starts_does_not_see_our_libraries(packaged):
    restore_library_path()
    assert "LD_LIBRARY_PATH" not in os.environ


def test_a_program_that_paddock_starts_sees_what_the_user_had_set(packaged, monkeypatch):
    monkeypatch.setenv("LD_LIBRARY_PATH_ORIG", "/home/me/lib")
    restore_library_path()
    assert os.environ["LD_LIBRARY_PATH"] == "/home/me/lib"
    assert "LD_LIBRARY_PATH_ORIG" not in os.environ


def test_from_source_nothing_is_touched(packaged, monkeypatch):
    monkeypatch.setattr(sys, "frozen", False)
    restore_library_path()
    assert os.environ["LD_LIBRARY_PATH"] == "/opt/paddock/_internal"
