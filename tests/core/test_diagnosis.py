"""The text for a bug report."""

from __future__ import annotations

import pytest

from app.core.diagnosis import DeviceReport, diagnosis_text

GIB = 1 << 30
PROCESSOR = DeviceReport("CPU", "A  Processor\n", "CPU", "cpu", 16 * GIB, 8 * GIB, works=True)
CARD = DeviceReport("CUDA0", "A Card", "CUDA", "gpu", 8 * GIB, 6 * GIB)


def broken(problem: str) -> DeviceReport:
    return DeviceReport("Vulkan0", "Chip", "Vulkan", "integrated", 0, 0, False, problem, "Used instead: the processor.")


def test_everything_known_is_in_it():
    reports = [PROCESSOR, CARD, broken("It writes other words than the processor.")]
    assert diagnosis_text("Paddock 1\nQt 6", "Linux", "AVX2, FMA", reports, "The bills were right.") == (
        "Paddock 1\n"
        "Qt 6\n"
        "System: Linux\n"
        "Processor features: AVX2, FMA\n"
        "\n"
        "Devices\n"
        "- CPU (CPU, processor): A Processor, 8.0 GiB of 16.0 GiB free, works.\n"
        "- CUDA0 (CUDA, graphics card): A Card, 6.0 GiB of 8.0 GiB free, not tried.\n"
        "- Vulkan0 (Vulkan, integrated graphics): Chip, does not work. "
        "It writes other words than the processor. Used instead: the processor.\n"
        "\n"
        "Memory bills: The bills were right.\n"
    )


def test_what_is_not_known_is_left_out():
    assert diagnosis_text("Paddock 1", "", "", [], "") == "Paddock 1\n\nDevices: not known\n"


def test_a_kind_of_device_that_is_new_is_told_as_it_is():
    report = DeviceReport("NPU0", "", "", "meta", 0, 0)
    assert "- NPU0 (meta): not tried.\n" in diagnosis_text("", "", "", [report], "")


@pytest.mark.parametrize(
    "problem",
    [
        "The engine failed: /home/ada/models/guide.gguf is gone.",
        "The engine failed: “/home/Ada Lovelace/my models/guide.gguf” is gone.",
        "The engine failed:\nfile:///home/ada/guide.gguf is gone.",
        r"The engine failed: C:\Users\ada\guide.gguf is gone.",
        r"The engine failed: \\server\ada\guide.gguf is gone.",
        "The engine failed: /home/ada/a.so, /home/ada/guide.gguf is gone.",
    ],
)
def test_no_folder_comes_into_it(problem):
    text = diagnosis_text("Paddock 1", "Linux", "", [broken(problem)], "")
    assert "The engine failed: " in text and "guide.gguf" in text and "is gone." in text
    assert "ada" not in text.replace("Paddock", "").lower()
    assert "/" not in text and "\\" not in text


@pytest.mark.parametrize("problem", ["The and/or of 3 / 4 tokens/s.", "It is 1/2 of GNU/Linux/Mesa."])
def test_a_slash_that_is_no_path_stays(problem):
    assert problem in diagnosis_text("", "", "", [broken(problem)], "")
