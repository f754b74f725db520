"""Slow work off the GUI thread: network, hashing, scanning folders.

Every job is a coroutine on one event loop in one background thread. That makes a job cheap to wait (a download that
sleeps until its next try costs nothing) and quick to cancel in any state, connecting and stalled ones included, which
a thread that blocks in a socket is not. What blocks by nature goes through `asyncio.to_thread` inside the job.

The thread and `asyncio` are started by the first job, so that a start of the app does not wait for them.

That thread never holds a `Job`, only its number: whoever drops the last reference to a QObject destroys it, and one
that is destroyed by two threads at once brings the app down.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Qt, Signal, Slot

from app.core.errors import AppError

if TYPE_CHECKING:
    import asyncio


Report = Callable[[object], None]
Work = Callable[[Report], Coroutine[Any, Any, object]]
"""Makes the coroutine of a job. It may call the function it is given from any thread to tell how far it is."""

_CLOSING_SECONDS = 5.0
_WORKERS = "job worker"  # the names of the threads for what blocks begin with it


class Job(QObject):
    """One piece of work. Lives on the GUI thread; ends with exactly one of `finished`, `failed` and `cancelled`."""

    progressed = Signal(object)
    finished = Signal(object)  # what the coroutine returned
    failed = Signal(object)  # AppError
    cancelled = Signal()

    def __init__(self, cancel: Callable[[], None], parent: QObject) -> None:
        super().__init__(parent)
        self._cancel = cancel
        self.has_ended = False

    def cancel(self) -> None:
        """Asks for the end, which `cancelled` will tell. Nothing happens if the job has ended already."""
        if not self.has_ended:
            self._cancel()


class JobRunner(QObject):
    """Starts jobs, and tells on the GUI thread what comes of them."""

    _has_news = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._thread: _LoopThread | None = None
        self._numbers = itertools.count()
        self._jobs: dict[int, Job] = {}  # touched by the GUI thread alone
        self._tasks: dict[int, asyncio.Task[object]] = {}  # touched by the loop's thread alone
        # Not as arguments of the signal: Qt would keep them beyond the end of the jobs that they are about.
        self._news: deque[tuple[int, str, object]] = deque()
        self._has_news.connect(self._on_has_news, Qt.ConnectionType.QueuedConnection)

    def start(self, work: Work) -> Job:
        """Begins `work` soon, on the loop's thread."""
        if self._thread is None:
            self._thread = _LoopThread()
        number = next(self._numbers)
        self._jobs[number] = job = Job(partial(self._cancel, number), self)
        self._thread.call(partial(self._begin, number, work))
        return job

    def start_function(self, function: Callable[[], object]) -> Job:
        """Begins a function that blocks, on a thread of its own. Cancelled, its result is not waited for."""
        return self.start(lambda _report: in_a_thread(function))

    def close(self, last: Callable[[], Awaitable[None]] | None = None) -> bool:
        """Cancels all jobs, runs `last` on the loop, and waits for the end of the threads, a few seconds at most.

        The jobs tell nothing any more. Returns whether all threads ended: the system's search for the address of a
        host can take half a minute, and nothing can stop it.
        """
        thread, self._thread = self._thread, None
        ended = thread is None or thread.close(last)
        self._news.clear()
        return ended

    def _cancel(self, number: int) -> None:
        if self._thread is not None:
            self._thread.call(partial(self._cancel_task, number))

    # On the loop's thread

    def _begin(self, number: int, work: Work) -> None:
        import asyncio  # noqa: PLC0415 (the thread has imported it by now)

        task = asyncio.get_running_loop().create_task(work(partial(self._tell, number, "progressed")))
        self._tasks[number] = task
        task.add_done_callback(partial(self._tell_end, number))

    def _cancel_task(self, number: int) -> None:
        if number in self._tasks:
            self._tasks[number].cancel()

    def _tell_end(self, number: int, task: asyncio.Task[object]) -> None:
        del self._tasks[number]
        if task.cancelled():
            self._tell(number, "cancelled", None)
        elif (error := task.exception()) is None:
            self._tell(number, "finished", task.result())
        else:
            self._tell(number, "failed" if isinstance(error, AppError) else "bug", error)

    def _tell(self, number: int, what: str, value: object) -> None:
        self._news.append((number, what, value))
        self._has_news.emit()

    # On the GUI thread

    @Slot()
    def _on_has_news(self) -> None:
        while self._news:
            number, what, value = self._news.popleft()
            if what != "progressed":
                self._end(self._jobs.pop(number), what, value)
            elif number in self._jobs:  # a thread may go on telling after the end
                self._jobs[number].progressed.emit(value)

    @staticmethod
    def _end(job: Job, what: str, value: object) -> None:
        job.has_ended = True
        job.deleteLater()
        if what == "finished":
            job.finished.emit(value)
        elif isinstance(value, AppError):
            job.failed.emit(value)
        else:
            job.cancelled.emit()
        if what == "bug":
            assert isinstance(value, Exception)
            raise value


async def in_a_thread(function: Callable[[], object]) -> object:
    """In a job: runs a function that blocks, on a thread of its own."""
    import asyncio  # noqa: PLC0415 (the thread has imported it by now)

    return await asyncio.to_thread(function)


class _LoopThread:
    """A thread that runs an event loop."""

    def __init__(self) -> None:
        self._calls: list[Callable[[], object]] = []
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread(target=self._main, name="jobs", daemon=True)
        self._thread.start()

    def call(self, function: Callable[[], object]) -> None:
        """Has `function` called on the loop's thread, in the order of the calls."""
        with self._lock:
            if self._loop is None:
                self._calls.append(function)
                return
        self._loop.call_soon_threadsafe(function)

    def close(self, last: Callable[[], Awaitable[None]] | None) -> bool:
        self.call(lambda: self._end(last))
        deadline = time.monotonic() + _CLOSING_SECONDS
        for thread in (self._thread, *(other for other in threading.enumerate() if other.name.startswith(_WORKERS))):
            thread.join(max(0.0, deadline - time.monotonic()))
            if thread.is_alive():
                return False
        return True

    def _main(self) -> None:
        import asyncio  # noqa: PLC0415 (here it keeps nobody waiting)
        from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415

        # Not `asyncio.run`: that waits for the threads that block, however long they take.
        loop = asyncio.new_event_loop()
        loop.set_default_executor(ThreadPoolExecutor(thread_name_prefix=_WORKERS))
        try:
            loop.run_until_complete(self._live())
        finally:
            loop.close()

    async def _live(self) -> None:
        import asyncio  # noqa: PLC0415

        self._ended = asyncio.Event()
        self._last: Callable[[], Awaitable[None]] | None = None
        with self._lock:
            self._loop = asyncio.get_running_loop()
            waiting, self._calls = self._calls, []
        for function in waiting:
            function()
        await self._ended.wait()
        jobs = asyncio.all_tasks() - {asyncio.current_task()}
        for job in jobs:
            job.cancel()
        await asyncio.gather(*jobs, return_exceptions=True)
        if self._last is not None:
            await self._last()

    def _end(self, last: Callable[[], Awaitable[None]] | None) -> None:
        self._last = last
        self._ended.set()
