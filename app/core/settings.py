"""The settings: one frozen dataclass. A field carries its default, label, help and limits.

`None` means automatic: the engine chooses for this machine and this model, and says what it chose
(`protocol.LoadedModel`). The panel is drawn from the fields, so that a new setting is one field here.
"""

from __future__ import annotations

import dataclasses
import enum
import json
import logging
import math
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.core.files import replace_file

log = logging.getLogger(__name__)

_NAME = r"[\w.:-]+"
_SHARE = r"\d{1,6}(?:\.\d{1,6})?"
_CACHE_TYPES = (("f16", "F16"), ("q8_0", "Q8_0"), ("q4_0", "Q4_0"))

DEFAULT_SYSTEM_PROMPT = "You are a helpful, honest assistant. Answer briefly and clearly."


class Group(enum.Enum):
    """Where a setting is shown, and when it takes effect."""

    LOADING = "loading"  # takes effect with `Apply and reload`
    SAMPLING = "sampling"  # takes effect with the next message
    APPLICATION = "application"  # takes effect at once
    NETWORK = "network"  # takes effect at once; has a place of its own in Settings
    DEVICES = "devices"  # takes effect when a model is loaded; found out by trying the devices


@dataclass(frozen=True, slots=True)
class Setting:
    """How one field of `Settings` is shown and what it may hold. Numbers only have `minimum`, `maximum`, `step`.

    A field whose default is True or False is a switch.
    """

    group: Group
    label: str
    help: str
    minimum: float | None = None
    maximum: float | None = None
    step: float | None = None
    automatic: str = ""  # what the panel says for None; empty if None is not allowed
    choices: tuple[tuple[str, str], ...] = ()  # (value, label)
    pattern: str = ""  # regular expression for a whole text that is not empty
    advanced: bool = False  # shown only when asked for


def _field(default: Any, setting: Setting) -> Any:
    return dataclasses.field(default=default, metadata={"setting": setting})


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything the user can set. Out-of-range values cannot be made: `clamped` mends them."""

    context_length: int | None = _field(
        None,
        Setting(
            Group.LOADING,
            "Context length",
            "How many tokens the model can see at once. Longer takes more memory.",
            minimum=256,
            maximum=1_048_576,
            step=256,
            automatic="automatic",
        ),
    )
    threads: int | None = _field(
        None,
        Setting(
            Group.LOADING,
            "Threads",
            "Processor threads the engine uses. As many as there are physical cores is usually fastest.",
            minimum=1,
            maximum=max(1, os.cpu_count() or 1),
            step=1,
            automatic="automatic",
        ),
    )
    gpu_layers: int | None = _field(
        None,
        Setting(
            Group.LOADING,
            "GPU layers",
            "How many layers of the model run on the graphics card. 0 uses the processor alone.",
            minimum=0,
            maximum=999,
            step=1,
            automatic="automatic",
        ),
    )
    cache_type_k: str | None = _field(
        None,
        Setting(
            Group.LOADING,
            "KV cache type K",
            "How exactly keys are kept. Q8_0 takes half the memory of F16, Q4_0 a quarter and costs quality.",
            automatic="automatic",
            choices=_CACHE_TYPES,
            advanced=True,
        ),
    )
    cache_type_v: str | None = _field(
        None,
        Setting(
            Group.LOADING,
            "KV cache type V",
            "How exactly values are kept. All but F16 need flash attention.",
            automatic="automatic",
            choices=_CACHE_TYPES,
            advanced=True,
        ),
    )
    flash_attention: str = _field(
        "auto",
        Setting(
            Group.LOADING,
            "Flash attention",
            "A faster way to compute that takes less memory.",
            choices=(("auto", "Where it works"), ("on", "On"), ("off", "Off")),
            advanced=True,
        ),
    )
    batch: int = _field(
        512,
        Setting(
            Group.LOADING,
            "Batch",
            "Tokens of a prompt that are read in one go. Stop takes effect after each. A processor alone takes 128.",
            minimum=1,
            maximum=16_384,
            step=128,
            advanced=True,
        ),
    )
    micro_batch: int = _field(
        512,
        Setting(
            Group.LOADING,
            "Micro-batch",
            "Tokens of a batch that are computed at once. More takes larger buffers.",
            minimum=1,
            maximum=16_384,
            step=128,
            advanced=True,
        ),
    )
    load_mode: str | None = _field(
        None,
        Setting(
            Group.LOADING,
            "Load mode",
            "A mapped file starts faster, and the system may drop parts of it. Some weights would then be held twice.",
            automatic="automatic",
            choices=(("mapped", "Map the file"), ("read", "Read the file")),
            advanced=True,
        ),
    )
    keep_in_memory: bool = _field(
        False,
        Setting(
            Group.LOADING,
            "Keep in memory",
            "The system may not swap the model out or drop parts of it.",
            advanced=True,
        ),
    )
    rope_base: float = _field(
        0.0,
        Setting(
            Group.LOADING,
            "RoPE base",
            "Frequency base of positions. 0 is the model's own.",
            minimum=0.0,
            maximum=100_000_000.0,
            step=10_000.0,
            advanced=True,
        ),
    )
    rope_scale: float = _field(
        0.0,
        Setting(
            Group.LOADING,
            "RoPE scale",
            "Frequency scale of positions: 0.5 stretches the context to twice its length. 0 is the model's own.",
            minimum=0.0,
            maximum=4.0,
            step=0.05,
            advanced=True,
        ),
    )
    devices: str = _field(
        "",
        Setting(
            Group.LOADING,
            "Devices",
            "Graphics cards to use, such as CUDA0,CUDA1. Empty: all that work.",
            pattern=rf"\s*{_NAME}\s*(?:,\s*{_NAME}\s*)*",
            advanced=True,
        ),
    )
    tensor_split: str = _field(
        "",
        Setting(
            Group.LOADING,
            "Tensor split",
            "Shares of the model for several graphics cards, such as 3,1. Empty: by what is free on each.",
            pattern=rf"\s*{_SHARE}\s*(?:,\s*{_SHARE}\s*)*",
            advanced=True,
        ),
    )
    experts_on_cpu: int = _field(
        0,
        Setting(
            Group.LOADING,
            "Experts on the CPU",
            "Layers whose experts stay in RAM while the rest is on the graphics card. Only for mixtures of experts.",
            minimum=0,
            maximum=999,
            step=1,
            advanced=True,
        ),
    )
    temperature: float = _field(
        0.7,
        Setting(
            Group.SAMPLING,
            "Temperature",
            "Higher is more inventive, lower more predictable; 0 always takes the likeliest word.",
            minimum=0.0,
            maximum=2.0,
            step=0.05,
        ),
    )
    top_k: int = _field(
        40,
        Setting(
            Group.SAMPLING,
            "Top-k",
            "Choose among this many of the likeliest tokens. 0 means all.",
            minimum=0,
            maximum=1000,
            step=1,
        ),
    )
    top_p: float = _field(
        0.95,
        Setting(
            Group.SAMPLING,
            "Top-p",
            "Choose among the likeliest tokens that make up this share of the probability. 1 means all.",
            minimum=0.0,
            maximum=1.0,
            step=0.01,
        ),
    )
    min_p: float = _field(
        0.05,
        Setting(
            Group.SAMPLING,
            "Min-p",
            "Leave out tokens less likely than this share of the likeliest one. 0 leaves out none.",
            minimum=0.0,
            maximum=1.0,
            step=0.01,
        ),
    )
    repeat_penalty: float = _field(
        1.1,
        Setting(
            Group.SAMPLING,
            "Repeat penalty",
            "Makes words that were just written less likely. 1 means no penalty.",
            minimum=1.0,
            maximum=2.0,
            step=0.01,
        ),
    )
    seed: int | None = _field(
        None,
        Setting(
            Group.SAMPLING,
            "Seed",
            "The same seed gives the same reply to the same question.",
            minimum=0,
            maximum=2**31 - 1,
            step=1,
            automatic="random",
        ),
    )
    reply_limit: int | None = _field(
        None,
        Setting(
            Group.SAMPLING,
            "Reply limit",
            "The longest reply, in tokens.",
            minimum=1,
            maximum=1_048_576,
            step=64,
            automatic="no limit",
        ),
    )
    default_system_prompt: str = _field(
        DEFAULT_SYSTEM_PROMPT,
        Setting(
            Group.APPLICATION,
            "Default system prompt",
            "New conversations start with this. Each conversation can have its own.",
        ),
    )
    appearance: str = _field(
        "system",
        Setting(
            Group.APPLICATION,
            "Appearance",
            "Light, dark, or as the system is set. High contrast also comes when the system asks for it.",
            choices=(
                ("system", "Follow the system"),
                ("light", "Light"),
                ("dark", "Dark"),
                ("light_contrast", "High contrast, light"),
                ("dark_contrast", "High contrast, dark"),
            ),
        ),
    )
    text_size: float = _field(
        1.0,
        Setting(
            Group.APPLICATION,
            "Text size",
            "Of conversations. Ctrl++ and Ctrl+- change it as well.",
            minimum=0.5,
            maximum=3.0,
            step=0.1,
        ),
    )

    offline: bool = _field(
        False,
        Setting(Group.NETWORK, "Offline", "No connection leaves this computer."),
    )
    look_for_releases: bool = _field(
        False,
        Setting(Group.NETWORK, "Look for new versions", "Asks GitHub once a day, and tells nothing about you."),
    )
    models_folder: str = _field(
        "",
        Setting(Group.NETWORK, "Models folder", "Where downloads go. Empty: a folder beside your conversations."),
    )
    token_kept: bool = _field(
        False,
        Setting(Group.NETWORK, "Token kept", "A Hub token was put into the system keyring, so it is looked for there."),
    )

    devices_to_avoid: str = _field(
        "",
        Setting(
            Group.DEVICES,
            "Devices to avoid",
            "Names of devices that were tried and did not work, with commas between them.",
            pattern=rf"\s*{_NAME}\s*(?:,\s*{_NAME}\s*)*",
        ),
    )

    def clamped(self) -> Settings:
        """These settings with every value of the right kind and within its limits."""
        return dataclasses.replace(
            self, **{field.name: _clamp(field, getattr(self, field.name)) for field in dataclasses.fields(self)}
        )


def setting_of(name: str) -> Setting:
    """How the field `name` is shown and limited."""
    return _settings_by_name()[name]


def names_in(group: Group) -> list[str]:
    """The names of the fields of `group`, in the order they are shown."""
    return [name for name, setting in _settings_by_name().items() if setting.group is group]


def _settings_by_name() -> dict[str, Setting]:
    return {field.name: field.metadata["setting"] for field in dataclasses.fields(Settings)}


def _clamp(field: dataclasses.Field[Any], value: Any) -> Any:
    setting: Setting = field.metadata["setting"]
    if value is None:
        return None if setting.automatic else field.default
    if isinstance(field.default, bool):
        return value if isinstance(value, bool) else field.default
    if setting.choices:
        return value if value in [choice for choice, _ in setting.choices] else field.default
    if setting.minimum is None or setting.maximum is None:
        return value if isinstance(value, str) and _is_text_of(setting, value) else field.default
    if isinstance(value, bool) or not isinstance(value, int | float):
        return field.default
    if isinstance(value, float) and math.isnan(value):
        return field.default
    kind = float if isinstance(field.default, float) else int
    return kind(min(max(value, setting.minimum), setting.maximum))


def _is_text_of(setting: Setting, text: str) -> bool:
    return not (setting.pattern and text) or re.fullmatch(setting.pattern, text, re.ASCII) is not None


class SettingsStore:
    """Keeps `Settings` in one JSON file, replaced atomically. A damaged or unknown field costs only itself."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def load(self) -> Settings:
        """The settings on disk; defaults where there is no file, or where a value makes no sense."""
        try:
            values = json.loads(self._path.read_text("utf-8"))
        except FileNotFoundError:
            return Settings()
        except (OSError, ValueError) as error:
            log.warning("settings not read, defaults used: %s", error)
            return Settings()
        known = _settings_by_name()
        return Settings(**{name: value for name, value in _items(values) if name in known}).clamped()

    def save(self, settings: Settings) -> None:
        """Replaces the file. Raises `OSError` if the disk refuses."""
        # A lone surrogate (half a character pasted from elsewhere) is no valid UTF-8; escaping is.
        text = json.dumps(dataclasses.asdict(settings), indent=2, ensure_ascii=True) + "\n"
        replace_file(self._path, text.encode("ascii"))


def _items(values: Any) -> list[tuple[str, Any]]:
    return list(values.items()) if isinstance(values, dict) else []
