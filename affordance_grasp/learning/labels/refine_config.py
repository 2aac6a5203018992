"""The configuration of a label refinement (PLSP stage B)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Annotated, Any

from msgspec import Meta

from affordance_grasp.configuration.settings import Count, Seed, Settings, record
from affordance_grasp.datasets.agd20k import Split
from affordance_grasp.errors import InvalidInput, UnknownName, look_up
from affordance_grasp.learning.training.optimizers import AdamW
from affordance_grasp.methods.plsp.refiner import RefinerConfig

Pair = tuple[str, str]
_RACKETS = ("tennis_racket", "badminton_racket", "baseball_bat")


def _pairs(affordances: Iterable[str], objects: Iterable[str]) -> tuple[Pair, ...]:
    return tuple(product(affordances, objects))


PUBLISHED_CLASSES: Mapping[str, tuple[Pair, ...]] = {
    "Seen": (
        ("throw", "javelin"),
        *_pairs(("pick_up", "drag", "hold"), ("suitcase",)),
        *_pairs(("carry", "pick_up", "hold"), ("skis",)),
        *_pairs(("hit", "hold", "swing"), _RACKETS),
        *_pairs(("carry", "hold"), ("snowboard",)),
    ),
    "Unseen": (
        *_pairs(("hold", "open", "pick_up"), ("suitcase",)),
        *_pairs(("hit", "hold", "swing"), _RACKETS),
        *_pairs(("hold", "pour"), ("wine_glass",)),
        *_pairs(("hold",), ("hammer", "scissors", "toothbrush", "fork")),
    ),
}
"""Classes that were refined for the published results, chosen where the baseline was weak on the
test set, by split; not every one of these pairs has images."""


@dataclass(frozen=True)
class RefineConfig(Settings, title="refinement"):
    """The defaults are the published recipe.

    ``batch``: images per optimiser step (paper: 20 times one). ``checkpoint_every`` [epochs];
    ``label_epoch``: the checkpoint that writes the labels (released: 10 of 20). ``exo``: how many
    exocentric images an image is compared with, drawn from the ``exo_pool`` most similar ones.
    ``threshold`` of the network's probability. ``crops``: how many fixed crops of an image a
    frozen backbone encodes; a fine-tuned one gets a new crop every time. ``squash`` [pixels]: the
    size from which crops are cut.
    """

    epochs: Count = 20
    batch: Count = 20
    optimizer: AdamW = AdamW()
    seed: Seed = 10000
    checkpoint_every: Count = 2
    label_epoch: int = 10
    exo: Count = 3
    exo_pool: Count = 10
    threshold: Annotated[float, Meta(gt=0, lt=1)] = 0.95
    crops: Count = 4
    squash: Count = 256
    text_encoder: str = "minilm"
    network: RefinerConfig = RefinerConfig()

    def check(self) -> None:
        """Refuse crops larger than the image, and an epoch that leaves no checkpoint."""
        if self.squash < self.network.image_side:
            raise InvalidInput(
                f"crops of {self.network.image_side} pixels cannot be cut from {self.squash}"
            )
        if self.label_epoch not in self.checkpoints:
            raise InvalidInput(
                f"no checkpoint is left by epoch {self.label_epoch}; labels can be written by "
                f"{', '.join(map(str, self.checkpoints))}"
            )

    @staticmethod
    def paper() -> "RefineConfig":
        """The published network: CLIP's encoders, the image one fine-tuned."""
        return RefineConfig(text_encoder="clip_vitb16", network=RefinerConfig.paper())

    @property
    def checkpoints(self) -> tuple[int, ...]:
        """Epochs, counted from 1, after which a checkpoint is left."""
        every = range(self.checkpoint_every, self.epochs + 1, self.checkpoint_every)
        return tuple(every) or (self.epochs,)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for the record of a run."""
        return dict(record(self))


def classes_of(split: Split, names: Iterable[str]) -> tuple[Pair, ...]:
    """Classes from words like ``hold/mug``; ``published``: those of the split's published results.

    Named classes must have train images; of the published ones those count that have.
    """
    present = sorted({image.pair for image in split.train_ego})
    words = list(dict.fromkeys(names))
    if words == ["published"]:
        published = look_up("split with published classes", split.name, PUBLISHED_CLASSES)
        chosen = tuple(pair for pair in published if pair in present)
        if not chosen:
            raise InvalidInput(f"{split.folder} holds none of the published classes; name others")
        return chosen
    known = {f"{affordance}/{name}": (affordance, name) for affordance, name in present}
    unknown = next((word for word in words if word not in known), None)
    if unknown is not None or not words:
        raise UnknownName("class", unknown or "", tuple(known))
    return tuple(known[word] for word in words)
