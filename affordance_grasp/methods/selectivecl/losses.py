"""SelectiveCL's two contrastive losses.

Both carry the factor temperature / 0.07: the released code leaves the base
temperature of supervised contrastive learning (Khosla et al., 2020, equation 2) at its default.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

BASE_TEMPERATURE = 0.07


@dataclass(frozen=True)
class Prototypes:
    """Unit vectors of B egocentric images and of E exocentric images with each of them.

    ``anchor`` (B, D); ``ego`` (B, D) and ``exo`` (B, E, D) of the relevant region;
    ``ego_background`` and ``exo_background`` likewise of what is left.
    """

    anchor: Tensor
    ego: Tensor
    exo: Tensor
    ego_background: Tensor
    exo_background: Tensor


def pool(features: Tensor, weights: Tensor) -> Tensor:
    """Features (..., D, N) averaged over N patches with signed weights (..., N) -> unit (..., D).

    The weights need not sum to 1: the length is taken out afterwards.
    """
    return functional.normalize((features @ weights[..., None])[..., 0], dim=-1)


def prototype_loss(prototypes: Prototypes, label: Tensor, temperature: float) -> Tensor:
    """Each anchor against the prototypes of the batch (paper, prototypical contrastive learning).

    Positives: prototypes of the anchor's affordance, without its own egocentric one. Denominator:
    the prototypes of all affordances, without that one, and the backgrounds of the anchor's own
    affordance.
    """
    batch, views = prototypes.exo.shape[:2]
    relevant = torch.cat([prototypes.ego, prototypes.exo.flatten(0, 1)])
    background = torch.cat([prototypes.ego_background, prototypes.exo_background.flatten(0, 1)])
    labels = torch.cat([label, label.repeat_interleave(views)])
    same = label[:, None] == labels
    other = ~torch.eye(batch, len(labels), dtype=torch.bool, device=label.device)
    logits = prototypes.anchor @ torch.cat([relevant, background]).T / temperature
    compared = torch.cat([other, same], dim=1)
    log_share = _log_share(logits, compared)[:, : len(labels)]
    return _scaled(_mean_where(log_share, same & other).mean(), temperature)


def pixel_loss(features: Tensor, group: Tensor, anchors: Tensor, temperature: float) -> Tensor:
    """Patches of one image against each other: ``features`` (B, D, N), ``group`` (B, N) bool.

    An anchor's positives are the other patches of its group, its denominator all other patches.
    Only ``anchors`` (B, N) count, and of those only the ones with positives; the loss is the mean
    over images of the mean over anchors.
    """
    unit = functional.normalize(features, dim=1)
    logits = unit.transpose(1, 2) @ unit / temperature
    other = ~torch.eye(group.shape[1], dtype=torch.bool, device=group.device)
    positive = (group[:, :, None] == group[:, None, :]) & other
    per_anchor = _mean_where(_log_share(logits, other.expand_as(logits)), positive)
    per_image = _mean_where(per_anchor, anchors & positive.any(dim=2))
    return _scaled(per_image.mean(), temperature)


def _log_share(logits: Tensor, compared: Tensor) -> Tensor:
    total = logits.masked_fill(~compared, float("-inf")).logsumexp(dim=-1, keepdim=True)
    return logits - total


def _mean_where(values: Tensor, chosen: Tensor) -> Tensor:
    return (values * chosen).sum(dim=-1) / chosen.sum(dim=-1).clamp(min=1)


def _scaled(mean_log_share: Tensor, temperature: float) -> Tensor:
    return -temperature / BASE_TEMPERATURE * mean_log_share
