"""The image side of CLIP ViT-B/16 (Radford et al., ICML 2021), with open_clip's parameter names.

Attention is fused: PyTorch's own multi-head attention copies queries, keys and values.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from affordance_grasp.encoders.linear import Linear, attend, linear

QUICK_GELU = 1.702
"""QuickGELU is x * sigmoid(1.702 x), as the released weights were trained (OpenAI's CLIP)."""


class ClipAttention(nn.Module):
    """Multi-head self-attention: (B, N, D) -> (B, N, D)."""

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.embed_dim, self.num_heads = dim, heads
        self.in_proj_weight = _drawn(3 * dim, dim, spread=dim**-0.5)
        self.in_proj_bias = nn.Parameter(torch.zeros(3 * dim))
        self.out_proj = Linear(dim, dim)

    def forward(self, normed: Tensor) -> Tensor:
        """See the class."""
        projected = linear(normed, self.in_proj_weight, self.in_proj_bias)
        query, key, value = projected.chunk(3, dim=2)
        return self.out_proj(attend(query, key, value, self.num_heads))

    def attend_queries(self, normed: Tensor) -> Tensor:
        """The same with queries in the place of keys; the keys are never computed."""
        weights, biases = self.in_proj_weight.chunk(3), self.in_proj_bias.chunk(3)
        query, value = (linear(normed, weights[i], biases[i]) for i in (0, 2))
        return self.out_proj(attend(query, query, value, self.num_heads))


class QuickGelu(nn.Module):
    """Sigmoid(1.702 x) x, in the form that stores the fewest activations for the gradient."""

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        return functional.silu(x * QUICK_GELU) * (1 / QUICK_GELU)


class ClipBlock(nn.Module):
    """Attention and feed-forward, each added to what came in: (B, N, D) -> (B, N, D)."""

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.ln_1 = nn.LayerNorm(dim)
        self.attn = ClipAttention(dim, heads)
        self.ln_2 = nn.LayerNorm(dim)
        self.mlp = nn.Sequential()
        self.mlp.add_module("c_fc", Linear(dim, 4 * dim))
        self.mlp.add_module("gelu", QuickGelu())
        self.mlp.add_module("c_proj", Linear(4 * dim, dim))

    def forward(self, tokens: Tensor) -> Tensor:
        """See the class."""
        tokens = tokens + self.attn(self.ln_1(tokens))
        return tokens + self.mlp(self.ln_2(tokens))


class ClipTower(nn.Module):
    """``grid``^2 patches of ``patch`` pixels a side through ``depth`` blocks of width ``dim``."""

    def __init__(
        self, patch: int, grid: int, output: int, heads: int, *, dim: int = 768, depth: int = 12
    ) -> None:
        super().__init__()
        spread = dim**-0.5
        self.class_embedding = _drawn(dim, spread=spread)
        self.positional_embedding = _drawn(1 + grid**2, dim, spread=spread)
        self.proj = _drawn(dim, output, spread=spread)
        self.conv1 = nn.Conv2d(3, dim, patch, stride=patch, bias=False)
        self.ln_pre = nn.LayerNorm(dim)
        self.transformer = nn.Module()
        self.transformer.resblocks = nn.Sequential(*(ClipBlock(dim, heads) for _ in range(depth)))
        self.ln_post = nn.LayerNorm(dim)

    def embed(self, images: Tensor) -> Tensor:
        """Normalised images (B, 3, S, S) -> (B, 1 + N, D): CLS and patches for the first block."""
        patches = self.conv1(images).flatten(2).transpose(1, 2)
        cls = self.class_embedding.to(patches.dtype).expand(len(patches), 1, -1)
        positions = self.positional_embedding.to(patches.dtype)
        return self.ln_pre(torch.cat([cls, patches], dim=1) + positions)

    def project(self, tokens: Tensor) -> Tensor:
        """Tokens (B, N, D) after the last block -> (B, N, output)."""
        return linear(self.ln_post(tokens), self.proj.T)


def _drawn(*shape: int, spread: float) -> nn.Parameter:
    return nn.Parameter(torch.empty(shape).uniform_(-spread, spread))
