"""PLSP's released checkpoints: everything but the text features, which are files of their own."""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from affordance_grasp.encoders.tensor_files import read_tensors
from affordance_grasp.errors import CheckpointError, InvalidInput
from affordance_grasp.methods.plsp.config import PlspConfig
from affordance_grasp.methods.released import OfficialFormat, Tensors


def _verb_features(tensors: Tensors, affordances: Sequence[str], file: Path | None) -> Tensor:
    """Entries of the released file: affordance -> feature (512,) or (1, 512)."""
    del tensors
    if file is None:
        raise InvalidInput(
            "PLSP needs text features of the affordances, which its checkpoint does not hold; "
            "give the released file of verb features (sentenceFeatVerbAGD.pth) with it"
        )
    features = read_tensors(file)
    width = PlspConfig.paper().text_dim
    bad = [n for n in affordances if n not in features or features[n].numel() != width]
    if bad:
        raise CheckpointError(
            f"text features {file} hold no feature of {width} channels for {', '.join(bad)}"
        )
    return torch.stack([features[name].float().flatten() for name in affordances])


OFFICIAL = OfficialFormat(
    prefixes={"encoder.": "backbone.visual."},
    config=lambda tensors: vars(PlspConfig.paper()),
    text=_verb_features,
    text_encoder="clip_vitb16",
    unused=frozenset({"verb_fuser.rd_pos_embed"}),
)
