"""Table, room and light around the robot; their appearance depends on the seed.

World frame = ``base_link``: z up, the table top is the plane z = 0 on which the arm stands.
"""

from dataclasses import dataclass
from typing import Any

import mujoco
import numpy as np
from numpy.typing import NDArray

from affordance_grasp.simulation.models.textures import texture

Color = tuple[float, float, float]

TABLE = "table/top"
PHOTO_SIZE = (1280, 960)
TIMESTEP_S = 0.002
_FLOOR_Z_M = -0.74
_WORK_M = np.array([0.45, 0.0, 0.05])


# (pattern, base colour) of tables and floors as in kitchens and laboratories.
_TABLES: tuple[tuple[str, Color], ...] = (
    ("wood", (0.72, 0.53, 0.35)),
    ("wood", (0.52, 0.36, 0.24)),
    ("wood", (0.80, 0.68, 0.52)),
    ("plain", (0.82, 0.82, 0.80)),
    ("plain", (0.42, 0.47, 0.52)),
    ("stone", (0.62, 0.62, 0.63)),
    ("cloth", (0.55, 0.62, 0.72)),
    ("tiles", (0.75, 0.72, 0.66)),
)
_FLOORS: tuple[tuple[str, Color], ...] = (
    ("wood", (0.50, 0.40, 0.31)),
    ("tiles", (0.55, 0.56, 0.58)),
    ("plain", (0.46, 0.48, 0.50)),
)


@dataclass(frozen=True)
class SceneLook:
    """Surfaces and light, sampled from a seed."""

    table: tuple[str, Color]
    floor: tuple[str, Color]
    wall: Color
    light: float
    azimuth_rad: float
    seed: int

    @classmethod
    def from_seed(cls, seed: int) -> "SceneLook":
        """A look for this seed; the same seed gives the same look."""
        rng = np.random.default_rng([seed, 7])
        pattern, color = _TABLES[int(rng.integers(len(_TABLES)))]
        wall = np.clip(rng.uniform(0.6, 0.85) + rng.uniform(-0.05, 0.05, 3), 0, 1)
        return cls(
            table=(pattern, _vary(color, rng)),
            floor=_FLOORS[int(rng.integers(len(_FLOORS)))],
            wall=(float(wall[0]), float(wall[1]), float(wall[2])),
            light=float(rng.uniform(0.85, 1.15)),
            azimuth_rad=float(rng.uniform(-0.9, 0.9)),
            seed=seed,
        )


def _vary(color: Color, rng: np.random.Generator) -> Color:
    red, green, blue = np.clip(np.array(color) * rng.uniform(0.85, 1.1), 0.05, 0.95)
    return float(red), float(green), float(blue)


def empty_world() -> mujoco.MjSpec:
    """A spec with radians and the contact solver that grasping needs.

    Elliptic friction cones with a high impedance ratio and a few no-slip iterations keep a gripped
    object from creeping through the pads; nothing else holds it.
    """
    spec = mujoco.MjSpec()
    spec.compiler.degree = False
    spec.option.timestep = TIMESTEP_S
    spec.option.integrator = mujoco.mjtIntegrator.mjINT_IMPLICITFAST
    spec.option.cone = mujoco.mjtCone.mjCONE_ELLIPTIC
    spec.option.impratio = 20.0
    spec.option.noslip_iterations = 20
    spec.visual.global_.offwidth, spec.visual.global_.offheight = PHOTO_SIZE
    spec.visual.quality.shadowsize = 2048
    spec.visual.quality.offsamples = 4
    spec.visual.map.znear = 0.01
    spec.visual.map.zfar = 8.0
    spec.visual.map.shadowclip = 1.1
    spec.stat.extent = 1.0
    spec.stat.center = [0.45, 0.0, 0.1]
    return spec


def add_room(spec: mujoco.MjSpec, look: SceneLook) -> None:
    """Add table, floor, walls and lights."""
    _add_lights(spec, look)
    _add_material(spec, "table", look.table, look.seed, repeat=1.6)
    _add_material(spec, "floor", look.floor, look.seed + 1, repeat=0.7)
    _add_table(spec)
    spec.worldbody.add_geom(
        name="room/floor",
        type=mujoco.mjtGeom.mjGEOM_PLANE,
        size=[5, 5, 0.1],
        pos=[0, 0, _FLOOR_Z_M],
        material="floor",
    )
    spec.add_material(name="wall", rgba=[*look.wall, 1.0], emission=0.3, specular=0.0)
    _add_block(spec, "room/back", [2.4, 0, 0.8], [0.05, 4, 2], material="wall")
    _add_block(spec, "room/front", [-2.4, 0, 0.8], [0.05, 4, 2], material="wall")
    _add_block(spec, "room/left", [0, 2.6, 0.8], [4, 0.05, 2], material="wall")


def _add_block(
    spec: mujoco.MjSpec, name: str, center: list[float], half_size: list[float], **look: Any
) -> None:
    """A block that is seen and touches nothing."""
    kind, world = mujoco.mjtGeom.mjGEOM_BOX, spec.worldbody
    world.add_geom(
        name=name, type=kind, size=half_size, pos=center, contype=0, conaffinity=0, **look
    )


def _add_table(spec: mujoco.MjSpec) -> None:
    """Top from x = -0.3 to 1.0 m and y = -0.65 to 0.65 m, upper face at z = 0, on four legs."""
    half_x, half_y, half_z, center_x = 0.65, 0.65, 0.02, 0.35
    spec.worldbody.add_geom(
        name=TABLE,
        type=mujoco.mjtGeom.mjGEOM_BOX,
        size=[half_x, half_y, half_z],
        pos=[center_x, 0, -half_z],
        material="table",
        friction=[0.6, 0.005, 0.0005],
        condim=6,
        solref=[0.006, 1.0],
        solimp=[0.95, 0.99, 0.001, 0.5, 2.0],
        solmix=10.0,
    )
    for i, (sx, sy) in enumerate(((-1, -1), (-1, 1), (1, -1), (1, 1))):
        height = -_FLOOR_Z_M - 2 * half_z
        x, y = center_x + sx * (half_x - 0.05), sy * (half_y - 0.05)
        center, half = [x, y, -2 * half_z - height / 2], [0.03, 0.03, height / 2]
        _add_block(spec, f"table/leg{i}", center, half, rgba=[0.25, 0.26, 0.28, 1])


def _add_material(
    spec: mujoco.MjSpec, name: str, surface: tuple[str, Color], seed: int, repeat: float
) -> None:
    pattern, color = surface
    image = texture(pattern, np.random.default_rng([seed, 3]), np.array(color), 512)
    add_textured_material(spec, name, image, repeat, specular=0.2)


def add_textured_material(
    spec: mujoco.MjSpec, name: str, image: NDArray[np.uint8], repeat: float, specular: float
) -> None:
    """Add a material whose texture (S, S, 3) repeats ``repeat`` times per metre."""
    added = spec.add_texture(name=name, type=mujoco.mjtTexture.mjTEXTURE_2D)
    added.height, added.width, added.nchannel = image.shape
    added.data = image.tobytes()
    material = spec.add_material(
        name=name,
        texuniform=True,
        texrepeat=[repeat, repeat],
        specular=specular,
        shininess=0.3,
    )
    material.textures[mujoco.mjtTextureRole.mjTEXROLE_RGB] = name


def _add_lights(spec: mujoco.MjSpec, look: SceneLook) -> None:
    """A directional light with shadows, a lamp from the other side, and ambient light."""
    headlight = spec.visual.headlight
    headlight.ambient = [0.45 * look.light] * 3
    headlight.diffuse = [0.16 * look.light] * 3
    headlight.specular = [0.0] * 3
    turn = look.azimuth_rad
    key = np.array([0.75 * np.sin(turn) - 0.1, -0.75 * np.cos(turn) + 0.1, 1.5])
    spec.worldbody.add_light(
        name="key",
        type=mujoco.mjtLightType.mjLIGHT_DIRECTIONAL,
        pos=list(_WORK_M + key),
        dir=list(-key / np.linalg.norm(key)),
        diffuse=[0.52 * look.light] * 3,
        specular=[0.25] * 3,
        castshadow=True,
    )
    lamp = np.array([-0.75, 1.3, 1.4])
    spec.worldbody.add_light(
        name="fill",
        type=mujoco.mjtLightType.mjLIGHT_SPOT,
        pos=list(_WORK_M + lamp),
        dir=list(-lamp / np.linalg.norm(lamp)),
        cutoff=70,
        exponent=1,
        diffuse=[0.22 * look.light] * 3,
        specular=[0.1] * 3,
        castshadow=False,
    )
