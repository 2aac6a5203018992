"""Image and query -> heatmap: grounding with the checkpoint of a method."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from affordance_grasp.datatypes import Heatmap, Region, check_color
from affordance_grasp.encoders.device import check_device, choose_precision
from affordance_grasp.encoders.text import TextEncoder, load_text_encoder
from affordance_grasp.errors import CheckpointError, UnknownName
from affordance_grasp.grounding.maps import Map, concentration, inside, paste, scaled
from affordance_grasp.methods.checkpoint import Checkpoint, CheckpointInfo, load_checkpoint
from affordance_grasp.methods.method import restore_network
from affordance_grasp.methods.network import GroundingNetwork
from affordance_grasp.methods.table import DEFAULT_METHOD, demo_checkpoint, method_package
from affordance_grasp.query.free_text import read_free_text, requested_verb
from affordance_grasp.query.resolve import resolve_query


@dataclass(frozen=True)
class _Asked:
    """A query, its affordance's row and text feature (text dim,).

    ``similarity``: as a heatmap has it; the feature is then that of the query itself.
    """

    query: str
    affordance: str
    row: int
    text: Tensor
    similarity: float | None = None


class Grounder:
    """One method with its checkpoint, loaded once; each call is independent of the others."""

    def __init__(
        self,
        network: GroundingNetwork,
        checkpoint: Checkpoint,
        path: Path,
        device: str,
        precision: str = "float32",
    ) -> None:
        self.info: CheckpointInfo = checkpoint.info
        self.path = path
        self.precision = choose_precision(precision, device)
        self._device = device
        self._network = network.to(device).eval()
        self._text = checkpoint.text.to(device)
        self._encoder: TextEncoder | None = None

    @property
    def method(self) -> str:
        """Name of the method."""
        return self.info.method

    @property
    def affordances(self) -> tuple[str, ...]:
        """The affordances that the checkpoint was trained for."""
        return self.info.affordances

    @property
    def source(self) -> str:
        """Where it comes from: the checkpoint."""
        return str(self.path)

    def resolve(self, query: str) -> str:
        """The affordance that a free text means; see :func:`resolve_query`."""
        return resolve_query(query, self.affordances, self.info.phrases)

    def ground(
        self, color: NDArray[np.uint8], query: str, region: Region | None = None
    ) -> Heatmap:
        """The heatmap of one query; see :meth:`ground_many`."""
        return self.ground_many(color, [query], region)[0]

    def ground_many(
        self, color: NDArray[np.uint8], queries: Sequence[str], region: Region | None = None
    ) -> list[Heatmap]:
        """Heatmaps of several queries on one rgb image (H, W, 3) uint8; one backbone pass.

        With ``region`` the method sees only that rectangle, squashed to its input size, and the
        heatmap is 0 elsewhere.
        """
        check_color(color)
        if not queries:
            return []
        return self._heatmaps(color, [self._known(query) for query in queries], region)

    def ground_open(
        self, color: NDArray[np.uint8], query: str, region: Region | None = None
    ) -> Heatmap:
        """As :meth:`ground`, and asks a network that takes any text also in other words.

        A query that the vocabulary cannot name is itself put to the network, where it is trusted:
        see :mod:`~affordance_grasp.query.free_text`.
        """
        check_color(color)
        return self._heatmaps(color, [self._open(query)], region)[0]

    def _known(self, query: str) -> "_Asked":
        affordance = self.resolve(query)
        row = self.affordances.index(affordance)
        return _Asked(query, affordance, row, self._text[row])

    def _open(self, query: str) -> "_Asked":
        """What a query asks; raises what :meth:`resolve` does where no text helps."""
        try:
            return self._known(query)
        except UnknownName:
            verb = requested_verb(query, self.info.phrases)
            if verb is None or not self._network.takes_any_text:
                raise
        if self._encoder is None:
            self._encoder = load_text_encoder(self.info.text_encoder)
        found, row = read_free_text(query, verb, self.affordances, self._text, self._encoder)
        label = self.affordances.index(found.nearest)
        return _Asked(query, found.nearest, label, row.to(self._text), found.similarity)

    def _heatmaps(
        self, color: NDArray[np.uint8], asked: Sequence["_Asked"], region: Region | None
    ) -> list[Heatmap]:
        crop = color if region is None else color[inside(region, color).slices]
        return [
            Heatmap(
                values=paste(scaled(heatmap, crop), color, region),
                raw=raw,
                query=each.query,
                affordance=each.affordance,
                method=self.method,
                confidence=concentration(heatmap),
                similarity=each.similarity,
            )
            for each, (raw, heatmap) in zip(asked, self._maps(crop, asked), strict=True)
        ]

    def _maps(
        self, crop: NDArray[np.uint8], asked: Sequence["_Asked"]
    ) -> Iterator[tuple[Map, Map]]:
        rows = torch.tensor([each.row for each in asked]).to(self._device)
        text = torch.stack([each.text for each in asked])
        with torch.inference_mode():
            tokens = self._tokens(self._network.prepare(crop).to(self._device))
            raw = self._network.maps(tokens, text, rows)
            heatmaps = self._network.heatmaps(raw)
        return zip(raw.float().cpu().numpy(), heatmaps.float().cpu().numpy(), strict=True)

    def _tokens(self, image: Tensor) -> Tensor:
        if self.precision == "float32":
            return self._network.tokens(image)
        with torch.autocast(image.device.type, torch.bfloat16):
            return self._network.tokens(image).float()


def load_grounder(
    method: str = DEFAULT_METHOD,
    checkpoint: Path | str | None = None,
    device: str = "cpu",
    precision: str = "float32",
) -> Grounder:
    """A grounder of ``method`` from ``checkpoint``, by default the one in the package.

    ``precision`` is that of the encoder: ``float32`` or ``bfloat16``.

    Raises CheckpointError where the checkpoint is missing, corrupt, of another method, or was
    trained on other backbone weights than those that are installed.
    """
    method_package(method)
    check_device(device)
    path = demo_checkpoint(method) if checkpoint is None else Path(checkpoint)
    stored = load_checkpoint(path)
    if stored.info.method != method:
        raise CheckpointError(
            f"checkpoint {path} belongs to method {stored.info.method}, not to {method}"
        )
    network = restore_network(stored, f"checkpoint {path}")
    return Grounder(network, stored, path, device, precision)
