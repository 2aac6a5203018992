"""The check on a bare or nearly bare table: one plane, seen from several arm configurations.

The table is fitted in the depth image of every view. With the true calibration all fits are one
plane in the base frame. A plane does not constrain motion within itself, so the views must tilt
the camera in several directions; a turn about the vertical alone adds nothing.
"""

from collections.abc import Sequence

import numpy as np

from affordance_grasp.calibration.correction import correction_pose, solve
from affordance_grasp.calibration.verdict import CalibrationCheck, height_warnings
from affordance_grasp.calibration.views import CalibrationView
from affordance_grasp.control.robot import RobotConfig
from affordance_grasp.errors import InvalidInput
from affordance_grasp.geometry import Floats
from affordance_grasp.scene.table import TablePlane, fit_table

MIN_VIEWS = 4
NORMAL_STD_RAD = np.radians(0.15)
OFFSET_STD_M = 0.001
SCALE_STD = 0.004
LEVEL_DEG = 1.5


def check_on_table(
    views: Sequence[CalibrationView], robot: RobotConfig, T_tool0_cam: Floats | None = None
) -> CalibrationCheck:
    """Check a calibration on views of the table.

    Args:
        views: at least four.
        robot: gives the calibration to check, and the table's height as configured.
        T_tool0_cam: another calibration to check instead of the robot's.

    Raises:
        InvalidInput: too few views, or one without a table in its depth image.
    """
    return check_planes(fit_planes(views), views, robot, T_tool0_cam)


def fit_planes(views: Sequence[CalibrationView]) -> list[TablePlane]:
    """The table in every view; see :func:`check_on_table`."""
    if len(views) < MIN_VIEWS:
        raise InvalidInput(
            f"{len(views)} views are too few to check a calibration on a table; take at least "
            f"{MIN_VIEWS}, better 8, tilting the camera in different directions"
        )
    planes = []
    for view in views:
        try:
            planes.append(fit_table(view.frame))
        except InvalidInput as error:
            raise InvalidInput(f"view {view.name}: {error}") from error
    return planes


def check_planes(
    planes: list[TablePlane],
    views: Sequence[CalibrationView],
    robot: RobotConfig,
    T_tool0_cam: Floats | None = None,
) -> CalibrationCheck:
    """Check a calibration on the planes of the views; see :func:`check_on_table`."""
    T_tool0_cam = robot.T_tool0_cam if T_tool0_cam is None else T_tool0_cam
    flanges = np.array([view.T_base_tool0 for view in views])
    seen = _in_base(flanges @ T_tool0_cam, planes)
    normal = seen[0].mean(axis=0)
    correction, x = solve(
        lambda x: _residuals(x, flanges @ T_tool0_cam @ correction_pose(x), planes),
        np.array([*np.zeros(6), *normal[:2] / np.linalg.norm(normal), seen[1].mean(), 0.0]),
    )
    after = _in_base(flanges @ T_tool0_cam @ correction.T_cam_corrected, planes)
    middle = _middle(flanges @ T_tool0_cam, planes)
    z_m = _heights(*(after if correction.determined else seen), middle)
    return CalibrationCheck(
        target="table",
        views=len(views),
        spread_mm=float(_heights(*seen, middle).std() * 1e3),
        spread_deg=_spread_deg(seen[0]),
        spread_after_mm=float(_heights(*after, middle).std() * 1e3),
        spread_after_deg=_spread_deg(after[0]),
        target_z_m=float(z_m.mean()),
        correction=correction,
        warnings=_warnings(z_m, _unit_normal(x[6:8]), robot),
    )


def _residuals(x: Floats, T_base_cam: Floats, planes: list[TablePlane]) -> Floats:
    """Normals and offsets of the planes against one plane in the base, over their deviations."""
    normal, height, scale = _unit_normal(x[6:8]), x[8], x[9]
    expected = np.swapaxes(T_base_cam[:, :3, :3], 1, 2) @ normal
    off_normal = np.cross(expected, [plane.normal_cam for plane in planes]) / NORMAL_STD_RAD
    offsets = np.array([plane.offset_m for plane in planes]) * (1 + scale)
    off_offset = (T_base_cam[:, :3, 3] @ normal - height - offsets) / OFFSET_STD_M
    return np.concatenate([off_normal.ravel(), off_offset, [scale / SCALE_STD]])


def _unit_normal(xy: Floats) -> Floats:
    xy = np.asarray(xy, float)
    up = float(np.sqrt(np.maximum(1.0 - xy @ xy, 1e-6)))
    return np.array([xy[0], xy[1], up])


def _in_base(T_base_cam: Floats, planes: list[TablePlane]) -> tuple[Floats, Floats]:
    """Normals (N, 3) and distances (N,) [m] of the planes in the base: normal . p = distance."""
    normals = np.einsum("nij,nj->ni", T_base_cam[:, :3, :3], [p.normal_cam for p in planes])
    offsets = np.array([plane.offset_m for plane in planes])
    return normals, (T_base_cam[:, :3, 3] * normals).sum(axis=1) - offsets


def _middle(T_base_cam: Floats, planes: list[TablePlane]) -> Floats:
    """Point (2,) [m] of the base's xy plane that the cameras look at on average."""
    forward = T_base_cam[:, :3, 2]
    reach = np.array([plane.offset_m / max(-plane.normal_cam[2], 0.2) for plane in planes])
    return (T_base_cam[:, :2, 3] + reach[:, None] * forward[:, :2]).mean(axis=0)


def _heights(normals: Floats, distances: Floats, middle: Floats) -> Floats:
    """Height (N,) [m] at which each plane passes over a point of the xy plane."""
    return np.asarray((distances - normals[:, :2] @ middle) / normals[:, 2])


def _spread_deg(normals: Floats) -> float:
    mean = normals.mean(axis=0)
    cosine = np.clip(normals @ mean / np.linalg.norm(mean), -1, 1)
    return float(np.degrees(np.sqrt((np.arccos(cosine) ** 2).mean())))


def _warnings(z_m: Floats, normal: Floats, robot: RobotConfig) -> tuple[str, ...]:
    found = height_warnings(float(z_m.mean()), robot.settings.table_z_m, "table_z_m")
    lean_deg = float(np.degrees(np.arccos(np.clip(normal[2], -1, 1))))
    if lean_deg > LEVEL_DEG:
        found += (
            f"the table leans by {lean_deg:.1f} degrees against the base; level the robot's base "
            "or the table, or check the joint zeros",
        )
    return found
