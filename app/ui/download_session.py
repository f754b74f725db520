"""The downloads under way: which one runs, which one waits for its turn, and what the user wants of each.

What a download *is* lives in `core.downloads`; here is the queue around it. A download that was not paused goes on by
itself: at the next start of the app, and when the network is switched on again.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, Signal

from app.core import errors
from app.core.download_journal import DownloadJournal
from app.core.downloads import Phase, Plan, Progress
from app.engine.jobs import Job, JobRunner, Report

AT_ONCE = 3  # more would only share the same line

Fetch = Callable[[Plan, Report], Coroutine[Any, Any, Path]]
Discard = Callable[[Plan], Coroutine[Any, Any, None]]


@dataclass(slots=True)
class _Download:
    plan: Plan
    paused: bool
    progress: Progress = field(default_factory=lambda: Progress(Phase.QUEUED))
    job: Job | None = None
    ending: Job | None = None  # a job that was cancelled, until it has let go of the files


class DownloadSession(QObject):
    """Lives on the GUI thread, between the journal, the jobs and the views.

    `fetch` and `discard` make the coroutines that do the work.
    """

    list_changed = Signal()  # a download came, went, or has another place in the queue
    progressed = Signal(str, object)  # id, Progress
    finished = Signal(object, object)  # Plan, Path

    def __init__(
        self,
        journal: DownloadJournal,
        jobs: JobRunner,
        fetch: Fetch,
        discard: Discard,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._journal = journal
        self._jobs = jobs
        self._fetch = fetch
        self._discard = discard
        self._downloads: dict[str, _Download] = {}  # in the order of the queue
        self._offline = False

    def begin(self, offline: bool) -> None:
        """Takes up what an earlier run of the app left."""
        self._offline = offline
        for plan, paused in self._journal.all():
            if plan.id in self._downloads:
                continue  # somebody was quicker
            phase = Phase.PAUSED if paused else Phase.QUEUED
            self._downloads[plan.id] = _Download(plan, paused, Progress(phase, total=plan.size))
        if self._downloads:
            self.list_changed.emit()
            self._start_waiting()

    def all(self) -> list[tuple[Plan, Progress]]:
        """The downloads in the order of the queue."""
        return [(download.plan, download.progress) for download in self._downloads.values()]

    def find(self, repo: str, name: str) -> str:
        """The id of the download of that model's quant, empty if there is none."""
        plans = [download.plan for download in self._downloads.values()]
        return next((plan.id for plan in plans if (plan.repo, plan.name) == (repo, name)), "")

    def add(self, plan: Plan) -> None:
        """Puts the plan at the end of the queue; one that is there already goes on instead."""
        if known := self.find(plan.repo, plan.name):
            self.resume(known)
            return
        self._journal.add(plan)
        self._downloads[plan.id] = _Download(plan, paused=False, progress=Progress(Phase.QUEUED, total=plan.size))
        self.list_changed.emit()
        self._start_waiting()

    def pause(self, download_id: str) -> None:
        """Stops it, and keeps what is there."""
        download = self._downloads.get(download_id)
        if download is None or download.paused:
            return
        download.paused = True
        self._journal.set_paused(download_id, paused=True)
        self._end_job(download)
        self._show(download, _stopped(download.progress, Phase.PAUSED))
        self._start_waiting()

    def resume(self, download_id: str) -> None:
        """Goes on with it, or tries again."""
        download = self._downloads.get(download_id)
        if download is None or download.job is not None:
            return
        download.paused = False
        self._journal.set_paused(download_id, paused=False)
        self._show(download, _stopped(download.progress, Phase.QUEUED))
        self._start_waiting()

    def cancel(self, download_id: str) -> None:
        """Stops it for good, and throws away what is there."""
        download = self._downloads.pop(download_id, None)
        if download is None:
            return
        self._journal.remove(download_id)
        discard = partial(self._discard_files, download.plan)
        self._end_job(download)
        if download.ending is not None and not download.ending.has_ended:
            for ended in (download.ending.cancelled, download.ending.finished, download.ending.failed):
                ended.connect(discard)
        else:
            discard()
        self.list_changed.emit()
        self._start_waiting()

    def move(self, download_id: str, steps: int) -> None:
        """Gives it a place `steps` further down the queue, or up if negative."""
        ids = list(self._downloads)
        if download_id not in ids:
            return
        place = min(max(ids.index(download_id) + steps, 0), len(ids) - 1)
        ids.remove(download_id)
        ids.insert(place, download_id)
        self._downloads = {known: self._downloads[known] for known in ids}
        self._journal.set_order(ids)
        self.list_changed.emit()
        self._start_waiting()

    def set_offline(self, offline: bool) -> None:
        """The network was switched off or on."""
        self._offline = offline
        self._start_waiting()

    def _start_waiting(self, *_ended: object) -> None:
        """Starts what may run, in the order of the queue."""
        for download in self._downloads.values():
            if download.job is not None or download.paused or download.progress.phase is Phase.FAILED:
                continue
            if download.ending is not None and not download.ending.has_ended:
                continue
            if self._offline:
                waiting = _stopped(download.progress, Phase.WAITING, errors.Offline())
                if download.progress.phase is not Phase.WAITING:
                    self._show(download, waiting)
            elif sum(other.job is not None for other in self._downloads.values()) < AT_ONCE:
                self._start(download)
            elif download.progress.phase is not Phase.QUEUED:
                self._show(download, _stopped(download.progress, Phase.QUEUED))

    def _start(self, download: _Download) -> None:
        job = self._jobs.start(partial(self._fetch, download.plan))
        download.job = job
        job.progressed.connect(partial(self._on_job_progressed, download, job))
        job.finished.connect(partial(self._on_job_finished, download, job))
        job.failed.connect(partial(self._on_job_failed, download, job))
        job.cancelled.connect(partial(self._on_job_cancelled, download, job))
        self._show(download, _stopped(download.progress, Phase.CONNECTING))

    def _end_job(self, download: _Download) -> None:
        if download.job is None:
            return
        download.ending, download.job = download.job, None
        download.ending.cancel()
        for ended in (download.ending.cancelled, download.ending.finished, download.ending.failed):
            ended.connect(self._start_waiting)

    def _discard_files(self, plan: Plan, *_ended: object) -> None:
        self._jobs.start(lambda _report: self._discard(plan))

    def _show(self, download: _Download, progress: Progress) -> None:
        download.progress = progress
        self.progressed.emit(download.plan.id, progress)

    def _on_job_progressed(self, download: _Download, job: Job, progress: Progress) -> None:
        if download.job is job:
            self._show(download, progress)

    def _on_job_finished(self, download: _Download, job: Job, path: Path) -> None:
        if download.job is not job:
            return
        del self._downloads[download.plan.id]
        self._journal.remove(download.plan.id)
        self.list_changed.emit()
        self.finished.emit(download.plan, path)
        self._start_waiting()

    def _on_job_failed(self, download: _Download, job: Job, error: errors.AppError) -> None:
        if download.job is not job:
            return
        download.job = None
        if isinstance(error, errors.Offline):
            self._show(download, _stopped(download.progress, Phase.WAITING, error))
        elif isinstance(error, errors.NotEnoughSpace):
            download.paused = True
            self._journal.set_paused(download.plan.id, paused=True)
            self._show(download, _stopped(download.progress, Phase.PAUSED, error))
        else:
            self._show(download, _stopped(download.progress, Phase.FAILED, error))
        self._start_waiting()

    def _on_job_cancelled(self, download: _Download, job: Job) -> None:
        """Not by us: a bug ended it, and was told already."""
        if download.job is job:
            download.job = None
            self._show(download, _stopped(download.progress, Phase.FAILED, errors.AppError()))
            self._start_waiting()


def _stopped(progress: Progress, phase: Phase, error: errors.AppError | None = None) -> Progress:
    """How far it is, without what is true only while it runs."""
    return Progress(phase, received=progress.received, total=progress.total, error=error)
