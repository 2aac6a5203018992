"""``affordance-grasp ablation``: every row of a paper's ablation, over seeds, as one table."""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from affordance_grasp.configuration.flags import COUNT
from affordance_grasp.datasets.agd20k import load_split
from affordance_grasp.encoders.device import limit_threads
from affordance_grasp.files import write_file
from affordance_grasp.learning.ablations.processes import Command, run_commands
from affordance_grasp.learning.flags import add_learning_flags
from affordance_grasp.methods.ablation import Row
from affordance_grasp.methods.table import methods_with
from affordance_grasp.share import share_path

if TYPE_CHECKING:
    from affordance_grasp.learning.ablations.ablation_runs import AblationSettings, Run
    from affordance_grasp.learning.training.train_config import TrainConfig


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_learning_flags(parser, threads=1)
    parser.add_argument("--method", required=True, choices=methods_with("ablation"))
    parser.add_argument("--out", type=Path, metavar="FOLDER", required=True, help="of all runs")
    parser.add_argument("--rows", nargs="+", metavar="ROW", help="some rows (default: all)")
    parser.add_argument("--seeds", type=COUNT, default=3, help="runs of every row (3)")
    parser.add_argument("--config", type=Path, help="YAML (default: config/train_METHOD_...)")
    parser.add_argument("--epochs", type=int, help="instead of the configuration's")
    parser.add_argument("--image-side", type=int, help="smaller images, such as 112 pixels")
    parser.add_argument("--jobs", type=COUNT, default=1, help="runs at the same time (1)")
    parser.add_argument("--boxes", type=Path, help="detector boxes (default: in the data)")


def run(arguments: argparse.Namespace) -> int:
    """Train and score the runs that remain, then write and print the table."""
    from affordance_grasp.learning.ablations.ablation import (
        Spread,
        choose_rows,
        markdown,
        trained_rows,
    )
    from affordance_grasp.learning.training.run_folder import surroundings

    limit_threads(arguments.threads)
    load_split(arguments.data, arguments.split)  # reports at once what is missing
    rows = choose_rows(arguments.method, arguments.rows)
    settings = _settings(arguments)
    _train(settings, trained_rows(arguments.method, rows), arguments.seeds, arguments.jobs)
    runs = _runs(settings, rows, arguments.seeds)
    _evaluate(runs, arguments.jobs)
    figures = {name: [r.figures() for r in runs if r.name == name] for name in rows}
    spreads = {name: Spread.of(measured) for name, measured in figures.items()}
    trivial = _baselines(arguments, settings.base)
    table = markdown(rows, spreads, trivial)
    summary = {
        **_about(arguments, settings.base),
        "rows": {
            name: {**_plain(row), "runs": figures[name], **asdict(spreads[name])}
            for name, row in rows.items()
        },
        "baselines": trivial,
        **surroundings(),
    }
    write_file(arguments.out / "ablation.json", json.dumps(summary, indent=1) + "\n")
    write_file(arguments.out / "ablation.md", f"{_heading(summary)}\n\n{table}\n")
    print(json.dumps(summary) if arguments.json else f"{_heading(summary)}\n\n{table}")
    return 0


def _settings(arguments: argparse.Namespace) -> "AblationSettings":
    from affordance_grasp.learning.ablations.ablation import reduced
    from affordance_grasp.learning.ablations.ablation_runs import AblationSettings
    from affordance_grasp.learning.training.train_config import load_config

    path = arguments.config or share_path(f"config/train_{arguments.method}_simulated.yaml")
    base = load_config(path, arguments.method)
    if arguments.epochs is not None:
        base = replace(base, epochs=arguments.epochs)
    if arguments.image_side is not None:
        base = reduced(base, arguments.image_side)
    common = ["--threads", str(arguments.threads), "--device", arguments.device]
    if arguments.cache:
        common += ["--cache", str(arguments.cache)]
    if arguments.bf16_tokens:
        common.append("--bf16-tokens")
    boxes = ["--boxes", str(arguments.boxes)] if arguments.boxes else []
    return AblationSettings(
        base=base,
        data=arguments.data,
        split=arguments.split,
        out=arguments.out,
        protocol=arguments.protocol,
        options=(*common, *boxes),
        scoring=tuple(common),
    )


def _runs(settings: "AblationSettings", rows: Mapping[str, Row], seeds: int) -> "list[Run]":
    """All runs, seed by seed, so that every row has its first figures early."""
    from affordance_grasp.learning.ablations.ablation_runs import Run

    return [Run(settings, name, row, seed) for seed in range(seeds) for name, row in rows.items()]


def _train(settings: "AblationSettings", rows: Mapping[str, Row], seeds: int, jobs: int) -> None:
    due = [one.training() for one in _runs(settings, rows, seeds) if not one.trained]
    if (
        due and jobs > 1
    ):  # one run alone fills the feature cache, which is not shared while it grows
        first = replace(due[0], words=(*due[0].words, "--minutes", "0"))
        _run("first epoch", [first], 1)
    _run("training", due, jobs)


def _evaluate(runs: "Sequence[Run]", jobs: int) -> None:
    for one in runs:
        one.derive()
    _run("scoring", [one.evaluation() for one in runs if not one.scored], jobs)


def _run(title: str, commands: Sequence[Command], jobs: int) -> None:
    from tqdm import tqdm

    if not commands:
        return
    with tqdm(total=len(commands), desc=title, unit="run", file=sys.stderr) as progress:
        run_commands(commands, jobs, lambda _: progress.update())


def _baselines(
    arguments: argparse.Namespace, base: "TrainConfig"
) -> dict[str, Mapping[str, float]]:
    from tqdm import tqdm

    from affordance_grasp.learning.evaluation.evaluate import baselines
    from affordance_grasp.learning.evaluation.saliency import cached_saliency

    split = load_split(arguments.data, arguments.split)
    saliency = cached_saliency(
        split,
        base.views,
        base.network_config.backbone,
        arguments.cache or arguments.data / "features",
        bfloat16=arguments.bf16_tokens,
        progress=tqdm,
    )
    scored = baselines(split.test, arguments.protocol, saliency)
    return {name: evaluation.overall for name, evaluation in scored.items()}


def _about(arguments: argparse.Namespace, base: "TrainConfig") -> dict[str, Any]:
    return {
        "method": arguments.method,
        "split": arguments.split,
        "data": str(arguments.data),
        "protocol": arguments.protocol,
        "seeds": arguments.seeds,
        "epochs": base.epochs,
        "image_side": base.views.side,
        "backbone": base.network_config.backbone,
        "bfloat16_tokens": arguments.bf16_tokens,
    }


def _plain(row: Row) -> dict[str, Any]:
    return {
        "description": row.description,
        "network": dict(row.network),
        "sampling": dict(row.sampling),
        "trained_as": row.trained_as,
        "published_seen": row.published,
    }


def _heading(summary: Mapping[str, Any]) -> str:
    return (
        f"{summary['method']} on {summary['split']}, protocol {summary['protocol']}: mean ± "
        f"standard deviation over {summary['seeds']} seeds of the last of {summary['epochs']} "
        f"epochs, images of {summary['image_side']} pixels. KLD: lower is better; SIM, NSS: "
        f"higher is better."
    )
