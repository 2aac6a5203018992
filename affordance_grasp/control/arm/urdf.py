"""A serial arm, read from a URDF.

Rotations within 1e-4 rad of a multiple of pi/2 are snapped to it: some vendors write 1.5708, and
that rounding breaks the exact parallelism on which closed-form inverse kinematics rests.
"""

from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from math import pi
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
from numpy.typing import ArrayLike
from scipy.spatial.transform import Rotation

from affordance_grasp.errors import InvalidInput, shown
from affordance_grasp.files import read_bytes
from affordance_grasp.geometry import Floats, pose

SNAP_RAD = 1e-4
MAX_BYTES = 2**24
MAX_DEPTH = 64
MAX_NUMBER = 1e6
"""Larger numbers are no lengths [m] or angles [rad] of an arm."""
MOVING = ("revolute", "continuous")


@dataclass(frozen=True, eq=False)
class SerialArm:
    """A chain of J rotating joints from ``base`` to ``tip``.

    ``T_parent_joint`` (J, 4, 4): joint frame in the previous joint's frame at angle 0, fixed
    joints folded in. ``axes`` (J, 3): unit axis in the joint's own frame. ``T_last_tip`` (4, 4).
    ``lower``, ``upper`` (J,) [rad], infinite for continuous joints; ``velocity`` (J,) [rad/s].
    ``link_names`` (J,): the link that each joint moves.
    """

    base: str
    tip: str
    joint_names: tuple[str, ...]
    link_names: tuple[str, ...]
    T_parent_joint: Floats
    axes: Floats
    T_last_tip: Floats
    lower: Floats
    upper: Floats
    velocity: Floats

    @property
    def dof(self) -> int:
        """Number of joints J."""
        return len(self.joint_names)

    @cached_property
    def link_terms(self) -> tuple[Floats, Floats, Floats]:
        """A, B, C (J, 4, 4) of each joint's pose A + sin(q) B + (1 - cos(q)) C (Rodrigues)."""
        skew = np.zeros((self.dof, 4, 4))
        x, y, z = self.axes.T
        skew[:, 0, 1], skew[:, 0, 2], skew[:, 1, 2] = -z, y, -x
        skew[:, 1, 0], skew[:, 2, 0], skew[:, 2, 1] = z, -y, x
        T = self.T_parent_joint
        return T, T @ skew, T @ skew @ skew


@dataclass(frozen=True)
class LinkShape:
    """A collision shape fixed to a link: a cylinder along its own z, a sphere or a box.

    ``half_size`` [m]: (radius, radius, half length) of a cylinder, three radii of a sphere, half
    sides of a box. ``frame``: -1 for the base, else the index of the joint that moves the link.
    """

    kind: str
    frame: int
    T_link_shape: Floats
    half_size: tuple[float, float, float]


def load_arm(urdf: Path, base: str = "base_link", tip: str = "tool0") -> SerialArm:
    """Read the chain between two links of a URDF; fixed joints are folded into the moving ones."""
    return read_arm(read_urdf(urdf), urdf, base, tip)


def read_arm(root: ElementTree.Element, urdf: Path | str, base: str, tip: str) -> SerialArm:
    """The chain between two links of a URDF's ``root``; ``urdf`` names it in errors."""
    chain = _chain(root, urdf, base, tip)
    T_pending = np.eye(4)
    poses: list[Floats] = []
    moving: list[ElementTree.Element] = []
    for joint in chain:
        T_pending = T_pending @ element_origin(joint, f"{urdf}: joint {joint.get('name')}")
        kind = joint.get("type", "")
        _refuse_mimic(joint, urdf)
        if kind in MOVING:
            poses.append(T_pending)
            moving.append(joint)
            T_pending = np.eye(4)
        elif kind != "fixed":
            raise InvalidInput(
                f"{urdf}: joint {joint.get('name')} is {kind}; only revolute, continuous and "
                f"fixed joints may lie between {base} and {tip}"
            )
    if not moving:
        raise InvalidInput(f"{urdf}: no moving joint between {base} and {tip}")
    limits = np.array([joint_limits(joint, urdf) for joint in moving])
    return SerialArm(
        base=base,
        tip=tip,
        joint_names=tuple(joint.get("name", "") for joint in moving),
        link_names=tuple(joined_link(joint, "child") for joint in moving),
        T_parent_joint=np.array(poses),
        axes=np.array([joint_axis(joint, urdf) for joint in moving]),
        T_last_tip=T_pending,
        lower=limits[:, 0],
        upper=limits[:, 1],
        velocity=limits[:, 2],
    )


def _refuse_mimic(joint: ElementTree.Element, urdf: Path | str) -> None:
    mimic = joint.find("mimic")
    if mimic is not None:
        raise InvalidInput(
            f"{urdf}: joint {joint.get('name')} mimics {shown(mimic.get('joint', ''))}; an arm's "
            "joints must move on their own"
        )


def parse_urdf(text: bytes | str, name: str) -> ElementTree.Element:
    """The root element of a URDF text; ``name`` is what an error calls it.

    Raises:
        InvalidInput: no XML, nested deeper than ``MAX_DEPTH``, or two links or joints of one name.
    """
    try:
        root = ElementTree.fromstring(text)
    except (ElementTree.ParseError, ValueError, LookupError) as error:  # of its encoding
        raise InvalidInput(f"{name} is not a URDF: {error}") from error
    level, depth = [root], 0
    while level:
        level, depth = [child for element in level for child in element], depth + 1
        if depth > MAX_DEPTH:
            raise InvalidInput(f"{name} is not a URDF: nested deeper than {MAX_DEPTH}")
    for kind in ("link", "joint"):
        counted = Counter(element.get("name", "") for element in root.findall(kind))
        twice = [each for each, count in counted.items() if count > 1]
        if twice:
            raise InvalidInput(f"{name} has several {kind}s of the name {shown(twice[0])}")
    return root


def read_urdf(urdf: Path) -> ElementTree.Element:
    """The root element of a URDF file; raises as :func:`parse_urdf`."""
    return parse_urdf(read_bytes(urdf, "URDF", MAX_BYTES), f"URDF {urdf}")


def joined_link(joint: ElementTree.Element, role: str) -> str:
    """Name of a joint's ``parent`` or ``child`` link; empty where it has none."""
    element = joint.find(role)
    return "" if element is None else element.get("link", "")


def _chain(
    root: ElementTree.Element, urdf: Path | str, base: str, tip: str
) -> list[ElementTree.Element]:
    names = [link.get("name", "") for link in root.iter("link")]
    for name in (base, tip):
        if name not in names:
            raise InvalidInput(f"{urdf} has no link {name!r}; links: {', '.join(names)}")
    parent_joint = {joined_link(joint, "child"): joint for joint in root.findall("joint")}
    chain: list[ElementTree.Element] = []
    link = tip
    while link != base:
        if link not in parent_joint or len(chain) > len(names):
            raise InvalidInput(f"{urdf}: link {tip!r} does not descend from {base!r}")
        chain.append(parent_joint[link])
        link = joined_link(parent_joint[link], "parent")
    return chain[::-1]


def element_vector(
    element: ElementTree.Element, attribute: str, where: str, default: ArrayLike = (0.0, 0.0, 0.0)
) -> Floats:
    """Three finite numbers (3,) of an attribute."""
    text = element.get(attribute)
    if text is None:
        return np.array(default, float)
    try:
        numbers = np.array([float(word) for word in text.split()])
    except ValueError:
        numbers = np.array([])
    if numbers.shape != (3,) or not (np.abs(numbers) <= MAX_NUMBER).all():
        raise InvalidInput(
            f"{where}: {element.tag} {attribute}={shown(text)}; expected three numbers with "
            f"spaces between them{_advice(text)}"
        )
    return numbers


def _advice(text: str) -> str:
    return "; expand the file with xacro first" if "${" in text else ""


def element_origin(element: ElementTree.Element, where: str) -> Floats:
    """Pose (4, 4) of an element's ``origin`` in its parent; ``where`` names it in errors."""
    origin = element.find("origin")
    if origin is None:
        return np.eye(4)
    rpy = snap_right_angles(element_vector(origin, "rpy", where))
    return pose(_rotation_rpy(rpy), element_vector(origin, "xyz", where))


def _rotation_rpy(rpy: Floats) -> Floats:
    R = Rotation.from_euler("xyz", rpy).as_matrix()
    nearest = np.round(R)
    return np.asarray(np.where(np.abs(R - nearest) < 1e-15, nearest, R))


def snap_right_angles(angles_rad: Floats) -> Floats:
    """Replace angles within 1e-4 rad of a multiple of pi/2 by that multiple."""
    right = np.round(angles_rad / (pi / 2)) * (pi / 2)
    return np.where(np.abs(angles_rad - right) <= SNAP_RAD, right, angles_rad)


def joint_axis(joint: ElementTree.Element, urdf: Path | str) -> Floats:
    """Unit vector (3,) about which or along which a joint moves."""
    where, element = f"{urdf}: joint {joint.get('name')}", joint.find("axis")
    axis = np.array([1.0, 0.0, 0.0])
    if element is not None:
        axis = element_vector(element, "xyz", where, axis)
    length = float(np.linalg.norm(axis))
    if not length > 0:
        raise InvalidInput(f"{where} has an axis of length zero")
    return axis / length


def joint_limits(joint: ElementTree.Element, urdf: Path | str) -> tuple[float, float, float]:
    """Lower and upper limit [rad] and top speed [rad/s] of a joint; NaN where there is no speed.

    ``urdf`` is named when there are none at all, which only a continuous joint may lack.
    """
    name, limit = f"{urdf}: joint {joint.get('name')}", joint.find("limit")
    continuous = joint.get("type") == "continuous"
    if limit is None:
        if not continuous:
            raise InvalidInput(f"{name} has no <limit>")
        return -np.inf, np.inf, np.nan
    velocity = element_number(limit, "velocity", name, np.nan)
    if continuous:
        return -np.inf, np.inf, velocity
    lower, upper = (element_number(limit, side, name, 0.0) for side in ("lower", "upper"))
    return lower, upper, velocity


def element_number(
    element: ElementTree.Element, attribute: str, where: str, default: float | None = None
) -> float:
    """A finite number, or the default where the attribute is absent."""
    text = element.get(attribute)
    if text is None and default is not None:
        return default
    try:
        value = float(text or "")
    except ValueError:
        value = np.nan
    if not abs(value) <= MAX_NUMBER:
        raise InvalidInput(
            f"{where}: {element.tag} {attribute} {shown(text or '')} is not a number"
            f"{_advice(text or '')}"
        )
    return value
