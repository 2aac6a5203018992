"""How LOCATE is trained."""

from affordance_grasp.datasets.crops import CropPlan
from affordance_grasp.methods.locate.config import LocateBatch
from affordance_grasp.methods.recipe import Recipe
from affordance_grasp.methods.shared.samples import (
    TripletSampling,
    check_clips,
    triplet_samples,
)

RECIPE = Recipe(
    CropPlan,
    TripletSampling,
    triplet_samples(LocateBatch),
    optimizer={"name": "sgd", "learning_rate": 1e-3, "step_epochs": 5},
    published={
        "Seen": (1.226, 0.401, 1.177),
        "Unseen": (1.405, 0.372, 1.157),
        "Hard": (1.829, 0.282, 0.276),
    },
    check=check_clips,
)
