"""A method in its paper's configuration beside its plain counterpart.

The plain counterparts are no part of the installed package: they lie in the folder ``benchmark``
of the source checkout, ``plain_METHOD.py`` with a function ``contestant(side)`` each.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from affordance_grasp.errors import InvalidInput
from affordance_grasp.methods.network import GroundingNetwork
from affordance_grasp.vocabulary import AFFORDANCES

FOLDER = Path(__file__).resolve().parents[2] / "benchmark"
PACKAGE = "benchmark"
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
    contestant: Contestant = plain_module(method).contestant(side)
    return contestant


def plain_module(name: str) -> Any:
    """The module ``plain_NAME`` of the checkout; refuses installations without it."""
    if PACKAGE not in sys.modules:
        if not (FOLDER / "__init__.py").is_file():
            raise InvalidInput(
                "the plain versions to measure against are no part of an installed package; run "
                "affordance-grasp benchmark from a source checkout, or --case METHOD-frame"
            )
        spec = spec_from_file_location(
            PACKAGE, FOLDER / "__init__.py", submodule_search_locations=[str(FOLDER)]
        )
        assert spec is not None and spec.loader is not None
        package = sys.modules[PACKAGE] = module_from_spec(spec)
        spec.loader.exec_module(package)
    return import_module(f"{PACKAGE}.plain_{name}")
