"""How LoopTrans is trained."""

from affordance_grasp.datasets.crops import CropPlan
from affordance_grasp.methods.looptrans.config import LoopTransBatch
from affordance_grasp.methods.recipe import Recipe
from affordance_grasp.methods.shared.samples import TripletSampling, triplet_samples

RECIPE = Recipe(
    CropPlan,
    TripletSampling,
    triplet_samples(LoopTransBatch),
    optimizer={"name": "sgd", "learning_rate": 1e-3, "step_epochs": 5},
    published={"Seen": (1.088, 0.445, 1.322), "Unseen": (1.247, 0.403, 1.315)},
)
