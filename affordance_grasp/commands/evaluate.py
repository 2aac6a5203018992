"""``affordance-grasp evaluate``: export the maps of a checkpoint, then score them."""

import argparse
import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from affordance_grasp.errors import CheckpointError, InvalidInput
from affordance_grasp.grounding.backbones import load_backbone, load_strictly
from affordance_grasp.grounding.checkpoint import Checkpoint, load_checkpoint
from affordance_grasp.grounding.methods import make_network
from affordance_grasp.grounding.text import load_text_encoder
from affordance_grasp.learning.agd20k import LAYOUTS, Split, load_split
from affordance_grasp.learning.evaluate import (
    Evaluation,
    baselines,
    export_maps,
    predict_maps,
    score_exported,
    write_table,
)
from affordance_grasp.learning.features import Encoding, cache_test_features
from affordance_grasp.learning.metrics import PROTOCOLS
from affordance_grasp.learning.plsp_run import affordance_table
from affordance_grasp.learning.published import PUBLISHED
from affordance_grasp.learning.threads import limit_threads

HELP = "KLD, SIM and NSS of a checkpoint on a test set"
EXPORTED = ("plsp",)
"""Methods whose maps can be exported: those that read the tokens that are cached."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--data", type=Path, required=True, help="root in AGD20K's layout")
    parser.add_argument("--split", default="Seen", choices=tuple(LAYOUTS))
    parser.add_argument("--checkpoint", type=Path, help="export its maps first")
    parser.add_argument("--maps", type=Path, help="folder of the maps (default: beside it)")
    parser.add_argument("--protocol", default="reference", choices=tuple(PROTOCOLS))
    parser.add_argument("--cache", type=Path, help="token cache (default: DATA/features)")
    parser.add_argument("--bf16-tokens", action="store_true", help="bfloat16 backbone, faster")
    parser.add_argument("--published", action="store_true", help="print the published table too")
    parser.add_argument("--threads", type=int, default=2, help="CPU threads")
    parser.add_argument("--json", action="store_true", help="print the summary as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Export where a checkpoint is given, score, write and print the tables."""
    limit_threads(arguments.threads)
    split = load_split(arguments.data, arguments.split)
    maps = _maps_folder(arguments)
    if arguments.checkpoint:
        _export(arguments, split, maps)
    measured = score_exported(maps, split, arguments.protocol)
    trivial = baselines(split.test, arguments.protocol)
    summary = {
        "split": split.name,
        "protocol": arguments.protocol,
        "without_ground_truth": split.without_truth,
        "measured": measured.table,
        "baselines": {name: evaluation.overall for name, evaluation in trivial.items()},
    }
    (maps / f"summary_{arguments.protocol}.json").write_text(json.dumps(summary, indent=1))
    write_table(maps / f"affordances_{arguments.protocol}.csv", measured)
    print(json.dumps(summary) if arguments.json else _report(arguments, measured, trivial))
    return 0


def _maps_folder(arguments: argparse.Namespace) -> Path:
    if arguments.maps:
        return Path(arguments.maps)
    if not arguments.checkpoint:
        raise InvalidInput("give --checkpoint to export maps, or --maps with exported ones")
    checkpoint: Path = arguments.checkpoint
    return checkpoint.parent / f"maps_{checkpoint.stem}_{arguments.split}"


def _export(arguments: argparse.Namespace, split: Split, folder: Path) -> None:
    checkpoint = load_checkpoint(arguments.checkpoint)
    info = checkpoint.info
    if info.method not in EXPORTED:
        raise InvalidInput(
            f"{arguments.checkpoint} is a checkpoint of {info.method}; maps can be exported of "
            f"{', '.join(EXPORTED)} only"
        )
    encoder = load_backbone(info.backbone)
    if encoder.sha256 != info.backbone_sha256:
        raise CheckpointError(
            f"{arguments.checkpoint} was trained on a {info.backbone} with sha256 "
            f"{info.backbone_sha256}, the installed one has {encoder.sha256}"
        )
    cache = arguments.cache or arguments.data / "features"
    encoding = Encoding(bfloat16=arguments.bf16_tokens)
    store = cache_test_features(split, encoder, cache, encoding=encoding, progress=tqdm)
    network = make_network(info.method, info.config)
    load_strictly(network, checkpoint.tensors, f"checkpoint {arguments.checkpoint}")
    maps = predict_maps(network.eval(), store, split.test, _texts(checkpoint, split))
    about = {"checkpoint": str(arguments.checkpoint), "method": info.method, **asdict(encoding)}
    export_maps(folder, split, maps, about)


def _texts(checkpoint: Checkpoint, split: Split) -> dict[str, torch.Tensor]:
    table = dict(zip(checkpoint.info.affordances, checkpoint.text, strict=True))
    missing = tuple(sorted({i.picture.affordance for i in split.test} - set(table)))
    if missing:
        encoder = load_text_encoder(checkpoint.info.text_encoder)
        table.update(zip(missing, affordance_table(encoder, missing), strict=True))
    return table


def _report(
    arguments: argparse.Namespace, measured: Evaluation, trivial: Mapping[str, Evaluation]
) -> str:
    lines = [f"{arguments.split}, protocol {measured.protocol} (KLD lower, SIM and NSS higher)"]
    lines += [_line("", ("KLD", "SIM", "NSS", "maps"))]
    lines += [_row(name, row) for name, row in measured.table.items()]
    lines += [_row(f"baseline: {name}", e.overall) for name, e in trivial.items()]
    undefined = measured.overall["undefined"]
    if undefined:
        lines.append(f"{undefined} maps have an undefined metric and are not in the means")
    if arguments.published:
        lines.append(f"published on AGD20K {arguments.split} (real pictures, other test items):")
        published = PUBLISHED.get(arguments.split, {})
        lines += [_line(name, [f"{x:.3f}" for x in row]) for name, row in published.items()]
    return "\n".join(lines)


def _row(name: str, row: Mapping[str, float]) -> str:
    return _line(name, [*(f"{row[k]:.3f}" for k in ("kld", "sim", "nss")), str(row["maps"])])


def _line(name: str, cells: Any) -> str:
    return f"{name:<28}" + "".join(f"{cell:>8}" for cell in cells)
