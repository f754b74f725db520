"""A small Llama, layer for layer what llama.cpp computes for the architecture of that name."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

EPSILON = 1e-5
ROPE_BASE = 10_000.0


@dataclass(frozen=True, slots=True)
class Shape:
    """All widths are multiples of 32, which Q8_0 needs."""

    vocabulary: int
    width: int = 320
    layers: int = 4
    heads: int = 5
    ff: int = 896
    context: int = 1024


class Llama(nn.Module):
    """Token ids (batch, time) to logits (chosen, vocabulary). Embedding and output share their weights."""

    def __init__(self, shape: Shape, dropout: float) -> None:
        super().__init__()
        self.shape = shape
        self.token_embd = nn.Embedding(shape.vocabulary, shape.width)
        self.blk = nn.ModuleList(Block(shape, dropout) for _ in range(shape.layers))
        self.output_norm = nn.RMSNorm(shape.width, EPSILON)
        self.dropout = nn.Dropout(dropout)
        cosine, sine = _rotations(shape)
        self.register_buffer("cosine", cosine, persistent=False)
        self.register_buffer("sine", sine, persistent=False)
        for name, parameter in self.named_parameters():
            if parameter.dim() == 2:
                into_stream = name.endswith(("attn_output.weight", "ffn_down.weight"))
                nn.init.normal_(parameter, std=0.02 / (2 * shape.layers) ** 0.5 if into_stream else 0.02)

    def forward(self, tokens: Tensor, positions: Tensor, mask: Tensor, chosen: Tensor) -> Tensor:
        """`positions` are those of the tokens, `mask` (batch, time, time) says which of them sees which.

        Only the `chosen` of all tokens, counted through the whole batch, get logits.
        """
        return self.logits(self.states(tokens, positions, mask, chosen))

    def states(self, tokens: Tensor, positions: Tensor, mask: Tensor, chosen: Tensor) -> Tensor:
        """What the logits of the `chosen` tokens come from."""
        stream = self.dropout(self.token_embd(tokens))
        rotation = self.cosine[positions].unsqueeze(1), self.sine[positions].unsqueeze(1)
        for block in self.blk:
            stream = block(stream, *rotation, mask.unsqueeze(1))
        normed: Tensor = self.output_norm(stream.flatten(0, 1)[chosen])
        return normed

    def logits(self, states: Tensor) -> Tensor:
        return functional.linear(states, self.token_embd.weight)


class Block(nn.Module):
    """Attention and a gated feed-forward, with the names that GGUF gives to the weights."""

    def __init__(self, shape: Shape, dropout: float) -> None:
        super().__init__()
        width, ff = shape.width, shape.ff
        self.heads = shape.heads
        self.attn_norm = nn.RMSNorm(width, EPSILON)
        self.attn_q = nn.Linear(width, width, bias=False)
        self.attn_k = nn.Linear(width, width, bias=False)
        self.attn_v = nn.Linear(width, width, bias=False)
        self.attn_output = nn.Linear(width, width, bias=False)
        self.ffn_norm = nn.RMSNorm(width, EPSILON)
        self.ffn_gate = nn.Linear(width, ff, bias=False)
        self.ffn_up = nn.Linear(width, ff, bias=False)
        self.ffn_down = nn.Linear(ff, width, bias=False)
        self.dropout = nn.Dropout(dropout)

    def forward(self, stream: Tensor, cosine: Tensor, sine: Tensor, mask: Tensor) -> Tensor:
        normed = self.attn_norm(stream)
        query, key, value = (self._split(matrix(normed)) for matrix in (self.attn_q, self.attn_k, self.attn_v))
        mixed = functional.scaled_dot_product_attention(
            _rotated(query, cosine, sine), _rotated(key, cosine, sine), value, attn_mask=mask
        )
        stream = stream + self.dropout(self.attn_output(mixed.transpose(1, 2).flatten(2)))
        normed = self.ffn_norm(stream)
        return stream + self.dropout(self.ffn_down(functional.silu(self.ffn_gate(normed)) * self.ffn_up(normed)))

    def _split(self, stream: Tensor) -> Tensor:
        return stream.unflatten(2, (self.heads, -1)).transpose(1, 2)


def _rotations(shape: Shape) -> tuple[Tensor, Tensor]:
    half = shape.width // shape.heads // 2
    frequencies = ROPE_BASE ** (-torch.arange(half, dtype=torch.float32) / half)
    angles = torch.outer(torch.arange(shape.context, dtype=torch.float32), frequencies)
    return angles.cos(), angles.sin()


def _rotated(heads: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
    """Each pair of neighbours turned by its position, as llama.cpp does for this architecture."""
    even, odd = heads[..., 0::2], heads[..., 1::2]
    return torch.stack((even * cosine - odd * sine, even * sine + odd * cosine), dim=-1).flatten(3)
