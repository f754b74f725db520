"""Small models of other layouts than the plain llama's: sparse files without weights, to load and to measure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from tests.gguf_writer import Shape, write_container, write_gguf
from tests.storyteller import Vocabulary

LAYERS, WIDTH, FF, HEADS, VOCABULARY = 8, 512, 1536, 8, 8192
STATE, RANK, KERNEL = 16, 32, 4  # of the recurrent layers

Shapes = dict[str, tuple[int, ...]]

_FFN: Shapes = {
    "ffn_norm.weight": (WIDTH,),
    "ffn_gate.weight": (FF, WIDTH),
    "ffn_up.weight": (FF, WIDTH),
    "ffn_down.weight": (WIDTH, FF),
}
_EXPERTS: Shapes = {
    "ffn_norm.weight": (WIDTH,),
    "ffn_gate_inp.weight": (8, WIDTH),
    "ffn_gate_exps.weight": (8, FF, WIDTH),
    "ffn_up_exps.weight": (8, FF, WIDTH),
    "ffn_down_exps.weight": (8, WIDTH, FF),
}
_RECURRENT: Shapes = {
    "attn_norm.weight": (WIDTH,),
    "ssm_in.weight": (4 * WIDTH, WIDTH),
    "ssm_conv1d.weight": (2 * WIDTH, KERNEL),
    "ssm_conv1d.bias": (2 * WIDTH,),
    "ssm_x.weight": (RANK + 2 * STATE, 2 * WIDTH),
    "ssm_dt.weight": (2 * WIDTH, RANK),
    "ssm_dt.bias": (2 * WIDTH,),
    "ssm_a": (2 * WIDTH, STATE),
    "ssm_d": (2 * WIDTH,),
    "ssm_out.weight": (WIDTH, 2 * WIDTH),
}
_NORMS: Shapes = {
    "ssm_dt_norm.weight": (RANK,),
    "ssm_b_norm.weight": (STATE,),
    "ssm_c_norm.weight": (STATE,),
}
_STATE = {
    "ssm.conv_kernel": KERNEL,
    "ssm.inner_size": 2 * WIDTH,
    "ssm.state_size": STATE,
    "ssm.time_step_rank": RANK,
}


def _attention(kv_heads: int) -> Shapes:
    kv_width = WIDTH // HEADS * kv_heads
    return {
        "attn_norm.weight": (WIDTH,),
        "attn_q.weight": (WIDTH, WIDTH),
        "attn_k.weight": (kv_width, WIDTH),
        "attn_v.weight": (kv_width, WIDTH),
        "attn_output.weight": (WIDTH, WIDTH),
    }


def write_multi_head(path: Path) -> Path:
    return write_gguf(path, Shape(LAYERS, WIDTH, HEADS, HEADS, FF, 32768, VOCABULARY), quant="F16", sparse=True)


def write_sliding_window(path: Path) -> Path:
    after = {"post_attention_norm.weight": (WIDTH,), "post_ffw_norm.weight": (WIDTH,)}
    layer = {**_attention(4), **_FFN, **after}
    window = {"attention.key_length": WIDTH // HEADS, "attention.value_length": WIDTH // HEADS}
    return _write(path, "gemma2", [layer] * LAYERS, {**window, "attention.sliding_window": 1024})


def write_experts(path: Path) -> Path:
    layer = {**_attention(4), **_EXPERTS}
    return _write(path, "llama", [layer] * LAYERS, {"expert_count": 8, "expert_used_count": 2})


def write_recurrent(path: Path) -> Path:
    none = {"attention.head_count": 0, "attention.head_count_kv": 0, "feed_forward_length": 0}
    return _write(path, "mamba", [_RECURRENT] * LAYERS, {**_STATE, **none})


def write_hybrid(path: Path) -> Path:
    """Every fourth layer has attention."""
    kv_heads = [4 if layer % 4 == 3 else 0 for layer in range(LAYERS)]
    layers = [{**(_attention(count) if count else {**_RECURRENT, **_NORMS}), **_FFN} for count in kv_heads]
    return _write(path, "jamba", layers, {**_STATE, "attention.head_count_kv": kv_heads})


LAYOUTS: dict[str, Callable[[Path], Path]] = {
    "multi-head": write_multi_head,
    "sliding window": write_sliding_window,
    "experts": write_experts,
    "recurrent": write_recurrent,
    "hybrid": write_hybrid,
}


def _write(path: Path, architecture: str, layers: list[Shapes], special: Mapping[str, object]) -> Path:
    numbers = {
        "context_length": 32768,
        "embedding_length": WIDTH,
        "block_count": LAYERS,
        "feed_forward_length": FF,
        "attention.head_count": HEADS,
        "attention.head_count_kv": 4,
        "attention.layer_norm_rms_epsilon": 1e-5,
        "vocab_size": VOCABULARY,
        **special,
    }
    metadata = {
        "general.architecture": architecture,
        "general.type": "model",
        "general.file_type": 0,
        **{f"{architecture}.{name}": number for name, number in numbers.items()},
        **Vocabulary(VOCABULARY, "spm", (), None).metadata(),
    }
    blocks = {f"blk.{index}.{name}": size for index, layer in enumerate(layers) for name, size in layer.items()}
    table = {"token_embd.weight": (VOCABULARY, WIDTH), "output_norm.weight": (WIDTH,)}
    return write_container(path, metadata, {**table, **blocks}, "F32")
