"""Serve Contact-GraspNet as the grasp generator ``command``; it stays up between frames.

    pip install --no-deps cgn-pytorch==0.4.3            # its weights: NVIDIA's, not for commerce
    affordance-grasp plan ... --generator command --generator-option persistent=true
        --generator-option command="python3 examples/contact_graspnet/serve.py"

Each line on stdin names a folder with a frame (docs/generators.md); the answer is a file of grasps
in it and that line again, followed by what was wrong, if anything was.
"""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from network import ContactGraspNet

POINTS = 20_000
GOOD_SCORE, FEWEST = 0.2, 50
"""All that score better are answered, and these many in any case: thin objects score low."""
HIGHEST_M, LOWEST_M = 0.5, -0.02  # above and below the table: what belongs to the scene
AROUND_M = 0.5


def scene_points(
    depth_m: np.ndarray, camera: dict[str, Any]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Every reading as a point (N, 3) [m] in a frame whose z is the table's normal.

    Returns:
        The points, the pixel (N,) of each, and the rotation (3, 3) of that frame in the optical
        one; the origin is that of the camera.
    """
    pixel = np.flatnonzero(depth_m)
    v, u = np.divmod(pixel, depth_m.shape[1])
    rays = [(u - camera["cx"]) / camera["fx"], (v - camera["cy"]) / camera["fy"], np.ones(len(u))]
    points_cam = (np.array(rays) * depth_m.ravel()[pixel]).T
    z = np.array(camera["table"]["normal"])
    x = np.array([1.0, 0.0, 0.0]) - z[0] * z
    x /= np.linalg.norm(x)
    R_cam_table = np.column_stack([x, np.cross(z, x), z])
    height = points_cam @ z + camera["table"]["offset_m"]
    kept = (height > LOWEST_M) & (height < HIGHEST_M)
    return points_cam[kept] @ R_cam_table, pixel[kept], R_cam_table


def propose(network: ContactGraspNet, folder: Path) -> dict[str, Any]:
    """Grasps on the object that is meant, in the frame of the table."""
    camera = json.loads((folder / "camera.json").read_text(encoding="utf-8"))
    labels = np.load(folder / "labels.npy").ravel()
    points, pixel, R_cam_table = scene_points(np.load(folder / "depth.npy"), camera)
    meant = labels == camera["target"] if camera["target"] else labels > 0
    on_target = meant[pixel]
    near = np.linalg.norm(points - np.median(points[on_target], axis=0), axis=1) < AROUND_M
    points, on_target = points[near], on_target[near]
    chosen = np.random.default_rng(camera["seed"]).permutation(len(points))[:POINTS]
    points, on_target = points[chosen], on_target[chosen]
    middle = points.mean(axis=0)
    found = network.propose(torch.from_numpy((points - middle).astype(np.float32)))
    poses, width_m, score, contact = (each.numpy() for each in found)
    best = np.flatnonzero(on_target[contact])
    best = best[np.argsort(-score[best])]
    best = best[: max(FEWEST, int((score[best] > GOOD_SCORE).sum()))]
    T_cam_source = np.eye(4)
    T_cam_source[:3, :3] = R_cam_table
    grasps = [
        {
            "position": (poses[i, :3, 3] + middle).tolist(),
            "rotation": poses[i, :3, :3].tolist(),
            "width_m": float(width_m[i]),
            "score": float(score[i]),
        }
        for i in best
    ]
    return {
        "convention": "contact_graspnet",
        "T_cam_source": T_cam_source.tolist(),
        "grasps": grasps,
    }


def main() -> None:
    """Answer until stdin ends."""
    network = ContactGraspNet()
    for line in sys.stdin:
        folder = Path(line.rstrip("\n"))
        try:
            answer = propose(network, folder)
            (folder / "grasps.json").write_text(json.dumps(answer), encoding="utf-8")
            print(folder, flush=True)
        except (OSError, KeyError, ValueError, RuntimeError) as error:
            print(folder, " ".join(str(error).split()), flush=True)


if __name__ == "__main__":
    main()
