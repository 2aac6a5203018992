"""External hands on the visible cloud: what is between the fingers, and how wide to open them.

Whatever generator proposed a hand, this robot's gripper executes it. The points between its
fingers give the contact and the width at closure, and it has to come down opened without touching
object or table. A wide opening meets what stands beside the grasped part, a narrow one leaves
little room for errors of calibration: so several are tried.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from affordance_grasp.candidates.antipodal.hands import (
    Hands,
    collides,
    measure,
    open_width,
    table_room,
)
from affordance_grasp.control.gripper import Gripper
from affordance_grasp.geometry import Floats
from affordance_grasp.scene.cloud import TableScene

TABLE_CLEARANCE_M = 0.001
MAX_DRAW_BACK_M = 0.015
MAX_SHIFT_M = 0.01
OPENING_STEP_M = 0.005
LEAST_CLEARANCE_M = 0.005
"""On either side of what is between the fingers, where the gripper's own clearance meets
something."""


@dataclass(frozen=True)
class Placement:
    """The hands (M,) that fit, each with the opening [m] that it comes down with.

    ``index`` (M,): which of the N proposals they are. ``faults``: what is wrong with the others
    -> which of the N.
    """

    hands: Hands
    opening_m: Floats
    index: NDArray[np.intp]
    faults: dict[str, NDArray[np.bool_]]


def place(
    T_cam_tcp: Floats,
    closure_m: Floats,
    opening_m: Floats,
    scene: TableScene,
    gripper: Gripper,
) -> Placement:
    """Find out which proposals fit, and with which opening.

    Tried in this order, until one fits: the generator's own opening, what the measured width and
    the gripper's clearance need, and from the narrowest on all openings up to the stroke that
    leave ``LEAST_CLEARANCE_M`` to either side; then these once more with the hand moved sideways,
    at most by ``MAX_SHIFT_M``, to the middle of what it closes on. The points between the fingers
    are those of the opening that fits: a handle counts without the wall beside it.

    Args:
        T_cam_tcp: (N, 4, 4) proposals.
        closure_m: (N,) width at closure as the generator says, NaN where it does not; as the far
            side of the object is hidden, what is measured is a lower bound.
        opening_m: (N,) opening as the generator says, NaN where it does not.
        scene: the cloud that they are placed on.
        gripper: that executes them.
    """
    site = _Site(scene, gripper, scene.cloud.obstacles())
    left, faults = np.arange(len(T_cam_tcp)), {}
    found: list[tuple[Hands, Floats, NDArray[np.intp]]] = []
    for asked_m, centred in _tries(opening_m, gripper.max_width_m):
        if found and not len(left):
            break
        widths_m = closure_m[left], asked_m[left]
        opened = site.above_table(T_cam_tcp[left], *widths_m, centred)
        hands, wrong = opened.hands, site.faults(opened)
        fits = ~np.any(list(wrong.values()), axis=0)
        fits &= np.isnan(asked_m[left]) | opened.roomy
        found.append((hands.where(fits), opened.opening_m[fits], left[fits]))
        if np.isnan(asked_m).all():  # the usual opening
            faults = {what: _of_all(len(asked_m), left[bad]) for what, bad in wrong.items()}
            fits |= hands.cover <= 0  # with a narrower opening there is nothing either
        left = left[~fits]
    hands, opening_m, index = _joined(found)
    unfit = ~_of_all(len(closure_m), index)
    return Placement(hands, opening_m, index, {what: bad & unfit for what, bad in faults.items()})


def _tries(own_m: Floats, stroke_m: float) -> list[tuple[Floats, bool]]:
    """Openings (N,) to try in order, NaN for the usual one, and whether hands are centred."""
    steps_m = np.arange(OPENING_STEP_M, stroke_m + OPENING_STEP_M / 2, OPENING_STEP_M)
    narrow = [np.full_like(own_m, step) for step in steps_m]
    own = [] if np.isnan(own_m).all() else [own_m]
    first = [(asked, False) for asked in (*own, np.full_like(own_m, np.nan), *narrow)]
    return first + [(asked, True) for asked in narrow]


def _of_all(count: int, index: NDArray[np.intp]) -> NDArray[np.bool_]:
    """A mask (N,) of some of N."""
    mask = np.zeros(count, bool)
    mask[index] = True
    return mask


def _joined(
    parts: list[tuple[Hands, Floats, NDArray[np.intp]]],
) -> tuple[Hands, Floats, NDArray[np.intp]]:
    hands, opening_m, index = zip(*parts, strict=True)
    columns = {name: np.concatenate([getattr(h, name) for h in hands]) for name in vars(hands[0])}
    return Hands(**columns), np.concatenate(opening_m), np.concatenate(index)


@dataclass(frozen=True)
class _Opened:
    """Hands (M,) with their openings; ``needed_m``: what reaches around the points at least.

    That is more than the width at closure where the hand is not above the middle of the points,
    since the fingers that close push the object there.
    """

    hands: Hands
    opening_m: Floats
    needed_m: Floats

    @property
    def roomy(self) -> NDArray[np.bool_]:
        """Which hands (M,) have room beside the fingers."""
        return self.opening_m + 1e-9 >= self.needed_m + 2 * LEAST_CLEARANCE_M


@dataclass(frozen=True)
class _Site:
    """Where hands are placed, by which gripper; ``solid_cam`` (K, 3) [m]: what it must not hit."""

    scene: TableScene
    gripper: Gripper
    solid_cam: Floats

    def above_table(
        self, T_cam_tcp: Floats, closure_m: Floats, asked_m: Floats, centred: bool
    ) -> _Opened:
        """Hands (M,), drawn back along the approach where the fingertips need the room."""
        opened = self._closed(T_cam_tcp, closure_m, asked_m, centred)
        T = opened.hands.T_cam_tcp.copy()
        down = np.maximum(-(T[:, :3, 2] @ self.scene.table.normal_cam), 0.1)
        room = table_room(opened.hands, self.scene.table, self.gripper, opened.opening_m)
        back = np.clip((TABLE_CLEARANCE_M + 1e-4 - room) / down, 0.0, None)
        back = np.where(back <= MAX_DRAW_BACK_M, back, 0.0)
        T[:, :3, 3] -= back[:, None] * T[:, :3, 2]
        return self._closed(T, closure_m, asked_m)

    def _closed(
        self, T_cam_tcp: Floats, closure_m: Floats, asked_m: Floats, centred: bool = False
    ) -> _Opened:
        """Hands closed on the points between the fingers."""
        R, origin, cloud = T_cam_tcp[:, :3, :3], T_cam_tcp[:, :3, 3], self.scene.cloud
        half = np.fmin(asked_m, self.gripper.max_width_m) / 2
        window = np.column_stack([-half, half])
        hands = measure(R, origin, window, cloud, self.gripper.finger_breadth_m)
        shift = np.abs(((hands.T_cam_tcp[:, :3, 3] - origin) * R[:, :, 0]).sum(axis=1))
        moved = centred & (shift <= MAX_SHIFT_M)
        # points were averaged over cells, which takes half a cell off either edge
        width = np.where(hands.cover > 0, hands.width_m + cloud.spacing_m, 0.0)
        needed_m = np.fmax(width + np.where(moved, 0.0, 2 * shift), closure_m)
        opening_m = np.where(np.isnan(asked_m), open_width(self.gripper, needed_m), 2 * half)
        T = np.where(moved[:, None, None], hands.T_cam_tcp, T_cam_tcp)
        width = np.fmax(width, closure_m)
        return _Opened(replace(hands, T_cam_tcp=T, width_m=width), opening_m, needed_m)

    def faults(self, opened: _Opened) -> dict[str, NDArray[np.bool_]]:
        """Fault -> which hands (M,) have it."""
        hands, opened_m = opened.hands, opened.opening_m
        room = table_room(hands, self.scene.table, self.gripper, opened_m)
        return {
            "close on nothing that is seen": hands.cover <= 0,
            "are wider than the gripper opens": opened.needed_m > self.gripper.max_width_m,
            "would hit the object": collides(hands, self.solid_cam, self.gripper, opened_m),
            "would touch the table": room < TABLE_CLEARANCE_M,
        }
