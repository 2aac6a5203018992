"""The heatmap that a perfect method would give: the exact mask of the part."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from affordance_grasp.datatypes import Heatmap, Region


@dataclass(frozen=True, eq=False)
class ExactGrounder:
    """1 on the pixels (H, W) of ``mask``, and 0 elsewhere, whatever is asked."""

    mask: NDArray[np.bool_]

    def ground(
        self, color: NDArray[np.uint8], query: str, region: Region | None = None
    ) -> Heatmap:
        """The mask, outside the region too."""
        values = self.mask.astype(np.float32)
        return Heatmap(values, values, query, query, "exact", 1.0)
