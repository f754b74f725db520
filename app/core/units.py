"""Numbers as people read them."""

from __future__ import annotations

_NARROW_SPACE = "\u202f"  # does not break


def format_bytes(size: int) -> str:
    """A size in bytes, such as `637 MiB` or `1.2 GiB`."""
    value = float(size)
    for unit in ("B", "KiB", "MiB"):
        if value < 999.5:
            return f"{value:.0f} {unit}"
        value /= 1024
    if value < 999.5:
        return f"{value:.1f} GiB"
    return f"{value / 1024:.1f} TiB"


def format_count(count: int) -> str:
    """A number of things with its thousands apart, such as `32 768`."""
    return f"{count:,}".replace(",", _NARROW_SPACE)
