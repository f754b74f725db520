"""Layers on a GPU, with the real llama.cpp: `python -m tests.gpu.check_layers`.

Works without a graphics card too: llama.cpp's Vulkan backend on Mesa's software driver, as `.ci/gpu` sets it up. A
small model is loaded with no layer, some and all on each GPU. It must write the same there as on the processor, and
take of each memory what the bill had said.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from app.core import gguf, memory
from app.core.load_options import LoadOptions
from app.core.memory import RAM, MemoryBill
from app.engine import breakdown, llama
from app.engine.protocol import Sampling
from app.engine.simulation import Simulator
from tests.gguf_writer import write_gguf

PROMPT = "Small rivers carry warm light past sleeping towns."
TOKENS = 12
ALIGNMENT = 4096  # bytes by which real allocations may be rounded
MIB = 2**20
GREEDY = Sampling(temperature=0.0, repeat_penalty=1.0, reply_limit=TOKENS)


def main() -> int:
    llama.start_backends()
    native_log = llama.NativeLog()
    devices = llama.devices()
    for device in devices:
        print(f"{device.name}: {device.description}, {device.kind}, {device.memory_total // MIB} MiB")
    gpus = [device for device in devices if device.kind != "cpu"]
    if not gpus:
        print("llama.cpp sees no GPU here.")
        return 1
    with tempfile.TemporaryDirectory() as folder:
        path = write_gguf(Path(folder) / "small.gguf")
        problems = list(_problems(path, native_log))
    print("\n".join(problems) or "The same text and what the bill says, wherever the layers are.")
    return 1 if problems else 0


def _problems(path: Path, native_log: llama.NativeLog) -> Iterator[str]:
    print("layers  on the GPU  seconds  bill in MiB                          text")
    simulator = Simulator(native_log)
    expected = ""
    for layers in (0, 2, 99):
        options = LoadOptions(path, 512, 2, layers, mapped=False)
        bill = simulator.bill(options)
        simulator.forget()
        began = time.monotonic()
        with llama.Model(options, llama.Flag(), native_log, lambda _fraction: None) as model:
            parts = [llama._allocation(part) for part in breakdown.parts(llama.lib._lib, model._context)]
            model.read(model.vocabulary.tokenize(PROMPT), lambda _done, _cached: None)
            text = "".join(model.write(GREEDY, TOKENS))
            offloaded = model.offloaded
        seconds = time.monotonic() - began
        words = ", ".join(f"{part.device} {part.required / MIB:.1f}" for part in bill.devices)
        print(f"{layers:6d}  {offloaded:10d}  {seconds:7.1f}  {words:36s} {text!r}", flush=True)
        expected = expected or text
        if text != expected:
            yield f"With {layers} layers it writes something else."
        if (offloaded > 0) != (layers > 0):
            yield f"With {layers} layers asked for, {offloaded} are on the GPU."
        yield from _differences(bill, parts, memory.vocabulary(gguf.read_header(path)))


def _differences(bill: MemoryBill, parts: list[llama.Allocation], words: int) -> Iterator[str]:
    for name in {RAM, *(part.device for part in parts)}:
        real = sum(part.weights + part.kv_cache + part.buffers for part in parts if part.device == name)
        real += words if name == RAM else 0
        if abs(bill.on(name).required - real) > ALIGNMENT:
            yield f"On {name} it takes {real} bytes, not the {bill.on(name).required} of the bill."


if __name__ == "__main__":
    sys.exit(main())
