"""Client of a GraspGen server (Murali et al. 2025): MessagePack over a ZMQ request socket.

The server that comes with GraspGen (``client-server/graspgen_server.py``) runs the network where
there is a GPU; this side needs none. Requests are ``{"action": "metadata"}`` and ``{"action":
"infer", "point_cloud": (N, 3) float32 [m], "num_grasps": M, ...}``, with what a program is told in
``camera.json``; answers hold ``grasps``
(M, 4, 4), poses of the base of the hand in the frame of the cloud, and ``confidences`` (M,), or
``error``. Anything else that speaks this can be used too; see ``examples/grasp_server.py``.
"""

from collections import Counter
from dataclasses import replace
from time import monotonic
from typing import Any

import numpy as np

from affordance_grasp.candidates.external.exchange import camera_content
from affordance_grasp.candidates.external.external_grasps import (
    ExternalGrasps,
    external_grasps,
)
from affordance_grasp.candidates.external.settings import ExternalSettings
from affordance_grasp.candidates.target import ANY, Target
from affordance_grasp.control.gripper import Gripper
from affordance_grasp.datatypes import GraspCandidates, RgbdFrame
from affordance_grasp.errors import ExternalFault
from affordance_grasp.external.server import Server
from affordance_grasp.geometry import Floats
from affordance_grasp.scene.cloud import ObjectCloud, TableScene, segment_scene

NAME = "graspgen"
MAX_INSTANCES = 4
MIN_POINTS = 50


class GraspGenClient(Server):
    """Queries one server."""

    def __init__(self, address: str) -> None:
        super().__init__(address, NAME)

    def metadata(self, timeout_s: float) -> dict[str, Any]:
        """The server's description; ``gripper_name`` is the hand it was trained with."""
        return self.ask({"action": "metadata"}, timeout_s)

    def infer(
        self, points_cam: Floats, count: int, timeout_s: float, told: dict[str, Any] | None = None
    ) -> ExternalGrasps:
        """Grasps for the points (N, 3) [m] of one object, in the points' frame.

        ``told``: more about the scene, which GraspGen's own server ignores.
        """
        request = {
            **(told or {}),
            "action": "infer",
            "point_cloud": np.ascontiguousarray(points_cam, np.float32),
            "num_grasps": count,
            "topk_num_grasps": count,
            "grasp_threshold": -1.0,
            "min_grasps": 1,
            "max_tries": 1,
            "remove_outliers": True,
        }
        answer = self.ask(request, timeout_s)
        for field in ("grasps", "confidences"):
            if field not in answer:
                raise ExternalFault(f"{self._name}: the answer has no {field!r}")
        return external_grasps(answer["grasps"], self._name, score=answer["confidences"])


class GraspGenGenerator:
    """Grasps for the largest objects on the table, from a GraspGen server."""

    name = NAME
    wants_target = True

    def __init__(self, gripper: Gripper, settings: ExternalSettings) -> None:
        self._gripper, self._settings = gripper, settings
        self._client = GraspGenClient(settings.address)

    def generate(
        self,
        frame: RgbdFrame,
        seed: int = 0,
        scene: TableScene | None = None,
        target: Target = ANY,
    ) -> GraspCandidates:
        """Propose grasps; the server's own sampling is not seeded.

        The time limit of the settings holds for all requests together.
        """
        scene = scene or segment_scene(frame, seed=seed)
        deadline = monotonic() + self._settings.timeout_s
        hand = ""
        if self._settings.tip_offset_m < 0 and not self._settings.hand:
            metadata = self._client.metadata(deadline - monotonic())
            hand = str(metadata.get("gripper_name", ""))
        conversion = self._settings.conversion(NAME, hand)
        told = camera_content(frame.intrinsics, scene.table, self._gripper, seed, target)
        found, refused = self._infer_all(scene.cloud, told, deadline)
        candidates = conversion.convert(found, scene, self._gripper)
        unanswered = {"object instances without an answer": refused} if refused else {}
        return replace(candidates, left_out={**candidates.left_out, **unanswered})

    def _infer_all(
        self, cloud: ObjectCloud, told: dict[str, Any], deadline: float
    ) -> tuple[ExternalGrasps, int]:
        """Grasps for every instance, and how many had none: one refusal loses no other's."""
        found: list[ExternalGrasps] = []
        refused: list[ExternalFault] = []
        for points in largest_instances(cloud, told["target"]):
            try:
                left_s, count = deadline - monotonic(), self._settings.max_grasps
                found.append(self._client.infer(points, count, left_s, told))
            except ExternalFault as fault:
                refused.append(fault)
        if refused and not found:
            raise refused[0]
        return _joined(found), len(refused)


def largest_instances(cloud: ObjectCloud, label: int = 0) -> list[Floats]:
    """Points (N, 3) of each of the largest object instances, largest first, or of one label."""
    labels = [label] if label else np.unique(cloud.instance)
    each = [cloud.points_cam[cloud.instance == label] for label in labels]
    return [points for points in each if len(points) >= MIN_POINTS][:MAX_INSTANCES]


def _joined(parts: list[ExternalGrasps]) -> ExternalGrasps:
    names = ("T_cam_external", "width_m", "depth_m", "score", "opening_m")
    if not parts:
        return external_grasps([], NAME)
    arrays = {name: np.concatenate([getattr(part, name) for part in parts]) for name in names}
    left_out = sum((Counter(part.left_out) for part in parts), Counter[str]())
    return ExternalGrasps(**arrays, generator=NAME, left_out=dict(left_out))
