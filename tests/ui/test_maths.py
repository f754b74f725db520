from __future__ import annotations

import pytest

from app.ui.leaves import Heading, Paragraph, Span
from app.ui.markdown import LONGEST_MATHS
from app.ui.markdown_stream import MarkdownStream
from app.ui.maths import Drawing, Formula, drawing_of

PATIENCE = 60  # seconds


def spans_of(source: str) -> list[Span]:
    closed, tail = MarkdownStream().advance(source)
    return [span for leaf in (*closed, *tail) if isinstance(leaf, Paragraph | Heading) for span in leaf.spans]


def maths_in(source: str) -> list[str]:
    return [span.maths for span in spans_of(source) if span.maths]


def drawn(tex: str) -> Drawing | None:
    future = drawing_of(Formula(tex, False, 16, "#102030"))
    assert future is not None
    return future.result(PATIENCE)


@pytest.mark.parametrize(
    ("source", "maths"),
    [
        ("so $x^2$ is", ["x^2"]),
        (r"so \(x^2\) is", ["x^2"]),
        (r"so \[x^2\] is", ["x^2"]),
        ("so $$x^2$$ is", ["x^2"]),
        ("$a_1 * b_2 * c$", ["a_1 * b_2 * c"]),
        ("$x$, $y$ and $z$.", ["x", "y", "z"]),
        (r"\(x\)\(x\)", ["x", "x"]),
        ("$2$ or $3.5$", ["2", "3.5"]),
        (r"$2 \sin x$", [r"2 \sin x"]),
        ("It says:\n$$\nx\n- y\n= z\n$$\nand on", ["x\n- y\n= z"]),
        ("1. one\n   $$\n   x\n   $$\n2. two", ["x"]),
        ("\\[\nx\n\\]", ["x"]),
        ("| a |\n|---|\n| b |\n\n# Of $x$", ["x"]),
    ],
)
def test_maths_is_found(source: str, maths: list[str]) -> None:
    assert maths_in(source) == maths


@pytest.mark.parametrize(
    "source",
    [
        "It costs $5 and $6.",
        "$5-$10, or US$7, or 8$",
        "I paid $5 and he paid 6$.",
        "echo $HOME/$PATH",
        r"\$x\$",
        "`$x$` and `\\(x\\)`",
        "$ x $",
        "$x",
        "$$",
        "```\n$x$\n```",
        r"\(x",
        r"\[image: Logo\]",
        "$$\nx\n\ny\n$$",
        f"${'x' * (LONGEST_MATHS + 1)}$",
    ],
)
def test_what_is_no_maths_is_text(source: str) -> None:
    assert maths_in(source) == []


def test_the_source_of_maths_is_kept_as_it_was() -> None:
    assert [span.text for span in spans_of(r"a $x$ b \( y \)") if span.maths] == ["$x$", r"\( y \)"]


@pytest.mark.parametrize("size", [1, 3, 7])
def test_maths_that_is_being_written_ends_up_as_maths_that_was_there(size: int) -> None:
    source = "Say:\n$$\nx\n- y\n\\frac{1}{2}\n$$\n- item $a$\n\n\\[ b\n\\] c\n\n$$\nnever ended\n\nlast"
    stream = MarkdownStream()
    closed, tail = [], []
    for start in range(0, len(source), size):
        finished, tail = stream.advance(source[start : start + size])
        closed += finished
    at_once = MarkdownStream().advance(source)
    assert [*closed, *tail] == [*at_once[0], *at_once[1]]


@pytest.mark.parametrize(
    "tex",
    [r"\frac{-b \pm \sqrt{b^2-4ac}}{2a}", r"\sum_{i=1}^n x_i", r"\begin{pmatrix}a&b\\c&d\end{pmatrix}", r"\mathbb{R}"],
)
def test_maths_is_drawn(tex: str) -> None:
    made = drawn(tex)
    assert made is not None
    assert made.svg.startswith(b"<svg")
    assert 0 <= made.descent < made.height
    assert b"#102030" in made.svg


@pytest.mark.parametrize(
    "tex",
    [
        r"\frac{a",
        r"\left( x",
        "{" * 400 + "}" * 400,
        r"\sqrt{" * 20 + "x" + "}" * 20,  # would take hours
        r"\begin{cases}" * 8 + "x" + r"\end{cases}" * 8,
        r"\rule{100000em}{100000em}",
        r"\hspace{100000em}x",
        "",
    ],
)
def test_what_cannot_be_drawn_or_takes_too_long_is_refused(tex: str) -> None:
    assert drawn(tex) is None
