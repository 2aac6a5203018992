"""Segment Anything built from its own modules at the smallest size, with random weights."""

import torch
from segment_anything.modeling import (
    ImageEncoderViT,
    MaskDecoder,
    PromptEncoder,
    Sam,
    TwoWayTransformer,
)

SIDE, WIDTH = 64, 32


def tiny_sam(embed_dim=24):
    """A Sam for images of 64 pixels; ``embed_dim`` says which size a checkpoint is of."""
    torch.manual_seed(0)
    grid = (SIDE // 16, SIDE // 16)
    return Sam(
        ImageEncoderViT(img_size=SIDE, embed_dim=embed_dim, depth=1, num_heads=2, out_chans=WIDTH),
        PromptEncoder(
            embed_dim=WIDTH,
            image_embedding_size=grid,
            input_image_size=(SIDE, SIDE),
            mask_in_chans=4,
        ),
        MaskDecoder(
            transformer_dim=WIDTH,
            transformer=TwoWayTransformer(depth=1, embedding_dim=WIDTH, num_heads=2, mlp_dim=32),
        ),
    ).eval()
