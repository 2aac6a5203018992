"""``affordance-grasp plan``: one RGB-D frame and a query -> ranked grasps."""

import argparse
import json
from pathlib import Path
from typing import Any

from affordance_grasp.candidates.external.settings import ExternalSettings
from affordance_grasp.candidates.generators import GENERATORS, make_generator
from affordance_grasp.configuration.read import from_words
from affordance_grasp.errors import InvalidInput, UnknownName
from affordance_grasp.pipeline import GraspPlan, GrounderProtocol, plan_grasps
from affordance_grasp.report.cloud_view import check_view, show
from affordance_grasp.report.plan_report import plan_summary, write_report
from affordance_grasp.scene.cloud_files import check_suffix, write_cloud
from affordance_grasp.scene.point_cloud import frame_cloud
from affordance_grasp.selection import RULES
from affordance_grasp.streams.frame_files import read_frame

SHOW_WINDOW = Path("window")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--color", type=Path, required=True, help="colour image")
    parser.add_argument(
        "--depth",
        type=Path,
        required=True,
        help="depth image aligned to it: 16-bit PNG, or 32-bit float TIFF; 0 = no reading",
    )
    parser.add_argument(
        "--depth-scale",
        type=float,
        default=0.001,
        metavar="S",
        help="metres per unit of the depth image (default: 0.001, millimetres)",
    )
    parser.add_argument(
        "--intrinsics",
        type=float,
        nargs=4,
        required=True,
        metavar=("FX", "FY", "CX", "CY"),
        help="pinhole intrinsics of the colour image in pixels",
    )
    parser.add_argument("--query", required=True, help="what to do: hold, grab, cut ...")
    parser.add_argument("--method", default="plsp", help="grounding method (default: plsp)")
    parser.add_argument("--checkpoint", type=Path, help="default: the one in the package")
    parser.add_argument("--device", default="cpu", help="torch device (default: cpu)")
    parser.add_argument(
        "--rule", default="bands", help=f"one of {', '.join(RULES)} (default: bands)"
    )
    parser.add_argument(
        "--generator",
        default="antipodal",
        help=f"one of {', '.join(GENERATORS)} (default: antipodal)",
    )
    parser.add_argument(
        "--generator-option",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="of an external generator: address, command, convention, hand, tip_offset_m, "
        "timeout_s, max_grasps; may be repeated",
    )
    parser.add_argument("--top", type=int, default=10, help="grasps to report (default: 10)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the plane fit (default: 0)")
    parser.add_argument("--out", type=Path, help="write report.json and pictures to this folder")
    parser.add_argument(
        "--save-cloud",
        type=Path,
        metavar="FILE",
        help="write the frame's coloured cloud with its heatmap values, as .ply or .pcd",
    )
    parser.add_argument(
        "--show",
        nargs="?",
        const=SHOW_WINDOW,
        type=Path,
        metavar="IMAGE",
        help="show cloud, heatmap, grasps, table and camera in 3-D, or write that view as .png",
    )
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(arguments: argparse.Namespace) -> int:
    """Plan, write what was asked for, and report."""
    if arguments.rule not in RULES:
        raise UnknownName("selection rule", arguments.rule, tuple(RULES))
    if arguments.top < 1:
        raise InvalidInput(f"--top is {arguments.top}; it must be at least 1")
    if arguments.seed < 0:
        raise InvalidInput(f"--seed is {arguments.seed}; it must be >= 0")
    needs_heat = RULES[arguments.rule].needs_heat
    if not needs_heat:
        _check_query(arguments.query)
    image = None if arguments.show == SHOW_WINDOW else arguments.show
    if arguments.show:
        check_view(image)
    if arguments.save_cloud:
        check_suffix(arguments.save_cloud)
    external = from_words(ExternalSettings, arguments.generator_option, "generator option")
    generator = make_generator(arguments.generator, external=external)
    frame = read_frame(
        arguments.color, arguments.depth, arguments.intrinsics, arguments.depth_scale
    )
    grounder = _grounder(arguments) if needs_heat else None
    plan = plan_grasps(
        frame, arguments.query, grounder, generator, rule=arguments.rule, seed=arguments.seed
    )
    summary = plan_summary(plan, arguments.top)
    if arguments.out:
        write_report(arguments.out, plan, top=arguments.top)
    if arguments.save_cloud:
        read = frame.depth_m > 0
        write_cloud(arguments.save_cloud, frame_cloud(frame), heatmap=plan.heatmap.values[read])
    print(json.dumps(summary, indent=2) if arguments.json else _account(plan, summary, arguments))
    if arguments.show:
        show(plan, image)
    return 0


def _check_query(query: str) -> None:
    """Refuse what no grounder would understand, though none is asked."""
    from affordance_grasp.vocabulary import AFFORDANCES, resolve_query

    resolve_query(query, AFFORDANCES)


def _grounder(arguments: argparse.Namespace) -> GrounderProtocol:
    from affordance_grasp.grounding.grounder import load_grounder

    return load_grounder(arguments.method, arguments.checkpoint, arguments.device)


def _account(plan: GraspPlan, summary: dict[str, Any], arguments: argparse.Namespace) -> str:
    lines = [
        f"{summary['query']} -> {summary['affordance']} ({summary['method']}); "
        f"{summary['candidates']} candidates out of {summary['examined']} hand poses, "
        f"{summary['ranked']} ranked, {summary['timings_ms']['total']:.0f} ms"
    ]
    for place, grasp in enumerate(summary["grasps"], start=1):
        x, y, z = grasp["position"]
        u, v = grasp["contact_uv"]
        lines.append(
            f"{place:3d}. heat {grasp['heat']:.2f}  quality {grasp['quality']:.2f}  "
            f"width {grasp['width_m'] * 1e3:4.1f} mm  at {x:+.3f} {y:+.3f} {z:+.3f} m  "
            f"contact {u:.0f},{v:.0f}"
        )
    for reason, count in summary["rejected"].items():
        lines.append(f"rejected, {reason}: {count}")
    if not plan.selection.ranked:
        lines.append("no grasp is left; every candidate was rejected")
    if arguments.out:
        lines.append(f"written to {arguments.out}")
    return "\n".join(lines)
