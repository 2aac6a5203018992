"""Frames for an external program, and its grasps, as files in one folder.

Written for the program: ``color.png``; ``depth.npy`` (H, W) float32 [m], 0 = no reading;
``labels.npy`` (H, W) int32, 0 = table or nothing, 1.. = one object instance each; ``target.png``,
255 where the object that is meant is; ``points.npy`` (N, 3) float32 [m], the points above the
table, and ``thing.npy`` (N,) int32, the object instance of each point; ``scene.ply``, all of the
scene as points with colour and label; ``camera.json``, see :func:`camera_content`. Everything is
in the camera's optical frame: x right, y down, z forward.

Read from it: ``grasps.npy``, an (M, 17) array as graspnetAPI's ``GraspGroup.save_npy`` writes it
(score, width, height, depth, rotation by rows, translation, object), or ``grasps.json``::

    {"convention": "graspnet", "grasps": [{"position": [x, y, z], "quaternion_xyzw": [...] or
     "rotation": [[...], [...], [...]], "width_m": w, "depth_m": d, "opening_m": o,
     "score": s}, ...]}

Only ``position`` and a rotation are required. ``T_cam_source`` (4x4) may say where the frame of
the poses is in the optical frame.
"""

import json
from dataclasses import replace
from math import nan
from pathlib import Path
from typing import Any

import cv2
import msgspec
import numpy as np

from affordance_grasp.array_files import parse_array
from affordance_grasp.candidates.external.external_grasps import (
    MAX_GRASPS,
    ExternalGrasps,
    external_grasps,
    poses_from_parts,
)
from affordance_grasp.candidates.target import Target
from affordance_grasp.configuration.documents import parse_json
from affordance_grasp.configuration.settings import Triple
from affordance_grasp.control.gripper import Gripper
from affordance_grasp.datatypes import CameraIntrinsics, GraspCandidates, RgbdFrame
from affordance_grasp.errors import ExternalFault, InvalidInput, writing
from affordance_grasp.external.folder_program import read_answer
from affordance_grasp.geometry import Floats, pose, pose_from_quaternion, quaternion_xyzw
from affordance_grasp.scene.cloud import TableScene
from affordance_grasp.scene.labelled_points import ply_bytes, scene_points
from affordance_grasp.scene.table import TablePlane

GRASP_GROUP_COLUMNS = 17
NPY, JSON = "grasps.npy", "grasps.json"
OPTIONAL = ("width_m", "depth_m", "score", "opening_m")


def write_frame(folder: Path, frame: RgbdFrame, scene: TableScene, told: dict[str, Any]) -> None:
    """Write one frame for an external program; ``told`` becomes ``camera.json``."""
    labels = scene.cloud.labels
    meant = Target(label=told["target"]).mask(labels)
    images = {"color": frame.color[..., ::-1], "target": meant.astype(np.uint8) * 255}
    with writing(folder):
        for name, image in images.items():
            encoded = cv2.imencode(".png", image)[1]
            (folder / f"{name}.png").write_bytes(encoded.tobytes())
        np.save(folder / "depth.npy", frame.depth_m)
        np.save(folder / "labels.npy", labels.astype(np.int32))
        (folder / "scene.ply").write_bytes(ply_bytes(scene_points(frame, labels)))
        np.save(folder / "points.npy", scene.cloud.points_cam.astype(np.float32))
        np.save(folder / "thing.npy", scene.cloud.instance.astype(np.int32))
        (folder / "camera.json").write_text(json.dumps(told), encoding="utf-8")


def camera_content(
    intrinsics: CameraIntrinsics, table: TablePlane, gripper: Gripper, seed: int, target: Target
) -> dict[str, Any]:
    """What a program is told beside the images, as plain data.

    ``fx fy cx cy width height``; ``gripper``, its name, and the stroke of its fingertips,
    ``min_width_m`` and ``max_width_m``; ``seed``; ``query``; ``region``: left, top, right and
    bottom [pixel], or null for the whole image; ``target``: the label of the object that is
    meant, or 0 for any; ``table``: unit ``normal`` towards the camera and ``offset_m``, so that
    ``normal . p + offset_m`` is the height of a point; ``gravity``, unit vector downwards, and
    ``T_base_cam`` (4x4), or null where they are not known.
    """
    region, gravity, T_base_cam = target.region, target.gravity_cam, target.T_base_cam
    return {
        **vars(intrinsics),
        "gripper": gripper.name,
        "min_width_m": gripper.min_width_m,
        "max_width_m": gripper.max_width_m,
        "seed": seed,
        "query": target.query,
        "region": None if region is None else list(vars(region).values()),
        "target": target.label,
        "table": {"normal": table.normal_cam.tolist(), "offset_m": table.offset_m},
        "gravity": None if gravity is None else gravity.tolist(),
        "T_base_cam": None if T_base_cam is None else T_base_cam.tolist(),
    }


def read_grasps(folder: Path, generator: str) -> tuple[ExternalGrasps, str]:
    """The grasps that a program left in the folder, and the name of their convention.

    Raises:
        ExternalFault: there is no such file, or it does not hold grasps.
    """
    for name, read in ((NPY, read_grasp_group), (JSON, read_grasps_json)):
        encoded = read_answer(folder, name, generator)
        if encoded is not None:
            try:
                return read(encoded, generator)
            except InvalidInput as error:
                raise ExternalFault(str(error)) from error
    raise ExternalFault(f"{generator}: the program left neither {NPY} nor {JSON} in its folder")


def read_grasp_group(encoded: bytes, generator: str) -> tuple[ExternalGrasps, str]:
    """Grasps of a saved GraspGroup."""
    rows = parse_array(encoded, f"{generator}: {NPY}")
    if rows.ndim != 2 or rows.shape[1] != GRASP_GROUP_COLUMNS:
        raise ExternalFault(
            f"{generator}: {NPY} is {rows.shape}, expected (N, {GRASP_GROUP_COLUMNS})"
        )
    rows = rows[:MAX_GRASPS].astype(float)
    T = poses_from_parts(rows[:, 4:13].reshape(-1, 3, 3), rows[:, 13:16])
    return external_grasps(T, generator, rows[:, 1], rows[:, 3], rows[:, 0]), "graspnet"


class _Grasp(msgspec.Struct):
    """One grasp of a JSON file; widths and scores are read as columns."""

    position: Triple
    quaternion_xyzw: tuple[float, float, float, float] | None = None
    rotation: tuple[Triple, Triple, Triple] | None = None
    width_m: float = nan
    depth_m: float = nan
    score: float = nan
    opening_m: float = nan

    def pose(self) -> Floats:
        """The pose (4, 4) of its position and rotation."""
        if self.quaternion_xyzw is None:
            if self.rotation is None:
                raise ValueError("there is none")
            return pose(np.array(self.rotation), self.position)
        if not abs(np.linalg.norm(self.quaternion_xyzw) - 1) <= 1e-3:
            raise ValueError("quaternion is not of length 1")
        return pose_from_quaternion(self.position, self.quaternion_xyzw)


def read_grasps_json(encoded: bytes, generator: str) -> tuple[ExternalGrasps, str]:
    """Grasps of a JSON text; ``tcp`` where it names no convention."""
    name = f"{generator}: {JSON}"
    content = parse_json(encoded, name)
    grasps = content.get("grasps") if isinstance(content, dict) else None
    if not isinstance(grasps, list):
        raise ExternalFault(f'{name} must hold {{"grasps": [{{...}}, ...]}}')
    usable: list[_Grasp] = []
    poses: list[Floats] = []
    problems: list[str] = []
    for number, values in enumerate(grasps[:MAX_GRASPS]):
        try:
            grasp = msgspec.convert(_without_none(values), _Grasp)
            poses.append(grasp.pose())
            usable.append(grasp)
        except (msgspec.ValidationError, ValueError) as error:
            wanted = "needs position and quaternion_xyzw or rotation"
            problems.append(f"{name}: grasp {number} {wanted} ({error})")
    if problems and not usable:
        raise ExternalFault(problems[0])
    source = [content.get("T_cam_source", np.eye(4))]
    T_cam_source = external_grasps(source, f"{name}: T_cam_source").T_cam_external[0]
    T = T_cam_source @ np.array(poses).reshape(-1, 4, 4)
    columns = {name: [getattr(grasp, name) for grasp in usable] for name in OPTIONAL}
    found = external_grasps(T, generator, **columns)
    if problems:
        unread = {"without position and rotation": len(problems)}
        found = replace(found, left_out={**found.left_out, **unread})
    return found, str(content.get("convention", "tcp"))


def _without_none(values: Any) -> Any:
    """Values without those that are None, which is as good as none at all."""
    if not isinstance(values, dict):
        return values
    return {name: value for name, value in values.items() if value is not None}


def grasps_content(candidates: GraspCandidates) -> dict[str, Any]:
    """Candidates as :func:`read_grasps_json` reads them, best first."""
    each = candidates.where(np.argsort(-candidates.quality, kind="stable"))
    poses, numbers = each.T_cam_tcp, (each.width_m, each.opening_m, each.quality)
    rows = zip(poses[:, :3, 3], quaternion_xyzw(poses), *numbers, strict=True)
    return {
        "convention": "tcp",
        "generator": candidates.generator,
        "left_out": dict(candidates.left_out),
        "grasps": [
            {
                "position": position.tolist(),
                "quaternion_xyzw": quaternion.tolist(),
                "width_m": float(width),
                **({"opening_m": float(opening)} if opening else {}),
                "score": float(score),
            }
            for position, quaternion, width, opening, score in rows
        ],
    }
