"""Fetches the parts of the CUDA toolkit that building the CUDA pack takes: `fetch_cuda.py 12.8.1 FOLDER`.

NVIDIA offers each part as an archive of its own, on Linux and Windows alike, with a list of them and their checksums.
That is a tenth of the whole toolkit, and nothing is installed.
"""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import sys
import tarfile
import urllib.request
import zipfile
from pathlib import Path

_PLACE = "https://developer.download.nvidia.com/compute/cuda/redist"
_PARTS = ("cuda_cccl", "cuda_cudart", "cuda_nvcc", "cuda_nvrtc", "cuda_profiler_api", "libcublas")


def main(version: str, folder: Path, place: str = _PLACE) -> None:
    parts = json.loads(_fetched(f"{place}/redistrib_{version}.json"))
    system = "windows-x86_64" if sys.platform == "win32" else "linux-x86_64"
    for name in _PARTS:
        archive = parts[name][system]
        content = _fetched(f"{place}/{archive['relative_path']}")
        if hashlib.sha256(content).hexdigest() != archive["sha256"]:
            raise SystemExit(f"{archive['relative_path']} is not what the list says")
        _unpack(content, archive["relative_path"], folder)
    if sys.platform != "win32" and not (folder / "lib64").exists():
        (folder / "lib64").symlink_to("lib")  # where nvcc looks


def _fetched(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=60) as answer:
        return bytes(answer.read())


def _unpack(content: bytes, name: str, folder: Path) -> None:
    """All parts lie in one folder in the end, without the one at the top of each archive."""
    scratch = folder / "scratch"
    if name.endswith(".zip"):
        zipfile.ZipFile(io.BytesIO(content)).extractall(scratch)
    else:
        with tarfile.open(fileobj=io.BytesIO(content)) as archive:
            archive.extractall(scratch, filter="data")
    [top] = scratch.iterdir()
    shutil.copytree(top, folder, symlinks=True, dirs_exist_ok=True)
    shutil.rmtree(scratch)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
