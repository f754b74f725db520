"""The version resource of paddock.exe, for PyInstaller: what Explorer shows in a file's properties.

A program without one is more likely to be taken for malware.
"""

from __future__ import annotations

import re
from pathlib import Path

MANIFEST = Path(__file__).with_name("paddock.manifest")


def version_of_four(version: str) -> tuple[int, ...]:
    """As Windows wants it: four numbers."""
    numbers = [int(number) for number in re.findall(r"\d+", version.partition("+")[0])][:3]
    return (*numbers, 0, 0, 0, 0)[:4]


def version_info(version: str) -> str:
    """The text that PyInstaller's `EXE(version=FILE)` reads from a file. `version` is such as "0.1.0"."""
    numbers = version_of_four(version)
    words = {
        "CompanyName": "Paddock",
        "FileDescription": "Paddock",
        "FileVersion": version,
        "InternalName": "paddock",
        "LegalCopyright": "Apache License 2.0",
        "OriginalFilename": "paddock.exe",
        "ProductName": "Paddock",
        "ProductVersion": version,
    }
    structs = ", ".join(f"StringStruct({name!r}, {value!r})" for name, value in words.items())
    return f"""VSVersionInfo(
  ffi=FixedFileInfo(filevers={numbers}, prodvers={numbers}, mask=0x3F, flags=0, OS=0x40004, fileType=1, subtype=0),
  kids=[
    StringFileInfo([StringTable('040904B0', [{structs}])]),
    VarFileInfo([VarStruct('Translation', [0x409, 1200])]),
  ],
)
"""
