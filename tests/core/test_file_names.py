from __future__ import annotations

import pytest

from app.core.file_names import is_safe_path


@pytest.mark.parametrize(
    "path",
    [
        "tinyllama-1.1b-chat-v1.0.Q4_K_M.gguf",
        "Q8_0/model-00001-of-00003.gguf",
        "a/b/c/d.gguf",
        ".gitattributes",
        "Ünïcödé 模型 🦙.gguf",
        "two words (and more) [1], 50% & 'so' ~on~ #1 +2 @home = $5 {x};!.gguf",
        "CONfident.gguf",
        "computer.gguf",
        "x" * 200,
    ],
)
def test_a_plain_name_is_safe(path):
    assert is_safe_path(path)


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/etc/passwd",
        "//server/share/x.gguf",
        "..",
        "../x.gguf",
        "folder/../../x.gguf",
        "folder/./x.gguf",
        "folder//x.gguf",
        "folder/",
        "C:/x.gguf",
        "C:x.gguf",
        "..\\x.gguf",
        "\\\\server\\share\\x.gguf",
        "x.gguf:hidden",
        "x.gguf.",
        "x.gguf ",
        " x.gguf",
        "folder./x.gguf",
        "...",
        "line\nbreak.gguf",
        "nul\0byte.gguf",
        "bell\x07.gguf",
        "c1\x85.gguf",
        "paragraph\u2029.gguf",
        "fugg.\u202exe",
        "zero\u200bwidth.gguf",
        "half\ud800.gguf",
        "what?.gguf",
        "*.gguf",
        '"x".gguf',
        "<x>.gguf",
        "a|b.gguf",
        "CON",
        "con.gguf",
        "NUL.Q4_K_M.gguf",
        "aux .gguf",
        "folder/PRN/x.gguf",
        "com1.gguf",
        "LPT9.gguf",
        "COM¹.gguf",
        "CONIN$",
        "x" * 201,
        "ü" * 101,
        "x/" * 201 + "x",
    ],
)
def test_a_name_that_leads_elsewhere_or_is_no_file_everywhere_is_not_safe(path):
    assert not is_safe_path(path)
