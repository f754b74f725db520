"""A library for the fake Hub to look around in: the models of the shelf, and one of every kind that is special.

Files have the sizes of real ones. Those of TinyLlama, and all below 512 MB, can be downloaded to the end; the hash of
a larger one is made up, so its download ends as a damaged one does.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path

from app.core.catalogue import shelf
from app.core.quants import quant_in_name
from tests.fake_hub import FakeHub
from tests.fake_hub_repos import Content, VirtualFile
from tests.gguf_writer import write_gguf

TINY = "TinyLlama/TinyLlama-1.1B-Chat-v1.0"
TINY_FILES = {  # size in bytes and SHA-256 of VirtualFile(size, seed=its place here)
    "Q2_K": (483_116_416, "d6a15440157c32248dbd4b65b63d964aafc39a45cc35325fdc56cece2f03ea2b"),
    "Q3_K_S": (499_342_720, "0f37981422ab4d9cb96d50428dcf88917a4a0f16957f95663fcb29aeb1d152e2"),
    "Q3_K_M": (550_819_200, "468220351332b3aa2c8f0e03780b04c0f282aeb824326038871cae5757edbefc"),
    "Q3_K_L": (592_503_168, "80851922972bde8bd124f262d5408874ba6866f6eb5b5d6e71afe5d42ff982f2"),
    "Q4_0": (637_699_456, "f4cc8f3187bb9c20a7c3e1ac2d2aeb95d228ce7e420c6c48c61cb60af4cf736b"),
    "Q4_K_S": (643_728_768, "e535962eaba5f7da5a0592d191626559ec94932e0b702c5ff645b4b86655282d"),
    "Q4_K_M": (668_788_096, "08be579e144de29ff1f00dc59ed928b0147e663b71d78ff7187d652d092a8eba"),
    "Q5_0": (766_029_184, "48f70495f019efebaf2a95558b09df6e0cfb0fcec59f96136040e637aa55d6b6"),
    "Q5_K_S": (766_029_184, "2efebceaf43f558479d1aae96733e3a7a58c5fe1103ac4735a46fe3f65fc8bdf"),
    "Q5_K_M": (782_045_568, "4eff4a0321ace7036d603698ef8d881f8afb14da034320fa785d4c39f82872d6"),
    "Q6_K": (904_385_920, "36a93d86d90002c2322846d3efc2c7c8cd0a3a182f161e83db3cbc17456c6bcd"),
    "Q8_0": (1_170_781_568, "996bed9068ac597f5a931ea92568c42cab3e82acdc963b50e11bffae91f1355b"),
}
BITS = {"Q2_K": 3.2, "Q3_K_M": 4.0, "IQ4_XS": 4.5, "Q4_K_M": 4.9, "Q5_K_M": 5.7, "Q6_K": 6.6, "Q8_0": 8.5}
ZEPHYR = "{% for message in messages %}{{ '<|' + message['role'] + '|>\\n' + message['content'] }}{% endfor %}"

CARD = """# {name}

Files of **{base}** in the GGUF format.

![How it compares](https://example.invalid/chart.png)

| Name | Quant | Size |
| ---- | ----- | ---: |
{table}

## How to ask

```
<|system|>
You are a friendly assistant.</s>
<|user|>
How far is the moon?</s>
<|assistant|>
```

More at [the page of its makers](https://example.invalid/{base}). <script>alert("never")</script>
"""


def add_demo_library(hub: FakeHub, *, real: bool = False) -> None:
    """`real` fills the quants with small models that load, in place of large ones that do not."""
    stand_ins = _small_models() if real else []
    _add_tiny_llama(hub, stand_ins)
    for place, model in enumerate(shelf()[1:]):
        files = _quants(model.id, billions=float(1 + place))
        _add(hub, model.id, _loadable(files, stand_ins), model.licence, model.context_length, 900_000 - 50_000 * place)
    _add_special_ones(hub)
    for number in range(70):  # enough for three pages
        repo = f"quantizer/Tiny-Chat-experiment-{number:02}-GGUF"
        _add(hub, repo, _quants(repo, billions=0.2), "mit", 4096, 1000 - number)


def _add_tiny_llama(hub: FakeHub, stand_ins: list[bytes]) -> None:
    name = "tinyllama-1.1b-chat-v1.0"
    files: dict[str, Content] = {
        f"{name}.{quant}.gguf": VirtualFile(size, seed, sha256)
        for seed, (quant, (size, sha256)) in enumerate(TINY_FILES.items())
    }
    repo = "TheBloke/TinyLlama-1.1B-Chat-v1.0-GGUF"
    _add(hub, repo, {**_loadable(files, stand_ins), "config.json": b"{}"}, "apache-2.0", 2048, 1_234_567, TINY)
    hub.add_model(
        TINY,
        {"model.safetensors": VirtualFile(2_200_119_864), "config.json": b"{}"},
        card="# TinyLlama\n\nThe original.",
        downloads=2_000_000,
        likes=1200,
        tags=["conversational"],
        licence="apache-2.0",
    )
    for kind, tag in (("AWQ", "awq"), ("GPTQ", "gptq")):
        hub.add_model(
            f"TheBloke/TinyLlama-1.1B-Chat-v1.0-{kind}",
            {"model.safetensors": VirtualFile(766_000_000)},
            card=f"# TinyLlama, {kind}",
            downloads=20_000,
            tags=[tag],
            base_model=TINY,
            licence="apache-2.0",
        )


def _add_special_ones(hub: FakeHub) -> None:
    base = "TheBloke/TinyLlama-1.1B-intermediate-step-1431k-3T-GGUF"
    _add(hub, base, _quants(base, 1.1), "apache-2.0", 2048, 40_000, template="")
    gated = "google/gemma-3-1b-it-qat-q4_0-gguf"
    _add(hub, gated, {"gemma-3-1b-it-q4_0.gguf": VirtualFile(400_000_000)}, "gemma", 32768, 60_000, gated="manual")
    split = "Qwen/Qwen2.5-32B-Instruct-GGUF"
    stem = "qwen2.5-32b-instruct-q4_k_m"
    parts = {f"{stem}-{part:05}-of-00003.gguf": VirtualFile(300_000_000, part) for part in (1, 2, 3)}
    _add(hub, split, parts, "apache-2.0", 32768, 55_000)
    sees = "ggml-org/SmolVLM-500M-Instruct-GGUF"
    projector = {"mmproj-SmolVLM-500M-Instruct-Q8_0.gguf": VirtualFile(109_000_000)}
    _add(hub, sees, {**_quants(sees, 0.4), **projector}, "apache-2.0", 8192, 50_000)
    _add(hub, "ada/diary-GGUF", _quants("ada/diary", 0.3), "mit", 4096, 3, private=True)
    _add(hub, "ada/withdrawn-GGUF", _quants("ada/withdrawn", 0.3), "mit", 4096, 3, disabled=True)
    unsafe = {name: VirtualFile(1000) for name in ("../../escape.Q4_K_M.gguf", "CON.gguf", "a:b.Q4_K_M.gguf")}
    _add(hub, "mallory/Unsafe-names-GGUF", {**unsafe, "fine.Q4_K_M.gguf": VirtualFile(5_000_000)}, "mit", 4096, 7)


def _add(
    hub: FakeHub,
    repo: str,
    files: Mapping[str, Content],
    licence: str,
    context: int,
    downloads: int,
    base: str = "",
    *,
    template: str = ZEPHYR,
    gated: str | bool = False,
    private: bool = False,
    disabled: bool = False,
) -> None:
    base = base or repo.removesuffix("-GGUF")
    hub.add_model(
        repo,
        files,
        card=CARD.format(name=repo.partition("/")[2], base=base, table=_table(files)),
        downloads=downloads,
        likes=downloads // 500,
        last_modified=f"2026-{1 + downloads % 9:02}-{1 + downloads % 28:02}T12:00:00.000Z",
        gated=gated,
        private=private,
        disabled=disabled,
        tags=["conversational"] if template else [],
        gguf={
            "total": 1_100_048_384,
            "architecture": "llama",
            "context_length": context,
            **({"chat_template": template} if template else {}),
        },
        base_model=base,
        licence=licence,
    )


def _quants(repo: str, billions: float) -> dict[str, Content]:
    name = repo.partition("/")[2].removesuffix("-GGUF")
    return {
        f"{name}-{quant}.gguf": VirtualFile(int(billions * 1e9 * bits / 8), seed)
        for seed, (quant, bits) in enumerate(BITS.items())
    }


def _loadable(files: Mapping[str, Content], stand_ins: list[bytes]) -> Mapping[str, Content]:
    return dict(zip(files, stand_ins, strict=False)) if stand_ins else files


def _small_models() -> list[bytes]:
    """Different ones, so that a switch from quant to quant can be seen."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "small.gguf"
        return [write_gguf(path, quant="Q8_0", seed=seed).read_bytes() for seed in range(len(TINY_FILES))]


def _table(files: Mapping[str, Content]) -> str:
    return "\n".join(
        f"| [{path}](./{path}) | {quant_in_name(path)} | {len(content) / 1e9:.2f} GB |"
        for path, content in files.items()
        if path.endswith(".gguf")
    )
