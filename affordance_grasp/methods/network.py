"""The interface of grounding networks and of their configurations."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Annotated, Any, ClassVar, Protocol

import numpy as np
import torch
from msgspec import Meta
from numpy.typing import NDArray
from torch import Tensor, nn
from typing_extensions import Self

from affordance_grasp.encoders.backbones import Backbone
from affordance_grasp.errors import InvalidInput

Side = Annotated[int, Meta(ge=1, le=1024)]
"""Side of a square input [pixels]; at most 5,329 patches of 14 pixels."""
Width = Annotated[int, Meta(ge=1, le=8192)]
Depth = Annotated[int, Meta(ge=0, le=64)]
Ratio = Annotated[float, Meta(gt=0, le=64)]
"""Bounds of networks, as a checkpoint's figures size one before its tensors are compared."""


class NetworkConfig(Protocol):
    """The settings that all methods have in common.

    ``image_side`` [pixels]; ``train_backbone``: fine-tune the encoder with the rest.
    """

    @property
    def backbone(self) -> str:
        """Name of the image encoder."""

    @property
    def train_backbone(self) -> bool:
        """Whether the encoder is fine-tuned and therefore part of the checkpoint."""

    @property
    def image_side(self) -> int:
        """Side of the square input [pixels]."""

    @property
    def text_dim(self) -> int:
        """Channels of a text feature."""


class MethodConfig(NetworkConfig, Protocol):
    """The configuration of a network that grounds affordances."""

    @property
    def classes(self) -> int:
        """How many affordances it is trained for."""


@dataclass(frozen=True)
class TensorBatch:
    """Training samples as fields of tensors, some of which may be None."""

    def to(self, device: str | torch.device) -> Self:
        """The same batch on another device; pinned memory is copied while others compute."""
        return self._each(lambda tensor: tensor.to(device, non_blocking=True))

    def pin_memory(self) -> Self:
        """The same batch in pinned memory."""
        return self._each(Tensor.pin_memory)

    def _each(self, change: Callable[[Tensor], Tensor]) -> Self:
        named = {field.name: getattr(self, field.name) for field in fields(self)}
        return replace(self, **{n: change(t) for n, t in named.items() if t is not None})


class GroundingNetwork(nn.Module, ABC):
    """A method's network: with a backbone it takes images, without one tokens."""

    name: ClassVar[str]
    feature_kind: ClassVar[str] = "tokens"
    """What :meth:`encode` returns: networks of one kind share the features of a backbone."""
    takes_any_text: ClassVar[bool] = False
    """Whether :meth:`maps` takes any sentence, not only those that it was trained for."""

    def __init__(self, config: NetworkConfig, backbone: Backbone | None = None) -> None:
        super().__init__()
        self.config = config
        self.backbone = backbone
        if backbone is not None:
            _check_backbone(config, backbone)
            backbone.requires_grad_(config.train_backbone)

    def tokens(self, images: Tensor) -> Tensor:
        """Backbone tokens (B, 1 + grid^2, token dim) of images; tokens pass unchanged."""
        if images.ndim == 3:
            return images
        with torch.set_grad_enabled(self.config.train_backbone and torch.is_grad_enabled()):
            return self.encode(images)

    def encode(self, images: Tensor) -> Tensor:
        """Features (B, N, C) of normalised images (B, 3, S, S)."""
        return self.present_backbone.tokens(images)

    def prepare(self, color: NDArray[np.uint8]) -> Tensor:
        """An rgb image (H, W, 3) of any size -> the normalised input (1, 3, S, S)."""
        return self.present_backbone.prepare(color)

    @abstractmethod
    def maps(self, tokens: Tensor, text: Tensor, label: Tensor) -> Tensor:
        """Raw heatmaps (Q, h, w) of Q queries on one image's tokens (1, N, token dim).

        Queries are given both ways, a method uses one: ``text`` (Q, text dim), features of the
        affordances, or ``label`` (Q,), their indices in the list that it was trained for.
        """

    def heatmaps(self, raw: Tensor) -> Tensor:
        """Raw heatmaps (Q, h, w) -> heatmaps (Q, h', w') as published, not negative."""
        return raw

    @abstractmethod
    def loss(self, batch: Any, epoch: int) -> dict[str, Tensor]:
        """The unweighted terms of the training loss by name, and ``total``, their weighted sum."""

    @property
    def given_modules(self) -> tuple[str, ...]:
        """Names of modules that training leaves as they are, so that their weights are given."""
        return ()

    @property
    def optional_modules(self) -> tuple[str, ...]:
        """Names of modules that a checkpoint to start from may lack, or have beside the others."""
        return ()

    def compare_with(self, text: Tensor) -> None:
        """Text features (A, text dim) of all trained affordances, where a query is weighed."""
        del text

    def parameter_groups(self, learning_rate: float) -> list[dict[str, Any]]:
        """Groups of trained parameters for an optimiser, each with its learning rate.

        A fine-tuned backbone has a tenth of the rate.
        """
        trained = {name: p for name, p in self.named_parameters() if p.requires_grad}
        inside = [p for name, p in trained.items() if name.startswith("backbone.")]
        head = [p for name, p in trained.items() if not name.startswith("backbone.")]
        groups = [(head, learning_rate), (inside, learning_rate / 10)]
        return [{"params": params, "lr": rate} for params, rate in groups if params]

    def train(self, mode: bool = True) -> Self:
        """As of any module, but a frozen backbone stays in evaluation mode."""
        super().train(mode)
        if self.backbone is not None and not self.config.train_backbone:
            self.backbone.eval()
        return self

    @property
    def present_backbone(self) -> Backbone:
        """The backbone; refuses a network that was made without one."""
        if self.backbone is None:
            raise InvalidInput(f"this {self.name} network has no backbone; feed it tokens")
        return self.backbone


class DropPath(nn.Module):
    """In training, leaves out the branch of a sample at ``rate`` and scales what remains."""

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, x: Tensor) -> Tensor:
        """(B, ...) -> (B, ...)."""
        if self.rate == 0 or not self.training:
            return x
        kept = x.new_empty(len(x), *[1] * (x.ndim - 1)).bernoulli_(1 - self.rate)
        return x * kept.div_(1 - self.rate)


def _check_backbone(config: NetworkConfig, backbone: Backbone) -> None:
    if backbone.spec.name != config.backbone or backbone.image_side != config.image_side:
        raise InvalidInput(
            f"the network was configured for {config.backbone} at {config.image_side} pixels and "
            f"got {backbone.spec.name} at {backbone.image_side}"
        )
