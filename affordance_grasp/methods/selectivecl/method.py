"""SelectiveCL's entry: what it is and what it is built of."""

from affordance_grasp.encoders.backbones import Backbone
from affordance_grasp.methods.method import Method
from affordance_grasp.methods.selectivecl.affinity import load_affinity_backbone
from affordance_grasp.methods.selectivecl.config import SelectiveClBatch, SelectiveClConfig
from affordance_grasp.methods.selectivecl.network import SelectiveCl


def _backbone(config: SelectiveClConfig, pretrained: bool) -> Backbone:
    return load_affinity_backbone(config.backbone, config.affinity, config.image_side, pretrained)


METHOD = Method(
    "SelectiveCL",
    "selective contrastive learning: class maps, calibrated by object affinity (ICCV 2025)",
    SelectiveClConfig,
    SelectiveCl,
    SelectiveClBatch,
    _backbone,
)
