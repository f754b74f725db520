"""Takes the pictures in resources/screenshots: `make screenshots`, or `python tools/screenshots.py FOLDER`.

The window and the engine thread are the app's own. What the model says is scripted, and a fake Hub stands in for the
real one, so that the pictures are the same on every machine.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PySide6.QtCore import QEventLoop, QTimer
from PySide6.QtWidgets import (
    QApplication,
    QLineEdit,
    QListView,
    QPushButton,
    QScrollArea,
    QTabBar,
    QTableView,
    QWidget,
)

from app.core import guide
from app.core.conversations import ConversationStore
from app.core.database import open_database
from app.core.memory import DeviceBill, DeviceMemory
from app.core.paths import DataPaths
from app.core.planner import Fit
from app.core.settings import Settings, SettingsStore
from app.engine import protocol
from app.ui.application import Application
from tests.fake_hub import FakeHub
from tests.fake_hub_demo import add_demo_library
from tests.fake_hub_faults import Fault, Kind
from tests.gguf_writer import Shape, write_gguf
from tests.scripted_child import ScriptedChild

Widget = TypeVar("Widget", bound=QWidget)
TINY_LLAMA = Shape(width=2048, layers=22, heads=32, kv_heads=4, ff=5632, vocabulary=32_000, context=2048)
SIZE = (1280, 820)
TIMEOUT = 20  # seconds
QUESTION = "What should I think of when I plant an apple tree?"
ANSWER = """\
An apple tree wants **sun, room and company**. In short:

1. **Place**: six hours of sun a day, and not in a hollow where frost gathers.
2. **Room**: 3 to 5 metres to the next tree, depending on the rootstock.
3. **Company**: most kinds need another apple nearby that flowers at the same time.

Plant it while it sleeps, between *November and March*:

```
dig      twice as wide as the roots, no deeper
keep     the graft a hand above the soil
water    20 litres at once, then weekly in the first summer
```

> A stake on the windward side keeps the roots still until they hold by themselves.
"""

NEXT_QUESTION = "And how do I keep the deer away?"
NEXT_ANSWER = (
    "A **sleeve of wire mesh** around the trunk, as high as a deer reaches, until the tree is as thick as your arm. "
    "For several trees a fence is less work: 1.8 metres, and closed at the ground."
)
LESSON_QUESTION = "How much does a sapling grow in ten years? With a formula and a program, please."
LESSON = """\
<think>
Growth by a fixed share each year is exponential. 1.2 metres at first, 15 % a year: that is about 4.9 metres.
</think>
A sapling of height $h_0$ that grows by a share $r$ each year is

$$h(n) = h_0\\,(1 + r)^n, \\qquad n = \\frac{\\ln(h / h_0)}{\\ln(1 + r)}$$

metres high after $n$ years. As a program:

```python
def height(start: float, share: float, years: int) -> float:
    return start * (1 + share) ** years  # in metres
```

| Kind | First height | A year | After ten years |
|:--|--:|--:|--:|
| Apple | 1.2 m | 15 % | 4.9 m |
| Pear | 1.0 m | 18 % | 5.2 m |
| Quince | 0.8 m | 14 % | 3.0 m |
"""

BILL = (DeviceBill("RAM", weights=668_000_000, kv_cache=46_137_344, buffers=14_500_000),)


class Gardener(ScriptedChild):
    """Answers the question above, and stops or dies in the middle if its behaviour says so."""

    def load(self, command: protocol.LoadModel) -> None:
        self.send(protocol.LoadProgress(command.request_id, 0.62))
        if self.behaviour == "loading":
            time.sleep(3600)
        self.send(
            protocol.LoadedModel(
                request_id=command.request_id,
                path=command.path,
                name=guide.NAME if guide.is_guide(command.path) else "TinyLlama-1.1B-Chat-v1.0",
                architecture="llama",
                quant="Q8_0" if guide.is_guide(command.path) else "Q4_K_M",
                parameters=1_100_048_384,
                file_size=668_788_096,
                context_length=2048,
                trained_context_length=2048,
                threads=4,
                gpu_layers=0,
                layers=22,
                backend="CPU",
                template_source="model",
                bill=BILL,
                plan=protocol.MemoryEstimated(
                    request_id=command.request_id,
                    devices=BILL,
                    memory=(DeviceMemory("RAM", "Memory", 16 << 30, 11 << 30),),
                    context_length=2048,
                    gpu_layers=0,
                    layers=22,
                    threads=4,
                    cache_type_k="f16",
                    cache_type_v="f16",
                    mapped=False,
                    fit=Fit.IN_RAM.value,
                    missing=0,
                    suggestion="",
                    reasons=(
                        ("context_length", "As long as the model can use."),
                        ("threads", "One for each physical core of the processor."),
                        ("gpu_layers", "There is no graphics card to use."),
                    ),
                ),
            )
        )

    def generate(self, command: protocol.Generate) -> None:
        whole = self.behaviour not in ("streaming", "crashing")
        text = ANSWER if whole else ANSWER[: len(ANSWER) * 3 // 5]
        text = {LESSON_QUESTION: LESSON, NEXT_QUESTION: NEXT_ANSWER}.get(command.messages[-1].text, text)
        asked_before = sum(message.role == "user" for message in command.messages) - 1
        self.send(protocol.PromptProgress(command.reply_id, 61, 61, 0, (0, 1) if asked_before else ()))
        self.send(protocol.TextReceived(command.reply_id, text))
        self.send(protocol.WriteProgress(command.reply_id, 148, 21.4, 209))
        if self.behaviour == "crashing":
            os.abort()
        if self.behaviour == "streaming":
            time.sleep(3600)
        stats = protocol.ReplyStats("end", 61, 0, 212, 0.4, 21.4, 273, 2048, 1)
        self.send(protocol.ReplyFinished(command.reply_id, stats))


class Studio:
    """One window with its own data folder, engine child and appearance."""

    def __init__(self, folder: Path, behaviour: str, appearance: str) -> None:
        paths = DataPaths.at(folder)
        paths.create()
        SettingsStore(paths.settings).save(Settings(appearance=appearance))
        self._database = open_database(paths.database)
        child = [sys.executable, str(Path(__file__)), "--child", behaviour]
        self.application = Application(paths, self._database, child)
        self.application.window.resize(*SIZE)
        self.application.window.show()

    def begin(self, model: str) -> None:
        self.application.begin(Path(model) if model else None)

    def ask(self, question: str) -> None:
        self.application.chat.send(question)

    def last_message(self) -> str:
        conversation = self.application.chat.conversation
        assert conversation is not None
        return ConversationStore(self._database).messages(conversation.id)[-1].id

    def close(self) -> None:
        self.application.window.close()
        self.application.close()
        self._database.close()


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + TIMEOUT
    while not condition():
        if time.monotonic() > deadline:
            sys.exit("waited in vain")
        pause(20)


def pause(milliseconds: int) -> None:
    loop = QEventLoop()
    QTimer.singleShot(milliseconds, loop.quit)
    loop.exec()


def take(folder: Path, name: str, behaviour: str, appearance: str) -> None:
    data = Path(tempfile.mkdtemp())
    studio = Studio(data, behaviour, appearance)
    status = studio.application.status_text
    studio.begin("" if behaviour == "first-start" else "/models/tinyllama-1.1b-chat-v1.0.Q4_K_M.gguf")
    if behaviour == "loading":
        wait_for(lambda: "62" in status())
    else:
        wait_for(lambda: status().startswith("Ready"))
    if behaviour not in ("first-start", "loading"):
        studio.ask(LESSON_QUESTION if behaviour == "teaching" else QUESTION)
        wait_for(lambda: any(word in status() for word in ("Writing", "21.4", "stopped unexpectedly")))
        if behaviour == "crashing":
            wait_for(lambda: not studio.application.chat.is_writing)
    pause(1500)  # until the context meter has its answer, and formulas and colours are there
    path = folder / f"{name}-{appearance}.png"
    studio.application.window.grab().save(str(path))
    print(path)
    studio.close()
    shutil.rmtree(data)


def take_conversations(folder: Path, appearance: str) -> None:
    """Versions of a reply, messages that no longer fit, and the search in all conversations."""
    data = Path(tempfile.mkdtemp())
    studio = Studio(data, "answering", appearance)
    chat, window = studio.application.chat, studio.application.window
    studio.begin("/models/tinyllama-1.1b-chat-v1.0.Q4_K_M.gguf")
    wait_for(lambda: studio.application.status_text().startswith("Ready"))
    studio.ask(QUESTION)
    wait_for(lambda: not chat.is_writing)
    assert chat.conversation is not None
    chat.answer_again(studio.last_message())
    wait_for(lambda: not chat.is_writing)
    pause(500)
    for name, question, sought in (
        ("versions", "", ""),
        ("context", NEXT_QUESTION, ""),
        ("search-conversations", "", "apple"),
    ):
        if question:
            studio.ask(question)
            wait_for(lambda: not chat.is_writing)
        box = window.findChild(QLineEdit, "search_conversations")
        assert box is not None
        box.setText(sought)
        pause(1500)
        path = folder / f"{name}-{appearance}.png"
        window.grab().save(str(path))
        print(path)
    studio.close()
    shutil.rmtree(data)


def take_library(folder: Path, appearance: str) -> None:
    """Finding a model, its quants, downloads under way, what is on disk, and the ledger, all in one sitting."""
    data = Path(tempfile.mkdtemp()) / "Paddock"
    with FakeHub() as hub:
        add_demo_library(hub)
        hub.faults.add(Fault(Kind.THROTTLE, "cdn", times=None, speed=6_000_000))
        hub.faults.add(Fault(Kind.CLOSE, "hub", times=None, match="Q3_K_M"))
        os.environ["HF_ENDPOINT"] = hub.endpoint
        _write_models(data / "models")
        studio = Studio(data, "answering", appearance)
        studio.begin("")
        window = studio.application.window

        def shot(name: str) -> None:
            pause(300)
            path = folder / f"{name}-{appearance}.png"
            window.grab().save(str(path))
            print(path)

        def control(kind: type[Widget], name: str) -> Widget:
            wait_for(lambda: any(widget.isVisible() for widget in window.findChildren(kind, name)))
            return next(widget for widget in window.findChildren(kind, name) if widget.isVisible())

        window.show_place("library")
        shot("shelf")
        control(QLineEdit, "search_models").setText("tiny")
        wait_for(lambda: control(QListView, "models").model().rowCount() > 12)
        shot("search")
        studio.application.library.open_model("TheBloke/TinyLlama-1.1B-Chat-v1.0-GGUF")
        table = control(QTableView, "quants")
        wait_for(lambda: table.model().rowCount() == 12)
        shot("quants")
        for row in (6, 2, 10):  # Q4_K_M, Q3_K_M, Q6_K
            table.setCurrentIndex(table.model().index(row, 0))
            control(QPushButton, "download").click()
        downloads = studio.application.library.downloads
        pause(4000)
        downloads.pause(downloads.all()[2][0].id)
        shot("downloads")
        for plan, _ in downloads.all():
            downloads.cancel(plan.id)
        control(QTabBar, "library_pages").setCurrentIndex(1)
        shot("my-models")
        window.show_place("settings")
        ledger = control(QTableView, "requests")
        wait_for(lambda: ledger.model().rowCount() > 3)
        control(QScrollArea, "settings_place").ensureWidgetVisible(ledger)
        shot("ledger")
        studio.close()
    shutil.rmtree(data.parent)


def _write_models(folder: Path) -> None:
    for repo, name, quant in (
        ("TheBloke/TinyLlama-1.1B-Chat-v1.0-GGUF", "TinyLlama-1.1B-Chat-v1.0", "Q8_0"),
        ("TheBloke/TinyLlama-1.1B-Chat-v1.0-GGUF", "TinyLlama-1.1B-Chat-v1.0", "F16"),
        ("Qwen/Qwen2.5-1.5B-Instruct-GGUF", "Qwen2.5-1.5B-Instruct", "Q8_0"),
    ):
        (folder / repo).mkdir(parents=True, exist_ok=True)
        write_gguf(folder / repo / f"{name}.{quant}.gguf", TINY_LLAMA, quant=quant, name=name, sparse=True)


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "resources" / "screenshots"
    folder.mkdir(parents=True, exist_ok=True)
    application = QApplication([])
    application.setQuitOnLastWindowClosed(False)
    for appearance in ("light", "dark"):
        for name, behaviour in (
            ("chat", "answering"),
            ("lesson", "teaching"),
            ("first-start", "first-start"),
            ("loading", "loading"),
            ("streaming", "streaming"),
            ("crash", "crashing"),
        ):
            take(folder, name, behaviour, appearance)
        take_conversations(folder, appearance)
        take_library(folder, appearance)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        Gardener(sys.argv[2], None).run()
    else:
        main()
