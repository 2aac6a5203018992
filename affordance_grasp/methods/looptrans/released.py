"""LoopTrans' released checkpoints."""

from collections.abc import Mapping
from typing import Any

from affordance_grasp.methods.looptrans.config import LoopTransConfig
from affordance_grasp.methods.released import OfficialFormat, Tensors
from affordance_grasp.query.vocabulary import AFFORDANCES


def _fields(tensors: Tensors) -> Mapping[str, Any]:
    """The head's channels are the classes and the noise."""
    head, noise = tensors.get("aff_fc.bias"), LoopTransConfig.noise
    classes = len(AFFORDANCES) if head is None else head.numel() - noise
    return {**vars(LoopTransConfig.paper(max(classes, 1))), "clusters": "concepts"}


OFFICIAL = OfficialFormat(prefixes={"vit_model.": "backbone.visual."}, config=_fields)
