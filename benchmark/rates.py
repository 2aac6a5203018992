"""How fast this machine multiplies matrices, to compare a network's time with."""

import time
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from affordance_grasp.encoders.linear import linear

ROWS, WIDTH, HIDDEN = 197, 768, 3072
"""A linear layer of ViT-B/16 on one image of 224 x 224 pixels."""
WORK = 10e9
"""Operations that are timed at once: some tens of milliseconds."""
MOST_IMAGES = 16

PRODUCTS: dict[str, tuple[torch.dtype, Callable[[Tensor, Tensor], Tensor]]] = {
    "torch": (torch.float32, functional.linear),
    "ours": (torch.float32, linear),
    "bfloat16": (torch.bfloat16, functional.linear),
}
"""PyTorch's float32 linear layer, :func:`encoders.linear.linear`, PyTorch's in bfloat16."""


def measure_rates(images: int = 1) -> dict[str, float]:
    """The rate [GFLOP/s, 2 for a multiply-add] of each of :data:`PRODUCTS`, measured once.

    The matrices are those of a layer on ``images`` images, or on 16 where there are more.
    """
    x, weight = torch.randn(min(images, MOST_IMAGES), ROWS, WIDTH), torch.randn(HIDDEN, WIDTH)
    operations = 2 * x.numel() * HIDDEN
    repeats = max(1, round(WORK / operations))
    rates = {}
    for name, (dtype, product) in PRODUCTS.items():
        left, right = x.to(dtype), weight.to(dtype)
        with torch.inference_mode():
            product(left, right)
            started = time.perf_counter()
            for _ in range(repeats):
                product(left, right)
            rates[name] = 1e-9 * operations * repeats / (time.perf_counter() - started)
    return rates
