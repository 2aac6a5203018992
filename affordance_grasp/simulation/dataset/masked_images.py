"""Egocentric images of an object alone and exocentric ones of it in use, with part masks."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import mujoco
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from affordance_grasp.geometry import Floats, pose
from affordance_grasp.simulation.dataset.detector import PixelBox, mask_box
from affordance_grasp.simulation.dataset.functional_parts import PartNames
from affordance_grasp.simulation.dataset.person import (
    ARM,
    REACHING,
    find_grip,
    make_hand,
    reach_for,
    usage_rotation,
)
from affordance_grasp.simulation.dataset.studio import (
    OBJECT,
    Studio,
    StudioView,
    Surroundings,
    add_surface,
    apply_camera_model,
    box_corners,
    framed,
    orbit,
    studio_spec,
)
from affordance_grasp.simulation.objects.mjcf import add_object, geom_of
from affordance_grasp.simulation.objects.primitive import HouseholdObject, Hull, Primitive

PLAIN = Surroundings()
SMALLEST_PART = 0.0015
SMALLEST_OBJECT = 0.02
TRIES, EXO_TRIES = 8, 4
CLOSE, SMALLEST_WINDOW = (1.1, 1.8), 0.2
"""Side of a close-up over the extent of a part, and at least over the image's side."""
SHOWN, HIDDEN = 0.6, 0.15
"""Share of its area from which a part counts as shown, and up to which as hidden."""
SETTLE_S = 0.5


@dataclass(frozen=True)
class MaskedImage:
    """``color`` (H, W, 3) uint8 rgb, exact masks (H, W) of every visible part and of the whole."""

    color: NDArray[np.uint8]
    whole: NDArray[np.bool_]
    parts: dict[str, NDArray[np.bool_]]

    def boxes(self) -> dict[str, PixelBox]:
        """Exact box of every visible part."""
        found = {part: mask_box(mask) for part, mask in self.parts.items()}
        return {part: box for part, box in found.items() if box is not None}

    def share(self, part: str) -> float:
        """Share of the pixels that show a part."""
        return float(self.parts[part].mean()) if part in self.parts else 0.0


def random_size(rng: Generator, side: int) -> tuple[int, int]:
    """Width and height [px] of an image: square, or up to a quarter longer in one direction."""
    longer = int(side * rng.choice([1.0, 1.0, rng.uniform(1.0, 1.25)]))
    return (longer, side) if rng.uniform() < 0.5 else (side, longer)


def egocentric(
    obj: HouseholdObject,
    views: int,
    side: int,
    rng: Generator,
    wanted: tuple[str, ...],
    *,
    around: Surroundings = PLAIN,
) -> Iterator[MaskedImage]:
    """Images of an object alone at rest, from above, with all ``wanted`` parts in sight."""
    spec = studio_spec(rng, _mean_color(obj), around.photographs)
    add_object(spec, obj, name=OBJECT)
    with closing(Studio(spec, random_size(rng, side), SETTLE_S, around.soft)) as studio:
        body = studio.data.body(OBJECT)
        T_world_object = pose(body.xmat.reshape(3, 3), body.xpos)
        points = box_corners(T_world_object, *_boxes(obj.primitives))
        for _ in range(views):
            studio.relight(rng)
            tries = [_ego_view(points, studio.size, rng) for _ in range(TRIES)]
            yield _best(studio, tries, wanted, rng, around.soft)


def close_up(
    image: MaskedImage, groups: Mapping[str, tuple[str, ...]], rng: Generator
) -> tuple[MaskedImage, tuple[str, ...]] | None:
    """A square crop of an image that shows some functional parts and not others.

    ``groups``: affordance -> the parts that serve it. Returns the crop, enlarged to the image's
    shorter side, and the affordances whose parts it shows; None where no crop separates them.
    """
    areas = {
        a: np.any([image.parts[p] for p in parts if p in image.parts], axis=0)
        for a, parts in groups.items()
        if set(parts) & set(image.parts)
    }
    for _ in range(TRIES):
        window = _window(areas[rng.choice(sorted(areas))], rng)
        shares = {a: mask[window].sum() / mask.sum() for a, mask in areas.items()}
        shown = tuple(a for a, share in shares.items() if share >= SHOWN)
        if (
            shown
            and len(shown) < len(shares)
            and all(share <= HIDDEN for a, share in shares.items() if a not in shown)
        ):
            return _enlarged(image, window), shown
    return None


def _window(mask: NDArray[np.bool_], rng: Generator) -> tuple[slice, slice]:
    """A square somewhat larger than the extent of a mask, within the image."""
    rows, columns = np.nonzero(mask)
    extent = max(np.ptp(rows), np.ptp(columns)) + 1
    side = int(
        np.clip(extent * rng.uniform(*CLOSE), SMALLEST_WINDOW * min(mask.shape), min(mask.shape))
    )
    start = [
        int(np.clip(along.mean() + rng.uniform(-0.2, 0.2) * side - side / 2, 0, length - side))
        for along, length in zip((rows, columns), mask.shape, strict=True)
    ]
    return slice(start[0], start[0] + side), slice(start[1], start[1] + side)


def _enlarged(image: MaskedImage, window: tuple[slice, slice]) -> MaskedImage:
    side = min(image.whole.shape)

    def enlarge(pixels: NDArray[np.uint8], how: int) -> NDArray[np.uint8]:
        cut = np.ascontiguousarray(pixels[window])
        return np.asarray(cv2.resize(cut, (side, side), interpolation=how), np.uint8)

    masks = {
        part: enlarge(mask.astype(np.uint8), cv2.INTER_NEAREST) > 0
        for part, mask in image.parts.items()
        if mask[window].any()
    }
    whole = np.any(list(masks.values()), axis=0)
    return MaskedImage(enlarge(image.color, cv2.INTER_CUBIC), whole, masks)


def exocentric(
    obj: HouseholdObject,
    affordance: str,
    views: int,
    side: int,
    rng: Generator,
    *,
    parts: PartNames,
    around: Surroundings = PLAIN,
) -> Iterator[MaskedImage]:
    """Images of a person's hand that holds or reaches for the parts that serve an affordance.

    Hand and part fill the image, from the viewpoint that shows most of the part.
    """
    grip = find_grip(obj, parts, rng)
    if rng.uniform() < REACHING:
        grip = reach_for(grip, rng)
    hand = make_hand(grip, rng)
    T_world_object = pose(usage_rotation(affordance, rng), [0, 0, rng.uniform(0.3, 0.5)])
    spec, points = exo_scene(obj, parts, hand, T_world_object, rng, photographs=around.photographs)
    with closing(Studio(spec, random_size(rng, side), soft=around.soft)) as studio:
        for _ in range(views):
            studio.relight(rng)
            tries = [_exo_view(points, studio.size, rng) for _ in range(EXO_TRIES)]
            yield _clearest(studio, tries, parts, rng, around.soft)


def exo_scene(
    obj: HouseholdObject,
    parts: PartNames,
    hand: tuple[Primitive, ...],
    T_world_object: Floats,
    rng: Generator,
    *,
    photographs: tuple[Path, ...] = (),
) -> tuple[mujoco.MjSpec, Floats]:
    """An object in use in a room, and the points (N, 3) [m] of part and hand to be framed.

    The hand is the body ``person``, which may be moved in the object's frame.
    """
    spec = studio_spec(rng, _mean_color(obj), photographs)
    _add_room(spec, rng, photographs)
    body = add_object(spec, obj, T_world_object, OBJECT, free=False)
    _add_person(body.add_body(name="person"), hand)
    taken = [p for p in obj.primitives if p.part in parts] or list(obj.primitives)
    shown = [*taken, *(p for p in hand if p.part != ARM)]
    return spec, box_corners(T_world_object, *_boxes(shown))


def exo_views(
    studio: Studio, points: Floats, wanted: tuple[str, ...], tries: int, rng: Generator
) -> StudioView:
    """Of some random views of a person the one that shows most of the wanted parts."""
    views = [_exo_view(points, studio.size, rng) for _ in range(tries)]
    return max(views, key=lambda view: sum(_taken(studio, view).share(p) for p in wanted))


def _ego_view(points: Floats, size: tuple[int, int], rng: Generator) -> StudioView:
    reach = float(np.linalg.norm(np.ptp(points, axis=0)))
    T = orbit(
        points.mean(axis=0),
        rng.uniform(0, 2 * np.pi),
        np.radians(rng.uniform(35, 80)),
        max(rng.uniform(0.38, 0.75), 1.3 * reach),
        rng.uniform(-0.25, 0.25),
    )
    return framed(T, points, size, rng.uniform(0.5, 1.0), tuple(rng.uniform(-0.5, 0.5, 2)))


def _exo_view(points: Floats, size: tuple[int, int], rng: Generator) -> StudioView:
    reach = float(np.linalg.norm(np.ptp(points, axis=0)))
    T = orbit(
        points.mean(axis=0),
        rng.uniform(0, 2 * np.pi),
        np.radians(rng.uniform(0, 60)),
        1.3 * reach + rng.uniform(0.1, 0.3),
        rng.uniform(-0.2, 0.2),
    )
    return framed(T, points, size, rng.uniform(0.6, 1.05), tuple(rng.uniform(-0.6, 0.6, 2)))


def _best(
    studio: Studio, views: list[StudioView], wanted: tuple[str, ...], rng: Generator, soft: bool
) -> MaskedImage:
    """The first view that shows all wanted parts, else the last one."""
    for view in views:
        image = _taken(studio, view)
        seen = image.whole.mean() >= SMALLEST_OBJECT
        if seen and all(image.share(part) >= SMALLEST_PART for part in wanted):
            break
    return replace(image, color=apply_camera_model(image.color, rng, soft))


def _clearest(
    studio: Studio, views: list[StudioView], wanted: tuple[str, ...], rng: Generator, soft: bool
) -> MaskedImage:
    """The view that shows most of the wanted parts."""
    images = [_taken(studio, view) for view in views]
    best = max(images, key=lambda image: sum(image.share(part) for part in wanted))
    return replace(best, color=apply_camera_model(best.color, rng, soft))


def _taken(studio: Studio, view: StudioView) -> MaskedImage:
    color, parts = studio.render(view)
    return MaskedImage(color, np.any(list(parts.values()), axis=0), parts)


def _boxes(pieces: Sequence[Primitive | Hull]) -> tuple[Floats, Floats]:
    centres = np.array([p.position_m for p in pieces])
    return centres, np.array([p.half_extents_m for p in pieces])


def _mean_color(obj: HouseholdObject) -> Floats:
    colors = np.array([p.material.rgba[:3] for p in obj.primitives])
    return np.asarray(colors.mean(axis=0))


def _add_person(body: mujoco.MjsBody, pieces: tuple[Primitive, ...]) -> None:
    for i, piece in enumerate(pieces):
        body.add_geom(
            **geom_of(piece, f"person/{piece.part}/{i}"),
            rgba=piece.material.rgba,
            contype=0,
            conaffinity=0,
        )


def _add_room(spec: mujoco.MjSpec, rng: Generator, photographs: tuple[Path, ...]) -> None:
    """Four walls in two colours or textures, and a few distractor objects."""
    distance = rng.uniform(1.3, 2.2)
    for i in range(2):
        add_surface(spec, f"wall{i}", rng, photographs=photographs)
    for i, (x, y) in enumerate(((1, 0), (0, 1), (-1, 0), (0, -1))):
        size = [0.02, 3.0, 2.0] if x else [3.0, 0.02, 2.0]
        spec.worldbody.add_geom(
            type=mujoco.mjtGeom.mjGEOM_BOX,
            size=size,
            pos=[x * distance, y * distance, 1.0],
            material=f"wall{i % 2}",
        )
    for _ in range(rng.integers(3, 9)):
        angle, away = rng.uniform(0, 2 * np.pi), rng.uniform(0.5, 0.9) * distance
        sides = rng.uniform(0.03, 0.18, 3)
        kind = (mujoco.mjtGeom.mjGEOM_BOX, mujoco.mjtGeom.mjGEOM_CYLINDER)[rng.integers(2)]
        height = sides[2] if kind == mujoco.mjtGeom.mjGEOM_BOX else sides[1]
        spec.worldbody.add_geom(
            type=kind,
            size=sides,
            pos=[away * np.cos(angle), away * np.sin(angle), height],
            rgba=[*rng.uniform(0.05, 0.9, 3), 1],
        )
