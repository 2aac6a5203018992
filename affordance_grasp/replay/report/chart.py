"""A small line chart as SVG."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np

from affordance_grasp.geometry import Floats

WIDTH, HEIGHT = 560, 220
LEFT, RIGHT, TOP, BOTTOM = 46, 12, 30, 24
MOST_POINTS = 400
STEPS = (1, 2, 2.5, 5, 10)


@dataclass(frozen=True)
class Line:
    """One line: its name, its colour, its values; NaN breaks it."""

    name: str
    color: str
    values: Floats


def chart(title: str, x: Floats, lines: Sequence[Line], top: float | None = None) -> str:
    """Lines over ``x`` with both axes from 0, the upper one up to ``top`` or what is needed."""
    known = np.concatenate([line.values for line in lines])
    known = known[np.isfinite(known)]
    high = top or _round_up(float(known.max()) if len(known) else 1.0)
    span = max(float(x.max()), 1e-9)
    across, up = (WIDTH - LEFT - RIGHT) / span, (HEIGHT - TOP - BOTTOM) / high
    drawn = [_grid(high, span)]
    for i, line in enumerate(lines):
        px, py = LEFT + x * across, HEIGHT - BOTTOM - np.clip(line.values, 0, high) * up
        drawn.append(_polylines(px, py, line.color))
        if len(lines) > 1:
            drawn.append(_key(i, line))
    label = f'<text x="{LEFT}" y="16" style="font-weight:600">{escape(title)}</text>'
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title)}">'
        f"{label}{''.join(drawn)}</svg>"
    )


def _polylines(px: Floats, py: Floats, color: str) -> str:
    """Polylines between NaNs, of at most ``MOST_POINTS`` points."""
    step = -(-len(px) // MOST_POINTS)
    px, py = px[::step], py[::step]
    finite = np.isfinite(py)
    edges = np.flatnonzero(np.diff(finite.astype(int))) + 1
    stretches = np.split(np.arange(len(px)), edges)
    shapes = []
    for stretch in stretches:
        if len(stretch) and finite[stretch[0]]:
            points = " ".join(f"{px[i]:.1f},{py[i]:.1f}" for i in stretch)
            shapes.append(
                f'<polyline points="{points}" fill="none" stroke="{color}" stroke-width="1.8" '
                'stroke-linejoin="round" stroke-linecap="round"/>'
            )
    return "".join(shapes)


def _grid(high: float, span: float) -> str:
    lines, bottom = [], HEIGHT - BOTTOM
    for share in (0, 0.5, 1):
        y = bottom - share * (bottom - TOP)
        lines.append(
            f'<line x1="{LEFT}" y1="{y}" x2="{WIDTH - RIGHT}" y2="{y}" stroke="#e3e6ea"/>'
            f'<text x="{LEFT - 8}" y="{y + 4}" text-anchor="end">{share * high:g}</text>'
        )
    for share, anchor in ((0, "start"), (1, "end")):
        x = LEFT + share * (WIDTH - LEFT - RIGHT)
        lines.append(
            f'<text x="{x}" y="{HEIGHT - 6}" text-anchor="{anchor}">{share * span:.3g}</text>'
        )
    return "".join(lines)


def _key(place: int, line: Line) -> str:
    x = WIDTH - RIGHT - 10 - 170 * place
    return (
        f'<circle cx="{x}" cy="12" r="4" fill="{line.color}"/>'
        f'<text x="{x - 9}" y="16" text-anchor="end">{escape(line.name)}</text>'
    )


def _round_up(value: float) -> float:
    """The next of 1, 2, 2.5, 5 times a power of ten."""
    if value <= 0:
        return 1.0
    scale = 10 ** np.floor(np.log10(value))
    return float(next(step * scale for step in STEPS if step * scale >= value * (1 - 1e-9)))
