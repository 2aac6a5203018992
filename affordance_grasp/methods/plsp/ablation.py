"""The ablation of PLSP's paper; it has no row for stitching alone."""

from collections.abc import Mapping
from typing import Any

from affordance_grasp.methods.ablation import Row

NO_ALIGNMENT: Mapping[str, Any] = {"align_weight": 0.0, "exo_weight": 0.0}
NO_REASONING: Mapping[str, Any] = {"reasoning": "none"}
NO_STITCHING: Mapping[str, Any] = {"stitched": 0.0}

ROWS = {
    "baseline": Row(
        "pseudo labels only",
        {**NO_ALIGNMENT, **NO_REASONING},
        NO_STITCHING,
        published=(0.938, 0.503, 1.477),
    ),
    "alignment": Row(
        "and exocentric alignment", NO_REASONING, NO_STITCHING, published=(0.924, 0.507, 1.486)
    ),
    "unmasked": Row(
        "and alignment with all of the exocentric image (published on Unseen: "
        "1.259 / 0.422 / 1.312, masked 1.176 / 0.437 / 1.407)",
        NO_REASONING,
        {**NO_STITCHING, "exo_mask": False},
    ),
    "reasoning": Row(
        "instead, reasoning about noun and part",
        NO_ALIGNMENT,
        NO_STITCHING,
        published=(0.943, 0.508, 1.464),
    ),
    "stitching": Row("instead, stitched views", {**NO_ALIGNMENT, **NO_REASONING}),
    "full": Row(
        "all three (published: with refined labels as well)", published=(0.890, 0.510, 1.547)
    ),
}
