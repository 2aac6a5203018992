"""Draws one figure per grasp convention beside this file: python docs/conventions/draw.py.

The same hand holds the same block in every figure. Thick axes: the generator's own frame.
Thin axes at the fingertips: ours, ``tcp``. Red x, green y, blue z.
"""

from pathlib import Path

import cv2
import numpy as np

from affordance_grasp.candidates.external.conventions import CONVENTIONS, Convention
from affordance_grasp.geometry import Floats, invert

SIDE, SCALE = 460, 2
PX_PER_M = 2350 * SCALE
EXAMPLE_DEPTH_M = 0.02
HALF_WIDTH_M, FINGER_M, AXIS_M = 0.022, 0.045, 0.045
RED, GREEN, BLUE, INK, STEEL, BLOCK = (
    (40, 40, 215),
    (50, 150, 40),
    (215, 110, 30),
    (60, 60, 60),
    (150, 150, 150),
    (190, 215, 235),
)
# Seen from the front, above: the hand points down, closing runs to the right.
VIEW = cv2.Rodrigues(np.radians([22.0, 0, 0]))[0] @ cv2.Rodrigues(np.radians([0.0, -28, 0]))[0]
VIEW_OF_TCP = VIEW @ np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])  # z of tcp is down the page


def reach_m(convention: Convention) -> float:
    """From the generator's origin to the fingertips, with an example depth where it has one."""
    return convention.tip_offset_m() + (EXAMPLE_DEPTH_M if convention.adds_depth else 0.0)


class Canvas:
    """A page onto which points of the tcp frame are projected in parallel."""

    def __init__(self, back_m: float) -> None:
        """``back_m``: how far behind the fingertips there is something to see."""
        self.page = np.full((SIDE * SCALE, SIDE * SCALE, 3), 255, np.uint8)
        self.px_per_m = PX_PER_M * min(1.0, 0.165 / (back_m + 0.075))
        middle = self._flat(np.array([0, 0, (0.035 - back_m) / 2]))
        self.origin = np.array([SIDE * SCALE / 2, SIDE * SCALE * 0.56]) - middle

    def _flat(self, points: Floats) -> Floats:
        return (points @ VIEW_OF_TCP.T)[..., :2] * self.px_per_m

    def pixel(self, point: Floats) -> tuple[int, int]:
        """Where a point (3,) [m] of the tcp frame lands."""
        u, v = self._flat(np.asarray(point, float)) + self.origin
        return int(round(u)), int(round(v))

    def line(self, a: Floats, b: Floats, color: tuple[int, int, int], width: int) -> None:
        """A straight line between two points."""
        cv2.line(self.page, self.pixel(a), self.pixel(b), color, width * SCALE, cv2.LINE_AA)

    def text(self, words: str, at: tuple[int, int], color: tuple[int, int, int], size: float):
        """Words at a pixel."""
        font = cv2.FONT_HERSHEY_SIMPLEX
        cv2.putText(
            self.page,
            words,
            at,
            font,
            size * SCALE,
            color,
            max(1, round(1.4 * SCALE)),
            cv2.LINE_AA,
        )

    def box(self, low: Floats, high: Floats, color: tuple[int, int, int]) -> None:
        """A filled box between two corners."""
        corners = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)])
        corners = low + corners * (np.asarray(high) - low)
        outline = cv2.convexHull(np.array([self.pixel(corner) for corner in corners]))
        cv2.fillConvexPoly(self.page, outline, color, cv2.LINE_AA)
        cv2.polylines(self.page, [outline], True, INK, SCALE, cv2.LINE_AA)

    def axes(self, T_tcp_frame: Floats, length_m: float, width: int, names: bool) -> None:
        """The axes of a frame, their names at the ends."""
        origin = T_tcp_frame[:3, 3]
        for axis, (name, color) in enumerate(zip("xyz", (RED, GREEN, BLUE), strict=True)):
            tip = origin + length_m * T_tcp_frame[:3, axis]
            start, end = self.pixel(origin), self.pixel(tip)
            cv2.arrowedLine(
                self.page, start, end, color, width * SCALE, cv2.LINE_AA, tipLength=0.18
            )
            if names:
                away = np.subtract(end, start)
                label = np.add(end, 11 * SCALE * away / max(np.linalg.norm(away), 1))
                u, v = (label + np.array([-4, 5]) * SCALE).astype(int)
                self.text(name, (int(u), int(v)), color, 0.55)
        cv2.circle(self.page, self.pixel(origin), (width + 2) * SCALE, INK, -1, cv2.LINE_AA)


def hand(canvas: Canvas, back_m: float) -> None:
    """Two fingers, the bar between them and the stem to the origin of the frame."""
    half, stem = HALF_WIDTH_M, -max(back_m, FINGER_M + 0.04)
    thick = 0.006
    canvas.box(np.array([-half, -half, -0.008]), np.array([half, half, 0.03]), BLOCK)
    canvas.box([-thick, -thick, stem], [thick, thick, -FINGER_M], STEEL)
    canvas.box([-half - 0.012, -0.008, -FINGER_M - 0.012], [half + 0.012, 0.008, -FINGER_M], STEEL)
    for side in (-1, 1):
        inner, outer = side * half, side * (half + 0.009)
        canvas.box([min(inner, outer), -0.008, -FINGER_M], [max(inner, outer), 0.008, 0.0], STEEL)


def draw(convention: Convention) -> np.ndarray:
    """One figure (SIDE, SIDE, 3), bgr."""
    reach = reach_m(convention)
    canvas = Canvas(max(reach, FINGER_M + 0.04))
    hand(canvas, reach)
    canvas.axes(np.eye(4), 0.6 * AXIS_M, 1, names=False)
    canvas.axes(invert(convention.T_external_tcp(reach)), AXIS_M, 3, names=True)
    canvas.text(convention.name, (14 * SCALE, 28 * SCALE), INK, 0.75)
    said = f"approach {convention.approach}, closing {convention.closing}, "
    said += f"{reach * 1e3:.0f} mm to the fingertips"
    canvas.text(said, (14 * SCALE, 48 * SCALE), INK, 0.42)
    return cv2.resize(canvas.page, (SIDE, SIDE), interpolation=cv2.INTER_AREA)


def main() -> None:
    """Draw all of them."""
    for name, convention in CONVENTIONS.items():
        cv2.imwrite(str(Path(__file__).parent / f"{name}.png"), draw(convention))


if __name__ == "__main__":
    main()
