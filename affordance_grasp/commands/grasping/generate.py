"""``affordance-grasp generate``: a point cloud -> grasp candidates, with no query."""

import argparse
import json
from pathlib import Path

from affordance_grasp.candidates.generators import make_generator
from affordance_grasp.configuration.flags import add_flags, read_flags
from affordance_grasp.datatypes import CameraIntrinsics
from affordance_grasp.errors import InvalidInput
from affordance_grasp.files import write_file
from affordance_grasp.planning import PlanningOptions
from affordance_grasp.scene.cloud_files import read_cloud
from affordance_grasp.scene.point_cloud import cloud_frame, virtual_pinhole

UNUSED = ("method", "checkpoint", "device", "precision", "rule", "min_confidence", "top")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "cloud", type=Path, help=".ply or .pcd in metres, in the camera's optical frame"
    )
    parser.add_argument(
        "--pinhole",
        type=float,
        nargs=6,
        metavar=("FX", "FY", "CX", "CY", "WIDTH", "HEIGHT"),
        help="the camera that saw the cloud, in pixels (default: a virtual one, as fine as the "
        "cloud is dense, at most 1000 pixels of focal length)",
    )
    add_flags(parser, PlanningOptions, leave_out=UNUSED)
    parser.add_argument(
        "--out", type=Path, metavar="FILE", help="for the grasps, which are printed otherwise"
    )


def run(arguments: argparse.Namespace) -> int:
    """Generate, and write or print the candidates, best first."""
    from affordance_grasp.candidates.external.exchange import grasps_content
    from affordance_grasp.control.robot import load_robot

    options = read_flags(PlanningOptions, arguments)
    gripper = load_robot(options.robot_file).gripper
    generator = make_generator(options.generator, gripper, options.generator_options)
    cloud = read_cloud(arguments.cloud)
    camera = _pinhole(arguments.pinhole) if arguments.pinhole else virtual_pinhole(cloud)
    candidates = generator.generate(cloud_frame(cloud, camera), seed=options.seed)
    content = json.dumps(grasps_content(candidates), indent=1) + "\n"
    if arguments.out is None:
        print(content, end="")
        return 0
    write_file(arguments.out, content)
    for reason, count in candidates.left_out.items():
        print(f"left out, {reason}: {count}")
    print(
        f"{len(candidates)} grasps out of {candidates.examined} hand poses, seen as "
        f"{camera.width}x{camera.height} pixels at a focal length of {camera.fx:.0f}: "
        f"{arguments.out}"
    )
    return 0


def _pinhole(words: list[float]) -> CameraIntrinsics:
    fx, fy, cx, cy, width, height = words
    if not (width.is_integer() and height.is_integer()):
        raise InvalidInput(
            f"--pinhole has a size of {width:g}x{height:g}; it must be whole pixels"
        )
    return CameraIntrinsics(fx, fy, cx, cy, int(width), int(height))
