"""Images of a work cell: the wrist camera's frames, part masks, photos from outside."""

from collections import Counter
from collections.abc import Mapping, Sequence

import mujoco
import numpy as np
from numpy.typing import NDArray

from affordance_grasp.datatypes import CameraIntrinsics, RgbdFrame
from affordance_grasp.errors import InvalidInput, UnknownName
from affordance_grasp.simulation.objects.primitive import HouseholdObject
from affordance_grasp.simulation.rendering.noise import degrade_color, degrade_depth
from affordance_grasp.simulation.rendering.scene_camera import SceneCamera, part_mask

WRIST_CAMERA = "wrist"
PHOTO_VIEWS = ("cell", "closeup")
THINGS = ("object/", "neighbour")


class Observer:
    """Renders states of one model; used and closed in one thread, as OpenGL contexts require.

    ``seed``: of the camera's noise.
    """

    def __init__(
        self,
        model: mujoco.MjModel,
        household_object: HouseholdObject,
        intrinsics: CameraIntrinsics,
        seed: int,
    ) -> None:
        """Renderers are opened on first use."""
        self.household_object = household_object
        self._model, self._intrinsics = model, intrinsics
        self._rng = np.random.default_rng([seed, 11])
        self._cameras: dict[str, SceneCamera] = {}

    def observe(self, data: mujoco.MjData) -> RgbdFrame:
        """One frame of the wrist camera, with the noise and the missing depth of a real one."""
        camera = self._camera(WRIST_CAMERA, self._intrinsics)
        color = camera.color(data)
        depth = degrade_depth(camera.depth_m(data), color, self._intrinsics, self._rng)
        return RgbdFrame(degrade_color(color, self._rng), depth, self._intrinsics)

    def part_masks(
        self, data: mujoco.MjData, groups: Mapping[str, Sequence[str] | None]
    ) -> dict[str, NDArray[np.bool_]]:
        """Name -> pixels (H, W) of the wrist image that show these parts; all parts for None."""
        known = self.household_object.parts
        unknown = [part for parts in groups.values() for part in parts or () if part not in known]
        if unknown:
            raise InvalidInput(f"the object has no part {unknown[0]!r}; it has {', '.join(known)}")
        ids = self._camera(WRIST_CAMERA, self._intrinsics).geom_ids(data)
        return {name: part_mask(self._model, ids, parts) for name, parts in groups.items()}

    def thing_at(self, data: mujoco.MjData, uv: Sequence[float]) -> str:
        """``thing/part`` that most of the 5 x 5 pixels about (u, v) show; empty for none.

        The thing is ``object`` or ``neighbour0``, ``neighbour1``, and so on.
        """
        ids = self._camera(WRIST_CAMERA, self._intrinsics).geom_ids(data)
        u, v = (round(float(x)) for x in uv)
        near = ids[max(v - 2, 0) : v + 3, max(u - 2, 0) : u + 3].ravel()
        names = [self._model.geom(int(i)).name.rpartition("/")[0] for i in near if i >= 0]
        shown = Counter(name for name in names if name.startswith(THINGS))
        return shown.most_common(1)[0][0] if shown else ""

    def photo(self, data: mujoco.MjData, width: int, view: str) -> NDArray[np.uint8]:
        """The work cell from outside, with shadows: (3/4 width, width, 3) uint8 rgb.

        ``view``: ``cell`` shows the whole arm, ``closeup`` the object and the gripper above it.
        """
        if view not in PHOTO_VIEWS:
            raise UnknownName("view", view, PHOTO_VIEWS)
        return self._camera(view, photo_intrinsics(width), shadows=True).color(data)

    def _camera(
        self, name: str, intrinsics: CameraIntrinsics, shadows: bool = False
    ) -> SceneCamera:
        key = f"{name} {intrinsics.width}"
        if key not in self._cameras:
            self._cameras[key] = SceneCamera(self._model, name, intrinsics, shadows)
        return self._cameras[key]

    def close(self) -> None:
        """Free the renderers."""
        for camera in self._cameras.values():
            camera.close()
        self._cameras.clear()


def photo_intrinsics(width: int) -> CameraIntrinsics:
    """Intrinsics of a 4:3 photo with a horizontal field of view of 36 degrees."""
    height = round(0.75 * width)
    focal = 1.54 * width
    return CameraIntrinsics(focal, focal, (width - 1) / 2, (height - 1) / 2, width, height)
