"""What a formatted text is made of: a sequence of leaves, each with the quotes and lists it is in.

Flat rather than a tree, so that a text that is still being written can be told leaf by leaf.
"""

from __future__ import annotations

from dataclasses import dataclass

TABLE_ROWS = 10  # in one piece of a table: it is laid out anew as a whole whenever a word is added to it


@dataclass(frozen=True, slots=True)
class Span:
    """A piece of text that looks the same throughout. `link` is the address it leads to, if any.

    `maths` is TeX; `text` is its source then, with what it stands between.
    """

    text: str
    bold: bool = False
    italic: bool = False
    strike: bool = False
    code: bool = False
    link: str = ""
    maths: str = ""

    @property
    def is_display(self) -> bool:
        """Whether it is maths that stands by itself."""
        return bool(self.maths) and self.text.startswith(("$$", "\\["))


Spans = tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a leaf is: in which containers, outermost first (`>` a quote, `-` a list), and behind which marker."""

    containers: str = ""
    marker: str = ""


@dataclass(frozen=True, slots=True)
class Paragraph:
    """`continued`: goes on with the one before, which was too long by itself."""

    spans: Spans
    place: Place = Place()
    continued: bool = False


@dataclass(frozen=True, slots=True)
class Heading:
    level: int  # 1 to 6
    spans: Spans
    place: Place = Place()


@dataclass(frozen=True, slots=True)
class Code:
    """`continued`: goes on with the code before. `language` is what the model calls it, if anything.

    `cut`: the lines, counted from 0, that go on with the one before, which was too long by itself.
    """

    lines: tuple[str, ...]
    place: Place = Place()
    continued: bool = False
    language: str = ""
    cut: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Table:
    """The head and `TABLE_ROWS` rows at most; without the head if it is `continued` from the table before.

    `alignments` are `left`, `center` or `right`; `widths` are the columns' shares, in percent.
    """

    rows: tuple[tuple[Spans, ...], ...]
    alignments: tuple[str, ...]
    widths: tuple[float, ...]
    place: Place = Place()
    continued: bool = False


@dataclass(frozen=True, slots=True)
class Rule:
    place: Place = Place()


Leaf = Paragraph | Heading | Code | Table | Rule
