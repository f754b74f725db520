from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Sequence

import pytest

from app.ui.code_lexer import LineReader, lexer_of

PATIENCE = 30  # seconds

SOURCES = {
    "python": '@cached\ndef f(x: int) -> str:\n    """One\n    two."""\n    return f"{x}" + \'b\'  # three\n',
    "java": "/**\n * Adds two, for return.\n */\npublic class A {\n  int x = 0x1F; // here\n}\n",
    "html": '<!-- one\ntwo -->\n<div class="x">three</div>\n<script>\nlet a = 1;\n</script>\n',
    "javascript": "const a = `one\n${b} two`;\n/* three\n four */ let q = /re/;\n",
    "yaml": 'a: 1\nb:\n  - "x"\n',
    "json": '{"a": [1, true,\n "x"]}\n',
}


def reader(language: str) -> LineReader:
    lexer = lexer_of(language)
    assert lexer is not None
    return LineReader(lexer.result(PATIENCE))


def read(made: LineReader, told: dict[int, dict[int, str]], slice_: float = 1, *, at_rest: bool = True) -> None:
    """Reads on, and remembers of each character what it is."""
    while made.has_work(at_rest=at_rest):
        for line, marks in made.work(time.perf_counter() + slice_, at_rest=at_rest):
            places = [(place, mark.kind) for mark in marks for place in range(mark.start, mark.start + mark.length)]
            told[line] = dict(places)


def words(told: dict[int, dict[int, str]], lines: Sequence[str], kind: str) -> str:
    """All characters of that kind."""
    return "".join(
        char for number, line in enumerate(lines) for place, char in enumerate(line) if told[number].get(place) == kind
    )


def test_words_are_told_apart() -> None:
    lines = SOURCES["python"].split("\n")
    made = reader("python")
    told: dict[int, dict[int, str]] = {}
    for line in lines:
        made.add(line)
    read(made, told)
    assert words(told, lines, "keyword") == "defreturn"
    assert words(told, lines, "comment") == "# three"
    assert "One" in words(told, lines, "string")
    assert "two." in words(told, lines, "string")


@pytest.mark.parametrize("language", SOURCES)
def test_code_that_is_being_written_ends_up_as_code_that_was_there(language: str) -> None:
    lines = SOURCES[language].split("\n")
    at_once, slowly = reader(language), reader(language)
    whole: dict[int, dict[int, str]] = {}
    streamed: dict[int, dict[int, str]] = {}
    for line in lines:
        at_once.add(line)
        slowly.add(line)
        read(slowly, streamed, 0.00001, at_rest=False)
    read(slowly, streamed)
    read(at_once, whole)
    assert streamed == whole


def test_a_comment_is_known_as_one_once_it_ends() -> None:
    lines = SOURCES["java"].split("\n")
    made = reader("java")
    told: dict[int, dict[int, str]] = {}
    for line in lines:
        made.add(line)
        read(made, told)
    assert words(told, lines, "comment").startswith("/** * Adds two, for return. */")


def test_lines_may_be_taken_back() -> None:
    made = reader("python")
    told: dict[int, dict[int, str]] = {}
    for line in ('x = """', "text", '"""'):
        made.add(line)
    read(made, told)
    made.cut_to(1)
    made.add("more")
    read(made, told)
    assert words({1: told[1], 0: {}}, ["", "more"], "string") == "more"


def test_a_language_without_a_name_or_a_lexer_is_plain() -> None:
    assert lexer_of("") is None
    unknown = lexer_of("no such language")
    assert unknown is not None
    assert unknown.result(PATIENCE) is None


def test_no_package_is_searched_for_a_language() -> None:
    program = (
        "import sys, time\nfrom app.ui.code_lexer import LineReader, lexer_of\n"
        "assert 'pygments' not in sys.modules\n"
        "lexer_of('nosuchthing').result()\n"
        "made = LineReader(lexer_of('markdown').result())\n"
        "for line in ('```nosuchthing', 'x', '```', ''): made.add(line)\n"
        "list(made.work(time.perf_counter() + 5, at_rest=True))\n"
        "print('importlib.metadata' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout.strip() == "False", done.stderr


def test_hostile_code_is_read_in_slices() -> None:
    made = reader("python")
    for line in ("(" * 2000, "'" * 900, '"""', *(["\\" * 200] * 50), "\x00\ud83d" * 300):
        made.add(line)
    told: dict[int, dict[int, str]] = {}
    began = time.perf_counter()
    read(made, told, 0.003)
    assert len(told) == 54
    assert time.perf_counter() - began < PATIENCE
