"""Why a child process ended: exit code and last words -> an `AppError` in words a person can act on.

Exit codes are QProcess's: on POSIX the signal's number after a crash, on Windows the NTSTATUS.
"""

from __future__ import annotations

import re
import signal
import sys

from app.core import errors

_OUT_OF_MEMORY = re.compile(
    r"(?i)out of memory|std::bad_alloc|failed to allocate|unable to allocate|cannot allocate memory|MemoryError"
)
_NO_SUCH_INSTRUCTION = {0xC000001D, -0x3FFFFFE3}  # STATUS_ILLEGAL_INSTRUCTION, unsigned and signed
_TITLES_OF_SIGNALS = {
    "SIGSEGV": "It tried to use memory it does not own.",
    "SIGBUS": "The model file became unreadable while it was in use.",
    "SIGABRT": "It found a fault in itself and gave up.",
    "SIGFPE": "It made an arithmetic error.",
}
_LAST_WORDS = 200  # characters of the child's own message


def why_it_ended(exit_code: int, crashed: bool, last_words: str) -> errors.EngineError:
    """The error for a child that ended by itself. `last_words` is the end of its stderr."""
    name = _signal_name(exit_code) if crashed else ""
    if _OUT_OF_MEMORY.search(last_words):
        return errors.EngineOutOfMemory()
    if name == "SIGKILL":
        return errors.EngineWasKilled()
    if name == "SIGILL" or exit_code in _NO_SUCH_INSTRUCTION:
        return errors.EngineNeedsAnotherProcessor()
    return errors.EngineCrashed(_assertion(last_words) or _TITLES_OF_SIGNALS.get(name, ""))


def _signal_name(number: int) -> str:
    if sys.platform == "win32":
        return ""
    try:
        return signal.Signals(number).name
    except ValueError:
        return ""


def _assertion(last_words: str) -> str:
    """What a failed check in llama.cpp says of itself, without its path."""
    found = re.search(r"(?:^|[/\\])([\w.-]+:\d+: .*\S)", last_words, re.MULTILINE)
    return found[1][:_LAST_WORDS] if found else ""
