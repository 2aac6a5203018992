"""Where an object is put in front of the robot."""

import numpy as np

from affordance_grasp.geometry import Floats
from affordance_grasp.simulation.cell.world import table_pose

X_RANGE_M = (0.42, 0.58)
Y_RANGE_M = (-0.12, 0.12)


def random_placement(seed: int) -> Floats:
    """Pose ``T_base_object`` (4, 4): uniform in the placement area, turned at random."""
    rng = np.random.default_rng([seed, 23])
    return table_pose(
        float(rng.uniform(*X_RANGE_M)),
        float(rng.uniform(*Y_RANGE_M)),
        float(rng.uniform(-np.pi, np.pi)),
    )
