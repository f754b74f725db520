"""The memory bill against what the engine child really takes: `python -m tests.benchmarks.bench_memory [--quick]`.

A model of TinyLlama's shape in twelve quants, mixtures among them, and a small one of each other layout of attention:
multi-head, sliding window, mixture of experts, recurrent, hybrid. Each with contexts from 512 to 32 768 tokens, a KV
cache of F16 and Q8_0, its file mapped and read. Weights are zeros, from a sparse file: the same memory, no disk.

The child is the app's own. It is asked for the bill; another one loads the model, reads a prompt that fills its
buffers, and is looked at from outside meanwhile (Linux only). A bill is right within 3 % or 32 MiB, whichever is more,
both of the memory that must fit (anonymous) and in all, mapped pages included. Asked of the header alone, it must be
the same to the byte.

Beside it stands what others would have said: the rule of model cards (the file and 2.5 GB), and the formula that knows
the header only (`core.memory.estimate`). Takes some ten minutes on two quiet cores; exits with 1 if a bill is wrong.
"""

from __future__ import annotations

import contextlib
import itertools
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.core import gguf, memory
from app.core.settings import Settings
from app.engine import protocol
from app.engine.child_command import child_command
from tests.gguf_writer import Shape, write_gguf
from tests.model_layouts import LAYOUTS

TINYLLAMA = Shape(layers=22, width=2048, heads=32, kv_heads=4, ff=5632, context=2048, vocabulary=32000)
# By name: the type of most tensors, and those of others by how their names end, in the way of llama-quantize.
QUANTS: dict[str, tuple[str, dict[str, str]]] = {
    "F16": ("F16", {}),
    "Q8_0": ("Q8_0", {}),
    "Q6_K": ("Q6_K", {}),
    "Q5_K_M": ("Q5_K", {"attn_v.weight": "Q6_K", "ffn_down.weight": "Q6_K", "output.weight": "Q6_K"}),
    "Q5_0": ("Q5_0", {"output.weight": "Q6_K"}),
    "Q4_K_M": ("Q4_K", {"attn_v.weight": "Q6_K", "ffn_down.weight": "Q6_K", "output.weight": "Q6_K"}),
    "Q4_K_S": ("Q4_K", {"output.weight": "Q6_K"}),
    "Q4_0": ("Q4_0", {"output.weight": "Q6_K"}),
    "Q3_K_M": ("Q3_K", {"attn_v.weight": "Q5_K", "ffn_down.weight": "Q4_K", "output.weight": "Q6_K"}),
    "Q2_K": ("Q2_K", {"attn_v.weight": "Q3_K", "ffn_down.weight": "Q3_K", "output.weight": "Q6_K"}),
    "IQ4_NL": ("IQ4_NL", {"output.weight": "Q6_K"}),
    "IQ4_XS": ("IQ4_XS", {"output.weight": "Q6_K"}),
}
CONTEXTS = (512, 2048, 8192, 32768)
CACHES = ("f16", "q8_0")
LOAD_MODES = ("mapped", "read")

MIB = 2**20
CARD_RULE = 2.5 * 2**30  # bytes over the file's size
TOLERANCE = 32 * MIB
TOLERANCE_SHARE = 0.03
PROMPT = "the quiet river " * 20  # more tokens than are computed at once
LOOK_EVERY = 0.01  # seconds


@dataclass(frozen=True, slots=True)
class Row:
    """Bytes. Anonymous memory must fit; all is with the pages of the file."""

    bill_anonymous: int
    bill_all: int
    header_all: int
    peak_anonymous: int
    peak_all: int
    formula: int
    card: float

    @property
    def is_within(self) -> bool:
        pairs = ((self.bill_anonymous, self.peak_anonymous), (self.bill_all, self.peak_all))
        return all(abs(bill - peak) <= max(TOLERANCE, TOLERANCE_SHARE * peak) for bill, peak in pairs)


class Child:
    """The app's engine child, and the most memory it ever had."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            child_command(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        self._hear(protocol.Hello)
        self._start = self._peak = self._used()
        self._ended = threading.Event()
        self._watcher = threading.Thread(target=self._watch)
        self._watcher.start()

    @property
    def peak(self) -> tuple[int, int]:
        """Bytes beyond those at the start: anonymous, and in all."""
        return self._peak[0] - self._start[0], self._peak[1] - self._start[1]

    def ask(self, command: protocol.Command, answer: type[Any]) -> Any:
        self._process.stdin.write(protocol.encode(command))
        self._process.stdin.flush()
        return self._hear(answer)

    def _hear(self, answer: type[Any]) -> Any:
        for line in self._process.stdout:
            event = protocol.decode(line)
            if isinstance(event, protocol.Failed):
                raise RuntimeError(f"{event.error}: {event.detail}")
            if isinstance(event, answer):
                return event
        raise RuntimeError("The child died.")

    def close(self) -> None:
        self._ended.set()
        self._watcher.join()
        self._process.kill()
        self._process.communicate()

    def _watch(self) -> None:
        while not self._ended.wait(LOOK_EVERY):
            self._look()

    def _look(self) -> None:
        now = self._used()
        self._peak = max(self._peak[0], now[0]), max(self._peak[1], now[1])

    def _used(self) -> tuple[int, int]:
        status = Path(f"/proc/{self._process.pid}/status").read_text("ascii")
        values = dict(line.split(":", 1) for line in status.splitlines())
        anonymous, everything = (int(values[name].split()[0]) * 1024 for name in ("RssAnon", "VmRSS"))
        return anonymous, everything


def main() -> int:
    rows = list(_table(is_quick="--quick" in sys.argv))
    outside = [row for row in rows if not row.is_within]
    others = [row for row in rows if row.bill_all != row.header_all]
    print(f"{len(rows) - len(outside)} of {len(rows)} bills are within 3 % or 32 MiB, in both columns.")
    print(f"{len(rows) - len(others)} of {len(rows)} are the same to the byte from the header alone.")
    print("Off from the peak in all   at most  in the middle")
    for name, told in (("bill", "bill_all"), ("formula", "formula"), ("card", "card")):
        off = sorted(abs(getattr(row, told) / row.peak_all - 1) for row in rows)
        print(f"  {name:22s} {off[-1]:9.1%} {statistics.median(off):14.1%}")
    return 1 if outside or others else 0


def _table(is_quick: bool) -> Iterator[Row]:
    print("MiB                          anonymous        in all      others say")
    print("model           context KV   mode    bill  peak   bill  peak   formula  card")
    contexts, caches = (CONTEXTS[1::2], CACHES[:1]) if is_quick else (CONTEXTS, CACHES)
    quants = ("Q8_0", "Q4_K_M") if is_quick else tuple(QUANTS)
    with tempfile.TemporaryDirectory() as folder, contextlib.closing(Child()) as estimator:
        for name in quants:
            quant, mixed = QUANTS[name]
            path = write_gguf(Path(folder) / f"{name}.gguf", TINYLLAMA, quant=quant, mixed=mixed, sparse=True)
            yield from _rows(estimator, path, contexts, caches)
            path.unlink()
        for name, write in LAYOUTS.items():
            path = write(Path(folder) / f"{name}.gguf")
            yield from _rows(estimator, path, contexts[1:2] if is_quick else contexts, ("f16",))
            path.unlink()


def _rows(estimator: Child, path: Path, contexts: tuple[int, ...], caches: tuple[str, ...]) -> Iterator[Row]:
    for context, cache, mode in itertools.product(contexts, caches, LOAD_MODES):
        settings = Settings(
            context_length=context, cache_type_k=cache, cache_type_v=cache, load_mode=mode, gpu_layers=0
        )
        row = _row(estimator, path, settings)
        numbers = (row.bill_anonymous, row.peak_anonymous, row.bill_all, row.peak_all, row.formula, row.card)
        print(f"{path.stem:15s} {context:7d} {cache:4s} {mode:6s}", end="")
        print("".join(f"{number / MIB:6.0f}" for number in numbers), "" if row.is_within else " !", flush=True)
        yield row


def _row(estimator: Child, path: Path, settings: Settings) -> Row:
    bill, from_header = _bill(estimator, path, settings), _bill_of_header(estimator, path, settings)
    anonymous, everything = _peak(path, settings)
    return Row(
        bill_anonymous=bill.required,
        bill_all=bill.required + bill.mapped,
        header_all=from_header.required + from_header.mapped,
        peak_anonymous=anonymous,
        peak_all=everything,
        formula=memory.estimate(gguf.read_header(path), settings.context_length).required,
        card=path.stat().st_size + CARD_RULE,
    )


def _bill(estimator: Child, path: Path, settings: Settings) -> memory.MemoryBill:
    answer = estimator.ask(protocol.EstimateMemory("id", str(path), settings), protocol.MemoryEstimated)
    return memory.MemoryBill(answer.devices)


def _bill_of_header(estimator: Child, path: Path, settings: Settings) -> memory.MemoryBill:
    """From a file that has nothing but the header, and a hole instead of the rest."""
    copy = path.with_suffix(".header")
    with path.open("rb") as file, copy.open("wb") as header:
        header.write(file.read(gguf.read_header(path).data_offset))
        header.truncate(path.stat().st_size)
    bill = _bill(estimator, copy, settings)
    copy.unlink()
    return bill


def _peak(path: Path, settings: Settings) -> tuple[int, int]:
    with contextlib.closing(Child()) as child:
        child.ask(protocol.LoadModel("id", str(path), settings, force=True), protocol.LoadedModel)
        prompt = (protocol.ChatMessage("user", PROMPT),)
        child.ask(protocol.Generate("id", prompt, protocol.Sampling(reply_limit=2)), protocol.ReplyFinished)
        time.sleep(5 * LOOK_EVERY)
        return child.peak


if __name__ == "__main__":
    sys.exit(main())
