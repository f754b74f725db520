"""Colours for the code of a document: what is in sight first, in slices, and only where a line is finished.

They are laid over the text, not written into it: so nothing is laid out anew for them but the line itself, and what is
copied, searched or compared is the text as it was.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from PySide6.QtGui import QColor, QTextBlock, QTextCharFormat, QTextCursor, QTextDocument, QTextLayout

from app.ui.code_lexer import LineReader, Mark, lexer_of
from app.ui.decorations import CODE, CUT_LINE, OTHER_LINE
from app.ui.looks import Looks


@dataclass(slots=True)
class CodePlace:
    """Code in a document: `cursor` stays at its beginning, whatever is written before it."""

    cursor: QTextCursor
    language: str
    reader: LineReader | None = None
    blocks: list[QTextBlock] = field(default_factory=list)  # those that the reader has
    sure: int = 0  # how many of them were finished
    version: int = 0  # of the document, then

    def text(self) -> str:
        """The code."""
        lines: list[str] = []
        block = self.cursor.block()
        while block.isValid() and (not lines or _goes_on(block)):
            is_cut = block.blockFormat().property(CODE) == CUT_LINE
            lines.append(block.text() if is_cut or not lines else f"\n{block.text()}")
            block = block.next()
        return "".join(lines).replace("\u2028", "\n")


class CodeColours:
    """Colours the code of one document."""

    def __init__(self, document: QTextDocument, looks: Looks) -> None:
        self._document = document
        colours = looks.colours
        self._formats = {
            "comment": _coloured(colours.secondary),
            "keyword": _coloured(colours.code_keyword),
            "string": _coloured(colours.code_string),
            "number": _coloured(colours.code_number),
            "name": _coloured(colours.code_name),
            "builtin": _coloured(colours.code_builtin),
            "deleted": _coloured(colours.danger),
        }

    def work(self, place: CodePlace, last: int, finished: int, version: int, deadline: float, *, at_rest: bool) -> bool:
        """Colours some of the code, as far as the block of number `last`. True if there may be more to do soon.

        `finished`: the position in the document before which nothing will change. What comes after may be other than
        it was in another `version`, and is coloured only while nothing is being written.
        """
        lexer = lexer_of(place.language)
        if lexer is None:
            return False
        if not lexer.done():
            return True
        if place.reader is None:
            if lexer.result() is None:
                place.language = ""
                return False
            place.reader = LineReader(lexer.result())
        more = self._feed(place, place.reader, last, finished, version, deadline, at_rest=at_rest)
        changed = []
        for line, marks in place.reader.work(deadline, at_rest=at_rest):
            if self._colour(place.blocks[line], marks):
                changed.append(place.blocks[line])
        if changed:  # at once: the layout looks at all that comes after
            start = changed[0].position()
            self._document.markContentsDirty(start, changed[-1].position() + changed[-1].length() - start)
        return more or place.reader.has_work(at_rest=at_rest)

    def _feed(
        self,
        place: CodePlace,
        reader: LineReader,
        last: int,
        finished: int,
        version: int,
        deadline: float,
        *,
        at_rest: bool,
    ) -> bool:
        """Gives the reader the lines there are by now. True if there are more."""
        if version != place.version:
            del place.blocks[place.sure :]
            reader.cut_to(place.sure)
        place.version = version
        block = place.blocks[-1].next() if place.blocks else place.cursor.block()
        while block.isValid() and (not place.blocks or _goes_on(block)) and block.blockNumber() <= last:
            is_finished = block.position() < finished
            if not is_finished and not at_rest:
                return False
            place.sure += is_finished
            place.blocks.append(block)
            reader.add(block.text())
            block = block.next()
            if time.perf_counter() > deadline:
                return True
        return False

    def _colour(self, block: QTextBlock, marks: Sequence[Mark]) -> bool:
        """Whether the line looks other than before."""
        ranges = []
        text = block.text()
        is_wide = any(char > "\uffff" for char in text)  # which Qt counts twice
        for mark in marks:
            shown = QTextLayout.FormatRange()
            start, end = mark.start, mark.start + mark.length
            if is_wide:
                start, end = (len(text[:place].encode("utf-16-le", "surrogatepass")) // 2 for place in (start, end))
            shown.start, shown.length = start, end - start
            shown.format = self._formats[mark.kind]
            ranges.append(shown)
        if not ranges and not block.layout().formats():
            return False
        block.layout().setFormats(ranges)
        return True


def _goes_on(block: QTextBlock) -> bool:
    return block.blockFormat().property(CODE) in (OTHER_LINE, CUT_LINE)


def _coloured(colour: str) -> QTextCharFormat:
    made = QTextCharFormat()
    made.setForeground(QColor(colour))
    return made
