"""What is known of the devices of this computer, and the text about them for a bug report.

The text goes to people one does not know. So it says what the machine is and never whose: no path comes into it, as
paths hold the names of users and of what they keep.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from app.core.units import format_bytes

_KINDS = {
    "cpu": "processor",
    "gpu": "graphics card",
    "integrated": "integrated graphics",
    "accelerator": "accelerator",
}
# From the root to the last slash of the line: folders may hold spaces, and a word too few is better than one too many.
_FOLDERS = re.compile(r"(?<![\w/\\])(?:[A-Za-z]:)?[/\\](?=\S).*[/\\]")


@dataclass(frozen=True, slots=True)
class DeviceReport:
    """A device that llama.cpp sees, and how it did when it was tried. `kind` as in `protocol.Device`; memory in bytes.

    `works` is None if that is not known; `problem` says why, if it could not be tried. `problem` also says why a device
    does not work, and `instead` what does its work, in whole sentences both.
    """

    name: str
    description: str
    backend: str
    kind: str
    memory_total: int
    memory_free: int
    works: bool | None = None
    problem: str = ""
    instead: str = ""


def diagnosis_text(versions: str, system: str, features: str, reports: Sequence[DeviceReport], learned: str) -> str:
    """Plain text for the clipboard. `learned` is what is known of how right the memory bills are, in words."""
    parts = [
        _lines(versions, _named("System", system), _named("Processor features", features)),
        _lines("Devices", *map(_device, reports)) if reports else "Devices: not known",
        _named("Memory bills", learned),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _lines(*lines: str) -> str:
    return "\n".join(line for line in lines if line)


def _named(name: str, value: str) -> str:
    return f"{name}: {value}" if value else ""


def _device(report: DeviceReport) -> str:
    kind = ", ".join(filter(None, (report.backend, _KINDS.get(report.kind, report.kind))))
    about = f"- {report.name} ({kind}): {', '.join(_particulars(report))}."
    return " ".join(part for part in (about, *map(_public, (report.problem, report.instead))) if part)


def _particulars(report: DeviceReport) -> Iterator[str]:
    if report.description:
        yield " ".join(report.description.split())
    if report.memory_total > 0:
        yield f"{format_bytes(report.memory_free)} of {format_bytes(report.memory_total)} free"
    yield {True: "works", False: "does not work", None: "not tried"}[report.works]


def _public(text: str) -> str:
    """`text` on one line, with only the names of files of what paths there are."""
    return " ".join(_FOLDERS.sub("", line).strip() for line in text.splitlines()).strip()
