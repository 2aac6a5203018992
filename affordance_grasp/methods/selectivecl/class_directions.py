"""Directions in the space of frozen keys that separate the classes of images.

They replace CLIP's prompts where there is no CLIP: one direction for every affordance, along which
the keys of its images lie.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from affordance_grasp.datasets.agd20k import ImageFile
from affordance_grasp.datasets.images import ViewSource
from affordance_grasp.errors import InvalidInput
from affordance_grasp.methods.shared.class_maps import KeyNetwork, unpack_keys

RIDGE = 0.01
"""Penalty of the regression per sample, on standardised channels."""
NO_WEIGHT = 1e-6
"""Directions up to this length on standardised channels are rounding."""
CHUNK = 64


def class_directions(
    network: KeyNetwork,
    images: Sequence[ImageFile],
    source: ViewSource,
    affordances: Sequence[str],
    rng: np.random.Generator,
) -> Tensor:
    """Unit rows (A, D), one for every affordance in their order.

    One-against-all ridge regression from the mean key of every view of every image to the
    affordances that the image is filed under. An affordance of no image, or one whose
    images are filed under the others as well, gets a row of zeros.
    """
    means: list[Tensor] = []
    labels: list[int] = []
    for batch, chunk in _views(images, source, rng):
        means.append(_mean_keys(network, batch))
        labels.extend(affordances.index(image.affordance) for image in chunk)
    if not labels:
        raise InvalidInput("directions of classes need images; the split has none")
    classes = torch.nn.functional.one_hot(torch.tensor(labels), len(affordances))
    return ridge_directions(torch.cat(means), classes)


def ridge_directions(features: Tensor, classes: Tensor) -> Tensor:
    """Unit directions (A, D) in features (N, D) that predict ``classes`` (N, A) of 0 and 1.

    Where no feature predicts a class its direction is 0.
    """
    spread, center = torch.std_mean(features.double(), dim=0, correction=0)
    spread = spread.clamp(min=torch.finfo(features.dtype).eps)
    standard = (features.double() - center) / spread
    targets = classes.double() - classes.double().mean(dim=0)
    penalty = RIDGE * len(features) * torch.eye(features.shape[1], dtype=torch.double)
    weights = torch.linalg.solve(standard.T @ standard + penalty, standard.T @ targets)
    told = weights.norm(dim=0) > NO_WEIGHT
    rows = (weights * told / spread[:, None]).T
    return torch.nn.functional.normalize(rows, dim=1).to(features.dtype)


def _views(
    images: Sequence[ImageFile], source: ViewSource, rng: np.random.Generator
) -> Iterator[tuple[Tensor, list[ImageFile]]]:
    """Batches of the views of all images, and whose they are."""
    drawn = [(image, view) for image in images for view in source.views_of(image.path, rng)]
    for start in range(0, len(drawn), CHUNK):
        chunk = drawn[start : start + CHUNK]
        rows = np.stack([source.read(image.path, view) for image, view in chunk])
        yield torch.from_numpy(rows), [image for image, _ in chunk]


@torch.inference_mode()
def _mean_keys(network: KeyNetwork, batch: Tensor) -> Tensor:
    spec = network.present_backbone.spec
    device = next(network.parameters()).device
    tokens = network.tokens(batch.to(device))[..., : spec.dim]
    return unpack_keys(tokens, spec.heads).keys.mean(dim=(2, 3)).float().cpu()
