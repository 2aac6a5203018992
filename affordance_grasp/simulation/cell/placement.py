"""Placements of an object on the table in front of the robot."""

import numpy as np
from scipy.spatial.transform import Rotation

from affordance_grasp.geometry import Floats, pose

X_RANGE_M = (0.42, 0.58)
Y_RANGE_M = (-0.12, 0.12)


def table_pose(x_m: float, y_m: float, yaw_rad: float) -> Floats:
    """Pose (4, 4) of an object on the table at (x, y) and a yaw."""
    return pose(Rotation.from_euler("z", yaw_rad).as_matrix(), [x_m, y_m, 0.0])


def random_placement(seed: int) -> Floats:
    """Pose ``T_base_object`` (4, 4): uniform in the placement area, at a random yaw."""
    rng = np.random.default_rng([seed, 23])
    return table_pose(
        float(rng.uniform(*X_RANGE_M)),
        float(rng.uniform(*Y_RANGE_M)),
        float(rng.uniform(-np.pi, np.pi)),
    )
