"""SelectiveCL's part discovery: which patches belong to the part that the affordance needs.

The exocentric images select relevant keys, K-means puts these into three clusters, and the cluster
whose similarity map in the egocentric image fits the foreground best is the part (paper, part
discovery; the foreground test is LOCATE's PartIoU). Nothing here carries a gradient.
"""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from affordance_grasp.methods.shared.class_maps import HEATMAP_EPS, min_max
from affordance_grasp.methods.shared.kmeans import draw_rows, kmeans

ExoIndexing = Literal["paper", "released"]
LIKENESS_EPS = 1e-12


@dataclass(frozen=True)
class PartRules:
    """The settings of part discovery.

    ``clusters`` of relevant keys. A patch is relevant above ``relevance`` (gamma 1) of the
    min-maxed exocentric map; a part counts from a PartIoU of ``overlap`` (alpha) on.
    ``exo_indexing``: every exocentric image's own map (paper), or, as the released code indexes
    the flattened batch, row e of map b for the top row of image e of sample b.
    """

    clusters: int = 3
    relevance: float = 0.6
    overlap: float = 0.6
    exo_indexing: ExoIndexing = "paper"


@dataclass(frozen=True)
class PartEvidence:
    """Features and maps of B samples with E exocentric images each, on a grid of side g.

    ``ego_keys`` (B, D, g, g) and ``exo_keys`` (B, E, D, g, g); ``ego_affinity`` (B, g, g) and
    ``exo_affinity`` (B, E, g, g), cosines; ``relevance`` (B, E, g, g), by which exocentric
    patches are selected; ``foreground`` (B, g, g) bool.
    """

    ego_keys: Tensor
    exo_keys: Tensor
    ego_affinity: Tensor
    exo_affinity: Tensor
    relevance: Tensor
    foreground: Tensor


@dataclass(frozen=True)
class Parts:
    """Where the needed part is: ``ego`` (B, g, g) and ``exo`` (B, E, g, g), signed weights.

    Where no part was ``reliable`` (B,) they are the affinities. ``overlap`` (B, K): the PartIoU of
    every cluster, NaN where there were fewer relevant patches than clusters or none was sought.
    """

    ego: Tensor
    exo: Tensor
    reliable: Tensor
    overlap: Tensor


@torch.no_grad()
def discover_parts(
    evidence: PartEvidence, rules: PartRules, initial: Tensor | None = None
) -> Parts:
    """The part of every sample.

    ``initial`` (B, K): which of a sample's relevant patches, counted over its images row by row,
    start K-means; without it they are drawn with replacement from torch's global generator.
    """
    seen = _indexed(evidence.relevance, rules.exo_indexing)
    relevant = (min_max(seen, HEATMAP_EPS) > rules.relevance).flatten(1)
    counts = relevant.sum(dim=1)
    points = _rows(evidence.exo_keys[..., : seen.shape[-2], :]).flatten(1, 2)
    if initial is None:
        rows = draw_rows(relevant, rules.clusters, torch.default_generator)
    else:
        rows = _nth_relevant(relevant, initial)
    centroids = functional.normalize(kmeans(points, rows, relevant).centroids, dim=2)
    likeness = _likeness(centroids, evidence)
    enough = counts >= rules.clusters
    overlap = _part_iou(likeness, evidence.foreground)
    best = overlap.argmax(dim=1)
    reliable = enough & (overlap.amax(dim=1) >= rules.overlap)
    chosen = centroids[torch.arange(len(best)), best]
    ego, exo = _part_maps(chosen, evidence)
    whole = whole_objects(evidence.ego_affinity, evidence.exo_affinity, rules)
    return Parts(
        ego=torch.where(reliable[:, None, None], ego, whole.ego),
        exo=torch.where(reliable[:, None, None, None], exo, whole.exo),
        reliable=reliable,
        overlap=overlap.where(enough[:, None], torch.nan),
    )


def whole_objects(ego_affinity: Tensor, exo_affinity: Tensor, rules: PartRules) -> Parts:
    """The affinities (B, g, g) and (B, E, g, g) in the place of parts, none of them reliable."""
    batch = len(ego_affinity)
    return Parts(
        ego=ego_affinity,
        exo=_indexed(exo_affinity, rules.exo_indexing).expand_as(exo_affinity),
        reliable=torch.zeros(batch, dtype=torch.bool, device=ego_affinity.device),
        overlap=ego_affinity.new_full((batch, rules.clusters), torch.nan),
    )


def foreground_mask(attention: Tensor) -> Tensor:
    """CLS attention (B, heads, g, g) of the salient heads -> (B, g, g) bool.

    Every head votes for the patches above its own mean; a patch above the mean vote is foreground.
    """
    votes = (attention > attention.mean(dim=(-2, -1), keepdim=True)).float().mean(dim=1)
    votes = min_max(votes)
    return votes > votes.mean(dim=(-2, -1), keepdim=True)


def _indexed(maps: Tensor, indexing: ExoIndexing) -> Tensor:
    """Maps (B, E, g, g) as the indexing reads them: unchanged, or single rows (B, E, 1, g)."""
    if indexing == "paper":
        return maps
    batch, views = maps.shape[:2]
    return maps.flatten(0, 1)[:batch, :views, None]


def _nth_relevant(relevant: Tensor, places: Tensor) -> Tensor:
    """Places (B, K) among the true ones of ``relevant`` (B, N) -> places among all."""
    true_first = relevant.int().argsort(dim=1, descending=True, stable=True)
    return true_first.gather(1, places)


def _rows(keys: Tensor) -> Tensor:
    """(..., D, h, w) -> (..., h w, D)."""
    return keys.flatten(-2).transpose(-2, -1)


def _likeness(centroids: Tensor, evidence: PartEvidence) -> Tensor:
    """Cosines (B, K, g, g) of unit centroids with the affinity-weighted egocentric keys."""
    weighted = evidence.ego_keys * evidence.ego_affinity[:, None]
    cosine = centroids @ functional.normalize(weighted, dim=1).flatten(2)
    return cosine.unflatten(2, evidence.ego_affinity.shape[1:])


def _part_iou(likeness: Tensor, foreground: Tensor) -> Tensor:
    """PartIoU (B, K): mean of |part and foreground| / |part| and |foreground| / |either|.

    The second numerator is the whole foreground, as in the released code.
    """
    scaled = min_max(likeness, LIKENESS_EPS)
    part = (scaled > scaled.mean(dim=(-2, -1), keepdim=True)).flatten(2)
    whole = foreground[:, None].flatten(2)
    shared = (part & whole).sum(dim=2) / part.sum(dim=2).clamp(min=1)
    covered = whole.sum(dim=2) / (part | whole).sum(dim=2).clamp(min=1)
    return (shared + covered) / 2


def _part_maps(centroid: Tensor, evidence: PartEvidence) -> tuple[Tensor, Tensor]:
    """Mean of the cosine to a centroid (B, D) and of the closeness among a sample's patches."""
    ego_cosine = _likeness(centroid[:, None], evidence)[:, 0]
    exo_rows = _rows(evidence.exo_keys)
    exo_cosine = (functional.normalize(exo_rows, dim=3) @ centroid[:, None, :, None])[..., 0]
    ego_near = _closeness(_rows(evidence.ego_keys), centroid).view_as(ego_cosine)
    exo_near = _closeness(exo_rows.flatten(1, 2), centroid)
    exo = (exo_cosine + exo_near.view_as(exo_cosine)) / 2
    return (ego_cosine + ego_near) / 2, exo.view_as(evidence.exo_affinity)


def _closeness(rows: Tensor, centroid: Tensor) -> Tensor:
    """Softmax (B, N) over the patches of the negative distance of keys (B, N, D) to a centroid."""
    return (-(rows - centroid[:, None]).norm(dim=2)).softmax(dim=1)
