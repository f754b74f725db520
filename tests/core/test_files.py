from __future__ import annotations

import os

import pytest

from app.core.files import replace_file


def test_a_new_file_holds_exactly_the_content(tmp_path):
    replace_file(tmp_path / "settings.json", b"line\r\n\x00end")
    assert (tmp_path / "settings.json").read_bytes() == b"line\r\n\x00end"


def test_the_old_content_is_gone_and_nothing_is_left_beside_the_file(tmp_path):
    path = tmp_path / "settings.json"
    replace_file(path, b"old and longer")
    replace_file(path, b"new")
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.skipif(os.name != "posix", reason="Windows does not replace an open file")
def test_a_reader_that_opened_the_old_file_goes_on_reading_it(tmp_path):
    path = tmp_path / "settings.json"
    path.write_bytes(b"old")
    with path.open("rb") as reader:
        replace_file(path, b"new")
        assert reader.read() == b"old"


def test_a_failure_leaves_what_was_there_and_no_rest(tmp_path):
    in_the_way = tmp_path / "settings.json"
    in_the_way.mkdir()
    with pytest.raises(OSError):
        replace_file(in_the_way, b"new")
    assert list(tmp_path.iterdir()) == [in_the_way]
    assert in_the_way.is_dir()


def test_a_missing_folder_is_an_error_and_is_not_made(tmp_path):
    with pytest.raises(FileNotFoundError):
        replace_file(tmp_path / "gone" / "settings.json", b"new")
    assert list(tmp_path.iterdir()) == []
