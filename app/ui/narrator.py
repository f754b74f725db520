"""What a screen reader is told of a reply while it is written: each sentence once, when it is finished.

By the word it would stammer, and at the end it would come too late. Code is only named, since hearing its signs helps
nobody, and so are formulas and what a model thinks before it answers; all of that can be read in the message. A line
is a sentence too: a heading, an item, a line of a poem. Where sentences end is guessed from signs and capitals; a wrong
guess is a pause in the wrong place.

It is made from what came, not from what is painted: that begins anew with other colours. What a word takes does not
grow with the reply, and a flood of words is told in slices. Where nobody listens there is no narrator.
"""

from __future__ import annotations

import re
import string
import time
from collections.abc import Callable, Iterator

from app.core.reasoning import LAST_TAG, ReasoningSplitter, ends_without_beginning
from app.ui.markdown import inline
from app.ui.message_browser import MOST_SHOWN
from app.ui.words import tr

_SLICE = 2_000  # characters looked at at once
_LONGEST = 500  # characters said at once, however far the end of the sentence is

_BEFORE_BLOCK = r"[ \t>]*(?:(?:[-*+]|\d{1,9}[.)])[ \t]+)*"  # of a quote or a list
_OPENING = re.compile(rf"{_BEFORE_BLOCK}(?:(`{{3,}}|~{{3,}})[^`\n]*(\n|\Z)|(\$\$|\\\[))")
_END_OF_FORMULA = {"$$": re.compile(r"\$\$|\n[ \t]*\n"), "\\[": re.compile(r"\\\]|\n[ \t]*\n")}
_STOP = r"(?:(?<!\b[A-Z])(?<!\b[A-Z][a-z])\.|[!?…])[.!?…]*"  # not after an initial or a title: a name follows
_CLOSING = "[\"'”’»)\\]*_`]*"  # noqa: RUF001
_END = re.compile(rf"{_STOP}{_CLOSING}(?=[ \t]+[^\sa-zß-ÿ])|[。！？]+[」』）]*|\n")  # noqa: RUF001
_NUMBER = re.compile(r"[ \t>]*\d{1,9}[.)]")  # of an item
_MARK = re.compile(r"(?:[ \t>]|[-*+][ \t]+|#{1,6}[ \t]+)*")


class Narrator:
    """Tells of one reply through `announce`. What it has `said` already is not told again."""

    def __init__(self, message_id: str, said: str, announce: Callable[[str], None]) -> None:
        self.message_id = message_id
        self._announce = announce
        self._waiting = ""  # what has come but has not been looked at
        self._room = MOST_SHOWN  # what is too long to be shown is too long to be told
        self._finished: Iterator[str] = iter(())  # sentences
        self._ending = ""
        self.has_ended = False  # and all is told
        self._has_thought = False
        self._splitter = ReasoningSplitter(is_begun=ends_without_beginning(said))
        self._sentences = SentenceSplitter()
        for start in range(0, min(len(said), MOST_SHOWN), _SLICE):
            for _ in self._sentences.advance(self._answer(said[start : start + _SLICE], is_told=False)):
                pass
        self._sentences.forget()

    def add(self, text: str) -> None:
        """The reply goes on. `work` tells of it."""
        taken = text[: self._room]
        self._room -= len(taken)
        self._waiting += taken

    def end(self, ending: str) -> None:
        """There will be no more. `work` says so in the words of `ending`, after all the rest."""
        self._ending = ending

    def work(self, deadline: float) -> bool:
        """Tells what is finished, until `time.perf_counter()` is `deadline`. True if there is more."""
        while (sentence := self._next_sentence()) is not None:
            self._tell(sentence)
            if time.perf_counter() > deadline:
                return True
        if self._ending and not self.has_ended:
            self._tell_end()
        return False

    def _next_sentence(self) -> str | None:
        while (sentence := next(self._finished, None)) is None and self._waiting:
            piece, self._waiting = self._waiting[:_SLICE], self._waiting[_SLICE:]
            self._finished = self._sentences.advance(self._answer(piece))
        return sentence

    def _tell_end(self) -> None:
        for sentence in [*self._sentences.advance(self._splitter.undecided), self._sentences.forget()]:
            self._tell(sentence)
        self._announce(self._ending)
        self.has_ended = True

    def _answer(self, text: str, *, is_told: bool = True) -> str:
        """What of `text` is not reasoning."""
        reasoning, answer = self._splitter.advance(text)
        if (reasoning or self._splitter.is_inside) and not self._has_thought:
            self._has_thought = True
            if is_told:
                self._announce(tr("Thinking"))
        return answer

    def _tell(self, sentence: str) -> None:
        words = in_words(sentence)
        if words.strip(string.punctuation + string.whitespace) and words != LAST_TAG:
            self._announce(words)


class SentenceSplitter:
    """Cuts Markdown that is still being written into sentences, with a word in place of code and of formulas."""

    def __init__(self) -> None:
        self._open = ""  # what is not finished
        self._begins_line = True
        self._end_of_block: re.Pattern[str] | None = None  # of the code or formula that it is within

    def advance(self, text: str) -> Iterator[str]:
        """Takes in `text`, and gives what it finished. To be used up before the next."""
        self._open += text
        while (sentence := self._next()) is not None:
            yield sentence

    def forget(self) -> str:
        """Begins a new sentence. Returns what there is of the one that is not finished."""
        if self._end_of_block:
            return ""
        rest, self._open = self._open, ""
        self._begins_line = self._begins_line and not rest
        return rest

    def _next(self) -> str | None:
        """The next sentence; it may be empty. None: it depends on what comes."""
        if self._end_of_block:
            return self._leave(self._end_of_block)
        if self._begins_line and (opening := _OPENING.match(self._open)):
            return self._enter(opening)
        number = _NUMBER.match(self._open) if self._begins_line else None
        if found := _END.search(self._open, number.end() if number else 0, _LONGEST):
            return self._cut(found.end())
        if len(self._open) > _LONGEST:
            return self._cut(self._open.rfind(" ", 1, _LONGEST) + 1 or _LONGEST)
        return None

    def _cut(self, end: int) -> str:
        sentence, self._open = self._open[:end], self._open[end:]
        self._begins_line = sentence.endswith("\n")
        return sentence

    def _enter(self, opening: re.Match[str]) -> str | None:
        fence, end_of_line, formula = opening.groups()
        if fence and not end_of_line:
            return None
        self._cut(opening.end())
        if formula:
            self._end_of_block = _END_OF_FORMULA[formula]
            return tr("Formula")
        self._end_of_block = re.compile(rf"^[ \t>]*{fence[0]}{{{len(fence)},}}[ \t]*\n", re.MULTILINE)
        return tr("Code")

    def _leave(self, end_of_block: re.Pattern[str]) -> str | None:
        if found := end_of_block.search(self._open):
            self._cut(found.end())
            self._end_of_block = None
            return ""
        self._open = self._open[max(self._open.rfind("\n"), len(self._open) - _LONGEST, 0) :]
        return None


def in_words(sentence: str) -> str:
    """Markdown without its signs, on one line."""
    text = sentence.strip()
    if text.startswith("|"):
        return ", ".join(in_words(cell) for cell in text.strip("|").split("|"))
    spans = inline(text[_mark_before(text) :])
    # What a sign belongs to may have been cut off.
    said = (span.maths or (span.text if span.code else span.text.replace("**", "")) for span in spans)
    return " ".join("".join(said).split())


def _mark_before(text: str) -> int:
    """The length of what makes it a quote, a heading or an item; the number of an item is a word of it."""
    mark = _MARK.match(text)
    return mark.end() if mark else 0
