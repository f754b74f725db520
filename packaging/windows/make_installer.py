"""Makes Paddock-Setup.exe from the folder that PyInstaller made: `python packaging/windows/make_installer.py --help`.

Needs makensis (NSIS 3), on any system. What can be signed is signed if `--sign` names a command that does it.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [
    str(HERE),
    str(HERE.parent),
]  # packaging/ is a folder of scripts and no package: PyPI has one of that name

import icons  # noqa: E402
from version_info import version_of_four  # noqa: E402

_TOP = {"paddock.exe", "_internal"}  # all that paddock.nsi installs, and all that it removes


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--payload", type=Path, required=True, help="the folder with paddock.exe and _internal")
    parser.add_argument("--version", required=True, help="such as 0.1.0")
    parser.add_argument("--out", type=Path, default=Path("dist/Paddock-Setup.exe"))
    parser.add_argument(
        "--sign",
        default=os.environ.get("SIGN_COMMAND", ""),
        help="a command that signs the file that is its last argument (default: SIGN_COMMAND)",
    )
    options = parser.parse_args(arguments)
    found = {path.name for path in options.payload.iterdir()}
    if found != _TOP:
        parser.error(f"{options.payload} should hold {sorted(_TOP)}, but holds {sorted(found)}")
    if options.sign:  # the installer and the uninstaller are signed as they are made
        subprocess.run(f'{options.sign} "{options.payload / "paddock.exe"}"', shell=True, check=True)
    with tempfile.TemporaryDirectory() as scratch:
        icon, banner = Path(scratch) / "paddock.ico", Path(scratch) / "banner.bmp"
        icon.write_bytes(icons.ico())
        banner.write_bytes(icons.banner())
        options.out.parent.mkdir(parents=True, exist_ok=True)
        defined = {
            "PAYLOAD": options.payload.resolve(),
            "OUT": options.out.resolve(),
            "ICON": icon,
            "BANNER": banner,
            "VERSION": options.version,
            "VERSION_OF_FOUR": ".".join(map(str, version_of_four(options.version))),
            **({"SIGN": options.sign} if options.sign else {}),
        }
        command = ["makensis", "-V2", "-WX", "-INPUTCHARSET", "UTF8"]
        command += [f"-D{name}={value}" for name, value in defined.items()]
        return subprocess.run([*command, str(HERE / "paddock.nsi")], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
