from __future__ import annotations

from collections.abc import Sequence

import pytest

from app.core.gguf_tables import QUANTS
from app.core.hub_model import HubFile, HubModel
from app.core.memory import RAM, DeviceMemory
from app.core.planner import Fit
from app.core.quant_types import FOREIGN, QUANT_TYPES, UNSTATED
from app.core.quants import (
    QuantBill,
    QuantRow,
    bits_of,
    is_companion,
    memory_estimate,
    quant_in_name,
    quants_of,
    rows,
    split_part,
    use_case,
)

KIB = 1 << 10
MIB = 1 << 20
GIB = 1 << 30
MB = 1_000_000

TINYLLAMA_PARAMETERS = 1_100_048_384
TINYLLAMA = {  # quant: MB, as on its card
    "Q2_K": 483,
    "Q3_K_S": 500,
    "Q3_K_M": 551,
    "Q3_K_L": 592,
    "Q4_0": 638,
    "Q4_K_S": 644,
    "Q4_K_M": 669,
    "Q5_0": 767,
    "Q5_K_S": 767,
    "Q5_K_M": 783,
    "Q6_K": 904,
    "Q8_0": 1171,
}
LLAMA_8B_PARAMETERS = 8_030_261_248
LLAMA_8B = {
    "IQ2_M": 2948,
    "Q2_K": 3179,
    "Q3_K_M": 4019,
    "IQ4_XS": 4448,
    "Q4_0": 4661,
    "Q4_K_M": 4921,
    "Q5_K_M": 5733,
    "Q6_K": 6596,
    "Q8_0": 8541,
    "F16": 16068,
}
LLAMA_70B_PARAMETERS = 70_553_706_496
LLAMA_70B = {"IQ2_XXS": 19097, "Q3_K_M": 34267, "Q4_K_M": 42520, "Q5_K_M": 49950, "Q6_K": 57888, "Q8_0": 74975}


def model(sizes: dict[str, int], parameters: int = 0) -> HubModel:
    """A model on the Hub; `sizes` in MB by what stands in the file's name."""
    files = tuple(HubFile(f"model-{name}.gguf", size * MB) for name, size in sizes.items())
    return HubModel("maker/model", "c0ffee", files, parameters=parameters)


def free(ram: float, gpu: float = 0) -> list[DeviceMemory]:
    """A computer with so many bytes free."""
    gpus = [DeviceMemory("CUDA0", "A GPU", int(gpu), int(gpu))] if gpu else []
    return [DeviceMemory(RAM, "Memory", int(ram), int(ram)), *gpus]


def bill(memory: float, fit: Fit = Fit.IN_RAM, **details) -> QuantBill:
    """As the engine says it, in bytes."""
    return QuantBill(int(memory), kv_cache=4096 * 128 * KIB, buffers=200 * MIB, context_length=4096, fit=fit, **details)


def named(found: Sequence[QuantRow], quant: str) -> QuantRow:
    return next(row for row in found if row.quant.quant == quant)


def recommended(found: Sequence[QuantRow]) -> tuple[str, str]:
    """Quant and reason of the one row that is recommended; empty if there is none."""
    chosen = [(row.quant.quant, row.recommended) for row in found if row.recommended]
    assert len(chosen) <= 1
    return chosen[0] if chosen else ("", "")


@pytest.mark.parametrize(
    ("name", "quant"),
    [
        ("tinyllama-1.1b-chat-v1.0.Q4_K_M.gguf", "Q4_K_M"),
        ("qwen2.5-1.5b-instruct-q5_k_m.gguf", "Q5_K_M"),
        ("x_Q6_K.gguf", "Q6_K"),
        ("x-Q3_K_XL.gguf", "Q3_K_XL"),
        ("x-IQ2_XXS.gguf", "IQ2_XXS"),
        ("x.i1-IQ4_NL.gguf", "IQ4_NL"),
        ("x-UD-Q4_K_XL-00001-of-00002.gguf", "UD-Q4_K_XL"),
        ("x-q4_0_4_4.gguf", "Q4_0_4_4"),
        ("x-TQ1_0.gguf", "TQ1_0"),
        ("gpt-oss-20b-mxfp4.gguf", "MXFP4"),
        ("x-MXFP4_MOE.gguf", "MXFP4"),
        ("x-IQ4_K_R4.gguf", "IQ4_K_R4"),
        ("x-bf16.gguf", "BF16"),
        ("x.fp16.gguf", "F16"),
        ("x.f32.gguf", "F32"),
        ("x.f16.q6_k.gguf", "Q6_K"),
        ("x-Q8_0-f16.gguf", "Q8_0"),
        ("Phi-3-mini-4k-instruct-q4.gguf", "Q4"),
        ("Q4_K_M/x-00001-of-00002.gguf", "Q4_K_M"),
        ("Q4_0/x-Q8_0.gguf", "Q8_0"),
        ("FAQ4_Kids.gguf", ""),
        ("q4-assistant-7b.gguf", ""),
        ("Qwen3-8B.gguf", ""),
        ("x-IQ4.gguf", ""),
        ("", ""),
    ],
)
def test_a_file_name_states_the_quant(name: str, quant: str):
    assert quant_in_name(name) == quant


@pytest.mark.parametrize("quant", QUANT_TYPES)
def test_every_quant_that_has_a_use_case_is_found_in_file_names(quant: str):
    assert quant_in_name(f"some-7b-{quant.lower()}.gguf") == quant


def test_a_part_of_a_split_model_has_a_stem_a_number_and_a_count():
    assert split_part("x-00002-of-00005.gguf") == ("x", 2, 5)
    assert split_part("Q8_0/x-Q8_0-00001-of-00010.gguf") == ("Q8_0/x-Q8_0", 1, 10)


@pytest.mark.parametrize("name", ["x.gguf", "x-2-of-5.gguf", "x-00002-of-00005.gguf.part", "-00001-of-00002.gguf"])
def test_a_file_that_is_whole_is_no_part(name: str):
    assert split_part(name) is None


@pytest.mark.parametrize(
    "name",
    [
        "mmproj-model-f16.gguf",
        "vision/x.mmproj-Q8_0.gguf",
        "Ministral-3-8B-Instruct-2512-BF16-mmproj.gguf",
        "imatrix_unsloth.gguf",
        "x-imatrix.gguf",
        "MTP/mtp-gemma-4-E4B-it-Q4_0.gguf",
        "eagle3-x.gguf",
        "Mistral-Small-DRAFT-0.5B.Q8_0.gguf",
        "ggml-vocab-llama-bpe.gguf",
        "x-vocab.gguf",
        "x-lora-f16.gguf",
        "adapter-q8_0.gguf",
    ],
)
def test_what_belongs_to_a_model_is_a_companion(name: str):
    assert is_companion(name)


@pytest.mark.parametrize(
    "name",
    [
        "tinyllama-1.1b-chat-v1.0.Q4_K_M.gguf",
        "x-imatrix-Q4_K_M.gguf",
        "x-lora-merged-Q5_K_M.gguf",
        "explora-7b.gguf",
        "Draftsman-7B-f16.gguf",
        "GLM-MTP-Q4_K_M.gguf",
    ],
)
def test_a_model_is_no_companion(name: str):
    assert not is_companion(name)


def test_every_model_file_is_a_quant_and_nothing_else_is():
    files = [
        HubFile("model-Q8_0.gguf", 800),
        HubFile("README.md", 10),
        HubFile("model-Q4_K_M.gguf", 400),
        HubFile("mmproj-model-f16.gguf", 100),
        HubFile("model.safetensors", 1600),
        HubFile("model.imatrix", 5),
    ]
    assert [(quant.name, quant.quant, quant.size) for quant in quants_of(files)] == [
        ("model-Q4_K_M.gguf", "Q4_K_M", 400),
        ("model-Q8_0.gguf", "Q8_0", 800),
    ]


def test_the_parts_of_a_split_model_are_one_quant_in_their_order():
    files = [HubFile(f"Q6_K/model-Q6_K-0000{number}-of-00003.gguf", number) for number in (2, 3, 1)]
    (quant,) = quants_of(files)
    assert (quant.name, quant.quant, quant.size) == ("model-Q6_K.gguf", "Q6_K", 6)
    assert [file.size for file in quant.files] == [1, 2, 3]


def test_a_folder_may_say_what_the_quant_is():
    files = [HubFile(f"{folder}/model-0000{n}-of-00002.gguf", 1) for folder in ("Q4_0", "Q8_0") for n in (1, 2)]
    assert [(quant.name, quant.quant) for quant in quants_of(files)] == [("model.gguf", "Q4_0"), ("model.gguf", "Q8_0")]


@pytest.mark.parametrize("numbers", [(1,), (2, 3), (1, 3), (0, 1, 2), (1, 2, 9)])
def test_a_split_model_with_a_missing_part_is_left_out(numbers: tuple[int, ...]):
    assert quants_of([HubFile(f"model-0000{number}-of-00003.gguf", 1) for number in numbers]) == []


def test_a_quant_of_unknown_size_comes_last():
    files = [HubFile("model-Q2_K.gguf", -1), HubFile("model-Q8_0.gguf", 800)]
    assert [quant.quant for quant in quants_of(files)] == ["Q8_0", "Q2_K"]


def test_every_quant_the_engine_knows_has_its_bits_and_its_use_case():
    assert set(QUANTS.values()) <= QUANT_TYPES.keys()
    for quant in QUANT_TYPES:
        assert bits_of(quant) > 1
        assert use_case(quant) not in (FOREIGN, UNSTATED)


def test_only_quants_of_one_purpose_share_their_words():
    words = [use_case(quant) for quant in QUANTS.values()]
    assert {sentence for sentence in words if words.count(sentence) > 1} == {use_case("TQ1_0")}


def test_the_more_bits_a_kind_of_quant_has_the_greater_they_are():
    for kind in (
        ["Q2_K_S", "Q2_K", "Q3_K_S", "Q3_K_M", "Q3_K_L", "Q4_K_S", "Q4_K_M", "Q5_K_S", "Q5_K_M", "Q6_K", "Q8_0", "F16"],
        ["IQ1_S", "IQ1_M", "IQ2_XXS", "IQ2_XS", "IQ2_S", "IQ2_M", "IQ3_XXS", "IQ3_XS", "IQ3_S", "IQ3_M", "IQ4_XS"],
    ):
        assert sorted(kind, key=bits_of) == kind


def test_other_names_of_a_quant_mean_the_same():
    assert bits_of("Q4_K") == bits_of("Q4_K_M")
    assert use_case("UD-IQ1_S") == use_case("IQ1_S")
    assert use_case("UD-Q4_K_XL") != use_case("Q4_K_M")


@pytest.mark.parametrize(
    ("quant", "bits", "words"),
    [("IQ4_KS", 4, FOREIGN), ("Q4_0_8_8", 4, FOREIGN), ("Q4", 4, UNSTATED), ("", 0, UNSTATED)],
)
def test_a_quant_that_nobody_knows_is_told_as_such(quant: str, bits: float, words: str):
    assert (bits_of(quant), use_case(quant)) == (bits, words)


@pytest.mark.parametrize(
    ("parameters", "kv_bytes_per_token"),
    [(TINYLLAMA_PARAMETERS, 22 * KIB), (LLAMA_8B_PARAMETERS, 128 * KIB), (LLAMA_70B_PARAMETERS, 320 * KIB)],
)
def test_the_kv_cache_is_estimated_from_the_number_of_parameters(parameters: int, kv_bytes_per_token: int):
    per_token = memory_estimate(GIB, parameters, 1001) - memory_estimate(GIB, parameters, 1000)
    assert per_token == pytest.approx(kv_bytes_per_token, rel=0.12)


def test_the_estimate_is_near_what_tinyllama_takes():
    taken = 668 * MB + 22 * KIB * 2048 + 70 * MIB  # weights, KV cache, buffers
    assert memory_estimate(668 * MB, TINYLLAMA_PARAMETERS, 2048) == pytest.approx(taken, rel=0.1)


def test_without_a_number_of_parameters_the_size_stands_for_it():
    unknown = memory_estimate(4921 * MB, 0, 8192)
    assert unknown == pytest.approx(memory_estimate(4921 * MB, LLAMA_8B_PARAMETERS, 8192), rel=0.02)


def test_of_an_unknown_size_nothing_is_estimated():
    assert memory_estimate(-1, LLAMA_8B_PARAMETERS, 4096) == -1


@pytest.mark.parametrize(
    ("size", "memory", "expected", "is_tight"),
    [
        (4, free(8 * GIB), Fit.IN_RAM, False),
        (6.7, free(8 * GIB), Fit.IN_RAM, True),  # a gibibyte must be left
        (55, free(64 * GIB), Fit.IN_RAM, False),
        (57.4, free(64 * GIB), Fit.IN_RAM, True),  # or a tenth
        (8, free(8 * GIB), Fit.TOO_LARGE, True),
        (4, free(1 * GIB, 24 * GIB), Fit.ON_GPU, False),
        (23, free(8 * GIB, 24 * GIB), Fit.PARTLY_ON_GPU, False),
        (31, free(8 * GIB, 24 * GIB), Fit.PARTLY_ON_GPU, True),
        (33, free(8 * GIB, 24 * GIB), Fit.TOO_LARGE, True),
    ],
)
def test_where_a_quant_fits_is_estimated(size: float, memory, expected: Fit, is_tight: bool):
    (row,) = rows(model({"Q4_K_M": round(size * GIB / MB)}, LLAMA_8B_PARAMETERS), 1024, memory)
    assert (row.fit, row.is_tight, row.exact) == (expected, is_tight, False)
    room = sum(one.free for one in memory)
    assert row.missing == (row.memory - room if expected is Fit.TOO_LARGE else 0)


def test_whether_a_quant_of_unknown_size_fits_is_unknown():
    files = (HubFile("model-Q4_K_M.gguf", -1),)
    (row,) = rows(HubModel("a/b", "c", files), 4096, free(8 * GIB))
    assert (row.memory, row.fit, row.missing, row.recommended) == (-1, None, 0, "")


def test_a_row_tells_what_the_table_shows():
    row = next(
        row for row in rows(model(TINYLLAMA, TINYLLAMA_PARAMETERS), 2048, free(8 * GIB)) if row.quant.quant == "Q4_K_M"
    )
    assert row.bits == pytest.approx(4.87, abs=0.01)
    assert row.memory == memory_estimate(669 * MB, TINYLLAMA_PARAMETERS, 2048)
    assert row.fit is Fit.IN_RAM
    assert row.use_case == use_case("Q4_K_M")


def test_rows_stand_in_the_order_of_their_size():
    assert [row.quant.quant for row in rows(model(TINYLLAMA), None, free(GIB))] == list(TINYLLAMA)


def test_parameters_that_cannot_be_this_models_are_not_believed():
    assert rows(model({"Q4_K_M": 4921}, parameters=70), 4096, free(GIB))[0].bits == bits_of("Q4_K_M")


def test_an_automatic_context_is_one_that_a_conversation_can_do_with():
    long = HubModel("a/b", "c", (HubFile("x.gguf", GIB),), context_length=131_072)
    short = HubModel("a/b", "c", (HubFile("x.gguf", GIB),), context_length=2048)
    assert rows(long, None, free(GIB)) == rows(long, 4096, free(GIB))
    assert rows(short, None, free(GIB)) == rows(short, 2048, free(GIB))


@pytest.mark.parametrize(
    ("sizes", "parameters", "available", "expected"),
    [
        (TINYLLAMA, TINYLLAMA_PARAMETERS, 7.4, "Q8_0"),  # small models lose most, and are fast enough
        (TINYLLAMA, TINYLLAMA_PARAMETERS, 2.2, "Q6_K"),
        (TINYLLAMA, TINYLLAMA_PARAMETERS, 2.0, "Q5_K_M"),
        (LLAMA_8B, LLAMA_8B_PARAMETERS, 64, "Q6_K"),  # more would hardly be better
        (LLAMA_8B, LLAMA_8B_PARAMETERS, 7.4, "Q5_K_M"),
        (LLAMA_8B, LLAMA_8B_PARAMETERS, 6.5, "Q4_K_M"),
        (LLAMA_70B, LLAMA_70B_PARAMETERS, 128, "Q4_K_M"),  # more would be slow
        (LLAMA_70B, LLAMA_70B_PARAMETERS, 40, "Q3_K_M"),
        (LLAMA_8B, 0, 64, "Q6_K"),  # the number of parameters can be guessed
        ({"Q4_0": 4661, "Q4_K_S": 4693, "F16": 16068}, LLAMA_8B_PARAMETERS, 64, "Q4_K_S"),
        ({"Q4_0": 2363, "F16": 7768}, 3_880_000_000, 64, "Q4_0"),  # an older method rather than no quantization
        ({"F16": 7768}, 3_880_000_000, 64, "F16"),
        ({"MXFP4": 12109}, 20_900_000_000, 32, "MXFP4"),
        ({"7b": 4921}, 0, 32, ""),  # the only one; the name does not say what it is
    ],
)
def test_the_best_that_leaves_room_is_recommended(sizes, parameters, available, expected):
    quant, reason = recommended(rows(model(sizes, parameters), 4096, free(available * GIB)))
    assert quant == expected
    assert "room" in reason or "hardly better" in reason


def test_three_bits_with_little_room_are_better_than_two_with_more():
    quant, reason = recommended(rows(model(LLAMA_8B, LLAMA_8B_PARAMETERS), 4096, free(4.8 * GIB)))
    assert quant == "Q3_K_M"
    assert reason.startswith("Fits, but leaves little room")


def test_two_bits_are_recommended_if_nothing_else_fits():
    assert recommended(rows(model(LLAMA_8B, LLAMA_8B_PARAMETERS), 4096, free(4.3 * GIB)))[0] == "IQ2_M"


def test_with_little_room_the_smallest_good_one_is_recommended():
    assert recommended(rows(model(TINYLLAMA, TINYLLAMA_PARAMETERS), 2048, free(900 * MIB)))[0] == "Q3_K_S"


def test_nothing_is_recommended_if_nothing_fits():
    assert recommended(rows(model(LLAMA_8B, LLAMA_8B_PARAMETERS), 4096, free(GIB))) == ("", "")


def test_what_the_engine_does_not_know_is_never_recommended():
    found = rows(model({"IQ4_KS": 4000, "Q4_0_4_4": 4661}, LLAMA_8B_PARAMETERS), 4096, free(64 * GIB))
    assert recommended(found) == ("", "")
    assert [row.fit for row in found] == [Fit.IN_RAM, Fit.IN_RAM]


@pytest.mark.parametrize(
    ("sizes", "available", "reason"),
    [
        (
            {"Q4_K_M": 4921},
            16,
            "Best quality that leaves room for other programs: takes about 5.3 GiB of 16.0 GiB free.",
        ),
        (
            {"Q6_K": 6596, "Q8_0": 8541},
            16,
            "Larger ones would be slower and hardly better: takes about 6.9 GiB of 16.0 GiB free.",
        ),
        (
            {"Q4_K_M": 4921},
            6,
            "Fits, but leaves little room for other programs: takes about 5.3 GiB of 6.0 GiB free.",
        ),
    ],
)
def test_the_reason_is_a_sentence_with_numbers(sizes, available, reason):
    assert recommended(rows(model(sizes, LLAMA_8B_PARAMETERS), 4096, free(available * GIB)))[1] == reason


def test_what_the_engine_says_of_a_quant_stands_in_its_row():
    said = bill(5.5 * GIB, Fit.TOO_LARGE, missing=GIB, suggestion="a context of 2 048 instead of 4 096")
    found = rows(model({"Q4_K_M": 4921}, LLAMA_8B_PARAMETERS), 4096, free(64 * GIB), {"model-Q4_K_M.gguf": said})
    assert [(row.exact, row.memory, row.fit, row.missing, row.suggestion, row.context_length) for row in found] == [
        (True, said.memory, Fit.TOO_LARGE, GIB, "a context of 2 048 instead of 4 096", 4096)
    ]


def test_what_it_says_of_one_makes_the_estimates_of_the_others_better():
    sizes = model({"Q4_K_M": 4921, "Q8_0": 8541}, LLAMA_8B_PARAMETERS)
    known = {"model-Q4_K_M.gguf": bill(4921 * MB + 4096 * 128 * KIB + 200 * MIB)}
    for context, cached in ((4096, 4096 * 128 * KIB), (2048, 2048 * 128 * KIB)):
        other = named(rows(sizes, context, free(64 * GIB), known), "Q8_0")
        assert (other.exact, other.memory) == (False, 8541 * MB + cached + 200 * MIB)


def test_what_is_exact_is_recommended_without_an_about():
    known = {"model-Q4_K_M.gguf": bill(5 * GIB)}
    found = rows(model({"Q4_K_M": 4921}, LLAMA_8B_PARAMETERS), 4096, free(16 * GIB), known)
    assert "takes 5.0 GiB of 16.0 GiB free" in recommended(found)[1]


def test_what_fits_on_the_gpu_is_recommended_rather_than_what_is_more_exact_and_slow():
    found = rows(model(LLAMA_8B, LLAMA_8B_PARAMETERS), 4096, free(64 * GIB, 6 * GIB))
    assert recommended(found) == (
        "Q4_K_M",
        "Best quality that fits on the GPU: takes about 5.3 GiB of 6.0 GiB free.",
    )


def test_three_bits_on_the_gpu_are_not():
    quant, reason = recommended(rows(model(LLAMA_8B, LLAMA_8B_PARAMETERS), 4096, free(64 * GIB, 5 * GIB)))
    assert (quant, "of 69.0 GiB free" in reason) == ("Q6_K", True)


def test_instead_of_what_does_not_fit_the_recommended_one_is_suggested():
    found = rows(model(LLAMA_8B, LLAMA_8B_PARAMETERS), 4096, free(6.5 * GIB))
    assert recommended(found)[0] == "Q4_K_M"
    assert named(found, "Q8_0").suggestion == "Q4_K_M instead of Q8_0"
    assert named(found, "Q2_K").suggestion == ""


def test_what_the_engine_suggests_comes_first():
    said = bill(9 * GIB, Fit.TOO_LARGE, missing=GIB, suggestion="a context of 2 048 instead of 4 096")
    found = rows(model(LLAMA_8B, LLAMA_8B_PARAMETERS), 4096, free(6.5 * GIB), {"model-Q8_0.gguf": said})
    assert named(found, "Q8_0").suggestion == "a context of 2 048 instead of 4 096, or Q4_K_M instead of Q8_0"


def test_where_quants_are_called_the_same_their_files_are_named():
    found = rows(model({"a-Q8_0": 4921, "b-Q8_0": 16068}, LLAMA_8B_PARAMETERS), 4096, free(8 * GIB))
    assert found[1].suggestion == "model-a-Q8_0.gguf instead of model-b-Q8_0.gguf"


def test_a_recommendation_can_be_kept_as_long_as_it_fits():
    eight = model(LLAMA_8B, LLAMA_8B_PARAMETERS)
    assert recommended(rows(eight, 4096, free(64 * GIB), keep="model-Q3_K_M.gguf"))[0] == "Q3_K_M"
    for keep in ("model-Q8_0.gguf", ""):
        assert recommended(rows(eight, 4096, free(6.5 * GIB), keep=keep)) == ("", "")
