"""Writes leaves into a QTextDocument, by QTextCursor alone.

Never `setHtml`, `setMarkdown` or an image format: Qt would read files, and on Windows even hand the user's password to
a server, because a model wrote `![](//server/share/x.png)`.

Markers of lists are written as text: so they can be copied and read out, and finished items never change.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtGui import (
    QBrush,
    QColor,
    QFont,
    QTextBlock,
    QTextBlockFormat,
    QTextCharFormat,
    QTextCursor,
    QTextDocument,
    QTextFormat,
    QTextFrameFormat,
    QTextLength,
    QTextTable,
    QTextTableCellFormat,
    QTextTableFormat,
)

from app.ui.code_colours import CodePlace
from app.ui.decorations import CODE, CONTAINERS, CUT_LINE, FIRST_LINE, LANGUAGE, OTHER_LINE, RULE
from app.ui.leaves import Code, Heading, Leaf, Paragraph, Place, Rule, Spans, Table
from app.ui.looks import Looks

if TYPE_CHECKING:
    from app.ui.maths_objects import MathsObjects

# What Qt takes for the end of a block or a frame must not come from outside; a newline within a leaf is no such end.
# What is no character at all would have Qt look through all fonts for one that has it.
_SAFE = {
    **str.maketrans({"\n": "\u2028", "\u2029": "\u2028", "\r": None, "\ufdd0": None, "\ufdd1": None, "\ufffc": None}),
    **dict.fromkeys((0xFFFE, 0xFFFF, *range(0xD800, 0xE000)), "\N{REPLACEMENT CHARACTER}"),
}

_ALIGNMENTS = {
    "left": Qt.AlignmentFlag.AlignLeft,
    "center": Qt.AlignmentFlag.AlignHCenter,
    "right": Qt.AlignmentFlag.AlignRight,
}


@dataclass(frozen=True, slots=True)
class _Written:
    """A leaf that may be taken back: where it begins, and what is before it."""

    leaf: Leaf
    start: int
    before: Leaf | None
    block: QTextBlockFormat  # of the block before, or of the empty document
    text: QTextCharFormat


class TextWriter:
    """Writes a text that grows at its end. What is open can be written again; what is closed never is."""

    def __init__(self, document: QTextDocument, looks: Looks) -> None:
        self._document = document
        self._looks = looks
        self._cursor = QTextCursor(document)
        self._open: list[_Written] = []
        self._last: Leaf | None = None
        self._is_empty = True
        self._cursor.setBlockFormat(_thin())
        self.codes: list[CodePlace] = []  # from first to last
        self.maths: MathsObjects | None = None
        self.version = 0  # counts what has been written

    @property
    def finished(self) -> int:
        """The position before which nothing will be written again."""
        return self._open[0].start if self._open else self._document.characterCount()

    def draw_maths(self, first: QTextBlock, last: int) -> bool:
        """Draws a piece of maths between two blocks, the second by its number. False if there is none to be drawn."""
        drawn = self.maths.replace_one(first, last) if self.maths else None
        if drawn is None:
            return False
        end, gone = drawn
        self._open = [replace(open_, start=open_.start - gone * (open_.start >= end)) for open_ in self._open]
        return True

    @property
    def room_below(self) -> float:
        """What is painted below the last line, in pixels."""
        return self._looks.padding() if isinstance(self._last, Code) else 0

    def write(self, closed: Sequence[Leaf], tail: Sequence[Leaf]) -> None:
        """Goes on with `closed`, for good, then `tail`, in place of the tail there was."""
        leaves = [*closed, *tail]
        same = 0
        while same < min(len(leaves), len(self._open)) and leaves[same] == self._open[same].leaf:
            same += 1
        if same < max(len(leaves), len(self._open)):
            self.version += 1
            self._cursor.beginEditBlock()
            self._take_back(same)
            for leaf in leaves[same:]:
                self._add(leaf)
            self._cursor.endEditBlock()
        del self._open[: len(closed)]

    def _take_back(self, kept: int) -> None:
        if kept == len(self._open):
            return
        first = self._open[kept]
        while self.codes and self.codes[-1].cursor.position() >= first.start:
            del self.codes[-1]
        self._cursor.setPosition(first.start)
        self._cursor.movePosition(QTextCursor.MoveOperation.End, QTextCursor.MoveMode.KeepAnchor)
        self._cursor.removeSelectedText()
        # An empty block takes over the format of what is removed after it.
        self._cursor.setBlockFormat(first.block)
        self._cursor.setBlockCharFormat(first.text)
        self._last = first.before
        self._is_empty = first.before is None
        del self._open[kept:]

    def _add(self, leaf: Leaf) -> None:
        self._cursor.movePosition(QTextCursor.MoveOperation.End)
        cursor = self._cursor
        self._open.append(_Written(leaf, cursor.position(), self._last, cursor.blockFormat(), cursor.blockCharFormat()))
        match leaf:
            case Paragraph():
                self._add_paragraph(leaf)
            case Heading():
                self._add_heading(leaf)
            case Code():
                self._add_code(leaf)
            case Table():
                self._add_table(leaf)
            case Rule():
                rule = self._block_format(leaf.place)
                rule.setProperty(RULE, True)
                self._begin_block(rule, self._gap(leaf), QTextCharFormat())
        self._last = leaf

    # Leaves

    def _add_paragraph(self, paragraph: Paragraph) -> None:
        block = self._block_format(paragraph.place)
        if paragraph.spans and all(span.is_display or not span.text.strip() for span in paragraph.spans):
            block.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        self._begin_block(block, self._gap(paragraph), QTextCharFormat())
        self._insert_marker(paragraph.place.marker, QTextCharFormat())
        self._insert(paragraph.spans)

    def _add_heading(self, heading: Heading) -> None:
        size = QTextCharFormat()
        size.setProperty(QTextFormat.Property.FontSizeAdjustment, max(0, 3 - heading.level))
        size.setFontWeight(QFont.Weight.Bold)
        block = self._block_format(heading.place)
        block.setHeadingLevel(heading.level)
        self._begin_block(block, self._gap(heading), size)
        self._insert_marker(heading.place.marker, size)
        self._insert(heading.spans, size)

    def _add_code(self, code: Code) -> None:
        block = self._block_format(code.place)
        padding = self._looks.padding()
        block.setLeftMargin(block.leftMargin() + padding)
        block.setRightMargin(padding)
        gap = self._gap(code)
        mono = self._looks.code_line()
        for index, line in enumerate(code.lines):
            is_first = index == 0 and not code.continued
            block.setProperty(CODE, FIRST_LINE if is_first else CUT_LINE if index in code.cut else OTHER_LINE)
            block.setProperty(LANGUAGE, code.language if is_first and code.language else None)
            self._begin_block(block, gap + padding + self._looks.head() if is_first else 0, mono)
            if is_first:
                self._remember(code)
            self._cursor.insertText(line.translate(_SAFE), mono)

    def _remember(self, code: Code) -> None:
        beginning = QTextCursor(self._cursor)
        beginning.setKeepPositionOnInsert(True)
        self.codes.append(CodePlace(beginning, code.language))

    def _add_table(self, table: Table) -> None:
        made = self._cursor.insertTable(len(table.rows), len(table.alignments), self._table_format(table))
        for row, cells in enumerate(table.rows):
            is_head = row == 0 and not table.continued
            for column, spans in enumerate(cells):
                self._fill(made, row, column, spans, table.alignments[column], is_head=is_head)
        self._cursor.movePosition(QTextCursor.MoveOperation.End)
        self._cursor.setBlockFormat(_thin())
        self._is_empty = False

    def _fill(self, table: QTextTable, row: int, column: int, spans: Spans, alignment: str, *, is_head: bool) -> None:
        cell = table.cellAt(row, column)
        look = QTextCharFormat()
        if is_head:
            background = QTextTableCellFormat()
            background.setBackground(QColor(self._looks.colours.code))
            cell.setFormat(background)
            look.setFontWeight(QFont.Weight.Bold)
        self._cursor = cell.firstCursorPosition()
        block = self._block_format(Place())
        block.setAlignment(_ALIGNMENTS.get(alignment, Qt.AlignmentFlag.AlignLeft))
        self._cursor.setBlockFormat(block)
        self._insert(spans, look)

    # Parts of leaves

    def _begin_block(self, block: QTextBlockFormat, gap: float, text: QTextCharFormat) -> None:
        block.setTopMargin(gap)
        if self._is_empty and not gap:
            self._cursor.setBlockFormat(block)
            self._cursor.setBlockCharFormat(text)
        else:  # Qt gives the first block no margin
            self._cursor.insertBlock(block, text)
        self._is_empty = False

    def _insert_marker(self, marker: str, look: QTextCharFormat) -> None:
        """Hangs `marker` out to the left of the text."""
        if not marker:
            return
        text = f"{marker}\u00a0"
        block = self._cursor.blockFormat()
        block.setTextIndent(-min(self._looks.metrics.horizontalAdvance(text), block.leftMargin()))
        self._cursor.setBlockFormat(block)
        self._cursor.insertText(text, look)

    def _insert(self, spans: Spans, base: QTextCharFormat | None = None) -> None:
        for span in spans:
            look = self._looks.format(span)
            if base is not None:
                look = QTextCharFormat(look)
                look.merge(base)
            text = span.text.translate(_SAFE)
            if span.maths:
                self._maths().insert(self._cursor, text, span.maths, look, is_display=span.is_display)
            else:
                self._cursor.insertText(text, look)

    def _maths(self) -> MathsObjects:
        from app.ui.maths_objects import MathsObjects  # noqa: PLC0415 - at first use

        self.maths = self.maths or MathsObjects(self._document, self._looks)
        return self.maths

    def _block_format(self, place: Place) -> QTextBlockFormat:
        block = QTextBlockFormat()
        block.setLineHeight(130, QTextBlockFormat.LineHeightTypes.ProportionalHeight.value)
        block.setLeftMargin(self._looks.width_of(place.containers))
        if ">" in place.containers:
            block.setProperty(CONTAINERS, place.containers)
        return block

    def _table_format(self, table: Table) -> QTextTableFormat:
        made = QTextTableFormat()
        made.setWidth(QTextLength(QTextLength.Type.PercentageLength, 100))
        made.setColumnWidthConstraints(
            [QTextLength(QTextLength.Type.PercentageLength, width) for width in table.widths]
        )
        made.setBorder(1)
        made.setBorderBrush(QBrush(QColor(self._looks.colours.border)))
        made.setBorderStyle(QTextFrameFormat.BorderStyle.BorderStyle_Solid)
        made.setBorderCollapse(True)
        made.setCellSpacing(0)
        made.setCellPadding(self._looks.em * 0.3)
        made.setLeftMargin(self._looks.width_of(table.place.containers))
        # The thin block between two pieces is as high as a line of a table; it shall not be seen.
        made.setTopMargin(-4 if table.continued else self._gap(table))
        return made

    def _gap(self, leaf: Leaf) -> float:
        """The room above `leaf`."""
        last, em = self._last, self._looks.em
        if last is None or getattr(leaf, "continued", False):
            return 0
        after_code = self._looks.padding() if isinstance(last, Code) else 0
        if isinstance(leaf, Heading):
            return em * 1.1 + after_code
        if isinstance(last, Rule) and isinstance(leaf, Table):
            return em * 1.3  # Qt gives an empty block before a table no height
        return em * (0.3 if _is_next_item(leaf.place, last.place) else 0.65) + after_code


def _is_next_item(place: Place, last: Place) -> bool:
    """Whether it goes on with the list before. A numbered one after one with bullets is another."""
    if not place.marker or "-" not in last.containers:
        return False
    is_alike = not last.marker or place.marker[0].isdigit() == last.marker[0].isdigit()
    return is_alike or place.containers != last.containers


def _thin() -> QTextBlockFormat:
    """For the block that a table needs before or after it."""
    thin = QTextBlockFormat()
    thin.setLineHeight(1, QTextBlockFormat.LineHeightTypes.FixedHeight.value)
    return thin
