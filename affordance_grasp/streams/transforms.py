"""The transforms of ``/tf`` and ``/tf_static``, and the pose of one frame in another."""

from dataclasses import dataclass
from math import acos, pi
from typing import Any

import numpy as np
from scipy.spatial.transform import Rotation, Slerp

from affordance_grasp.errors import InvalidInput
from affordance_grasp.geometry import Floats, invert, pose, pose_from_quaternion
from affordance_grasp.streams.messages import plain_frame, stamp_ns, translation_and_quaternion
from affordance_grasp.streams.timeline import NotKnown, Timeline

DEEPEST_TREE = 64
MOST_FRAMES = 1000
SHOWN = 12
FASTEST_M_S, FASTEST_RAD_S = 5.0, 4 * pi
SAME_M, SAME_RAD = 0.05, 0.1


@dataclass(frozen=True)
class Link:
    """A frame in its parent: translation [m] and unit quaternion x, y, z, w.

    Plain numbers: thousands arrive per second, and few are looked up.
    """

    parent: str
    translation_m: tuple[float, ...]
    quaternion: tuple[float, ...]

    @property
    def T_parent_child(self) -> Floats:
        """As a pose (4, 4)."""
        return pose_from_quaternion(self.translation_m, self.quaternion)

    def apart(self, other: "Link", seconds: float) -> bool:
        """Whether no frame moves from one to the other in that time."""
        if self.parent != other.parent:
            return True
        ends = zip(self.translation_m, other.translation_m, strict=True)
        if max(abs(a - b) for a, b in ends) > SAME_M + FASTEST_M_S * seconds:
            return True
        cosine = sum(a * b for a, b in zip(self.quaternion, other.quaternion, strict=True))
        return 2 * acos(min(1.0, abs(cosine))) > SAME_RAD + FASTEST_RAD_S * seconds

    def towards(self, other: "Link", share: float) -> Floats:
        """``T_parent_child`` at a fraction 0..1 between this and another link of one parent."""
        turns = Rotation.from_quat([self.quaternion, other.quaternion])
        ends_m = np.array([self.translation_m, other.translation_m])
        return pose(
            Slerp([0, 1], turns)(share).as_matrix(), (1 - share) * ends_m[0] + share * ends_m[1]
        )


class TransformTree:
    """The last seconds of moving transforms, and all static ones."""

    def __init__(self) -> None:
        """No transforms yet."""
        self._moving: dict[str, Timeline[Link]] = {}
        self._fixed: dict[str, Link] = {}
        self._parents: dict[str, tuple[str, str]] = {}

    @property
    def frames(self) -> set[str]:
        """Every frame that has been published."""
        parents = {link.parent for child in self._children() if (link := self._newest(child))}
        return {*self._children(), *parents}

    def take(self, message: Any, static: bool) -> None:
        """Store a ``tf2_msgs/TFMessage`` of ``/tf_static`` or of ``/tf``.

        Raises:
            InvalidInput: a transform is invalid; the others are stored.
        """
        faults = []
        for transform in message.transforms:
            try:
                self._take(transform, static)
            except InvalidInput as error:
                faults.append(str(error))
        if faults:
            raise InvalidInput(faults[0])

    def parent(self, frame: str) -> str | None:
        """The frame in which a frame is placed; None where no transform places it."""
        link = self._newest(frame)
        return link.parent if link else None

    def knows(self, target: str, source: str, stamp_ns: int) -> bool:
        """Whether the transforms between two frames have come up to a stamp."""
        try:
            up, down = self._chains(target, source)
        except NotKnown:
            return False
        moving = (self._moving[child] for child in (*up, *down) if child in self._moving)
        return all(line.knows(stamp_ns) for line in moving)

    def lookup(self, target: str, source: str, stamp_ns: int) -> Floats:
        """``T_target_source`` (4, 4) [m] at a stamp, interpolated.

        Raises:
            NotKnown: a frame, a connection or data at the stamp is missing.
            InvalidInput: publishers contradict each other.
        """
        up, down = self._chains(target, source)
        where = f"TF from {target} to {source}"
        T_common_source = self._climbed(up, stamp_ns, where)
        return invert(self._climbed(down, stamp_ns, where)) @ T_common_source

    def _take(self, transform: Any, static: bool) -> None:
        child, link = plain_frame(transform.child_frame_id), _link(transform)
        known = self._newest(child)
        if known is None and len(self._children()) >= MOST_FRAMES:
            raise InvalidInput(f"tf has more than {MOST_FRAMES} frames")
        if known and known.parent != link.parent:
            self._parents[child] = known.parent, link.parent
        if static:
            self._fixed[child] = link
        else:
            line = self._moving.setdefault(child, Timeline(Link.apart))
            line.insert(stamp_ns(transform.header.stamp), link)

    def _children(self) -> set[str]:
        return {*self._moving, *self._fixed}

    def _newest(self, child: str) -> Link | None:
        line = self._moving.get(child)
        return line.newest if line else self._fixed.get(child)

    def _lineage(self, frame: str) -> list[str]:
        """A frame and all above it."""
        lineage = [frame]
        while (link := self._newest(lineage[-1])) and len(lineage) < DEEPEST_TREE:
            if link.parent in lineage:
                break
            lineage.append(link.parent)
        return lineage

    def _chains(self, target: str, source: str) -> tuple[list[str], list[str]]:
        """The frames to climb from source and from target until both are in one frame."""
        of_source, of_target = self._lineage(source), self._lineage(target)
        for i, frame in enumerate(of_source):
            if frame in of_target:
                return of_source[:i], of_target[: of_target.index(frame)]
        where = f"TF from {target} to {source}"
        missing = [frame for frame in (target, source) if frame not in self.frames]
        if missing:
            raise NotKnown(
                f"{where} cannot be known: no node publishes frame {missing[0]!r}; are "
                "robot_state_publisher and the hand-eye transform running?"
            )
        ends = sorted(f for f in self.frames if self._lineage(f)[-1] == of_target[-1])[:SHOWN]
        raise NotKnown(
            f"{where} is cut at {of_source[-1]!r}, which no transform places; the frames of "
            f"{target} are {', '.join(ends)}, and flange_frame of the node hand_eye joins one of "
            "them to the camera's"
        )

    def _climbed(self, children: list[str], stamp_ns: int, where: str) -> Floats:
        """Pose of the first of these frames in the parent of the last."""
        T = pose()
        for child in children:
            T = self._at(child, stamp_ns, where) @ T
        return T

    def _at(self, child: str, stamp_ns: int, where: str) -> Floats:
        """``T_parent_child`` at a stamp."""
        line = self._moving.get(child)
        self._refuse_contradiction(child, line)
        if line is None:
            return self._fixed[child].T_parent_child
        before, after, share = line.around(stamp_ns, where)
        if not before.parent == after.parent == line.newest.parent:
            raise NotKnown(f"{where} changes at the image: frame {child!r} gets another parent")
        return before.towards(after, share)

    def _refuse_contradiction(self, child: str, line: Timeline[Link] | None) -> None:
        to_and_fro = line is not None and line.contradicts_itself
        parents = self._parents.get(child)
        if parents and (to_and_fro or child in self._fixed):
            raise InvalidInput(
                f"frame {child!r} has two parents on TF, {parents[0]!r} and {parents[1]!r}; a "
                "frame has one: stop one of their publishers"
            )
        if to_and_fro:
            raise InvalidInput(
                f"frame {child!r} jumps to and fro on TF, as from two publishers that contradict "
                "each other; stop all but one"
            )


def _link(transform: Any) -> Link:
    moved, what = transform.transform, f"the transform of {transform.child_frame_id!r} on tf"
    numbers = translation_and_quaternion(moved.translation, moved.rotation, what)
    return Link(plain_frame(transform.header.frame_id), *numbers)
