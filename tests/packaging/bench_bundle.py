"""Start to a visible window and sizes: of the bundle in build/bundle, against Paddock from source. Linux, with Xvfb.

python -m tests.packaging.bench_bundle          needs what `make package` and `make test` made

Both are started in turn under one X server, and the time is taken until xdotool sees the window, which it looks for
every 30 ms or so. Cold, with an empty file cache, is measured where this may empty it.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

from tests.benchmarks.bench_start import CACHE_SWITCH

BUNDLE = Path(__file__).parents[2] / "build/bundle/paddock"
SCREEN = ":95"
ROUNDS = 10
PARTS = {  # by what the path in _internal begins with
    "llama_cpp/lib/libggml-vulkan": "Vulkan backend",
    "llama_cpp/lib/libggml-cpu": "CPU backends",
    "llama_cpp": "llama.cpp",
    "PySide6/Qt/lib/libicu": "Qt: Unicode data (ICU)",
    "PySide6": "Qt and PySide6",
    "numpy": "NumPy, which llama-cpp-python needs",
    "cryptography": "cryptography, which the system keyring needs",
    "resources/guide.gguf": "the guide, a model",
    "licences": "licences and bill of materials",
    "lib": "libraries of the system",
    "python3": "Python's modules",
    "base_library.zip": "Python's modules",
}


def main() -> None:
    show_sizes()
    server = subprocess.Popen(["Xvfb", SCREEN, "-nolisten", "tcp"], stderr=subprocess.DEVNULL)
    try:
        compare_starts("warm", lambda: None, ROUNDS)
        if os.access(CACHE_SWITCH, os.W_OK):
            compare_starts("cold", empty_file_cache, ROUNDS // 2)
    finally:
        server.terminate()


def show_sizes() -> None:
    sizes: defaultdict[str, int] = defaultdict(int)
    for path in BUNDLE.rglob("*"):
        if path.is_file() and not path.is_symlink():
            sizes[part_of(path)] += path.stat().st_size
    for part, size in sorted(sizes.items(), key=lambda item: -item[1]):
        print(f"{part:50} {size / 1e6:6.1f} MB")
    print(f"{'all':50} {sum(sizes.values()) / 1e6:6.1f} MB")


def part_of(path: Path) -> str:
    if path.parent == BUNDLE:
        return "the program, with all Python code"
    place = path.relative_to(BUNDLE / "_internal").as_posix()
    return next((part for start, part in PARTS.items() if place.startswith(start)), "the rest")


def compare_starts(kind: str, prepare: Callable[[], None], rounds: int) -> None:
    pairs = []
    for _ in range(rounds + 1):
        pair = []
        for command in ([str(BUNDLE / "paddock")], [sys.executable, "-P", "-m", "app"]):
            prepare()
            pair.append(seconds_to_window(command))
        pairs.append(pair)
    bundle, source = (statistics.median(column) for column in zip(*pairs[1:], strict=True))
    ratio = statistics.median(one / other for one, other in pairs[1:])
    print(f"{kind} start: bundle {bundle * 1000:.0f} ms, source {source * 1000:.0f} ms, ratio {ratio:.2f}")


def seconds_to_window(command: list[str]) -> float:
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "DISPLAY": SCREEN, "QT_QPA_PLATFORM": "xcb", "PYTHONPATH": str(BUNDLE.parents[2])}
        began = time.perf_counter()
        paddock = subprocess.Popen([*command, "--data-dir", folder], env=environment, stderr=subprocess.DEVNULL)
        look = ["xdotool", "search", "--sync", "--onlyvisible", "--name", "Paddock"]
        subprocess.run(look, env=environment, check=True, stdout=subprocess.DEVNULL, timeout=60)
        seconds = time.perf_counter() - began
        paddock.terminate()
        paddock.wait()
    return seconds


def empty_file_cache() -> None:
    os.sync()
    CACHE_SWITCH.write_text("3")


if __name__ == "__main__":
    main()
