"""How SelectiveCL is trained: triplets with prompts, or with directions of classes for them."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from affordance_grasp.datasets.crops import CropPlan
from affordance_grasp.methods.recipe import Recipe, TextLearner, TrainingData
from affordance_grasp.methods.selectivecl.affinity import prompt_table
from affordance_grasp.methods.selectivecl.class_directions import class_directions
from affordance_grasp.methods.selectivecl.config import SelectiveClBatch, SelectiveClConfig
from affordance_grasp.methods.selectivecl.network import SelectiveCl
from affordance_grasp.methods.shared.samples import (
    TripletSamples,
    TripletSampling,
    check_clips,
    triplet_samples,
    triplets,
)


def selectivecl_samples(
    data: TrainingData, sampling: TripletSampling, text: Tensor
) -> TripletSamples:
    """Triplets with the ``text`` (A, text dim) of their affordances."""

    def batch(ego: Tensor, exo: Tensor, label: Tensor) -> SelectiveClBatch:
        return SelectiveClBatch(ego, exo, label, text[label])

    return triplet_samples(batch)(data, sampling, text)


def _learner(config: SelectiveClConfig) -> TextLearner | None:
    return _directions if config.learns_text else None


def _directions(
    network: SelectiveCl,
    data: TrainingData,
    sampling: TripletSampling,
    affordances: Sequence[str],
    seed: int,
) -> Tensor:
    """Directions of the egocentric classes, then of the exocentric ones, (A, 2 D)."""
    chosen = triplets(data.split, sampling)
    rng = np.random.default_rng(seed)
    directions = [
        class_directions(
            network, [i for alike in kind.values() for i in alike], views, affordances, rng
        )
        for kind, views in ((chosen.ego, data.ego), (chosen.exo, data.exo))
    ]
    return torch.cat(directions, dim=1)


RECIPE = Recipe(
    CropPlan,
    TripletSampling,
    selectivecl_samples,
    optimizer={"name": "sgd", "learning_rate": 1e-3, "step_epochs": 50},
    published={"Seen": (1.124, 0.433, 1.280), "Unseen": (1.243, 0.405, 1.368)},
    sentences=prompt_table,
    learner=_learner,
    check=check_clips,
)
