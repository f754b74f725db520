"""The conversation view: how long it keeps the window from anything else, and the memory it takes.

Each figure comes from a process of its own. A stall is the time between two beats of a timer of 1 ms in the GUI thread
less that millisecond; what the thread itself worked in that time is shown too, since other programs cannot add to it.
A frame is a step of scrolling or resizing with all that it brings about, painting included. `offscreen` paints by the
processor, as Qt's widgets always do.
"""

from __future__ import annotations

import gc
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial

import psutil
from PySide6.QtCore import QCoreApplication, QEvent, QEventLoop, QObject, Qt, QTimer
from PySide6.QtWidgets import QApplication, QScrollArea, QWidget

from app.core.conversations import Message, MessageState
from app.ui import theme
from app.ui.conversation_view import ConversationView
from app.ui.garbage import GarbageCollector
from app.ui.message_row import MessageRow, row_for
from tests.hostile_texts import SLOW

TOKENS = 8_000
RATE = 1_000  # tokens a second
MESSAGES = 2_000
CHARACTERS = 500  # in a message
STEP = 240  # pixels, two notches of a mouse wheel
FRAME = 1 / 60  # seconds
PATIENCE = 2  # seconds for a text that takes its time


def main() -> None:
    for name in PARTS:
        command = [sys.executable, "-m", "tests.benchmarks.bench_view", name]
        subprocess.run(command, check=True, env={**os.environ, "QT_QPA_PLATFORM": "offscreen"})


# What is shown

_VOCABULARY = ("the", "a", "model", "river", "garden", "writes", "quiet", "answer", "with", "under", "seven", "bright")


def text(size: int, seed: int) -> str:
    """Markdown as models write it, about `size` characters."""
    chance = random.Random(seed)
    made = ""
    while len(made) < size:
        made += chance.choice(_KINDS)(chance)
    return made[:size]


def _words(chance: random.Random, count: int) -> str:
    return " ".join(chance.choice(_VOCABULARY) for _ in range(count))


def _paragraph(chance: random.Random) -> str:
    return f"{_words(chance, 40)} **{_words(chance, 3)}** and `{_words(chance, 1)}`, {_words(chance, 20)}.\n\n"


def _list(chance: random.Random) -> str:
    return "".join(f"- {_words(chance, 9)}\n" for _ in range(4)) + "\n"


def _code(chance: random.Random) -> str:
    lines = "".join(f"    {_words(chance, 1)} = {_words(chance, 1)}({number})\n" for number in range(6))
    return f"```python\ndef {_words(chance, 1)}():\n{lines}```\n\n"


def _table(chance: random.Random) -> str:
    rows = "".join(f"| {_words(chance, 2)} | {_words(chance, 3)} |\n" for _ in range(4))
    return f"| one | two |\n| --- | --- |\n{rows}\n"


_KINDS = (_paragraph, _paragraph, _paragraph, _list, _code, _table)


def conversation(count: int) -> list[Message]:
    return [
        Message(
            f"m{number}",
            "c",
            None,
            "assistant" if number % 2 else "user",
            text(CHARACTERS * 17 // 10 if number % 2 else CHARACTERS * 3 // 10, number),
            MessageState.COMPLETE,
            "",
            "Tiny Q4",
            0.0,
            None,
        )
        for number in range(count)
    ]


def new_view() -> tuple[QApplication, ConversationView]:
    application = QApplication([])
    theme.apply_appearance(application, "light")
    view = ConversationView()
    view.resize(900, 800)
    view.show()
    view.show_messages(conversation(2))  # everything is imported, as it is after the first conversation
    wait(0.5)
    gc.collect()
    GarbageCollector(application).start()  # as the app does
    return application, view


def wait(seconds: float) -> None:
    loop = QEventLoop()
    QTimer.singleShot(round(seconds * 1000), loop.quit)
    loop.exec()


# Measures


class Beats(QObject):
    """The pauses between the beats of the GUI thread, in milliseconds."""

    def __init__(self) -> None:
        super().__init__()
        self.stalls: list[float] = []
        self.work: list[float] = []
        self._last = (time.perf_counter(), time.thread_time())
        self._timer = QTimer(self, interval=1, timerType=Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._on_timer_timeout)
        self._timer.start()

    def stop(self) -> None:
        self._timer.stop()

    def _on_timer_timeout(self) -> None:
        now = (time.perf_counter(), time.thread_time())
        self.stalls.append((now[0] - self._last[0]) * 1000 - 1)
        self.work.append((now[1] - self._last[1]) * 1000)
        self._last = now


def quantile(values: Sequence[float], part: float) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * part))]


def paint(view: ConversationView) -> None:
    """Everything that is due, until it is on the screen."""
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    QCoreApplication.processEvents()
    view.window().repaint()


def megabytes() -> float:
    return psutil.Process().memory_info().rss / 1e6


def show(what: str, figures: str) -> None:
    print(f"{what:<58}{figures}", flush=True)


# Parts


def stream() -> None:
    """An answer of 8 000 tokens at 1 000 a second, in a conversation of 2 000 messages."""
    _, view = new_view()
    view.show_messages(conversation(MESSAGES))
    wait(2)
    view.add_messages([Message("s", "c", None, "assistant", "", MessageState.WRITING, "", "Tiny Q4", 0.0, None)])
    whole = text(TOKENS * 4, 7)
    tokens = [whole[start : start + 4] for start in range(0, len(whole), 4)]
    costs: list[tuple[int, float]] = []
    measured = view._work_for

    def work_for(seconds: float) -> None:
        began = time.thread_time()
        measured(seconds)
        paint_now(view)
        costs.append((sent, (time.thread_time() - began) * 1000))

    view._work_for = work_for
    sent, began = 0, time.perf_counter()
    beats = Beats()

    def send() -> None:
        nonlocal sent
        due = min(len(tokens), int((time.perf_counter() - began) * RATE))
        for token in tokens[sent:due]:
            view.append_text("s", token)
        sent = due
        if sent == len(tokens):
            loop.quit()

    loop = QEventLoop()
    timer = QTimer(interval=2, timerType=Qt.TimerType.PreciseTimer)
    timer.timeout.connect(send)
    timer.start()
    loop.exec()
    show("streaming, stalls (p99, max)", f"{quantile(beats.stalls, 0.99):8.1f} {max(beats.stalls):8.1f} ms")
    show("streaming, work between beats (p99, max)", f"{quantile(beats.work, 0.99):8.1f} {max(beats.work):8.1f} ms")
    first = [cost for at, cost in costs if len(tokens) * 0.05 < at < len(tokens) * 0.25]
    last = [cost for at, cost in costs if at > len(tokens) * 0.8]
    start, end = quantile(first, 0.5), quantile(last, 0.5)
    show("streaming, cost of an update (start, end, ratio)", f"{start:8.2f} {end:8.2f} ms {end / start:8.2f}")
    show("streaming, busy", f"{sum(beats.work) / (time.perf_counter() - began) / 10:8.0f} %")


def paint_now(view: ConversationView) -> None:
    area = view.findChild(QScrollArea)
    assert area is not None
    QCoreApplication.sendPostedEvents(view.window(), QEvent.Type.UpdateRequest)


def first_paint() -> None:
    """From the click on a conversation to its picture."""
    _, view = new_view()
    before = conversation(60)
    messages = conversation(MESSAGES)
    took = []
    for _ in range(7):
        view.show_messages(before)
        wait(1)
        took.append(_busy(partial(view.show_messages, messages), partial(paint, view)))
        wait(0.5)
    for index, kind in enumerate(("time", "work")):
        values = [one[index] for one in took]
        show(
            f"2 000 messages, first paint, {kind} (median, max)", f"{quantile(values, 0.5):8.1f} {max(values):8.1f} ms"
        )


def scroll() -> None:
    """End to end, and back over what was seen."""
    _, view = new_view()
    empty = megabytes()
    view.show_messages(conversation(MESSAGES))
    wait(1)
    opened = megabytes()
    frames = _scrolled(view, -STEP)
    _show_frames("scrolling", frames)
    most = megabytes()
    jumps = _jumps(view)
    _show_frames("jumping anywhere", jumps)
    wait(1)
    show(
        "memory over an empty one (opened, scrolled, at last)",
        f"{opened - empty:8.1f} {most - empty:8.1f} {megabytes() - empty:8.1f} MB",
    )


def _scrolled(view: ConversationView, step: int) -> list[tuple[float, float]]:
    area = view.findChild(QScrollArea)
    assert area is not None
    bar = area.verticalScrollBar()
    frames = []
    while bar.value() != (bar.minimum() if step < 0 else bar.maximum()):
        frames.append(_frame(view, lambda: bar.setValue(bar.value() + step)))
    return frames


def _jumps(view: ConversationView) -> list[tuple[float, float]]:
    area = view.findChild(QScrollArea)
    assert area is not None
    bar, chance = area.verticalScrollBar(), random.Random(3)
    return [_frame(view, lambda: bar.setValue(chance.randrange(bar.maximum()))) for _ in range(100)]


def _frame(view: ConversationView, step: Callable[[], None]) -> tuple[float, float]:
    """The longest that the GUI thread is busy without a break in a frame: time, and its own work, in milliseconds."""
    took = [_busy(step, partial(paint, view))]
    end = time.perf_counter() + FRAME - took[0][0] / 1000
    while time.perf_counter() < end:  # what is done ahead, in the rest of the frame
        time.sleep(0.001)
        took.append(_busy(QCoreApplication.processEvents))
    return max(took)


def _busy(*steps: Callable[[], object]) -> tuple[float, float]:
    began, work = time.perf_counter(), time.thread_time()
    for step in steps:
        step()
    return (time.perf_counter() - began) * 1000, (time.thread_time() - work) * 1000


def resize() -> None:
    """A window edge dragged to and fro."""
    _, view = new_view()
    view.show_messages(conversation(MESSAGES))
    wait(1)
    area = view.findChild(QScrollArea)
    assert area is not None
    area.verticalScrollBar().setValue(area.verticalScrollBar().maximum() // 2)
    wait(1)
    widths = [*range(900, 500, -8), *range(500, 900, 8)]
    frames = [_frame(view, lambda width=width: view.resize(width, 800)) for width in widths]
    _show_frames("resizing", frames)


def rows() -> None:
    """Making a row, and giving it its text, size and picture."""
    _, view = new_view()
    holder = QWidget(view)
    holder.resize(800, 800)
    holder.show()
    for role in ("user", "assistant"):
        made, shown = [], []
        for message in conversation(400):
            if message.role != role:
                continue
            began = time.thread_time()
            row = row_for(message)
            made.append((time.thread_time() - began) * 1000)
            row.setParent(holder)
            row.browser.work(0)
            row.setGeometry(0, 0, 700, row.heightForWidth(700))
            row.show()
            paint(view)
            shown.append((time.thread_time() - began) * 1000)
            row.hide()
            row.deleteLater()
            paint(view)
        show(
            f"a row, {role}, work (made, shown; medians)", f"{quantile(made, 0.5):8.2f} {quantile(shown, 0.5):8.2f} ms"
        )


def hostile() -> None:
    """What no model should write: the longest work without a break, while it is opened, streamed, resized, zoomed."""
    _, view = new_view()
    show("hostile texts, longest work, ms", "  opened streamed  resized   zoomed  (longest stall)")
    names = [name for name in SLOW if not sys.argv[2:] or name in sys.argv[2:]]
    for name in names:
        steps = (_open, _stream_slowly, _resize_there, _zoom_there)
        found = [_longest(view, partial(step, view, SLOW[name])) for step in steps]
        figures = "".join(f"{work:9.0f}" for work, _ in found)
        show(f"  {name}", f"{figures}  ({max(stall for _, stall in found):.0f})")


def _longest(view: ConversationView, do: Callable[[], None]) -> tuple[float, float]:
    """Work and stall, in milliseconds, until there is nothing more to do, or for `PATIENCE`."""
    wait(0.1)
    beats = Beats()
    do()
    end = time.perf_counter() + PATIENCE
    wait(0.05)
    while any(row.browser.has_work() for row in view.findChildren(MessageRow)) and time.perf_counter() < end:
        wait(0.05)
    wait(0.1)
    beats.stop()
    return max(beats.work), max(beats.stalls)


def _hostile_message(words: str, state: MessageState) -> Message:
    return Message("h", "c", None, "assistant", words, state, "", "", 0.0, None)


def _open(view: ConversationView, words: str) -> None:
    view.show_messages([_hostile_message(words, MessageState.COMPLETE)])


def _stream_slowly(view: ConversationView, words: str) -> None:
    view.show_messages([_hostile_message("", MessageState.WRITING)])
    size = max(8, -(-len(words) // 200))
    for start in range(0, min(len(words), 200 * size), size):
        view.append_text("h", words[start : start + size])
        wait(0.008)
    view.finish("h", MessageState.COMPLETE, "")


def _resize_there(view: ConversationView, _words: str) -> None:
    for width in (700, 620, 900):
        view.resize(width, 800)
        wait(0.05)


def _zoom_there(view: ConversationView, _words: str) -> None:
    view.set_zoom(1.25)
    wait(0.05)
    view.set_zoom(1)


def _show_frames(what: str, frames: Sequence[tuple[float, float]]) -> None:
    for index, kind in enumerate(("frame", "work")):
        values = [frame[index] for frame in frames]
        figures = f"{quantile(values, 0.5):8.1f} {quantile(values, 0.99):8.1f} {max(values):8.1f} ms"
        show(f"{what}, {kind} (p50, p99, max of {len(frames)})", figures)


PARTS = {
    "stream": stream,
    "first-paint": first_paint,
    "scroll": scroll,
    "resize": resize,
    "rows": rows,
    "hostile": hostile,
}

if __name__ == "__main__":
    PARTS[sys.argv[1]]() if len(sys.argv) > 1 else main()
