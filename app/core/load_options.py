"""How a model is to be loaded."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class LoadOptions:
    """How the model at `path` is to be loaded; nothing is automatic any more.

    Lengths and batches are in tokens. `gpu_layers` beyond the model's own mean all. `mapped` leaves the weights in the
    file and maps it into memory; `locked` keeps them from being swapped. 0 as `rope_base` or `rope_scale` means the
    model's own. Types of the cache, such as q8_0, are those of `settings`, as is `flash_attention`. `devices` are the
    names of the GPUs to use: None means all, and without one there is only the processor. They share the model in
    proportion to `tensor_split`, or to what is free on each if that is empty. Of the first `experts_on_cpu` layers the
    experts stay in RAM.
    """

    path: Path
    context_length: int
    threads: int
    gpu_layers: int
    cache_type_k: str = "f16"
    cache_type_v: str = "f16"
    flash_attention: str = "auto"
    batch: int = 2048
    micro_batch: int = 512
    mapped: bool = True
    locked: bool = False
    rope_base: float = 0.0
    rope_scale: float = 0.0
    devices: tuple[str, ...] | None = None
    tensor_split: tuple[float, ...] = ()
    experts_on_cpu: int = 0
