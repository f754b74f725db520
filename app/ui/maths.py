"""Maths as a drawing. The door to ziamath.

It is written in Python and may take long: twice as long for every further pair of braces around something, and four
times for `\\left` and `\\right`. So it is imported and works aside, what is nested too deeply or too long is not begun,
and what takes longer than is fit all the same is given up: a hook that Python calls for every function looks at the
clock, and lets the window have its turn. A formula that cannot be drawn is shown as it was written.
"""

from __future__ import annotations

import functools
import re
import sys
import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from app.ui.aside import aside

if TYPE_CHECKING:
    from concurrent.futures import Future

_MOST_TIME = 1.0  # seconds of work for a formula
_TURN = 0.001  # seconds, before others have theirs
_LONGEST = 5000  # characters
_DEEPEST = 9  # pairs of braces, one in the other: half a second
_LARGEST = 6000.0  # pixels, either way
_KEPT = 600  # formulas
_WAITING = 4  # formulas at once: at the end of the app they are waited for

_DEPTHS = {"{": 1, "}": -1, r"\left": 2, r"\right": -2, r"\begin": 2, r"\end": -2}  # in pairs of braces
_NESTING = re.compile(r"[{}]|\\(?:left|right|begin|end)(?![a-z])")

# What the two libraries raise for what they do not understand, beside errors of their own.
_REFUSALS = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
)


@dataclass(frozen=True, slots=True)
class Formula:
    """What is to be drawn: TeX, `size` in pixels, `colour` as `#rrggbb`."""

    tex: str
    is_display: bool
    size: float
    colour: str


@dataclass(frozen=True, slots=True)
class Drawing:
    """An SVG image, in pixels. `descent` is what is below the line that words stand on."""

    svg: bytes
    width: float
    height: float
    descent: float


_drawings: OrderedDict[Formula, Future[Drawing | None]] = OrderedDict()


def drawing_of(formula: Formula) -> Future[Drawing | None] | None:
    """The drawing, as soon as it is made; its result is None if there can be none. None: too much is waiting."""
    if formula in _drawings:
        _drawings.move_to_end(formula)
        return _drawings[formula]
    if sum(not made.done() for made in list(_drawings.values())[-2 * _WAITING :]) >= _WAITING:
        return None
    _drawings[formula] = aside("maths", functools.partial(_drawn, formula))
    if len(_drawings) > _KEPT:
        _drawings.popitem(last=False)
    return _drawings[formula]


def _drawn(formula: Formula) -> Drawing | None:
    if len(formula.tex) > _LONGEST or _depth(formula.tex) > _DEEPEST:
        return None
    from latex2mathml import exceptions  # noqa: PLC0415 - at first use
    from ziamath.config import config  # noqa: PLC0415
    from ziamath.zmath import Latex  # noqa: PLC0415

    config.svg2 = False  # Qt does not know the glyphs of SVG 2
    refusals: tuple[type[Exception], ...] = (TimeoutError, *_REFUSALS)
    refusals += tuple(kind for kind in vars(exceptions).values() if isinstance(kind, type))
    outer, clock = sys.getprofile(), _Clock()
    sys.setprofile(clock.look)
    try:
        made = Latex(formula.tex, size=formula.size, color=formula.colour, inline=not formula.is_display)
        width, height = made.getsize()
        if not (0 < width < _LARGEST and 0 < height < _LARGEST):
            return None
        return Drawing(
            made.svg().encode(), width + 2 * made.margin, height + 2 * made.margin, made.margin - made.getyofst()
        )
    except refusals:
        return None
    finally:
        sys.setprofile(outer)


def _depth(tex: str) -> int:
    """How deeply it is nested, in pairs of braces."""
    depth = deepest = 0
    for step in _NESTING.findall(tex):
        depth += _DEPTHS[step]
        deepest = max(deepest, depth)
    return deepest


class _Clock:
    """Ends what takes too long."""

    def __init__(self) -> None:
        self._end = time.thread_time() + _MOST_TIME
        self._turn = time.perf_counter() + _TURN

    def look(self, _frame: Any, event: str, _argument: Any) -> None:
        if event != "call" or time.perf_counter() < self._turn:
            return
        if time.thread_time() > self._end:
            raise TimeoutError
        time.sleep(_TURN)  # to sleep for nothing would give nobody a turn
        self._turn = time.perf_counter() + _TURN
