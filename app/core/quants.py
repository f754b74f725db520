"""The quants of a model: which files they are, what each is good for, and which suits this computer.

Before a download only the names and sizes of the files are known, so everything here is a first estimate. The header of
a file on disk tells more: see `app.core.memory`.
"""

from __future__ import annotations

import dataclasses
import enum
import math
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from app.core.gguf import GgufHeader
from app.core.hub_model import HubFile, HubModel
from app.core.memory import estimate
from app.core.quant_types import FOREIGN, OTHER_NAMES, QUANT_TYPES, UNSTATED, QuantType
from app.core.units import format_bytes


class Fit(enum.Enum):
    """Whether a model fits the memory that is free now."""

    FITS = "fits"
    TIGHT = "tight"  # with little to spare
    TOO_LARGE = "too large"
    UNKNOWN = "unknown"


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
class QuantRow:
    """A line of the `Quants` table."""

    quant: Quant
    bits: float  # per weight; 0 if unknown
    memory: int  # bytes it will take, about; -1 if unknown
    fit: Fit
    use_case: str  # English; shown through tr("quants", ...)
    recommended: str = ""  # why this one, if it is the recommended one


_GIB = 1 << 30
_MIB = 1 << 20
_WORKABLE_CONTEXT = 4096  # tokens
_WORTHWHILE_BITS = (  # up to so many parameters
    (3_000_000_000, 8.6),  # Q8_0
    (15_000_000_000, 6.7),  # Q6_K
    (40_000_000_000, 5.8),  # Q5_K_M
    (math.inf, 5.0),  # Q4_K_M
)

_BEST = "Best quality that leaves room for other programs: takes about {0} of {1} free."
_ENOUGH = "Larger ones would be slower and hardly better: takes about {0} of {1} free."
_TIGHT = "Fits, but leaves little room for other programs: takes about {0} of {1} free."

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


def fit(memory: int, available: int) -> Fit:
    """Whether `memory` bytes fit into `available` ones; -1 stands for unknown, which is never a no."""
    if memory < 0 or available < 0:
        return Fit.UNKNOWN
    if memory > available:
        return Fit.TOO_LARGE
    return Fit.TIGHT if available - memory < max(_GIB, available // 10) else Fit.FITS


def rows(
    model: HubModel, context_length: int | None, available: int, header: GgufHeader | None = None
) -> list[QuantRow]:
    """The table of a model's quants on a computer with `available` bytes of free memory, the smallest first.

    At most one is recommended: none if none fits. An automatic context (None) takes the room there is, so what counts
    is one that a conversation can do with. `header`, of any of the quants, says what they all take beside their
    weights; without it that is guessed.
    """
    quants = quants_of(model.files)
    parameters = model.parameters or _guessed_parameters(quants)
    context = context_length or min(model.context_length or _WORKABLE_CONTEXT, _WORKABLE_CONTEXT)
    found = []
    for quant in quants:
        if header is None or quant.size < 0:
            memory = memory_estimate(quant.size, parameters, context)
        else:
            bill = estimate(header, context)
            memory = quant.size + bill.kv_cache + bill.buffers
        bits = _measured_bits(quant, parameters)
        found.append(QuantRow(quant, bits, memory, fit(memory, available), use_case(quant.quant)))
    return _with_recommendation(found, parameters, available)


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


def _with_recommendation(found: Sequence[QuantRow], parameters: int, available: int) -> list[QuantRow]:
    fitting = [row for row in found if row.fit in (Fit.FITS, Fit.TIGHT) and row.use_case != FOREIGN]
    if not fitting:
        return list(found)
    best = max(fitting, key=lambda row: _preference(row, parameters))
    if best.fit is Fit.TIGHT:
        reason = _TIGHT
    elif any(row.bits > best.bits and row.fit is Fit.FITS for row in fitting):
        reason = _ENOUGH
    else:
        reason = _BEST
    reason = reason.format(format_bytes(best.memory), format_bytes(available))
    return [dataclasses.replace(row, recommended=reason) if row is best else row for row in found]


def _preference(row: QuantRow, parameters: int) -> tuple[bool, bool, bool, bool, float]:
    """What counts, the weightiest first. Of those that fit well the most exact up to the limit, else the smallest."""
    fits_well = row.fit is Fit.FITS
    known = _type_of(row.quant.quant)
    is_enough = row.bits <= _worthwhile_bits(parameters)
    return (
        _number_in(row.quant.quant) >= 3,
        fits_well,
        known is not None and known.is_advisable,
        is_enough,
        row.bits if fits_well and is_enough else -row.bits,
    )


def _worthwhile_bits(parameters: int) -> float:
    """Beyond these, more bits per weight only cost time. Small models lose most by few bits, large ones are slow."""
    return next(bits for limit, bits in _WORTHWHILE_BITS if parameters <= limit)
