"""The versions of Paddock and of what it is made of, for `--version`, the Settings place and the crash dialog.

All of them come from what is installed: asking loads neither llama.cpp nor Qt. Paddock's own has one source,
pyproject.toml. llama.cpp is named by the llama-cpp-python that contains it: what it calls itself between releases
("0.5.0-dev") tells nobody which one it is.
"""

from __future__ import annotations

import platform


def paddock_version() -> str:
    return _installed("paddock")


def paddock_home() -> str:
    """The address of the project's repository; empty if this build does not know it."""
    from importlib import metadata  # noqa: PLC0415 (see `_installed`)

    try:
        named: list[str] = metadata.metadata("paddock").get_all("Project-URL") or []
    except metadata.PackageNotFoundError:
        return ""
    addresses = dict(entry.split(", ", 1) for entry in named)
    return addresses.get("Source", "")


def versions() -> dict[str, str]:
    """Version by name, in the order they are shown."""
    return {
        "Paddock": paddock_version(),
        "llama.cpp": f"of llama-cpp-python {_installed('llama-cpp-python')}",
        "Qt": _installed("pyside6-essentials"),
        "Python": platform.python_version(),
    }


def versions_text() -> str:
    """One line for each."""
    return "\n".join(f"{name} {version}" for name, version in versions().items())


def system_text() -> str:
    """The system and the kind of processor, such as "Linux-6.1.0-x86_64-with-glibc2.36"."""
    return platform.platform()


def _installed(distribution: str) -> str:
    from importlib import metadata  # noqa: PLC0415 (importing it takes longer than all of app.core)

    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:  # a crash must be told even by an installation that lacks a file
        return "unknown"
