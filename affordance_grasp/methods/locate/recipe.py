"""How LOCATE is trained."""

from torch import Tensor

from affordance_grasp.datasets.crops import CropPlan
from affordance_grasp.methods.locate.config import LocateBatch
from affordance_grasp.methods.recipe import Recipe, TrainingData
from affordance_grasp.methods.shared.samples import (
    TripletSamples,
    TripletSampling,
    triplet_samples,
)


def _samples(data: TrainingData, sampling: TripletSampling, text: Tensor) -> TripletSamples:
    del text
    return triplet_samples(data, sampling, LocateBatch)


RECIPE = Recipe(
    CropPlan,
    TripletSampling,
    _samples,
    optimizer={"name": "sgd", "learning_rate": 1e-3, "step_epochs": 5},
    published={
        "Seen": (1.226, 0.401, 1.177),
        "Unseen": (1.405, 0.372, 1.157),
        "Hard": (1.829, 0.282, 0.276),
    },
)
