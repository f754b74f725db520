"""What the fake Hub keeps: repositories and their files, some of which exist only as a rule to make their bytes."""

from __future__ import annotations

import functools
import hashlib
import random
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

PIECE = 1 << 20
AFFORDABLE = 512 << 20  # bytes that are hashed to know their SHA-256; half a second

LARGE_FILES = (".gguf", ".safetensors", ".bin", ".pt")  # kept outside git, as the Hub does


@dataclass(frozen=True)
class VirtualFile:
    """A file of any size that takes no memory. No two stretches of it are the same, so a shifted one is found out.

    `sha256` must be given for a file too large to be hashed, if it matters: else it is made up.
    """

    size: int
    seed: int = 0
    sha256: str = ""

    def __len__(self) -> int:  # of use only below 8 EiB, as `len` is
        return self.size

    def pieces(self, start: int, stop: int) -> Iterator[memoryview]:
        """The bytes from `start` to `stop`. A piece is good until the next one is asked for."""
        piece = bytearray(_noise(self.seed))
        while start < stop:
            number, offset = divmod(start, PIECE)
            piece[:8] = number.to_bytes(8, "little")
            end = min(PIECE, offset + stop - start)
            yield memoryview(piece)[offset:end]
            start += end - offset

    def read(self, start: int, stop: int) -> bytes:
        found = bytearray()
        for piece in self.pieces(start, min(stop, self.size)):
            found += piece
        return bytes(found)


Content = bytes | VirtualFile


@functools.lru_cache(maxsize=16)
def _noise(seed: int) -> bytes:
    return random.Random(seed).randbytes(PIECE)


def pieces(content: Content, start: int, stop: int) -> Iterator[memoryview]:
    """The bytes of a file from `start` to `stop`, in pieces that are quick to send."""
    if isinstance(content, VirtualFile):
        yield from content.pieces(start, stop)
        return
    for begin in range(start, stop, PIECE):
        yield memoryview(content)[begin : min(begin + PIECE, stop)]


@functools.lru_cache(maxsize=256)
def sha256_of(content: Content) -> str:
    """The true hash, or one made up for a file that is too large to be hashed here."""
    if isinstance(content, VirtualFile) and content.sha256:
        return content.sha256
    if len(content) > AFFORDABLE:
        return hashlib.sha256(repr(content).encode()).hexdigest()
    return true_sha256(content)


def true_sha256(content: Content) -> str:
    digest = hashlib.sha256()
    for piece in pieces(content, 0, len(content)):
        digest.update(piece)
    return digest.hexdigest()


@dataclass(frozen=True)
class StoredFile:
    """One version of one file."""

    path: str
    content: Content

    @property
    def size(self) -> int:
        return len(self.content)

    @property
    def is_large(self) -> bool:
        return self.path.lower().endswith(LARGE_FILES)

    @property
    def sha256(self) -> str:
        return sha256_of(self.content)

    @property
    def xet_hash(self) -> str:
        """What the CDN calls the file; of no use for checking it."""
        return hashlib.sha256(f"xet {self.sha256}".encode()).hexdigest()

    @property
    def oid(self) -> str:
        """Git's name for it."""
        return hashlib.sha1(f"blob {self.path} {self.sha256}".encode()).hexdigest()


@dataclass
class Repository:
    """A model. `versions` maps each commit to its files; the last one is `main`."""

    id: str
    versions: dict[str, dict[str, StoredFile]] = field(default_factory=dict)
    downloads: int = 0
    likes: int = 0
    last_modified: str = "2024-01-01T00:00:00.000Z"
    gated: str | bool = False
    private: bool = False
    disabled: bool = False
    tags: tuple[str, ...] = ()
    gguf: Mapping[str, Any] | None = None
    card_data: dict[str, Any] = field(default_factory=dict)

    @property
    def commit(self) -> str:
        return list(self.versions)[-1]

    def files(self, revision: str = "main") -> dict[str, StoredFile] | None:
        """The files of a commit or of `main`; None if there is no such revision."""
        return self.versions.get(self.commit if revision == "main" else revision)

    def put(self, files: Mapping[str, Content]) -> None:
        """Commits files over those that are there."""
        kept = dict(self.versions[self.commit]) if self.versions else {}
        kept |= {path: StoredFile(path, content) for path, content in files.items()}
        words = f"{self.id} {len(self.versions)} {time.time_ns()}"
        self.versions[hashlib.sha1(words.encode()).hexdigest()] = kept
