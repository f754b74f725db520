"""What the words of code are, line by line, a little at a time. The door to Pygments.

Pygments reads a text from its beginning to its end; code that is being written grows. So the regular expressions of
its lexers are applied here, and the state at the beginning of each line is kept, to go on from there. A comment may
begin in one line and be known as one only where it ends: then it is read again. What is read at once is bounded.

Names are looked up in Pygments' own table. To ask Pygments itself for one that it does not know would search every
package that is installed.
"""

from __future__ import annotations

import functools
import importlib
import time
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from app.ui.aside import aside

if TYPE_CHECKING:
    from concurrent.futures import Future

_WINDOW = 3000  # characters read at once: no token is longer
_LONGEST_WHOLE = 16_000  # characters, for lexers that cannot go on from a line
_LONGEST_LINE = 1000  # characters; what is longer is left plain
_FARTHEST_COMMENT = 200  # lines
_GROWTH = 1.3  # before what can only be read as a whole is read again

_COMMENTS = (("/*", "*/"), ("<!--", "-->"), ("(*", "*)"), ("{-", "-}"))
_OTHER_NAMES = {
    "jsonc": "json5",
    "node": "javascript",
    "svelte": "html",
    "vue": "html",
    "assembly": "nasm",
    "vb": "vbnet",
    "vba": "vbnet",
    "wasm": "wast",
}
_LOOKING_FOR_OTHERS = ("HttpLexer", "MIMELexer", "TextLexer")  # these would search for the lexer of what is in them

# By the beginning of the name that Pygments has for it; the longest decides.
_KINDS = {
    "Comment": "comment",
    "Comment.Preproc": "name",
    "Generic.Deleted": "deleted",
    "Generic.Heading": "name",
    "Generic.Inserted": "string",
    "Generic.Prompt": "comment",
    "Generic.Subheading": "name",
    "Keyword": "keyword",
    "Keyword.Constant": "number",
    "Keyword.Type": "builtin",
    "Literal.Number": "number",
    "Literal.String": "string",
    "Name.Attribute": "builtin",
    "Name.Builtin": "builtin",
    "Name.Class": "name",
    "Name.Decorator": "name",
    "Name.Exception": "builtin",
    "Name.Function": "name",
    "Name.Tag": "name",
    "Operator.Word": "keyword",
}


@dataclass(frozen=True, slots=True)
class Mark:
    """A part of a line that is not plain, from `start` on: in characters."""

    start: int
    length: int
    kind: str  # a value of _KINDS


_Stack = tuple[str, ...]  # of a lexer's states
_Found = tuple[int, int, str]  # from where to where in the text is what


# Lexers

_lexers: dict[str, Future[Any]] = {}


def lexer_of(language: str) -> Future[Any] | None:
    """The lexer of a language, as soon as it has been imported; None if there is none of that name."""
    if not language:
        return None
    name = language.lower()
    if name not in _lexers:
        if len(_lexers) > 500:  # names that somebody made up
            return None
        _lexers[name] = aside("code", functools.partial(_lexer, name))
    return _lexers[name]


def _lexer(name: str) -> Any:
    """None if there is none that is of use."""
    module, kind = _table().get(_OTHER_NAMES.get(name, name), ("", ""))
    if not module or kind in _LOOKING_FOR_OTHERS:
        return None
    return getattr(importlib.import_module(module), kind)(handlecodeblocks=False)


@functools.cache
def _table() -> dict[str, tuple[str, str]]:
    """The module and the class of each lexer by its names."""
    from pygments.lexers._mapping import LEXERS  # noqa: PLC0415 - at first use

    return {alias: (module, kind) for kind, (module, _, names, _, _) in LEXERS.items() for alias in names}


@functools.cache
def _kind(token: Any) -> str:
    """Of a type of token; empty if it is plain."""
    name = str(token).removeprefix("Token.")
    fitting = [known for known in _KINDS if name == known or name.startswith(f"{known}.")]
    return _KINDS[max(fitting, key=len)] if fitting else ""


# Lines


class LineReader:
    """The marks of lines that become more."""

    def __init__(self, lexer: Any) -> None:
        self._lexer = lexer
        self._goes_on = _goes_on_from_lines(lexer)
        self._lines: list[str] = []
        self._states: dict[int, _Stack] = {0: ("root",)}  # at the beginning of a line, where it is known
        self._read = 0  # lines whose marks have been told
        self._window: _Window | None = None
        self._is_patchwork = False  # whether what was read might look otherwise in sight of what came after

    def add(self, line: str) -> None:
        """The next line."""
        self._is_patchwork |= self._goes_on and bool(self._read or self._window)
        self._lines.append(line if len(line) <= _LONGEST_LINE else "")
        if self._goes_on and (start := self._comment_ended_in(len(self._lines) - 1)) is not None:
            self._go_back(start)

    def cut_to(self, count: int) -> None:
        """Forgets all lines but the first `count`: others may be in their place."""
        if count < len(self._lines):
            del self._lines[count:]
            self._go_back(count)

    def has_work(self, *, at_rest: bool) -> bool:
        """Whether there are lines to be read; `at_rest` if there will be no more of them soon."""
        if at_rest and self._is_patchwork:
            return True
        if self._window or self._goes_on or at_rest:
            return self._read < len(self._lines)
        return len(self._lines) > self._read * _GROWTH

    def work(self, deadline: float, *, at_rest: bool) -> Iterator[tuple[int, list[Mark]]]:
        """Reads on until `time.perf_counter()` is `deadline`. Yields the lines that have been read and their marks."""
        if at_rest and self._is_patchwork:
            self._is_patchwork = False
            self._go_back(0)
        while self.has_work(at_rest=at_rest) and time.perf_counter() < deadline:
            if self._window is None:
                self._window = self._next_window()
            if self._window is None:
                self._read = len(self._lines)
            elif self._window.work(deadline):
                yield from self._take(self._window)
                self._window = None

    def _next_window(self) -> _Window | None:
        first = self._read if self._goes_on else 0
        while first not in self._states:
            first -= 1
        last, size = first, 0
        most = _WINDOW if self._goes_on else _LONGEST_WHOLE
        while last < len(self._lines) and size + len(self._lines[last]) < most:
            size += len(self._lines[last]) + 1
            last += 1
        if not self._goes_on and last < len(self._lines):
            return None
        return _Window(self._lexer, self._lines[first:last], first, self._states[first], goes_on=self._goes_on)

    def _take(self, window: _Window) -> Iterator[tuple[int, list[Mark]]]:
        end = window.first + len(window.lines)
        if window.goes_on:
            known = [line for line in window.states if line > window.first]
            if end < len(self._lines) and known:
                end = max(known)
            self._states |= {line: stack for line, stack in window.states.items() if line <= end}
            self._states.setdefault(end, ("root",))
        self._read = end
        yield from enumerate(window.marks()[: end - window.first], window.first)

    def _go_back(self, line: int) -> None:
        """Reads again from `line` on."""
        self._window = None
        self._read = min(self._read, line)
        self._states = {at: stack for at, stack in self._states.items() if at <= line}

    def _comment_ended_in(self, last: int) -> int | None:
        """The line, before this one, in which the comment began that ends in this one."""
        for begin, end in _COMMENTS:
            place = self._lines[last].find(end)
            if place < 0 or begin in self._lines[last][:place]:
                continue
            for line in range(last - 1, max(-1, last - _FARTHEST_COMMENT), -1):
                text = self._lines[line]
                if text.rfind(begin) > text.rfind(end):
                    return line
                if end in text:
                    break
        return None


class _Window:
    """Some lines, read a little at a time."""

    def __init__(self, lexer: Any, lines: list[str], first: int, stack: _Stack, *, goes_on: bool) -> None:
        self.lines, self.first, self.goes_on = lines, first, goes_on
        self.states: dict[int, _Stack] = {}  # at the beginnings of lines where a token ends
        self._text = "".join(f"{line}\n" for line in lines)
        self._starts = [0, *accumulate(len(line) + 1 for line in lines)]
        self._line_at = {start: first + index for index, start in enumerate(self._starts)}
        self._found: list[_Found] = []
        self._steps = self._lines_read(lexer, list(stack)) if goes_on else self._whole_read(lexer)

    def work(self, deadline: float) -> bool:
        """Reads on. True if it has come to the end."""
        for count, found in enumerate(self._steps):
            if found[2]:
                self._found.append(found)
            if count % 8 == 0 and time.perf_counter() > deadline:
                return False
        return True

    def marks(self) -> list[list[Mark]]:
        """Of each line."""
        made: list[list[Mark]] = [[] for _ in self.lines]
        for start, end, kind in self._found:
            line = bisect_right(self._starts, start) - 1
            while line < len(self.lines) and self._starts[line] < end:
                left = max(start, self._starts[line])
                right = min(end, self._starts[line + 1] - 1)
                if right > left:
                    made[line].append(Mark(left - self._starts[line], right - left, kind))
                line += 1
        return made

    def _whole_read(self, lexer: Any) -> Iterator[_Found]:
        for start, token, text in lexer.get_tokens_unprocessed(self._text):
            yield start, start + len(text), _kind(token)

    def _lines_read(self, lexer: Any, stack: list[str]) -> Iterator[_Found]:
        """Goes by the rules of the lexer's states."""
        text, place, stuck = self._text, 0, 0
        while place < len(text):
            if place in self._line_at:
                self.states.setdefault(self._line_at[place], tuple(stack))
            rule = _first_that_fits(lexer._tokens[stack[-1]], text, place)
            if rule is None or stuck > 50:
                stuck = 0
                if text[place] == "\n":
                    stack[:] = ["root"]
                place += 1
                continue
            found, action, change = rule
            yield from _tokens_of(lexer, found, action)
            stuck = stuck + 1 if found.end() == place else 0
            place = found.end()
            _change(stack, change)
        self.states[self.first + len(self.lines)] = tuple(stack)


def _first_that_fits(rules: Any, text: str, place: int) -> tuple[Any, Any, Any] | None:
    for match, action, change in rules:
        found = match(text, place)
        if found:
            return found, action, change
    return None


def _tokens_of(lexer: Any, found: Any, action: Any) -> Iterator[_Found]:
    if action is None:
        return
    if isinstance(action, tuple):  # a type of token
        yield found.start(), found.end(), _kind(action)
        return
    for start, token, text in action(lexer, found):
        yield start, start + len(text), _kind(token)


def _change(stack: list[str], change: Any) -> None:
    """Applies what a rule says of the states: a number takes so many away, a name adds one. One is always left."""
    for step in change if isinstance(change, tuple) else (change,):
        if step == "#pop":
            step = -1  # noqa: PLW2901
        if isinstance(step, int):
            del stack[max(1, len(stack) + step) :]
        elif step is not None:
            stack.append(stack[-1] if step == "#push" else step)


def _goes_on_from_lines(lexer: Any) -> bool:
    """Whether the lexer's state is but a stack of names, as with most."""
    from pygments.lexer import ExtendedRegexLexer, RegexLexer  # noqa: PLC0415 - at first use

    return isinstance(lexer, RegexLexer) and not isinstance(lexer, ExtendedRegexLexer)
