"""The vision transformer of DINO and DINOv2, with the parameter names of timm.

Dosovitskiy et al., "An Image is Worth 16x16 Words" (ICLR 2021): a class token (CLS) before the
patches, learned positions, normalisation before attention and feed-forward. DINOv2 scales what
either adds, channel by channel.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from affordance_grasp.encoders.linear import FeedForward, Linear, linear

NORM_EPS = 1e-6


class PatchEmbedding(nn.Module):
    """Images (B, 3, S, S) -> patches (B, N, dim), row by row."""

    def __init__(self, patch: int, dim: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, dim, patch, stride=patch)

    def forward(self, images: Tensor) -> Tensor:
        """See the class."""
        return self.proj(images).flatten(2).transpose(1, 2)


class SelfAttention(nn.Module):
    """Multi-head self-attention: (B, N, dim) -> (B, N, dim)."""

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.num_heads = heads
        self.qkv = Linear(dim, 3 * dim)
        self.proj = Linear(dim, dim)

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        packed = self.qkv(x).unflatten(2, (3, self.num_heads, -1)).permute(2, 0, 3, 1, 4)
        mixed = functional.scaled_dot_product_attention(*packed.unbind(0))
        return self.proj(mixed.transpose(1, 2).flatten(2))


class LayerScale(nn.Module):
    """One factor for every channel."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.full((dim,), 1e-5))

    def forward(self, x: Tensor) -> Tensor:
        """(..., dim) -> (..., dim)."""
        return x * self.gamma


class Block(nn.Module):
    """Attention and feed-forward, each added to what came in."""

    def __init__(self, dim: int, heads: int, *, scaled: bool) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(dim, NORM_EPS)
        self.attn = SelfAttention(dim, heads)
        self.ls1 = LayerScale(dim) if scaled else nn.Identity()
        self.norm2 = nn.LayerNorm(dim, NORM_EPS)
        self.mlp = FeedForward(dim, 4 * dim)
        self.ls2 = LayerScale(dim) if scaled else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """(B, N, dim) -> (B, N, dim)."""
        x = x + self.ls1(self.attn(self.norm1(x)))
        return x + self.ls2(self.mlp(self.norm2(x)))


class VisionTransformer(nn.Module):
    """``grid``^2 patches of ``patch`` pixels a side through ``depth`` blocks.

    ``scaled``: with layer scale, as DINOv2 has it.
    """

    def __init__(
        self, patch: int, grid: int, dim: int, heads: int, *, scaled: bool, depth: int = 12
    ) -> None:
        super().__init__()
        self.cls_token = nn.Parameter(torch.zeros(1, 1, dim))
        self.pos_embed = nn.Parameter(torch.empty(1, 1 + grid**2, dim).uniform_(-0.04, 0.04))
        self.patch_embed = PatchEmbedding(patch, dim)
        self.blocks = nn.Sequential(*(Block(dim, heads, scaled=scaled) for _ in range(depth)))
        self.norm = nn.LayerNorm(dim, NORM_EPS)

    def forward(self, images: Tensor) -> Tensor:
        """Normalised images (B, 3, S, S) -> (B, 1 + N, dim) after the final norm, CLS first."""
        return self.norm(self.blocks(self._embed(images)))

    def last_keys(self, images: Tensor) -> Tensor:
        """What LOCATE and its successors read, the last block's keys: (B, 2 + N, dim).

        Row 0 is the query of the CLS token, row 1 its key, the others the keys of the N patches;
        the CLS attention follows from them. Channels are head-fastest: channel d * heads + h is
        channel d of head h, as in the released checkpoints. Values, attention output and
        feed-forward of the last block are never computed, because nothing reads them.
        """
        block = self.blocks[-1]
        normed = block.norm1(self.blocks[:-1](self._embed(images)))
        weights, biases = block.attn.qkv.weight.chunk(3), block.attn.qkv.bias.chunk(3)
        query = linear(normed[:, :1], weights[0], biases[0])
        keys = linear(normed, weights[1], biases[1])
        packed = torch.cat([query, keys], dim=1)
        return packed.unflatten(2, (block.attn.num_heads, -1)).transpose(2, 3).flatten(2)

    def _embed(self, images: Tensor) -> Tensor:
        patches = self.patch_embed(images)
        cls = self.cls_token.expand(len(patches), -1, -1)
        return torch.cat([cls, patches], dim=1) + self.pos_embed
