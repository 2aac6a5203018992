"""What a gripper looks like: the meshes of its own URDF, where a robot's settings name one.

A link is drawn on that body of the model which moves as it does while the fingers close; it
touches nothing. The gripping surfaces stay as they are. Links that move as no body does, the inner
bars of a four-bar, are not drawn. The root of the description is the mounting face, +z the
approach; its fingers may close along x or y.
"""

from collections.abc import Iterator
from functools import lru_cache
from math import pi
from pathlib import Path
from xml.etree import ElementTree

import mujoco
import numpy as np
from scipy.spatial.transform import Rotation

from affordance_grasp.control.arm.urdf import (
    MOVING,
    element_number,
    element_origin,
    joined_link,
    joint_axis,
    read_urdf,
)
from affordance_grasp.control.gripper import Gripper
from affordance_grasp.errors import InvalidInput
from affordance_grasp.extras import require
from affordance_grasp.geometry import Floats, invert, pose, transform_points
from affordance_grasp.simulation.models.fingertip import FINGER_JOINTS, PAD_NAMES
from affordance_grasp.simulation.models.gripper_model import COUPLING, add_gripper
from affordance_grasp.simulation.models.link_looks import add_mesh, link_corners
from affordance_grasp.simulation.models.looks import hide

MOST_APART_M = 3e-3
"""A link moves as a body does whose motion takes no corner of it further from where it belongs."""
TURNS_RAD = (0.0, pi / 2)
Tree = ElementTree.Element


def add_gripper_looks(spec: mujoco.MjSpec, gripper: Gripper, urdf: Path) -> None:
    """Draw a description's meshes in place of the model's own shapes, body by body.

    Raises:
        InvalidInput: the description cannot be read, or nothing in it moves as this gripper.
        MissingPackage: the library that reads meshes is not installed.
    """
    require("trimesh", f"the meshes of {urdf}")
    links, bodies = _links(urdf, gripper), _body_poses(gripper)
    drawn = max((_matched(links, bodies, turn) for turn in TURNS_RAD), key=len)
    if not any(name != "gripper" for name, _ in drawn):
        raise InvalidInput(
            f"{urdf}: no link with a mesh that can be read moves as a finger of {gripper.name}; "
            f"expected its description, from the mounting face, and in it {gripper.joint_name}"
        )
    for name in {name for name, _ in drawn}:
        hide(spec.body(name), but=(COUPLING, *PAD_NAMES))
    for i, (name, corners) in enumerate(drawn):
        paint = "gripper" if name == "gripper" else "finger"
        add_mesh(spec, spec.body(name), f"gripper/look{i}", corners, paint)


@lru_cache(maxsize=4)
def _links(urdf: Path, gripper: Gripper) -> tuple[Floats, ...]:
    """Of each link with meshes its corners (openings, N, 3) [m] from the mounting face."""
    root = read_urdf(urdf)
    placed = [_link_poses(root, urdf, gripper.joint_name, joint) for joint in _joints(gripper)]
    shapes = {link.get("name", ""): link_corners(link, urdf) for link in root.iter("link")}
    return tuple(
        np.stack([transform_points(T[name], np.concatenate(found)) for T in placed])
        for name, found in shapes.items()
        if found and name in placed[0]
    )


def _joints(gripper: Gripper) -> list[float]:
    """Positions [rad or m] of the joint where the fingers are open, half closed and closed."""
    widths = np.linspace(gripper.max_width_m, gripper.min_width_m, 3)
    return [gripper.joint_from_width(width) for width in widths]


def _link_poses(root: Tree, urdf: Path, driver: str, position: float) -> dict[str, Floats]:
    """Poses (4, 4) in the root link of all that hang on it, with the fingers' joint there."""
    joints = root.findall("joint")
    free = [j.get("name", "") for j in joints if _moves(j) and j.find("mimic") is None]
    driver = driver if driver in free or len(free) != 1 else free[0]
    children = {joined_link(joint, "child") for joint in joints}
    names = [link.get("name", "") for link in root.iter("link")]
    poses = {name: np.eye(4) for name in names if name not in children}
    for joint in _from_root(joints, poses):
        T_parent = poses[joined_link(joint, "parent")]
        where = f"{urdf}: joint {joint.get('name')}"
        T_joint = element_origin(joint, where) @ _motion(joint, urdf, driver, position)
        poses[joined_link(joint, "child")] = T_parent @ T_joint
    return poses


def _from_root(joints: list[Tree], reached: dict[str, Floats]) -> Iterator[Tree]:
    """The joints, each after its parent; those of a circle never come."""
    waiting = list(joints)
    while ready := [j for j in waiting if joined_link(j, "parent") in reached]:
        yield from ready
        waiting = [joint for joint in waiting if joint not in ready]


def _moves(joint: Tree) -> bool:
    return joint.get("type") in (*MOVING, "prismatic")


def _motion(joint: Tree, urdf: Path, driver: str, position: float) -> Floats:
    mimic, where = joint.find("mimic"), f"{urdf}: joint {joint.get('name')}"
    if mimic is not None:
        factor = element_number(mimic, "multiplier", where, 1.0)
        position = factor * position + element_number(mimic, "offset", where, 0.0)
    elif joint.get("name") != driver:
        position = 0.0
    if not _moves(joint):
        return np.eye(4)
    moved = joint_axis(joint, urdf) * position
    if joint.get("type") == "prismatic":
        return pose(translation_m=moved)
    return pose(Rotation.from_rotvec(moved).as_matrix())


@lru_cache(maxsize=4)
def _body_poses(gripper: Gripper) -> dict[str, Floats]:
    """Poses (openings, 4, 4) of the model's bodies from the mounting face."""
    spec = mujoco.MjSpec()
    add_gripper(spec, spec.worldbody.add_body(name="flange"), gripper)
    model = spec.compile()
    data, bodies = mujoco.MjData(model), range(model.body("gripper").id, model.nbody)
    poses: dict[str, list[Floats]] = {model.body(body).name: [] for body in bodies}
    for joint in _joints(gripper):
        data.joint(FINGER_JOINTS[0]).qpos[0] = joint
        for _ in range(2):  # the left finger follows the right one, its tip follows it
            for follower, leader, coupling in zip(
                model.eq_obj1id, model.eq_obj2id, model.eq_data, strict=True
            ):
                at, of = model.jnt_qposadr[follower], model.jnt_qposadr[leader]
                data.qpos[at] = coupling[1] * data.qpos[of]
        mujoco.mj_kinematics(model, data)
        T_base = [pose(data.body(b).xmat.reshape(3, 3), data.body(b).xpos) for b in bodies]
        for body, T in zip(bodies, T_base, strict=True):
            poses[model.body(body).name].append(invert(T_base[0]) @ T)
    return {name: np.stack(each) for name, each in poses.items()}


def _matched(
    links: tuple[Floats, ...], bodies: dict[str, Floats], turn_rad: float
) -> list[tuple[str, Floats]]:
    """The body of each link that has one, and the link's corners (N, 3) [m] in its frame."""
    R = Rotation.from_euler("z", turn_rad).as_matrix()
    found = []
    for turned in (link @ R.T for link in links):
        apart = {name: _apart_m(turned, T_base_body) for name, T_base_body in bodies.items()}
        nearest = min(apart, key=lambda name: apart[name])
        if apart[nearest] <= MOST_APART_M:
            found.append((nearest, transform_points(invert(bodies[nearest][0]), turned[0])))
    return found


def _apart_m(corners: Floats, T_base_body: Floats) -> float:
    """How far [m] a link's corners (openings, N, 3) stray from those fixed to the body."""
    fixed = transform_points(invert(T_base_body[0]), corners[0])
    moved = [transform_points(T, fixed) for T in T_base_body]
    return float(np.linalg.norm(corners - np.stack(moved), axis=-1).max())
