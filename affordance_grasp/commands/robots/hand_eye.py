"""``affordance-grasp hand-eye``: check a calibration from a few views; convert its file."""

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from affordance_grasp.calibration.verdict import CalibrationCheck, Verdict
from affordance_grasp.configuration.flags import add_flags, read_flags
from affordance_grasp.control.camera_mounting import (
    D435_LINK_DEPTH,
    D435_LINK_OPTICAL,
    DEPTH,
    LINK,
    OPTICAL,
    frame_kind,
    load_hand_eye,
    read_hand_eye,
    write_hand_eye,
)
from affordance_grasp.errors import InvalidInput
from affordance_grasp.geometry import Floats, invert, pose_from_quaternion
from affordance_grasp.planning import RobotOptions

if TYPE_CHECKING:
    from affordance_grasp.calibration.board_check import Board

FRAMES = {LINK: "camera_link", OPTICAL: "camera_color_optical_frame"}
FAILED = (Verdict.POOR, Verdict.UNDECIDED)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare ``check FOLDER`` and ``convert FILE``."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    _add_check(actions.add_parser("check", help="measure how good a calibration is"))
    _add_convert(actions.add_parser("convert", help="between camera_link and the optical frame"))


def _add_check(check: argparse.ArgumentParser) -> None:
    check.description = (
        "Measures the error of a calibration from views of the table or of a fixed ChArUco "
        "board. Take 8 or more, tilting the camera by 15 degrees and more in "
        "different directions and from different distances; the node record_views stores them. "
        "Ends with code 1 when the verdict is poor or undecided."
    )
    check.add_argument("folder", type=Path, metavar="FOLDER", help="the views, one folder each")
    add_flags(check, RobotOptions)
    check.add_argument("--hand-eye", type=Path, help="calibration to check (default: the robot's)")
    check.add_argument("--board", metavar="7x5", help="ChArUco board: squares across x down")
    check.add_argument("--square-mm", type=float, default=30.0, help="side of a square (30)")
    check.add_argument("--marker-mm", type=float, default=22.0, help="side of a marker (22)")
    check.add_argument("--dictionary", default="DICT_4X4_50", help="of its markers (DICT_4X4_50)")
    check.add_argument(
        "--out", type=Path, metavar="FILE", help="for the corrected calibration, if decided"
    )
    check.add_argument("--json", action="store_true", help="print JSON")


def _add_convert(convert: argparse.ArgumentParser) -> None:
    convert.add_argument("file", type=Path, metavar="FILE", help="a calibration of easy_handeye2")
    convert.add_argument("--to", required=True, choices=tuple(FRAMES))
    convert.add_argument("--frame", help="name of that frame (default: as realsense2_camera's)")
    convert.add_argument(
        "--link-to-optical",
        type=float,
        nargs=7,
        metavar=("X", "Y", "Z", "QX", "QY", "QZ", "QW"),
        help="pose of the optical frame in camera_link, as `ros2 run tf2_ros tf2_echo camera_link "
        "camera_color_optical_frame` prints it (default: nominal D435)",
    )
    convert.add_argument("--out", type=Path, metavar="FILE", required=True, help="file to write")


def run(arguments: argparse.Namespace) -> int:
    """Check or convert."""
    return _check(arguments) if arguments.action == "check" else _convert(arguments)


def _check(arguments: argparse.Namespace) -> int:
    from affordance_grasp.calibration.board_check import check_on_board
    from affordance_grasp.calibration.table_check import check_on_table
    from affordance_grasp.calibration.views import read_views
    from affordance_grasp.control.robot import load_robot

    robot = load_robot(read_flags(RobotOptions, arguments).robot_file)
    hand_eye = load_hand_eye(arguments.hand_eye) if arguments.hand_eye else robot.hand_eye
    board = _board(arguments) if arguments.board else None
    views = read_views(arguments.folder, robot.arm)
    if board is None:
        check = check_on_table(views, robot, hand_eye.T_tool0_cam)
    else:
        check = check_on_board(views, board, robot, hand_eye.T_tool0_cam)
    decided = check.verdict is not Verdict.UNDECIDED
    if arguments.out and decided:
        write_hand_eye(arguments.out, check.corrected(hand_eye))
    print(json.dumps(check.summary(), indent=2) if arguments.json else _account(check))
    if arguments.out and not arguments.json:
        print(_fate(arguments.out, decided))
    return 1 if check.verdict in FAILED else 0


def _fate(out: Path, decided: bool) -> str:
    if not decided:
        return f"{out} is not written: these views do not constrain the correction"
    return f"corrected calibration written to {out}; check it with new views"


def _board(arguments: argparse.Namespace) -> "Board":
    from affordance_grasp.calibration.board_check import Board

    columns, _, rows = str(arguments.board).partition("x")
    if not (columns.isdecimal() and rows.isdecimal()):
        raise InvalidInput(f"--board is {arguments.board!r}; expected squares such as 7x5")
    square_m, marker_m = arguments.square_mm / 1e3, arguments.marker_mm / 1e3
    return Board(int(columns), int(rows), square_m, marker_m, arguments.dictionary)


def _convert(arguments: argparse.Namespace) -> int:
    hand_eye = read_hand_eye(arguments.file)
    present = frame_kind(hand_eye.camera_frame)
    if present == arguments.to:
        raise InvalidInput(
            f"{arguments.file} is for {hand_eye.camera_frame!r} already; nothing to convert"
        )
    T_link = {
        LINK: np.eye(4),
        DEPTH: D435_LINK_DEPTH,
        OPTICAL: _extrinsics(arguments.link_to_optical),
    }
    if present not in T_link:
        raise InvalidInput(
            f"{arguments.file} is for {hand_eye.camera_frame!r}, whose place in the camera is not "
            "known here; calibrate in the optical frame of the colour camera"
        )
    T_new_old = invert(T_link[arguments.to]) @ T_link[present]
    frame = arguments.frame or FRAMES[arguments.to]
    write_hand_eye(arguments.out, hand_eye.in_camera_frame(frame, T_new_old))
    print(f"{arguments.out}: pose of {frame} in {hand_eye.effector_frame}")
    return 0


def _extrinsics(numbers: list[float] | None) -> Floats:
    if numbers is None:
        return D435_LINK_OPTICAL
    if not abs(np.linalg.norm(numbers[3:]) - 1) <= 1e-3 or not np.isfinite(numbers).all():
        raise InvalidInput("--link-to-optical needs x y z [m] and a unit quaternion x y z w")
    return pose_from_quaternion(numbers[:3], numbers[3:])


def _account(check: CalibrationCheck) -> str:
    c = check.correction
    x, y, z = c.translation_m * 1e3
    dx, dy, dz = c.translation_std_m * 1e3
    a, b, g = np.degrees(c.rotation_rad)
    da, db, dg = np.degrees(c.rotation_std_rad)
    lines = [
        f"{check.views} views of the {check.target}: spread {check.spread_mm:.1f} mm "
        f"and {check.spread_deg:.2f} degrees (rms), corrected {check.spread_after_mm:.1f} mm "
        f"and {check.spread_after_deg:.2f} degrees",
        f"the {check.target} is at z = {check.target_z_m * 1e3:+.1f} mm in the base",
        "error of the camera mounting, in the optical frame:",
        f"  x {x:+.1f} +- {dx:.1f}  y {y:+.1f} +- {dy:.1f}  z {z:+.1f} +- {dz:.1f} mm",
        f"  rx {a:+.2f} +- {da:.2f}  ry {b:+.2f} +- {db:.2f}  rz {g:+.2f} +- {dg:.2f} degrees",
        *(f"warning: {warning}" for warning in check.warnings),
        f"verdict: {check.verdict}{_ADVICE[check.verdict]}",
    ]
    return "\n".join(lines)


_ADVICE = {
    Verdict.GOOD: "",
    Verdict.FAIR: "; large objects are safe to grasp, flat and small ones are not",
    Verdict.POOR: "; calibrate again, or use the corrected file (--out) and check that",
    Verdict.UNDECIDED: "; tilt the camera in more directions, by more, and use more views",
}
