"""llama.cpp, as the engine child uses it. The only module that imports llama_cpp.

It calls the low-level functions and not `Llama.create_completion`: that one detokenizes the whole answer again for
each token, so that its cost grows with the answer. Here a token costs one sample, one decode and one piece.

A decode is interrupted natively. The abort callback of llama.cpp is asked once per graph node, hundreds of times a
token; a Python callback would fetch the interpreter lock each time. So the callback is the C library's own `strlen`
over a one-byte buffer that we own: the empty string means go on, a string of length one means stop. See `Flag`.

Sources: llama.h of the llama.cpp that llama-cpp-python 0.3.36 bundles.
"""

from __future__ import annotations

import codecs
import contextlib
import ctypes
import logging
import os
import platform
import re
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import llama_cpp
import llama_cpp.llama_cpp as lib
from llama_cpp import _ggml

from app.core import errors
from app.core.gguf import GgufHeader
from app.core.load_options import LoadOptions
from app.core.memory import RAM
from app.engine import breakdown
from app.engine.packs import pack_libraries
from app.engine.prompt import SpecialToken
from app.engine.protocol import Device, Sampling

log = logging.getLogger(__name__)

_DEVICE_KINDS = ("cpu", "gpu", "integrated", "accelerator")
_CPU = 0  # ggml_backend_dev_type
_DEBUG = 1  # ggml_log_level
_BUILT_IN = ("ACCELERATE", "LLAMAFILE", "OPENMP", "REPACK")  # said to be features of the processor, too
_PADDING = 2**20  # bytes, of weights
_PENALTY_WINDOW = 64  # tokens; llama.cpp's own default
_ABORTED = 2  # llama_decode: the abort callback said stop
# Tokens per decode while reading a prompt. A GPU wants full batches; a processor is as fast with less, a smaller step
# gives smoother progress, and the buffers are smaller by as much.
_BATCH_ON_CPU = 128
_CACHE_TYPES = {"f16": 1, "q8_0": 8, "q4_0": 2}  # ggml_type
_FLASH_ATTENTION = {
    "auto": lib.LLAMA_FLASH_ATTN_TYPE_AUTO,
    "on": lib.LLAMA_FLASH_ATTN_TYPE_ENABLED,
    "off": lib.LLAMA_FLASH_ATTN_TYPE_DISABLED,
}
_LOAD_MODES = {  # by: mapped, locked
    (False, False): lib.LLAMA_LOAD_MODE_NONE,
    (True, False): lib.LLAMA_LOAD_MODE_MMAP,
    (False, True): lib.LLAMA_LOAD_MODE_MLOCK,
    (True, True): lib.LLAMA_LOAD_MODE_MMAP_MLOCK,
}


class Interrupted(Exception):
    """The flag was raised while a model was loading or a prompt was being read."""


class Flag:
    """A request to stop that native code can see without Python. Raised from any thread."""

    def __init__(self) -> None:
        self._buffer = ctypes.create_string_buffer(2)
        self._strlen = _c_library().strlen

    @property
    def callback(self) -> Any:
        """For `llama_context_params.abort_callback`."""
        return ctypes.cast(self._strlen, lib.ggml_abort_callback)

    @property
    def callback_data(self) -> int:
        """For `llama_context_params.abort_callback_data`. Valid as long as this object."""
        return ctypes.addressof(self._buffer)

    def lift(self) -> None:
        self._buffer[0] = b"\x01"

    def lower(self) -> None:
        self._buffer[0] = b"\x00"

    def __bool__(self) -> bool:
        return self._buffer[0] != b"\x00"


def _c_library() -> ctypes.CDLL:
    return ctypes.CDLL("ucrtbase") if sys.platform == "win32" else ctypes.CDLL(None)


class NativeLog:
    """Takes what llama.cpp says, passes it to stderr, and keeps what was said since `clear`."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._is_passed_on = True
        self._callback = lib.llama_log_callback(self._take)
        lib.llama_log_set(self._callback, ctypes.c_void_p(0))

    def _take(self, level: int, text: bytes, _data: object) -> None:
        if level == _DEBUG:
            return
        line = text.decode("utf-8", "replace")
        self._lines.append(line)
        if self._is_passed_on:
            sys.stderr.write(line)

    def clear(self) -> None:
        self._lines.clear()

    @contextlib.contextmanager
    def kept_to_itself(self) -> Iterator[None]:
        """Starts anew and passes nothing on: simulated loads come by the dozen."""
        self.clear()
        self._is_passed_on = False
        try:
            yield
        finally:
            self._is_passed_on = True

    def find(self, pattern: str) -> re.Match[str] | None:
        return re.search(pattern, "".join(self._lines))


def start_backends(packs: Path | None = None) -> None:
    """Loads the backends that are libraries of their own, those in `packs` first. Harmless where they are built in.

    First, because of two backends for one device llama.cpp takes the one that it met first.
    """
    for library in pack_libraries(packs, llama_cpp.__version__) if packs else []:
        if sys.platform == "win32":  # what it needs lies beside it
            os.environ["PATH"] = f"{library.parent}{os.pathsep}{os.environ['PATH']}"
        _ggml_function("ggml_backend_load", ctypes.c_void_p, ctypes.c_char_p)(str(library).encode("utf-8"))
    folder = Path(_ggml.__file__).parent / "lib"
    _ggml_function("ggml_backend_load_all_from_path", None, ctypes.c_char_p)(str(folder).encode("utf-8"))
    lib.llama_backend_init()


def devices() -> tuple[Device, ...]:
    """What llama.cpp can compute on here, with memory in bytes."""
    count = _ggml_function("ggml_backend_dev_count", ctypes.c_size_t)()
    return tuple(_device(index) for index in range(count))


def _device(index: int) -> Device:
    handle = _ggml_function("ggml_backend_dev_get", ctypes.c_void_p, ctypes.c_size_t)(index)
    free, total = ctypes.c_size_t(), ctypes.c_size_t()
    _ggml_function("ggml_backend_dev_memory", None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p)(
        handle, ctypes.addressof(free), ctypes.addressof(total)
    )
    backend = _ggml_function("ggml_backend_reg_name", ctypes.c_char_p, ctypes.c_void_p)(
        _ggml_function("ggml_backend_dev_backend_reg", ctypes.c_void_p, ctypes.c_void_p)(handle)
    ).decode("utf-8")
    return Device(
        name=_ggml_function("ggml_backend_dev_name", ctypes.c_char_p, ctypes.c_void_p)(handle).decode("utf-8"),
        description=_ggml_function("ggml_backend_dev_description", ctypes.c_char_p, ctypes.c_void_p)(handle).decode(
            "utf-8", "replace"
        ),
        kind=_kind(handle, backend),
        memory_free=free.value,
        memory_total=total.value,
        backend="Metal" if backend == "MTL" else backend,
    )


def _kind(device: int, backend: str) -> str:
    number = _ggml_function("ggml_backend_dev_type", ctypes.c_int, ctypes.c_void_p)(device)
    if backend == "MTL" and platform.machine() == "arm64":
        return "integrated"  # llama.cpp calls it a GPU, but it has no memory of its own
    return _DEVICE_KINDS[number] if number < len(_DEVICE_KINDS) else "accelerator"


def _ggml_function(name: str, result: Any, *arguments: Any) -> Any:
    # Looked up through libllama where the loader allows it: a wheel may hold a second copy of libggml, whose
    # registry of backends is not the one that libllama uses.
    try:
        function = getattr(lib._lib, name)
    except AttributeError:
        function = getattr(_ggml.libggml, name)
    function.restype, function.argtypes = result, list(arguments)
    return function


def version() -> str:
    return str(lib.llama_version().decode("utf-8"))


def features() -> str:
    """What llama.cpp uses of this processor, such as "AVX2, FMA"."""
    said = lib.llama_print_system_info().decode("utf-8", "replace")
    of_cpu = re.search(r"CPU : ((?:\w+ = \d+ \| )*)", said)
    return (
        ", ".join(name for name in re.findall(r"(\w+) = [1-9]", of_cpu[1]) if name not in _BUILT_IN) if of_cpu else ""
    )


class Vocabulary:
    """A model's tokens: what `prompt` needs to turn text into them."""

    def __init__(self, model: Any) -> None:
        self._vocab = lib.llama_model_get_vocab(model)
        self._pieces = ctypes.create_string_buffer(512)
        self.size: int = lib.llama_vocab_n_tokens(self._vocab)
        self.special_tokens = dict(self._special_tokens())
        self.bos = self._known(lib.llama_vocab_bos(self._vocab))
        self.eos = self._known(lib.llama_vocab_eos(self._vocab))
        self.bos_text = self._text(self.bos)
        self.eos_text = self._text(self.eos)
        self.add_bos = bool(lib.llama_vocab_get_add_bos(self._vocab))
        self._newline: list[int] = self.tokenize("\n")

    @staticmethod
    def _known(token: int) -> int | None:
        return None if token < 0 else token

    def _text(self, token: int | None) -> str:
        return "" if token is None else lib.llama_vocab_get_text(self._vocab, token).decode("utf-8", "replace")

    def _special_tokens(self) -> Iterator[tuple[str, SpecialToken]]:
        control = lib.LLAMA_TOKEN_ATTR_CONTROL | lib.LLAMA_TOKEN_ATTR_UNKNOWN
        for token in range(self.size):
            attributes = lib.llama_vocab_get_attr(self._vocab, token)
            if not attributes & (control | lib.LLAMA_TOKEN_ATTR_USER_DEFINED):
                continue
            text = self._text(token)
            if text:
                yield (
                    text,
                    SpecialToken(
                        id=token,
                        control=bool(attributes & control),
                        lstrip=bool(attributes & lib.LLAMA_TOKEN_ATTR_LSTRIP),
                        rstrip=bool(attributes & lib.LLAMA_TOKEN_ATTR_RSTRIP),
                    ),
                )

    def tokenize(self, text: str) -> list[int]:
        """The tokens of plain text. No control token comes of it, whatever it says."""
        data = text.encode("utf-8", "replace")
        room = len(data) + 16
        while True:
            tokens = (lib.llama_token * room)()
            count = lib.llama_tokenize(self._vocab, data, len(data), tokens, room, False, False)
            if count >= 0:
                return list(tokens[:count])
            room = -count

    def tokenize_continuation(self, text: str) -> list[int]:
        """The tokens of plain text that goes on from other text: without the space some vocabularies put in front."""
        tokens = self.tokenize("\n" + text)
        if tokens[: len(self._newline)] == self._newline:
            return tokens[len(self._newline) :]
        return self.tokenize(text)

    def ends_reply(self, token: int) -> bool:
        return bool(lib.llama_vocab_is_eog(self._vocab, token))

    def piece(self, token: int) -> bytes:
        """The bytes of one token. They need not be whole characters. Control tokens have none."""
        length = lib.llama_token_to_piece(self._vocab, token, self._pieces, len(self._pieces), 0, False)
        if length < 0:
            self._pieces = ctypes.create_string_buffer(-length)
            length = lib.llama_token_to_piece(self._vocab, token, self._pieces, len(self._pieces), 0, False)
        return self._pieces.raw[:length]


class Model:
    """A loaded model with one KV cache. Used by one thread; `flag` may be raised by another."""

    def __init__(
        self, options: LoadOptions, flag: Flag, native_log: NativeLog, on_progress: Callable[[float], None]
    ) -> None:
        """Loads the file. Raises `Interrupted`, or a `ModelError` that says why it could not be loaded."""
        self._flag = flag
        self._resources = contextlib.ExitStack()
        self._cached: list[int] = []
        self._one_token = (lib.llama_token * 1)()
        self._next = lib.llama_batch_get_one(self._one_token, 1)  # made once: it is submitted for every token
        native_log.clear()
        try:
            self._model = self._load(options, native_log, on_progress)
            self._context = self._make_context(options, native_log)
        except BaseException:
            self.close()
            raise
        self._memory = lib.llama_get_memory(self._context)
        self.vocabulary = Vocabulary(self._model)
        self.context_length: int = lib.llama_n_ctx(self._context)
        self.layers: int = lib.llama_model_n_layer(self._model)
        self.parameters: int = lib.llama_model_n_params(self._model)
        self.offloaded = _offloaded_layers(native_log)
        self._chunk: int = lib.llama_n_batch(self._context)

    def _load(self, options: LoadOptions, native_log: NativeLog, on_progress: Callable[[float], None]) -> Any:
        def report(fraction: float, _data: object) -> bool:
            on_progress(fraction)
            return not self._flag

        parameters = _model_parameters(options)
        parameters.load_mode = _LOAD_MODES[options.mapped, options.locked]
        parameters.progress_callback = lib.llama_progress_callback(report)
        model = lib.llama_model_load_from_file(str(options.path).encode("utf-8"), parameters)
        if model:
            self._resources.callback(lib.llama_model_free, model)
            return model
        if self._flag:
            raise Interrupted
        raise _load_error(native_log)

    def _make_context(self, options: LoadOptions, native_log: NativeLog) -> Any:
        parameters = _context_parameters(options)
        parameters.abort_callback = self._flag.callback
        parameters.abort_callback_data = self._flag.callback_data
        context = lib.llama_init_from_model(self._model, parameters)
        if not context:
            raise _load_error(native_log)
        self._resources.callback(lib.llama_free, context)
        return context

    def close(self) -> None:
        """Frees the model and its memory."""
        self._resources.close()

    def __enter__(self) -> Model:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def read(self, tokens: Sequence[int], on_progress: Callable[[int, int], None]) -> int:
        """Reads a prompt into the KV cache; what is there already is not read again.

        `on_progress(done, cached)` is called before the first and after each step. Returns the number of cached
        tokens. Raises `Interrupted`; what was read until then stays in the cache.
        """
        cached = self._keep(_common_prefix(self._cached, tokens[:-1]))
        on_progress(cached, cached)
        for start in range(cached, len(tokens), self._chunk):
            if self._flag:
                raise Interrupted
            self._decode(tokens[start : start + self._chunk])
            on_progress(len(self._cached), cached)
        return cached

    def _keep(self, count: int) -> int:
        """Forgets the cached tokens after `count`. Returns how many are left: recurrent models cannot go back."""
        if count < len(self._cached):
            count = self._remove_after(count)
            del self._cached[count:]
        return count

    def _remove_after(self, count: int) -> int:
        if count and lib.llama_memory_seq_rm(self._memory, 0, count, -1):
            return count
        lib.llama_memory_clear(self._memory, True)
        return 0

    def _decode(self, tokens: Sequence[int]) -> None:
        array = (lib.llama_token * len(tokens))(*tokens)
        self._submit(lib.llama_batch_get_one(array, len(tokens)), tokens)

    def _submit(self, batch: Any, tokens: Sequence[int]) -> None:
        result = lib.llama_decode(self._context, batch)
        if result == 0:
            self._cached.extend(tokens)
            return
        # Part of the batch may be in the cache already.
        del self._cached[self._remove_after(len(self._cached) if result == _ABORTED else 0) :]
        if result == _ABORTED:
            raise Interrupted
        raise errors.EngineError(f"llama.cpp could not go on (code {result}).")

    def write(self, sampling: Sampling, limit: int) -> Reply:
        """A reply to what was read last, at most `limit` tokens long. Iterate it to write it."""
        return Reply(self, sampling, limit)

    @contextlib.contextmanager
    def sampler(self, sampling: Sampling) -> Iterator[Any]:
        """A chain of native samplers that has seen the end of what was read."""
        chain = lib.llama_sampler_chain_init(lib.llama_sampler_chain_default_params())
        try:
            for sampler in _samplers(sampling, self.vocabulary.size):
                lib.llama_sampler_chain_add(chain, sampler)
            for token in self._cached[-_PENALTY_WINDOW:]:
                lib.llama_sampler_accept(chain, token)
            yield chain
        finally:
            lib.llama_sampler_free(chain)

    def sample(self, chain: Any) -> int:
        """The next token, chosen by `chain`."""
        return int(lib.llama_sampler_sample(chain, self._context, -1))

    def append(self, token: int) -> None:
        """Puts one token after what was read. Raises `Interrupted`."""
        self._one_token[0] = token
        self._submit(self._next, (token,))

    @property
    def context_used(self) -> int:
        """Tokens in the KV cache."""
        return len(self._cached)

    @property
    def interrupted(self) -> bool:
        return bool(self._flag)


class Reply:
    """A reply while it is written. Iterating gives its text, a piece for each token that completes a character.

    A character of which only a part was written is left out.

    Afterwards `reason` says why it ended (`end`, `length`, `context`, `stopped`), `tokens` what it consists of.
    """

    def __init__(self, model: Model, sampling: Sampling, limit: int) -> None:
        self._model = model
        self._sampling = sampling
        self._limit = limit
        self.reason = ""
        self.tokens: list[int] = []
        self.began = self.ended = 0.0  # seconds on the monotonic clock, of the first and the last token

    @property
    def tokens_per_second(self) -> float:
        """While writing: the first token is not counted, as its time went into reading the prompt."""
        seconds = self.ended - self.began
        return (len(self.tokens) - 1) / seconds if seconds > 0 else 0.0

    def __iter__(self) -> Iterator[str]:
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        with self._model.sampler(self._sampling) as chain:
            while (token := self._next(chain)) is not None:
                # The text goes out before the token is decoded: the reader is one token less behind.
                if text := decoder.decode(self._model.vocabulary.piece(token)):
                    yield text
                self._advance(token)

    def _next(self, chain: Any) -> int | None:
        if self.reason:
            return None
        token = self._model.sample(chain)
        if self._model.vocabulary.ends_reply(token):
            self.reason = "end"
            return None
        self.ended = time.monotonic()
        self.began = self.began or self.ended
        self.tokens.append(token)
        return token

    def _advance(self, token: int) -> None:
        if self._model.interrupted:
            self.reason = "stopped"
        elif len(self.tokens) >= self._limit:
            self.reason = "length"
        elif self._model.context_used >= self._model.context_length:
            self.reason = "context"
        else:
            try:
                self._model.append(token)
            except Interrupted:
                self.reason = "stopped"


@dataclass(frozen=True, slots=True)
class Allocation:
    """What llama.cpp allocates of one kind of memory, in bytes. `device` is RAM or the name of a GPU.

    `mappable` memory holds the weights just as they are in the file.
    """

    device: str
    mappable: bool
    weights: int
    kv_cache: int
    buffers: int


class SimulatedModel:
    """A model that was loaded without allocating anything. Of the file, only the header is read."""

    def __init__(self, options: LoadOptions, header: GgufHeader, native_log: NativeLog) -> None:
        """`header` is that of the file. Raises a `ModelError` that says why it could not be loaded."""
        self._native_log = native_log
        parameters = _model_parameters(options)
        parameters.no_alloc = True
        if header.vocabulary_size:
            parameters.kv_overrides = _without_words(header)
        parameters.load_mode = lib.LLAMA_LOAD_MODE_NONE
        with native_log.kept_to_itself():
            self._model = lib.llama_model_load_from_file(str(options.path).encode("utf-8"), parameters)
            if not self._model:
                raise _load_error(native_log)

    def allocations(self, options: LoadOptions) -> tuple[Allocation, ...]:
        """What would be allocated; nothing if that cannot be told. Raises a `ModelError` if there can be no context."""
        with self._native_log.kept_to_itself():
            context = lib.llama_init_from_model(self._model, _context_parameters(options))
            if not context:
                raise _load_error(self._native_log)
            try:
                parts = breakdown.parts(lib._lib, context)
            finally:
                lib.llama_free(context)
        size = lib.llama_model_size(self._model)
        # Some weights may be left out, others be there twice. All else means that the parts were read wrongly.
        if not size // 2 <= sum(part.model for part in parts) <= 2 * size + _PADDING:
            return ()
        return tuple(map(_allocation, parts))

    def close(self) -> None:
        lib.llama_model_free(self._model)


def _without_words(header: GgufHeader) -> Any:
    """Metadata of a vocabulary that has its size and no words: reading these would take longer than all the rest."""
    tokenizer = lib.llama_model_kv_override(
        lib.LLAMA_KV_OVERRIDE_TYPE_STR,
        b"tokenizer.ggml.model",
        lib.llama_model_kv_override_value(val_str=b"no_vocab"),
    )
    size = lib.llama_model_kv_override(
        lib.LLAMA_KV_OVERRIDE_TYPE_INT,
        f"{header.architecture[:64]}.vocab_size".encode(),
        lib.llama_model_kv_override_value(val_i64=header.vocabulary_size),
    )
    return (lib.llama_model_kv_override * 3)(tokenizer, size)  # the third one ends the list


def can_simulate() -> bool:
    """Whether this build of llama.cpp can be asked what it would allocate."""
    return breakdown.is_there(lib._lib)


def _allocation(part: breakdown.Part) -> Allocation:
    is_host = _ggml_function("ggml_backend_buft_is_host", ctypes.c_bool, ctypes.c_void_p)(part.buffer_type)
    device = _ggml_function("ggml_backend_buft_get_device", ctypes.c_void_p, ctypes.c_void_p)(part.buffer_type)
    kind = _ggml_function("ggml_backend_dev_type", ctypes.c_int, ctypes.c_void_p)(device) if device else _CPU
    in_ram = is_host or kind == _CPU  # a GPU has some of RAM for itself
    name = _ggml_function("ggml_backend_dev_name", ctypes.c_char_p, ctypes.c_void_p)
    return Allocation(RAM if in_ram else name(device).decode("utf-8"), is_host, part.model, part.context, part.compute)


def _model_parameters(options: LoadOptions) -> Any:
    parameters = lib.llama_model_default_params()
    parameters.n_gpu_layers = options.gpu_layers
    if options.devices is not None:
        by_name = _ggml_function("ggml_backend_dev_by_name", ctypes.c_void_p, ctypes.c_char_p)
        found = [handle for name in options.devices if (handle := by_name(name.encode("utf-8")))]
        parameters.kept_devices = (ctypes.c_void_p * (len(found) + 1))(*found)  # as long as the parameters
        parameters.devices = ctypes.addressof(parameters.kept_devices)
    if options.tensor_split:
        most = lib.llama_max_devices()
        parameters.tensor_split = (ctypes.c_float * most)(*options.tensor_split[:most])
    if options.experts_on_cpu:
        parameters.kept_placements = _experts_in_ram(options.experts_on_cpu)
        parameters.tensor_buft_overrides = ctypes.addressof(parameters.kept_placements)
    return parameters


class _Placement(ctypes.Structure):
    """`llama_model_tensor_buft_override`: tensors whose names have `pattern` go to a buffer type of their own."""

    _fields_ = (("pattern", ctypes.c_char_p), ("buffer_type", ctypes.c_void_p))


def _experts_in_ram(layers: int) -> Any:
    """For the experts of the first `layers` layers. llama.cpp's own --n-cpu-moe has a pattern for each layer, all of
    which are tried on each tensor; this is one for all of them.
    """
    numbers = "|".join(f"{start // 10 or ''}[0-{min(9, layers - 1 - start)}]" for start in range(0, layers, 10))
    pattern = rf"blk\.({numbers})\.ffn_(up|down|gate|gate_up)_(ch|)exps"
    in_ram = _ggml_function("ggml_backend_cpu_buffer_type", ctypes.c_void_p)()
    return (_Placement * 2)(_Placement(pattern.encode("ascii"), in_ram))  # the second one ends the list


def _context_parameters(options: LoadOptions) -> Any:
    on_gpu = options.gpu_layers > 0 and lib.llama_supports_gpu_offload()
    parameters = lib.llama_context_default_params()
    parameters.n_ctx = options.context_length
    parameters.n_batch = options.batch if on_gpu else min(options.batch, _BATCH_ON_CPU)
    parameters.n_ubatch = min(options.micro_batch, parameters.n_batch)
    parameters.n_outputs_max = 1  # only of the last token; the default reserves room for those of a whole batch
    parameters.n_threads = options.threads
    parameters.n_threads_batch = options.threads
    parameters.type_k = _CACHE_TYPES[options.cache_type_k]
    parameters.type_v = _CACHE_TYPES[options.cache_type_v]
    parameters.flash_attn_type = _FLASH_ATTENTION[options.flash_attention]
    parameters.rope_freq_base = options.rope_base
    parameters.rope_freq_scale = options.rope_scale
    return parameters


def _samplers(sampling: Sampling, vocabulary_size: int) -> Iterator[Any]:
    if sampling.repeat_penalty > 1:
        yield lib.llama_sampler_init_penalties(vocabulary_size, _PENALTY_WINDOW, sampling.repeat_penalty, 0.0, 0.0)
    if sampling.temperature <= 0:
        yield lib.llama_sampler_init_greedy()
        return
    if sampling.top_k > 0:
        yield lib.llama_sampler_init_top_k(sampling.top_k)
    if sampling.top_p < 1:
        yield lib.llama_sampler_init_top_p(sampling.top_p, 1)
    if sampling.min_p > 0:
        yield lib.llama_sampler_init_min_p(sampling.min_p, 1)
    yield lib.llama_sampler_init_temp(sampling.temperature)
    yield lib.llama_sampler_init_dist(sampling.seed or 0)


def _common_prefix(left: Sequence[int], right: Sequence[int]) -> int:
    for index, (a, b) in enumerate(zip(left, right, strict=False)):
        if a != b:
            return index
    return min(len(left), len(right))


def _offloaded_layers(native_log: NativeLog) -> int:
    found = native_log.find(r"offloaded (\d+)/\d+ layers to GPU")
    return int(found[1]) if found else 0


def _load_error(native_log: NativeLog) -> errors.ModelError:
    """What llama.cpp's log says about a load that failed."""
    if found := native_log.find(r"unknown model architecture: '([^']*)'"):
        return errors.UnknownArchitecture(f"Its architecture is “{found[1]}”.")
    if found := native_log.find(r"(?:failed|unable) to allocate (?!CPU)([A-Z]\w*\d) buffer"):
        return errors.NotEnoughMemory(f"{found[1]} has too little memory free. Choose fewer GPU layers.")
    if native_log.find(r"(?i)failed to allocate|unable to allocate|out of memory|ErrorOutOf\w*Memory"):
        return errors.NotEnoughMemory()
    if native_log.find(r"not within the file bounds|corrupted or incomplete"):
        return errors.ModelCutShort()
    if found := native_log.find(r"(?:error loading model|failed to \w+[^:\n]*): ([^\n]+)"):
        return errors.ModelLoadFailed(found[1].strip())
    return errors.ModelLoadFailed()
