"""What the window and the engine child say to each other: one JSON object a line, UTF-8, `type` first.

Commands go to the child's stdin, events come from its stdout. Both are frozen dataclasses, so that only immutable
values cross threads. The first event is `Hello`; end-of-file on stdin means end.

JSON lines rather than a binary format: they can be read in a log, a scripted child in a test is ten lines, and at
25 000 events a second they are far from being the bottleneck.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from app.core.memory import DeviceBill, DeviceMemory
from app.core.settings import Settings

PROTOCOL_VERSION = 4

Role = Literal["system", "user", "assistant"]
# What is left out of a prompt that does not fit: the oldest turns, those between the first and the newest, or none: it
# is refused.
Policy = Literal["oldest", "middle", "ask"]


# Values that travel inside commands and events


@dataclass(frozen=True, slots=True)
class ChatMessage:
    """One turn of a conversation, as the model is to see it."""

    role: Role
    text: str
    pinned: bool = False  # stays in the prompt, whatever is left out


@dataclass(frozen=True, slots=True)
class Sampling:
    """How the next token is chosen. `seed` None draws one; `reply_limit` None means up to the end of the context."""

    temperature: float = 0.7
    top_k: int = 40
    top_p: float = 0.95
    min_p: float = 0.05
    repeat_penalty: float = 1.1
    seed: int | None = None
    reply_limit: int | None = None


@dataclass(frozen=True, slots=True)
class Device:
    """A device llama.cpp sees. `kind` is `cpu`, `gpu`, `integrated` or `accelerator`; memory in bytes.

    `backend` is what computes there, such as CPU, CUDA, Vulkan or Metal.
    """

    name: str
    description: str
    kind: str
    memory_free: int
    memory_total: int
    backend: str = ""


# Commands


@dataclass(frozen=True, slots=True)
class LoadModel:
    """Load `path`, freeing what was loaded. What `settings` leave automatic is chosen for this machine.

    `force` skips the memory check. `bill_correction` is the share by which models take more here than they are billed.
    """

    request_id: str
    path: str
    settings: Settings
    force: bool = False
    bill_correction: float = 0.0


@dataclass(frozen=True, slots=True)
class EstimateMemory:
    """Say how `path` would be loaded and what it would take, without loading it. Of the file, its header is enough.

    `given_back` are bytes of devices that are in use now and will be free by then; `bill_correction` as in `LoadModel`.
    """

    request_id: str
    path: str
    settings: Settings
    given_back: tuple[tuple[str, int], ...] = ()
    bill_correction: float = 0.0


@dataclass(frozen=True, slots=True)
class UnloadModel:
    """Free the model and its memory. Answered by `ModelUnloaded`."""


@dataclass(frozen=True, slots=True)
class Generate:
    """Answer `messages`, which end with the user's turn, or go on with the reply that they end with.

    A system message, if any, is the first one.
    """

    reply_id: str
    messages: tuple[ChatMessage, ...]
    sampling: Sampling
    policy: Policy = "oldest"


@dataclass(frozen=True, slots=True)
class PreviewPrompt:
    """Say what the model would be given for `messages`. Answered by `PromptPreviewed`, whatever happens."""

    request_id: str
    messages: tuple[ChatMessage, ...]
    reply_limit: int | None = None
    policy: Policy = "oldest"


@dataclass(frozen=True, slots=True)
class CountTokens:
    """Say how many tokens a text is for the model. Answered by `TokensCounted`, whatever happens."""

    request_id: str
    text: str


@dataclass(frozen=True, slots=True)
class Interrupt:
    """Stop the reply or the load of that id, at once, even before it began."""

    id: str


Command = LoadModel | EstimateMemory | UnloadModel | Generate | PreviewPrompt | CountTokens | Interrupt

# Events


@dataclass(frozen=True, slots=True)
class Hello:
    """The child is ready. It is ended at once if `protocol` is not ours.

    `features` are those of the processor that llama.cpp uses, such as "AVX2, FMA".
    """

    protocol: int
    llama_version: str
    devices: tuple[Device, ...] = ()
    features: str = ""


@dataclass(frozen=True, slots=True)
class LoadProgress:
    """How much of the model is loaded, 0..1. `gpu_layers` are meant to be on GPUs."""

    request_id: str
    fraction: float
    gpu_layers: int = 0


@dataclass(frozen=True, slots=True)
class MemoryEstimated:
    """How a model would be loaded, and what it would take. `memory` is what there is of it, RAM first.

    `fit` is a value of `planner.Fit`. If it does not fit, `missing` says by how many bytes, and `suggestion` what
    would mend that, if anything would.
    """

    request_id: str
    devices: tuple[DeviceBill, ...]
    memory: tuple[DeviceMemory, ...]
    context_length: int
    gpu_layers: int
    layers: int
    threads: int
    cache_type_k: str
    cache_type_v: str
    mapped: bool
    fit: str
    missing: int
    suggestion: str
    reasons: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """What was loaded, and what was chosen for the settings left automatic."""

    request_id: str
    path: str
    name: str  # from the file's metadata, else the file's name
    architecture: str
    quant: str  # such as Q4_K_M; empty if unknown
    parameters: int
    file_size: int  # bytes
    context_length: int  # tokens in force
    trained_context_length: int  # what the model was trained for
    threads: int
    gpu_layers: int  # layers really offloaded
    layers: int
    backend: str  # where it runs, in words: "CPU", "CUDA0: NVIDIA ..."
    template_source: str  # "model", "catalogue" or "plain"
    bill: tuple[DeviceBill, ...] = ()  # what it was to take, not corrected
    plan: MemoryEstimated | None = None  # what was known before it was loaded


@dataclass(frozen=True, slots=True)
class LoadCancelled:
    request_id: str


@dataclass(frozen=True, slots=True)
class ModelUnloaded:
    pass


@dataclass(frozen=True, slots=True)
class PromptProgress:
    """How much of the prompt has been read. `cached` tokens were still in the KV cache and not read again."""

    reply_id: str
    done: int
    total: int
    cached: int
    unseen: tuple[int, ...]  # places of the messages (the system message not counted) that did not fit


@dataclass(frozen=True, slots=True)
class PromptPreviewed:
    """What takes how many tokens of the context, and the prompt as the model gets it.

    `last` is the turn that is to be answered, `reserve` what is kept for the reply. `refusal` is the name of an
    `AppError` class if it would not be answered; then only `detail` and `context_length` say something.
    """

    request_id: str
    context_length: int = 0
    text: str = ""
    system: int = 0
    pinned: int = 0
    history: int = 0
    last: int = 0
    reserve: int = 0
    unseen: tuple[int, ...] = ()
    refusal: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class TokensCounted:
    """How many tokens the text of a `CountTokens` is; None if there is no model."""

    request_id: str
    tokens: int | None


@dataclass(frozen=True, slots=True)
class TextReceived:
    reply_id: str
    text: str


@dataclass(frozen=True, slots=True)
class WriteProgress:
    """How the reply is coming along; sent a few times a second."""

    reply_id: str
    tokens: int
    tokens_per_second: float
    context_used: int


@dataclass(frozen=True, slots=True)
class ReplyStats:
    """How a reply went. `reason`: `end` the model's own, `length` the limit, `context` full, `stopped` by the user."""

    reason: str
    prompt_tokens: int = 0
    cached_tokens: int = 0
    reply_tokens: int = 0
    first_token_seconds: float = 0.0  # from the request to the first token
    tokens_per_second: float = 0.0  # while writing
    context_used: int = 0
    context_length: int = 0
    seed: int | None = None
    memory_measured: int = 0  # bytes the model takes: of RAM at its peak (mapped pages as of now), and of GPUs


@dataclass(frozen=True, slots=True)
class ReplyFinished:
    reply_id: str
    stats: ReplyStats


@dataclass(frozen=True, slots=True)
class Failed:
    """`error` is the name of an `AppError` class; `id` the load, estimate or reply it belongs to, empty if neither."""

    id: str
    error: str
    detail: str


Event = (
    Hello
    | LoadProgress
    | LoadedModel
    | LoadCancelled
    | MemoryEstimated
    | ModelUnloaded
    | PromptProgress
    | PromptPreviewed
    | TokensCounted
    | TextReceived
    | WriteProgress
    | ReplyFinished
    | Failed
)
Message = Command | Event


class ProtocolError(Exception):
    """A line that is not one of ours: the other side speaks another version, or something printed into the pipe."""


_MESSAGES: dict[str, type[Any]] = {
    message.__name__: message
    for message in (
        LoadModel,
        EstimateMemory,
        UnloadModel,
        Generate,
        PreviewPrompt,
        CountTokens,
        Interrupt,
        Hello,
        LoadProgress,
        LoadedModel,
        LoadCancelled,
        MemoryEstimated,
        ModelUnloaded,
        PromptProgress,
        PromptPreviewed,
        TokensCounted,
        TextReceived,
        WriteProgress,
        ReplyFinished,
        Failed,
    )
}
_FIELDS = {
    kind: tuple(field.name for field in dataclasses.fields(kind))
    for kind in (*_MESSAGES.values(), ChatMessage, Sampling, Device, DeviceBill, DeviceMemory, ReplyStats, Settings)
}


def id_of(command: Command) -> str:
    """The load, estimate or reply that `command` is about; empty for a command that cannot be interrupted."""
    match command:
        case LoadModel() | EstimateMemory():
            return command.request_id
        case Generate():
            return command.reply_id
        case Interrupt():
            return command.id
    return ""


def id_of_end(event: Event) -> str | None:
    """The load, estimate or reply that `event` is the end of; None if it is the end of none."""
    match event:
        case ReplyFinished():
            return event.reply_id
        case LoadedModel() | LoadCancelled() | MemoryEstimated():
            return event.request_id
        case Failed():
            return event.id
    return None


def encode(message: Message) -> bytes:
    """One line, newline included."""
    return _ENCODER.encode({"type": type(message).__name__, **_fields_of(message)}).encode("utf-8") + b"\n"


def decode(line: bytes | bytearray) -> Any:
    """The command or event on `line`. Raises `ProtocolError` if there is none."""
    try:
        values = json.loads(line)
        kind = values.pop("type")
        for name, made in _MADE_OF.get(kind, {}).items():
            values[name] = made(values[name])
        return _MESSAGES[kind](**values)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ProtocolError(bytes(line[:200])) from error


def _one(kind: type[Any]) -> Callable[[Any], Any]:
    return lambda values: kind(**values)


def _several(kind: type[Any]) -> Callable[[Any], Any]:
    return lambda items: tuple(kind(**values) for values in items)


def _pairs(items: Any) -> Any:
    return tuple(map(tuple, items))


def _plan(values: Any) -> MemoryEstimated | None:
    if values is None:
        return None
    return MemoryEstimated(**{**values, **{name: made(values[name]) for name, made in _MADE_OF_ESTIMATE.items()}})


# What JSON cannot tell: the values that lie inside a message.
_MADE_OF_ESTIMATE: dict[str, Callable[[Any], Any]] = {
    "devices": _several(DeviceBill),
    "memory": _several(DeviceMemory),
    "reasons": _pairs,
}
_MADE_OF: dict[str, dict[str, Callable[[Any], Any]]] = {
    "LoadModel": {"settings": _one(Settings)},
    "EstimateMemory": {"settings": _one(Settings), "given_back": _pairs},
    "PromptProgress": {"unseen": tuple},
    "PromptPreviewed": {"unseen": tuple},
    "PreviewPrompt": {"messages": _several(ChatMessage)},
    "Generate": {"messages": _several(ChatMessage), "sampling": _one(Sampling)},
    "Hello": {"devices": _several(Device)},
    "LoadedModel": {"bill": _several(DeviceBill), "plan": _plan},
    "MemoryEstimated": _MADE_OF_ESTIMATE,
    "ReplyFinished": {"stats": _one(ReplyStats)},
}


def _fields_of(value: Any) -> dict[str, Any]:
    return {name: getattr(value, name) for name in _FIELDS[type(value)]}


# A lone surrogate (half a character pasted from elsewhere) is no valid UTF-8; escaping is.
_ENCODER = json.JSONEncoder(ensure_ascii=True, default=_fields_of, check_circular=False, separators=(",", ":"))
