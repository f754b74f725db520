"""What the engine child does with a command: holds one model, loads another, answers a conversation.

Lives in the child's main thread. Everything it says, it says through `send`.
"""

from __future__ import annotations

import dataclasses
import random
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from app.core import errors, gguf, hardware, planner
from app.core.load_options import LoadOptions
from app.core.memory import RAM, DeviceMemory, MemoryBill
from app.core.units import format_bytes
from app.engine import llama, prompt, protocol
from app.engine.llama import Flag
from app.engine.simulation import Simulator, header_of
from app.engine.usage import Usage

__all__ = ["Flag", "ModelHost"]

_PROGRESS_INTERVAL = 0.05  # seconds between two progress events
_WRITE_INTERVAL = 0.25
_NO_GPU = "CPU"  # as `Settings.devices`

_Planned = TypeVar("_Planned", protocol.LoadModel, protocol.EstimateMemory)


class ModelHost:
    """At most one model, and what is known of the conversation it has read."""

    def __init__(self, flag: Flag, send: Callable[[protocol.Event], None], packs: Path | None = None) -> None:
        llama.start_backends(packs)
        self._flag = flag
        self._send = send
        self._native_log = llama.NativeLog()
        self._simulator = Simulator(self._native_log)
        self._devices = llama.devices()
        self._usage = Usage(_used_on_gpus)
        self._model: llama.Model | None = None
        self._prompter: prompt.Prompter | None = None

    def hello(self) -> protocol.Hello:
        return protocol.Hello(protocol.PROTOCOL_VERSION, llama.version(), self._devices, llama.features())

    def obey(self, command: protocol.Command) -> None:
        """Raises an `AppError` if the command failed."""
        match command:
            case protocol.LoadModel():
                self._load(_avoiding(command))
            case protocol.EstimateMemory():
                self._estimate(_avoiding(command))
            case protocol.UnloadModel():
                self._unload()
            case protocol.Generate():
                self._generate(command)
            case protocol.PreviewPrompt():
                self._send(self._preview(command))
            case protocol.CountTokens():
                tokens = None if self._model is None else len(self._model.vocabulary.tokenize(command.text))
                self._send(protocol.TokensCounted(command.request_id, tokens))

    def _load(self, command: protocol.LoadModel) -> None:
        path = Path(command.path)
        header = gguf.check_file(path)  # before the present model goes: a wrong file costs nothing
        self._unload()
        template = prompt.choose_template(header.chat_template, header.name, path.name)
        gpus = _gpus(llama.devices(), command.settings.devices)
        memory = _memory(gpus)
        plan = self._plan(path, header, command, memory, gpus)
        if plan.missing and not command.force:
            raise errors.NotEnoughMemory(_why_it_does_not_fit(plan))
        bill = self._simulator.bill(plan.options).counted_in_ram(_shared(gpus))
        self._simulator.forget()
        self._usage.begin()
        report = self._load_reporter(command.request_id, plan.options.gpu_layers)
        try:
            model = llama.Model(plan.options, self._flag, self._native_log, report)
        except llama.Interrupted:
            self._send(protocol.LoadCancelled(command.request_id))
            return
        self._model = model
        self._prompter = prompt.Prompter(template, model.vocabulary, model.context_length)
        self._usage.look()
        estimate = _estimated(command.request_id, header, plan, memory, _shared(gpus))
        self._send(self._loaded(command, header, estimate, bill, template.source))

    def _unload(self) -> None:
        if self._model is None:
            return
        self._model.close()
        self._model = self._prompter = None
        self._send(protocol.ModelUnloaded())

    def _estimate(self, command: protocol.EstimateMemory) -> None:
        path = Path(command.path)
        header = header_of(path)
        gpus = _gpus(llama.devices(), command.settings.devices)
        memory = _memory(gpus, command.given_back)
        plan = self._plan(path, header, command, memory, gpus)
        self._send(_estimated(command.request_id, header, plan, memory, _shared(gpus)))

    def _plan(
        self,
        path: Path,
        header: gguf.GgufHeader,
        command: protocol.LoadModel | protocol.EstimateMemory,
        memory: Sequence[DeviceMemory],
        gpus: Sequence[protocol.Device],
    ) -> planner.LoadPlan:
        def bill(options: LoadOptions) -> MemoryBill:
            return self._simulator.bill(options).corrected(command.bill_correction)

        if len(gpus) > 1:
            self._simulator.forget()  # by now llama.cpp may divide the model otherwise: it looks at what is free
        facts = planner.ModelFacts(path, header.layers, header.context_length, _has_experts(header))
        free_on_gpus = tuple((one.device, one.free) for one in memory[1:])
        free = planner.Free(memory[0].free, free_on_gpus, _shared(gpus))
        return planner.plan(bill, facts, command.settings, hardware.physical_cores(), free)

    def _load_reporter(self, request_id: str, gpu_layers: int) -> Callable[[float], None]:
        """Says first how the model is being loaded: that may be the last that is heard of it."""
        self._send(protocol.LoadProgress(request_id, 0.0, gpu_layers))
        due = 0.0

        def report(fraction: float) -> None:
            nonlocal due
            self._usage.look()
            now = time.monotonic()
            if now >= due or fraction >= 1:
                due = now + _PROGRESS_INTERVAL
                self._send(protocol.LoadProgress(request_id, fraction, gpu_layers))

        return report

    def _loaded(
        self,
        command: protocol.LoadModel,
        header: gguf.GgufHeader,
        plan: protocol.MemoryEstimated,
        bill: MemoryBill,
        template_source: str,
    ) -> protocol.LoadedModel:
        model, path = self._model, Path(command.path)
        assert model is not None
        return protocol.LoadedModel(
            request_id=command.request_id,
            path=command.path,
            name=header.name or path.stem,
            architecture=header.architecture,
            quant=header.quant,
            parameters=model.parameters,
            file_size=path.stat().st_size,
            context_length=model.context_length,
            trained_context_length=header.context_length,
            threads=plan.threads,
            gpu_layers=model.offloaded,
            layers=model.layers,
            backend=self._backend(model.offloaded, command.settings.devices),
            template_source=template_source,
            bill=bill.devices,
            plan=plan,
        )

    def _backend(self, offloaded_layers: int, wished: str) -> str:
        if not offloaded_layers:
            return "CPU"
        return ", ".join(f"{device.name}: {device.description}" for device in _gpus(self._devices, wished)) or "CPU"

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
        stats = dataclasses.replace(stats, memory_measured=self._usage.measured())
        self._send(protocol.ReplyFinished(command.reply_id, stats))

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
            self._usage.look()
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


def _avoiding(command: _Planned) -> _Planned:
    """`command` without the devices that were tried and did not work, unless they are asked for by name."""
    settings = command.settings
    if settings.devices or not settings.devices_to_avoid:
        return command
    bad = [name.strip() for name in settings.devices_to_avoid.split(",")]
    good = _gpus([device for device in llama.devices() if device.name not in bad])
    names = ",".join(device.name for device in good) or _NO_GPU
    return dataclasses.replace(command, settings=dataclasses.replace(settings, devices=names))


def _has_experts(header: gguf.GgufHeader) -> bool:
    return any("exps." in tensor.name for tensor in header.tensors)


def _gpus(devices: Sequence[protocol.Device], wished: str = "") -> list[protocol.Device]:
    """Those that llama.cpp uses: integrated ones only where there is no other, or if they are wished for."""
    if names := [name.strip() for name in wished.split(",") if name]:
        return [device for device in devices if device.name in names and device.kind in ("gpu", "integrated")]
    own = [device for device in devices if device.kind == "gpu"]
    return own or [device for device in devices if device.kind == "integrated"]


def _shared(gpus: Sequence[protocol.Device]) -> tuple[str, ...]:
    """Those that take their memory from RAM."""
    return tuple(device.name for device in gpus if device.kind == "integrated")


def _used_on_gpus() -> int:
    """Bytes, of those that have memory of their own."""
    gpus = [device for device in llama.devices() if device.kind == "gpu"]
    return sum(device.memory_total - device.memory_free for device in gpus)


def _memory(gpus: Sequence[protocol.Device], given_back: Sequence[tuple[str, int]] = ()) -> tuple[DeviceMemory, ...]:
    """What this computer has, RAM first."""
    returned = dict(given_back)
    ram = DeviceMemory(RAM, "Memory", hardware.memory_total(), hardware.memory_available())
    others = (DeviceMemory(gpu.name, gpu.description, gpu.memory_total, gpu.memory_free) for gpu in gpus)
    return tuple(
        dataclasses.replace(one, free=one.free + returned.get(one.device, 0), given_back=returned.get(one.device, 0))
        for one in (ram, *others)
    )


def _estimated(
    request_id: str,
    header: gguf.GgufHeader,
    plan: planner.LoadPlan,
    memory: Sequence[DeviceMemory],
    shared: Sequence[str],
) -> protocol.MemoryEstimated:
    options = plan.options
    return protocol.MemoryEstimated(
        request_id=request_id,
        devices=plan.bill.counted_in_ram(shared).devices,
        memory=tuple(one for one in memory if one.device not in shared),
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


def _why_it_does_not_fit(plan: planner.LoadPlan) -> str:
    sentence = f"It needs {format_bytes(plan.bill.required)}, {format_bytes(plan.missing)} more than is free."
    return f"{sentence} What would fit: {plan.suggestion}." if plan.suggestion else sentence
