"""The memory bill against what the engine child really takes: `python -m tests.benchmarks.bench_memory [--quick]`.

A model of TinyLlama's shape in each quant, and a small one of each other layout of attention. Weights are zeros, from
a sparse file: the same memory, no disk. The child is the app's own; it is asked for the bill, loads the model, reads a
prompt that fills its buffers, and is looked at from outside meanwhile (Linux only).

Beside the bill stand what others would have said: the rule of model cards (the file and 2.5 GB), and the formula that
knows the header only. The bill is also asked of the header alone, which must give the same to the byte.
"""

from __future__ import annotations

import contextlib
import itertools
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
from app.engine.supervisor import child_command
from tests.gguf_writer import Shape, write_gguf
from tests.model_layouts import LAYOUTS

TINYLLAMA = Shape(layers=22, width=2048, heads=32, kv_heads=4, ff=5632, context=2048, vocabulary=32000)
# Made of one type each. Mixtures such as Q4_K_M are sums of these; what is not here llama.cpp cannot compute either.
QUANTS = ("F16", "Q8_0", "Q6_K", "Q5_K", "Q5_0", "Q4_K", "Q4_0", "Q3_K", "Q2_K", "IQ4_NL", "IQ4_XS")
CONTEXTS = (512, 2048, 8192, 32768)
CACHES = ("f16", "q8_0")
LOAD_MODES = ("mapped", "read")

MIB = 2**20
CARD_RULE = 2.5 * 2**30  # bytes over the file's size
TOLERANCE = 32 * MIB
TOLERANCE_SHARE = 0.03
PROMPT = "the quiet river " * 50
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
    print(f"{len(rows) - len(outside)} of {len(rows)} bills are within 3 % or 32 MiB.")
    print(f"{sum(row.bill_all == row.header_all for row in rows)} are the same from the header alone.")
    for name, told in (("card", "card"), ("formula", "formula"), ("bill", "bill_all")):
        print(f"The {name} is off by up to {max(abs(getattr(row, told) / row.peak_all - 1) for row in rows):.0%}.")
    return 1 if outside or any(row.bill_all != row.header_all for row in rows) else 0


def _table(is_quick: bool) -> Iterator[Row]:
    print("MiB                          anonymous        in all      others say")
    print("model           context KV   mode    bill  peak   bill  peak   formula  card")
    contexts, caches = (CONTEXTS[1::2], CACHES[:1]) if is_quick else (CONTEXTS, CACHES)
    quants = ("Q8_0", "Q4_K") if is_quick else QUANTS
    with tempfile.TemporaryDirectory() as folder:
        for quant in quants:
            path = write_gguf(Path(folder) / f"{quant}.gguf", TINYLLAMA, quant=quant, sparse=True)
            yield from _rows(path, contexts, caches)
            path.unlink()
        for name, write in LAYOUTS.items():
            path = write(Path(folder) / f"{name}.gguf")
            yield from _rows(path, contexts[1:2] if is_quick else contexts, ("f16",))
            path.unlink()


def _rows(path: Path, contexts: tuple[int, ...], caches: tuple[str, ...]) -> Iterator[Row]:
    for context, cache, mode in itertools.product(contexts, caches, LOAD_MODES):
        settings = Settings(
            context_length=context, cache_type_k=cache, cache_type_v=cache, load_mode=mode, gpu_layers=0
        )
        row = _row(path, settings)
        numbers = (row.bill_anonymous, row.peak_anonymous, row.bill_all, row.peak_all, row.formula, row.card)
        print(f"{path.stem:15s} {context:7d} {cache:4s} {mode:6s}", end="")
        print("".join(f"{number / MIB:6.0f}" for number in numbers), "" if row.is_within else " !", flush=True)
        yield row


def _row(path: Path, settings: Settings) -> Row:
    bill, from_header = _bill(path, settings), _bill_of_header(path, settings)
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


def _bill(path: Path, settings: Settings) -> memory.MemoryBill:
    with contextlib.closing(Child()) as child:
        answer = child.ask(protocol.EstimateMemory("id", str(path), settings), protocol.MemoryEstimated)
    return memory.MemoryBill(answer.devices)


def _bill_of_header(path: Path, settings: Settings) -> memory.MemoryBill:
    """From a file that has nothing but the header, and a hole instead of the rest."""
    copy = path.with_suffix(".header")
    with path.open("rb") as file, copy.open("wb") as header:
        header.write(file.read(gguf.read_header(path).data_offset))
        header.truncate(path.stat().st_size)
    bill = _bill(copy, settings)
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
