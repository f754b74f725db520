"""Markdown to leaves, whole and as it streams in, and leaves to a document."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PySide6.QtGui import QFont, QPalette, QTextCharFormat, QTextDocument
from pytestqt.qtbot import QtBot

from app.ui.leaves import TABLE_ROWS, Code, Heading, Leaf, Paragraph, Place, Rule, Span, Table
from app.ui.looks import Looks
from app.ui.markdown import LONGEST_PARAGRAPH
from app.ui.markdown_stream import LONGEST_BLOCK, MarkdownStream, PlainStream, TextStream
from app.ui.message_text import TextWriter

TABLE_HEAD = "| left | middle | right |\n|:--|:-:|--:|\n"

FRAGMENTS = [
    "a paragraph\nof two lines\n\n",
    "with **bold**, *italic*, ~~struck~~ and `code`\n\n",
    "# heading\n",
    "setext\n------\n",
    "1. one\n2. two\n   - nested\n\n     more\n3. three\n",
    "1. same\n1. number\n1. again\n",
    "- item\n\n  second paragraph\n- [x] done\n- [ ] open\n",
    "- code in an item\n  ```sh\n  make\n  ```\n- after\n",
    "> quote\n> goes on\nlazily\n\n",
    "> - list in quote\n>   > deeper\n\n",
    "```python\ndef f():\n    return 1\n```\n",
    "~~~\n```\n~~~\n",
    "  ```\n  indented fence\n  ```\n",
    "    indented code\n\n",
    TABLE_HEAD + "| 1 | 2 | 3 |\n" * 3 + "\n",
    TABLE_HEAD + "".join(f"| row {n} | x | y |\n" for n in range(25)) + "\n",
    "---\n",
    "\n\n",
    "<b>raw</b> &amp; [link](https://example.org) <https://example.org>\n\n",
    "![picture](http://example.org/p.png)\n\n",
    "[1]: http://example.org\n",
    "a line without an end",
    "```\nnever closed\n",
]


def run(stream: TextStream, pieces: Iterable[str]) -> list[Leaf]:
    """All leaves at the end: what was closed on the way, and the last tail."""
    closed: list[Leaf] = []
    tail: list[Leaf] = []
    for piece in pieces:
        finished, tail = stream.advance(piece)
        closed += finished
    return with_code_joined([*closed, *tail])


def with_code_joined(leaves: Sequence[Leaf]) -> list[Leaf]:
    """Code comes in as many leaves as it took to write it."""
    joined: list[Leaf] = []
    for leaf in leaves:
        last = joined[-1] if joined else None
        if isinstance(leaf, Code) and leaf.continued and isinstance(last, Code):
            joined[-1] = replace(last, lines=last.lines + leaf.lines)
        else:
            joined.append(leaf)
    return joined


def leaves_of(source: str) -> list[Leaf]:
    return run(MarkdownStream(), [source])


def text_of(leaves: Sequence[Leaf]) -> str:
    texts = []
    for leaf in leaves:
        match leaf:
            case Paragraph() | Heading():
                texts.append("".join(span.text for span in leaf.spans))
            case Code():
                texts.append("\n".join(leaf.lines))
            case Table():
                texts += ["".join(span.text for span in cell) for row in leaf.rows for cell in row]
    return "\n".join(texts)


def cut(source: str, sizes: Sequence[int]) -> list[str]:
    """`source` in pieces of these sizes, over and over."""
    pieces, start, turn = [], 0, 0
    while start < len(source):
        size = sizes[turn % len(sizes)]
        pieces.append(source[start : start + size])
        start, turn = start + size, turn + 1
    return pieces


# One construct at a time


@pytest.mark.parametrize(
    ("source", "span"),
    [
        ("**x**", Span("x", bold=True)),
        ("*x*", Span("x", italic=True)),
        ("***x***", Span("x", bold=True, italic=True)),
        ("~~x~~", Span("x", strike=True)),
        ("`*x*`", Span("*x*", code=True)),
        ("[x](https://example.org/a?b=c)", Span("x", link="https://example.org/a?b=c")),
        ("<mailto:a@example.org>", Span("mailto:a@example.org", link="mailto:a@example.org")),
    ],
)
def test_a_span_has_the_look_its_marks_say(source: str, span: Span) -> None:
    assert leaves_of(source) == [Paragraph((span,))]


@pytest.mark.parametrize(
    "address",
    ["javascript:alert(1)", "file:///etc/passwd", "data:text/html,x", "ftp://example.org", "/etc", "//host/x"],
)
def test_a_link_to_anything_but_the_web_or_mail_is_no_link(address: str) -> None:
    [paragraph] = leaves_of(f"[x]({address})")

    assert isinstance(paragraph, Paragraph)
    assert [span.link for span in paragraph.spans] == [""]


def test_raw_html_is_shown_as_text() -> None:
    source = "<script>alert(1)</script>\n\n<b>x</b> and <!-- this -->"

    assert text_of(leaves_of(source)) == source.replace("\n\n", "\n")


def test_an_image_is_its_description_and_its_address() -> None:
    assert text_of(leaves_of("![a cat](http://example.org/cat.png)")) == "a cat (http://example.org/cat.png)"


def test_lines_break_where_the_source_breaks_them() -> None:
    assert text_of(leaves_of("roses are red\nviolets are blue")) == "roses are red\nviolets are blue"


def test_a_reference_is_not_swallowed() -> None:
    assert text_of(leaves_of("see [x][1]\n\n[1]: http://example.org")) == "see [x][1]\n[1]: http://example.org"


def test_headings_have_levels() -> None:
    assert leaves_of("# a\n### b\n\nc\n===") == [
        Heading(1, (Span("a"),)),
        Heading(3, (Span("b"),)),
        Heading(1, (Span("c"),)),
    ]


def test_items_have_numbers_bullets_and_boxes_and_know_how_deep_they_are() -> None:
    source = "3. a\n4. b\n   - c\n     - d\n\n       e\n\n- [ ] f\n- [x] g"

    places = [leaf.place for leaf in leaves_of(source)]

    assert places == [
        Place("-", "3."),
        Place("-", "4."),
        Place("--", "◦"),
        Place("---", "▪"),
        Place("---"),
        Place("-", "☐"),
        Place("-", "☑"),
    ]


def test_a_list_is_numbered_on_although_the_model_wrote_the_same_number_each_time() -> None:
    for pieces in (["1. a\n1. b\n1. c\n1. d"], list("1. a\n1. b\n1. c\n1. d")):
        assert [leaf.place.marker for leaf in run(MarkdownStream(), pieces)] == ["1.", "2.", "3.", "4."]


def test_an_item_that_begins_with_code_has_its_marker_before_it() -> None:
    assert leaves_of("- ```\n  make\n  ```") == [Paragraph((), Place("-", "•")), Code(("make",), Place("-"))]


def test_quotes_hold_other_blocks() -> None:
    assert [leaf.place for leaf in leaves_of("> a\n>\n> > b\n> - c")] == [
        Place(">"),
        Place(">>"),
        Place(">-", "•"),
    ]


def test_code_keeps_its_lines_as_they_are() -> None:
    assert leaves_of("```python\nif x:\n\n    *y*\n```\nafter") == [
        Code(("if x:", "", "    *y*"), language="python"),
        Paragraph((Span("after"),)),
    ]


def test_a_table_has_rows_and_alignments() -> None:
    [table] = leaves_of(TABLE_HEAD + "| 1 | **2** | 3 |")

    assert isinstance(table, Table)
    assert table.rows[1] == ((Span("1"),), (Span("2", bold=True),), (Span("3"),))
    assert table.alignments == ("left", "center", "right")
    assert sum(table.widths) == pytest.approx(100)


def test_a_rule_is_a_rule() -> None:
    assert leaves_of("a\n\n***\n\nb")[1] == Rule()


# Streaming


@given(st.lists(st.sampled_from(FRAGMENTS), max_size=8), st.lists(st.integers(1, 40), min_size=1, max_size=5))
@settings(deadline=None, max_examples=150)
def test_a_streamed_text_is_the_same_as_a_whole_one(fragments: list[str], sizes: list[int]) -> None:
    source = "".join(fragments)

    assert run(MarkdownStream(), cut(source, sizes)) == leaves_of(source)


@given(st.lists(st.sampled_from(FRAGMENTS), max_size=8), st.lists(st.integers(1, 40), min_size=1, max_size=5))
@settings(deadline=None, max_examples=100)
def test_no_word_that_was_written_disappears(fragments: list[str], sizes: list[int]) -> None:
    source = "".join(fragment for fragment in fragments if "](" not in fragment and "```" not in fragment)

    shown = text_of(run(MarkdownStream(), cut(source, sizes)))

    assert re.findall(r"[a-z]{2,}", shown) == re.findall(r"[a-z]{2,}", source)


@given(st.text(alphabet="ab \t\n#>-*`~|[]()!1.:<&\\_=+", max_size=200), st.integers(1, 7))
@settings(deadline=None, max_examples=150)
def test_anything_can_be_streamed(source: str, size: int) -> None:
    assert run(MarkdownStream(), cut(source, [size])) == leaves_of(source)


def test_what_is_closed_is_told_once() -> None:
    stream = MarkdownStream()
    told = [leaf for piece in cut("one\n\n" * 50, [3]) for leaf in stream.advance(piece)[0]]

    assert told == [Paragraph((Span("one"),))] * 49


def test_what_may_become_the_end_of_code_is_held_back() -> None:
    stream = MarkdownStream()
    stream.advance("```\nx\n")

    assert stream.advance("``") == ([], [])
    assert stream.advance("`y\n") == ([Code(("```y",), continued=True)], [])


def test_a_users_own_words_stand_as_they_were_typed() -> None:
    source = "  # not a heading\n\n*a*\tb   c \n"

    for size in (1, 5, 1000):
        assert text_of(run(PlainStream(), cut(source, [size]))) == source


# Bounds


@pytest.mark.parametrize("source", ["word " * 4000, "a" * 20_000, "1. " + "word " * 4000, "# " + "word " * 1000])
@pytest.mark.parametrize("size", [7, 2000, 100_000])
def test_no_paragraph_is_longer_than_a_layout_can_bear_and_nothing_is_lost(source: str, size: int) -> None:
    leaves = run(MarkdownStream(), cut(source, [size]))

    assert all(len(text_of([leaf])) <= LONGEST_PARAGRAPH for leaf in leaves)
    assert sum(text_of([leaf]).count("word") for leaf in leaves) == source.count("word")
    assert text_of(leaves).count("a") == source.count("a")


def test_the_rest_of_a_cut_paragraph_is_not_taken_for_a_block() -> None:
    sentence = "x" * (LONGEST_PARAGRAPH - 1)

    leaves = run(MarkdownStream(), [f"{sentence} ", "- no item\n\n- item"])

    assert leaves[1:] == [
        Paragraph((Span("- no item"),), continued=True),
        Paragraph((Span("item"),), Place("-", "•")),
    ]


def test_a_long_table_comes_in_pieces_of_the_same_widths() -> None:
    source = TABLE_HEAD + "".join(f"| row {n} | x | y |\n" for n in range(25))

    tables = [leaf for leaf in run(MarkdownStream(), cut(source, [30])) if isinstance(leaf, Table)]

    assert [(len(table.rows), table.continued) for table in tables] == [
        (1 + TABLE_ROWS, False),
        (TABLE_ROWS, True),
        (5, True),
    ]
    assert len({table.widths for table in tables}) == 1


def test_nesting_deeper_than_anyone_reads_is_plain_text() -> None:
    source = ">" * 50 + " deep\n\nand on"

    assert text_of(leaves_of(source)) == source.replace("\n\n", "\n")


def test_an_endless_block_becomes_plain_text_until_it_ends() -> None:
    rows = "".join(f"  - point {n}\n" for n in range(LONGEST_BLOCK // 8))
    source = f"- a\n{rows}\n**after** the list"

    leaves = run(MarkdownStream(), cut(source, [500]))

    assert Paragraph((Span("  - point 1999"),), continued=True) in leaves
    assert leaves[-1] == Paragraph((Span("after", bold=True), Span(" the list")))


@pytest.mark.parametrize("source", ["[" * 30_000, "> a\n" * 8000, "- " * 15_000, "**a " * 8000, "|" * 30_000])
def test_hostile_text_costs_no_more_for_being_long(source: str) -> None:
    stream = MarkdownStream()
    longest = 0
    for piece in cut(source, [500]):
        _, tail = stream.advance(piece)
        longest = max(longest, len(text_of(tail)))

    assert longest <= LONGEST_BLOCK


# The document


@pytest.fixture
def looks(qtbot: QtBot) -> Looks:
    return Looks(QFont(), QPalette())


def document_of(looks: Looks, pieces: Iterable[str]) -> QTextDocument:
    document = QTextDocument()
    writer = TextWriter(document, looks)
    stream = MarkdownStream()
    for piece in pieces:
        writer.write(*stream.advance(piece))
    return document


def formats_in(document: QTextDocument) -> Iterable[QTextCharFormat]:
    block = document.begin()
    while block.isValid():
        for fragment in block:
            yield fragment.fragment().charFormat()
        block = block.next()


@pytest.mark.parametrize("sizes", [[2], [3, 17], [40]])
def test_a_streamed_document_is_the_same_as_one_written_at_once(looks: Looks, sizes: list[int]) -> None:
    for first in range(len(FRAGMENTS)):
        source = "".join(FRAGMENTS[first:] + FRAGMENTS[:first])
        streamed, whole = document_of(looks, cut(source, sizes)), document_of(looks, [source])

        assert streamed.toHtml() == whole.toHtml()


def test_a_document_reads_as_the_text_does(looks: Looks) -> None:
    document = document_of(looks, ["# Head\n\n1. one\n2. two\n\n```\nx\ny\n```\n\nlast\nline"])

    assert document.toPlainText() == "Head\n1. one\n2. two\nx\ny\nlast\nline"


def test_no_document_ever_holds_an_image(looks: Looks) -> None:
    document = document_of(looks, ["![x](file:///etc/passwd) ![y](http://example.org/y.png)\n\n<img src='z'>\ufffc"])

    assert not any(look.isImageFormat() for look in formats_in(document))


def test_no_text_can_end_a_block_of_the_document(looks: Looks) -> None:
    document = document_of(looks, ["a\u2029b\u2028c\ufdd0d\ufdd1e\rf"])

    assert document.blockCount() == 1


def test_half_a_character_does_no_harm(looks: Looks) -> None:
    assert "x" in document_of(looks, ["\ud83d x \udc00\x00"]).toPlainText()


def test_closed_blocks_are_left_alone(looks: Looks) -> None:
    document = QTextDocument()
    writer = TextWriter(document, looks)
    stream = MarkdownStream()
    writer.write(*stream.advance("first\n\nsecond\n\nthird\n\nfourth"))
    before = [document.findBlockByNumber(number).revision() for number in range(4)]

    writer.write(*stream.advance(" goes on"))

    after = [document.findBlockByNumber(number).revision() for number in range(4)]
    assert after[:2] == before[:2]
    assert after[3] > before[3]
