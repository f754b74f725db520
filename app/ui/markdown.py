"""Markdown as leaf blocks: paragraphs, headings, code, tables and rules, each with the quotes and lists it is in.

The door to markdown-it-py, which is imported at first use: that takes as long as importing Qt. Raw HTML is text to us,
an image is its description and address, a link leads to http, https or mailto or is none. Lines break where the source
breaks them: a model does that on purpose, in a poem or an address. A definition of a reference (`[1]: address`) is
shown as it stands, so that nothing that was written disappears.

Maths stands between `$` and `$`, `$$` and `$$`, `\\(` and `\\)`, `\\[` and `\\]`. Prices begin with a dollar too: so
a single one begins maths only as it would in Pandoc, and not before a number that words follow. What begins a line
with `$$` or `\\[` is kept together up to its end or a blank line: a line of it may look like an item or a heading.

Every unit is bounded, whatever the source: what is longer or nested deeper than anything a person would read becomes
plain text, in pieces that a text layout can bear.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from app.ui.leaves import TABLE_ROWS, Code, Heading, Leaf, Paragraph, Place, Rule, Span, Spans, Table

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.rules_block import StateBlock
    from markdown_it.rules_inline import StateInline
    from markdown_it.token import Token

LONGEST_PARAGRAPH = 2400  # characters in one text layout, which is done anew whenever a word is added to it

_DEEPEST = 20
_BULLETS = "•◦▪"
_LONGEST_LANGUAGE = 30
_NOWHERE = Place()
_TASK = re.compile(r"\[([ xX])\]\s+")


# Blocks


@dataclass(frozen=True, slots=True)
class Block:
    """An outermost block of a source; a list is as many blocks as it has items."""

    kind: str  # the name of its first token, such as `paragraph_open`, `list_item_open`, `fence`, `table_open`
    source: str
    first_line: int  # counted from 0
    number: int | None  # of an item of a numbered list
    tokens: Sequence[Token]


def blocks(source: str, first_number: int | None = None) -> list[Block]:
    """The blocks of `source`. `first_number` overrules the number of the item that it begins with."""
    lines = source.split("\n")
    found: list[Block] = []
    number: int | None = None
    group: list[Token] = []
    depth = 0
    for token in _block_parser().parse(source):
        if token.level == 0 and token.type in ("ordered_list_open", "bullet_list_open"):
            number = _start(token)
            if not found and number is not None and first_number is not None:
                number = first_number
        elif token.level == 0 and token.type in ("ordered_list_close", "bullet_list_close"):
            number = None
        else:
            group.append(token)
            depth += token.nesting
            if depth == 0:
                found.append(_block(group, lines, number))
                number = None if number is None else number + 1
                group = []
    return found


def _block(tokens: list[Token], lines: list[str], number: int | None) -> Block:
    first = tokens[0]
    start, end = first.map or (0, len(lines))
    return Block(first.type, "\n".join(lines[start:end]), start, number, tokens)


def _start(list_open: Token) -> int | None:
    """The number of a list's first item; None for a list of bullets."""
    return int(list_open.attrs.get("start", 1)) if list_open.type == "ordered_list_open" else None


@functools.cache
def _block_parser() -> MarkdownIt:
    """Leaves the insides of paragraphs alone."""
    parser = _parser()
    parser.core.ruler.enableOnly(["normalize", "block"])
    return parser


@functools.cache
def _inline_parser() -> MarkdownIt:
    return _parser()


def _parser() -> MarkdownIt:
    from markdown_it import MarkdownIt  # noqa: PLC0415 - at first use

    parser = MarkdownIt("commonmark", {"html": False, "maxNesting": _DEEPEST})
    parser.inline.ruler.before("escape", "maths", _maths_rule)
    interrupted = {"alt": ["paragraph", "blockquote", "list"]}
    parser.block.ruler.before("fence", "maths", _display_rule, interrupted)  # type: ignore[arg-type]
    return parser.enable(["table", "strikethrough"]).disable("reference")


# Maths

LONGEST_MATHS = 1000  # characters of TeX

_ENDS = {"$": "$", "$$": "$$", "\\(": "\\)", "\\[": "\\]"}
_WORDS = re.compile(r"[^\\^_=+<>{}]*[^\W\d_]{4,}[^\\^_=+<>{}]*")  # in brackets that somebody escaped
_PRICE = re.compile(r"\d[\d.,]*\s+[^\W\d_]{2,}")


def _maths_rule(state: StateInline, silent: bool) -> bool:
    """Maths within a paragraph, a heading or a cell."""
    begin = next((mark for mark in ("$$", "$", "\\(", "\\[") if state.src.startswith(mark, state.pos)), "")
    if not begin:
        return False
    start = state.pos + len(begin)
    end = state.src.find(_ENDS[begin], start, min(state.posMax, start + LONGEST_MATHS))
    content = state.src[start:end]
    if end < 0 or not content.strip() or (begin == "$" and not _is_maths(state, content, end)):
        return False
    if begin[0] == "\\" and _WORDS.fullmatch(content):
        return False
    state.pos = end + len(begin)
    if not silent:
        token = state.push("maths", "", 0)
        token.content, token.markup = content.strip(), begin
        token.info = begin + content + _ENDS[begin]
    return True


def _is_maths(state: StateInline, content: str, end: int) -> bool:
    """Whether what is between two single dollar signs is maths, as far as one can tell."""
    before, after = state.src[: state.pos][-1:], state.src[end + 1 : end + 2]
    if before.isalnum() or after.isalnum() or after == "$" or content != content.strip() or "\n" in content:
        return False
    return content[-1] != "\\" and not _PRICE.match(content)


def _display_rule(state: StateBlock, first: int, last: int, silent: bool) -> bool:
    """Lines of maths, as a paragraph of their own."""
    start = state.bMarks[first] + state.tShift[first]
    begin = state.src[start : start + 2]
    if begin not in ("$$", "\\[") or state.is_code_block(first):
        return False
    end = _line_after_maths(state, first, last, _ENDS[begin])
    if end == first:
        return False
    if not silent:
        content = state.getLines(first, end, state.blkIndent, False).strip()
        state.push("paragraph_open", "p", 1).map = [first, end]
        inside = state.push("inline", "", 0)
        inside.content, inside.map, inside.children = content, [first, end], []
        state.push("paragraph_close", "p", -1)
        state.line = end
    return True


def _line_after_maths(state: StateBlock, first: int, last: int, end: str) -> int:
    """The line after the maths that begins in line `first`; `first` itself if it does not stand by itself."""
    for line in range(first, last):
        start = state.bMarks[line] + state.tShift[line]
        if line > first and (state.isEmpty(line) or state.sCount[line] < state.blkIndent):
            return line
        text = state.src[start + 2 if line == first else start : state.eMarks[line]]
        if end in text:
            follows = text.partition(end)[2].strip()
            return first if line == first and len(follows) > 1 else line + 1
    return last


# Leaves


def leaves(block: Block) -> list[Leaf]:
    """The leaves of `block`, in reading order."""
    if any(token.nesting == 1 and token.level >= _DEEPEST - 1 for token in block.tokens):
        return list(plain_lines(block.source))  # the parser left out what is deeper
    return list(_Walk(block.number).leaves(block.tokens))


class _Walk:
    """Goes through the tokens of a block and knows where it is."""

    def __init__(self, number: int | None) -> None:
        self._numbers = [number]  # of the next item, for each list we are in
        self._containers = ""
        self._marker = ""

    def leaves(self, tokens: Iterable[Token]) -> Iterator[Leaf]:
        rest = iter(tokens)
        for token in rest:
            match token.type:
                case "blockquote_open":
                    yield from self._marker_alone()
                    self._containers += ">"
                case "blockquote_close":
                    self._containers = self._containers[:-1]
                case "ordered_list_open" | "bullet_list_open":
                    yield from self._marker_alone()
                    self._numbers.append(_start(token))
                case "ordered_list_close" | "bullet_list_close":
                    self._numbers.pop()
                case "list_item_open":
                    self._containers += "-"
                    self._marker = self._next_marker()
                case "list_item_close":
                    yield from self._marker_alone()
                    self._containers = self._containers[:-1]
                case "paragraph_open":
                    yield from self._paragraph(next(rest).content)
                case "heading_open":
                    yield from self._heading(int(token.tag[1:]), next(rest).content)
                case "fence" | "code_block":
                    yield from self._marker_alone()
                    lines = token.content.removesuffix("\n").split("\n")
                    yield code(lines, self._place(), language=language_in(token.info))
                case "hr":
                    yield from self._marker_alone()
                    yield Rule(self._place())
                case "table_open":
                    yield from self._marker_alone()
                    yield from _tables(rest, self._place())

    def _next_marker(self) -> str:
        number = self._numbers[-1]
        if number is None:
            depth = self._containers.count("-")
            return _BULLETS[min(depth, len(_BULLETS)) - 1]
        self._numbers[-1] = number + 1
        return f"{number}."

    def _place(self) -> Place:
        """Where the next leaf is. It takes the marker with it."""
        place, self._marker = Place(self._containers, self._marker), ""
        return place

    def _marker_alone(self) -> Iterator[Leaf]:
        """A line for a marker whose item begins with something that cannot stand beside it."""
        if self._marker:
            yield Paragraph((), self._place())

    def _paragraph(self, source: str) -> Iterator[Leaf]:
        task = _TASK.match(source) if self._marker else None
        if task:
            self._marker = "☐" if task[1] == " " else "☑"
            source = source[task.end() :]
        for index, piece in enumerate(bearable_pieces(source)):
            yield Paragraph(inline(piece), self._place(), continued=index > 0)

    def _heading(self, level: int, source: str) -> Iterator[Leaf]:
        if len(source) > LONGEST_PARAGRAPH:
            yield from self._paragraph(source)
        else:
            yield Heading(level, inline(source), self._place())


def plain_lines(source: str) -> Iterator[Paragraph]:
    """The lines of `source` as they stand."""
    for line in source.split("\n"):
        for piece in bearable_pieces(line):
            yield Paragraph((Span(piece),), continued=True)


def bearable_pieces(text: str) -> list[str]:
    """`text` in pieces of at most `LONGEST_PARAGRAPH` characters, cut after a blank where there is one."""
    pieces = []
    start = 0
    while len(text) - start > LONGEST_PARAGRAPH:
        end = start + LONGEST_PARAGRAPH
        blank = max(text.rfind(" ", start + LONGEST_PARAGRAPH // 2, end), text.rfind("\n", start, end))
        pieces.append(text[start : blank + 1 if blank > start else end])
        start += len(pieces[-1])
    return [*pieces, text[start:]]


def code(
    lines: Iterable[str], place: Place = _NOWHERE, *, continued: bool = False, cut: bool = False, language: str = ""
) -> Code:
    """Code with these lines, of which the first goes on with the line before if it is `cut`."""
    pieces: list[str] = []
    cuts = [0] if cut else []
    for line in lines:
        first, *others = bearable_pieces(line)
        pieces.append(first)
        for piece in others:
            cuts.append(len(pieces))
            pieces.append(piece)
    return Code(tuple(pieces), place, continued, language, tuple(cuts))


def language_in(info: str) -> str:
    """The name of a language from what stands behind the fence that begins code."""
    first = (info.strip().strip("{}").split() or [""])[0].lstrip(".")
    name = "".join(char for char in first.partition(":")[0].partition(",")[0] if char.isprintable())
    return name if len(name) <= _LONGEST_LANGUAGE else ""


# Tables


def _tables(tokens: Iterator[Token], place: Place) -> Iterator[Table]:
    """The table whose tokens come next, in pieces."""
    rows: list[tuple[Spans, ...]] = []
    cells: list[Spans] = []
    alignments: list[str] = []
    for token in tokens:
        match token.type:
            case "th_open":
                alignments.append(str(token.attrs.get("style", "")).removeprefix("text-align:") or "left")
            case "inline":
                cells.append(inline(token.content))
            case "tr_close":
                rows.append(tuple(cells))
                cells = []
            case "table_close":
                break
    widths = _widths(rows[: TABLE_ROWS + 1])
    yield Table(tuple(rows[: TABLE_ROWS + 1]), tuple(alignments), widths, place)
    for start in range(TABLE_ROWS + 1, len(rows), TABLE_ROWS):
        yield Table(tuple(rows[start : start + TABLE_ROWS]), tuple(alignments), widths, place, continued=True)


def _widths(rows: Sequence[tuple[Spans, ...]]) -> tuple[float, ...]:
    """A column's share is by its longest text; a very long one does not starve the others."""
    longest = [
        max(min(max(sum(len(span.text) for span in cell) for cell in column), 40), 5)
        for column in zip(*rows, strict=True)
    ]
    return tuple(100 * length / sum(longest) for length in longest)


# What is inside a paragraph, a heading or a cell


@functools.lru_cache(maxsize=1024)
def inline(source: str) -> Spans:
    """The text of `source` with its looks. Lines are broken by a newline."""
    if len(source) > LONGEST_PARAGRAPH:
        return (Span(source),)
    tokens = _inline_parser().parseInline(source)[0].children or []
    return tuple(_merged(_spans(tokens)))


def _spans(tokens: Iterable[Token]) -> Iterator[Span]:
    look = Span("")
    for token in tokens:
        match token.type:
            case "strong_open" | "strong_close":
                look = replace(look, bold=token.nesting == 1)
            case "em_open" | "em_close":
                look = replace(look, italic=token.nesting == 1)
            case "s_open" | "s_close":
                look = replace(look, strike=token.nesting == 1)
            case "link_open":
                look = replace(look, link=_allowed(str(token.attrs.get("href", ""))))
            case "link_close":
                look = replace(look, link="")
            case "code_inline":
                yield replace(look, text=token.content, code=True)
            case "softbreak" | "hardbreak":
                yield replace(look, text="\n")
            case "maths":
                yield replace(look, text=token.info, maths=token.content)
            case "image":
                yield replace(look, text=_image_in_words(token))
            case _:
                yield replace(look, text=token.content)


def _merged(spans: Iterable[Span]) -> Iterator[Span]:
    """Neighbours that look the same as one, and nothing empty."""
    last: Span | None = None
    for span in spans:
        if not span.text:
            continue
        if last is not None and not span.maths and replace(last, text=span.text) == span:
            last = replace(last, text=last.text + span.text)
            continue
        if last is not None:
            yield last
        last = span
    if last is not None:
        yield last


def _allowed(address: str) -> str:
    """`address` if following it can only open a browser or a mail program, else nothing."""
    try:
        scheme = urlsplit(address).scheme.lower()
    except ValueError:
        return ""
    return address if scheme in ("http", "https", "mailto") else ""


def _image_in_words(image: Token) -> str:
    address = str(image.attrs.get("src", ""))
    return f"{image.content} ({address})" if image.content else address
