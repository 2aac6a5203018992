"""PLSP's fuser: one verb query gathers visual evidence in four cross-attention blocks.

Architecture after Xu et al., "Weakly-Supervised Affordance Grounding Guided by Part-Level Semantic
Priors" (ICLR 2025), section 3.3; the block is the latent regressor of context autoencoders.
Parameter names are those of the released checkpoints.
"""

import math
from typing import Any

import torch
from torch import Tensor, nn

from affordance_grasp.encoders.linear import FeedForward, Linear, attend, linear
from affordance_grasp.methods.network import DropPath


def sin_cos_table(grid: int, dim: int, temperature: float = 10000.0) -> Tensor:
    """Fixed 2-D positions (1, 2 + grid^2, dim): zeros for query and CLS, then the patches.

    The first half of the channels encodes the row, the second half the column, each as sines then
    cosines over dim / 4 frequencies.
    """
    # computed on the CPU, since checkpoints do not store these positions
    exact: Any = {"dtype": torch.float64, "device": "cpu"}
    frequencies = temperature ** (-torch.arange(dim // 4, **exact) / (dim // 4))
    angles = torch.arange(grid, **exact)[:, None] * frequencies
    axis = torch.cat([angles.sin(), angles.cos()], dim=1)
    rows = axis[:, None].expand(grid, grid, -1)
    columns = axis[None].expand(grid, grid, -1)
    patches = torch.cat([rows, columns], dim=2).reshape(grid * grid, dim)
    empty = torch.zeros(1, dim, **exact)
    return torch.cat([empty, empty, patches])[None].float()


class CrossAttention(nn.Module):
    """Multi-head attention of queries to keys and values, with a bias on q and v only."""

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.q = Linear(dim, dim, bias=False)
        self.k = Linear(dim, dim, bias=False)
        self.v = Linear(dim, dim, bias=False)
        self.q_bias = nn.Parameter(torch.zeros(dim))
        self.v_bias = nn.Parameter(torch.zeros(dim))
        self.proj = Linear(dim, dim)

    def forward(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """(B, Q, D), (B, N, D), (B, N, D) -> (B, Q, D)."""
        q = linear(query, self.q.weight, self.q_bias)
        v = linear(value, self.v.weight, self.v_bias)
        return self.proj(attend(q, self.k(key), v, self.heads))


class FuserBlock(nn.Module):
    """Cross-attention and a feed-forward layer, each with layer scale and drop path."""

    def __init__(self, dim: int, heads: int, mlp_ratio: float, drop_path: float) -> None:
        super().__init__()
        self.norm1_q = nn.LayerNorm(dim)
        self.norm1_k = nn.LayerNorm(dim)
        self.norm1_v = nn.LayerNorm(dim)
        self.norm2_cross = nn.LayerNorm(dim)
        self.cross_attn = CrossAttention(dim, heads)
        self.mlp_cross = FeedForward(dim, int(dim * mlp_ratio))
        self.gamma_1_cross = nn.Parameter(torch.full((dim,), 0.1))
        self.gamma_2_cross = nn.Parameter(torch.full((dim,), 0.1))
        self.drop_path = DropPath(drop_path)

    def forward(self, query: Tensor, visual: Tensor, positions: Tensor) -> Tensor:
        """Refine ``query`` (B, 1, D) with ``visual`` (B, N, D); ``positions`` (1, N, D)."""
        attended = self.cross_attn(
            self.norm1_q(query), self.norm1_k(visual + positions), self.norm1_v(visual)
        )
        x = self.norm2_cross(query + self.drop_path(self.gamma_1_cross * attended))
        return x + self.drop_path(self.gamma_2_cross * self.mlp_cross(x))


class VerbFuser(nn.Module):
    """The affordance token of a verb in an image: (B, 1, D) query and (B, 1 + N, D) tokens."""

    rd_pos_embed: Tensor

    def __init__(
        self, dim: int, grid: int, *, heads: int, depth: int, mlp_ratio: float, drop_path: float
    ) -> None:
        super().__init__()
        self.register_buffer("rd_pos_embed", sin_cos_table(grid, dim), persistent=False)
        rates = torch.linspace(0, drop_path, depth, device="cpu").tolist()
        self.regressor_blocks = nn.ModuleList(
            FuserBlock(dim, heads, mlp_ratio, rate) for rate in rates
        )
        self.norm = nn.LayerNorm(dim)
        if not self.norm.weight.is_meta:  # there a checkpoint provides the weights
            self._initialise()

    def _initialise(self) -> None:
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.trunc_normal_(module.weight, std=0.02)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
        with torch.no_grad():
            for layer, block in enumerate(self.regressor_blocks, start=1):
                block.cross_attn.proj.weight.div_(math.sqrt(2.0 * layer))
                block.mlp_cross.fc2.weight.div_(math.sqrt(2.0 * layer))

    def forward(self, query: Tensor, tokens: Tensor) -> Tensor:
        """The query attends to itself and to all visual tokens, block after block."""
        for block in self.regressor_blocks:
            query = block(query, torch.cat([query, tokens], dim=1), self.rd_pos_embed)
        return self.norm(query)
