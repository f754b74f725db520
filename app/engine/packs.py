"""Packs: backends that do not come with Paddock, because few need them and they are larger than all the rest.

A pack is a folder with the libraries of one backend, such as CUDA, and of what it needs. It lies in a folder that is
named after the llama-cpp-python that it was built with, because a backend works with exactly that one: an app that
was upgraded leaves the packs of the version before alone, and goes on without them.
"""

from __future__ import annotations

from pathlib import Path

_SUFFIXES = {".so", ".dll", ".dylib"}


def pack_libraries(packs: Path, version: str) -> list[Path]:
    """The backends to be loaded from `packs` by llama-cpp-python `version`; none where there are none.

    What they need of their own lies beside them and is not among them.
    """
    return sorted(path for path in (packs / version).rglob("*ggml-*") if path.suffix in _SUFFIXES)
