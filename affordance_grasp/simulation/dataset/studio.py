"""Renderings of an object from many viewpoints, with varied light and ground."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import cv2
import mujoco
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from affordance_grasp.datasets.photometry import photographed
from affordance_grasp.errors import InvalidInput
from affordance_grasp.geometry import Floats, pose, transform_points
from affordance_grasp.image_files import read_color
from affordance_grasp.simulation.dataset.config import DatasetConfig
from affordance_grasp.simulation.models.looks import placed
from affordance_grasp.simulation.models.room import add_textured_material
from affordance_grasp.simulation.models.textures import table_texture
from affordance_grasp.simulation.rendering.renderer import open_renderer
from affordance_grasp.simulation.rendering.scene_camera import (
    HALF_TURN_ABOUT_X,
    geom_part,
    looking,
    render_geom_ids,
)

CAMERA, GROUND = "view", "ground"
OBJECT = "object"
PLACES, AREA_M = 8, (0.1, 0.5)
"""Of an area light: at how many places it is a lamp, and half its size."""
PHOTOGRAPHS = (".jpg", ".jpeg", ".png", ".webp")
PHOTOGRAPH_SIDE, PHOTOGRAPH_M = 768, (0.5, 2.5)
"""Pixels and metres that a photograph on the ground has at most, and at least and at most."""


@dataclass(frozen=True)
class StudioView:
    """A camera: pose of its optical frame in the world, and its vertical field of view."""

    T_world_cam: Floats
    fovy_rad: float


@dataclass(frozen=True)
class Surroundings:
    """``soft``: light from areas, and a camera as :mod:`photometry` has it.

    ``photographs``: files of which ground and walls are made; procedural textures without any.
    """

    soft: bool = False
    photographs: tuple[Path, ...] = ()


def surroundings(config: DatasetConfig) -> Surroundings:
    """Those of a data set.

    Raises:
        InvalidInput: the folder of backgrounds holds no photographs.
    """
    return Surroundings(config.light == "soft", _photographs(config.backgrounds))


@cache
def _photographs(folder: Path | None) -> tuple[Path, ...]:
    if folder is None:
        return ()
    found = tuple(sorted(p for p in folder.glob("*") if p.suffix.lower() in PHOTOGRAPHS))
    if not found:
        raise InvalidInput(f"{folder} holds no photographs ({', '.join(PHOTOGRAPHS)})")
    return found


def studio_spec(
    rng: Generator, object_rgb: Floats | None = None, photographs: tuple[Path, ...] = ()
) -> mujoco.MjSpec:
    """Ground plane at z = 0, two lamps and a camera to be moved.

    The ground has a random texture that differs from ``object_rgb`` (3,) in 0..1, or a photograph.
    """
    spec = mujoco.MjSpec()
    spec.visual.global_.offwidth = spec.visual.global_.offheight = 1024
    spec.visual.quality.shadowsize, spec.visual.quality.offsamples = 1024, 4
    spec.visual.map.znear, spec.visual.map.zfar = 0.02, 10.0
    spec.stat.extent = 1.0
    add_surface(spec, GROUND, rng, object_rgb, photographs)
    spec.worldbody.add_geom(
        name=GROUND, type=mujoco.mjtGeom.mjGEOM_PLANE, size=[4, 4, 0.1], material=GROUND
    )
    for name in ("key", "fill"):
        spec.worldbody.add_light(name=name, castshadow=name == "key", cutoff=70, exponent=1)
    spec.worldbody.add_camera(name=CAMERA)
    return spec


def add_surface(
    spec: mujoco.MjSpec,
    name: str,
    rng: Generator,
    avoid_rgb: Floats | None = None,
    photographs: tuple[Path, ...] = (),
) -> None:
    """Add a material with a photograph, or a random table texture not of ``avoid_rgb``."""
    if photographs:
        image = _shrunk(read_color(photographs[rng.integers(len(photographs))], "photograph"))
        repeat = 1 / rng.uniform(*PHOTOGRAPH_M)
        add_textured_material(spec, name, image, repeat, specular=0.05)
        return
    image = table_texture(rng)
    for _ in range(4):
        if avoid_rgb is None or np.abs(image.mean(axis=(0, 1)) / 255 - avoid_rgb).max() > 0.2:
            break
        image = table_texture(rng)
    repeat = float(rng.uniform(1.0, 4.0))
    add_textured_material(spec, name, image, repeat, specular=float(rng.uniform(0, 0.4)))


def _shrunk(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A photograph of at most :data:`PHOTOGRAPH_SIDE` pixels a side."""
    scale = min(1.0, PHOTOGRAPH_SIDE / max(image.shape[:2]))
    size = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)


class Studio:
    """Renders one compiled model; holds an OpenGL context, so close it."""

    def __init__(
        self,
        spec: mujoco.MjSpec,
        size: tuple[int, int],
        settle_s: float = 0.0,
        soft: bool = False,
    ) -> None:
        """Compile, let objects settle, open a renderer of ``size`` = (width, height) [px].

        ``soft``: lamps are areas, of which an image is the mean over places.
        """
        self.model = spec.compile()
        self.data = mujoco.MjData(self.model)
        for _ in range(int(settle_s / self.model.opt.timestep)):
            mujoco.mj_step(self.model, self.data)
        mujoco.mj_forward(self.model, self.data)
        self.size = size
        names = [geom_part(self.model.geom(i).name, OBJECT) for i in range(self.model.ngeom)]
        self._parts = [part for part in dict.fromkeys(names) if part is not None]
        self._labels = np.array(
            [-1 if n is None else self._parts.index(n) for n in [*names, None]]
        )
        self._renderer = open_renderer(self.model, *size)
        self._flags = self._renderer.scene.flags
        self._flags[mujoco.mjtRndFlag.mjRND_REFLECTION] = False
        self._soft, self._places = soft, list[Floats]()

    def relight(self, rng: Generator) -> None:
        """Randomise position, strength and tint of the lamps; shadows with probability 0.5."""
        model = self.model
        level = rng.uniform(0.75, 1.05)
        model.vis.headlight.ambient[:] = level * rng.uniform(0.25, 0.45)
        model.vis.headlight.diffuse[:] = level * rng.uniform(0.05, 0.3)
        model.vis.headlight.specular[:] = 0
        for name, strength in (("key", rng.uniform(0.3, 0.6)), ("fill", rng.uniform(0.05, 0.3))):
            lamp = model.light(name)
            azimuth, elevation = rng.uniform(0, 2 * np.pi), rng.uniform(0.6, 1.4)
            flat = np.cos(elevation)
            away = np.array([flat * np.cos(azimuth), flat * np.sin(azimuth), np.sin(elevation)])
            lamp.pos[:], lamp.dir[:] = away * rng.uniform(1.2, 2.2), -away
            tint = 1 + rng.uniform(-0.08, 0.08, 3)
            lamp.diffuse[:] = level * strength * tint
            lamp.specular[:] = 0.3
        self._flags[mujoco.mjtRndFlag.mjRND_SHADOW] = rng.uniform() < 0.5
        if self._soft:
            self._flags[mujoco.mjtRndFlag.mjRND_SHADOW] = True
            radius_m = rng.uniform(*AREA_M)
            middle = np.array(model.light("key").pos)
            self._places = [middle + radius_m * rng.uniform(-1, 1, 3) for _ in range(PLACES)]
        mujoco.mj_forward(model, self.data)

    def render(self, view: StudioView) -> tuple[NDArray[np.uint8], dict[str, NDArray[np.bool_]]]:
        """Colour (H, W, 3) uint8 rgb, and masks (H, W) of the object's visible parts."""
        camera = self.model.camera(CAMERA)
        place = placed(view.T_world_cam @ HALF_TURN_ABOUT_X)
        camera.pos[:], camera.quat[:] = place["pos"], place["quat"]
        camera.fovy[:] = np.degrees(view.fovy_rad)
        mujoco.mj_kinematics(self.model, self.data)
        mujoco.mj_camlight(self.model, self.data)
        color = self._color()
        labels = self._labels[render_geom_ids(self._renderer)]
        return color, {self._parts[i]: labels == i for i in np.unique(labels[labels >= 0])}

    def _color(self) -> NDArray[np.uint8]:
        """The image (H, W, 3), where lamps are areas the mean over the places of the key lamp."""
        if not self._places:
            return self._rendered()
        images, lamp = [], self.model.light("key")
        for place in self._places:
            lamp.pos[:], lamp.dir[:] = place, -place / np.linalg.norm(place)
            mujoco.mj_camlight(self.model, self.data)
            images.append(self._rendered())
        return np.asarray(np.rint(np.mean(images, axis=0)), np.uint8)

    def _rendered(self) -> NDArray[np.uint8]:
        self._renderer.update_scene(self.data, CAMERA)
        return np.array(self._renderer.render(), np.uint8)

    def close(self) -> None:
        """Free the OpenGL context."""
        self._renderer.close()


def orbit(
    target_m: Floats, azimuth_rad: float, elevation_rad: float, distance_m: float, roll_rad: float
) -> Floats:
    """Pose of an optical frame (z forward, y down) that looks at a point from a distance."""
    flat = np.cos(elevation_rad)
    away = np.array(
        [flat * np.cos(azimuth_rad), flat * np.sin(azimuth_rad), np.sin(elevation_rad)]
    )
    c, s = np.cos(roll_rad), np.sin(roll_rad)
    rolled = looking(-away) @ np.array([[c, -s, 0], [s, c, 0], [0, 0, 1.0]])
    return pose(rolled, np.asarray(target_m) + distance_m * away)


def framed(
    T_world_cam: Floats,
    points: Floats,
    size: tuple[int, int],
    fill: float,
    offset: tuple[float, float] = (0.0, 0.0),
) -> StudioView:
    """Turn a camera and choose its field of view so that points fill a share of the image.

    Args:
        T_world_cam: where the camera is and roughly where it looks.
        points: (N, 3) world points [m] to frame.
        size: width and height of the image [px].
        fill: largest side of the points' box over the image's side, 0..1.
        offset: position of the box within the remaining margin, -1..1 right and down.
    """
    T = T_world_cam.copy()
    for _ in range(3):
        low, high = _box(T, points)
        R_turn = _turn_towards((low + high) / 2)
        T[:3, :3] = T[:3, :3] @ R_turn
    low, high = _box(T, points)
    focal = fill / max((high - low) / np.asarray(size, float))
    room = (np.asarray(size) / focal - (high - low)) / 2
    T[:3, :3] = T[:3, :3] @ _turn_towards(-room * offset)
    return StudioView(T, float(2 * np.arctan(size[1] / 2 / focal)))


def _box(T_world_cam: Floats, points: Floats) -> tuple[Floats, Floats]:
    """Corners of the box around points on the image plane at depth 1."""
    R, t = T_world_cam[:3, :3], T_world_cam[:3, 3]
    seen = (points - t) @ R
    flat = seen[:, :2] / np.maximum(seen[:, 2:], 0.02)
    return flat.min(axis=0), flat.max(axis=0)


def _turn_towards(xy: Floats) -> Floats:
    """Rotation that brings the direction (x, y, 1) to the optical axis."""
    forward = np.array([*xy, 1.0])
    return looking(forward / np.linalg.norm(forward), up=(0.0, -1.0, 0.0))


def box_corners(T_world_object: Floats, centres: Floats, halves: Floats) -> Floats:
    """Corners (8 N, 3) [m] in the world of N boxes given by centre and half size."""
    signs = np.array(np.meshgrid([-1, 1], [-1, 1], [-1, 1])).T.reshape(-1, 3)
    corners = (centres[:, None] + signs[None] * halves[:, None]).reshape(-1, 3)
    return transform_points(T_world_object, corners)


def apply_camera_model(
    color: NDArray[np.uint8], rng: Generator, soft: bool = False
) -> NDArray[np.uint8]:
    """Camera model: random exposure, white balance, blur and noise; JPEG too where ``soft``."""
    if soft:
        return photographed(color, rng)
    height, width = color.shape[:2]
    image = color.astype(np.float32) / 255
    image = image ** rng.uniform(0.75, 1.2) * rng.uniform(0.88, 1.1)
    image *= (1 + rng.uniform(-0.06, 0.06, 3)).astype(np.float32)
    if rng.uniform() < 0.5:  # the crop of a distant object has fewer pixels than the image
        share = rng.uniform(0.4, 0.9)
        small = (max(1, int(width * share)), max(1, int(height * share)))
        image = cv2.resize(image, small, interpolation=cv2.INTER_AREA)
        image = cv2.resize(image, (width, height), interpolation=cv2.INTER_LINEAR)
    image += rng.normal(scale=rng.uniform(0.0, 0.02), size=image.shape)
    return np.clip(image * 255, 0, 255).astype(np.uint8)
