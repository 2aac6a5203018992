"""PLSP as its released code computes it: two encoder passes a step, attention in pieces."""

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from affordance_grasp.encoders.backbones import load_backbone
from affordance_grasp.methods.network import DropPath
from affordance_grasp.methods.plsp.config import PlspBatch, PlspConfig
from affordance_grasp.methods.plsp.network import Plsp
from benchmark.contestant import ASKED, Contestant
from benchmark.inputs import labels, random_image
from benchmark.plain_encoders import clip_tokens, plain, plain_copy


def contestant(side: int) -> Contestant:
    """PLSP on CLIP ViT-B/16, which is trained with the rest, batches of 10."""
    config = replace(PlspConfig.paper(), image_side=side)
    network = Plsp(config, load_backbone(config.backbone, side, pretrained=False))
    for module in network.modules():
        if isinstance(module, DropPath):
            module.rate = 0.0  # both sides do the same work
    plain = PlainPlsp(network, plain_copy(network))
    texts = torch.nn.functional.normalize(torch.randn(3, len(ASKED), config.text_dim), dim=2)

    def batch(count: int) -> PlspBatch:
        label, patches = labels(count), (side // 16) ** 2
        target = torch.rand(count, side, side)
        return PlspBatch(
            ego=torch.randn(count, 3, side, side),
            exo=torch.randn(count, 3, side, side),
            target=target / target.sum(dim=(1, 2), keepdim=True),
            object_patches=(torch.rand(count, patches) > 0.5).float(),
            text=texts[0, label],
            noun=texts[1, label],
            part=texts[2, label],
            label=label,
        )

    groups = network.parameter_groups(0.0)
    return Contestant(
        network=network,
        image=random_image(side),
        text=texts[0],
        infer=lambda image, label: plain.infer(image, texts[0, label : label + 1]),
        losses=plain.losses,
        batch=batch,
        cached=None,
        optimizer=torch.optim.AdamW(groups, lr=0.0, betas=(0.9, 0.95), weight_decay=0.01),
        batch_size=10,
        images=2,
    )


class PlainPlsp:
    """The released wiring on the parameters of ``network``; ``heads`` is its plain copy."""

    def __init__(self, network: Plsp, heads: Any) -> None:
        self.network = network
        self.heads = heads
        backbone: Any = network.backbone
        self.visual = backbone.visual

    def infer(self, image: Tensor, text: Tensor) -> Tensor:
        """One image (1, 3, S, S) and a verb's feature (1, 512) -> probabilities (S, S)."""
        logits = self._forward(clip_tokens(self.visual, image), text)[0]
        return self._enlarged(logits).flatten(1).softmax(dim=1).view(self._size)

    def losses(self, batch: PlspBatch) -> dict[str, Tensor]:
        """The terms of the training loss by our names, and ``total``."""
        logits, affordance, noun, part = self._forward(
            clip_tokens(self.visual, batch.ego), batch.text
        )
        exo_tokens = clip_tokens(self.visual, batch.exo)
        exo = (exo_tokens[:, 1:] * batch.object_patches[..., None]).sum(dim=1)
        cosine = functional.cosine_similarity(affordance, exo.detach(), dim=1)
        log_p = self._enlarged(logits).flatten(1).log_softmax(dim=1)
        terms = {
            "kl": functional.kl_div(log_p, batch.target.flatten(1), reduction="batchmean"),
            "align": (1 - cosine - 0.1).clamp(min=0).mean(),
            "exo_cls": functional.cross_entropy(self.heads.exo_cls(exo), batch.label),
            "noun": (1 - functional.cosine_similarity(noun, batch.noun, dim=1)).mean(),
            "part": (1 - functional.cosine_similarity(part, batch.part, dim=1)).mean(),
        }
        weights = {"kl": 1.0, "align": 10.0, "exo_cls": 10.0, "noun": 1.0, "part": 0.1}
        total = torch.stack([weights[name] * term for name, term in terms.items()]).sum()
        return {**terms, "total": total}

    @property
    def _size(self) -> tuple[int, int]:
        return (self.network.config.image_side,) * 2

    def _enlarged(self, logits: Tensor) -> Tensor:
        return functional.interpolate(logits[:, None], size=self._size, mode="bilinear")[:, 0]

    def _forward(self, tokens: Tensor, text: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Logits (B, 56, 56), the fused token (B, D), the suggested noun and part."""
        noun = self.heads.noun_transform(tokens[:, 0].detach())
        part = self.heads.reason(torch.cat([noun, text], dim=1))
        affordance = self._fuse((part + text)[:, None], tokens)
        return self.heads.pred_decoder(affordance, tokens), affordance[:, 0], noun, part

    def _fuse(self, query: Tensor, tokens: Tensor) -> Tensor:
        fuser = self.heads.verb_fuser
        for block in fuser.regressor_blocks:
            visual = torch.cat([query, tokens], dim=1)
            placed = block.norm1_k(visual + fuser.rd_pos_embed)
            told, heat = _attend(
                block.cross_attn, block.norm1_q(query), placed, block.norm1_v(visual)
            )
            heat.mean(dim=1)  # a map that is not used
            x = block.norm2_cross(query + block.gamma_1_cross * told)
            hidden = functional.gelu(plain(block.mlp_cross.fc1, x))
            query = x + block.gamma_2_cross * plain(block.mlp_cross.fc2, hidden)
        return fuser.norm(query)


def _attend(attention: Any, query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
    q = functional.linear(query, attention.q.weight, attention.q_bias)
    v = functional.linear(value, attention.v.weight, attention.v_bias)
    k = plain(attention.k, key)
    q, k, v = (x.unflatten(2, (attention.heads, -1)).transpose(1, 2) for x in (q, k, v))
    weights = (q * q.shape[3] ** -0.5 @ k.transpose(2, 3)).softmax(dim=3)
    return plain(attention.proj, (weights @ v).transpose(1, 2).flatten(2)), weights
