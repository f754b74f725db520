"""Text that is still being written, cut into leaves that are finished and a rest that is not.

A finished leaf is told once and never again, so that the work for a word does not grow with the text before it. All
blocks but the last are finished; of a list all items but the last, of a table whole pieces, of code all lines, of an
endless paragraph all up to its last cut. Only complete lines decide, since the beginning of a line may mean anything.

An open block longer than `LONGEST_BLOCK` is a trap, or a mistake of the model. It is told as it is, and what follows
of it is plain text, up to the first line after a blank one that is not indented.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Protocol

from app.ui.leaves import TABLE_ROWS, Code, Heading, Leaf, Paragraph, Table
from app.ui.markdown import (
    LONGEST_PARAGRAPH,
    Block,
    bearable_pieces,
    blocks,
    code,
    inline,
    language_in,
    leaves,
    plain_lines,
)

LONGEST_BLOCK = 16_000  # characters
LONGEST_QUOTE = 4_000  # the parser takes eight times as long for a character of it

_FENCE = re.compile(r"( {0,3})(`{3,}|~{3,})(.*)")
_STAND_IN = "x "  # for what is finished of a paragraph, so that its rest is not taken for the beginning of a block


class TextStream(Protocol):
    """What turns text into leaves."""

    def advance(self, text: str) -> tuple[list[Leaf], list[Leaf]]:
        """Takes in `text`. Returns the leaves it finished, and those of the rest as it is now."""


class PlainStream:
    """Lines as they are typed."""

    def __init__(self) -> None:
        self._open = ""

    def advance(self, text: str) -> tuple[list[Leaf], list[Leaf]]:
        *closed, self._open = (self._open + text.replace("\r", "")).split("\n")
        *long, self._open = bearable_pieces(self._open)
        return [line for part in (*closed, *long) for line in plain_lines(part)], [*plain_lines(self._open)]


class MarkdownStream:
    """Markdown as it is written."""

    def __init__(self) -> None:
        self._open = ""  # what is not finished
        self._number: int | None = None  # of the item of a list that it begins with
        self._before = ""  # a source in place of what is finished of the block it begins with
        self._widths: tuple[float, ...] = ()  # of the table that it goes on with
        self._fence: _Fence | None = None  # the code that it goes on with
        self._trap: _Trap | None = None

    def advance(self, text: str) -> tuple[list[Leaf], list[Leaf]]:
        self._open += text.replace("\r", "")
        closed: list[Leaf] = []
        if "\n" in text or self._trap:
            while self._close_some(closed):
                pass
        if self._fence:
            return closed, self._fence.tail(self._open)
        return closed, self._tail(closed)

    def _close_some(self, closed: list[Leaf]) -> bool:
        """Moves to `closed` what complete lines have finished. True if there may be more."""
        if self._fence:
            self._open, ended = self._fence.take(self._open, closed)
            self._fence = None if ended else self._fence
            return ended
        if self._trap:
            self._open, ended = self._trap.take(self._open, closed)
            self._trap = None if ended else self._trap
            return ended
        return self._close_blocks(closed)

    def _close_blocks(self, closed: list[Leaf]) -> bool:
        complete, _, partial = self._open.rpartition("\n")
        found = self._blocks(complete)
        if not found:
            self._open = partial
            return False
        for block in found[:-1]:
            closed += self._leaves(block)
        last = found[-1]
        if last.kind == "table_open" and (pieces := _whole_pieces(last)):
            self._close_rows(last, pieces, closed)
        elif last.first_line > 0:
            self._keep_from(last.first_line, last.number)
        if last.kind == "fence":
            first_line, _, self._open = self._open.partition("\n")
            self._fence = _Fence(first_line)
        return last.kind == "fence"

    def _close_rows(self, table: Block, pieces: int, closed: list[Leaf]) -> None:
        finished = self._leaves(table)[:pieces]
        closed += finished
        self._widths = next(leaf.widths for leaf in finished if isinstance(leaf, Table))
        head = "".join(f"{line}\n" for line in table.source.split("\n")[:2])
        self._keep_from(table.first_line + 2 + pieces * TABLE_ROWS, before=head)

    def _tail(self, closed: list[Leaf]) -> list[Leaf]:
        found = self._blocks(self._open)
        if len(found) == 1 and found[0].kind == "paragraph_open" and len(self._open) > LONGEST_PARAGRAPH:
            self._cut_paragraph(closed)
            found = self._blocks(self._open)
        elif found and len(self._open) > (LONGEST_QUOTE if found[0].kind == "blockquote_open" else LONGEST_BLOCK):
            self._spring_trap(closed)
            return [*plain_lines(self._open)]
        return [leaf for block in found for leaf in self._leaves(block)]

    def _cut_paragraph(self, closed: list[Leaf]) -> None:
        *finished, self._open = bearable_pieces(self._open)
        for piece in finished:
            closed.append(Paragraph(inline(piece.strip()), continued=bool(self._before)))
            self._before, self._number = _STAND_IN, None

    def _spring_trap(self, closed: list[Leaf]) -> None:
        complete, _, self._open = self._open.rpartition("\n" if "\n" in self._open else " ")
        for block in self._blocks(complete):
            closed += self._leaves(block)
        self._before, self._number, self._trap = "", None, _Trap()

    def _keep_from(self, line: int, number: int | None = None, before: str = "") -> None:
        """Forgets what is before `line`, which `_blocks` counted."""
        skipped = line - self._before.count("\n")
        self._open = "\n".join(self._open.split("\n")[skipped:])
        self._number, self._before = number, before

    def _blocks(self, source: str) -> list[Block]:
        return blocks(self._before + source, self._number)

    def _leaves(self, block: Block) -> list[Leaf]:
        """The leaves of `block`, without what stands in for what is finished of it."""
        found = leaves(block)
        if not self._before or block.first_line > 0:
            return found
        if self._before == _STAND_IN:
            return _without_stand_in(found)
        return _without_head(found, self._widths)


def _without_stand_in(paragraph: list[Leaf]) -> list[Leaf]:
    first, *rest = paragraph
    if not isinstance(first, Paragraph | Heading):
        return paragraph
    text = first.spans[0].text.removeprefix(_STAND_IN.rstrip()).lstrip(" ")
    spans = (replace(first.spans[0], text=text), *first.spans[1:])
    return [Paragraph(spans, continued=True), *rest] if text or spans[1:] else rest


def _without_head(table: list[Leaf], widths: tuple[float, ...]) -> list[Leaf]:
    pieces = [replace(leaf, widths=widths, continued=True) for leaf in table if isinstance(leaf, Table)]
    pieces[0] = replace(pieces[0], rows=pieces[0].rows[1:])
    return [piece for piece in pieces if piece.rows]


def _whole_pieces(table: Block) -> int:
    return (table.source.count("\n") - 1) // TABLE_ROWS


class _Fence:
    """The code between two fences."""

    def __init__(self, first_line: str) -> None:
        opening = _FENCE.match(first_line)
        assert opening is not None
        self._indent = len(opening[1])
        self._end = re.compile(rf" {{0,3}}{opening[2][0]}{{{len(opening[2])},}}[ \t]*")
        self._language = language_in(opening[3])
        self._begun = False  # whether lines of it have been told
        self._is_cut = False  # whether the last of them was but the beginning of one

    def take(self, text: str, closed: list[Leaf]) -> tuple[str, bool]:
        """Tells the complete lines of `text`. Returns what is left of it, and whether the code has ended."""
        *lines, partial = text.split("\n")
        for index, line in enumerate(lines):
            if self._end.fullmatch(line):
                if index > 0 or not self._begun:
                    closed.append(self._code(lines[:index] or [""]))
                return "\n".join([*lines[index + 1 :], partial]), True
        *long, partial = bearable_pieces(partial)
        if lines:
            closed.append(self._code(lines))
            self._begun, self._is_cut = True, False
        for piece in long:
            closed.append(self._code([piece]))
            self._begun = self._is_cut = True
        return partial, False

    def tail(self, partial: str) -> list[Leaf]:
        """The last line; not yet if it may become the closing fence."""
        line = partial if partial.strip(" `~") else ""
        return [self._code([line])] if line or not self._begun else []

    def _code(self, lines: list[str]) -> Code:
        unindented = [
            line if self._is_cut and index == 0 else self._without_indent(line) for index, line in enumerate(lines)
        ]
        return code(unindented, continued=self._begun, cut=self._is_cut, language=self._language)

    def _without_indent(self, line: str) -> str:
        blanks = len(line) - len(line.lstrip(" "))
        return line[min(self._indent, blanks) :]


class _Trap:
    """The rest of a block that was too long to be parsed again and again."""

    def __init__(self) -> None:
        self._after_blank = False

    def take(self, text: str, closed: list[Leaf]) -> tuple[str, bool]:
        """Tells the complete lines of `text`. Returns what is left of it, and whether the block has ended."""
        *lines, partial = text.split("\n")
        for index, line in enumerate(lines):
            if self._after_blank and line and not line[0].isspace():
                return "\n".join([*lines[index:], partial]), True
            closed += plain_lines(line)
            self._after_blank = not line.strip()
        *long, partial = bearable_pieces(partial)
        closed += [leaf for piece in long for leaf in plain_lines(piece)]
        return partial, False
