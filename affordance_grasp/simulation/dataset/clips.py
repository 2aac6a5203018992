"""Clips of a hand that approaches an object, uses it, and leaves, as folders of frames.

They lie where exocentric images do, ``trainset/exocentric/AFFORDANCE/FAMILY/CLIP/*.jpg``.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from zlib import crc32

import cv2
import mujoco
import numpy as np
from numpy.typing import NDArray

from affordance_grasp.files import write_file
from affordance_grasp.geometry import Floats, pose
from affordance_grasp.simulation.dataset.config import ClipConfig
from affordance_grasp.simulation.dataset.functional_parts import FUNCTIONAL_PARTS, functional_parts
from affordance_grasp.simulation.dataset.masked_images import exo_scene, exo_views
from affordance_grasp.simulation.dataset.person import find_grip, make_hand, usage_rotation
from affordance_grasp.simulation.dataset.studio import OBJECT, Studio, apply_camera_model
from affordance_grasp.simulation.models.looks import placed
from affordance_grasp.simulation.objects import EXO_SEED_START, make_object

PERSON = "person"
FARTHEST_M = 0.16
ARRIVES, LEAVES = 0.4, 0.65
"""Shares of a clip after which the hand is there, and leaves again."""
TURN_RAD = 0.35
HIDDEN_M = 0.06
"""In clips whose contact is hidden, something stands before a hand that is nearer than this."""
MARGIN = 0.6
SEEDS_PER_PAIR, FIRST_SEED = 500, 250
VIEWS = 4


def write_clips(
    trainset: Path,
    pairs: Iterable[tuple[str, str]],
    config: ClipConfig,
    progress: Callable[[list[Any]], Iterable[Any]] = iter,
) -> int:
    """Write clips of pairs of an affordance and a family; those that exist are kept.

    Returns the number of clips that were rendered.
    """
    due = []
    for affordance, family in sorted(pairs):
        for number in range(config.per_pair):
            folder = trainset / "exocentric" / affordance / family / f"{family}_{number:04d}"
            last = folder / f"{config.frames:06d}.jpg"
            due += [] if last.exists() else [(affordance, family, number, folder)]
    for affordance, family, number, folder in progress(due):
        for i, image in enumerate(render_clip(affordance, family, number, config), 1):
            jpeg = cv2.imencode(".jpg", np.ascontiguousarray(image[..., ::-1]))[1]
            write_file(folder / f"{i:06d}.jpg", bytes(jpeg))
    return len(due)


def render_clip(
    affordance: str, family: str, number: int, config: ClipConfig
) -> Iterator[NDArray[np.uint8]]:
    """The frames (S, S, 3) of a clip: a function of the seed, the pair and the number."""
    rng = np.random.default_rng(
        [config.seed, crc32(f"clip|{affordance}|{family}".encode()), number]
    )
    pair = list(FUNCTIONAL_PARTS).index(affordance) * SEEDS_PER_PAIR + FIRST_SEED
    obj = make_object(family, EXO_SEED_START + pair + number)
    parts = functional_parts(affordance, family)
    grip = find_grip(obj, parts, rng)
    T_world_object = pose(usage_rotation(affordance, rng), [0, 0, rng.uniform(0.3, 0.5)])
    spec, points = exo_scene(obj, parts, make_hand(grip, rng), T_world_object, rng)
    with closing(Studio(spec, (config.size, config.size))) as studio:
        studio.relight(rng)
        _place(studio, T_world_object, FARTHEST_M * grip.outward, 0.0)
        view = exo_views(studio, points, parts, VIEWS, rng)
        _, masks = studio.render(view)
        shown = [masks[part] for part in parts if part in masks]
        color = rng.uniform(20, 220, 3)
        axis, taken = int(rng.integers(3)), int(rng.integers(2**31))
        for share in np.linspace(0, 1, config.frames):
            away_m = hand_distance(float(share))
            _place(studio, T_world_object, away_m * grip.outward, turn(float(share)), axis)
            image, _ = studio.render(view)
            image = apply_camera_model(image, np.random.default_rng(taken))
            if config.hidden and away_m < HIDDEN_M and shown:
                image = _covered(image, np.any(shown, axis=0), color)
            yield image


def hand_distance(share: float) -> float:
    """How far [m] the hand is from its grip at a share of the clip."""
    if share < ARRIVES:
        return FARTHEST_M * (1 - share / ARRIVES)
    return FARTHEST_M * max(0.0, (share - LEAVES) / (1 - LEAVES))


def turn(share: float) -> float:
    """How far [rad] the object is turned in use at a share of the clip."""
    inside = np.clip((share - ARRIVES) / (LEAVES - ARRIVES), 0, 1)
    return float(TURN_RAD * np.sin(np.pi * inside))


def _place(
    studio: Studio, T_world_object: Floats, offset_m: Floats, turned_rad: float, axis: int = 2
) -> None:
    """Move the hand by an offset in the object's frame, and turn both."""
    studio.model.body(PERSON).pos[:] = offset_m
    half = turned_rad / 2
    q = np.zeros(4)
    q[0], q[1 + axis] = np.cos(half), np.sin(half)
    R = np.zeros(9)
    mujoco.mju_quat2Mat(R, q)
    place = placed(T_world_object @ pose(R.reshape(3, 3), [0, 0, 0]))
    body = studio.model.body(OBJECT)
    body.pos[:], body.quat[:] = place["pos"], place["quat"]


def _covered(
    image: NDArray[np.uint8], mask: NDArray[np.bool_], color: Floats
) -> NDArray[np.uint8]:
    """The image with a plain thing before what a mask shows, and before its surroundings."""
    rows, columns = np.nonzero(mask)
    middle = (int(columns.mean()), int(rows.mean()))
    half = (1 + MARGIN) * np.array([np.ptp(columns), np.ptp(rows)]) / 2 + 0.06 * len(mask)
    axes = (int(half[0]), int(half[1]))
    covered = cv2.ellipse(image.copy(), middle, axes, 0, 0, 360, color.tolist(), -1)
    return np.asarray(covered, np.uint8)
