"""The losses of LoopTrans, one function each, as the released code computes them.

Tang et al., "Closed-Loop Transfer for Weakly-supervised Affordance Grounding" (ICCV 2025). B
samples, E exocentric images each, C channels (classes, then noise heads), g x g patches; ``y`` is
the sample's affordance. ``exo`` (B, E, C, g, g) and ``ego`` (B, C, g, g) are CAMs of the shared
block, ``pixel`` (B, C, g, g) those of the pixel decoder.
"""

import torch
from torch import Tensor
from torch.nn import functional

IOU_EPS = 1e-6


def dice_loss(maps: Tensor, masks: Tensor) -> Tensor:
    """Maps in [0, 1] (B, g, g) against hard masks; both sums are smoothed by 1."""
    overlap = (maps * masks).sum(dim=(1, 2))
    sizes = maps.sum(dim=(1, 2)) + masks.sum(dim=(1, 2))
    return (1 - (2 * overlap + 1) / (sizes + 1)).mean()


def correlation_loss(pixel: Tensor, exo: Tensor) -> Tensor:
    """One minus the cosine of the channel correlations of both views, column by column."""
    ego_flat = pixel.flatten(2)
    exo_flat = exo.transpose(1, 2).flatten(2)
    cosine = functional.cosine_similarity(
        ego_flat @ ego_flat.transpose(1, 2), exo_flat @ exo_flat.transpose(1, 2), dim=1
    )
    return 1 - cosine.mean()


def denoising_loss(
    exo: Tensor,
    pixel_y: Tensor,
    exo_keys: Tensor,
    ego_keys: Tensor,
    label: Tensor,
    *,
    noise: int,
    temperature: float = 1.0,
) -> Tensor:
    """Distillation: the ego feature shall be nearer to the exo feature than the noise features.

    Every feature is the mean of keys (B, E, dim, g, g) or (B, dim, g, g), weighted with a signed
    CAM: ``pixel_y`` (B, g, g) for ego, channel y for exo, each of the last ``noise`` channels.
    """
    channels = exo.shape[2]
    heads = torch.arange(channels - noise, channels, device=exo.device).expand(len(exo), -1)
    chosen = torch.cat([label[:, None], heads], dim=1)
    index = chosen[:, None, :, None, None].expand(-1, exo.shape[1], -1, *exo.shape[3:])
    weights = exo.gather(2, index).transpose(1, 2).flatten(2)
    features = weights @ exo_keys.transpose(1, 2).flatten(2).transpose(1, 2)
    ego = torch.einsum("bhw,bdhw->bd", pixel_y, ego_keys)
    others = torch.cat([ego[:, None], features[:, 1:]], dim=1)
    cosine = functional.cosine_similarity(features[:, :1], others, dim=2) / temperature
    first = torch.zeros(len(exo), dtype=torch.long, device=exo.device)
    return functional.cross_entropy(cosine, first)


def pseudo_mask(
    cam: Tensor,
    clusters: Tensor,
    saliency: Tensor,
    *,
    count: int,
    threshold: float,
    exclude_background: bool = True,
) -> Tensor:
    """The cluster that fits the CAM best, as hard masks (B, g, g).

    ``cam``, ``saliency`` (B, g, g) in [0, 1]; ``clusters`` (B, g^2) labels below ``count``. The
    cluster of lowest mean saliency is background and excluded; an empty cluster counts as
    that one, as in the released code. Ties go to the cluster of lower number.
    """
    members = functional.one_hot(clusters, count).transpose(1, 2).to(cam.dtype)
    sizes = members.sum(dim=2)
    hot = (cam.flatten(1) > threshold).to(cam.dtype)[:, None]
    overlap = (members * hot).sum(dim=2)
    iou = overlap / (sizes + hot.sum(dim=2) - overlap + IOU_EPS)
    if exclude_background:
        mean = (members * saliency.flatten(1)[:, None]).sum(dim=2) / sizes.clamp(min=1)
        background = mean.masked_fill(sizes == 0, -torch.inf).argmin(dim=1, keepdim=True)
        iou = iou.scatter(1, background, -1.0)
    best = iou.argmax(dim=1)
    return (clusters == best[:, None]).to(cam.dtype).view_as(cam)
