"""How LoopTrans is trained, on images or on clips."""

from torch import Tensor

from affordance_grasp.datasets.crops import CropPlan
from affordance_grasp.methods.looptrans.config import ClipBatch, LoopTransBatch
from affordance_grasp.methods.recipe import Recipe, TrainingData
from affordance_grasp.methods.shared.samples import (
    TripletSamples,
    TripletSampling,
    check_clips,
    triplet_samples,
)


def _samples(data: TrainingData, sampling: TripletSampling, text: Tensor) -> TripletSamples:
    batch = ClipBatch if sampling.frames else LoopTransBatch
    return triplet_samples(batch)(data, sampling, text)


RECIPE = Recipe(
    CropPlan,
    TripletSampling,
    _samples,
    optimizer={"name": "sgd", "learning_rate": 1e-3, "step_epochs": 5},
    published={"Seen": (1.088, 0.445, 1.322), "Unseen": (1.247, 0.403, 1.315)},
    check=check_clips,
)
