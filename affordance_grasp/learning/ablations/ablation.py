"""The papers' ablations: chosen rows, their configurations, means over seeds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import mean, stdev

from affordance_grasp.errors import InvalidInput, UnknownName
from affordance_grasp.learning.training.train_config import TrainConfig
from affordance_grasp.methods.ablation import Row, find_rows

METRICS = ("kld", "sim", "nss")
Figures = Mapping[str, float]


def choose_rows(method: str, names: Sequence[str] | None = None) -> dict[str, Row]:
    """The rows ``names`` of a method, in its table's order; all of them without names."""
    rows = find_rows(method)
    for name in names or ():
        if name not in rows:
            raise UnknownName(f"row of {method}'s ablation", name, tuple(rows))
    return {name: row for name, row in rows.items() if names is None or name in names}


def trained_rows(method: str, rows: Mapping[str, Row]) -> dict[str, Row]:
    """The rows that must be trained to evaluate ``rows``."""
    needed = {row.trained_as or name for name, row in rows.items()}
    return {name: row for name, row in find_rows(method).items() if name in needed}


def row_config(base: TrainConfig, row: Row) -> TrainConfig:
    """The training of one row: the full method's with what the row changes."""
    return replace(
        base,
        network={**base.network, **row.network},
        sampling=replace(base.sampling, **row.sampling),
    )


def reduced(base: TrainConfig, image_side: int) -> TrainConfig:
    """The same training on smaller images: views and network at ``image_side`` [pixels]."""
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
        lines.append(_line(f"({name})", "same for all affordances", *cells, ""))
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
