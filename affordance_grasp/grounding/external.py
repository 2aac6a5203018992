"""Any affordance model as grounder: a program that answers to folders, or a ZMQ server.

The program finds ``color.png`` and ``request.json`` (``query``: as it was asked; ``region``:
left, top, right, bottom [pixel] of what matters; ``width``, ``height``) in a folder and leaves
``heatmap.npy`` there. The server is sent ``{"action": "ground", "image": (H, W, 3) uint8 rgb,
"query": ..., "region": [...]}`` and answers ``{"heatmap": (H, W)}`` or ``{"error": "..."}``.

A heatmap has the image's size and values within 0..1. One that is the same everywhere in the
region says nothing and is refused.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from affordance_grasp.array_files import parse_array
from affordance_grasp.datatypes import Heatmap, Region, check_color
from affordance_grasp.errors import ExternalFault, InvalidInput, shown
from affordance_grasp.external.folder_program import FolderProgram
from affordance_grasp.external.server import Server
from affordance_grasp.grounding.maps import Map, concentration, inside, paste
from affordance_grasp.grounding.settings import ExternalModel
from affordance_grasp.query.request import LONGEST_REQUEST

WHO = "method external"
IMAGE, HEATMAP = "color.png", "heatmap.npy"
SAME = 1e-3
"""Share by which values must differ, and how far they may lie outside 0..1."""


class ExternalGrounder:
    """A model of others; it hears every query as it was asked, in whatever words."""

    method = "external"
    precision = "a precision of its own"

    def __init__(self, model: ExternalModel) -> None:
        """Start the program, so that it can load meanwhile; a server is asked later."""
        if bool(model.model_command) == bool(model.model_address):
            raise InvalidInput(
                f"{WHO} needs either model_command, the program to run, or model_address, the "
                "server to ask"
            )
        self.source = model.model_command or model.model_address
        self._timeout_s = model.model_timeout_s
        self._ask = self._ask_server if model.model_address else self._ask_program
        if model.model_address:
            self._server = Server(model.model_address, WHO)
        else:
            self._program = FolderProgram(
                self.source, WHO, self._timeout_s, persistent=model.model_persistent
            )

    def resolve(self, query: str) -> str:
        """The query itself: there is no list of words."""
        if not query.strip() or len(query) > LONGEST_REQUEST:
            raise InvalidInput(
                f"query {shown(query)} says nothing, or is longer than {LONGEST_REQUEST} letters"
            )
        return query

    def ground(
        self, color: NDArray[np.uint8], query: str, region: Region | None = None
    ) -> Heatmap:
        """The heatmap of a query on an rgb image (H, W, 3) uint8; 0 outside the region.

        Raises:
            ExternalFault: the model fails, takes too long, or its heatmap is not usable.
        """
        check_color(color)
        affordance = self.resolve(query)
        height, width = color.shape[:2]
        within = Region(0, 0, width, height) if region is None else inside(region, color)
        raw = checked_map(self._ask(color, query, within), color, region, WHO)
        return Heatmap(
            values=paste(raw / raw.max(), color, region),
            raw=raw,
            query=query,
            affordance=affordance,
            method=self.method,
            confidence=concentration(raw),
        )

    def _ask_server(self, color: NDArray[np.uint8], query: str, region: Region) -> NDArray[Any]:
        request = {"action": "ground", "image": color, "query": query, "region": _corners(region)}
        answer = self._server.ask(request, self._timeout_s)
        if not isinstance(answer.get("heatmap"), np.ndarray):
            raise ExternalFault(f"{WHO}: the answer has no array 'heatmap'")
        return answer["heatmap"]

    def _ask_program(self, color: NDArray[np.uint8], query: str, region: Region) -> NDArray[Any]:
        request = {"query": query, "region": _corners(region)}
        encoded = self._program.ask_of_image(color, IMAGE, request, HEATMAP)
        try:
            return parse_array(encoded, f"{WHO}: {HEATMAP}")
        except InvalidInput as error:
            raise ExternalFault(str(error)) from error


def checked_map(
    values: NDArray[Any], color: NDArray[np.uint8], region: Region | None, name: str
) -> Map:
    """The region's part, or all, of a heatmap that others made for a colour image.

    Raises:
        ExternalFault: it is no map of the image's size, of numbers within 0..1, that says where.
    """
    height, width = color.shape[:2]
    if values.shape != (height, width) or values.dtype.kind not in "fiu":
        raise ExternalFault(
            f"{name}: the heatmap is {values.shape} of {values.dtype}; expected numbers, "
            f"({height}, {width}) as the image"
        )
    if not np.isfinite(values).all():
        raise ExternalFault(f"{name}: the heatmap holds NaN or infinity")
    low, high = float(values.min()), float(values.max())
    if low < -SAME or high > 1 + SAME:
        raise ExternalFault(
            f"{name}: the heatmap's values reach from {low:.4g} to {high:.4g}; expected 0..1, as "
            "of a sigmoid"
        )
    whole = slice(None), slice(None)
    part = np.clip(values[whole if region is None else region.slices], 0, 1).astype(np.float32)
    if np.ptp(part) <= SAME * part.max():
        raise ExternalFault(
            f"{name}: the heatmap says nothing: it is {part.max():.3g} everywhere in the region "
            "of interest"
        )
    return part


def _corners(region: Region) -> list[int]:
    return [region.left, region.top, region.right, region.bottom]
