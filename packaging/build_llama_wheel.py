"""Builds the llama-cpp-python that goes into the packages: one that runs on every CPU of its kind.

The wheel that `make run` compiles is for the computer it is compiled on. In this one every backend is a library of its
own, and the best of those that work is chosen when the app starts: on x86-64 the CPU backend comes once for each
generation of instruction sets, down to SSE2, and Vulkan's lies beside them for whoever has a driver for it.

Three settings are not obvious. Without a package-local folder for libraries the backends land where nobody looks, as
the Python package installs none but those that are linked in. Versioned names would bring each library three times,
as wheels hold no links, and two copies of ggml into one process, each with its own list of backends. And RPC, which
could reach other computers, is left out: it makes every computer look as if it had a GPU.

Vulkan needs `glslc` and headers of version 1.3.272 or later. Where the system's are older, VULKAN_SDK may name a folder
with `include/vulkan` in it; where there are none, the wheel is built without and says so.
"""

from __future__ import annotations

import hashlib
import io
import os
import platform
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import urllib.request
from pathlib import Path

_ROOT = Path(__file__).parents[1]
_LIBRARIES = "llama_cpp/lib"
_VULKAN_HEADERS = ("/usr", "/usr/local", "/opt/homebrew")
_NEEDED_OF_VULKAN = "VK_EXT_layer_settings"  # an extension that llama.cpp uses and old headers lack
_EXCLUDED = ("include/**", "{0}/cmake/**", "{0}/pkgconfig/**", "{0}/*llama-common*", "{0}/*.lib", "bin/**", "lib/**")


def llama_wheel(uv: str, python: Path, build: Path) -> Path:
    """The wheel for `python`, below `build`; built there unless one with the same settings is there already."""
    source = locked_source()
    settings = _settings()
    key = hashlib.sha256(repr((source, sorted(settings.items()))).encode()).hexdigest()[:12]
    folder = build / "llama" / key
    if not list(folder.glob("*.whl")):
        if "GGML_VULKAN" not in settings:
            print("paddock: no glslc, or no Vulkan headers that are new enough: building without Vulkan")
        print("paddock: compiling llama.cpp for every kind of CPU: once, 20 minutes and more", flush=True)
        _build(uv, python, unpacked(*source, folder), settings, folder)
    return next(folder.glob("*.whl"))


def locked_source() -> tuple[str, str]:
    """The address and checksum that uv.lock names."""
    packages = tomllib.loads((_ROOT / "uv.lock").read_text(encoding="utf-8"))["package"]
    source = next(package["sdist"] for package in packages if package["name"] == "llama-cpp-python")
    return source["url"], source["hash"].removeprefix("sha256:")


def _settings() -> dict[str, str]:
    """CMake's, for this system."""
    settings = {
        "GGML_NATIVE": "OFF",
        "GGML_RPC": "OFF",
        "CMAKE_PLATFORM_NO_VERSIONED_SONAME": "ON",
        "CMAKE_INSTALL_BINDIR": _LIBRARIES,
        "CMAKE_INSTALL_LIBDIR": _LIBRARIES,
    }
    if sys.platform == "darwin" and platform.machine() == "arm64":
        return settings  # all Macs of this kind have the same instructions that matter, and Metal is always there
    settings |= {"GGML_BACKEND_DL": "ON", "GGML_CPU_ALL_VARIANTS": "ON"}
    if sys.platform == "linux":
        settings["CMAKE_INSTALL_RPATH"] = "$ORIGIN"
    if sys.platform != "darwin" and _has_vulkan():
        settings["GGML_VULKAN"] = "ON"
    return settings


def _has_vulkan() -> bool:
    sdk = os.environ.get("VULKAN_SDK", "")
    headers = [Path(place, "include/vulkan/vulkan_core.h") for place in ([sdk] if sdk else _VULKAN_HEADERS)]
    compiler = shutil.which("glslc") or (sdk and shutil.which("glslc", path=Path(sdk, "bin")))
    return bool(compiler) and any(_NEEDED_OF_VULKAN in path.read_text() for path in headers if path.exists())


def unpacked(url: str, checksum: str, folder: Path) -> Path:
    """A fresh copy of the source: building writes into it."""
    with urllib.request.urlopen(url, timeout=60) as answer:
        archive = answer.read()
    if hashlib.sha256(archive).hexdigest() != checksum:
        raise SystemExit(f"{url} is not what uv.lock says")
    name = re.sub(r"\.tar\.gz$", "", url.rsplit("/", 1)[1])
    shutil.rmtree(folder / name, ignore_errors=True)
    with tarfile.open(fileobj=io.BytesIO(archive)) as content:
        content.extractall(folder, filter="data")
    return folder / name


def _build(uv: str, python: Path, source: Path, settings: dict[str, str], folder: Path) -> None:
    options = {f"cmake.define.{name}": value for name, value in settings.items()}
    options["build-dir"] = str(folder / "cmake")
    options["wheel.exclude"] = ";".join(pattern.format(_LIBRARIES) for pattern in _EXCLUDED)
    arguments = [f"--config-setting={name}={value}" for name, value in options.items()]
    build = [uv, "build", "--wheel", "--python", str(python), "--out-dir", str(folder), *arguments, str(source)]
    environment = {**os.environ, "CMAKE_ARGS": "", "SOURCE_DATE_EPOCH": "315532800"}  # 1980: the first a wheel can hold
    if sys.platform != "win32":  # wherever this is built, the same comes out
        environment |= dict.fromkeys(("CFLAGS", "CXXFLAGS"), f"-ffile-prefix-map={source}=.")
    subprocess.run(build, check=True, env=environment)
