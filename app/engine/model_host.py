"""What the engine child does with a command: holds one model, loads another, answers a conversation.

Lives in the child's main thread. Everything it says, it says through `send`.
"""

from __future__ import annotations

import dataclasses
import random
import time
from collections.abc import Callable
from pathlib import Path

from app.core import errors, gguf, hardware, planner
from app.core.memory import RAM
from app.core.settings import Settings
from app.core.units import format_bytes
from app.engine import llama, prompt, protocol
from app.engine.llama import Flag
from app.engine.simulation import Simulator

__all__ = ["Flag", "ModelHost"]

_PROGRESS_INTERVAL = 0.05  # seconds between two progress events
_WRITE_INTERVAL = 0.25


class ModelHost:
    """At most one model, and what is known of the conversation it has read."""

    def __init__(self, flag: Flag, send: Callable[[protocol.Event], None]) -> None:
        llama.start_backends()
        self._flag = flag
        self._send = send
        self._native_log = llama.NativeLog()
        self._simulator = Simulator(self._native_log)
        self._devices = llama.devices()
        self._used_at_start = self._used()
        self._model: llama.Model | None = None
        self._prompter: prompt.Prompter | None = None

    def hello(self) -> protocol.Hello:
        return protocol.Hello(protocol.PROTOCOL_VERSION, llama.version(), self._devices)

    def obey(self, command: protocol.Command) -> None:
        """Raises an `AppError` if the command failed."""
        match command:
            case protocol.LoadModel():
                self._load(command)
            case protocol.EstimateMemory():
                self._estimate(command)
            case protocol.UnloadModel():
                self._unload()
            case protocol.Generate():
                self._generate(command)
            case protocol.PreviewPrompt():
                self._send(self._preview(command))

    def _load(self, command: protocol.LoadModel) -> None:
        path = Path(command.path)
        header = gguf.check_file(path)  # before the present model goes: a wrong file costs nothing
        self._unload()
        template = prompt.choose_template(header.chat_template, header.name, path.name)
        free = self._free()
        plan = self._plan(path, header, command.settings, free)
        if plan.missing and not command.force:
            raise errors.NotEnoughMemory(_why_it_does_not_fit(plan, free))
        self._simulator.forget()
        try:
            model = llama.Model(plan.options, self._flag, self._native_log, self._load_reporter(command.request_id))
        except llama.Interrupted:
            self._send(protocol.LoadCancelled(command.request_id))
            return
        self._model = model
        self._prompter = prompt.Prompter(template, model.vocabulary, model.context_length)
        self._send(self._loaded(command, header, plan, template.source))

    def _unload(self) -> None:
        if self._model is None:
            return
        self._model.close()
        self._model = self._prompter = None
        self._send(protocol.ModelUnloaded())

    def _estimate(self, command: protocol.EstimateMemory) -> None:
        path = Path(command.path)
        free = self._free(command.ram_given_back)
        header = gguf.check_file(path)
        plan = self._plan(path, header, command.settings, free)
        options = plan.options
        self._send(
            protocol.MemoryEstimated(
                request_id=command.request_id,
                devices=plan.bill.devices,
                free=((RAM, free.ram), *free.gpus),
                context_length=options.context_length,
                gpu_layers=options.gpu_layers,
                layers=header.layers,
                threads=options.threads,
                cache_type_k=options.cache_type_k,
                cache_type_v=options.cache_type_v,
                mapped=options.mapped,
                fit=plan.fit.value,
                missing=plan.missing,
                suggestion=plan.suggestion,
                reasons=plan.reasons,
            )
        )

    def _plan(self, path: Path, header: gguf.GgufHeader, wishes: Settings, free: planner.Free) -> planner.LoadPlan:
        facts = planner.ModelFacts(path, header.layers, header.context_length)
        return planner.plan(self._simulator.bill, facts, wishes, hardware.physical_cores(), free)

    def _free(self, ram_given_back: int = 0) -> planner.Free:
        gpus = tuple((device.name, device.memory_free) for device in _gpus(llama.devices()))
        return planner.Free(hardware.memory_available() + ram_given_back, gpus)

    def _used(self) -> int:
        """Bytes of memory that this process has; of GPUs, that anyone has."""
        return hardware.memory_used() + sum(
            device.memory_total - device.memory_free for device in _gpus(llama.devices())
        )

    def _load_reporter(self, request_id: str) -> Callable[[float], None]:
        due = 0.0

        def report(fraction: float) -> None:
            nonlocal due
            now = time.monotonic()
            if now >= due or fraction >= 1:
                due = now + _PROGRESS_INTERVAL
                self._send(protocol.LoadProgress(request_id, fraction))

        return report

    def _loaded(
        self, command: protocol.LoadModel, header: gguf.GgufHeader, plan: planner.LoadPlan, template_source: str
    ) -> protocol.LoadedModel:
        model, options = self._model, plan.options
        assert model is not None
        return protocol.LoadedModel(
            request_id=command.request_id,
            path=command.path,
            name=header.name or options.path.stem,
            architecture=header.architecture,
            quant=header.quant,
            parameters=model.parameters,
            file_size=options.path.stat().st_size,
            context_length=model.context_length,
            trained_context_length=header.context_length,
            threads=options.threads,
            gpu_layers=model.offloaded,
            layers=model.layers,
            backend=self._backend(model.offloaded),
            template_source=template_source,
            cache_type_k=options.cache_type_k,
            cache_type_v=options.cache_type_v,
            mapped=options.mapped,
            bill=plan.bill.devices,
            reasons=plan.reasons,
        )

    def _backend(self, offloaded_layers: int) -> str:
        if not offloaded_layers:
            return "CPU"
        return ", ".join(f"{device.name}: {device.description}" for device in _gpus(self._devices)) or "CPU"

    def _generate(self, command: protocol.Generate) -> None:
        if self._model is None or self._prompter is None:
            raise errors.NoModelLoaded
        asked_at = time.monotonic()
        sampling = command.sampling
        if sampling.seed is None:
            sampling = dataclasses.replace(sampling, seed=random.getrandbits(31))
        asked = self._prompter.build(command.messages, sampling.reply_limit, command.policy)
        stats = protocol.ReplyStats(
            reason="stopped",
            prompt_tokens=len(asked.tokens),
            context_length=self._model.context_length,
            seed=sampling.seed,
        )
        try:
            cached = self._model.read(asked.tokens, self._read_reporter(command.reply_id, asked))
        except llama.Interrupted:
            stats = dataclasses.replace(stats, context_used=self._model.context_used)
        else:
            continues = command.messages[-1].role == "assistant"
            reply = self._write(command.reply_id, asked, sampling, continues=continues)
            stats = dataclasses.replace(
                stats,
                reason=reply.reason,
                cached_tokens=cached,
                reply_tokens=len(reply.tokens),
                first_token_seconds=reply.began - asked_at if reply.tokens else 0.0,
                tokens_per_second=reply.tokens_per_second,
                context_used=self._model.context_used,
            )
        measured = max(0, self._used() - self._used_at_start)
        self._send(protocol.ReplyFinished(command.reply_id, dataclasses.replace(stats, memory_measured=measured)))

    def _preview(self, command: protocol.PreviewPrompt) -> protocol.PromptPreviewed:
        if self._model is None or self._prompter is None:
            return protocol.PromptPreviewed(command.request_id, refusal=errors.NoModelLoaded.__name__)
        length = self._model.context_length
        try:
            asked = self._prompter.build(command.messages, command.reply_limit, command.policy)
            sizes = self._prompter.sizes(command.messages, command.reply_limit, command.policy)
        except errors.PromptError as error:
            refusal = type(error).__name__
            return protocol.PromptPreviewed(command.request_id, length, refusal=refusal, detail=error.detail)
        return protocol.PromptPreviewed(
            command.request_id,
            context_length=length,
            text=self._prompter.readable(asked),
            unseen=asked.unseen,
            **dataclasses.asdict(sizes),
        )

    def _read_reporter(self, reply_id: str, asked: prompt.Prompt) -> Callable[[int, int], None]:
        def report(done: int, cached: int) -> None:
            self._send(protocol.PromptProgress(reply_id, done, len(asked.tokens), cached, asked.unseen))

        return report

    def _write_progress(self, reply_id: str, reply: llama.Reply) -> protocol.WriteProgress:
        assert self._model is not None
        return protocol.WriteProgress(reply_id, len(reply.tokens), reply.tokens_per_second, self._model.context_used)

    def _write(
        self, reply_id: str, asked: prompt.Prompt, sampling: protocol.Sampling, *, continues: bool
    ) -> llama.Reply:
        assert self._model is not None
        assert self._prompter is not None
        reply = self._model.write(sampling, sampling.reply_limit or self._model.context_length)
        written: list[str] = []
        due = time.monotonic() + _WRITE_INTERVAL
        for piece in self._prompter.until_next_turn(reply):
            # Some vocabularies begin every word with a space, the first one too.
            if text := piece if written or continues else piece.lstrip():
                written.append(text)
                self._send(protocol.TextReceived(reply_id, text))
            if reply.ended >= due:
                due = reply.ended + _WRITE_INTERVAL
                self._send(self._write_progress(reply_id, reply))
        reply.reason = reply.reason or "end"  # the model had begun the user's next turn
        self._prompter.remember(asked, "".join(written), reply.tokens)
        return reply


def _gpus(devices: tuple[protocol.Device, ...]) -> list[protocol.Device]:
    return [device for device in devices if device.kind in ("gpu", "integrated")]


def _why_it_does_not_fit(plan: planner.LoadPlan, free: planner.Free) -> str:
    available = free.ram + sum(memory for _, memory in free.gpus)
    sentence = f"It needs {format_bytes(plan.bill.required)}; {format_bytes(available)} are free."
    return f"{sentence} What would fit: {plan.suggestion}." if plan.suggestion else sentence
