"""LOCATE's released checkpoints."""

from collections.abc import Mapping
from typing import Any

from affordance_grasp.methods.locate.config import LocateConfig
from affordance_grasp.methods.released import OfficialFormat, Tensors
from affordance_grasp.query.vocabulary import AFFORDANCES


def _fields(tensors: Tensors) -> Mapping[str, Any]:
    head = tensors.get("aff_fc.bias")
    return vars(LocateConfig.paper(len(AFFORDANCES) if head is None else head.numel()))


OFFICIAL = OfficialFormat(prefixes={"vit_model.": "backbone.visual."}, config=_fields)
