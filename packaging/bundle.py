"""What goes into the bundle, and what stays out: paddock.spec asks. The same for all systems but where it says so.

PyInstaller takes every plugin of Qt and all that any of them needs. Of those only the ones are kept that Paddock can
use, and then whatever is not needed by anything that is kept goes, too.

Some libraries belong to the computer and not to us. The loader of a GPU's driver does: that it is missing is how a
backend knows that there is no driver. On Linux the C++ runtime does, too, with the few libraries that drivers use
themselves: a bundled one that is older than the driver makes the driver fail, and nobody is told why.
"""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path, PurePath
from typing import Any

from PyInstaller.depend.bindepend import get_imports
from PyInstaller.utils.hooks import collect_data_files, collect_entry_point, collect_submodules, copy_metadata

HERE = Path(__file__).parent
ROOT = HERE.parent
_BUILD = ROOT / "build"

Entry = tuple[str, str, str]  # where in the bundle, from where, what kind of thing

# Imported in ways that PyInstaller cannot see, by packages that may or may not be installed.
_PACKAGES_WITH_DATA = ("ziamath", "ziafont", "latex2mathml")
_PACKAGES_IMPORTED_BY_NAME = ("pygments.lexers", "pygments.styles")
# Asked for their version, or for what they plug in.
_DISTRIBUTIONS_ASKED = ("paddock", "llama-cpp-python", "pyside6-essentials", "huggingface_hub", "httpx2", "keyring")

EXCLUDED_MODULES = [
    *("hf_xet", "tkinter", "unittest", "doctest", "pydoc", "test", "lib2to3", "distutils"),
    *(
        "setuptools",
        "pkg_resources",
        "pip",
        "_distutils_hack",
        "IPython",
        "numpy.f2py",
        "numpy.testing",
        "numpy.random",
    ),
]

_RESOURCES_LEFT_OUT = {"screenshots", "guide.md"}  # for readers of the repository

# Of Qt's plugins: all of these kinds, but for the ones named below them.
_PLUGIN_KINDS = {
    *("platforms", "iconengines", "imageformats", "styles", "platformthemes", "platforminputcontexts"),
    *("xcbglintegrations", "wayland-shell-integration", "wayland-decoration-client"),
    *("wayland-graphics-integration-client", "accessiblebridge"),
}
_PLUGINS_LEFT_OUT = (
    *("qeglfs", "qlinuxfb", "qvnc", "qvkkhrdisplay", "qminimal", "qdirect2d"),  # platforms without windows
    *("qgtk3", "qtvirtualkeyboard", "qpdf", "qtiff", "qtga", "qwbmp", "qicns"),
)

_OF_THE_COMPUTER = {
    "linux": (
        *("libvulkan.so", "libcuda.so", "libOpenCL.so", "libstdc++.so", "libgcc_s.so"),
        *("libz.so", "libexpat.so", "libfontconfig.so", "libfreetype.so"),
    ),
    "win32": ("vulkan-1.dll", "nvcuda.dll", "opencl.dll"),
    "darwin": (),
}[sys.platform]


def version() -> str:
    """Paddock's."""
    return metadata.version("paddock")


def data() -> list[tuple[str, str]]:
    """Files, and the folder of the bundle each goes to."""
    kept = [path for path in (ROOT / "resources").iterdir() if path.name not in _RESOURCES_LEFT_OUT]
    files = [(str(path), f"resources/{path.name}" if path.is_dir() else "resources") for path in kept]
    for package in filter(_is_installed, _PACKAGES_WITH_DATA):
        files += collect_data_files(package)
    for distribution in _DISTRIBUTIONS_ASKED:
        files += copy_metadata(distribution)
    return files + collect_entry_point("keyring.backends")[0]


def hidden_imports() -> list[str]:
    names = collect_entry_point("keyring.backends")[1]
    for package in filter(_is_installed, _PACKAGES_IMPORTED_BY_NAME):
        names += collect_submodules(package)
    return names


def llama_libraries() -> list[tuple[str, str]]:
    """llama.cpp and its backends: loaded by path, from the folder of the Python package."""
    package = importlib.util.find_spec("llama_cpp")
    assert package is not None and package.origin is not None
    folder = Path(package.origin).parent / "lib"
    return [(str(path), "llama_cpp/lib") for path in sorted(folder.iterdir()) if path.is_file()]


def needed(binaries: list[Entry]) -> list[Entry]:
    """Those that Paddock loads, and what they need: the rest was taken for the sake of plugins that are left out."""
    wanted = [entry for entry in binaries if _is_wanted(PurePath(entry[0]))]
    by_name = {PurePath(place).name.lower(): (place, file, kind) for place, file, kind in wanted}
    pending = [entry for entry in by_name.values() if _is_loaded_by_us(entry)]
    found = {place for place, _, _ in pending}
    while pending:
        for name, _ in get_imports(pending.pop()[1]):
            entry = by_name.get(PurePath(name).name.lower())
            if entry and entry[0] not in found:
                found.add(entry[0])
                pending.append(entry)
    return [_stripped(entry) for entry in wanted if entry[0] in found]


def needed_data(datas: list[Entry], libraries: list[Entry]) -> list[Entry]:
    """Without Qt's own translations, as Paddock speaks English, and without links to what is not in `libraries`."""
    places = {PurePath(place) for place, _, _ in libraries}
    kept = [entry for entry in datas if "translations" not in PurePath(entry[0]).parts]
    return [entry for entry in kept if entry[2] != "SYMLINK" or PurePath(entry[0]).parent / entry[1] in places]


def program_options() -> dict[str, Any]:
    """For the program itself."""
    if sys.platform == "win32":
        icons, windows = _module("icons"), _module("windows/version_info")
        _BUILD.mkdir(exist_ok=True)
        (_BUILD / "paddock.ico").write_bytes(icons.ico())
        (_BUILD / "version_info.txt").write_text(windows.version_info(version()), encoding="utf-8")
        return {
            "icon": str(_BUILD / "paddock.ico"),
            "version": str(_BUILD / "version_info.txt"),
            "manifest": windows.MANIFEST.read_text(encoding="utf-8"),
        }
    return {}


def app_options() -> dict[str, Any]:
    """For Paddock.app."""
    icons, macos = _module("icons"), _module("macos/info_plist")
    (_BUILD / "paddock.icns").write_bytes(icons.icns())
    return {
        "icon": str(_BUILD / "paddock.icns"),
        "bundle_identifier": macos.BUNDLE_IDENTIFIER,
        "version": version(),
        "info_plist": macos.info_plist(version()),
    }


def _is_installed(package: str) -> bool:
    return importlib.util.find_spec(package.partition(".")[0]) is not None


def _is_wanted(place: PurePath) -> bool:
    if place.name.startswith(_OF_THE_COMPUTER):
        return False
    if "plugins" in place.parts:
        name = place.name.removeprefix("lib")
        return place.parent.name in _PLUGIN_KINDS and not name.startswith(_PLUGINS_LEFT_OUT)
    return True


def _is_loaded_by_us(entry: Entry) -> bool:
    place = PurePath(entry[0])
    return (
        entry[2] == "EXTENSION"
        or "plugins" in place.parts
        or place.parts[:2] == ("llama_cpp", "lib")
        or place.name.lower().startswith(("libpython", "python3"))
    )


def _stripped(entry: Entry) -> Entry:
    """Python's own library without what only debuggers read, which is most of it. Others do not survive `strip`."""
    place, file, kind = entry
    if sys.platform != "linux" or not (place.startswith("libpython") or PurePath(place).parts[0] == "lib-dynload"):
        return entry
    copy = _BUILD / "stripped" / PurePath(place).name
    copy.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(file, copy)
    subprocess.run(["strip", "--strip-unneeded", str(copy)], check=True)
    return place, str(copy), kind


def _module(name: str) -> Any:
    """A script of this folder, which is no package: PyPI has one of that name."""
    spec = importlib.util.spec_from_file_location(PurePath(name).name, HERE / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
