"""SelectiveCL's part discovery: which patches belong to the part that the affordance needs.

The exocentric images select relevant keys, K-means puts these into three clusters, and the cluster
whose similarity map in the egocentric image fits the foreground best is the part (paper, part
discovery; the foreground test is LOCATE's PartIoU). Nothing here carries a gradient.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from affordance_grasp.methods.selectivecl.config import ExoIndexing, SelectiveClConfig
from affordance_grasp.methods.shared.class_maps import HEATMAP_EPS, min_max
from affordance_grasp.methods.shared.parts import likeness, match_parts, patch_keys


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

    @property
    def weighted_ego_keys(self) -> Tensor:
        """The egocentric keys, each times its affinity."""
        return self.ego_keys * self.ego_affinity[:, None]


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
    evidence: PartEvidence, config: SelectiveClConfig, initial: Tensor | None = None
) -> Parts:
    """The part of every sample.

    ``initial`` (B, K): which of a sample's relevant patches, counted over its images row by row,
    start K-means; without it they are drawn with replacement from torch's global generator.
    """
    seen = _indexed(evidence.relevance, config.exo_indexing)
    relevant = (min_max(seen, HEATMAP_EPS) > config.relevance).flatten(1)
    match = match_parts(
        patch_keys(evidence.exo_keys[..., : seen.shape[-2], :]).flatten(1, 2),
        relevant,
        evidence.weighted_ego_keys,
        evidence.foreground,
        clusters=config.clusters,
        least_overlap=config.overlap,
        initial=initial,
    )
    ego, exo = _part_maps(match.centroid, evidence)
    whole = whole_objects(evidence.ego_affinity, evidence.exo_affinity, config)
    return Parts(
        ego=torch.where(match.reliable[:, None, None], ego, whole.ego),
        exo=torch.where(match.reliable[:, None, None, None], exo, whole.exo),
        reliable=match.reliable,
        overlap=match.overlap,
    )


def whole_objects(ego_affinity: Tensor, exo_affinity: Tensor, config: SelectiveClConfig) -> Parts:
    """The affinities (B, g, g) and (B, E, g, g) in the place of parts, none of them reliable."""
    batch = len(ego_affinity)
    return Parts(
        ego=ego_affinity,
        exo=_indexed(exo_affinity, config.exo_indexing).expand_as(exo_affinity),
        reliable=torch.zeros(batch, dtype=torch.bool, device=ego_affinity.device),
        overlap=ego_affinity.new_full((batch, config.clusters), torch.nan),
    )


def _indexed(maps: Tensor, indexing: ExoIndexing) -> Tensor:
    """Maps (B, E, g, g) as the indexing reads them: unchanged, or single rows (B, E, 1, g)."""
    if indexing == "paper":
        return maps
    batch, views = maps.shape[:2]
    return maps.flatten(0, 1)[:batch, :views, None]


def _part_maps(centroid: Tensor, evidence: PartEvidence) -> tuple[Tensor, Tensor]:
    """Mean of the cosine to a centroid (B, D) and of the closeness among a sample's patches."""
    ego_cosine = likeness(centroid[:, None], evidence.weighted_ego_keys)[:, 0]
    exo_rows = patch_keys(evidence.exo_keys)
    exo_cosine = (functional.normalize(exo_rows, dim=3) @ centroid[:, None, :, None])[..., 0]
    ego_near = _closeness(patch_keys(evidence.ego_keys), centroid).view_as(ego_cosine)
    exo_near = _closeness(exo_rows.flatten(1, 2), centroid)
    exo = (exo_cosine + exo_near.view_as(exo_cosine)) / 2
    return (ego_cosine + ego_near) / 2, exo.view_as(evidence.exo_affinity)


def _closeness(rows: Tensor, centroid: Tensor) -> Tensor:
    """Softmax (B, N) over the patches of the negative distance of keys (B, N, D) to a centroid."""
    return (-(rows - centroid[:, None]).norm(dim=2)).softmax(dim=1)
