"""The image encoders as the released code runs them, on the weights of our own modules.

Plain on purpose: every block in full although the last one is hardly read, attention as a matrix
of its own in DINO, no fused or reshaped products. The released methods call vendored copies of
these two transformers (Caron et al., 2021; Radford et al., 2021).
"""

import copy
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from affordance_grasp.encoders.linear import Linear
from affordance_grasp.methods.shared.class_maps import KeyFeatures


def plain(layer: Any, x: Tensor) -> Tensor:
    """``x`` through the weights of a linear layer, as PyTorch does it."""
    return functional.linear(x, layer.weight, layer.bias)


def plain_copy(module: nn.Module) -> Any:
    """The same module on the same parameters, its linear layers those of PyTorch."""
    shared = {id(t): t for t in (*module.parameters(), *module.buffers())}
    copied = copy.deepcopy(module, shared)
    for parent in list(copied.modules()):
        for name, child in parent.named_children():
            if isinstance(child, Linear):
                layer = nn.Linear(child.in_features, child.out_features, device="meta")
                layer.weight, layer.bias = child.weight, child.bias
                setattr(parent, name, layer)
    return copied


def dino_features(visual: Any, images: Tensor) -> KeyFeatures:
    """Last-block keys and CLS attention of a timm transformer, from all of its blocks."""
    patches = visual.patch_embed(images)
    cls = visual.cls_token.expand(len(images), -1, -1)
    tokens = torch.cat([cls, patches], dim=1) + visual.pos_embed
    for block in visual.blocks:
        tokens, attention, keys = _dino_block(block, tokens)
    visual.norm(tokens)
    side = round((tokens.shape[1] - 1) ** 0.5)
    maps = keys[:, :, 1:].permute(0, 3, 1, 2).flatten(1, 2)
    return KeyFeatures(maps.unflatten(2, (side, side)).contiguous(), attention[:, :, 0, 1:])


def clip_tokens(visual: Any, images: Tensor) -> Tensor:
    """All tokens of an open_clip transformer through its final norm and projection."""
    tokens = visual.embed(images).transpose(0, 1)
    for block in visual.transformer.resblocks:
        tokens = _clip_block(block, tokens)
    return visual.ln_post(tokens.transpose(0, 1)) @ visual.proj


def clearclip_tokens(visual: Any, images: Tensor) -> Tensor:
    """As :func:`clip_tokens`, but of the query-query attention; the last block runs beside it."""
    tokens = visual.embed(images).transpose(0, 1)
    *blocks, last = visual.transformer.resblocks
    for block in blocks:
        tokens = _clip_block(block, tokens)
    attended = _query_query(last, tokens)
    _clip_block(last, tokens)
    return visual.ln_post(attended.transpose(0, 1)) @ visual.proj


def _dino_block(block: Any, tokens: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """A block's output (B, N, D), its attention (B, H, N, N) and its keys (B, H, N, D / H)."""
    rows = plain(block.attn.qkv, block.norm1(tokens))
    heads = block.attn.num_heads
    q, k, v = rows.unflatten(2, (3, heads, -1)).permute(2, 0, 3, 1, 4)
    attention = (q @ k.transpose(2, 3) * k.shape[3] ** -0.5).softmax(dim=3)
    mixed = (attention @ v).transpose(1, 2).flatten(2)
    tokens = tokens + plain(block.attn.proj, mixed)
    hidden = functional.gelu(plain(block.mlp.fc1, block.norm2(tokens)))
    return tokens + plain(block.mlp.fc2, hidden), attention, k


def _clip_block(block: Any, tokens: Tensor) -> Tensor:
    """A residual block of PyTorch's multi-head attention, tokens (N, B, D)."""
    attention, normed = block.attn, block.ln_1(tokens)
    mixed, _ = functional.multi_head_attention_forward(
        normed,
        normed,
        normed,
        embed_dim_to_check=attention.embed_dim,
        num_heads=attention.num_heads,
        in_proj_weight=attention.in_proj_weight,
        in_proj_bias=attention.in_proj_bias,
        bias_k=None,
        bias_v=None,
        add_zero_attn=False,
        dropout_p=0.0,
        out_proj_weight=attention.out_proj.weight,
        out_proj_bias=attention.out_proj.bias,
        need_weights=False,
    )
    tokens = tokens + mixed
    hidden = plain(block.mlp.c_fc, block.ln_2(tokens))
    return tokens + plain(block.mlp.c_proj, hidden * torch.sigmoid(1.702 * hidden))


def _query_query(block: Any, tokens: Tensor) -> Tensor:
    attention = block.attn
    rows = functional.linear(block.ln_1(tokens), attention.in_proj_weight, attention.in_proj_bias)
    per_head = rows.unflatten(2, (3, attention.num_heads, -1)).permute(2, 1, 3, 0, 4)
    q, _, v = per_head
    weights = (q @ q.transpose(2, 3) * q.shape[3] ** -0.5).softmax(dim=3)
    return plain(attention.out_proj, (weights @ v).permute(2, 0, 1, 3).flatten(2))
