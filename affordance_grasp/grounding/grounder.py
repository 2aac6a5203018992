"""Image and query -> heatmap: grounding with the checkpoint of a method."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from affordance_grasp.datatypes import Heatmap, Region, check_color
from affordance_grasp.encoders.device import check_device, choose_precision
from affordance_grasp.errors import CheckpointError, InvalidInput
from affordance_grasp.methods.checkpoint import Checkpoint, CheckpointInfo, load_checkpoint
from affordance_grasp.methods.method import restore_network
from affordance_grasp.methods.network import GroundingNetwork
from affordance_grasp.methods.table import DEFAULT_METHOD, demo_checkpoint, method_package
from affordance_grasp.query.resolve import resolve_query

Map = NDArray[np.float32]


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

    @property
    def method(self) -> str:
        """Name of the method."""
        return self.info.method

    @property
    def affordances(self) -> tuple[str, ...]:
        """The affordances that the checkpoint was trained for."""
        return self.info.affordances

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
        affordances = [resolve_query(query, self.affordances) for query in queries]
        crop = color if region is None else color[_inside(region, color).slices]
        return [
            Heatmap(
                values=_paste(_scaled(heatmap, crop), color, region),
                raw=raw,
                query=query,
                affordance=affordance,
                method=self.method,
                confidence=concentration(heatmap),
            )
            for query, affordance, (raw, heatmap) in zip(
                queries, affordances, self._maps(crop, affordances), strict=True
            )
        ]

    def _maps(
        self, crop: NDArray[np.uint8], affordances: Sequence[str]
    ) -> Iterator[tuple[Map, Map]]:
        rows = torch.tensor([self.affordances.index(name) for name in affordances])
        rows = rows.to(self._device)
        with torch.inference_mode():
            tokens = self._tokens(self._network.prepare(crop).to(self._device))
            raw = self._network.maps(tokens, self._text[rows], rows)
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


def concentration(values: Map) -> float:
    """How far a heatmap, not negative, is from uniform: 0 uniform, near 1 on a single pixel.

    It is the total variation distance, that is the share of the mass that would have to move to
    make the map uniform; mass spread evenly over a fraction a of the image gives 1 - a.
    """
    total = values.sum(dtype=np.float64)
    if total == 0:
        return 0.0
    return float(0.5 * np.abs(values / total - 1 / values.size).sum())


def _inside(region: Region, color: NDArray[np.uint8]) -> Region:
    height, width = color.shape[:2]
    if region.right > width or region.bottom > height:
        raise InvalidInput(
            f"region {region.left},{region.top},{region.right},{region.bottom} reaches beyond the "
            f"{width}x{height} image"
        )
    return region


def _scaled(heatmap: Map, crop: NDArray[np.uint8]) -> Map:
    height, width = crop.shape[:2]
    resized = cv2.resize(heatmap, (width, height), interpolation=cv2.INTER_LINEAR)
    peak = resized.max()
    return np.asarray(resized / peak if peak > 0 else np.zeros_like(resized), np.float32)


def _paste(values: Map, color: NDArray[np.uint8], region: Region | None) -> Map:
    if region is None:
        return values
    full = np.zeros(color.shape[:2], np.float32)
    full[region.slices] = values
    return full
