"""``affordance-grasp evaluate``: export the maps of a checkpoint, then score them."""

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from affordance_grasp.datasets.agd20k import Split, load_test_split
from affordance_grasp.encoders.device import check_device, limit_threads
from affordance_grasp.errors import InvalidInput
from affordance_grasp.files import write_file
from affordance_grasp.learning.flags import add_learning_flags

if TYPE_CHECKING:
    import torch

    from affordance_grasp.learning.evaluation.evaluate import Evaluation
    from affordance_grasp.methods.checkpoint import Checkpoint
    from affordance_grasp.methods.network import GroundingNetwork


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_learning_flags(parser)
    parser.add_argument("--checkpoint", type=Path, help="export its maps first")
    parser.add_argument("--maps", type=Path, help="folder of the maps (default: beside it)")
    parser.add_argument("--saliency", metavar="BACKBONE", help="its saliency is a baseline too")
    parser.add_argument(
        "--hotspots", action="store_true", help="KLD, SIM and AUC-J on 28x28 too, as for video"
    )
    parser.add_argument("--published", action="store_true", help="print the published table too")


def run(arguments: argparse.Namespace) -> int:
    """Export where a checkpoint is given, score, write and print the tables."""
    from affordance_grasp.learning.evaluation.evaluate import (
        baselines,
        score_exported,
        write_table,
    )

    limit_threads(arguments.threads)
    split = load_test_split(arguments.data, arguments.split)
    maps = _maps_folder(arguments)
    if arguments.checkpoint:
        _export(arguments, split, maps)
    measured = score_exported(maps, split, arguments.protocol)
    saliency = _saliency(arguments, split) if arguments.saliency else None
    trivial = baselines(split.test, arguments.protocol, saliency)
    summary: dict[str, Any] = {
        "split": split.name,
        "data": str(split.folder.resolve()),
        "protocol": arguments.protocol,
        "without_ground_truth": split.without_truth,
        "measured": measured.table,
        "baselines": {name: evaluation.overall for name, evaluation in trivial.items()},
    }
    if arguments.published:
        summary["published"] = _published(arguments.split)
    if arguments.hotspots:
        summary["hotspots"] = _hotspots(maps, split)
    write_file(maps / f"summary_{arguments.protocol}.json", json.dumps(summary, indent=1))
    write_table(maps / f"affordances_{arguments.protocol}.csv", measured)
    print(json.dumps(summary) if arguments.json else _report(arguments, measured, trivial))
    if arguments.hotspots and not arguments.json:
        found = summary["hotspots"]
        figures = [found[name] for name in ("kld", "sim", "auc_j")]
        print("as hotspots, 28x28: KLD {:.3f} SIM {:.3f} AUC-J {:.3f}".format(*figures))
    return 0


def _hotspots(maps: Path, split: Split) -> dict[str, float]:
    from affordance_grasp.image_files import read_gray
    from affordance_grasp.learning.evaluation.evaluate import exported_maps
    from affordance_grasp.learning.evaluation.hotspots import hotspot_scores

    truths = (read_gray(item.truth) / 255.0 for item in split.test)
    return hotspot_scores(exported_maps(maps, split), truths)


def _maps_folder(arguments: argparse.Namespace) -> Path:
    if arguments.maps:
        return Path(arguments.maps)
    if not arguments.checkpoint:
        raise InvalidInput("give --checkpoint to export maps, or --maps with exported ones")
    checkpoint: Path = arguments.checkpoint
    return checkpoint.parent / f"maps_{checkpoint.stem}_{arguments.split}"


def _export(arguments: argparse.Namespace, split: Split, folder: Path) -> None:
    """Maps of a frozen backbone's cached features; a fine-tuned one computes its own."""
    from tqdm import tqdm

    from affordance_grasp.datasets.features import FeatureCache
    from affordance_grasp.datasets.images import (
        FreshViews,
        ViewSource,
        frozen_encoder,
        views_for_test,
    )
    from affordance_grasp.learning.evaluation.evaluate import export_maps, predict_maps
    from affordance_grasp.methods.checkpoint import load_checkpoint
    from affordance_grasp.methods.method import restore_network
    from affordance_grasp.methods.recipe import find_recipe

    checkpoint = load_checkpoint(arguments.checkpoint)
    device = check_device(arguments.device)
    network = restore_network(checkpoint, f"checkpoint {arguments.checkpoint}").to(device).eval()
    affordances, text = _known(network, checkpoint, split)
    view = find_recipe(network.name).plan(side=network.config.image_side).plain
    bfloat16 = arguments.bf16_tokens
    encoder = frozen_encoder(network, device)
    viewed = views_for_test(split, view)
    images: ViewSource = (
        FreshViews(viewed, encoder)
        if network.config.train_backbone
        else FeatureCache(_cache(arguments), encoder, bfloat16, tqdm).features(viewed)
    )
    asked = [item.image for item in split.test]
    maps = predict_maps(network, images, asked, affordances, text, device=device)
    about = {"checkpoint": str(arguments.checkpoint), "method": network.name, "bfloat16": bfloat16}
    export_maps(folder, split, maps, about)


def _known(
    network: "GroundingNetwork", checkpoint: "Checkpoint", split: Split
) -> "tuple[tuple[str, ...], torch.Tensor]":
    """The checkpoint's affordances and texts, and other tested ones if it takes text."""
    import torch

    from affordance_grasp.encoders.text import load_text_encoder
    from affordance_grasp.methods.recipe import find_recipe

    info, text = checkpoint.info, checkpoint.text
    missing = tuple(sorted({i.image.affordance for i in split.test} - set(info.affordances)))
    if not missing:
        return info.affordances, text
    recipe = find_recipe(network.name)
    if not recipe.fixed_labels:
        raise InvalidInput(
            f"the checkpoint was trained for {', '.join(info.affordances)}; {split.name} also "
            f"tests {', '.join(missing)}, for which {network.name} has no channel"
        )
    encoder = load_text_encoder(info.text_encoder)
    more = recipe.text_features(network, encoder, missing)
    return (*info.affordances, *missing), torch.cat([text, more])


def _saliency(arguments: argparse.Namespace, split: Split) -> Any:
    from tqdm import tqdm

    from affordance_grasp.datasets.crops import CropPlan
    from affordance_grasp.learning.evaluation.saliency import cached_saliency

    found = cached_saliency(
        split,
        CropPlan(),
        arguments.saliency,
        _cache(arguments),
        bfloat16=arguments.bf16_tokens,
        progress=tqdm,
    )
    if found is None:
        raise InvalidInput(f"backbone {arguments.saliency} has no attention to score")
    return found


def _cache(arguments: argparse.Namespace) -> Path:
    return Path(arguments.cache or arguments.data / "features")


def _report(
    arguments: argparse.Namespace, measured: "Evaluation", trivial: "Mapping[str, Evaluation]"
) -> str:
    lines = [f"{arguments.split}, protocol {measured.protocol} (KLD lower, all others higher)"]
    if "masked_peak" in measured.overall:
        lines += ["peak: share of maps whose hottest point on the object lies in the part"]
        lines += ["AUC: of the part against the rest of the object"]
    lines += [_line("", ("KLD", "SIM", "NSS", "maps", *_part_cells(measured.overall, True)))]
    lines += [_row(name, row) for name, row in measured.table.items()]
    lines += [_row(f"baseline: {name}", e.overall) for name, e in trivial.items()]
    undefined = measured.overall["undefined"]
    if undefined:
        lines.append(f"{undefined} maps have an undefined metric and are not in the means")
    if arguments.published:
        lines.append(f"published on AGD20K {arguments.split} (real images, other test items):")
        lines += [
            _line(name, [f"{x:.3f}" for x in row.values()])
            for name, row in _published(arguments.split).items()
        ]
    return "\n".join(lines)


def _published(split: str) -> dict[str, dict[str, float]]:
    from affordance_grasp.learning.evaluation.published import published

    return {
        n: dict(zip(("kld", "sim", "nss"), row, strict=True))
        for n, row in published(split).items()
    }


def _row(name: str, row: Mapping[str, float]) -> str:
    figures = [f"{row[k]:.3f}" for k in ("kld", "sim", "nss")]
    return _line(name, [*figures, str(row["maps"]), *_part_cells(row)])


def _part_cells(row: Mapping[str, float], heading: bool = False) -> list[str]:
    """The cells of a row, or of the heading, that tell parts apart, where masks are known."""
    names = {"masked_peak": "peak", "auc_in_object": "AUC"}
    return [title if heading else f"{row[n]:.3f}" for n, title in names.items() if n in row]


def _line(name: str, cells: Any) -> str:
    return f"{name:<28}" + "".join(f"{cell:>8}" for cell in cells)
