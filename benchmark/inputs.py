"""Seeded inputs of the contestants, and an optimiser that does its work without an effect."""

import torch
from torch import Tensor

from affordance_grasp.methods.network import GroundingNetwork
from benchmark.contestant import ASKED

VIEWS = 3
"""Exocentric images of a sample."""


def random_image(side: int) -> Tensor:
    """A normalised image (1, 3, S, S)."""
    return torch.randn(1, 3, side, side)


def labels(count: int) -> Tensor:
    """Labels (B,) that repeat every few samples."""
    return torch.arange(count) % len(ASKED)


def random_views(count: int, side: int) -> tuple[Tensor, Tensor]:
    """Egocentric images (B, 3, S, S) and exocentric ones (B, E, 3, S, S)."""
    return torch.randn(count, 3, side, side), torch.randn(count, VIEWS, 3, side, side)


def frozen_tokens(network: GroundingNetwork, images: Tensor) -> Tensor:
    """The backbone's tokens (..., N, C) of images (..., 3, S, S)."""
    with torch.no_grad():
        return network.tokens(images.flatten(0, -4)).unflatten(0, images.shape[:-3])


def idle_sgd(network: GroundingNetwork) -> torch.optim.Optimizer:
    """The family's optimiser at learning rate 0: all of its work, and every step the same."""
    groups = network.parameter_groups(0.0)
    return torch.optim.SGD(groups, lr=0.0, momentum=0.9, nesterov=True, weight_decay=5e-4)
