"""What the Hub says about models, as values."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Sort(enum.Enum):
    """The order of search results; the value is the Hub's word."""

    DOWNLOADS = "downloads"
    LIKES = "likes"
    CHANGED = "lastModified"


class ChatTuning(enum.Enum):
    """Whether a model was trained to hold a conversation."""

    YES = "yes"
    NO = "no"  # a base model or a checkpoint on the way
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class SearchRow:
    """One model in a list of results. `changed_at` in seconds since 1970, 0 if unknown; `downloads` of 30 days."""

    id: str  # owner/name
    downloads: int = 0
    likes: int = 0
    changed_at: float = 0.0
    gated: bool = False
    licence: str = ""


@dataclass(frozen=True, slots=True)
class SearchPage:
    """Results, and the address of the next page, empty if this is the last."""

    rows: tuple[SearchRow, ...]
    next_page: str = ""


@dataclass(frozen=True, slots=True)
class HubFile:
    """A file of a model at the Hub. Size in bytes, -1 if unknown; `sha256` empty if the Hub does not say."""

    path: str
    size: int
    sha256: str = ""


@dataclass(frozen=True, slots=True)
class HubModel:
    """A model's page. Numbers that the Hub does not state are 0, words empty."""

    id: str  # owner/name
    commit: str
    files: tuple[HubFile, ...]
    downloads: int = 0
    likes: int = 0
    changed_at: float = 0.0
    licence: str = ""
    base_models: tuple[str, ...] = ()
    gated: bool = False
    private: bool = False
    tuning: ChatTuning = ChatTuning.UNKNOWN
    architecture: str = ""
    context_length: int = 0
    parameters: int = 0
    other_formats: tuple[str, ...] = ()  # such as AWQ, GPTQ, safetensors: those that Paddock cannot run

    @property
    def name(self) -> str:
        """Without the owner."""
        return self.id.rpartition("/")[2]

    @property
    def owner(self) -> str:
        return self.id.rpartition("/")[0]
