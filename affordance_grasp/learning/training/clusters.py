"""The training of concept clusters, which needs images alone and no labels."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from affordance_grasp.configuration.settings import Count, Positive, Seed, Settings
from affordance_grasp.errors import InvalidInput
from affordance_grasp.methods.shared.concept_clusters import ConceptClusters, modularity_loss


@dataclass(frozen=True)
class ClusterTraining(Settings, title="training of clusters"):
    """Adam over all images; the recipe of the released weights is not public, this one is ours."""

    epochs: Count = 10
    batch: Count = 16
    learning_rate: Positive = 1e-4
    seed: Seed = 0


def train_clusters(
    module: ConceptClusters,
    keys_of: Callable[[list[int]], Tensor],
    images: int,
    config: ClusterTraining,
    progress: Callable[..., Iterable[Any]] | None = None,
) -> list[float]:
    """Train on the keys (B, dim, g, g) of ``images`` numbers; the mean loss of every epoch."""
    optimizer = torch.optim.Adam(module.parameters(), lr=config.learning_rate)
    rng, losses = np.random.default_rng(config.seed), []
    for epoch in range(config.epochs):
        order = rng.permutation(images)
        starts: Iterable[int] = range(0, images, config.batch)
        if progress:
            starts = progress(starts, desc=f"epoch {epoch + 1}/{config.epochs}")
        total = 0.0
        for start in starts:
            chosen = order[start : start + config.batch].tolist()
            keys = keys_of(chosen)
            loss = modularity_loss(keys, module(keys) - 1)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(chosen)
        losses.append(total / images)
        if not math.isfinite(losses[-1]):
            raise InvalidInput(
                f"the loss of epoch {epoch + 1} is {losses[-1]}; nothing is written"
            )
    return losses
