"""The guide: a tiny model that comes with Paddock, knows Paddock, and nothing else.

It is what a new user can ask before there is a real model. Real models are remembered and loaded at the next start;
the guide is neither, so it steps back by itself once there is one.
"""

from __future__ import annotations

from pathlib import Path

from app.core.resources import resource

NAME = "Guide"

QUESTIONS = (
    "How do I get a real model?",
    "Which quant should I take?",
    "Does anything I type leave this computer?",
    "What can you do?",
)


def guide_path() -> Path:
    """The guide's file."""
    return resource("guide.gguf")


def is_guide(path: str) -> bool:
    return Path(path) == guide_path()
