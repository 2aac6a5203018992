"""The papers' ablations: what every row takes away, its configuration, its mean over seeds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import mean, stdev
from typing import Any

from affordance_grasp.errors import InvalidInput, UnknownName
from affordance_grasp.learning.training.train_config import TrainConfig

METRICS = ("kld", "sim", "nss")
Figures = Mapping[str, float]


@dataclass(frozen=True)
class Row:
    """One row: how it differs from the full method.

    ``network``: fields of the method's configuration; ``sampling``: of its samples.
    ``trained_as``: the row whose networks answer here with ``network`` changed; None: it is
    trained itself. ``published``: KLD, SIM and NSS on AGD20K Seen, where the paper has this row.
    """

    description: str
    network: Mapping[str, Any] = field(default_factory=dict)
    sampling: Mapping[str, Any] = field(default_factory=dict)
    trained_as: str | None = None
    published: tuple[float, float, float] | None = None


def _looptrans(shared_cam: bool, pixel: bool, denoise: bool) -> Mapping[str, Any]:
    return {"shared_cam": shared_cam, "pixel": pixel, **({} if denoise else {"noise": 0})}


def _selectivecl(prototypes: str, pixel_contrast: bool, output: str = "raw") -> Mapping[str, Any]:
    return {"prototypes": prototypes, "pixel_contrast": pixel_contrast, "output": output}


NO_ALIGNMENT: Mapping[str, Any] = {"align_weight": 0.0, "exo_weight": 0.0}
NO_REASONING: Mapping[str, Any] = {"reasoning": "none"}
NO_STITCHING: Mapping[str, Any] = {"stitched": 0.0}

ROWS: Mapping[str, Mapping[str, Row]] = {
    "looptrans": {
        "none": Row(
            "a block for each view, no pixel decoder, no noise heads",
            _looptrans(False, False, False),
            published=(1.318, 0.384, 1.135),
        ),
        "S": Row("shared CAM", _looptrans(True, False, False), published=(1.259, 0.409, 1.179)),
        "D": Row(
            "denoising distillation",
            _looptrans(False, False, True),
            published=(1.251, 0.392, 1.196),
        ),
        "S+P": Row(
            "shared CAM and pixel decoder",
            _looptrans(True, True, False),
            published=(1.149, 0.425, 1.266),
        ),
        "S+D": Row(
            "shared CAM and denoising",
            _looptrans(True, False, True),
            published=(1.222, 0.405, 1.183),
        ),
        "all": Row("the full method", published=(1.088, 0.443, 1.322)),
    },
    "selectivecl": {
        "CE": Row(
            "classification only; the CAM answers",
            _selectivecl("none", False),
            published=(1.349, 0.365, 1.138),
        ),
        "object": Row(
            "and prototypes of objects",
            _selectivecl("object", False),
            published=(1.271, 0.392, 1.153),
        ),
        "part": Row(
            "and prototypes of parts", _selectivecl("part", False), published=(1.164, 0.416, 1.290)
        ),
        "pixel": Row(
            "and pixel contrast", _selectivecl("part", True), published=(1.142, 0.415, 1.303)
        ),
        "calibration": Row(
            "the same networks, the CAM calibrated by the affinity: the full method",
            _selectivecl("part", True, "calibrated"),
            trained_as="pixel",
            published=(1.124, 0.433, 1.280),
        ),
    },
    "plsp": {
        "baseline": Row(
            "pseudo labels only",
            {**NO_ALIGNMENT, **NO_REASONING},
            NO_STITCHING,
            published=(0.938, 0.503, 1.477),
        ),
        "alignment": Row(
            "and exocentric alignment", NO_REASONING, NO_STITCHING, published=(0.924, 0.507, 1.486)
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
    },
}
"""Method -> row -> what it is. PLSP's paper has no row for stitching alone."""


def choose_rows(method: str, names: Sequence[str] | None = None) -> dict[str, Row]:
    """The rows ``names`` of a method, in its table's order; all of them without names."""
    rows = ROWS[method]
    for name in names or ():
        if name not in rows:
            raise UnknownName(f"row of {method}'s ablation", name, tuple(rows))
    return {name: row for name, row in rows.items() if names is None or name in names}


def trained_rows(method: str, rows: Mapping[str, Row]) -> dict[str, Row]:
    """The rows that must be trained so that ``rows`` can answer."""
    needed = {row.trained_as or name for name, row in rows.items()}
    return {name: row for name, row in ROWS[method].items() if name in needed}


def row_config(base: TrainConfig, row: Row) -> TrainConfig:
    """The training of one row: the full method's with what the row changes."""
    return replace(
        base,
        network={**base.network, **row.network},
        sampling=replace(base.sampling, **row.sampling),
    )


def reduced(base: TrainConfig, image_side: int) -> TrainConfig:
    """The same training on smaller pictures: views and network at ``image_side`` [pixels]."""
    views = base.views
    lengths = {n: getattr(views, n) for n in ("squash", "resized") if hasattr(views, n)}
    scaled = {name: round(length * image_side / views.side) for name, length in lengths.items()}
    return replace(
        base,
        views=replace(views, side=image_side, **scaled),
        network={**base.network, "image_side": image_side},
    )


@dataclass(frozen=True)
class Spread:
    """Mean and sample standard deviation of each metric over the runs of a row.

    ``std`` is None where there is one run only.
    """

    mean: Figures
    std: Figures | None

    @staticmethod
    def of(runs: Sequence[Figures]) -> "Spread":
        """The spread of the figures of one row's runs."""
        if not runs:
            raise InvalidInput("a row of an ablation has no runs; train it for at least one seed")
        columns = {metric: [run[metric] for run in runs] for metric in METRICS}
        std = {m: stdev(values) for m, values in columns.items()} if len(runs) > 1 else None
        return Spread({m: mean(values) for m, values in columns.items()}, std)


def markdown(
    rows: Mapping[str, Row], spreads: Mapping[str, Spread], baselines: Mapping[str, Figures]
) -> str:
    """The table, one line a row, baselines first."""
    lines = [
        "| row | | KLD | SIM | NSS | published on AGD20K Seen |",
        "|---|---|---|---|---|---|",
    ]
    for name, figures in baselines.items():
        cells = [f"{figures[metric]:.3f}" for metric in METRICS]
        lines.append(_line(f"({name})", "looks at no verb", *cells, ""))
    for name, row in rows.items():
        cells = [_cell(spreads[name], metric) for metric in METRICS]
        published = " / ".join(f"{x:.3f}" for x in row.published or ())
        lines.append(_line(name, row.description, *cells, published))
    return "\n".join(lines)


def _cell(spread: Spread, metric: str) -> str:
    around = "" if spread.std is None else f" ± {spread.std[metric]:.3f}"
    return f"{spread.mean[metric]:.3f}{around}"


def _line(*cells: str) -> str:
    return "| " + " | ".join(cells) + " |"
