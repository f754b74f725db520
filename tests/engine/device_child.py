"""A child that stands in for llama.cpp on several devices: `python device_child.py LOG NAME=BEHAVIOUR...`.

The first device is the processor. It writes the same words on each device that works, and appends to LOG on which
device it was asked to load, with its process id.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from app.engine import protocol

WORDS = ("Open ", "the ", "`Library`.")


class DeviceChild:
    def __init__(self, log: Path, behaviours: dict[str, str]) -> None:
        self.log = log
        self.behaviours = behaviours
        self.processor, *self.gpus = behaviours
        self.behaviour = ""

    def send(self, event: protocol.Event) -> None:
        sys.stdout.buffer.write(protocol.encode(event))
        sys.stdout.buffer.flush()

    def run(self) -> None:
        self.send(
            protocol.Hello(protocol.PROTOCOL_VERSION, "scripted", tuple(map(self.device, self.behaviours)), "FMA")
        )
        for line in sys.stdin.buffer:
            match protocol.decode(line):
                case protocol.LoadModel() as command:
                    self.load(command)
                case protocol.Generate() as command:
                    self.generate(command)

    def device(self, name: str) -> protocol.Device:
        kind = "cpu" if name == self.processor else "accelerator" if name == "BLAS" else "gpu"
        return protocol.Device(name, f"A {name}", kind, 6 << 30, 8 << 30, name.rstrip("0123456789"))

    def load(self, command: protocol.LoadModel) -> None:
        on_gpu = command.settings.gpu_layers
        name = command.settings.devices if on_gpu else self.processor
        with self.log.open("a") as file:
            file.write(f"{name} {os.getpid()}\n")
        self.behaviour = self.behaviours[name]
        match self.behaviour:
            case "dies":
                print("ggml-cuda.cu:99: CUDA error", file=sys.stderr, flush=True)
                os.abort()
            case "hangs":
                return
            case "full":
                self.send(protocol.Failed(command.request_id, "NotEnoughMemory", "It needs 40 MiB."))
                return
            case "refuses":
                self.send(protocol.Failed(command.request_id, "ModelLoadFailed", "no such kernel"))
                return
        layers = 0 if self.behaviour == "takes nothing" else on_gpu or 0
        self.send(protocol.LoadProgress(command.request_id, 1.0))
        self.send(
            protocol.LoadedModel(
                command.request_id, command.path, "Guide", "llama", "Q8_0", 1, 1, 512, 512, 1, layers, 4, name, "model"
            )
        )

    def generate(self, command: protocol.Generate) -> None:
        words = ("Ope", "Ope") if self.behaviour == "babbles" else () if self.behaviour == "is mute" else WORDS
        for word in words:
            self.send(protocol.TextReceived(command.reply_id, word))
        self.send(protocol.ReplyFinished(command.reply_id, protocol.ReplyStats("length")))


if __name__ == "__main__":
    DeviceChild(Path(sys.argv[1]), dict(argument.split("=") for argument in sys.argv[2:])).run()
