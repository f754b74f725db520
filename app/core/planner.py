"""Chooses how to load a model, so that it fits the memory that is free now.

What is chosen is the best plan that fits. This says what is better, and so a plan never gets worse with more memory:

1. A context that a conversation can do with.
2. A KV cache of f16. Only where that alone prevents such a context, one of q8_0: it is hardly less exact.
3. More layers on the GPU. They count before
4. a longer context, for few conversations need it; none of more than 16 384 tokens is chosen.

Where no plan has a useful context, it is the longest there can be, in a cache of q8_0. A GPU that is in use helps to
read prompts even without layers, but needs buffers for that; where these prevent the better plan it is left alone.

It fits if there is a margin. On a GPU that is a tenth of what is free, at least 300 MiB: the driver and the screen take
from it as well. In RAM a tenth, at least 1 GiB, or half of what the weights leave where that is less; and always that
half for a context beyond what is useful, as models are trained for contexts that would fill any memory. Where nothing
fits the margins go, first that of RAM, which can be swapped.

Of a mapped file, the pages that hold weights are counted among what must fit, though the system may drop them: it
would have to read them again for every token. Weights that were repacked are not counted twice.

The bill comes from a simulated load, which takes a tenth of a second. So few are asked for: every search guesses from
the bills it has, as they grow nearly in proportion.
"""

from __future__ import annotations

import dataclasses
import enum
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from app.core.errors import ModelError
from app.core.load_options import LoadOptions
from app.core.memory import RAM, DeviceBill, MemoryBill
from app.core.settings import Settings
from app.core.units import format_bytes, format_count

_GIB = 1 << 30
_GPU_MARGIN = 300 << 20
_CONTEXT_STEP = 256  # llama.cpp rounds up to it
_SHORTEST_CONTEXT = 512
_USEFUL_CONTEXT = 4096
_LONGEST_CONTEXT = 16_384  # of those chosen: the cache is filled with zeros at the start, used or not
_WORTH_READING = 20  # reading the file must save a twentieth of the memory: a mapped one starts faster


class Fit(enum.Enum):
    """Where a plan fits, in words."""

    ON_GPU = "fits on the GPU"
    PARTLY_ON_GPU = "fits, partly on the GPU"
    IN_RAM = "fits in RAM"
    TOO_LARGE = "does not fit"


@dataclass(frozen=True, slots=True)
class Free:
    """Bytes that are free now. GPUs go by the names they have in a bill; what `shared` ones take comes from RAM."""

    ram: int
    gpus: tuple[tuple[str, int], ...] = ()
    shared: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """What a plan needs to know of a model. `trained_context` is 0 if the file does not say."""

    path: Path
    layers: int
    trained_context: int
    has_experts: bool = False


@dataclass(frozen=True, slots=True)
class LoadPlan:
    """How to load a model, what it will take, and why. `reasons` are pairs of a setting that was chosen and a line.

    If it does not fit, `missing` says by how many bytes, and `suggestion` which change of a fixed setting would mend
    that; it is empty if none would.
    """

    options: LoadOptions
    bill: MemoryBill
    fit: Fit
    missing: int
    suggestion: str
    reasons: tuple[tuple[str, str], ...]


def plan(
    bill: Callable[[LoadOptions], MemoryBill], facts: ModelFacts, wishes: Settings, threads: int, free: Free
) -> LoadPlan:
    """Keeps what `wishes` fixes and chooses the rest. Always returns a plan; if none fits, the smallest.

    `threads` is the number for someone who has not chosen one. Raises what `bill` raises.
    """
    alone = _Planner(bill, facts, wishes, threads, Free(free.ram), has_idle_gpu=bool(free.gpus))
    if wishes.gpu_layers == 0 or not free.gpus:
        return alone.plan(alone.best())
    planner = _Planner(bill, facts, wishes, threads, free)
    best = planner.best()
    if wishes.gpu_layers is None and planner.worth(best)[:2] != (2, True) and planner.gpu_is_in_the_way():
        other = alone.best()
        if alone.worth(other) > planner.worth(best):
            return alone.plan(other)
    return planner.plan(best)


class _Margin(enum.Enum):
    """What is kept free. Each asks for less than the one before."""

    HALF_OF_RAM = enum.auto()
    FULL = enum.auto()
    GPU = enum.auto()
    NONE = enum.auto()


class _Cache(NamedTuple):
    """The types of the KV cache."""

    k: str
    v: str


class _Planner:
    """One search for a plan. No bill is asked for twice."""

    def __init__(
        self,
        bill: Callable[[LoadOptions], MemoryBill],
        facts: ModelFacts,
        wishes: Settings,
        threads: int,
        free: Free,
        has_idle_gpu: bool = False,
    ) -> None:
        """`has_idle_gpu`: there is a GPU, which is not to be used."""
        self._ask = bill
        self._facts = facts
        self._wishes = wishes
        self._threads = threads
        self._free = free
        self._has_idle_gpu = has_idle_gpu
        self._bills: dict[LoadOptions, MemoryBill] = {}
        self._likely_layers: int | None = None  # where the next search may begin
        self._all_layers = range(facts.layers + 2 if free.gpus else 1)  # llama.cpp counts the output as one more
        self._layers = self._all_layers if wishes.gpu_layers is None else _only(wishes.gpu_layers)
        trained = max(facts.trained_context or _USEFUL_CONTEXT, _SHORTEST_CONTEXT)
        contexts = range(_SHORTEST_CONTEXT, min(trained, _LONGEST_CONTEXT) + 1, _CONTEXT_STEP)
        self._contexts = contexts if wishes.context_length is None else _only(wishes.context_length)
        self._useful_contexts = self._contexts[: (_USEFUL_CONTEXT - _SHORTEST_CONTEXT) // _CONTEXT_STEP + 1]

    def plan(self, best: LoadOptions) -> LoadPlan:
        options = self._with_load_mode(best)
        missing = self._missing(options)
        return LoadPlan(
            options=options,
            bill=self._bill(options),
            fit=Fit.TOO_LARGE if missing else self._fit(options),
            missing=missing,
            suggestion=self._suggestion(options) if missing else "",
            reasons=tuple(self._reasons(options)),
        )

    def best(self) -> LoadOptions:
        """The smallest plan if none fits."""
        if found := self._with_useful_context(self._exact_cache()):
            return found
        cache = self._small_cache()
        if found := self._with_useful_context(cache) or self._with_short_context(cache):
            return found
        shortest = self._options(cache, self._contexts[0])
        cautious = self._with_most_layers(shortest, _Margin.GPU)
        return cautious if self._fits(cautious, _Margin.GPU) else self._with_most_layers(shortest, _Margin.NONE)

    def worth(self, options: LoadOptions) -> tuple[int, ...]:
        """Grows with what a plan is worth; see the module."""
        if missing := self._missing(options):
            return 0, -missing
        if options.context_length < self._useful_contexts[-1]:
            return 1, options.context_length, options.gpu_layers
        is_exact = (options.cache_type_k, options.cache_type_v) == self._exact_cache()
        return 2, is_exact, options.gpu_layers, options.context_length

    def gpu_is_in_the_way(self) -> bool:
        """Whether there might be a better plan without it."""
        without_layers = _with_layers(self._options(self._exact_cache(), self._useful_contexts[-1]), 0)
        return bool(self._free.shared) or max(self._excess(without_layers, _Margin.FULL)[1:]) > 0

    def _missing(self, options: LoadOptions) -> int:
        return sum(max(0, excess) for excess in self._excess(options, _Margin.NONE))

    def _options(self, cache: _Cache, context_length: int) -> LoadOptions:
        wishes = self._wishes
        return LoadOptions(
            path=self._facts.path,
            context_length=context_length,
            threads=wishes.threads or self._threads,
            gpu_layers=self._layers[-1] if self._likely_layers is None else self._likely_layers,
            cache_type_k=cache.k,
            cache_type_v=cache.v,
            flash_attention=wishes.flash_attention,
            batch=wishes.batch,
            micro_batch=wishes.micro_batch,
            # What is kept in memory cannot be dropped: a mapped file could only take more.
            mapped=wishes.load_mode == "mapped" or (wishes.load_mode is None and not wishes.keep_in_memory),
            locked=wishes.keep_in_memory,
            rope_base=wishes.rope_base,
            rope_scale=wishes.rope_scale,
            devices=self._devices(),
            tensor_split=tuple(float(share) for share in wishes.tensor_split.split(",") if share),
            experts_on_cpu=wishes.experts_on_cpu if self._facts.has_experts else 0,
        )

    def _devices(self) -> tuple[str, ...] | None:
        is_all = self._free.gpus and not self._wishes.devices
        return None if is_all else tuple(name for name, _ in self._free.gpus)

    def _exact_cache(self) -> _Cache:
        return _Cache(self._wishes.cache_type_k or "f16", self._wishes.cache_type_v or "f16")

    def _small_cache(self) -> _Cache:
        """The smallest worth having; the exact one where the model allows no other."""
        # llama.cpp can only read a quantized V with flash attention.
        v = "f16" if self._wishes.flash_attention == "off" else "q8_0"
        small = _Cache(self._wishes.cache_type_k or "q8_0", self._wishes.cache_type_v or v)
        try:
            self._bill(self._options(small, self._useful_contexts[-1]))
        except ModelError:  # not every width of a head can be quantized
            return self._exact_cache()
        return small

    def _with_useful_context(self, cache: _Cache) -> LoadOptions | None:
        found = self._with_most_layers(self._options(cache, self._useful_contexts[-1]), _Margin.FULL)
        if not self._fits(found, _Margin.FULL):
            return None
        longer = self._contexts[len(self._useful_contexts) - 1 :]
        longest = _last(longer, lambda length: self._excess(_with_context(found, length), _Margin.HALF_OF_RAM))
        return found if longest is None else _with_context(found, longest)

    def _with_short_context(self, cache: _Cache) -> LoadOptions | None:
        def found(length: int) -> LoadOptions:
            return self._with_most_layers(self._options(cache, length), _Margin.FULL)

        def excess(length: int) -> list[int]:
            ram, *gpus = self._excess(found(length), _Margin.FULL)
            return [ram, *(max(0, gpu) for gpu in gpus)]  # the layers fill the GPUs, whatever the length

        coarse = self._useful_contexts[:-1:2]  # each costs a search for layers, and the last is known not to fit
        longest = _last(coarse, excess)
        return None if longest is None else found(longest)

    def _with_most_layers(self, options: LoadOptions, margin: _Margin) -> LoadOptions:
        """As many as the GPUs can take, whatever that leaves to RAM."""
        most = _last(
            self._layers[1:],
            lambda count: self._excess(_with_layers(options, count), margin)[1:],
            self._likely_layers,
        )
        self._likely_layers = most
        return _with_layers(options, self._layers[0] if most is None else most)

    def _with_load_mode(self, options: LoadOptions) -> LoadOptions:
        """Where weights are repacked, a mapped file holds them twice."""
        if self._wishes.load_mode is not None or options.locked:
            return options
        read = dataclasses.replace(options, mapped=False)
        saved = self._footprint(options) - self._footprint(read)
        is_worth_it = saved * _WORTH_READING > self._footprint(options)
        # The two need the same, but for a few bytes of padding.
        is_harmless = self._fits(read, _Margin.NONE) or not self._fits(options, _Margin.NONE)
        return read if is_worth_it and is_harmless else options

    def _footprint(self, options: LoadOptions) -> int:
        bill = self._bill(options)
        return bill.required + bill.mapped

    def _bill(self, options: LoadOptions) -> MemoryBill:
        if options not in self._bills:
            self._bills[options] = self._ask(options)
        return self._bills[options]

    def _fits(self, options: LoadOptions, margin: _Margin) -> bool:
        return max(self._excess(options, margin)) <= 0

    def _excess(self, options: LoadOptions, margin: _Margin) -> list[int]:
        """Bytes beyond what may be taken of RAM, then of each GPU; 0 or less where it fits."""
        bill, free = self._bill(options), self._free
        in_ram = [_Need.of(bill.on(name), options) for name in (RAM, *free.shared)]
        ram = _Need(sum(need.weights for need in in_ram), sum(need.total for need in in_ram))
        excess = [ram.total - free.ram + ram.kept_in_ram(free.ram, margin)]
        for name, free_there in free.gpus:
            gpu = _Need.of(bill.on(name), options)
            kept = gpu.kept_on_gpu(free_there, margin, self._wishes.gpu_layers is not None)
            excess.append(gpu.total - free_there + kept)
        return excess

    def _fit(self, options: LoadOptions) -> Fit:
        if not any(device.weights for device in self._bill(options).devices if device.device != RAM):
            return Fit.IN_RAM
        is_whole = options.gpu_layers > self._facts.layers and not options.experts_on_cpu
        return Fit.ON_GPU if is_whole else Fit.PARTLY_ON_GPU

    def _suggestion(self, options: LoadOptions) -> str:
        """Other layers before a shorter context: they cost only time."""
        wishes = self._wishes
        if wishes.gpu_layers is not None and self._free.gpus:
            self._layers = self._all_layers
            found = self._with_most_layers(options, _Margin.GPU)
            if found.gpu_layers == 0:
                found = dataclasses.replace(found, devices=())
            if self._fits(found, _Margin.GPU):
                return _layers_in_words(found.gpu_layers)
        shorter = range(_SHORTEST_CONTEXT, options.context_length, _CONTEXT_STEP)
        if wishes.context_length is None or not shorter:
            return ""
        length = _last(shorter, lambda length: self._excess(_with_context(options, length), _Margin.NONE))
        if length is None:
            return ""
        return f"a context of {format_count(length)} instead of {format_count(options.context_length)}"

    def _reasons(self, options: LoadOptions) -> Iterator[tuple[str, str]]:
        wishes = self._wishes
        if wishes.context_length is None:
            yield "context_length", self._reason_for_context(options)
        if wishes.threads is None:
            yield "threads", "One for each physical core of the processor."
        if wishes.gpu_layers is None:
            yield "gpu_layers", self._reason_for_layers(options.gpu_layers)
        for name, fixed, chosen in (
            ("cache_type_k", wishes.cache_type_k, options.cache_type_k),
            ("cache_type_v", wishes.cache_type_v, options.cache_type_v),
        ):
            if fixed is None:
                yield name, _reason_for_cache(chosen)
        if wishes.load_mode is None:
            yield "load_mode", self._reason_for_load_mode(options)

    def _reason_for_context(self, options: LoadOptions) -> str:
        if options.context_length == self._contexts[-1]:
            trained = self._facts.trained_context
            if trained > options.context_length + _CONTEXT_STEP:
                return f"Enough for long conversations. The model can use up to {format_count(trained)}."
            return "As long as the model can use." if trained else "The model does not say more."
        if not self._fits(options, _Margin.FULL):
            return "The shortest, as memory is short."
        return "As long as leaves memory to spare."

    def _reason_for_layers(self, layers: int) -> str:
        if self._has_idle_gpu:
            return "The graphics card has too little memory free, so the processor works alone."
        if not self._free.gpus:
            return "There is no graphics card to use."
        if layers > self._facts.layers:
            return "All of them fit on the graphics card."
        if layers:
            return f"As many of {self._facts.layers + 1} as fit on the graphics card."
        return "Not one fits into what is free on the graphics card."

    def _reason_for_load_mode(self, options: LoadOptions) -> str:
        if options.locked:
            return "Kept in memory, the file would only take more if it were mapped."
        if options.mapped:
            return "Mapping the file starts faster and takes no more memory."
        saved = self._footprint(dataclasses.replace(options, mapped=True)) - self._footprint(options)
        return f"Mapping the file would hold weights twice and take {format_bytes(saved)} more."


@dataclass(frozen=True, slots=True)
class _Need:
    """Bytes that must be in the memory of one device."""

    weights: int
    total: int

    @classmethod
    def of(cls, device: DeviceBill, options: LoadOptions) -> _Need:
        # Of weights that were repacked, the mapped original is not read again.
        weights = device.weights + device.mapped if options.locked else max(device.weights, device.mapped)
        return cls(weights, weights + device.kv_cache + device.buffers)

    def kept_in_ram(self, free: int, margin: _Margin) -> int:
        """Bytes of RAM that are to stay free."""
        if margin is _Margin.HALF_OF_RAM:
            return self._half_of_rest(free)
        return min(max(_GIB, free // 10), self._half_of_rest(free)) if margin is _Margin.FULL else 0

    def kept_on_gpu(self, free: int, margin: _Margin, layers_are_fixed: bool) -> int:
        """Bytes of a GPU that are to stay free."""
        # Without layers on it, it still helps to read prompts.
        if margin is _Margin.NONE or not self.weights:
            return 0
        kept = max(_GPU_MARGIN, free // 10)
        # Fixed layers may leave less than that. The context then gets half of what they leave.
        is_reduced = layers_are_fixed and margin is not _Margin.GPU
        return min(kept, self._half_of_rest(free)) if is_reduced else kept

    def _half_of_rest(self, free: int) -> int:
        return max(0, free - self.weights) // 2


def _only(value: int) -> range:
    return range(value, value + 1)


def _with_layers(options: LoadOptions, layers: int) -> LoadOptions:
    return dataclasses.replace(options, gpu_layers=layers)


def _with_context(options: LoadOptions, context_length: int) -> LoadOptions:
    return dataclasses.replace(options, context_length=context_length)


def _layers_in_words(count: int) -> str:
    return f"{count or 'no'} {'layer' if count == 1 else 'layers'} on the GPU"


def _reason_for_cache(cache_type: str) -> str:
    if cache_type == "f16":
        return "The most exact."
    return "Takes half of what f16 would, which is too much here."


def _last(values: range, excess: Callable[[int], list[int]], likely: int | None = None) -> int | None:
    """The last of `values` that fits, as no `excess`, which grow with them, is above 0; None if there is none.

    Tries both ends, or `likely` and its neighbour, and goes on in proportion: where each excess grows evenly, four
    tries are enough. Every fourth halves what is left, lest it be slow where they do not.
    """
    low, high = -1, len(values)  # positions: the last that is known to fit, the first that is known not to
    position = high - 1 if likely is None else values.index(likely)
    tries: list[tuple[int, list[int]]] = []
    while high - low > 1:
        here = excess(values[position])
        fits = max(here) <= 0
        low, high = (position, high) if fits else (low, position)
        tries.append((position, here))
        if len(tries) % 4 == 0:
            position = (low + high) // 2
        elif len(tries) > 1:
            position = _last_in_proportion(*tries[-2:])
        elif likely is None:
            position = 0
        else:
            position += 1 if fits else -1
        position = min(max(position, low + 1), high - 1)
    return None if low < 0 else values[low]


def _last_in_proportion(before: tuple[int, list[int]], last: tuple[int, list[int]]) -> int:
    """The last position that fits, if each excess grows evenly; the first that does not fit decides."""
    distance = last[0] - before[0]
    growths = [(there - here) / distance for here, there in zip(before[1], last[1], strict=True)]
    left = [-excess / growth for excess, growth in zip(last[1], growths, strict=True) if growth > 0]
    return last[0] + math.floor(min(left, default=0))
