"""Serve your own grasp model in GraspGen's protocol; replace ``propose`` by your model.

    python examples/grasp_server.py tcp://127.0.0.1:5556
    affordance-grasp plan --generator graspgen ...        # with ROS: generator:=graspgen
It needs no ROS. Where this package is not installed, ``msgpack_numpy`` packs the same way.
"""

import sys
from typing import Any

import numpy as np
import zmq

from affordance_grasp.errors import AffordanceGraspError
from affordance_grasp.external.packing import pack, unpack

HAND, FINGERTIPS_M = "robotiq_2f_140", 0.21196  # the hand of the poses; its origin -> fingertips


def propose(points: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Grasps for one object: poses (M, 4, 4) and scores (M,) in 0..1; put your model here.

    ``points`` (N, 3) [m] are in the camera's optical frame, and so are the poses: +z approach,
    +x closing, origin at the base of the hand. This stand-in comes along the points' least spread.
    """
    center = np.median(points, axis=0)
    _, _, axes = np.linalg.svd(points - center, full_matrices=False)
    closing, approach = axes[1], axes[2] * np.sign(axes[2, 2])
    poses = np.repeat(np.eye(4, dtype=np.float32)[None], min(count, 5), axis=0)
    poses[:, :3, :3] = np.column_stack([closing, np.cross(approach, closing), approach])
    reach = np.linspace(-FINGERTIPS_M, 0.02 - FINGERTIPS_M, len(poses))
    poses[:, :3, 3] = center + reach[:, None] * approach
    return poses, np.linspace(0.5, 0.9, len(poses), dtype=np.float32)


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """One request -> one answer."""
    if request.get("action") == "metadata":
        return {"gripper_name": HAND, "model_name": "example"}
    if request.get("action") == "infer":
        grasps, scores = propose(request["point_cloud"], int(request["num_grasps"]))
        return {"grasps": grasps, "confidences": scores}
    return {"error": f"unknown action {request.get('action')!r}"}


def main(address: str) -> None:
    """Answer for ever."""
    with zmq.Context.instance().socket(zmq.REP) as socket:
        socket.bind(address)
        while True:
            try:
                reply = answer(unpack(socket.recv(), "client"))
            except (AffordanceGraspError, KeyError, ValueError) as error:
                reply = {"error": str(error)}
            socket.send(pack(reply))


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "tcp://127.0.0.1:5556")
