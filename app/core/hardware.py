"""What this computer has: processor cores and memory. The door to psutil, imported late for a quick start."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path


def physical_cores() -> int:
    """The cores this process may use, hyper-threads not counted twice where the system tells them apart."""
    import psutil  # noqa: PLC0415

    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(psutil.cpu_count(logical=False) or usable, usable)


def memory_total() -> int:
    """Bytes of memory this process may ever have: the machine's, or its container's limit."""
    import psutil  # noqa: PLC0415

    return min([psutil.virtual_memory().total, *(limit for limit, _ in cgroup_memory())])


def memory_available() -> int:
    """Bytes of memory to be had now without swapping. Counts what the system can drop, such as cached files."""
    import psutil  # noqa: PLC0415

    return min([psutil.virtual_memory().available, *(free for _, free in cgroup_memory())])


def memory_used() -> tuple[int, int]:
    """Bytes of memory this process has now: of its own, and pages of files, where the system tells them apart."""
    import psutil  # noqa: PLC0415

    used = psutil.Process().memory_info()
    of_files = getattr(used, "shared", 0)
    return used.rss - of_files, of_files


def cgroup_memory(root: Path = Path("/")) -> Iterator[tuple[int, int]]:
    """Limit and free bytes of each control group (version 2) around this process that has a limit. Linux only."""
    try:
        group = (root / "proc/self/cgroup").read_text("utf-8").partition("0::/")[2]
    except OSError:
        return
    mounted = root / "sys/fs/cgroup"
    innermost = mounted / group.partition("\n")[0]
    for folder in (innermost, *innermost.parents):
        if not folder.is_relative_to(mounted):
            return
        try:
            limit = int((folder / "memory.max").read_text("utf-8"))
            used = int((folder / "memory.current").read_text("utf-8"))
            cached = _cached_files((folder / "memory.stat").read_text("utf-8"))
        except (OSError, ValueError):  # no such file in the root group, or the word "max"
            continue
        yield limit, max(0, limit - used + cached)


def _cached_files(statistics: str) -> int:
    values = dict(line.split() for line in statistics.splitlines())
    return int(values.get("active_file", 0)) + int(values.get("inactive_file", 0))
