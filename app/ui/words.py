"""Sentences about the engine: what it is doing, how a reply went. Qt only for `tr`."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QCoreApplication

from app.core.units import format_count
from app.engine import protocol

_REASONS = {
    "end": "the model ended its reply",
    "length": "the reply limit was reached",
    "context": "the context is full",
    "stopped": "stopped by you",
}


_MOST = 1e15  # what a file says of speeds and times may be anything


def tr(text: str) -> str:
    return QCoreApplication.translate("words", text)


def speed(tokens_per_second: float) -> str:
    return tr("{0} tokens/s").format(f"{tokens_per_second:.1f}")


def context_use(used: int, length: int) -> str:
    return tr("context {0} of {1}").format(format_count(used), format_count(length))


def seconds(value: float) -> str:
    return f"{value:.1f} s" if value < 60 else f"{int(value // 60)} min {int(value % 60)} s"


def reason(code: str) -> str:
    """Why a reply ended, in words."""
    return tr(_REASONS[code]) if code in _REASONS else ""


def footer(stats: dict[str, Any]) -> str:
    """One line under a reply, from what was stored with it; tolerant of what older versions did not store."""
    parts = []
    if rate := _number(stats, "tokens_per_second"):
        parts.append(speed(rate))
    if first := _number(stats, "first_token_seconds"):
        parts.append(tr("first token after {0}").format(seconds(first)))
    if stats.get("reason") not in (None, "end"):
        parts.append(reason(str(stats["reason"])))
    return " · ".join(part for part in parts if part)


def _number(stats: dict[str, Any], name: str) -> float:
    value = stats.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return 0.0
    return float(value) if abs(value) < _MOST else 0.0  # so what is not a number is 0 as well


def finished(stats: protocol.ReplyStats) -> str:
    """How the last reply went, for the status line."""
    parts = [tr("Ready")]
    if stats.tokens_per_second:
        parts.append(speed(stats.tokens_per_second))
    if stats.first_token_seconds:
        parts.append(tr("first token after {0}").format(seconds(stats.first_token_seconds)))
    parts.append(context_use(stats.context_used, stats.context_length))
    parts.append(reason(stats.reason))
    return " · ".join(part for part in parts if part)


def reading(progress: protocol.PromptProgress) -> str:
    return tr("Reading the prompt: {0} of {1} tokens").format(format_count(progress.done), format_count(progress.total))


def loaded(model: protocol.LoadedModel) -> str:
    parts = [tr("Ready"), tr("{0} on {1}").format(" ".join(filter(None, (model.name, model.quant))), model.backend)]
    if model.gpu_layers:
        parts.append(tr("{0} of {1} layers on the GPU").format(min(model.gpu_layers, model.layers), model.layers))
    parts.append(tr("context length {0}").format(format_count(model.context_length)))
    return " · ".join(parts)
