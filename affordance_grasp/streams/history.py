"""Where the camera was at the stamp of an image: the last seconds of joints and transforms."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.spatial.transform import Rotation, Slerp

from affordance_grasp.errors import InvalidInput
from affordance_grasp.geometry import Floats, invert, pose, pose_from_quaternion
from affordance_grasp.streams.messages import UNIT_NORM_TOLERANCE, to_joint_positions

KEPT_NS = 3_000_000_000
MAX_GAP_NS = 150_000_000
MOST_KEPT = 20_000
DEEPEST_TREE = 64
MOST_FRAMES = 1000


class JointHistory:
    """The last seconds of the positions of some joints, in the order they are named."""

    def __init__(self, names: Sequence[str]) -> None:
        """Nothing is known yet."""
        self._names = tuple(names)
        self._history: deque[tuple[int, Floats]] = deque(maxlen=MOST_KEPT)

    @property
    def newest_ns(self) -> int | None:
        """Stamp of the newest positions [ns]."""
        return self._history[-1][0] if self._history else None

    def take(self, stamp_ns: int, message: Any) -> None:
        """Remember a ``sensor_msgs/JointState``; one of other joints says nothing."""
        if not set(self._names) <= set(message.name):
            return
        positions = to_joint_positions(message, self._names)
        if self._history and stamp_ns <= self._history[-1][0]:
            self._history.clear()  # the clock was set back
        self._history.append((stamp_ns, positions))
        while stamp_ns - self._history[0][0] > KEPT_NS:
            self._history.popleft()

    def at(self, stamp_ns: int) -> Floats | None:
        """Positions (J,) [rad], interpolated; None where nothing is within 0.15 s."""
        if not self._history:
            return None
        since = np.array([stamp - stamp_ns for stamp, _ in self._history], float)
        if np.abs(since).min() > MAX_GAP_NS:
            return None
        positions = np.array([q for _, q in self._history])
        return np.array([np.interp(0.0, since, column) for column in positions.T])


@dataclass(frozen=True)
class Link:
    """The pose of a frame in its parent at one instant."""

    stamp_ns: int
    parent: str
    T_parent_child: Floats


class TransformHistory:
    """The last seconds of ``/tf`` and all of ``/tf_static``."""

    def __init__(self) -> None:
        """Nothing is known yet."""
        self._moving: dict[str, deque[Link]] = {}
        self._fixed: dict[str, Link] = {}

    def take(self, message: Any, static: bool) -> None:
        """Remember a ``tf2_msgs/TFMessage``."""
        for transform in message.transforms:
            child, link = str(transform.child_frame_id).lstrip("/"), _link(transform)
            if child not in self._moving and len(self._moving) + len(self._fixed) >= MOST_FRAMES:
                raise InvalidInput(f"tf has more than {MOST_FRAMES} frames")
            if static:
                self._fixed[child] = link
                continue
            links = self._moving.setdefault(child, deque(maxlen=MOST_KEPT))
            if links and link.stamp_ns <= links[-1].stamp_ns:
                links.clear()  # the clock was set back
            links.append(link)
            while link.stamp_ns - links[0].stamp_ns > KEPT_NS:
                links.popleft()

    def lookup(self, target: str, source: str, stamp_ns: int) -> Floats | None:
        """``T_target_source`` at a stamp; None where the tree does not lead from one to other."""
        up_source, up_target = self._ways(source, stamp_ns), self._ways(target, stamp_ns)
        for frame, T_frame_source in up_source.items():
            if frame in up_target:
                return invert(up_target[frame]) @ T_frame_source
        return None

    def _ways(self, frame: str, stamp_ns: int) -> dict[str, Floats]:
        """Pose of ``frame`` in itself and in each of its ancestors, nearest first."""
        T, ways = pose(), {frame: pose()}
        for _ in range(DEEPEST_TREE):
            link = self._at(frame, stamp_ns)
            if link is None or link.parent in ways:
                break
            frame, T = link.parent, link.T_parent_child @ T
            ways[frame] = T
        return ways

    def _at(self, child: str, stamp_ns: int) -> Link | None:
        links = self._moving.get(child)
        if not links:
            return self._fixed.get(child)
        after = next((link for link in links if link.stamp_ns >= stamp_ns), None)
        before = next((link for link in reversed(links) if link.stamp_ns <= stamp_ns), None)
        near = [x for x in (before, after) if x and abs(x.stamp_ns - stamp_ns) <= MAX_GAP_NS]
        if len(near) == 2 and near[0].parent == near[1].parent:
            return _between(near[0], near[1], stamp_ns)
        return near[0] if near else None


def _link(transform: Any) -> Link:
    t, q = transform.transform.translation, transform.transform.rotation
    numbers = np.array([t.x, t.y, t.z, q.x, q.y, q.z, q.w], float)
    if not np.isfinite(numbers).all():
        raise InvalidInput("a transform on tf holds NaN or infinity")
    norm = float(np.linalg.norm(numbers[3:]))
    if abs(norm - 1) > UNIT_NORM_TOLERANCE:
        raise InvalidInput(f"a transform on tf has a quaternion of norm {norm:.4g}; it must be 1")
    stamp = transform.header.stamp
    return Link(
        stamp_ns=int(stamp.sec) * 10**9 + int(stamp.nanosec),
        parent=str(transform.header.frame_id).lstrip("/"),
        T_parent_child=pose_from_quaternion(numbers[:3], numbers[3:]),
    )


def _between(before: Link, after: Link, stamp_ns: int) -> Link:
    span = after.stamp_ns - before.stamp_ns
    if span == 0:
        return before
    share = (stamp_ns - before.stamp_ns) / span
    ends = np.stack([before.T_parent_child, after.T_parent_child])
    rotation = Slerp([0, 1], Rotation.from_matrix(ends[:, :3, :3]))(share).as_matrix()
    translation = (1 - share) * ends[0, :3, 3] + share * ends[1, :3, 3]
    return Link(stamp_ns, before.parent, pose(rotation, translation))
