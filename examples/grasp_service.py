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

from affordance_grasp.datatypes import GraspCandidates, RgbdFrame
from affordance_grasp.nodes.convert.grasp_messages import from_candidates
from affordance_grasp.nodes.convert.images import to_rgbd
from affordance_grasp.nodes.ros.calls import answering
from affordance_grasp.scene.cloud import TableScene, segment_scene


def propose(frame: RgbdFrame, scene: TableScene) -> GraspCandidates:
    """Grasps in the camera's optical frame, poses of tcp at closure; put your model here.

    This example descends straight on the middle of the objects on the table, closing across
    the direction in which the points spread least.
    """
    points, up = scene.cloud.points_cam, scene.table.normal_cam
    center = np.median(points, axis=0)
    flat = (points - center) - np.outer((points - center) @ up, up)
    closing = np.linalg.svd(flat, full_matrices=False)[2][1]
    low, high = np.quantile(flat @ closing, [0.01, 0.99])
    T = np.eye(4)
    T[:3, :3] = np.column_stack([closing, np.cross(-up, closing), -up])
    T[:3, 3] = center + (low + high) / 2 * closing - 0.005 * up
    return GraspCandidates(T[None], np.array([high - low]), center[None], np.ones(1), "example")


class GraspService(Node):
    """Offers ``generate_grasps``."""

    def __init__(self) -> None:
        super().__init__("candidates")
        self.create_service(GenerateGrasps, "generate_grasps", self._generate)

    def _generate(
        self, request: GenerateGrasps.Request, response: GenerateGrasps.Response
    ) -> GenerateGrasps.Response:
        with answering(self, response):  # what goes wrong becomes success = false and a sentence
            frame = to_rgbd(request.color, request.depth, request.camera_info)
            grasps = propose(frame, segment_scene(frame, seed=int(request.seed)))
            response.candidates = from_candidates(grasps, request.color.header)
        return response


if __name__ == "__main__":
    rclpy.init()
    rclpy.spin(GraspService())
