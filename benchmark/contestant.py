"""A method in its paper's configuration beside its plain counterpart.

That is ``plain_METHOD.py`` with a function ``contestant(side)``.
"""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import torch
from torch import Tensor

from affordance_grasp.methods.network import GroundingNetwork
from affordance_grasp.query.vocabulary import AFFORDANCES

ASKED = AFFORDANCES[:8]
"""The affordances that occur in the benchmark's queries and batches."""


@dataclass(frozen=True)
class Contestant:
    """A method's network and a plain implementation of the same.

    All weights are random: they cost the same as trained ones, and none are needed. Both sides
    share every parameter, so that their results must agree.

    ``image`` (1, 3, S, S). ``text`` (8, text_dim): of :data:`ASKED`, computed once. ``infer(image,
    label)``: the plain heatmap (S, S); ``losses(batch)``: the plain losses. ``batch(count)`` makes
    a training batch of images; ``cached(batch)`` is the same of tokens, None where the encoder is
    trained. ``batch_size``, ``images`` per sample: those of the released training. ``epoch``: the
    first in which all losses are there.
    """

    network: GroundingNetwork
    image: Tensor
    text: Tensor
    infer: Callable[[Tensor, int], Tensor]
    losses: Callable[[Any], dict[str, Tensor]]
    batch: Callable[[int], Any]
    cached: Callable[[Any], Any] | None
    optimizer: torch.optim.Optimizer
    batch_size: int
    images: int
    epoch: int = 0


def make_contestant(method: str, side: int) -> Contestant:
    """The contestant of a method on images of ``side`` pixels."""
    contestant: Contestant = import_module(f"benchmark.plain_{method}").contestant(side)
    return contestant
