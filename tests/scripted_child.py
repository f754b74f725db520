"""A child that stands in for llama.cpp: `python scripted_child.py BEHAVIOUR [LOG]`. Speaks the real protocol.

It writes numbered words at a steady pace, so that what arrived can be compared with what was sent; with LOG it
appends each word with its time to that file before it sends it.
"""

from __future__ import annotations

import os
import queue
import signal
import sys
import threading
import time
from pathlib import Path

from app.engine import protocol

PACE = 0.01  # seconds from word to word
WORDS = 400


class ScriptedChild:
    def __init__(self, behaviour: str, log: Path | None) -> None:
        self.behaviour = behaviour
        self.log = log
        self.inbox: queue.SimpleQueue = queue.SimpleQueue()
        self.interrupted: set[str] = set()

    def send(self, event: protocol.Event) -> None:
        sys.stdout.buffer.write(protocol.encode(event))
        sys.stdout.buffer.flush()

    def listen(self) -> None:
        for line in sys.stdin.buffer:
            command = protocol.decode(line)
            if isinstance(command, protocol.Interrupt) and self.behaviour == "stubborn":
                continue
            if isinstance(command, protocol.Interrupt):
                self.interrupted.add(command.id)
            else:
                self.inbox.put(command)
        if self.behaviour != "stubborn":
            os._exit(0)

    def run(self) -> None:
        if self.behaviour == "exits_at_start":
            sys.exit("no such library: libllama.so")
        threading.Thread(target=self.listen, daemon=True).start()
        version = protocol.PROTOCOL_VERSION + (self.behaviour == "another_version")
        self.send(protocol.Hello(version, "scripted"))
        while True:
            match self.inbox.get():
                case protocol.LoadModel() as command:
                    self.load(command)
                case protocol.UnloadModel():
                    self.send(protocol.ModelUnloaded())
                case protocol.Generate() as command:
                    self.generate(command)
                case protocol.PreviewPrompt() as command:
                    self.preview(command)
                case protocol.CountTokens() as command:
                    self.send(protocol.TokensCounted(command.request_id, len(command.text.split())))

    def load(self, command: protocol.LoadModel) -> None:
        if self.behaviour == "aborts":
            os.abort()
        if self.behaviour == "out_of_memory":
            print("llama_model_load: failed to allocate buffer of size 8589934592", file=sys.stderr, flush=True)
            os.abort()
        if self.behaviour == "fails_on_gpu" and command.settings.gpu_layers != 0:
            self.send(protocol.LoadProgress(command.request_id, 0.0, command.settings.gpu_layers or 22))
            os.abort()
        if self.behaviour == "babbles":
            print("hello, this is not the protocol", flush=True)
            time.sleep(3600)
        if self.behaviour == "refuses":
            self.send(protocol.Failed(command.request_id, "NotAModel", "notes.txt"))
            return
        for step in range(20 if self.behaviour == "loads_slowly" else 2):
            if command.request_id in self.interrupted:
                self.send(protocol.LoadCancelled(command.request_id))
                return
            self.send(protocol.LoadProgress(command.request_id, step / 20))
            time.sleep(0.05 if self.behaviour == "loads_slowly" else 0)
        self.send(loaded_model(command))

    def generate(self, command: protocol.Generate) -> None:
        if self.behaviour == "too_long":
            self.send(protocol.Failed(command.reply_id, "MessageTooLong", "It is 3 012 tokens long."))
            return
        if self.behaviour == "full":
            self.send(protocol.Failed(command.reply_id, "ContextFull", "It holds 2 048 tokens."))
            return
        for done in range(0, 101, 20):
            self.send(protocol.PromptProgress(command.reply_id, done, 100, 0, ()))
        reason, count = "end", 0
        for count in range(WORDS):
            if command.reply_id in self.interrupted:
                reason = "stopped"
                break
            self.write(command.reply_id, f"{count} ")
            if self.behaviour == "stubborn" and count == 10:
                time.sleep(3600)
            if self.behaviour == "crashes_while_writing" and count == 50:
                os.kill(os.getpid(), signal.SIGSEGV)
        stats = protocol.ReplyStats(reason, 100, 0, count, 0.1, 1 / PACE, 100 + count, 2048, 7)
        self.send(protocol.ReplyFinished(command.reply_id, stats))

    def preview(self, command: protocol.PreviewPrompt) -> None:
        refusal = {"too_long": "MessageTooLong", "full": "ContextFull"}.get(self.behaviour, "")
        if refusal:
            self.send(protocol.PromptPreviewed(command.request_id, 2048, refusal=refusal, detail="It is too long."))
            return
        text = "\n".join(f"<{message.role}>{message.text}" for message in command.messages)
        self.send(
            protocol.PromptPreviewed(command.request_id, 2048, text, system=20, history=180, last=12, reserve=512)
        )

    def write(self, reply_id: str, text: str) -> None:
        if self.log is not None:
            with self.log.open("a") as file:
                file.write(f"{time.time()} {reply_id} {text}\n")
        self.send(protocol.TextReceived(reply_id, text))
        if self.behaviour != "floods":
            time.sleep(PACE)


def loaded_model(command: protocol.LoadModel) -> protocol.LoadedModel:
    return protocol.LoadedModel(
        request_id=command.request_id,
        path=command.path,
        name="Scripted",
        architecture="llama",
        quant="Q4_K_M",
        parameters=1_100_000_000,
        file_size=668_788_096,
        context_length=command.settings.context_length or 2048,
        trained_context_length=2048,
        threads=command.settings.threads or 2,
        gpu_layers=0,
        layers=22,
        backend="CPU",
        template_source="model",
    )


if __name__ == "__main__":
    ScriptedChild(sys.argv[1], Path(sys.argv[2]) if len(sys.argv) > 2 else None).run()
