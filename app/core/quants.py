"""The quants of a model: which files they are, what each is good for, and which suits this computer.

Before a download only the names and sizes of the files are known, so everything here is a first estimate. The engine
says exactly what a quant takes once its header is here; what it says of one makes the estimates of the others better.
"""

from __future__ import annotations

import dataclasses
import math
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from app.core.hub_model import HubFile, HubModel
from app.core.memory import RAM, DeviceMemory
from app.core.planner import Fit
from app.core.quant_types import FOREIGN, OTHER_NAMES, QUANT_TYPES, UNSTATED, QuantType
from app.core.units import format_bytes


@dataclass(frozen=True, slots=True)
class Quant:
    """One choice a person has: a file, or the parts of a split one, in their order. Sizes in bytes."""

    name: str  # of the file, for a split one without the number of the part
    quant: str  # such as Q4_K_M; empty if the name does not say
    files: tuple[HubFile, ...]

    @property
    def size(self) -> int:
        """-1 if the size of a part is unknown."""
        sizes = [file.size for file in self.files]
        return -1 if min(sizes, default=-1) < 0 else sum(sizes)


@dataclass(frozen=True, slots=True)
class QuantBill:
    """What the engine says of one quant, were it loaded now. Bytes, all devices together.

    `memory` is what must be there; `kv_cache`, for `context_length` tokens, and `buffers` are parts of it. If that does
    not fit, `missing` says by how much, and `suggestion` which other setting would mend it, if one would.
    """

    memory: int
    kv_cache: int
    buffers: int
    context_length: int
    fit: Fit
    missing: int = 0
    suggestion: str = ""


@dataclass(frozen=True, slots=True)
class QuantRow:
    """A line of the `Quants` table. Words are English; those for the use case are shown through tr("quants", ...)."""

    quant: Quant
    bits: float  # per weight; 0 if unknown
    memory: int  # bytes it will take; -1 if unknown
    fit: Fit | None  # None if unknown, which is never a no
    use_case: str
    recommended: str = ""  # why this one, if it is the recommended one
    exact: bool = False  # whether the engine said so; else it is a first estimate
    context_length: int = 0  # tokens that `memory` is for; 0 if it is not exact
    is_tight: bool = False  # fits with little to spare
    missing: int = 0  # bytes by which it does not fit
    suggestion: str = ""  # what would fit, if it does not and something would


_GIB = 1 << 30
_MIB = 1 << 20
_WORKABLE_CONTEXT = 4096  # tokens
_WORTHWHILE_BITS = (  # up to so many parameters
    (3_000_000_000, 8.6),  # Q8_0
    (15_000_000_000, 6.7),  # Q6_K
    (40_000_000_000, 5.8),  # Q5_K_M
    (math.inf, 5.0),  # Q4_K_M
)

_BEST = "Best quality that leaves room for other programs: takes {0} of {1} free."
_BEST_ON_GPU = "Best quality that fits on the GPU: takes {0} of {1} free."
_ENOUGH = "Larger ones would be slower and hardly better: takes {0} of {1} free."
_TIGHT = "Fits, but leaves little room for other programs: takes {0} of {1} free."

_SEPARATED = r"(?<![A-Z0-9]){}(?![A-Z0-9])"  # a word of its own; an underscore separates as well
_QUANTIZED = re.compile(
    _SEPARATED.format(
        r"((?:UD-)?"  # made by a recipe that gives every layer a type of its own
        r"(?:IQ\d_(?:XXS|XS|NL|KSS|KS|KT|KL|K|S|M|BN)"
        r"|Q\d_K(?:_(?:XXL|XL|XS|S|M|L|P))?"
        r"|Q4_0_[48]_[48]|Q\d_[01]|TQ[12]_0|MXFP4|NVFP4|I2_S)"
        r"(?:_R[48])?)"  # laid out for another engine
    ),
    re.IGNORECASE,
)
_NOT_QUANTIZED = re.compile(_SEPARATED.format(r"(BF16|FP?16|FP?32)"), re.IGNORECASE)
_BITS_ALONE = re.compile(_SEPARATED.format(r"(Q[2-8])$"), re.IGNORECASE)  # as in phi-3-mini-4k-instruct-q4.gguf
_PART = re.compile(r"(.+)-(\d{5})-of-(\d{5})\.gguf", re.IGNORECASE)
_COMPANION = re.compile(
    r"(?<![a-z0-9])(mmproj|projector|eagle-?3|dflash|draft|adapter|control[-_]vector|vocab-only)(?![a-z0-9])"
    r"|^(mtp[-_.]|imatrix|ggml-vocab)",
    re.IGNORECASE,
)
_COMPANION_UNLESS_QUANTIZED = re.compile(r"(?<![a-z0-9])(imatrix|lora|vocab)(?![a-z0-9])", re.IGNORECASE)


def quant_in_name(file_name: str) -> str:
    """The quant that the name of a file states, such as Q4_K_M or UD-Q4_K_XL; empty if it states none."""
    stem = re.sub(r"(-\d{5}-of-\d{5})?\.gguf$", "", file_name, flags=re.IGNORECASE)
    # Where a name has both, as in x.f16.q6_k.gguf, the float is that of a few tensors, or of what it was made from.
    for pattern in (_QUANTIZED, _NOT_QUANTIZED, _BITS_ALONE):
        if found := pattern.findall(stem):
            return str(found[-1]).upper().replace("FP16", "F16").replace("FP32", "F32")
    return ""


def split_part(file_name: str) -> tuple[str, int, int] | None:
    """Stem, number and count of a part of a split model, such as x-00002-of-00005.gguf; None if it is none."""
    match = _PART.fullmatch(file_name)
    return (match[1], int(match[2]), int(match[3])) if match else None


def is_companion(file_name: str) -> bool:
    """Whether the name says that this GGUF is no model but belongs to one: a projector, an adapter, a draft model."""
    name = file_name.rpartition("/")[2]
    if _COMPANION.search(name):
        return True
    # A model may be made with an importance matrix or a LoRA, and be called so; then it is quantized.
    return bool(_COMPANION_UNLESS_QUANTIZED.search(name)) and not _QUANTIZED.search(name)


def quants_of(files: Sequence[HubFile]) -> list[Quant]:
    """The models among `files`, the smallest first. The parts of a split one are one; if a part is missing, none."""
    groups: defaultdict[tuple[str, int], dict[int, HubFile]] = defaultdict(dict)
    for file in files:
        if file.path.lower().endswith(".gguf") and not is_companion(file.path):
            stem, number, count = split_part(file.path) or (file.path[: -len(".gguf")], 1, 1)
            groups[stem, count][number] = file
    quants = [
        Quant(f"{stem.rpartition('/')[2]}.gguf", quant_in_name(stem), tuple(parts[number] for number in sorted(parts)))
        for (stem, count), parts in groups.items()
        if len(parts) == count == max(parts) and min(parts) == 1
    ]
    return sorted(quants, key=lambda quant: (quant.size < 0, quant.size, quant.name))


def bits_of(quant: str) -> float:
    """Bits per weight, about; of a type that is not known the number in its name, 0 if it has none."""
    known = _type_of(quant)
    return known.bits if known else float(_number_in(quant))


def use_case(quant: str) -> str:
    """What a quant of this type is good for, in a few words of English."""
    if known := _type_of(quant):
        return known.use_case
    return FOREIGN if _QUANTIZED.search(quant) else UNSTATED


def memory_estimate(size: int, parameters: int, context_length: int) -> int:
    """Bytes that a model of `size` bytes will take, about: weights, KV cache and buffers; -1 if the size is unknown.

    What a token takes in the KV cache depends on layers and heads, which only the file's header says. The curve goes
    through 24 KiB for a billion parameters (TinyLlama), 128 KiB for eight (Llama 3.1) and 320 KiB for seventy (Llama
    3.3); models of the same size differ by a factor of two and more. Without `parameters`, 5 bits each are assumed.
    The buffers, mostly for the logits, were measured between 100 and 300 MiB.
    """
    if size < 0:
        return -1
    parameters = parameters or size * 8 // 5
    bytes_per_token = 400 * 1024 * parameters // (parameters + 17_000_000_000)
    buffers = min(100 * _MIB + size // 32, 300 * _MIB)
    return size + bytes_per_token * context_length + buffers


def rows(
    model: HubModel,
    context_length: int | None,
    memory: Sequence[DeviceMemory],
    bills: Mapping[str, QuantBill] | None = None,
    keep: str | None = None,
) -> list[QuantRow]:
    """The table of a model's quants on a computer with such `memory`, the smallest first.

    `bills` are those that are known, by the names of the quants. For the others there is a first estimate. It takes an
    automatic context (None), which is as long as there is room, for one that a conversation can do with.

    At most one is recommended, and none if none fits. If `keep` is given, it is that one or none.
    """
    bills = bills or {}
    quants = quants_of(model.files)
    parameters = model.parameters or _guessed_parameters(quants)
    context = context_length or min(model.context_length or _WORKABLE_CONTEXT, _WORKABLE_CONTEXT)
    sample = next(iter(bills.values()), None)
    room = _Room.of(memory)
    found = []
    for quant in quants:
        estimated = _first_estimate(quant.size, parameters, context, sample)
        row = QuantRow(
            quant=quant,
            bits=_measured_bits(quant, parameters),
            memory=estimated,
            fit=room.fit(estimated),
            use_case=use_case(quant.quant),
            is_tight=room.is_tight(estimated),
            missing=room.missing(estimated),
        )
        found.append(_exact(row, bills[quant.name]) if quant.name in bills else row)
    return _with_advice(found, parameters, room, keep)


@dataclass(frozen=True, slots=True)
class _Room:
    """Free bytes, and what a first estimate can say from them."""

    ram: int
    gpus: int

    @classmethod
    def of(cls, memory: Sequence[DeviceMemory]) -> _Room:
        ram = sum(one.free for one in memory if one.device == RAM)
        return cls(ram, sum(one.free for one in memory) - ram)

    def fit(self, memory: int) -> Fit | None:
        if memory < 0:
            return None
        if memory > self.ram + self.gpus:
            return Fit.TOO_LARGE
        if not self.gpus:
            return Fit.IN_RAM
        return Fit.ON_GPU if memory <= self.gpus * 9 // 10 else Fit.PARTLY_ON_GPU

    def is_tight(self, memory: int) -> bool:
        """Whether other programs would have little left."""
        return self.ram + self.gpus - memory < max(_GIB, self.ram // 10)

    def missing(self, memory: int) -> int:
        return max(0, memory - self.ram - self.gpus)

    def for_fit(self, fit: Fit) -> int:
        """What is free where it fits."""
        return {Fit.ON_GPU: self.gpus, Fit.IN_RAM: self.ram}.get(fit, self.ram + self.gpus)


def _first_estimate(size: int, parameters: int, context_length: int, sample: QuantBill | None) -> int:
    """`sample` is the bill of any quant of this model: beside its weights, another one takes about the same."""
    if sample is None or size < 0:
        return memory_estimate(size, parameters, context_length)
    return size + sample.kv_cache * context_length // sample.context_length + sample.buffers


def _exact(row: QuantRow, bill: QuantBill) -> QuantRow:
    return dataclasses.replace(
        row,
        memory=bill.memory,
        fit=bill.fit,
        exact=True,
        context_length=bill.context_length,
        # An automatic context takes room that others could have: whether it is tight, only the estimate can say.
        is_tight=row.is_tight and bill.fit is not Fit.ON_GPU,
        missing=bill.missing,
        suggestion=bill.suggestion,
    )


def _type_of(quant: str) -> QuantType | None:
    name = quant.removeprefix("UD-")
    return QUANT_TYPES.get(OTHER_NAMES.get(name, name))


def _number_in(quant: str) -> int:
    """The bits that a type is named after: 3 of IQ3_XXS."""
    match = re.search(r"\d+", quant)
    return int(match[0]) if match else 0


def _guessed_parameters(quants: Sequence[Quant]) -> int:
    """From the largest file: the more bits, the less those of a few tensors count."""
    telling = [quant for quant in quants if quant.size > 0 and bits_of(quant.quant)]
    return int(telling[-1].size * 8 / bits_of(telling[-1].quant)) if telling else 0


def _measured_bits(quant: Quant, parameters: int) -> float:
    """Truer than what the type says, unless the model's parameters are those of another file."""
    bits = quant.size * 8 / parameters if parameters else 0.0
    return bits if 1 <= bits <= 33 else bits_of(quant.quant)


def _with_advice(found: Sequence[QuantRow], parameters: int, room: _Room, keep: str | None) -> list[QuantRow]:
    """Says which one is recommended and why, and what to take instead of one that does not fit."""
    fitting = [row for row in found if row.fit not in (None, Fit.TOO_LARGE) and row.use_case != FOREIGN]
    choice = [row for row in fitting if keep in (None, row.quant.name)]
    if not choice:
        return list(found)
    best = max(choice, key=lambda row: _preference(row, parameters))
    return [
        dataclasses.replace(row, recommended=_reason(best, fitting, room)) if row is best else _with_other(row, best)
        for row in found
    ]


def _with_other(row: QuantRow, best: QuantRow) -> QuantRow:
    if row.fit is not Fit.TOO_LARGE:
        return row
    names = (best.quant.quant, row.quant.quant)
    if names[0] == names[1] or not all(names):
        names = (best.quant.name, row.quant.name)
    other = "{} instead of {}".format(*names)
    return dataclasses.replace(row, suggestion=f"{row.suggestion}, or {other}" if row.suggestion else other)


def _reason(best: QuantRow, fitting: Sequence[QuantRow], room: _Room) -> str:
    assert best.fit is not None
    if best.is_tight and best.fit is not Fit.ON_GPU:
        reason = _TIGHT
    elif any(row.bits > best.bits and row.fit is best.fit and not row.is_tight for row in fitting):
        reason = _ENOUGH
    else:
        reason = _BEST_ON_GPU if best.fit is Fit.ON_GPU else _BEST
    taken = format_bytes(best.memory)
    return reason.format(taken if best.exact else f"about {taken}", format_bytes(room.for_fit(best.fit)))


def _preference(row: QuantRow, parameters: int) -> tuple[bool, int, bool, bool, float]:
    """What counts, the weightiest first. Of those that fit well the most exact up to the limit, else the smallest."""
    bits = _number_in(row.quant.quant)
    # Only part of a model on the GPU makes it slow, but three bits are no price to pay for that.
    well = 2 if row.fit is Fit.ON_GPU and bits >= 4 else int(not row.is_tight)
    known = _type_of(row.quant.quant)
    is_enough = row.bits <= _worthwhile_bits(parameters)
    return (
        bits >= 3,
        well,
        known is not None and known.is_advisable,
        is_enough,
        row.bits if well and is_enough else -row.bits,
    )


def _worthwhile_bits(parameters: int) -> float:
    """Beyond these, more bits per weight only cost time. Small models lose most by few bits, large ones are slow."""
    return next(bits for limit, bits in _WORTHWHILE_BITS if parameters <= limit)
