"""What a grasp generator is told of the object that is meant, besides the image."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from affordance_grasp.datatypes import Region
from affordance_grasp.geometry import Floats


@dataclass(frozen=True)
class Target:
    """The object that is meant, as far as it is known before grasps are proposed.

    ``query``: as it was asked. ``region``: of interest; None: the whole image. ``label``: the
    object instance in the labels of the scene's cloud; 0: any. ``T_base_cam`` (4, 4): the
    camera's pose in the robot's base, whose z is up; None: not known.
    """

    query: str = ""
    region: Region | None = None
    label: int = 0
    T_base_cam: Floats | None = None

    @property
    def gravity_cam(self) -> Floats | None:
        """Unit vector (3,) downwards in the optical frame."""
        return None if self.T_base_cam is None else -self.T_base_cam[2, :3]

    def mask(self, labels: NDArray[np.int32]) -> NDArray[np.bool_]:
        """Where the object, or any, is in labels of any shape."""
        return labels == self.label if self.label else labels > 0


ANY = Target()
