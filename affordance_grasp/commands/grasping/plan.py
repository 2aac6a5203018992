"""``affordance-grasp plan``: one RGB-D frame and a query -> ranked grasps."""

import argparse
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from affordance_grasp.configuration.flags import add_flags, read_flags
from affordance_grasp.configuration.settings import Positive, about
from affordance_grasp.errors import InvalidInput, sentence
from affordance_grasp.extras import require
from affordance_grasp.planning import PlanningOptions
from affordance_grasp.rules import RULES

if TYPE_CHECKING:
    from affordance_grasp.pipeline import GraspPlan

SHOW_WINDOW = Path("window")


@dataclass(frozen=True, kw_only=True)
class PlanOptions(PlanningOptions, title="plan"):
    """One frame, and how it is planned."""

    color: Annotated[Path, about("colour image")]
    depth: Annotated[
        Path,
        about("depth image aligned to it: 16-bit PNG, or 32-bit float TIFF; 0 = no reading"),
    ]
    depth_scale: Annotated[Positive, about("metres per unit of the depth image")] = 0.001
    intrinsics: Annotated[
        tuple[float, float, float, float],
        about("of the colour image [pixel]", words="FX FY CX CY"),
    ]
    query: Annotated[str, about("what to do: hold, grab, cut ...")]
    joints: Annotated[
        tuple[float, ...],
        about("the arm's joint positions at the image [rad]; then its reach counts"),
    ] = ()
    out: Annotated[Path | None, about("folder for report.json and figures")] = None
    save_cloud: Annotated[
        Path | None, about("the frame's coloured cloud with its heatmap values, .ply or .pcd")
    ] = None
    html: Annotated[
        Path | None, about("the plan in 3-D as one page for a browser, .html (extra page)")
    ] = None

    def check(self) -> None:
        """Refuse another kind of page."""
        if self.html is not None and self.html.suffix.lower() not in (".html", ".htm"):
            raise InvalidInput(f"--html is {self.html}; expected .html")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_flags(parser, PlanOptions)
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
    """Plan, write the requested files, and report."""
    from affordance_grasp.pipeline import load_planner
    from affordance_grasp.report.cloud_view import check_view, show
    from affordance_grasp.report.plan_report import plan_summary, write_report
    from affordance_grasp.scene.cloud_files import check_suffix, write_cloud
    from affordance_grasp.scene.point_cloud import frame_cloud
    from affordance_grasp.streams.frame_files import read_frame
    from affordance_grasp.view.planned import arm_pose, plan_seen

    options = read_flags(PlanOptions, arguments)
    image = None if arguments.show == SHOW_WINDOW else arguments.show
    if arguments.show:
        check_view(image)
    if options.save_cloud:
        check_suffix(options.save_cloud)
        require("open3d", "--save-cloud")
    if options.html:
        require("viser", "--html")
    frame = read_frame(options.color, options.depth, options.intrinsics, options.depth_scale)
    planner = load_planner(options, options.query)
    pose = arm_pose(planner.robot, options.joints) if options.joints else None
    planned = plan_seen(planner, frame, options.query, pose)
    plan = planned.plan
    summary = plan_summary(plan, options.top)
    if options.out:
        write_report(options.out, plan, top=options.top)
    if options.save_cloud:
        heatmap = plan.heatmap.values[frame.depth_m > 0]
        write_cloud(options.save_cloud, frame_cloud(frame), heatmap=heatmap)
    if options.html:
        from affordance_grasp.view.html_file import write_html

        write_html(options.html, planned)
    print(json.dumps(summary, indent=2) if arguments.json else _account(plan, summary, options))
    if arguments.show:
        show(plan, image)
    return 1 if plan.refusal else 0


def _account(plan: "GraspPlan", summary: dict[str, Any], options: PlanOptions) -> str:
    lines = [
        f"{sentence(summary['query'])} -> {summary['affordance']}, {summary['object']} "
        f"({summary['method']}); "
        f"{summary['candidates']} candidates out of {summary['examined']} hand poses, "
        f"{summary['ranked']} ranked, {summary['timings_ms']['total']:.0f} ms"
    ]
    for place, grasp in enumerate(summary["grasps"], start=1):
        x, y, z = grasp["position"]
        u, v = grasp["contact_uv"]
        lines.append(
            f"{place:3d}. heat {grasp['heat']:.2f}  quality {grasp['quality']:.2f}  "
            f"width {grasp['width_m'] * 1e3:4.1f} mm  at {x:+.3f} {y:+.3f} {z:+.3f} m "
            f"(camera)  contact at pixel {u:.0f},{v:.0f}"
        )
    for reason, count in summary["left_out"].items():
        lines.append(f"left out, {reason}: {count}")
    for reason, count in summary["rejected"].items():
        lines.append(f"rejected, {reason}: {count}")
    if plan.refusal:
        lines.append(plan.refusal)
    confidence, least = plan.heatmap.confidence, options.min_confidence
    if RULES[plan.rule].needs_heat and confidence < least:
        lines.append(f"low confidence: {confidence:.2f} is below {least:g}; no arm would move")
    lines += [f"written to {path}" for path in (options.out, options.html) if path]
    return "\n".join(lines)
