"""What is timed: inference, several queries on one image, training steps, a frame, the chain.

Where there is a CUDA device, inference and frames are timed on it too.
"""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from affordance_grasp.errors import InvalidInput, UnknownName
from affordance_grasp.grounding.grounder import load_grounder
from benchmark import case_names
from benchmark.contestant import ASKED, Contestant, make_contestant
from benchmark.loading import loading_case
from benchmark.rounds import Case, Outputs, Variant

EXACT = 1e-3
"""Relative tolerance of float32 results: sums in another order, through twelve blocks."""
QUERIES = 5


@dataclass(frozen=True)
class Size:
    """``side`` of the square input [pixels]; ``batch`` of training, None for the released one."""

    side: int = 224
    batch: int | None = None

    def __post_init__(self) -> None:
        """Refuse sizes that the encoders cannot take."""
        if self.side < 32 or self.side % 16:
            raise InvalidInput(f"--side {self.side} is not a multiple of 16 from 32 on")
        if self.batch is not None and self.batch < 2:
            raise InvalidInput(f"--batch is {self.batch}; contrast needs at least 2 samples")


def make_case(name: str, size: Size) -> Case:
    """The case ``name``, with seeded weights and inputs; refuses unknown names."""
    if name not in case_names():
        raise UnknownName("case", name, case_names())
    method, kind = name.rsplit("-", 1)
    torch.manual_seed(0)
    if method == "chain":
        from benchmark.chain import chain_case  # the simulator, which no other case needs

        return chain_case(name)
    if kind == "frame":
        return _frame_case(name, method)
    contestant = make_contestant(method, size.side)
    if kind == "loading":
        contestant.network.train()
        loss = partial(contestant.network.loss, epoch=contestant.epoch)
        count = size.batch or contestant.batch_size
        return loading_case(
            name,
            method,
            contestant,
            count,
            lambda batch: _step(contestant.optimizer, partial(loss, batch), False),
        )
    if kind == "training":
        return training_case(name, contestant, size.batch or contestant.batch_size)
    return inference_case(name, contestant, 1 if kind == "inference" else QUERIES)


def inference_case(name: str, contestant: Contestant, queries: int) -> Case:
    """Heatmaps of one image for a number of queries."""
    contestant.network.eval()
    labels = torch.arange(queries) % len(ASKED)

    @torch.inference_mode()
    def plain() -> Outputs:
        heatmaps = [contestant.infer(contestant.image, label) for label in labels.tolist()]
        return {"heatmap": torch.stack(heatmaps)}

    @torch.inference_mode()
    def ours() -> Outputs:
        network = contestant.network
        raw = network.maps(network.tokens(contestant.image), contestant.text[labels], labels)
        return {"heatmap": network.heatmaps(raw)}

    variants = {"plain": Variant(plain, EXACT), "ours": Variant(ours, EXACT)}
    if torch.cuda.is_available():
        variants["ours cuda"] = Variant(_on_cuda(contestant, labels), None)
    return Case(name, queries, 1, variants)


def _on_cuda(contestant: Contestant, labels: Tensor) -> Callable[[], Outputs]:
    """The same inference on the device; reading the heatmaps back waits for it."""
    network, image = copy.deepcopy(contestant.network).cuda(), contestant.image.cuda()
    text, asked = contestant.text.cuda()[labels.cuda()], labels.cuda()

    @torch.inference_mode()
    def run() -> Outputs:
        raw = network.maps(network.tokens(image), text, asked)
        return {"heatmap": network.heatmaps(raw).cpu()}

    return run


def training_case(name: str, contestant: Contestant, count: int) -> Case:
    """A step of training on ``count`` samples: losses, gradients, optimiser."""
    network = contestant.network.train()
    batch = contestant.batch(count)
    ours = partial(network.loss, epoch=contestant.epoch)

    def variant(losses: Callable[[Any], dict[str, Tensor]], data: Any, narrow: bool) -> Variant:
        step = partial(_step, contestant.optimizer, partial(losses, data), narrow)
        return Variant(step, None if narrow else EXACT, partial(_with_gradient, network))

    variants = {
        "plain": variant(contestant.losses, batch, False),
        "ours": variant(ours, batch, False),
        "ours bfloat16": variant(ours, batch, True),
    }
    if contestant.cached is not None:
        tokens = contestant.cached(batch)
        variants["ours cached"] = variant(ours, tokens, False)
        variants["ours cached bfloat16"] = variant(ours, tokens, True)
    return Case(name, count, count * contestant.images, variants)


def _frame_case(name: str, method: str) -> Case:
    """The shipped checkpoint on a camera's frame: one query, and several in one pass."""
    devices = ("cpu", "cuda") if torch.cuda.is_available() else ("cpu",)
    grounders = {device: load_grounder(method, device=device) for device in devices}
    frame = np.random.default_rng(0).integers(0, 256, (480, 640, 3), dtype=np.uint8)
    known = grounders["cpu"].affordances[:QUERIES]

    def ground(device: str, count: int) -> Outputs:
        heatmaps = grounders[device].ground_many(frame, known[:count])
        return {"heatmap": torch.from_numpy(heatmaps[0].values)}

    variants = {}
    for device in devices:
        words = "" if device == "cpu" else f" {device}"
        tolerance = EXACT if device == "cpu" else None
        for count, what in ((1, "1 query"), (len(known), f"{len(known)} queries")):
            variants[what + words] = Variant(partial(ground, device, count), tolerance)
    return Case(name, 1, 1, variants)


def _step(
    optimizer: torch.optim.Optimizer, losses: Callable[[], dict[str, Tensor]], narrow: bool
) -> Outputs:
    optimizer.zero_grad()
    with torch.autocast("cpu", torch.bfloat16, enabled=narrow):
        terms = losses()
    terms["total"].backward()
    optimizer.step()
    return {name: term.detach() for name, term in terms.items()}


def _with_gradient(network: torch.nn.Module, terms: Outputs) -> Outputs:
    squares = [p.grad.square().sum() for p in network.parameters() if p.grad is not None]
    return {**terms, "gradient": torch.stack(squares).sum().sqrt()}
