"""PLSP: part-level semantic priors for weakly supervised affordance grounding.

Xu et al., "Weakly-Supervised Affordance Grounding Guided by Part-Level Semantic Priors" (ICLR
2025), training stage C. The paper's configuration (CLIP ViT-B/16, fine-tuned, width 512) and the
embedded one (frozen DINOv2 ViT-S/14 and a learned projection) share this code.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from affordance_grasp.encoders.backbones import Backbone, backbone_spec
from affordance_grasp.encoders.linear import Linear
from affordance_grasp.methods.method import Method
from affordance_grasp.methods.network import GroundingNetwork
from affordance_grasp.methods.plsp.config import PlspBatch, PlspConfig
from affordance_grasp.methods.plsp.fuser import VerbFuser
from affordance_grasp.methods.plsp.mask_decoder import MaskDecoder
from affordance_grasp.methods.plsp.readout import Readout

LOGISTIC_WEIGHT = 100.0
"""Of the mean over pixels, so that it outweighs the terms beside it as the divergence does."""
PRIOR_LOGIT = -6.0
"""What the answer of a pixel is without evidence: few are of a part."""


@dataclass(frozen=True)
class PlspOutput:
    """What one forward pass gives.

    ``logits`` (B, 4 grid, 4 grid), ``affordance`` (B, dim) fused token, ``noun`` and ``part``
    (B, text_dim) text features that the image suggests; None without reasoning.
    """

    logits: Tensor
    affordance: Tensor
    noun: Tensor | None
    part: Tensor | None


class Plsp(GroundingNetwork):
    """The network of PLSP, with a projection of tokens and texts where the widths differ."""

    name = "plsp"
    takes_any_text = True
    config: PlspConfig

    def __init__(self, config: PlspConfig, backbone: Backbone | None = None) -> None:
        super().__init__(config, backbone)
        spec = backbone_spec(config.backbone)
        dim, text_dim, grid = config.dim, config.text_dim, spec.grid(config.image_side)
        self.token_projection = nn.Identity() if spec.dim == dim else Linear(spec.dim, dim)
        self.query_projection = nn.Identity() if text_dim == dim else nn.Linear(text_dim, dim)
        if config.reasons:
            self.noun_transform = _two_layers(dim, text_dim, text_dim)
            self.reason = _two_layers(2 * text_dim, text_dim, text_dim)
        hidden = int(dim * config.mlp_ratio)
        self.verb_fuser = VerbFuser(
            dim,
            grid,
            heads=config.fuser_heads,
            depth=config.fuser_depth,
            mlp_ratio=config.mlp_ratio,
            drop_path=config.drop_path,
        )
        self.pred_decoder = MaskDecoder(
            dim, grid, config.decoder_heads, config.decoder_depth, hidden
        )
        if config.aligns:
            self.exo_cls = _two_layers(dim, dim // 2, config.classes)
        self.readout = Readout(text_dim, spec.dim) if config.readout else None

    @property
    def optional_modules(self) -> tuple[str, ...]:
        """The readout beside the decoder, and what only the alignment trains."""
        return ("readout", "exo_cls")

    def compare_with(self, text: Tensor) -> None:
        """Verbs (A, text_dim) whose claims the readout weighs against each other."""
        if self.readout is not None:
            self.readout.known = text.to(self.readout.direction.weight)

    def forward(self, images: Tensor, text: Tensor) -> PlspOutput:
        """Images (B, 3, S, S) or tokens, and verb features (B, text_dim)."""
        return self.forward_tokens(self.tokens(images), text)

    def forward_tokens(self, tokens: Tensor, text: Tensor) -> PlspOutput:
        """Backbone tokens (B, 1 + grid^2, token dim) and verb features (B, text_dim)."""
        visual = self.token_projection(tokens)
        noun = part = None
        asked = text
        if self.config.reasons:
            noun = self.noun_transform(visual[:, 0].detach())
            part = self.reason(torch.cat([noun, text], dim=1))
            asked = part + text
        affordance = self.verb_fuser(self.query_projection(asked)[:, None], visual)
        logits = self.pred_decoder(affordance, visual)
        return PlspOutput(logits, affordance[:, 0], noun, part)

    def probability(self, logits: Tensor) -> Tensor:
        """Logits (B, h, w) -> probability maps (B, S, S), each sums to 1."""
        return _distribution(self._evidence(logits))

    def maps(self, tokens: Tensor, text: Tensor, label: Tensor) -> Tensor:
        """Probability maps (Q, S, S), each sums to 1; PLSP uses ``text`` and no label."""
        del label
        output = self.forward_tokens(tokens.expand(len(text), -1, -1), text)
        evidence = self._evidence(output.logits)
        if self.readout is not None:
            evidence = evidence + self.readout.log_weight(tokens, text, self.config.image_side)
        return _distribution(evidence)

    def loss(self, batch: PlspBatch, epoch: int) -> dict[str, Tensor]:
        """The unweighted terms of the training loss (paper, section 3.4) and the weighted total.

        ``kl``: pseudo label against the predicted distribution, summed over pixels; or
        ``logistic``: cross entropy of every pixel's own answer, mean over pixels. ``align``:
        hinge on the cosine between the fused token and the exo object's feature. ``exo_cls``: the
        exo feature's classification. ``noun``, ``part``: reasoning. A module that is switched
        off has no terms. ``readout``: as ``logistic``, of the readout's patches. Nothing depends
        on ``epoch``.
        """
        del epoch
        config = self.config
        images = [batch.ego, batch.exo] if config.aligns else [batch.ego]
        tokens = self.tokens(torch.cat(images)).split(len(batch.ego))
        output = self.forward_tokens(tokens[0], batch.text)
        if config.map_loss == "logistic":
            terms = {"logistic": _cross_entropy(output.logits + PRIOR_LOGIT, batch.target)}
            weights = {"logistic": LOGISTIC_WEIGHT}
        else:
            terms, weights = {"kl": self._divergence(output.logits, batch.target)}, {"kl": 1.0}
        if self.readout is not None:
            claim = self.readout(tokens[0], batch.text)
            terms["readout"] = _cross_entropy(claim, batch.target)
            weights["readout"] = LOGISTIC_WEIGHT
        if config.aligns:
            exo = self._object_feature(tokens[1], batch.object_patches)
            cosine = functional.cosine_similarity(output.affordance, exo.detach(), dim=1)
            terms["align"] = (1 - cosine - config.align_margin).relu().mean()
            terms["exo_cls"] = functional.cross_entropy(self.exo_cls(exo), batch.label)
            weights.update(align=config.align_weight, exo_cls=config.exo_weight)
        if output.noun is not None and output.part is not None:
            terms["noun"] = self._text_distance(output.noun, batch.noun)
            terms["part"] = self._text_distance(output.part, batch.part)
            weights.update(noun=config.noun_weight, part=config.part_weight)
        total = torch.stack([weights[name] * term for name, term in terms.items()]).sum()
        return {**terms, "total": total}

    def _object_feature(self, tokens: Tensor, object_patches: Tensor) -> Tensor:
        visual = self.token_projection(tokens)
        return (visual[:, 1:] * object_patches[..., None]).sum(dim=1)

    def _upscale(self, logits: Tensor) -> Tensor:
        size = (self.config.image_side,) * 2
        mode = self.config.interpolation
        return functional.interpolate(logits[:, None], size=size, mode=mode)[:, 0]

    def _evidence(self, logits: Tensor) -> Tensor:
        """Logarithms (B, S, S) of maps that need not sum to 1."""
        upscaled = self._upscale(logits)
        if self.config.map_loss == "logistic":
            # sigmoids by their logarithms: also maps that are near 0 everywhere sum to 1
            return functional.logsigmoid(upscaled + PRIOR_LOGIT)
        return upscaled

    def _divergence(self, logits: Tensor, target: Tensor) -> Tensor:
        predicted = self._upscale(logits).flatten(1).log_softmax(dim=1)
        return functional.kl_div(predicted, target.flatten(1), reduction="batchmean")

    def _text_distance(self, predicted: Tensor, text: Tensor) -> Tensor:
        if self.config.reasoning == "all_pairs":
            predicted, text = predicted[:, None], text[None]
        return (1 - functional.cosine_similarity(predicted, text, dim=-1)).mean()


def _distribution(evidence: Tensor) -> Tensor:
    return evidence.flatten(1).softmax(dim=1).view_as(evidence)


def _cross_entropy(logits: Tensor, target: Tensor) -> Tensor:
    """At the resolution of the logits, against the share of every cell that is of the part."""
    share = functional.interpolate(target[:, None], size=logits.shape[1:], mode="area")[:, 0]
    return functional.binary_cross_entropy_with_logits(logits, share)


def _two_layers(inputs: int, hidden: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(inputs, hidden), nn.GELU(), nn.Linear(hidden, outputs))


METHOD = Method("PLSP", PlspConfig, Plsp, PlspBatch)
