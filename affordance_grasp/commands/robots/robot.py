"""``affordance-grasp robot check``: what a robot's files describe, and what is missing."""

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from affordance_grasp.configuration.flags import WHOLE
from affordance_grasp.errors import InvalidInput

if TYPE_CHECKING:
    from affordance_grasp.control.robot_check import RobotReport


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare ``check FILE``."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    check = actions.add_parser("check", help="chain, limits, shapes, inverse, home and reach")
    check.description = (
        "Says what a robot's settings file and all that it names describe, or a URDF alone, tries "
        "the inverse kinematics, and lists what is missing. Ends with code 2 if anything is."
    )
    check.add_argument("file", metavar="FILE", help="a robot's YAML, or a URDF")
    check.add_argument("--base", default="", help="first link of the chain in a URDF (its root)")
    check.add_argument("--tip", default="", help="last link (tool0, or of the longest chain)")
    check.add_argument("--poses", type=WHOLE, default=1000, help="to try the inverse with (1000)")
    check.add_argument("--out", type=Path, metavar="FILE", help="picture of the reach, a PNG")
    check.add_argument("--json", action="store_true", help="print JSON")


def run(arguments: argparse.Namespace) -> int:
    """Check, draw, and report."""
    from affordance_grasp.control.robot_check import check_robot, reach_map
    from affordance_grasp.report.figures import write_png
    from affordance_grasp.report.reach_map import draw_reach_map

    report = check_robot(arguments.file, arguments.base, arguments.tip, arguments.poses)
    if report.robot:
        reach = reach_map(report.robot)
        reached, of = reach.reached
        report.facts.append(("reach", f"{reached} of {of} grasps from above can be planned"))
        if arguments.out:
            write_png(arguments.out, draw_reach_map(reach, Path(arguments.file).stem))
            report.facts.append(("picture", str(arguments.out)))
    elif arguments.out:
        report.missing.append("no picture of the reach: a robot that can be loaded has one")
    facts = {name.strip(): value for name, value in report.facts}
    plain = {"facts": facts, "missing": report.missing}
    print(json.dumps(plain, indent=2) if arguments.json else _as_text(report))
    return InvalidInput.exit_code if report.missing else 0


def _as_text(report: "RobotReport") -> str:
    width = min(max((len(name) for name, _ in report.facts), default=0), 32)
    lines = [f"{name:<{width}}  {value}" for name, value in report.facts]
    return "\n".join([*lines, *(f"missing: {sentence}" for sentence in report.missing)])
