"""Makes the .deb and the archive of the folder that PyInstaller made: `make_packages.py BUNDLE VERSION OUT`.

The .deb needs nothing that Debian's `debhelper` does: it is a tree of files, what the libraries in it need, and a last
word when it is removed. Desktop entry, icons and file type are taken up by the triggers of the system. What it needs is
read from the libraries, and looked up in the system that this runs on; so build it on the oldest one to be supported.
"""

from __future__ import annotations

import gzip
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

import icons  # noqa: E402 (packaging/ is a folder of scripts and no package: PyPI has one of that name)

ROOT = HERE.parents[1]
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}  # the kernel's names, and Debian's
_NOT_NEEDED_BUT_USED = ("libvulkan.so.1",)  # see _RECOMMENDED
_RECOMMENDED = "libvulkan1, xdg-utils"
_LOADED_BY_NAME = ("libEGL.so.1", "libGL.so.1")
_LIBRARY = re.compile(r"\(NEEDED\)\s+Shared library: \[(.+)\]")
_SYMBOL_VERSION = re.compile(r"Name: (GLIBC|GLIBCXX)_([0-9.]+)\b")
# The versions of Debian's libstdc++6 that first had a version of its symbols.
_COMPILER_OF = {(3, 4, 29): 11, (3, 4, 30): 12, (3, 4, 31): 13, (3, 4, 32): 13, (3, 4, 33): 14}


def main(bundle: Path, version: str, out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    machine = os.uname().machine
    make_archive(bundle, out / f"Paddock-{version}-linux-{machine}.tar.gz")
    if shutil.which("dpkg-deb"):
        make_deb(bundle, version, out / f"paddock_{version}_{ARCHITECTURES[machine]}.deb")
    else:
        print("paddock: no dpkg-deb here, so no .deb")


# The archive


def make_archive(bundle: Path, file: Path) -> None:
    """One folder, `Paddock`, the same to the byte for the same content."""
    with (
        file.open("wb") as raw,
        gzip.GzipFile("", "wb", compresslevel=9, fileobj=raw, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        archive.add(HERE / "archive-readme.txt", "Paddock/README.txt", filter=_anonymous)
        for path in sorted(bundle.rglob("*")):
            archive.add(path, f"Paddock/{path.relative_to(bundle)}", recursive=False, filter=_anonymous)


def _anonymous(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = "root"
    entry.mtime = int(os.environ.get("SOURCE_DATE_EPOCH", entry.mtime))
    entry.mode = 0o755 if entry.mode & 0o100 else 0o644
    return entry


# The .deb


def make_deb(bundle: Path, version: str, file: Path) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch) / "root"
        shutil.copytree(bundle, root / "opt/paddock", symlinks=True)
        add_desktop_files(root / "usr/share")
        (root / "usr/bin").mkdir()
        (root / "usr/bin/paddock").symlink_to("/opt/paddock/paddock")
        _add_documents(root / "usr/share/doc/paddock")
        size = sum(path.lstat().st_size for path in root.rglob("*") if not path.is_symlink()) // 1024
        _add_control_files(root / "DEBIAN", version, size, _needed_packages(bundle))
        _set_modes(root)
        subprocess.run(["dpkg-deb", "--root-owner-group", "--build", str(root), str(file)], check=True)


def add_desktop_files(share: Path) -> None:
    """What makes a program known to the desktop, below `share`. The AppImage has the same."""
    for source, place in (
        ("paddock.desktop", "applications"),
        ("app.paddock.Paddock.metainfo.xml", "metainfo"),
        ("paddock-mime.xml", "mime/packages"),
    ):
        (share / place).mkdir(parents=True)
        shutil.copy(HERE / source, share / place / ("paddock.xml" if place == "mime/packages" else source))
    for size in icons.PNG_SIZES:
        folder = share / f"icons/hicolor/{size}x{size}/apps"
        folder.mkdir(parents=True)
        (folder / "paddock.png").write_bytes(icons.png(size))
    scalable = share / "icons/hicolor/scalable/apps"
    scalable.mkdir(parents=True)
    shutil.copy(ROOT / "resources/icons/paddock.svg", scalable)


def _add_documents(folder: Path) -> None:
    folder.mkdir(parents=True)
    (folder / "copyright").write_text(
        "Paddock: Apache License 2.0, in /opt/paddock/_internal/licences/LICENSE.\n"
        "The terms of everything that comes with it are in the folders beside that file.\n",
        encoding="utf-8",
    )
    changes = (ROOT / "packaging/CHANGELOG.md").read_bytes()
    (folder / "changelog.gz").write_bytes(gzip.compress(changes, mtime=0))


def _add_control_files(folder: Path, version: str, size: int, needed: str) -> None:
    folder.mkdir()
    (folder / "control").write_text(
        f"""Package: paddock
Version: {version}
Architecture: {ARCHITECTURES[os.uname().machine]}
Maintainer: The Paddock project <paddock@localhost>
Installed-Size: {size}
Depends: {needed}
Recommends: {_RECOMMENDED}
Section: utils
Priority: optional
Description: private chat with models that run on your own computer
 Pick a model that fits this computer from a library of GGUF files, type, and
 read the answer as it is written. Nothing you write leaves the machine.
""",
        encoding="utf-8",
    )
    shutil.copy(HERE / "postrm", folder / "postrm")


def _set_modes(root: Path) -> None:
    for path in (root, *root.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)


# What it needs


def _needed_packages(bundle: Path) -> str:
    """The `Depends` of all programs and libraries in `bundle`."""
    files = [str(path) for path in bundle.rglob("*") if path.is_file() and _is_program(path)]
    told = subprocess.run(["readelf", "-dVW", *files], capture_output=True, text=True, check=True).stdout
    bundled = {path.name for path in bundle.rglob("*")}
    foreign = {*_LIBRARY.findall(told), *_LOADED_BY_NAME} - bundled - {*_NOT_NEEDED_BUT_USED}
    packages = {_package_of(name) for name in foreign}
    newest = {
        library: max(_numbers(text) for name, text in _SYMBOL_VERSION.findall(told) if name == library)
        for library in ("GLIBC", "GLIBCXX")
    }
    versions = {
        "libc6": ".".join(map(str, newest["GLIBC"])),
        "libstdc++6": str(_COMPILER_OF.get(newest["GLIBCXX"], 10)),
    }
    return ", ".join(f"{name} (>= {versions[name]})" if name in versions else name for name in sorted(packages))


def _is_program(path: Path) -> bool:
    with path.open("rb") as content:
        return content.read(4) == b"\x7fELF"


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


def _package_of(library: str) -> str:
    known = subprocess.run(["/sbin/ldconfig", "-p"], capture_output=True, text=True, check=True).stdout
    machine = {"x86_64": "x86-64", "aarch64": "AArch64"}[os.uname().machine]
    for path in re.findall(rf"^\s*{re.escape(library)} \(.*{machine}.*\) => (.+)$", known, re.MULTILINE):
        # dpkg knows a file by the path it was packed under, which may have been in /lib before that became /usr/lib.
        for name in (path, path.removeprefix("/usr"), str(Path(path).resolve())):
            told = subprocess.run(["dpkg-query", "-S", name], capture_output=True, text=True, check=False).stdout
            if told:
                return told.partition(":")[0]
    raise SystemExit(f"paddock: no package of this system has {library}, which the bundle needs")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]))
