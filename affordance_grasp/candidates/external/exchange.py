"""Frames for an external program, and its grasps, as files in one folder.

Written for the program: ``color.png``; ``depth.npy`` (H, W) float32 [m], 0 = no reading;
``points.npy`` (N, 3) float32 [m], the points above the table, and ``thing.npy`` (N,) int32, the
object instance of each point; ``camera.json`` with ``fx fy cx cy width height``,
``max_width_m`` and ``seed``. Everything is in the camera's optical frame: x right, y down,
z forward.

Read from it: ``grasps.npy``, an (M, 17) array as graspnetAPI's ``GraspGroup.save_npy`` writes it
(score, width, height, depth, rotation by rows, translation, object), or ``grasps.json``::

    {"convention": "graspnet", "grasps": [{"position": [x, y, z], "quaternion_xyzw": [...] or
     "rotation": [[...], [...], [...]], "width_m": w, "depth_m": d, "score": s}, ...]}

Only ``position`` and a rotation are required. ``T_cam_source`` (4x4) may say where the frame of
the poses is in the optical frame.
"""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from scipy.spatial.transform import Rotation

from affordance_grasp.candidates.external.external_grasps import (
    MAX_GRASPS,
    ExternalGrasps,
    GeneratorFault,
    external_grasps,
    poses_from_parts,
)
from affordance_grasp.datatypes import GraspCandidates, RgbdFrame
from affordance_grasp.errors import writing
from affordance_grasp.geometry import Floats, pose, quaternion_xyzw
from affordance_grasp.scene.cloud import TableScene

MAX_FILE_BYTES = 64 * 2**20
GRASP_GROUP_COLUMNS = 17
NPY, JSON = "grasps.npy", "grasps.json"
OPTIONAL = ("width_m", "depth_m", "score")


def write_frame(
    folder: Path, frame: RgbdFrame, scene: TableScene, max_width_m: float, seed: int
) -> None:
    """Write one frame for an external program."""
    camera = {**vars(frame.intrinsics), "max_width_m": max_width_m, "seed": seed}
    with writing(folder):
        (folder / "color.png").write_bytes(
            cv2.imencode(".png", frame.color[..., ::-1])[1].tobytes()
        )
        np.save(folder / "depth.npy", frame.depth_m)
        np.save(folder / "points.npy", scene.cloud.points_cam.astype(np.float32))
        np.save(folder / "thing.npy", scene.cloud.instance.astype(np.int32))
        (folder / "camera.json").write_text(json.dumps(camera), encoding="utf-8")


def read_grasps(folder: Path, generator: str) -> tuple[ExternalGrasps, str]:
    """The grasps that a program left in the folder, and the name of their convention.

    Raises:
        GeneratorFault: there is no such file, or it does not hold grasps.
    """
    for name, read in ((NPY, read_grasp_group), (JSON, read_grasps_json)):
        path = folder / name
        if path.is_file():
            if path.stat().st_size > MAX_FILE_BYTES:
                raise GeneratorFault(f"{generator}: {name} is larger than {MAX_FILE_BYTES} bytes")
            return read(path, generator)
    raise GeneratorFault(f"{generator}: the program left neither {NPY} nor {JSON} in its folder")


def read_grasp_group(path: Path, generator: str) -> tuple[ExternalGrasps, str]:
    """Grasps of a saved GraspGroup."""
    try:
        rows = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise GeneratorFault(f"{generator}: {path.name} is not a numpy array ({error})") from error
    shape = getattr(rows, "shape", None)
    if shape is None or len(shape) != 2 or shape[1] != GRASP_GROUP_COLUMNS:
        raise GeneratorFault(
            f"{generator}: {path.name} is {shape}, expected (N, {GRASP_GROUP_COLUMNS})"
        )
    try:
        rows = rows[:MAX_GRASPS].astype(float)
    except (TypeError, ValueError) as error:
        raise GeneratorFault(f"{generator}: {path.name} holds no numbers") from error
    T = poses_from_parts(rows[:, 4:13].reshape(-1, 3, 3), rows[:, 13:16])
    return external_grasps(T, generator, rows[:, 1], rows[:, 3], rows[:, 0]), "graspnet"


def read_grasps_json(path: Path, generator: str) -> tuple[ExternalGrasps, str]:
    """Grasps of a JSON file; ``tcp`` where it names no convention."""
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise GeneratorFault(f"{generator}: {path.name} is not JSON ({error})") from error
    grasps = content.get("grasps") if isinstance(content, dict) else None
    if not isinstance(grasps, list) or not all(isinstance(grasp, dict) for grasp in grasps):
        raise GeneratorFault(f'{generator}: {path.name} must hold {{"grasps": [{{...}}, ...]}}')
    usable: list[tuple[dict[str, Any], Floats]] = []
    problems: list[str] = []
    for number, grasp in enumerate(grasps[:MAX_GRASPS]):
        try:
            usable.append((grasp, _pose(grasp)))
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            wanted = "needs position and quaternion_xyzw or rotation"
            problems.append(f"{generator}: grasp {number} {wanted} ({error})")
    if problems and not usable:
        raise GeneratorFault(problems[0])
    source = [content.get("T_cam_source", np.eye(4))]
    T_cam_source = external_grasps(source, f"{generator}: T_cam_source").T_cam_external[0]
    T = T_cam_source @ np.array([T for _, T in usable]).reshape(-1, 4, 4)
    columns: list[Any] = [[grasp.get(name) for grasp, _ in usable] for name in OPTIONAL]
    found = external_grasps(T, generator, *columns)  # None becomes NaN
    if problems:
        unread = {"without position and rotation": len(problems)}
        found = replace(found, left_out={**found.left_out, **unread})
    return found, str(content.get("convention", "tcp"))


def grasps_content(candidates: GraspCandidates) -> dict[str, Any]:
    """Candidates as :func:`read_grasps_json` reads them, best first."""
    order = np.argsort(-candidates.quality, kind="stable")
    poses = candidates.T_cam_tcp[order]
    width_m, quality = candidates.width_m[order], candidates.quality[order]
    rows = zip(poses[:, :3, 3], quaternion_xyzw(poses), width_m, quality, strict=True)
    return {
        "convention": "tcp",
        "generator": candidates.generator,
        "grasps": [
            {
                "position": position.tolist(),
                "quaternion_xyzw": quaternion.tolist(),
                "width_m": float(width),
                "score": float(score),
            }
            for position, quaternion, width, score in rows
        ],
    }


def _pose(grasp: dict[str, Any]) -> Floats:
    if "quaternion_xyzw" in grasp:
        quaternion = np.asarray(grasp["quaternion_xyzw"], float)
        if abs(np.linalg.norm(quaternion) - 1) > 1e-3:
            raise ValueError("quaternion is not of length 1")
        R = Rotation.from_quat(quaternion).as_matrix()
    else:
        R = np.asarray(grasp["rotation"], float).reshape(3, 3)
    return pose(R, np.asarray(grasp["position"], float).reshape(3))
