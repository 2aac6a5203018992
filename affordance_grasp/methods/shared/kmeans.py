"""Batched K-means: many small sets of points at once, each stops on its own."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from affordance_grasp.errors import InvalidInput


@dataclass(frozen=True)
class Clusters:
    """``labels`` (B, N): the last assignment before the last update, -1 where masked out.

    ``centroids`` (B, K, D): means after that update; an empty cluster has a zero centroid.
    """

    labels: Tensor
    centroids: Tensor


def kmeans(
    points: Tensor,
    rows: Tensor,
    mask: Tensor | None = None,
    *,
    tolerance: float = 1e-4,
    steps: int = 300,
) -> Clusters:
    """Lloyd's algorithm on B sets of points (B, N, D) from the initial ``rows`` (B, K).

    ``rows`` index the N points. Only points where ``mask`` (B, N) is true take part; a set without
    any gets zero centroids. A set is done when its summed squared centroid shift is at most
    ``tolerance``, or after ``steps``. Behaves as the K-means of the released LOCATE code,
    euclidean, set by set.
    """
    if mask is None:
        mask = torch.ones(points.shape[:2], dtype=torch.bool, device=points.device)
    if not (mask.gather(1, rows).all(dim=1) | ~mask.any(dim=1)).all():
        raise InvalidInput(
            "K-means: an initial row is masked out; draw rows where the mask is set"
        )
    index = rows[..., None].expand(-1, -1, points.shape[2])
    centroids = points.gather(1, index)
    labels = torch.full(points.shape[:2], -1, device=points.device)
    running = torch.arange(len(points), device=points.device)
    for _ in range(steps):
        some, taken = points[running], mask[running]
        nearest = _nearest(some, centroids[running])
        moved = _means(some, nearest, taken, rows.shape[1])
        shift = (moved - centroids[running]).square().sum(dim=(1, 2))
        labels[running] = nearest.where(taken, -1)
        centroids[running] = moved
        running = running[shift > tolerance]
        if not len(running):
            break
    return Clusters(labels, centroids)


def draw_rows(mask: Tensor, clusters: int, generator: torch.Generator) -> Tensor:
    """Random initial rows (B, K), with replacement, among the points where ``mask`` (B, N) is set.

    As the released code draws them. A set without points gets any rows. The generator lives on the
    CPU, so that a seed gives the same rows on every device.
    """
    weights = mask.cpu() | ~mask.cpu().any(dim=1, keepdim=True)
    rows = torch.multinomial(weights.float(), clusters, replacement=True, generator=generator)
    return rows.to(mask.device)


def _nearest(points: Tensor, centroids: Tensor) -> Tensor:
    """Index (B, N) of the nearest centroid; the squared norm of the point itself is common."""
    closeness = 2 * points @ centroids.transpose(1, 2) - centroids.square().sum(dim=2)[:, None]
    return closeness.argmax(dim=2)


def _means(points: Tensor, labels: Tensor, mask: Tensor, clusters: int) -> Tensor:
    chosen = functional.one_hot(labels, clusters).to(points.dtype) * mask[..., None]
    counts = chosen.sum(dim=1).clamp(min=1)[..., None]
    return chosen.transpose(1, 2) @ points / counts
