from __future__ import annotations

import signal
import sys

import pytest

from app.core import errors
from app.engine.faults import why_it_ended


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signals; its codes are tested below")
@pytest.mark.parametrize(
    ("number", "error"),
    [
        (signal.SIGKILL if sys.platform != "win32" else 9, errors.EngineWasKilled),
        (signal.SIGSEGV, errors.EngineCrashed),
        (signal.SIGABRT, errors.EngineCrashed),
        (signal.SIGILL, errors.EngineNeedsAnotherProcessor),
    ],
)
def test_a_signal_is_told_in_words(number, error):
    assert type(why_it_ended(int(number), crashed=True, last_words="")) is error


def test_an_illegal_instruction_on_windows_is_recognised_by_its_status():
    assert isinstance(why_it_ended(0xC000001D, True, ""), errors.EngineNeedsAnotherProcessor)
    assert isinstance(why_it_ended(0xC000001D - 2**32, True, ""), errors.EngineNeedsAnotherProcessor)


@pytest.mark.parametrize(
    "last_words",
    [
        "ggml_backend_cpu_buffer_type_alloc_buffer: failed to allocate buffer of size 68719476736",
        "terminate called after throwing an instance of 'std::bad_alloc'",
        "CUDA error: out of memory",
    ],
)
def test_lack_of_memory_is_recognised_by_the_last_words(last_words):
    assert isinstance(why_it_ended(6, True, last_words), errors.EngineOutOfMemory)


def test_the_failed_check_is_named_without_its_path():
    error = why_it_ended(
        6, True, "noise\n/home/someone/llama.cpp/ggml/src/ggml.c:123: GGML_ASSERT(a == b) failed\nbacktrace"
    )
    assert error.detail == "ggml.c:123: GGML_ASSERT(a == b) failed"


def test_no_number_is_ever_shown():
    error = why_it_ended(139, True, "")
    assert not any(character.isdigit() for character in error.title + error.detail + error.hint)
