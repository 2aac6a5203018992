"""Configuration of LoopTrans and its training batches."""

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from msgspec import Meta
from torch import Tensor

from affordance_grasp.configuration.settings import Settings
from affordance_grasp.encoders.backbones import backbone_spec
from affordance_grasp.errors import InvalidInput
from affordance_grasp.methods.network import Side, Width
from affordance_grasp.methods.shared.class_maps import SALIENT_HEADS, TripletBatch
from affordance_grasp.query.vocabulary import AFFORDANCES

ClusterSource = Literal["kmeans", "concepts"]


@dataclass(frozen=True)
class LoopTransConfig(Settings, title="LoopTrans"):
    """Sizes and loss settings; the defaults are the embedded configuration.

    ``image_side`` [pixels]. ``classes``: length of the list of affordances it is trained for.
    ``noise``: channels that absorb what is not the affordance. ``clusters``: parts come from
    K-means on the keys, or from released :class:`ConceptClusters`, whose weights are given.
    ``cam_threshold``: threshold of the min-max CAM. ``salient_heads``: of the CLS
    attention; by default the backbone's (:data:`SALIENT_HEADS`). The weights multiply their
    loss terms (released code). Where the paper differs:
    ``concentration_weight`` 0, ``exclude_background`` False (any cluster may win),
    ``normalise_distillation`` True (min-max CAMs weigh the keys) and a
    ``denoise_temperature`` that it does not state.

    The paper's ablation takes modules away. ``shared_cam`` False: each view has its own
    convolutions before the common head, as in LOCATE. ``pixel`` False: the egocentric CAM answers
    in the place of the pixel decoder, which has no losses then. ``noise`` 0: no denoising.

    ``video``: exocentric images are frames of a clip; the last state of an LSTM over them takes
    the place of their maps. The paper names the LSTM, how it is wired is ours.
    """

    train_backbone: ClassVar[bool] = False
    text_dim: ClassVar[int] = 0

    backbone: str = "dinov2_vits14"
    image_side: Side = 224
    classes: Width = len(AFFORDANCES)
    noise: Annotated[int, Meta(ge=0, le=8192)] = 15
    clusters: ClusterSource = "kmeans"
    cluster_count: Annotated[int, Meta(ge=2, le=8192)] = 4
    cluster_seed: int = 0
    cam_threshold: float = 0.92
    salient_heads: tuple[int, ...] | None = None
    mse_weight: float = 10.0
    dice_weight: float = 2.0
    correlation_weight: float = 1.5
    denoise_weight: float = 0.05
    concentration_weight: float = 0.07
    denoise_temperature: float = 1.0
    exclude_background: bool = True
    normalise_distillation: bool = False
    shared_cam: bool = True
    pixel: bool = True
    video: bool = False

    def check(self) -> None:
        """Refuse sizes that do not fit together."""
        object.__setattr__(self, "salient_heads", self.heads)
        spec = backbone_spec(self.backbone)
        spec.grid(self.image_side)
        if not self.heads or not set(self.heads) <= set(range(spec.heads)):
            raise InvalidInput(
                f"LoopTrans salient_heads {self.salient_heads} are not among the {spec.heads} "
                f"heads of {self.backbone}"
            )

    @property
    def heads(self) -> tuple[int, ...]:
        """The salient heads of the CLS attention: ``salient_heads``, by default the backbone's."""
        if self.salient_heads is None:
            return SALIENT_HEADS.get(self.backbone, SALIENT_HEADS["dinov2_vits14"])
        return self.salient_heads

    @staticmethod
    def paper(classes: int = len(AFFORDANCES)) -> "LoopTransConfig":
        """The published configuration: DINO ViT-S/16; the parts from K-means."""
        return LoopTransConfig(backbone="dino_vits16", classes=classes)


@dataclass(frozen=True)
class LoopTransBatch(TripletBatch):
    """Triplets; ``clusters`` (B, g^2): the parts of ``ego`` where they are known already.

    They are below the configured count.
    """

    clusters: Tensor | None = None


@dataclass(frozen=True)
class ClipBatch(LoopTransBatch):
    """Triplets whose exocentric images are frames of a clip, in order."""
