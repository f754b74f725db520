from __future__ import annotations

import time

import pytest

from app.ui.card_text import readable

BASE = "https://hub.example/maker/model/blob/main/"


def read(card: str) -> str:
    """The card with every blank line left out."""
    return "\n".join(line.rstrip() for line in readable(card, BASE).split("\n") if line.strip())


@pytest.mark.parametrize(
    ("card", "text"),
    [
        ("a <b>bold</b> <span style='color: red'>red</span> word", "a bold red word"),
        ("<!-- a comment\nof two lines --># Title", "# Title"),
        ("before <!-- never closed\n# Title", "before"),
        ("<style>\np { color: red }\n</style>text", "text"),
        ("a<script>alert('<p>')</script>b", "ab"),
        ("one<br>two<br/>three", "one\ntwo\nthree"),
        ("<h2 align='center'>\n  Name <i>of</i>\n  it\n</h2>\nText", "## Name of it\nText"),
        ("<ul>\n  <li>\n    one</li>\n  <li>two</li>\n</ul>", "- one\n- two"),
        (
            "<table>\n <tr>\n <th>A</th>\n <th>B</th>\n </tr>\n <tr><td>1</td><td>2</td></tr>\n</table>",
            "A · B\n1 · 2",
        ),
        ("<details>\n<summary>More</summary>\n\n* item\n\n</details>", "More\n* item"),
    ],
)
def test_html_goes_and_what_it_says_stays(card: str, text: str) -> None:
    assert read(card) == text


def test_indents_within_html_do_not_become_code() -> None:
    assert read("<div>\n    <div>\n        <p>Words</p>\n        more\n    </div>\n</div>") == "Words\nmore"


def test_indents_of_lists_stay() -> None:
    card = "* one\n    * two <b>bold</b>\n"
    assert read(card) == "* one\n    * two bold"


@pytest.mark.parametrize(
    "text",
    [
        "```html\n<div>\n\n    <!-- not hidden -->\n</div>\n```",
        "~~~\n<b>never closed",
        "1. item\n    ```\n    <p>\n    ```",
        "Use `<div>` or ``<!-- ` -->``.",
        "<|system|>\n<prompt></s><s>[INST] 1 < 2 > 0 <start_of_turn>",
        "<https://example.org/a?b=c>",
    ],
)
def test_code_and_what_only_looks_like_a_tag_is_left_alone(text: str) -> None:
    assert readable(text, BASE) == text


@pytest.mark.parametrize(
    ("card", "text"),
    [
        ("![a chart](img/c.png 'A title')", rf"[\[image: a chart\]](<{BASE}img/c.png>)"),
        ('<img alt="a [big] logo" width=3 src="https://x.example/l.png">', None),
        ("<img src=x.png>", rf"[\[image\]](<{BASE}x.png>)"),
        ("![inline](data:image/png;base64,AAAA)", r"\[image: inline\]"),
        ("[![Build](https://b.example/x.svg)](https://ci.example)", r"[\[image: Build\]](<https://ci.example>)"),
        ('<a href="https://d.example"><img src="d.png" alt="Chat"></a>', r"[\[image: Chat\]](<https://d.example>)"),
    ],
)
def test_a_picture_becomes_its_description(card: str, text: str | None) -> None:
    assert read(card) == (text or r"[\[image: a big logo\]](<https://x.example/l.png>)")


@pytest.mark.parametrize(
    ("card", "text"),
    [
        ("[file](./LICENSE)", f"[file](<{BASE}LICENSE>)"),
        ("[up](/other/model)", "[up](<https://hub.example/other/model>)"),
        ("[part](#how-to)", f"[part](<{BASE}README.md#how-to>)"),
        ("[wiki](https://w.example/A_(b) 'title')", "[wiki](<https://w.example/A_(b)> 'title')"),
        ("[bad](javascript:alert)", "[bad](<>)"),
        ("[bad](file:///etc/passwd)", "[bad](<>)"),
        ("[bad](http://[x)", "[bad](<>)"),
        ("<a href='x.md'>the\n words</a>", f"[the words](<{BASE}x.md>)"),
        ("<a href='javascript:x'>words</a>", "words"),
        ("<a name='anchor'>words <a href='x'>y</a>", f"words [y](<{BASE}x>)"),
        ("<a href='x'></a>text", "text"),
    ],
)
def test_links_lead_where_they_would_at_the_hub(card: str, text: str) -> None:
    assert read(card) == text


def test_a_row_of_a_table_stays_one_line() -> None:
    card = "| A | B |\n|---|---|\n| one<br>two | <p>x</p> |"
    assert read(card) == "| A | B |\n|---|---|\n| one two |  x  |"


@pytest.mark.parametrize(
    "piece",
    ["<!--", "<a ", "<div><p>", "![a](", "<a href=x>", "<h1>", "<li>", "```\n", "`", "` ``", "](", "<script ", "<img "],
)
def test_a_hostile_card_takes_no_more_time_than_another(piece: str) -> None:
    began = time.process_time()
    readable(piece * (60_000 // len(piece)), BASE)
    assert time.process_time() - began < 2  # a tenth of that; what is not linear takes a minute
