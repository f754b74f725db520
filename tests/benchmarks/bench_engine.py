"""The engine against the bare low-level loop on the same file, in the same run.

Prints: tokens per second as the window receives them, as a ratio; Python's CPU time per token early and late in a
reply; the time from `Stop` to the end, while reading and while writing; events per second through the pipe.
"""

from __future__ import annotations

import itertools
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QCoreApplication, QEventLoop, QTimer

from app.core.settings import Settings
from app.engine.engine import Engine
from app.engine.protocol import ChatMessage, Sampling, TextReceived, encode
from tests.gguf_writer import BENCH, write_gguf

ROUNDS = 5
TOKENS = 256
LONG_REPLY = 2300  # tokens; a few are halves of characters
WINDOW = 50  # tokens around the one that is looked at
THREADS = max(1, (os.cpu_count() or 2) - 1)  # one core is for the process that receives
GREEDY = Sampling(temperature=0.0, repeat_penalty=1.0, reply_limit=TOKENS)
QUESTION = (ChatMessage("user", "Tell me about the rivers."),)
LONG_QUESTION = (ChatMessage("user", "the quiet river " * 250),)


def main() -> None:
    QCoreApplication([])
    with tempfile.TemporaryDirectory() as folder:
        path = write_gguf(Path(folder) / "bench.gguf", BENCH)
        _speed(path)
        _python_time(path)
        _stopping(path)
    _events()


def _speed(path: Path) -> None:
    engine, pairs = Engine(), []
    _load(engine, path)
    for _ in range(ROUNDS):
        pairs.append((_received_speed(engine), _bare_speed(path)))
    engine.close()
    ours, bare = (statistics.median(column) for column in zip(*pairs, strict=True))
    ratios = sorted(a / b for a, b in pairs)
    print(f"tokens/s received by the window   {ours:8.1f}")
    print(f"tokens/s of the bare loop         {bare:8.1f}")
    print(f"ratio (median, min, max)          {statistics.median(ratios):.3f}  {ratios[0]:.3f}  {ratios[-1]:.3f}")


def _load(engine: Engine, path: Path) -> None:
    _wait(engine.model_loaded, lambda: engine.load(str(path), Settings(context_length=4096, threads=THREADS)))


def _wait(signal, begin: Callable[[], None]) -> None:
    loop = QEventLoop()
    signal.connect(loop.quit)
    QTimer.singleShot(0, begin)
    patience = QTimer(singleShot=True, interval=120_000)
    patience.timeout.connect(loop.quit)
    patience.start()
    loop.exec()
    signal.disconnect(loop.quit)
    assert patience.isActive(), "nothing happened for two minutes"


def _received_speed(engine: Engine) -> float:
    """Tokens per second between the first piece and the end, by this process's clock."""
    first: list[float] = []

    def note(_id: str, _text: str) -> None:
        if not first:
            first.append(time.perf_counter())

    finished: list[float] = []
    engine.text_received.connect(note)
    engine.reply_finished.connect(lambda _id, stats: finished.extend((time.perf_counter(), stats.reply_tokens)))
    _wait(engine.reply_finished, lambda: engine.generate("bench", QUESTION, GREEDY))
    engine.text_received.disconnect(note)
    ended, tokens = finished[:2]
    return (tokens - 1) / (ended - first[0])


def _bare_speed(path: Path) -> float:
    """The same in a loop of three native calls a token, without text, pipe or window."""
    import llama_cpp.llama_cpp as lib

    _silence(lib)
    model = lib.llama_model_load_from_file(str(path).encode(), lib.llama_model_default_params())
    parameters = lib.llama_context_default_params()
    parameters.n_ctx, parameters.n_threads, parameters.n_threads_batch = 4096, THREADS, THREADS
    context = lib.llama_init_from_model(model, parameters)
    chain = lib.llama_sampler_init_greedy()
    prompt = (lib.llama_token * 24)(*range(300, 324))
    lib.llama_decode(context, lib.llama_batch_get_one(prompt, 24))
    token = (lib.llama_token * 1)(lib.llama_sampler_sample(chain, context, -1))
    began = time.perf_counter()
    for _ in range(TOKENS - 1):
        lib.llama_decode(context, lib.llama_batch_get_one(token, 1))
        token[0] = lib.llama_sampler_sample(chain, context, -1)
    seconds = time.perf_counter() - began
    lib.llama_sampler_free(chain)
    lib.llama_free(context)
    lib.llama_model_free(model)
    return (TOKENS - 1) / seconds


def _silence(lib) -> None:
    global _quiet
    _quiet = lib.llama_log_callback(lambda *_: None)
    lib.llama_log_set(_quiet, None)


def _python_time(path: Path) -> None:
    """CPU time of the child's own Python per token: the thread's time less that inside llama.cpp."""
    from app.engine import child, llama, protocol

    llama.start_backends()
    native_log = llama.NativeLog()
    native_log._callback = None
    _silence(llama.lib)
    flag = llama.Flag()
    inside = [0.0]
    for name in ("llama_decode", "llama_sampler_sample"):
        setattr(llama.lib, name, _timed(getattr(llama.lib, name), inside))
    outbox = child.Outbox(open("/dev/null", "wb"))  # noqa: SIM115, PTH123
    with llama.Model(llama.LoadOptions(path, 4096, 1, 0), flag, native_log, lambda _: None) as model:
        model.read(list(range(300, 324)), lambda *_: None)
        marks = []
        for text in model.write(Sampling(temperature=0.0, repeat_penalty=1.0), LONG_REPLY):
            outbox.send(protocol.TextReceived("r", text))
            marks.append(time.thread_time() - inside[0])
    early, late = (_per_token(marks, around) for around in (50, 2000))
    print(f"Python per token at the 50th      {early * 1e6:8.1f} µs")
    print(f"Python per token at the 2 000th   {late * 1e6:8.1f} µs   ratio {late / early:.2f}")


def _timed(function, inside: list[float]):
    def timed(*arguments):
        began = time.thread_time()
        try:
            return function(*arguments)
        finally:
            inside[0] += time.thread_time() - began

    return timed


def _per_token(marks: list[float], around: int) -> float:
    low, high = around - WINDOW // 2, around + WINDOW // 2
    return statistics.median(b - a for a, b in itertools.pairwise(marks[low:high]))


def _stopping(path: Path) -> None:
    engine = Engine()
    _load(engine, path)
    for name, signal, question in (
        ("reading", engine.prompt_progressed, LONG_QUESTION),
        ("writing", engine.text_received, QUESTION),
    ):
        times = []
        for turn in range(20):
            asked = (ChatMessage("user", f"{turn} {question[0].text}"),)
            _wait(signal, lambda asked=asked: engine.generate("bench", asked, Sampling(temperature=0.0)))
            _pause(13 * (turn % 5))
            began = time.perf_counter()
            _wait(engine.reply_finished, engine.stop)
            times.append((time.perf_counter() - began) * 1000)
        times.sort()
        print(f"Stop while {name}: median, max     {statistics.median(times):6.1f} ms {times[-1]:6.1f} ms")
    engine.close()


def _pause(milliseconds: int) -> None:
    loop = QEventLoop()
    QTimer.singleShot(milliseconds, loop.quit)
    loop.exec()


def _events() -> None:
    count = 100_000
    line = encode(TextReceived("r1", " word"))
    child = (
        "import sys\nout = sys.stdout.buffer\n"
        "from app.engine.protocol import *\n"
        "out.write(encode(Hello(PROTOCOL_VERSION, 'bench'))); out.flush(); sys.stdin.readline()\n"
        f"for _ in range({count}):\n    out.write(encode(TextReceived('r1', ' word'))); out.flush()\n"
        "out.write(encode(ReplyFinished('r1', ReplyStats('end')))); out.flush()\nsys.stdin.read()\n"
    )
    engine = Engine([sys.executable, "-c", child])
    began: list[float] = []
    engine.greeted.connect(lambda: began.append(time.perf_counter()))
    received = [0]

    def count_bytes(_id: str, text: str) -> None:
        received[0] += len(text)

    engine.text_received.connect(count_bytes)
    _wait(engine.reply_finished, lambda: engine.generate("r1", QUESTION, GREEDY))
    seconds = time.perf_counter() - began[0]
    engine.close()
    assert received[0] == count * 5
    print(f"events per second                 {count / seconds:8.0f}   ({len(line)} bytes each)")


if __name__ == "__main__":
    main()
