"""Fetches a plan in a process of its own, which a test can kill: `python -m tests.download_driver ENDPOINT PLAN`.

PLAN is a file with the plan as the journal keeps it. What else is needed lies beside it. Ends with 0 once the model is
there.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from app.core.download_journal import plan_from_json
from app.core.downloads import download
from app.core.hub import Hub
from app.core.ledger import Ledger
from app.core.network import Network


async def fetch(endpoint: str, journal: Path) -> None:
    network = Network(Ledger(journal.with_name("ledger.db")))
    hub = Hub(network, lambda: "", endpoint)
    await download(plan_from_json("1", journal.read_text()), network, hub, lambda _: None)
    await network.close()


if __name__ == "__main__":
    asyncio.run(fetch(sys.argv[1], Path(sys.argv[2])))
