"""What plain LOCATE and its plain successors share: heads on maps, loops over samples."""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from affordance_grasp.methods.shared.class_maps import KeyFeatures
from benchmark.plain_encoders import plain


def project(projection: Any, keys: Tensor) -> Tensor:
    """Keys (B, D, g, g) through the family's two linear layers, as contiguous maps."""
    rows = keys.flatten(2).transpose(1, 2)
    hidden = functional.gelu(plain(projection.fc1, projection.norm(rows)))
    out = plain(projection.fc2, hidden).transpose(1, 2)
    return out.unflatten(2, keys.shape[2:]).contiguous()


def scaled(one_map: Tensor, eps: float) -> Tensor:
    """A single map from its minimum to its maximum in 0..1."""
    return (one_map - one_map.min()) / (one_map.max() - one_map.min() + eps)


def heatmap(cam: Tensor, side: int) -> Tensor:
    """A CAM (g, g) enlarged to (side, side) and min-maxed."""
    enlarged = functional.interpolate(cam[None, None], size=(side, side), mode="bilinear")
    return scaled(enlarged[0, 0], 1e-10)


def spread(channel: Tensor) -> Tensor:
    """The concentration loss of one channel (g, g): its variance along x and along y."""
    positive = scaled(channel, 1e-10) + 1e-3
    density = positive / positive.sum()
    side = len(channel)
    position = torch.arange(side) * (2 / side) - 1
    total = torch.zeros(())
    for axis in (0, 1):
        line = density.sum(dim=axis)
        mean = (line * position).sum()
        total = total + (line * (position - mean) ** 2).sum()
    return total


def kmeans(points: Tensor, centroids: Tensor) -> Tensor:
    """The centroids (K, D) that those given move to among points (N, D)."""
    for _ in range(300):
        labels = torch.cdist(points, centroids).argmin(dim=1)
        moved = torch.zeros_like(centroids)
        for k in range(len(centroids)):
            if (labels == k).any():
                moved[k] = points[labels == k].mean(dim=0)
        shift = (moved - centroids).square().sum()
        centroids = moved
        if shift <= 1e-4:
            break
    return centroids


def foreground(features: KeyFeatures, i: int) -> Tensor:
    """Where three heads of sample i see the object, (g, g) bool."""
    side = features.keys.shape[-1]
    votes = torch.zeros(side, side)
    for head in (0, 1, 3):
        attention = features.attention[i, head].view(side, side)
        votes = votes + (attention > attention.mean()) / 3
    votes = scaled(votes, 1e-15)
    return votes > votes.mean()
