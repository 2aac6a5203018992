"""LOCATE's part selection: which group of exocentric keys lies on the egocentric object.

The keys of relevant exocentric patches are sorted into groups by K-means; the group whose likeness
in the egocentric image agrees best with the foreground, by PartIoU, is the part that the
affordance needs (Li et al., CVPR 2023, as the released code has it).
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from affordance_grasp.methods.shared.class_maps import min_max
from affordance_grasp.methods.shared.kmeans import draw_rows, kmeans

LIKENESS_EPS = 1e-12


@dataclass(frozen=True)
class PartMatch:
    """The best group of every sample.

    ``centroid`` (B, D) of unit length. ``reliable`` (B,): its PartIoU is high enough. ``overlap``
    (B, K): the PartIoU of every group, NaN where there were fewer relevant patches than groups.
    """

    centroid: Tensor
    reliable: Tensor
    overlap: Tensor


@torch.no_grad()
def match_parts(
    exo: Tensor,
    relevant: Tensor,
    ego_keys: Tensor,
    foreground: Tensor,
    *,
    clusters: int,
    least_overlap: float,
    initial: Tensor | None = None,
) -> PartMatch:
    """The group of the keys ``exo`` (B, N, D) that fits the egocentric image best.

    Only keys where ``relevant`` (B, N) is set are sorted. ``ego_keys`` (B, D, g, g),
    ``foreground`` (B, g, g) bool. ``initial`` (B, K): which of a sample's relevant keys start
    K-means; without it they are drawn with replacement from torch's global generator.
    """
    if initial is None:
        starts = draw_rows(relevant, clusters, torch.default_generator)
    else:
        starts = _nth_relevant(relevant, initial)
    centroids = functional.normalize(kmeans(exo, starts, relevant).centroids, dim=2)
    enough = relevant.sum(dim=1) >= clusters
    overlap = part_iou(likeness(centroids, ego_keys), foreground)
    best = overlap.argmax(dim=1)
    return PartMatch(
        centroid=centroids[torch.arange(len(best)), best],
        reliable=enough & (overlap.amax(dim=1) >= least_overlap),
        overlap=overlap.where(enough[:, None], torch.nan),
    )


def likeness(centroids: Tensor, keys: Tensor) -> Tensor:
    """Cosines (B, K, g, g) of unit centroids (B, K, D) with keys (B, D, g, g)."""
    cosine = centroids @ functional.normalize(keys, dim=1).flatten(2)
    return cosine.unflatten(2, keys.shape[2:])


def part_iou(likeness: Tensor, foreground: Tensor) -> Tensor:
    """PartIoU (B, K): mean of |part and foreground| / |part| and |foreground| / |either|.

    The second numerator is the whole foreground, as in the released code.
    """
    scaled = min_max(likeness, LIKENESS_EPS)
    part = (scaled > scaled.mean(dim=(-2, -1), keepdim=True)).flatten(2)
    whole = foreground[:, None].flatten(2)
    shared = (part & whole).sum(dim=2) / part.sum(dim=2).clamp(min=1)
    covered = whole.sum(dim=2) / (part | whole).sum(dim=2).clamp(min=1)
    return (shared + covered) / 2


def foreground_mask(attention: Tensor) -> Tensor:
    """CLS attention (B, heads, g, g) of the salient heads -> (B, g, g) bool.

    Every head votes for the patches above its own mean; a patch above the mean vote is foreground.
    """
    votes = (attention > attention.mean(dim=(-2, -1), keepdim=True)).float().mean(dim=1)
    votes = min_max(votes)
    return votes > votes.mean(dim=(-2, -1), keepdim=True)


def patch_keys(keys: Tensor) -> Tensor:
    """Maps of keys (..., D, h, w) as lists (..., h w, D)."""
    return keys.flatten(-2).transpose(-2, -1)


def _nth_relevant(relevant: Tensor, places: Tensor) -> Tensor:
    """Places (B, K) among the true ones of ``relevant`` (B, N) -> places among all."""
    true_first = relevant.int().argsort(dim=1, descending=True, stable=True)
    return true_first.gather(1, places)
