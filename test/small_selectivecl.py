"""A small SelectiveCL and a batch for it."""

import torch

from affordance_grasp.methods.selectivecl.config import SelectiveClBatch, SelectiveClConfig

SMALL = SelectiveClConfig(image_side=112, classes=5)


def make_batch(size=3, views=2):
    generator = torch.Generator().manual_seed(0)
    return SelectiveClBatch(
        ego=torch.randn(size, 66, 384, generator=generator),
        exo=torch.randn(size, views, 66, 384, generator=generator),
        label=torch.arange(size) % 2,
        text=torch.zeros(size, 0),
        initial=torch.zeros(size, 3, dtype=torch.long),
    )
