"""LOCATE's loss that guides the egocentric CAM to the part selected by exocentric images."""

from torch import Tensor
from torch.nn import functional

from affordance_grasp.methods.shared.class_maps import min_max
from affordance_grasp.methods.shared.parts import PartMatch


def prototype_loss(cam: Tensor, keys: Tensor, part: PartMatch, margin: float) -> Tensor:
    """Hinge on the cosine between the keys under a CAM and the chosen part's centroid (scalar).

    The keys (B, D, g, g) are averaged with the min-max of ``cam`` (B, g, g), the affordance's own,
    through which the gradient goes. Samples without a reliable part do not count, and a batch
    without any gives 0.
    """
    embedding = (keys.flatten(2) @ min_max(cam).flatten(1)[..., None])[..., 0]
    distance = (1 - functional.cosine_similarity(embedding, part.centroid, dim=1) - margin).relu()
    return (distance * part.reliable).sum() / part.reliable.sum().clamp(min=1)
