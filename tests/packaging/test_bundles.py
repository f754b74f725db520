"""What of the macOS package can be checked anywhere; the rest is checked by the release workflow, on macOS."""

from __future__ import annotations

import plistlib
import runpy
import struct
import sys
from pathlib import Path

import pytest
from PySide6.QtGui import QImage

PACKAGING = Path(__file__).parents[2] / "packaging"


def test_the_property_list_is_one_and_offers_paddock_for_gguf_files():
    made = runpy.run_path(str(PACKAGING / "macos/info_plist.py"))["info_plist"]("0.1.0")
    values = plistlib.loads(plistlib.dumps(made))
    assert values == made
    assert values["CFBundleShortVersionString"] == "0.1.0"
    [document], [kind] = values["CFBundleDocumentTypes"], values["UTImportedTypeDeclarations"]
    assert document["LSItemContentTypes"] == [kind["UTTypeIdentifier"]]
    assert kind["UTTypeTagSpecification"] == {"public.filename-extension": ["gguf"]}


def test_the_entitlements_are_as_few_as_we_know_of():
    values = plistlib.loads((PACKAGING / "macos/entitlements.plist").read_bytes())
    assert values == {
        "com.apple.security.cs.allow-unsigned-executable-memory": True,
        "com.apple.security.cs.disable-library-validation": True,
    }


def test_the_installer_for_windows_takes_nothing_that_it_would_leave_behind(tmp_path, capsys, monkeypatch):
    for name in ("paddock.exe", "readme.txt"):
        (tmp_path / name).touch()
    (tmp_path / "_internal").mkdir()
    monkeypatch.setattr(sys, "path", sys.path[:])  # the script adds to it
    main = runpy.run_path(str(PACKAGING / "windows/make_installer.py"))["main"]
    with pytest.raises(SystemExit):
        main(["--payload", str(tmp_path), "--version", "0.1.0"])
    assert "readme.txt" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("version", "four"),
    [("0.1.0", (0, 1, 0, 0)), ("1.2", (1, 2, 0, 0)), ("1.2.3rc4", (1, 2, 3, 0)), ("1.2.3+local.9", (1, 2, 3, 0))],
)
def test_windows_gets_four_numbers(version, four):
    text = runpy.run_path(str(PACKAGING / "windows/version_info.py"))["version_info"](version)
    assert f"filevers={four}" in text


@pytest.fixture
def icons(tmp_path, monkeypatch):
    """The folder with the icons that the packages get."""
    runpy.run_path(str(PACKAGING / "icons.py"))["main"](tmp_path)
    return tmp_path


def test_the_icon_for_macos_holds_a_picture_of_each_size(icons):
    content = (icons / "paddock.icns").read_bytes()
    assert content[:8] == struct.pack(">4sI", b"icns", len(content))
    sizes, at = {}, 8
    while at < len(content):
        kind, length = struct.unpack_from(">4sI", content, at)
        sizes[kind] = QImage.fromData(content[at + 8 : at + length]).width()
        at += length
    assert sizes == dict(zip(sizes, (32, 64, 128, 256, 256, 512, 512, 1024), strict=True))


def test_the_icon_for_windows_holds_a_picture_of_each_size(icons):
    content = (icons / "paddock.ico").read_bytes()
    _, kind, count = struct.unpack_from("<HHH", content)
    assert kind == 1
    for number in range(count):
        width, *_, length, offset = struct.unpack_from("<BBBBHHII", content, 6 + 16 * number)
        alone = struct.pack("<HHHBBBBHHII", 0, 1, 1, width, width, 0, 0, 1, 32, length, 22)
        picture = QImage.fromData(alone + content[offset : offset + length])
        assert picture.width() == picture.height() == (width or 256)
        assert picture.pixelColor(0, 0).alpha() == 0
        assert picture.pixelColor(picture.width() // 2, picture.height() // 2).alpha() == 255
