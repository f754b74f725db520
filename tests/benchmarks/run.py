"""Runs every benchmark, or those named: `make bench ARGS="start first-answer engine downloads memory view search"`."""

from __future__ import annotations

import sys

from tests.benchmarks import (
    bench_downloads,
    bench_engine,
    bench_first_answer,
    bench_memory,
    bench_search,
    bench_start,
    bench_view,
)

BENCHMARKS = {
    "start": bench_start.main,
    "first-answer": bench_first_answer.main,
    "engine": bench_engine.main,
    "downloads": bench_downloads.main,
    "memory": bench_memory.main,
    "view": bench_view.main,
    "search": bench_search.main,
}


def main() -> None:
    for name in sys.argv[1:] or BENCHMARKS:
        print(f"== {name}")
        BENCHMARKS[name]()


if __name__ == "__main__":
    main()
