"""A download that cannot be lost.

What is fetched grows beside its final place as a *part*, `tiny.Q4_K_M.gguf.9fa1b2c3d4e5.part`, which is named after
the hash that it shall have and only ever grows at its end. So its length is all that must be known to go on, and it is
right however the app ended; a journal of bytes would be one more thing to disagree with. A file that changed at the
Hub has another hash, hence another part. Each try begins at the file's address at the Hub: where that leads to is good
for an hour only. A file gets its name once its SHA-256 is the one the Hub promised, and the files of a split model get
theirs once all are right, the first one last: what has a name is whole. Of a file without a hash only the size can be
checked, and a note says so.

What is at the final place with the right size is therefore taken for the file. Anything else there belongs to the user
and is left alone: nothing is fetched before it is out of the way.

huggingface_hub's own download was rejected: it starts at zero after every error, does not check the hash, and cannot
be stopped while it waits.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from app.core.errors import AppError
from app.core.hub_model import HubFile

if TYPE_CHECKING:
    from app.core.hub import Hub
    from app.core.network import Network


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be fetched, and where to. All files are of one commit; they become a model once all are there."""

    id: str
    repo: str  # owner/name
    commit: str
    name: str  # what the person chose, for the list
    quant: str
    files: tuple[HubFile, ...]
    folder: Path  # the models folder: files land in folder/owner/name/

    @property
    def size(self) -> int:
        """Bytes of all files; -1 if unknown."""
        sizes = [file.size for file in self.files]
        return -1 if min(sizes, default=-1) < 0 else sum(sizes)


class Phase(enum.Enum):
    """What a download is doing."""

    QUEUED = "queued"
    CONNECTING = "connecting"
    RECEIVING = "receiving"
    WAITING = "waiting"  # for the next try
    VERIFYING = "verifying"
    PAUSED = "paused"
    FAILED = "failed"  # until a person does something
    DONE = "done"


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a download is. Bytes, seconds; `total` -1 and `seconds_left` -1 if unknown."""

    phase: Phase
    received: int = 0
    total: int = -1
    speed: float = 0.0  # bytes a second, of the last seconds
    seconds_left: float = -1.0
    verified: float = 0.0  # 0..1, while verifying
    next_try: float = 0.0  # seconds until then, while waiting
    error: AppError | None = None  # why it waits, paused by itself, or failed
    note: str = ""  # something worth telling that is no error, such as a file that changed at the Hub


async def download(plan: Plan, network: Network, hub: Hub, report: Callable[[Progress], None]) -> Path:
    """Fetches all files of the plan and returns the path of the model, which is that of the first.

    Goes on from what is there, and tries again for as long as that may help. Raises what only a person can mend:
    `Offline`, `NotEnoughSpace`, `DownloadDamaged`, what the Hub refuses, and a folder that cannot be used. May be
    cancelled at any moment; what has come is kept.
    """
    from app.core.download_run import DownloadRun  # noqa: PLC0415 (asyncio and hashlib take long to import)

    return await DownloadRun(plan, network, hub, report).result()


async def discard(plan: Plan) -> None:
    """Removes what a download that has ended left unfinished."""
    import asyncio  # noqa: PLC0415 (not needed to start the app)

    from app.core.part_file import remove_parts  # noqa: PLC0415

    await asyncio.to_thread(remove_parts, plan)
