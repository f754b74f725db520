"""Makes the CUDA pack: llama.cpp's backend for NVIDIA cards, with the libraries of NVIDIA that it needs.

    build/env/bin/python packaging/make_cuda_pack.py --out dist

It is no part of the packages, because it is several times as large as all the rest, and because Vulkan, which is in
them, drives the same cards. Who wants the last word per second unpacks it into the folder `backends` of Paddock's data
folder. It works with the version of llama-cpp-python it was made from and no other; `app/engine/packs.py` says how.

Needs the CUDA toolkit (CUDA_PATH; see fetch_cuda.py), CMake, Ninja and a C++ compiler. No GPU.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import build_llama_wheel

# The same as for the wheel where they touch what is shared: the names of libraries above all.
_SETTINGS = {
    "CMAKE_BUILD_TYPE": "Release",
    "CMAKE_PLATFORM_NO_VERSIONED_SONAME": "ON",
    "CMAKE_BUILD_WITH_INSTALL_RPATH": "ON",
    "CMAKE_INSTALL_RPATH": "$ORIGIN",
    "GGML_BACKEND_DL": "ON",
    "GGML_NATIVE": "OFF",
    "GGML_CPU": "OFF",
    "GGML_CUDA": "ON",
    "GGML_CUDA_NCCL": "OFF",
    "LLAMA_BUILD_COMMON": "OFF",
    "LLAMA_BUILD_TESTS": "OFF",
    "LLAMA_BUILD_TOOLS": "OFF",
    "LLAMA_BUILD_EXAMPLES": "OFF",
    "LLAMA_BUILD_SERVER": "OFF",
}
_OF_NVIDIA = ("cudart", "cublas", "cublasLt")
_TERMS = "LICENSE*"
_OLDEST = (1980, 1, 1, 0, 0, 0)  # all that a zip file can say: the same pack is the same file


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--out", type=Path, default=Path("dist"))
    parser.add_argument("--build", type=Path, default=Path("build/cuda"))
    options = parser.parse_args(arguments)
    source = build_llama_wheel.unpacked(*build_llama_wheel.locked_source(), options.build)
    version = source.name.removeprefix("llama_cpp_python-")
    of_nvidia = list(_libraries_of_nvidia(Path(os.environ["CUDA_PATH"])))
    files = [_backend(source / "vendor/llama.cpp", options.build / "cmake"), *of_nvidia]
    options.out.mkdir(parents=True, exist_ok=True)
    system = {"win32": "windows"}.get(sys.platform, sys.platform)
    _pack(files, version, options.out / f"Paddock-CUDA-{version}-{system}-x86_64.zip")
    return 0


def _backend(source: Path, build: Path) -> Path:
    defined = [f"-D{name}={value}" for name, value in _SETTINGS.items()]
    subprocess.run(["cmake", "-G", "Ninja", "-S", source, "-B", build, *defined], check=True)
    subprocess.run(["cmake", "--build", build, "--target", "ggml-cuda"], check=True)
    name = "ggml-cuda.dll" if sys.platform == "win32" else "libggml-cuda.so"
    return next(path for path in build.rglob(name) if path.is_file())


def _libraries_of_nvidia(toolkit: Path) -> Iterator[Path]:
    """What the backend needs and the driver does not bring, under the names it asks for; and NVIDIA's terms."""
    for name in _OF_NVIDIA:
        pattern = f"{name}64_*.dll" if sys.platform == "win32" else f"lib{name}.so.[0-9][0-9]"
        found = sorted(path for path in toolkit.rglob(pattern) if "stubs" not in path.parts)
        if not found:
            raise SystemExit(f"{toolkit} has no {pattern}")
        yield found[-1]
    terms = next(iter(toolkit.rglob(_TERMS)), None)
    if terms is None:
        raise SystemExit(f"{toolkit} has no {_TERMS}, without which its libraries may not be given away")
    yield terms


def _pack(files: list[Path], version: str, archive: Path) -> None:
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as content:
        for path in sorted(files, key=lambda path: path.name):
            entry = zipfile.ZipInfo(f"{version}/{path.name}", _OLDEST)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            with content.open(entry, "w", force_zip64=True) as packed, path.open("rb") as file:
                shutil.copyfileobj(file, packed, 1 << 20)


if __name__ == "__main__":
    sys.exit(main())
