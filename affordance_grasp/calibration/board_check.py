"""The check on a fixed ChArUco board: its corners, seen from several arm configurations.

With the true calibration the board has one pose in the base frame and every corner projects to
its pixel. Unlike a bare table the board constrains all six degrees of freedom.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import cv2
import numpy as np
from msgspec import Meta
from scipy.spatial.transform import Rotation

from affordance_grasp.calibration.correction import correction_pose, solve
from affordance_grasp.calibration.verdict import CalibrationCheck, height_warnings
from affordance_grasp.calibration.views import CalibrationView
from affordance_grasp.configuration.settings import Positive, Settings
from affordance_grasp.control.robot import RobotConfig
from affordance_grasp.errors import InvalidInput, UnknownName
from affordance_grasp.geometry import Floats, invert, pose, project, transform_points

MIN_VIEWS = 3
MIN_CORNERS = 6
PIXEL_STD = 0.3
BEHIND_PX = 1e4
OUTLIER_PX, OUTLIER = 2.0, 5.0


@dataclass(frozen=True)
class Board(Settings, title="board"):
    """A ChArUco board: squares across and down, their side and that of the markers [m]."""

    columns: Annotated[int, Meta(ge=3, le=50)]
    rows: Annotated[int, Meta(ge=3, le=50)]
    square_m: Annotated[float, Meta(gt=0, le=1)]
    marker_m: Positive
    dictionary: str = "DICT_4X4_50"

    def check(self) -> None:
        """Refuse markers larger than squares, and unknown ones."""
        if self.marker_m >= self.square_m:
            raise InvalidInput(
                f"board: marker_m is {self.marker_m:g}; must be smaller than square_m, "
                f"{self.square_m:g}"
            )
        known = tuple(name for name in dir(cv2.aruco) if name.startswith("DICT_"))
        if self.dictionary not in known:
            raise UnknownName("marker dictionary", self.dictionary, known)

    def pattern(self) -> "cv2.aruco.CharucoBoard":
        """The board as OpenCV knows it."""
        dictionary = cv2.aruco.getPredefinedDictionary(getattr(cv2.aruco, self.dictionary))
        size = (self.columns, self.rows)
        return cv2.aruco.CharucoBoard(size, self.square_m, self.marker_m, dictionary)


@dataclass(frozen=True)
class BoardDetection:
    """Corners of the board in one view: ``corners_m`` (N, 3) on the board, ``uv`` (N, 2)."""

    T_base_tool0: Floats
    K: Floats
    corners_m: Floats
    uv: Floats
    T_cam_board: Floats


def check_on_board(
    views: Sequence[CalibrationView],
    board: Board,
    robot: RobotConfig,
    T_tool0_cam: Floats | None = None,
) -> CalibrationCheck:
    """Check a calibration on views of a board.

    Args:
        views: those in which the board is not detected are left out.
        board: its pattern and size.
        robot: gives the calibration to check, and the table's height as configured.
        T_tool0_cam: another calibration to check instead of the robot's.

    Raises:
        InvalidInput: the board is seen in fewer than three views.
    """
    T_tool0_cam = robot.T_tool0_cam if T_tool0_cam is None else T_tool0_cam
    found = [detect_board(view, board) for view in views]
    seen = [one for one in found if one is not None]
    if len(seen) < MIN_VIEWS:
        raise InvalidInput(
            f"the board is seen in {len(seen)} of {len(views)} views; at least {MIN_VIEWS} are "
            f"needed, each with {MIN_CORNERS} corners or more"
        )
    T_base_board = _mean_pose([s.T_base_tool0 @ T_tool0_cam @ s.T_cam_board for s in seen])

    def off_px(x: Floats) -> Floats:
        T_tool0_moved = T_tool0_cam @ correction_pose(x)
        moved = T_base_board @ correction_pose(x[6:])
        return np.concatenate([_off_px(one, T_tool0_moved, moved) for one in seen])

    _, x = solve(lambda x: off_px(x) / PIXEL_STD, np.zeros(12))
    error = np.abs(off_px(x))
    kept = error <= max(OUTLIER_PX, OUTLIER * float(np.median(error)))
    correction, x = solve(lambda x: off_px(x)[kept] / PIXEL_STD, x)
    before = _spread(seen, T_tool0_cam)
    after = _spread(seen, T_tool0_cam @ correction.T_cam_corrected)
    z_m = float((T_base_board @ correction_pose(x[6:]))[2, 3])
    return CalibrationCheck(
        target="board",
        views=len(seen),
        spread_mm=before[0],
        spread_deg=before[1],
        spread_after_mm=after[0],
        spread_after_deg=after[1],
        target_z_m=z_m,
        correction=correction,
        warnings=height_warnings(z_m, robot.settings.table_z_m, "table_z_m"),
    )


def detect_board(view: CalibrationView, board: Board) -> BoardDetection | None:
    """The board in one view, or None when too few corners are detected."""
    pattern = board.pattern()
    gray = cv2.cvtColor(view.frame.color, cv2.COLOR_RGB2GRAY)
    corners, ids, _, _ = cv2.aruco.CharucoDetector(pattern).detectBoard(gray)
    if ids is None or len(ids) < MIN_CORNERS:
        return None
    corners_m, uv = pattern.matchImagePoints(corners, ids)
    K = view.frame.intrinsics.K
    solved, turn, shift = cv2.solvePnP(corners_m, uv, K, None)
    if not solved:
        return None
    T = pose(Rotation.from_rotvec(turn.ravel()).as_matrix(), shift.ravel())
    flat = np.asarray(corners_m, float).reshape(-1, 3), np.asarray(uv, float).reshape(-1, 2)
    return BoardDetection(view.T_base_tool0, K, *flat, T)


def _off_px(seen: BoardDetection, T_tool0_cam: Floats, T_base_board: Floats) -> Floats:
    T_cam_board = invert(seen.T_base_tool0 @ T_tool0_cam) @ T_base_board
    uv = project(transform_points(T_cam_board, seen.corners_m), seen.K)
    return np.nan_to_num(uv - seen.uv, nan=BEHIND_PX).ravel()


def _spread(seen: list[BoardDetection], T_tool0_cam: Floats) -> tuple[float, float]:
    """Rms deviation between views of the board's middle [mm] and orientation [degree]."""
    boards = np.array([s.T_base_tool0 @ T_tool0_cam @ s.T_cam_board for s in seen])
    middle = np.concatenate([s.corners_m for s in seen]).mean(axis=0)
    places = boards[:, :3, :3] @ middle + boards[:, :3, 3]
    off = np.linalg.norm(places - places.mean(axis=0), axis=1)
    mean = _mean_pose(list(boards))[:3, :3]
    turned = Rotation.from_matrix(mean.T @ boards[:, :3, :3]).magnitude()
    return float(np.sqrt((off**2).mean()) * 1e3), float(np.degrees(np.sqrt((turned**2).mean())))


def _mean_pose(poses: list[Floats]) -> Floats:
    stack = np.array(poses)
    R = Rotation.from_matrix(stack[:, :3, :3]).mean().as_matrix()
    return pose(R, stack[:, :3, 3].mean(axis=0))
