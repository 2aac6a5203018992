"""SelectiveCL's released checkpoints, which hold both encoders and CLIP's text side."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor

from affordance_grasp.encoders.clearclip import TEXT_NAMES, ClipText
from affordance_grasp.errors import InvalidInput
from affordance_grasp.methods.released import OfficialFormat, Tensors
from affordance_grasp.methods.selectivecl.affinity import prompt_table
from affordance_grasp.methods.selectivecl.config import SelectiveClConfig
from affordance_grasp.query.vocabulary import AFFORDANCES


def _fields(tensors: Tensors) -> Mapping[str, Any]:
    head = tensors.get("aff_classifier.bias")
    classes = len(AFFORDANCES) if head is None else head.numel()
    return {**vars(SelectiveClConfig.paper()), "classes": classes}


def _prompt_features(tensors: Tensors, affordances: Sequence[str], file: Path | None) -> Tensor:
    """The prompts through the text side that the checkpoint holds."""
    if file is not None:
        raise InvalidInput(f"text features {file} were given; SelectiveCL makes its own")
    text_side = {name: tensors[f"net.{name}"] for name in TEXT_NAMES}
    return prompt_table(ClipText(text_side), affordances)


OFFICIAL = OfficialFormat(
    prefixes={
        "vit_model.": "backbone.encoder.visual.",
        "net.visual.": "backbone.affinity.visual.",
    },
    config=_fields,
    text=_prompt_features,
    text_encoder="clip_vitb16",
    unused=frozenset(f"net.{name}" for name in TEXT_NAMES),
)
