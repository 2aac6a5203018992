"""Serve your own grasps over ROS; replace ``propose`` by your model.

    python examples/grasp_service.py
    ros2 launch affordance_grasp grasp.launch.py generator:=none
It takes the place of the node ``candidates``.
"""

# ruff: noqa: TID251 - this is a node

import numpy as np
import rclpy
from affordance_grasp.srv import GenerateGrasps
from rclpy.node import Node

from affordance_grasp.candidates.external.external_grasps import ExternalGrasps, external_grasps
from affordance_grasp.candidates.external.settings import ExternalSettings
from affordance_grasp.candidates.target import Target
from affordance_grasp.control.gripper_kinds import load_gripper
from affordance_grasp.nodes.convert.grasp_messages import from_candidates
from affordance_grasp.nodes.convert.images import to_rgbd
from affordance_grasp.nodes.convert.targets import to_target
from affordance_grasp.nodes.ros.calls import answering
from affordance_grasp.scene.cloud import TableScene, segment_scene

LONGEST_S = 10.0  # that a proposal takes


def propose(scene: TableScene, target: Target) -> ExternalGrasps:
    """Grasps in the camera's optical frame, poses of tcp at closure; put your model here.

    This example descends straight on the middle of the object that is meant, closing across
    the direction in which its points spread least.
    """
    up, meant = scene.table.normal_cam, target.mask(scene.cloud.instance)
    points = scene.cloud.points_cam[meant]
    center = np.median(points, axis=0)
    flat = (points - center) - np.outer((points - center) @ up, up)
    closing = np.linalg.svd(flat, full_matrices=False)[2][1]
    low, high = np.quantile(flat @ closing, [0.01, 0.99])
    T = np.eye(4)
    T[:3, :3] = np.column_stack([closing, np.cross(-up, closing), -up])
    T[:3, 3] = center + (low + high) / 2 * closing - 0.005 * up
    return external_grasps(T[None], "example", width_m=[high - low], score=[1.0])


class GraspService(Node):
    """Offers ``generate_grasps``."""

    def __init__(self) -> None:
        super().__init__("candidates")
        self._gripper, self._conversion = load_gripper(), ExternalSettings().conversion("tcp")
        self.create_service(GenerateGrasps, "generate_grasps", self._generate)

    def _generate(
        self, request: GenerateGrasps.Request, response: GenerateGrasps.Response
    ) -> GenerateGrasps.Response:
        with answering(self, response):  # what goes wrong becomes success = false and a sentence
            response.timeout_s = LONGEST_S
            if request.color.width == 0:  # nothing else was asked
                return response
            frame = to_rgbd(request.color, request.depth, request.camera_info)
            target, scene = to_target(request.target, frame)
            scene = scene or segment_scene(frame, seed=int(request.seed))
            placed = self._conversion.convert(propose(scene, target), scene, self._gripper)
            response.candidates = from_candidates(placed, request.color.header)
        return response


if __name__ == "__main__":
    rclpy.init()
    rclpy.spin(GraspService())
