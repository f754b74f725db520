from __future__ import annotations

import sys

import pytest

from app.core.resources import resource


def test_a_resource_is_found_in_a_checkout():
    assert resource("model_catalogue.json").is_file()


def test_a_frozen_app_finds_its_resources_where_it_was_unpacked(tmp_path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sys, "_MEIPASS", str(tmp_path), raising=False)
    assert resource("icons") == tmp_path / "resources" / "icons"
