"""How PLSP is trained: stitched views, pseudo labels, a pool of similar exocentric images."""

from torch import Tensor

from affordance_grasp.datasets.stitching import StitchPlan
from affordance_grasp.errors import InvalidInput
from affordance_grasp.methods.plsp.config import PlspConfig
from affordance_grasp.methods.plsp.released_files import released_pools
from affordance_grasp.methods.plsp.samples import (
    ExoPool,
    PairTexts,
    PlspSamples,
    SamplingConfig,
    labelled_images,
)
from affordance_grasp.methods.recipe import Recipe, TrainingData


def _samples(data: TrainingData, sampling: SamplingConfig, text: Tensor) -> PlspSamples:
    del text
    if data.detector is None or data.text is None:
        raise InvalidInput("PLSP learns from boxes of parts and from texts; give both")
    released, size, split = sampling.exo_similarity == "released", sampling.exo_pool, data.split
    known = released_pools(split, data.detector, size) if released else None
    pool = ExoPool(split, *data.features(), data.detector, size, pools=known)
    detector = data.detector
    texts = PairTexts(data.text, split, lambda *pair: detector.prompt(*pair) or split.part(*pair))
    return PlspSamples(
        data.split, data.ego, data.exo, pool, texts, squash=data.plan.squash, config=sampling
    )


def _agree(network: PlspConfig, sampling: SamplingConfig) -> None:
    """Refuse labels that the loss of the maps is not made for."""
    if (network.map_loss == "logistic") == sampling.blurred:
        wanted = "false" if sampling.blurred else "true"
        raise InvalidInput(
            f"network: map_loss {network.map_loss} learns from other labels than those of "
            f"sampling: blurred {str(sampling.blurred).lower()}; set blurred: {wanted}"
        )


RECIPE = Recipe(
    StitchPlan,
    SamplingConfig,
    _samples,
    optimizer={"name": "adamw", "learning_rate": 1e-4},
    published={
        "Seen": (0.890, 0.510, 1.547),
        "Unseen": (1.153, 0.437, 1.418),
        "Hard": (1.395, 0.354, 1.151),
    },
    check=lambda split, sampling: labelled_images(split, sampling.labels),
    agree=_agree,
    needs_boxes=True,
    fixed_labels=True,
)
