"""The image side of an open_clip transformer, block by block, with fused attention.

open_clip's own blocks call PyTorch's multi-head attention, which copies queries, keys and values
and keeps three activations of every feed-forward layer for the backward pass.
"""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from affordance_grasp.encoders.linear import linear

QUICK_GELU = 1.702
"""QuickGELU is x * sigmoid(1.702 x), as the released weights were trained (OpenAI's CLIP)."""


def embed(visual: Any, images: Tensor) -> Tensor:
    """Normalised images (B, 3, S, S) -> (B, 1 + N, D): CLS and patches before the first block."""
    patches = visual.conv1(images).flatten(2).transpose(1, 2)
    cls = visual.class_embedding.to(patches.dtype).expand(len(patches), 1, -1)
    tokens = torch.cat([cls, patches], dim=1) + visual.positional_embedding.to(patches.dtype)
    return visual.ln_pre(tokens)


def run_block(block: Any, tokens: Tensor) -> Tensor:
    """One residual attention block: (B, N, D) -> (B, N, D)."""
    tokens = tokens + attend(block.attn, block.ln_1(tokens))
    hidden = linear(block.ln_2(tokens), block.mlp.c_fc.weight, block.mlp.c_fc.bias)
    return tokens + linear(quick_gelu(hidden), block.mlp.c_proj.weight, block.mlp.c_proj.bias)


def attend(attention: Any, normed: Tensor) -> Tensor:
    """Multi-head self-attention of a ``torch.nn.MultiheadAttention``'s weights: (B, N, D)."""
    projected = linear(normed, attention.in_proj_weight, attention.in_proj_bias)
    q, k, v = _heads(projected, 3 * attention.num_heads).chunk(3, dim=1)
    return _mix(attention, q, k, v)


def attend_queries(attention: Any, normed: Tensor) -> Tensor:
    """The same with queries in the place of keys; the keys are never computed."""
    dim, heads = attention.embed_dim, attention.num_heads
    weight, bias = attention.in_proj_weight, attention.in_proj_bias
    q = _heads(linear(normed, weight[:dim], bias[:dim]), heads)
    v = _heads(linear(normed, weight[2 * dim :], bias[2 * dim :]), heads)
    return _mix(attention, q, q, v)


def quick_gelu(x: Tensor) -> Tensor:
    """Sigmoid(1.702 x) x, in the form that keeps the fewest activations for the gradient."""
    return functional.silu(x * QUICK_GELU) * (1 / QUICK_GELU)


def _heads(rows: Tensor, heads: int) -> Tensor:
    return rows.unflatten(2, (heads, -1)).transpose(1, 2)


def _mix(attention: Any, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    mixed = functional.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
    return linear(mixed, attention.out_proj.weight, attention.out_proj.bias)
