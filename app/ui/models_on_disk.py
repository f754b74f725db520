"""The models on this computer as the app knows them: what the last scan found, and what is in the trash."""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from PySide6.QtCore import QObject, Signal, Slot

from app.core import trash
from app.core.known_places import known_places
from app.core.library import ModelFile, Place, PlaceKind, Scanner
from app.core.model_places import ModelPlaces
from app.core.recent_models import RecentModels
from app.core.trash import Trashed
from app.engine.jobs import Job, JobRunner


@dataclass(frozen=True, slots=True)
class _Found:
    """What one look at the disks gives."""

    models: tuple[ModelFile, ...] = ()
    missing: tuple[Place, ...] = ()
    in_trash: tuple[Trashed, ...] = ()


class ModelsOnDisk(QObject):
    """Lives on the GUI thread. Looks at the disks in jobs: one at a time, and once more if asked meanwhile."""

    changed = Signal()
    offers_found = Signal(object)  # list of (Place, number of models): folders of other apps
    trashed = Signal(object)  # Trashed, which can be brought back
    failed = Signal(object)  # AppError

    def __init__(
        self,
        places: ModelPlaces,
        recent: RecentModels,
        jobs: JobRunner,
        own_folders: Callable[[], Sequence[Path]],
        memory_context: Callable[[], int],
        parent: QObject | None = None,
    ) -> None:
        """`own_folders` are where downloads go and went; memory is estimated for `memory_context` tokens."""
        super().__init__(parent)
        self._places = places
        self._recent = recent
        self._jobs = jobs
        self._own_folders = own_folders
        self._memory_context = memory_context
        self._scanner = Scanner()
        self._look: Job | None = None
        self._look_again = False
        self._found = _Found()

    @property
    def models(self) -> tuple[ModelFile, ...]:
        """As of the last look."""
        return self._found.models

    @property
    def missing(self) -> tuple[Place, ...]:
        """The places that could not be reached."""
        return self._found.missing

    @property
    def in_trash(self) -> tuple[Trashed, ...]:
        """Deleted, and not yet gone; the last deleted first."""
        return self._found.in_trash

    def places(self) -> list[Place]:
        """Where models are looked for: our own folders first, as a file belongs to the first that has it."""
        own = [Place(folder, PlaceKind.OURS) for folder in self._own_folders()]
        return own + [place for place in self._places.all() if place.path not in self._own_folders()]

    def find(self, path: str | Path) -> ModelFile | None:
        """The model that is loaded from `path`."""
        return next((model for model in self.models if model.path == Path(path)), None)

    def find_quant(self, repo: str, file_name: str) -> ModelFile | None:
        """The model that was downloaded from that file of `repo`."""
        name = Path(file_name).name
        return next((model for model in self.models if model.family == repo and model.path.name == name), None)

    @Slot()
    def look(self) -> None:
        """Looks at the disks; `changed` tells."""
        if self._look is not None:
            self._look_again = True
            return
        # A file opened by hand is a place of its own, unless a folder has it.
        opened = [Place(Path(model.path), PlaceKind.ADDED) for model in self._recent.all()]
        used_at = {Path(model.path): model.used_at for model in self._recent.all()}
        scan = partial(self._scan, self.places() + opened, used_at, self._memory_context(), list(self._own_folders()))
        self._look = self._jobs.start_function(scan)
        self._look.finished.connect(self._on_look_finished)
        self._look.cancelled.connect(self._on_look_ended)

    def add(self, path: Path, kind: PlaceKind = PlaceKind.ADDED) -> None:
        """Looks for models there from now on."""
        self._places.add(path, kind)
        self.look()

    def remove(self, path: Path) -> None:
        """Looks for models there no longer. The files stay."""
        self._places.remove(path)
        self.look()

    def look_for_offers(self) -> None:
        """Looks for the folders of other apps; `offers_found` tells those that were not added."""
        known = {place.path for place in self.places()}
        job = self._jobs.start_function(partial(self._scan_offers, known))
        job.finished.connect(self.offers_found)

    def delete(self, model: ModelFile) -> None:
        """Moves a model of ours to the trash."""
        job = self._jobs.start_function(partial(trash.move_to_trash, model))
        job.finished.connect(self.trashed)
        self._then_look(job)

    def restore(self, trashed: Trashed) -> None:
        """Brings a deleted model back."""
        self._then_look(self._jobs.start_function(partial(trash.restore, trashed)))

    def empty_trash(self) -> None:
        """Deletes for good what was deleted."""
        folders = {trashed.folder for trashed in self.in_trash}
        self._then_look(self._jobs.start_function(lambda: [trash.empty(folder) for folder in folders]))

    def _then_look(self, job: Job) -> None:
        job.failed.connect(self.failed)
        job.failed.connect(self.look)
        job.finished.connect(self.look)

    # In a job

    def _scan(
        self, places: Sequence[Place], used_at: Mapping[Path, float], context: int, own_folders: Sequence[Path]
    ) -> _Found:
        shelf = self._scanner.scan(places, used_at, context)
        # A file that was opened once and is gone is no drive that is missing.
        missing = tuple(place for place in shelf.missing if place.path not in used_at)
        in_trash = tuple(trashed for folder in own_folders for trashed in trash.trashed_in(folder))
        return _Found(shelf.models, missing, in_trash)

    @staticmethod
    def _scan_offers(known: set[Path]) -> list[tuple[Place, int]]:
        offers = [place for place in known_places(Path.home(), os.environ, sys.platform) if place.path not in known]
        count = Counter(model.place for model in Scanner().scan(offers, {}, 0).models)
        return [(place, count[place]) for place in offers if count[place]]

    # On the GUI thread

    @Slot(object)
    def _on_look_finished(self, found: _Found) -> None:
        self._found = found
        self.changed.emit()
        self._on_look_ended()

    @Slot()
    def _on_look_ended(self) -> None:
        self._look = None
        if self._look_again:
            self._look_again = False
            self.look()
