"""The simulated RGB-D camera: an ideal pinhole whose pixels agree with its intrinsics.

Camera frames here are optical frames (z forward, x right, y down), as everywhere in the package;
MuJoCo's own cameras look along -z with y up, which is a half turn about x away.
"""

from collections.abc import Iterable

import mujoco
import numpy as np
from numpy.typing import ArrayLike, NDArray

from affordance_grasp.datatypes import CameraIntrinsics
from affordance_grasp.geometry import Floats, pose
from affordance_grasp.simulation.models.looks import placed
from affordance_grasp.simulation.rendering.renderer import open_renderer

# Colour stream of a RealSense D435 at 640x480: about 69 degrees wide at 1080p, cropped to 55.
D435_COLOR = CameraIntrinsics(fx=615.0, fy=615.0, cx=320.0, cy=240.0, width=640, height=480)
HALF_TURN_ABOUT_X = np.diag([1.0, -1.0, -1.0, 1.0])
"""Pose of MuJoCo's camera frame, y up, in its optical frame, and the other way round."""


def add_camera(
    body: mujoco.MjsBody, name: str, intrinsics: CameraIntrinsics, T_body_optical: Floats
) -> mujoco.MjsCamera:
    """Fix a camera with these intrinsics to a body, its optical frame at ``T_body_optical``."""
    size = intrinsics.width, intrinsics.height
    # MuJoCo counts the principal point from the image centre, which lies between pixels, and
    # leftwards and upwards positive.
    principal = (size[0] - 1) / 2 - intrinsics.cx, (size[1] - 1) / 2 - intrinsics.cy
    return body.add_camera(
        name=name,
        **placed(T_body_optical @ HALF_TURN_ABOUT_X),
        resolution=list(size),
        sensor_size=[side * 1e-5 for side in size],
        focal_pixel=[intrinsics.fx, intrinsics.fy],
        principal_pixel=list(principal),
    )


def look_at(eye_m: Iterable[float], target_m: Iterable[float]) -> Floats:
    """Pose of an optical frame at ``eye_m`` that looks at ``target_m``, image upright (z up)."""
    eye, target = np.array(list(eye_m), float), np.array(list(target_m), float)
    return pose(looking((target - eye) / np.linalg.norm(target - eye)), eye)


def looking(forward: Floats, up: ArrayLike = (0.0, 0.0, 1.0)) -> Floats:
    """Rotation (3, 3) of an optical frame that looks along a unit vector, ``up`` upwards."""
    right = np.cross(forward, np.asarray(up, float))
    if np.linalg.norm(right) < 1e-9:  # straight down: image up is world +x
        right = np.array([0.0, -1.0, 0.0])
    right = right / np.linalg.norm(right)
    return np.stack([right, np.cross(forward, right), forward], axis=1)


class SceneCamera:
    """Renders one named camera of a model; colour, metric depth and what every pixel shows.

    Holds an OpenGL context: use it on the thread that made it, and close it.
    """

    def __init__(
        self,
        model: mujoco.MjModel,
        name: str,
        intrinsics: CameraIntrinsics,
        shadows: bool = False,
    ) -> None:
        """Open a renderer of the camera's size; shadows cost about three times the time."""
        self.intrinsics = intrinsics
        self._model = model
        self._name = name
        self._renderer = open_renderer(model, intrinsics.width, intrinsics.height)
        self._renderer.scene.flags[mujoco.mjtRndFlag.mjRND_SHADOW] = shadows
        self._renderer.scene.flags[mujoco.mjtRndFlag.mjRND_REFLECTION] = shadows

    def color(self, data: mujoco.MjData) -> NDArray[np.uint8]:
        """The colour image (H, W, 3) uint8 rgb."""
        self._renderer.update_scene(data, self._name)
        return np.array(self._renderer.render(), np.uint8)

    def depth_m(self, data: mujoco.MjData) -> NDArray[np.float32]:
        """Distance along the optical axis (H, W) float32 [m]; 0 where there is nothing."""
        self._renderer.update_scene(data, self._name)
        self._renderer.enable_depth_rendering()
        depth = np.array(self._renderer.render(), np.float32)
        self._renderer.disable_depth_rendering()
        far = self._model.vis.map.zfar * self._model.stat.extent
        return np.where(depth < 0.999 * far, depth, np.float32(0))

    def geom_ids(self, data: mujoco.MjData) -> NDArray[np.int32]:
        """Index of the geom seen at every pixel (H, W) int32; -1 where there is none."""
        self._renderer.update_scene(data, self._name)
        return render_geom_ids(self._renderer)

    def close(self) -> None:
        """Free the OpenGL context."""
        self._renderer.close()


def render_geom_ids(renderer: mujoco.Renderer) -> NDArray[np.int32]:
    """Index of the geom at every pixel (H, W) of the renderer's scene; -1 where there is none."""
    renderer.enable_segmentation_rendering()
    ids, kinds = np.moveaxis(np.array(renderer.render(), np.int32), -1, 0)
    renderer.disable_segmentation_rendering()
    # comparing arrays with the enum itself is slow
    return np.where(kinds == int(mujoco.mjtObj.mjOBJ_GEOM), ids, np.int32(-1))


def geom_part(geom_name: str, object_name: str = "object") -> str | None:
    """The part that a geom named ``<object>/<part>/<i>`` belongs to; None for any other geom."""
    words = geom_name.split("/")
    return words[1] if len(words) == 3 and words[0] == object_name else None


def part_mask(
    model: mujoco.MjModel,
    geom_ids: NDArray[np.int32],
    parts: Iterable[str] | None = None,
    object_name: str = "object",
) -> NDArray[np.bool_]:
    """Pixels (H, W) bool that show any of these parts of an object; all of it for None."""
    wanted = None if parts is None else set(parts)
    shown = np.zeros(model.ngeom + 1, bool)  # the last entry stands for -1, nothing
    for geom in range(model.ngeom):
        part = geom_part(model.geom(geom).name, object_name)
        shown[geom] = part is not None and (wanted is None or part in wanted)
    return np.asarray(shown[geom_ids])
