"""Serve your own affordance model as grounder; replace ``ground`` by your model.

As a program that stays up, or over ZMQ from another machine (with ROS: the same as launch
arguments, such as method:=external model_command:="python3 examples/ground_server.py"):

    affordance-grasp ground mug.png --query "where would I lift it?" --method external
        --model-command "python3 examples/ground_server.py"
    python examples/ground_server.py tcp://127.0.0.1:5557
    affordance-grasp ground mug.png --query "..." --method external
        --model-address tcp://127.0.0.1:5557
"""

import json
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np


def ground(color: np.ndarray, query: str, region: list[int]) -> np.ndarray:
    """A heatmap (H, W) within 0..1 of an rgb image (H, W, 3) uint8; put your model here.

    ``query`` is what the user wrote; ``region`` (left, top, right, bottom [pixel]) holds what
    matters. This stand-in finds the region's most colourful pixels, whatever the query.
    """
    left, top, right, bottom = region
    part = cv2.GaussianBlur(color[top:bottom, left:right], (0, 0), 3).astype(np.float32)
    heatmap = np.zeros(color.shape[:2], np.float32)
    heatmap[top:bottom, left:right] = np.ptp(part, axis=2) / 255
    return heatmap


def answer_folders() -> None:
    """Each line of input names a folder with ``color.png`` and ``request.json``."""
    for line in sys.stdin:
        folder = Path(line.rstrip("\n"))
        try:
            request = json.loads((folder / "request.json").read_text(encoding="utf-8"))
            color = cv2.imread(str(folder / "color.png"))[..., ::-1]
            np.save(folder / "heatmap.npy", ground(color, request["query"], request["region"]))
            print(folder, flush=True)
        except Exception as error:  # whatever went wrong is the answer
            print(folder, error, flush=True)


def answer_messages(address: str) -> None:
    """Each message is ``{"action": "ground", "image": ..., "query": ..., "region": [...]}``."""
    import zmq

    from affordance_grasp.external.packing import pack, unpack  # or the package msgpack_numpy

    with zmq.Context.instance().socket(zmq.REP) as socket:
        socket.bind(address)
        while True:
            reply: dict[str, Any]
            try:
                request = unpack(socket.recv(), "client")
                reply = {"heatmap": ground(request["image"], request["query"], request["region"])}
            except Exception as error:
                reply = {"error": str(error)}
            socket.send(pack(reply))


if __name__ == "__main__":
    answer_messages(sys.argv[1]) if len(sys.argv) > 1 else answer_folders()
