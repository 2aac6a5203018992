"""What LOCATE and its successors read of a vision transformer: the last block's keys."""

from typing import Any

import torch
from torch import Tensor

from affordance_grasp.encoders.linear import linear


def last_block_keys(visual: Any, images: Tensor) -> Tensor:
    """A timm transformer's last attention of normalised images (B, 3, S, S): (B, 2 + N, dim).

    Row 0 is the query of the CLS token, row 1 its key, the others the keys of the N patches; the
    CLS attention follows from them. Channels are head-fastest: channel d * heads + h is channel d
    of head h, as in the released checkpoints. Values, attention output and MLP of the last block
    are never computed, because nothing reads them.
    """
    before = len(visual.blocks) - 2
    ((patches, prefix),) = visual.forward_intermediates(
        images,
        indices=[before],
        return_prefix_tokens=True,
        output_fmt="NLC",
        stop_early=True,
        intermediates_only=True,
    )
    block = visual.blocks[-1]
    normed = block.norm1(torch.cat([prefix, patches], dim=1))
    weights, biases = block.attn.qkv.weight.chunk(3), block.attn.qkv.bias.chunk(3)
    query = linear(normed[:, :1], weights[0], biases[0])
    keys = linear(normed, weights[1], biases[1])
    packed = torch.cat([query, keys], dim=1)
    return packed.unflatten(2, (block.attn.num_heads, -1)).transpose(2, 3).flatten(2)
