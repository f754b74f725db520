"""Renders a conversation with every chat template that llama.cpp ships, and says which lose a part of it.

    python tools/check_templates.py [FOLDER or SOURCE ARCHIVE]

Without an argument it downloads the source archive of the llama-cpp-python that is installed (75 MB). One line per
template; exits 1 if one fails.
"""

from __future__ import annotations

import importlib.metadata
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path

from app.core.errors import TemplateFailed
from app.engine.protocol import ChatMessage
from app.engine.templates import ChatTemplate

ROOT = Path(__file__).parents[1]
CONVERSATION = (
    ChatMessage("system", "Answer in rhymes."),
    ChatMessage("user", "What is a llama?"),
    ChatMessage("assistant", "It hums on the pampas."),
    ChatMessage("user", "And an alpaca?"),
)


def main(arguments: list[str]) -> int:
    with tempfile.TemporaryDirectory() as folder:
        place = Path(arguments[0]) if arguments else download(Path(folder))
        faults = {name: fault_of(text) for name, text in templates_in(place)}
    for name, fault in faults.items():
        sys.stdout.write(f"FAILED  {name}: {fault}\n" if fault else f"ok      {name}\n")
    failed = sum(map(bool, faults.values()))
    sys.stdout.write(f"{len(faults)} templates, {failed} failed\n")
    return 1 if failed or not faults else 0


def download(folder: Path) -> Path:
    """Fetches the source archive with pip, which uv brings if there is none here."""
    version = importlib.metadata.version("llama-cpp-python")
    uv = shutil.which("uv") or str(ROOT / ".uv/bin/uv")
    command = [uv, "tool", "run", "pip", "download", "--no-deps", "--no-binary", ":all:", "--dest", str(folder)]
    subprocess.run([*command, f"llama-cpp-python=={version}"], check=True)
    return next(folder.glob("*.tar.gz"))


def templates_in(place: Path) -> Iterator[tuple[str, str]]:
    """The name and text of each template, by name."""
    if place.is_dir():
        for path in sorted(place.glob("*.jinja")):
            yield path.name, path.read_text("utf-8")
        return
    with tarfile.open(place) as archive:
        for member in sorted(archive, key=lambda member: member.name):
            path = Path(member.name)
            if path.match("llama.cpp/models/templates/*.jinja") and (file := archive.extractfile(member)):
                yield path.name, file.read().decode("utf-8")


def fault_of(text: str) -> str:
    """What is wrong with a template; empty if nothing is."""
    try:
        rendered = ChatTemplate(text, "model").render(CONVERSATION, "<s>", "</s>")
    except TemplateFailed as error:
        return error.detail
    places = [rendered.find(message.text) for message in CONVERSATION]
    lost = [message.role for message, place in zip(CONVERSATION, places, strict=True) if place < 0]
    if lost:
        return f"what the {' and the '.join(lost)} said is lost"
    turns = places[1:]  # some put the system prompt into the newest turn
    return "" if turns == sorted(turns) else "the order is lost"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
