"""A promptable mask decoder in the manner of Segment Anything, as PLSP uses it.

Prompt tokens and image features attend to each other in two-way blocks; the image is upscaled by
four and its dot product with a hyper-network's output is the map of logits. Parameter names are
those of PLSP's released checkpoints.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from affordance_grasp.encoders.linear import Linear, attend


class Attention(nn.Module):
    """Multi-head attention whose inner width may be smaller than the token width."""

    def __init__(self, dim: int, heads: int, inner: int) -> None:
        super().__init__()
        self.heads = heads
        self.q_proj = Linear(dim, inner)
        self.k_proj = Linear(dim, inner)
        self.v_proj = Linear(dim, inner)
        self.out_proj = Linear(inner, dim)

    def forward(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """(B, Q, D), (B, N, D), (B, N, D) -> (B, Q, D)."""
        q, k, v = self.q_proj(query), self.k_proj(key), self.v_proj(value)
        return self.out_proj(attend(q, k, v, self.heads))


class TwoWayFeedForward(nn.Module):
    """Two linear layers with a ReLU between them."""

    def __init__(self, dim: int, hidden: int) -> None:
        super().__init__()
        self.lin1 = Linear(dim, hidden)
        self.lin2 = Linear(hidden, dim)

    def forward(self, x: Tensor) -> Tensor:
        """(..., D) -> (..., D)."""
        return self.lin2(functional.relu(self.lin1(x)))


class TwoWayBlock(nn.Module):
    """Tokens attend to themselves, to the image, and the image attends to them."""

    def __init__(self, dim: int, heads: int, hidden: int, *, first: bool) -> None:
        super().__init__()
        self.first = first
        self.self_attn = Attention(dim, heads, dim)
        self.cross_attn_token_to_image = Attention(dim, heads, dim // 2)
        self.cross_attn_image_to_token = Attention(dim, heads, dim // 2)
        self.mlp = TwoWayFeedForward(dim, hidden)
        self.norm1 = nn.LayerNorm(dim)
        self.norm2 = nn.LayerNorm(dim)
        self.norm3 = nn.LayerNorm(dim)
        self.norm4 = nn.LayerNorm(dim)

    def forward(
        self, tokens: Tensor, image: Tensor, prompt: Tensor, positions: Tensor
    ) -> tuple[Tensor, Tensor]:
        """One round; ``prompt`` and ``positions`` are added to what attends, never to values.

        The first block's tokens are the prompt alone, so the attention's output replaces them.
        """
        if self.first:
            tokens = self.self_attn(tokens, tokens, tokens)
        else:
            placed = tokens + prompt
            tokens = tokens + self.self_attn(placed, placed, tokens)
        tokens = self.norm1(tokens)
        seen = self.cross_attn_token_to_image(tokens + prompt, image + positions, image)
        tokens = self.norm2(tokens + seen)
        tokens = self.norm3(tokens + self.mlp(tokens))
        attended = self.cross_attn_image_to_token(image + positions, tokens + prompt, tokens)
        return tokens, self.norm4(image + attended)


class TwoWayTransformer(nn.Module):
    """Two-way blocks and a last attention of the tokens to the image."""

    def __init__(self, dim: int, heads: int, hidden: int, depth: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            TwoWayBlock(dim, heads, hidden, first=index == 0) for index in range(depth)
        )
        self.final_attn_token_to_image = Attention(dim, heads, dim // 2)
        self.norm_final_attn = nn.LayerNorm(dim)

    def forward(self, prompt: Tensor, image: Tensor, positions: Tensor) -> tuple[Tensor, Tensor]:
        """(B, P, D) prompt tokens and (B, N, D) image -> both after the exchange."""
        tokens = prompt
        for layer in self.layers:
            tokens, image = layer(tokens, image, prompt, positions)
        last = self.final_attn_token_to_image(tokens + prompt, image + positions, image)
        return self.norm_final_attn(tokens + last), image


class RandomFourierPositions(nn.Module):
    """Positions as random Fourier features of the patch centres."""

    positional_encoding_gaussian_matrix: Tensor

    def __init__(self, frequencies: int) -> None:
        super().__init__()
        drawn = torch.randn(2, frequencies, device="cpu")
        self.register_buffer("positional_encoding_gaussian_matrix", drawn)

    def forward(self, grid: int) -> Tensor:
        """(1, grid^2, 2 * frequencies), row by row; coordinates are (x, y) in [-1, 1]."""
        matrix = self.positional_encoding_gaussian_matrix
        centres = (torch.arange(grid, device=matrix.device, dtype=matrix.dtype) + 0.5) / grid
        rows, columns = torch.meshgrid(centres, centres, indexing="ij")
        points = torch.stack([columns, rows], dim=-1).reshape(-1, 2) * 2 - 1
        angles = 2 * math.pi * (points @ matrix)
        return torch.cat([angles.sin(), angles.cos()], dim=-1)[None]


class ChannelNorm(nn.Module):
    """Layer normalisation over the channels of a (B, C, H, W) map."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        """Normalise every pixel's channel vector."""
        last = x.movedim(1, -1)
        normed = functional.layer_norm(last, self.weight.shape, self.weight, self.bias, 1e-6)
        return normed.movedim(-1, 1)


class HyperNetwork(nn.Module):
    """Three linear layers from a token to the weights of the final dot product."""

    def __init__(self, dim: int, out: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            [nn.Linear(dim, dim), nn.Linear(dim, dim), nn.Linear(dim, out)]
        )

    def forward(self, x: Tensor) -> Tensor:
        """(B, D) -> (B, out)."""
        for layer in self.layers[:-1]:
            x = functional.relu(layer(x))
        return self.layers[-1](x)


class MaskDecoder(nn.Module):
    """Affordance token and visual tokens -> logits at four times the patch grid."""

    def __init__(self, dim: int, grid: int, heads: int, depth: int, hidden: int) -> None:
        super().__init__()
        self.grid = grid
        self.add_token = nn.Embedding(1, dim, device="cpu")  # on "meta" torch loads its compiler
        self.pe_layer = RandomFourierPositions(dim // 2)
        self.transformer = TwoWayTransformer(dim, heads, hidden, depth)
        self.output_upscaling = nn.Sequential(
            nn.Conv2d(dim, dim, 3, padding=1),
            ChannelNorm(dim),
            nn.GELU(),
            nn.ConvTranspose2d(dim, dim // 4, 2, stride=2),
            ChannelNorm(dim // 4),
            nn.GELU(),
            nn.ConvTranspose2d(dim // 4, dim // 8, 2, stride=2),
            nn.GELU(),
        )
        self.output_hypernetworks_mlp = HyperNetwork(dim, dim // 8)

    def forward(self, affordance: Tensor, tokens: Tensor) -> Tensor:
        """(B, 1, D) and (B, 1 + grid^2, D) with CLS first -> logits (B, 4 grid, 4 grid)."""
        learned = self.add_token.weight[None].expand(len(tokens), -1, -1)
        prompt = torch.cat([learned, affordance, tokens[:, :1]], dim=1)
        prompt, image = self.transformer(prompt, tokens[:, 1:], self.pe_layer(self.grid))
        image = image.transpose(1, 2).unflatten(2, (self.grid, self.grid))
        weights = self.output_hypernetworks_mlp(prompt[:, 0])
        return torch.einsum("bc,bchw->bhw", weights, self.output_upscaling(image))
