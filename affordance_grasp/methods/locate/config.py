"""Configuration of LOCATE and its training batches."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

from msgspec import Meta
from torch import Tensor

from affordance_grasp.configuration.settings import Settings, Share, Whole
from affordance_grasp.encoders.backbones import backbone_spec
from affordance_grasp.errors import InvalidInput
from affordance_grasp.methods.network import Side, Width
from affordance_grasp.methods.shared.class_maps import SALIENT_HEADS, TripletBatch
from affordance_grasp.query.vocabulary import AFFORDANCES


@dataclass(frozen=True)
class LocateConfig(Settings, title="LOCATE"):
    """Sizes and loss settings; the defaults are the embedded configuration.

    ``image_side`` [pixels]. ``classes``: length of the list of affordances it is trained for.
    ``clusters`` of the keys of patches whose min-max exocentric CAM is above ``cam_threshold``;
    the best one counts from a PartIoU of ``overlap`` on. ``margin`` of the cosine to it, which
    guides the CAM from epoch ``warm_epochs`` on. The weights multiply their loss terms.
    """

    train_backbone: ClassVar[bool] = False
    text_dim: ClassVar[int] = 0

    backbone: str = "dinov2_vits14"
    image_side: Side = 224
    classes: Width = len(AFFORDANCES)
    clusters: Annotated[int, Meta(ge=2, le=8192)] = 3
    cam_threshold: Share = 0.6
    overlap: float = 0.6
    margin: float = 0.5
    warm_epochs: Whole = 1
    prototype_weight: float = 1.0
    concentration_weight: float = 0.07

    def check(self) -> None:
        """Refuse sizes that do not fit, and encoders without known salient heads."""
        backbone_spec(self.backbone).grid(self.image_side)
        if self.backbone not in SALIENT_HEADS:
            raise InvalidInput(
                f"LOCATE finds the object by the attention of {' or '.join(SALIENT_HEADS)}, not "
                f"of {self.backbone}"
            )

    @staticmethod
    def paper(classes: int = len(AFFORDANCES)) -> "LocateConfig":
        """The published configuration: DINO ViT-S/16."""
        return LocateConfig(backbone="dino_vits16", classes=classes)


@dataclass(frozen=True)
class LocateBatch(TripletBatch):
    """Triplets; ``initial`` (B, clusters): see :func:`match_parts`."""

    initial: Tensor | None = None
