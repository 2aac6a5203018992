"""DINOv2 weights from an ONNX file, by timm's names."""

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

DEPTH = 12
LAYER = "backbone.encoder.layer"
OUTER_NAMES = {
    "cls_token": "backbone.embeddings.cls_token",
    "patch_embed.proj.weight": "backbone.embeddings.patch_embeddings.projection.weight",
    "patch_embed.proj.bias": "backbone.embeddings.patch_embeddings.projection.bias",
    "norm.weight": "backbone.layernorm.weight",
    "norm.bias": "backbone.layernorm.bias",
}
BLOCK_NAMES = {
    "norm1.weight": "norm1.weight",
    "norm1.bias": "norm1.bias",
    "attn.proj.weight": "attention.output.dense.weight",
    "attn.proj.bias": "attention.output.dense.bias",
    "ls1.gamma": "layer_scale1.lambda1",
    "norm2.weight": "norm2.weight",
    "norm2.bias": "norm2.bias",
    "mlp.fc1.weight": "mlp.fc1.weight",
    "mlp.fc1.bias": "mlp.fc1.bias",
    "mlp.fc2.weight": "mlp.fc2.weight",
    "mlp.fc2.bias": "mlp.fc2.bias",
    "ls2.gamma": "layer_scale2.lambda1",
}


def dinov2_from_onnx(path: Path) -> dict[str, Tensor]:
    """The tensors of timm's ``vit_small_patch14_dinov2``, 37x37 position table, float32."""
    source = _named_constants(path)
    tensors = {ours: source[theirs] for ours, theirs in OUTER_NAMES.items()}
    tensors["pos_embed"] = torch.cat(
        [source["backbone.embeddings.Concat_6"], source["backbone.embeddings.Reshape_1"]], dim=1
    )
    for block in range(DEPTH):
        tensors |= _block(source, block)
    return {name: tensor.contiguous() for name, tensor in tensors.items()}


def _block(source: Mapping[str, Tensor], block: int) -> dict[str, Tensor]:
    layer = f"{LAYER}.{block}"
    tensors = {
        f"blocks.{block}.{ours}": source[f"{layer}.{theirs}"]
        for ours, theirs in BLOCK_NAMES.items()
    }
    for kind in ("weight", "bias"):
        parts = [
            source[f"{layer}.attention.attention.{role}.{kind}"]
            for role in ("query", "key", "value")
        ]
        tensors[f"blocks.{block}.attn.qkv.{kind}"] = torch.cat(parts)
    return tensors


def _named_constants(path: Path) -> dict[str, Tensor]:
    """Stored tensors by their own name, or by the node that uses them where they have none.

    Exporters fold a linear layer's transposed weight into an anonymous constant; the node's name
    still says which layer it belongs to.
    """
    import onnx
    from onnx import numpy_helper

    graph = onnx.load(str(path)).graph
    stored = {t.name: torch.from_numpy(numpy_helper.to_array(t).copy()) for t in graph.initializer}
    named = {name: t for name, t in stored.items() if not name.startswith("onnx::")}
    for node in graph.node:
        for name in node.input:
            if name.startswith("onnx::") and name in stored:
                owner = node.name.strip("/").replace("/", ".")
                if node.op_type == "MatMul":
                    named[owner.removesuffix("MatMul") + "weight"] = stored[name].T
                else:
                    named[owner] = stored[name]
    return named
