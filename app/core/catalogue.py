"""The shelf: well-known chat models to begin with, chosen by hand, so that one need not know what to search for.

It says what a person cannot see at the Hub: what a model is like, and for which computer. Whatever the Hub knows
better, such as sizes, files and downloads, is asked there. The same file holds chat templates, which are read where
they are used, in the engine child.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from app.core.resources import resource


@dataclass(frozen=True, slots=True)
class ShelfModel:
    """A model worth a try. `sentence` and `smallest` are English; shown through tr("catalogue", ...)."""

    id: str  # owner/name at the Hub
    sentence: str  # what it is like, honestly
    licence: str  # as the Hub writes it, such as apache-2.0
    context_length: int  # tokens it was trained for
    smallest: str  # the smallest computer that runs it well, such as `8 GB of memory`


def shelf() -> tuple[ShelfModel, ...]:
    """The models, TinyLlama first, then from the smallest to the largest."""
    catalogue = json.loads(resource("model_catalogue.json").read_text("utf-8"))
    return tuple(ShelfModel(**entry) for entry in catalogue["shelf"])
