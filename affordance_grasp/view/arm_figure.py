"""The robot in a scene: the shapes that its collisions are checked with, at any configuration."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from affordance_grasp.control.arm.kinematics import joint_frames
from affordance_grasp.control.arm.urdf import LinkShape
from affordance_grasp.control.robot import RobotConfig
from affordance_grasp.geometry import Floats, quaternion_xyzw

ARM = "/robot"
LINKS, GRIPPER, CAMERA = ((214, 219, 225), (190, 198, 207)), (64, 70, 78), (30, 33, 38)


class ArmFigure:
    """Draws a robot once, and moves what it drew; lengths [m], angles [rad]."""

    def __init__(self, scene: Any, robot: RobotConfig) -> None:
        """Draw it at home with open fingers.

        Args:
            scene: of viser; its world is the robot's base.
            robot: whose shapes are drawn.
        """
        self._robot = robot
        width_m = robot.gripper.max_width_m
        scene.add_frame(ARM, show_axes=False)
        self._frames = [
            scene.add_frame(f"{ARM}/link{i}", show_axes=False) for i in range(robot.arm.dof)
        ]
        own = len(robot.body.shapes)
        shapes = robot.body_with_gripper(width_m).shapes
        parts = [_draw(scene, i, shape, _paint(i, shape, own)) for i, shape in enumerate(shapes)]
        self._gripper = parts[own:]
        self.place(robot.home_q, width_m)

    def place(self, q: ArrayLike, width_m: float) -> None:
        """Show joint positions (J,) and the fingertips at a distance from each other."""
        for handle, T in zip(self._frames, joint_frames(self._robot.arm, q), strict=True):
            _put(handle, T)
        width_m = self._robot.gripper.clamp_width(width_m)
        shapes = self._robot.body_with_gripper(width_m).shapes[-len(self._gripper) :]
        for handle, shape in zip(self._gripper, shapes, strict=True):
            _put(handle, shape.T_link_shape)


def wxyz(T: Floats) -> Floats:
    """The rotation of a pose (4, 4) as viser has it: a unit quaternion w, x, y, z."""
    return quaternion_xyzw(T)[[3, 0, 1, 2]]


def _put(handle: Any, T: Floats) -> None:
    """Place a node unless it is there; what does not move is not sent again."""
    turn = wxyz(T)
    if not np.allclose(handle.position, T[:3, 3], rtol=0, atol=1e-5):
        handle.position = T[:3, 3]
    if not np.allclose(handle.wxyz, turn, rtol=0, atol=1e-5):
        handle.wxyz = turn


def _paint(number: int, shape: LinkShape, own: int) -> tuple[int, int, int]:
    """The last of the robot's own shapes is the camera's housing; the gripper's come after it."""
    if number >= own:
        return GRIPPER
    return CAMERA if number == own - 1 else LINKS[shape.frame % 2]


def _draw(scene: Any, number: int, shape: LinkShape, paint: tuple[int, int, int]) -> Any:
    link = ARM if shape.frame < 0 else f"{ARM}/link{shape.frame}"
    name, x, y, z = f"{link}/{shape.kind}{number}", *shape.half_size
    placed: dict[str, Any] = {
        "color": paint,
        "wxyz": wxyz(shape.T_link_shape),
        "position": shape.T_link_shape[:3, 3],
    }
    if shape.kind == "box":
        return scene.add_box(name, dimensions=(2 * x, 2 * y, 2 * z), **placed)
    if shape.kind == "cylinder":
        return scene.add_cylinder(name, radius=x, height=2 * z, **placed)
    return scene.add_icosphere(name, radius=1.0, scale=(x, y, z), **placed)
