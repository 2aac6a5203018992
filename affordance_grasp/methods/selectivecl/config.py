"""Configuration of SelectiveCL and its training batches."""

from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from affordance_grasp.configuration.settings import Settings
from affordance_grasp.encoders.backbones import backbone_spec
from affordance_grasp.errors import InvalidInput
from affordance_grasp.methods.network import Side, Width
from affordance_grasp.methods.selectivecl.affinity import find_affinity
from affordance_grasp.methods.shared.class_maps import TripletBatch
from affordance_grasp.query.vocabulary import AFFORDANCES

Output = Literal["calibrated", "raw", "smoothed"]
Foreground = Literal["attention", "affinity"]
ExoIndexing = Literal["paper", "released"]
PrototypeRegion = Literal["part", "object", "none"]

PAPER_ENCODERS = ("dino_vits16", "clearclip")
"""The published backbone and affinity."""


@dataclass(frozen=True)
class SelectiveClConfig(Settings, title="SelectiveCL"):
    """Encoders, thresholds and switches; the defaults are the embedded configuration.

    ``image_side`` [pixels]. ``foreground`` of part discovery: by the CLS attention's votes
    (paper; the default for its encoders), or where the affinity is above its mean (the default
    for others). ``output``: the calibrated map, which
    is the published result, the CAM alone, or the affinity times the CAM's 3x3 mean.
    ``clusters`` of relevant keys; a patch is relevant above ``relevance`` (gamma 1) of the
    min-maxed exocentric map, and a part counts from a PartIoU of ``overlap`` (alpha) on.
    ``exo_indexing``: every exocentric image's own map (paper), or, as the released code indexes
    the flattened batch, row e of map b for the top row of image e of sample b.
    ``anchor_threshold`` (gamma 2) of the min-maxed affinity chooses the pixel loss' anchors.
    ``temperature`` of both contrastive losses.

    The paper's ablation takes modules away. ``prototypes``: of the discovered parts (and of the
    object where no part is reliable), of the whole object in every sample, or ``none``: no
    prototype loss. ``pixel_contrast``: whether there is the pixel loss. Without either, only
    classification is left.
    """

    backbone: str = "dinov2_vits14"
    affinity: str = "border_contrast"
    foreground: Foreground | None = None
    image_side: Side = 224
    classes: Width = len(AFFORDANCES)
    output: Output = "calibrated"
    clusters: Width = 3
    relevance: float = 0.6
    overlap: float = 0.6
    exo_indexing: ExoIndexing = "paper"
    anchor_threshold: float = 0.6
    temperature: float = 0.5
    prototypes: PrototypeRegion = "part"
    pixel_contrast: bool = True

    def check(self) -> None:
        """Refuse names and sizes that do not exist."""
        if self.foreground is None:
            paper = (self.backbone, self.affinity) == PAPER_ENCODERS
            object.__setattr__(self, "foreground", "attention" if paper else "affinity")
        backbone_spec(self.backbone).grid(self.image_side)
        affinity, dim = find_affinity(self.affinity), backbone_spec(self.backbone).dim
        if affinity.learned and affinity.text_dim != dim:
            raise InvalidInput(
                f"affinity {self.affinity} learns directions of {affinity.text_dim} channels, the "
                f"keys of {self.backbone} have {dim}; dinov2_vits14 and dino_vits16 fit"
            )

    @property
    def train_backbone(self) -> bool:
        """Never: the encoders are frozen."""
        return False

    @property
    def text_dim(self) -> int:
        """Channels of a row of the text table: the action prompt, then the entity prompt."""
        return 2 * find_affinity(self.affinity).text_dim

    @property
    def learns_text(self) -> bool:
        """Whether the text table is learned from the train images instead of encoded."""
        return find_affinity(self.affinity).learned

    @staticmethod
    def paper() -> "SelectiveClConfig":
        """The published configuration: keys of DINO ViT-S/16, affinity from ClearCLIP."""
        return SelectiveClConfig(*PAPER_ENCODERS)


@dataclass(frozen=True)
class SelectiveClBatch(TripletBatch):
    """Triplets with ``text`` (B, text_dim): each affordance's row of the text table.

    See :func:`affinity.prompt_table`. ``initial`` (B, clusters): see :func:`discover_parts`.
    """

    text: Tensor
    initial: Tensor | None = None
