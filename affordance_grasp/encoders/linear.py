"""Linear layers that multiply float32 matrices at the CPU's full speed.

PyTorch hands a float32 matrix product on a CPU to MKL, which leaves AVX-512 unused on processors
of other vendors than Intel, but hands convolutions to oneDNN, which does not. A linear layer is a
1x1 convolution over its rows; as such it is about twice as fast there, forward and backward, and
equally fast elsewhere. Everything else (accelerators, bfloat16, few rows) stays as it is.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

HAS_BOTH = torch.backends.mkl.is_available() and torch.backends.mkldnn.is_available()
MIN_ROWS = 64
"""Fewer rows than this are not worth a convolution's set-up."""


def linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """``torch.nn.functional.linear``: (..., D), (E, D) and (E,) -> (..., E)."""
    if not _is_convolution_faster(x, weight):
        return functional.linear(x, weight, bias)
    rows = x.reshape(-1, *x.shape[-2:])[:, None].permute(0, 3, 1, 2)
    # A dilation means nothing to a 1x1 kernel, but with it PyTorch chooses oneDNN for a single
    # image and a single thread too.
    mixed = functional.conv2d(rows, weight[:, :, None, None], bias, dilation=2)
    return mixed.permute(0, 2, 3, 1).reshape(*x.shape[:-1], len(weight))


class Linear(nn.Linear):
    """``torch.nn.Linear`` through :func:`linear`."""

    def forward(self, input: Tensor) -> Tensor:
        """(..., in_features) -> (..., out_features)."""
        return linear(input, self.weight, self.bias)


class FeedForward(nn.Module):
    """Two linear layers with a GELU between them."""

    def __init__(self, dim: int, hidden: int) -> None:
        super().__init__()
        self.fc1 = Linear(dim, hidden)
        self.fc2 = Linear(hidden, dim)

    def forward(self, x: Tensor) -> Tensor:
        """(..., D) -> (..., D)."""
        return self.fc2(functional.gelu(self.fc1(x)))


def attend(query: Tensor, key: Tensor, value: Tensor, heads: int) -> Tensor:
    """Attention of ``heads`` side by side: (B, Q, D), (B, N, D) and (B, N, D) -> (B, Q, D)."""
    q, k, v = (x.unflatten(2, (heads, -1)).transpose(1, 2) for x in (query, key, value))
    return functional.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)


def _is_convolution_faster(x: Tensor, weight: Tensor) -> bool:
    return (
        HAS_BOTH
        and x.device.type == "cpu"
        and x.dtype == weight.dtype == torch.float32
        and x.ndim > 1
        and x.numel() >= MIN_ROWS * x.shape[-1]
        and not torch.is_autocast_enabled("cpu")
    )
