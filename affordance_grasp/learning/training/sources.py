"""What a training run reads beside its configuration."""

from dataclasses import dataclass
from pathlib import Path

from affordance_grasp.datasets.agd20k import Split
from affordance_grasp.datasets.detections import Detector
from affordance_grasp.datasets.features import Encoding
from affordance_grasp.encoders.backbones import Backbone
from affordance_grasp.encoders.text import TextEncoder


@dataclass(frozen=True)
class Sources:
    """The split, the pretrained backbone, and what else the method reads.

    ``detector`` (boxes of parts and objects) and ``text``: None where the method needs none.
    ``cache``: folder for features. ``encoding``: how they are computed. ``protocol``: in which
    test maps are scored every epoch. ``device``: of the network. ``command``: how the run was
    started, kept in its checkpoints.
    """

    split: Split
    backbone: Backbone
    cache: Path
    detector: Detector | None = None
    text: TextEncoder | None = None
    encoding: Encoding = Encoding()
    protocol: str = "reference"
    device: str = "cpu"
    command: str = ""
