from __future__ import annotations

import dataclasses
import itertools

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from app.core import errors
from app.core.load_options import LoadOptions
from app.core.memory import RAM, MemoryBill
from app.core.planner import Fit, Free, LoadPlan, plan
from app.core.settings import Settings
from app.core.units import format_count
from tests.core.planner_models import GIB, MIB, MODELS, TINYLLAMA, FakeModel

THREADS = 6
MOST_BILLS = 25
MOST_BILLS_FOR_STRANGE_ONES = 60  # several GPUs, fixed settings that do not fit, shapes that no model has
RAM_SIZES = (1, 1.5, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64)  # GiB
GPU_SIZES = (0, 0.3, 1, 2, 4, 6, 8, 10, 12, 16, 24, 40, 48, 80)
EIGHT_BILLION = MODELS["8 billion"]
MIXTURE = MODELS["mixture of experts"]


def free(ram: float, *gpus: float, shared: bool = False) -> Free:
    """Of sizes in GiB."""
    names = tuple(f"CUDA{index}" for index in range(len(gpus)))
    sizes = tuple(int(size * GIB) for size in gpus)
    return Free(int(ram * GIB), tuple(zip(names, sizes, strict=True)), names if shared else ())


def planned(
    model: FakeModel, wishes: Settings, memory: Free, most_bills: int = MOST_BILLS_FOR_STRANGE_ONES
) -> LoadPlan:
    """The plan, which may ask for no more than so many bills."""
    asked: list[LoadOptions] = []

    def bill(options: LoadOptions) -> MemoryBill:
        asked.append(options)
        assert len(asked) <= most_bills
        return model.bill(options, memory)

    return plan(bill, model.facts, wishes, THREADS, memory)


def fits(bill: MemoryBill, memory: Free) -> bool:
    in_ram = sum(bill.on(name).required for name in (RAM, *memory.shared))
    return in_ram <= memory.ram and all(bill.on(name).required <= size for name, size in memory.gpus)


def leaves_margin_on_gpus(bill: MemoryBill, memory: Free) -> bool:
    return all(
        bill.on(name).required <= size - (max(300 * MIB, size // 10) if bill.on(name).weights else 0)
        for name, size in memory.gpus
    )


def useful_context(model: FakeModel) -> int:
    return max(512, min(4096, model.trained or 4096))


def worth(found: LoadPlan, model: FakeModel) -> tuple[float, ...]:
    """Grows with what a plan is worth."""
    options = found.options
    if found.fit is Fit.TOO_LARGE:
        return (0, -found.missing)
    if options.context_length < useful_context(model):
        return (1, options.context_length)
    return (2, options.cache_type_k == "f16", options.gpu_layers, options.context_length)


def check(found: LoadPlan, model: FakeModel, wishes: Settings, memory: Free) -> None:
    options = found.options
    assert found.bill == model.bill(options, memory)
    assert (found.fit is Fit.TOO_LARGE) == (found.missing > 0)
    assert fits(found.bill, memory) or found.fit is Fit.TOO_LARGE
    for name in ("context_length", "gpu_layers", "cache_type_k", "cache_type_v", "threads"):
        wished = getattr(wishes, name)
        assert wished is None or getattr(options, name) == wished
        assert (name in dict(found.reasons)) == (wished is None)
    assert all(line for _, line in found.reasons)
    assert options.flash_attention == wishes.flash_attention
    assert wishes.load_mode is None or options.mapped == (wishes.load_mode == "mapped")
    assert options.context_length >= 512 or wishes.context_length is not None
    check_layers(found, model, wishes, memory)


def check_layers(found: LoadPlan, model: FakeModel, wishes: Settings, memory: Free) -> None:
    if wishes.gpu_layers is not None:
        return
    assert found.options.gpu_layers in range(model.layers + 2)
    if memory.gpus and found.options.gpu_layers <= model.layers:
        one_more = dataclasses.replace(found.options, gpu_layers=found.options.gpu_layers + 1, devices=None)
        bill = model.bill(one_more, memory)
        # What a GPU takes from RAM can be too much for that one, too.
        assert not leaves_margin_on_gpus(bill, memory) or (memory.shared and not found.options.gpu_layers)


@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
def test_every_plan_fits_by_the_bill_and_leaves_out_no_layer_that_would_fit(model):
    for ram, gpu in itertools.product(RAM_SIZES, GPU_SIZES):
        memory = free(ram, gpu) if gpu else free(ram)
        check(planned(model, Settings(), memory, MOST_BILLS), model, Settings(), memory)


@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
def test_a_plan_does_not_get_worse_with_more_memory(model):
    worths = {
        (ram, gpu): worth(planned(model, Settings(), free(ram, gpu)), model)
        for ram, gpu in itertools.product(RAM_SIZES, GPU_SIZES)
    }
    for (ram, gpu), here in worths.items():
        assert here >= max(
            found for (less_ram, less_gpu), found in worths.items() if less_ram <= ram and less_gpu <= gpu
        )


@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
def test_a_model_is_called_too_large_only_if_no_plan_fits(model):
    for ram, gpu in itertools.product(RAM_SIZES, GPU_SIZES):
        found = planned(model, Settings(), free(ram, gpu))
        if found.fit is Fit.TOO_LARGE:
            smallest = dataclasses.replace(found.options, cache_type_k="q8_0", cache_type_v="q8_0", mapped=False)
            for layers in range(model.layers + 2):
                options = dataclasses.replace(smallest, context_length=512, gpu_layers=layers)
                assert not fits(model.bill(options, free(ram, gpu)), free(ram, gpu))


models = st.builds(
    FakeModel,
    layers=st.integers(1, 128),
    layer_bytes=st.integers(MIB // 4, GIB),
    width=st.sampled_from((64, 2048, 8192)),
    cache_width=st.sampled_from((0, 64, 512, 1024, 8192)),
    vocabulary=st.sampled_from((512, 32_000, 262_144)),
    trained=st.sampled_from((0, 128, 1000, 2048, 8192, 131_072, 1_048_576)),
    repacked=st.sampled_from((0.0, 0.6, 1.0)),
    helped_by_gpu=st.booleans(),
)
sizes = st.floats(0, 80)
memories = st.builds(
    lambda ram, gpus, shared: free(ram, *gpus, shared=shared),
    st.floats(1, 64),
    st.lists(sizes, max_size=3),
    st.booleans(),
)
cache_types = st.none() | st.sampled_from(("f16", "q8_0", "q4_0"))
wishes_of_all_kinds = st.builds(
    Settings,
    context_length=st.none() | st.integers(1, 512).map(lambda steps: 256 * steps),
    gpu_layers=st.none() | st.integers(0, 130) | st.just(999),
    cache_type_k=cache_types,
    cache_type_v=cache_types,
    threads=st.none() | st.integers(1, 8),
    flash_attention=st.sampled_from(("auto", "on")),
    load_mode=st.sampled_from((None, "mapped", "read")),
    keep_in_memory=st.booleans(),
    experts_on_cpu=st.integers(0, 3),
)


@given(models, wishes_of_all_kinds, memories)
@hypothesis_settings(max_examples=400, deadline=None)
def test_what_is_fixed_is_kept_and_the_rest_fits_if_it_can(model, wishes, memory):
    found = planned(model, wishes, memory)
    check(found, model, wishes, memory)
    assert not found.suggestion or found.fit is Fit.TOO_LARGE


@given(models, st.floats(1, 64), sizes, st.floats(0, 8), st.floats(0, 8))
@hypothesis_settings(max_examples=300, deadline=None)
def test_more_memory_is_never_a_loss(model, ram, gpu, more_ram, more_gpu):
    before = planned(model, Settings(), free(ram, gpu))
    after = planned(model, Settings(), free(ram + more_ram, gpu + more_gpu))
    assert worth(after, model) >= worth(before, model)


@given(models, wishes_of_all_kinds, memories)
@hypothesis_settings(max_examples=300, deadline=None)
def test_what_is_suggested_would_fit(model, wishes, memory):
    suggestion = planned(model, wishes, memory).suggestion
    if not suggestion:
        return
    if suggestion.startswith("a context of "):
        length = int("".join(letter for letter in suggestion.partition(" instead ")[0] if letter.isdigit()))
        assert length < wishes.context_length
        changed = dataclasses.replace(wishes, context_length=length)
    else:
        count = suggestion.split()[0]
        changed = dataclasses.replace(wishes, gpu_layers=0 if count == "no" else int(count))
    assert planned(model, changed, memory).fit is not Fit.TOO_LARGE


@pytest.mark.parametrize(
    ("ram", "gpu", "fit"),
    [(16, 24, Fit.ON_GPU), (16, 3, Fit.PARTLY_ON_GPU), (16, 0, Fit.IN_RAM), (2, 1, Fit.TOO_LARGE)],
)
def test_the_fit_says_where_the_layers_are(ram, gpu, fit):
    assert planned(EIGHT_BILLION, Settings(), free(ram, gpu)).fit is fit


def test_the_trained_context_is_taken_where_there_is_room():
    found = planned(TINYLLAMA, Settings(), free(8))
    assert found.options.context_length == 2048
    assert found.options.threads == THREADS
    assert found.fit is Fit.IN_RAM


def test_a_model_that_does_not_say_its_context_gets_a_useful_one():
    assert planned(MODELS["says nothing"], Settings(), free(8)).options.context_length == 4096


def test_a_long_context_leaves_half_of_what_the_weights_leave():
    found = planned(EIGHT_BILLION, Settings(), free(8))
    weights = found.bill.on(RAM).mapped
    longer = dataclasses.replace(found.options, context_length=found.options.context_length + 256)
    for options, is_within in ((found.options, True), (longer, False)):
        needed = EIGHT_BILLION.bill(options, free(8)).on(RAM).required
        assert (needed <= (8 * GIB - weights) // 2) is is_within
    assert found.options.context_length > 4096


def test_no_longer_context_is_chosen_than_long_conversations_need():
    found = planned(EIGHT_BILLION, Settings(), free(64))
    assert found.options.context_length == 16_384
    assert dict(found.reasons)["context_length"].startswith("Enough for long conversations.")
    assert planned(EIGHT_BILLION, Settings(context_length=100_000), free(64)).options.context_length == 100_000


def test_a_mapped_file_that_would_have_to_be_read_again_and_again_does_not_fit():
    assert planned(MODELS["70 billion"], Settings(), free(16)).fit is Fit.TOO_LARGE


def test_a_useful_context_is_worth_a_smaller_cache_and_nothing_else_is():
    model = MODELS["multi-head"]  # 2 GiB of cache at 4 096 tokens
    assert planned(model, Settings(), free(16)).options.cache_type_k == "f16"
    found = planned(model, Settings(), free(6.5)).options
    assert (found.cache_type_k, found.cache_type_v, found.context_length) == ("q8_0", "q8_0", 4096)


def test_a_quantized_v_needs_flash_attention():
    found = planned(MODELS["multi-head"], Settings(flash_attention="off"), free(6)).options
    assert (found.cache_type_k, found.cache_type_v) == ("q8_0", "f16")


def test_a_cache_that_the_model_does_not_allow_is_not_chosen():
    model, memory = MODELS["multi-head"], free(6.5)

    def bill(options: LoadOptions) -> MemoryBill:
        if options.cache_type_k != "f16":
            raise errors.ModelLoadFailed("K cache type q8_0 does not divide the width of a head")
        return model.bill(options, memory)

    found = plan(bill, model.facts, Settings(), THREADS, memory)
    assert found.options.cache_type_k == "f16"
    assert 512 < found.options.context_length < 4096
    assert found.fit is Fit.IN_RAM


def test_a_file_whose_weights_are_repacked_is_read_and_another_one_mapped():
    assert not planned(TINYLLAMA, Settings(), free(8)).options.mapped
    assert planned(EIGHT_BILLION, Settings(), free(16)).options.mapped
    assert planned(TINYLLAMA, Settings(load_mode="mapped"), free(8)).options.mapped


def test_the_copy_that_is_not_read_again_need_not_fit():
    weights = TINYLLAMA.layers * TINYLLAMA.layer_bytes + 2 * TINYLLAMA.token_bytes
    memory = Free(weights + 200 * MIB)
    found = planned(TINYLLAMA, Settings(load_mode="mapped"), memory)
    assert found.fit is Fit.IN_RAM
    assert found.bill.required + found.bill.mapped > memory.ram
    assert planned(TINYLLAMA, Settings(load_mode="mapped", keep_in_memory=True), memory).fit is Fit.TOO_LARGE


def test_a_file_kept_in_memory_is_read():
    found = planned(EIGHT_BILLION, Settings(keep_in_memory=True), free(16))
    assert found.options.locked
    assert not found.options.mapped


def test_fixed_layers_that_leave_no_margin_get_a_context_nevertheless():
    weights = EIGHT_BILLION.layers * EIGHT_BILLION.layer_bytes + EIGHT_BILLION.token_bytes
    memory = Free(16 * GIB, (("CUDA0", weights + 800 * MIB),))  # a tenth would be all of it
    found = planned(EIGHT_BILLION, Settings(gpu_layers=999), memory)
    assert found.fit is Fit.ON_GPU
    assert found.options.gpu_layers == 999
    assert 1024 < found.options.context_length < 4096


def test_a_context_that_is_too_long_is_answered_with_one_that_fits():
    found = planned(EIGHT_BILLION, Settings(context_length=131_072), free(10))
    assert found.fit is Fit.TOO_LARGE
    assert found.options.context_length == 131_072
    assert found.suggestion.startswith("a context of ")
    assert found.suggestion.endswith(f" instead of {format_count(131_072)}")


def test_too_many_layers_are_answered_with_as_many_as_fit():
    found = planned(EIGHT_BILLION, Settings(gpu_layers=33), free(16, 3))
    assert found.fit is Fit.TOO_LARGE
    assert found.options.gpu_layers == 33
    fitting = [
        count
        for count in range(EIGHT_BILLION.layers + 2)
        if leaves_margin_on_gpus(
            EIGHT_BILLION.bill(dataclasses.replace(found.options, gpu_layers=count), free(16, 3)), free(16, 3)
        )
    ]
    assert found.suggestion == f"{fitting[-1]} layers on the GPU"


def test_what_no_change_would_mend_has_no_suggestion():
    found = planned(MIXTURE, Settings(), free(4, 2))
    assert found.fit is Fit.TOO_LARGE
    assert found.suggestion == ""
    assert found.options.context_length == 512
    assert found.missing > MIXTURE.layers * MIXTURE.layer_bytes - 6 * GIB


def test_a_graphics_card_that_is_full_is_left_alone():
    model = MODELS["8 billion that a GPU helps"]  # with buffers there even without layers
    found = planned(model, Settings(), free(16, 0.01))
    assert found.fit is Fit.IN_RAM
    assert (found.options.devices, found.options.gpu_layers) == ((), 0)
    assert found.options.context_length >= 4096
    assert "too little memory free" in dict(found.reasons)["gpu_layers"]
    assert planned(model, Settings(gpu_layers=10), free(16, 0.01)).suggestion == "no layers on the GPU"


def test_no_layers_means_the_processor_alone():
    found = planned(MODELS["8 billion that a GPU helps"], Settings(gpu_layers=0), free(16, 24))
    assert found.options.devices == ()
    assert [part.device for part in found.bill.devices] == [RAM]


def test_what_a_gpu_takes_from_ram_is_counted_there():
    found = planned(EIGHT_BILLION, Settings(), free(8, 24, shared=True))
    assert found.fit is Fit.ON_GPU
    assert sum(part.required for part in found.bill.devices) + found.bill.mapped <= 7 * GIB
    assert planned(EIGHT_BILLION, Settings(), free(3, 24, shared=True)).fit is Fit.TOO_LARGE
    assert planned(EIGHT_BILLION, Settings(), free(3, 24)).fit is Fit.ON_GPU


def test_only_the_chosen_devices_are_named_and_the_shares_are_numbers():
    wishes = Settings(devices="CUDA0", tensor_split="3, 1.5")
    options = planned(EIGHT_BILLION, wishes, free(16, 24)).options
    assert (options.devices, options.tensor_split) == (("CUDA0",), (3.0, 1.5))
    assert planned(EIGHT_BILLION, Settings(), free(16, 24)).options.devices is None
    assert planned(EIGHT_BILLION, wishes, free(16)).options.devices == ()


def test_experts_that_stay_in_ram_are_only_those_of_a_model_that_has_some():
    wishes, memory = Settings(experts_on_cpu=4), free(16, 24)
    assert planned(EIGHT_BILLION, wishes, memory).fit is Fit.ON_GPU
    facts = dataclasses.replace(EIGHT_BILLION.facts, has_experts=True)
    found = plan(lambda options: EIGHT_BILLION.bill(options, memory), facts, wishes, THREADS, memory)
    assert found.options.experts_on_cpu == 4
    assert found.fit is Fit.PARTLY_ON_GPU
