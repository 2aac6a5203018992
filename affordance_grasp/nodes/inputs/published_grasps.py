"""Grasps that other nodes publish instead of serving: the topic ``grasp_candidates``.

Two types are accepted, in any convention: ``geometry_msgs/PoseArray`` on ``grasp_candidates``,
poses only, best first or unordered; this package's ``ExternalGrasps`` on
``grasp_candidates/scored``, with scores, widths, openings and depths.
"""

from collections import deque
from dataclasses import dataclass
from threading import Condition
from typing import Any

import numpy as np
from geometry_msgs.msg import PoseArray
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from rclpy.clock import Clock
from rclpy.node import Node
from rclpy.qos import QoSProfile
from std_msgs.msg import Header

from affordance_grasp.candidates.external.external_grasps import (
    ExternalGrasps,
    external_grasps,
)
from affordance_grasp.candidates.external.settings import ExternalSettings
from affordance_grasp.candidates.generators import GENERATORS
from affordance_grasp.candidates.target import ANY, Target
from affordance_grasp.control.gripper import Gripper
from affordance_grasp.datatypes import GraspCandidates, RgbdFrame
from affordance_grasp.errors import ExternalFault
from affordance_grasp.msg import ExternalGrasps as ExternalGraspsMessage
from affordance_grasp.nodes.ros.calls import listen
from affordance_grasp.scene.cloud import TableScene, segment_scene
from affordance_grasp.streams.messages import plain_frame, seconds, to_poses

NAME = "topic"
NAMES = (*GENERATORS, NAME)
POSES, SCORED = "grasp_candidates", "grasp_candidates/scored"
KEPT = 8
MAX_AHEAD_S = 1.0

Message = Any  # PoseArray or ExternalGraspsMessage


class GraspInbox:
    """Keeps the newest messages of both topics, whichever of them is used."""

    def __init__(self, node: Node) -> None:
        """Subscribe in a group of its own, so that a waiting service does not block arrivals."""
        self._arrived = Condition()
        self._clock: Clock = node.get_clock()
        self._logger = node.get_logger()
        self._messages: deque[Message] = deque(maxlen=KEPT)
        group = MutuallyExclusiveCallbackGroup()
        for kind, topic in ((PoseArray, POSES), (ExternalGraspsMessage, SCORED)):
            listen(node, kind, topic, self._take, QoSProfile(depth=2), group=group)

    def newest(self, taken_after_s: float, timeout_s: float) -> Message:
        """The newest grasps of an image taken after a stamp [s]; waits for them.

        Raises:
            ExternalFault: none arrive in time; describes what did.
        """

        def fresh() -> list[Message]:
            return [m for m in self._messages if seconds(m.header.stamp) >= taken_after_s]

        with self._arrived:
            if not self._arrived.wait_for(fresh, timeout_s):
                raise ExternalFault(self._complaint(taken_after_s, timeout_s))
            return fresh()[-1]

    def _take(self, message: Message) -> None:
        ahead_s = seconds(message.header.stamp) - self._clock.now().nanoseconds * 1e-9
        if ahead_s > MAX_AHEAD_S:  # it would count as new for as long
            self._logger.error(
                f"grasps with a stamp {ahead_s:.1f} s ahead of our clock are not used; the clocks "
                "must agree",
                throttle_duration_sec=5.0,
            )
            return
        with self._arrived:
            self._messages.append(message)
            self._arrived.notify_all()

    def _complaint(self, taken_after_s: float, timeout_s: float) -> str:
        if not self._messages:
            return f"no grasps arrived on {POSES} or {SCORED} within {timeout_s:g} s"
        stamp_s = seconds(self._messages[-1].header.stamp)
        if stamp_s == 0:
            return f"grasps on {POSES} have no stamp; it must be that of the image they are from"
        return (
            f"the newest grasps on {POSES} are from an image {taken_after_s - stamp_s:.1f} s too "
            "old; the arm may have moved since"
        )


@dataclass(frozen=True)
class PublishedGrasps:
    """The grasps published for one frame, as a generator.

    ``header``: of the colour image; grasps must be in its frame. ``settings``: convention of the
    poses, where the message names none, and how long to wait for them. ``max_age_s``: how much
    older than the image the grasps may be. ``best_first``: poses are in order of quality; else it
    is measured.
    """

    inbox: GraspInbox
    header: Header
    gripper: Gripper
    settings: ExternalSettings
    max_age_s: float
    best_first: bool
    name = NAME
    wants_target = False

    def generate(
        self,
        frame: RgbdFrame,
        seed: int = 0,
        scene: TableScene | None = None,
        target: Target = ANY,
    ) -> GraspCandidates:
        """The grasps as they were published, whatever object they are for."""
        del target
        after_s = seconds(self.header.stamp) - self.max_age_s
        message = self.inbox.newest(after_s, self.settings.timeout_s)
        if plain_frame(message.header.frame_id) != self.header.frame_id:
            raise ExternalFault(
                f"grasps are in frame {message.header.frame_id!r} and the image in "
                f"{self.header.frame_id!r}; they must be in the image's frame"
            )
        convention = ""
        if isinstance(message, ExternalGraspsMessage):
            grasps, convention = from_external_grasps(message), message.convention
        else:
            grasps = from_pose_array(message, self.best_first)
        scene = scene or segment_scene(frame, seed=seed)
        conversion = self.settings.conversion(convention or "tcp")
        return conversion.convert(grasps, scene, self.gripper)


def from_pose_array(message: PoseArray, best_first: bool) -> ExternalGrasps:
    """Poses with a score that falls from 1 along the array, or with none."""
    count = len(message.poses)
    T = to_poses(message.poses)
    score = 1.0 - np.arange(count) / max(count, 1) if best_first else None
    # conventions with a depth of each grasp have none here: the tip offset has to include it
    return external_grasps(T, NAME, depth_m=np.zeros(count), score=score)


def from_external_grasps(message: ExternalGraspsMessage) -> ExternalGrasps:
    """Grasps with all that a message says of them; a width or an opening of 0 is not known."""
    each = message.grasps
    columns = {
        name: np.array([getattr(grasp, name) for grasp in each], float)
        for name in ("width_m", "depth_m", "score", "opening_m")
    }
    for name in ("width_m", "opening_m"):
        columns[name][columns[name] == 0] = np.nan
    return external_grasps(to_poses([grasp.pose for grasp in each]), NAME, **columns)
