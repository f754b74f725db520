"""`paddock --self-test`: does the engine work on this machine? Uses the same child and pipe as the window."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from PySide6.QtCore import QCoreApplication, QObject, QTimer, Slot

from app.core import errors
from app.core.guide import guide_path
from app.core.paths import DataPaths
from app.core.settings import Settings
from app.engine import protocol
from app.engine.child_command import child_command
from app.engine.engine import Engine

_TOKENS = 16
_TIME_LIMIT = 300  # seconds; a GPU compiles its kernels at the first use
_QUESTION = "Hello! Who are you?"


def self_test(model: Path | None, data_dir: Path | None = None) -> int:
    """Prints one JSON object and returns the exit code: 0 if tokens were generated, else 1.

    Of `data_dir`, or this user's, the backends are used that were added there; nothing is written.
    """
    application = QCoreApplication([])
    paths = DataPaths.at(data_dir) if data_dir else DataPaths.default()
    test = _SelfTest(paths.packs)
    QTimer.singleShot(0, test, lambda: test.begin(model))
    application.exec()
    test.engine.close()
    print(json.dumps(test.result, ensure_ascii=True))  # noqa: T201
    return 0 if test.result["ok"] else 1


class _SelfTest(QObject):
    """Loads, asks one question, and leaves what came of it in `result`."""

    def __init__(self, packs: Path) -> None:
        super().__init__()
        self.result: dict[str, Any] = {"ok": False, "model": "", "backend": "", "tokens": 0, "tokens_per_second": 0.0}
        self._text = ""
        self._bill = 0  # bytes
        self.engine = Engine(child_command(packs))
        self.engine.model_loaded.connect(self._on_engine_model_loaded)
        self.engine.text_received.connect(self._on_engine_text_received)
        self.engine.reply_finished.connect(self._on_engine_reply_finished)
        self.engine.reply_failed.connect(self._on_engine_reply_failed)
        self.engine.load_failed.connect(self._on_engine_failed)
        self.engine.crashed.connect(self._on_engine_failed)
        self._clock = QTimer(self, singleShot=True, interval=_TIME_LIMIT * 1000)
        self._clock.timeout.connect(self._on_clock_timeout)

    def begin(self, model: Path | None) -> None:
        self._clock.start()
        self.engine.load(str(model or guide_path()), Settings())

    def _end(self, **values: Any) -> None:
        self.result |= values
        QCoreApplication.exit(0)

    @Slot(object)
    def _on_engine_model_loaded(self, model: protocol.LoadedModel) -> None:
        self.result |= {"model": model.name, "backend": model.backend}
        self._bill = sum(part.required + part.mapped for part in model.bill)
        sampling = protocol.Sampling(temperature=0.0, repeat_penalty=1.0, reply_limit=_TOKENS)
        self.engine.generate("self-test", [protocol.ChatMessage("user", _QUESTION)], sampling)

    @Slot(str, str)
    def _on_engine_text_received(self, _reply_id: str, text: str) -> None:
        self._text += text

    @Slot(str, object)
    def _on_engine_reply_finished(self, _reply_id: str, stats: protocol.ReplyStats) -> None:
        self._end(
            ok=stats.reply_tokens > 0,
            tokens=stats.reply_tokens,
            tokens_per_second=round(stats.tokens_per_second, 2),
            text=self._text,
            memory={"bill_bytes": self._bill, "measured_bytes": stats.memory_measured},
        )

    @Slot(str, object)
    def _on_engine_reply_failed(self, _reply_id: str, error: errors.AppError) -> None:
        self._end(error=f"{str(error).rstrip('.')}. {error.hint}")

    @Slot(object)
    def _on_engine_failed(self, error: errors.AppError) -> None:
        self._end(error=f"{str(error).rstrip('.')}. {error.hint}")

    @Slot()
    def _on_clock_timeout(self) -> None:
        self._end(error=f"Nothing was generated within {_TIME_LIMIT} seconds.")
