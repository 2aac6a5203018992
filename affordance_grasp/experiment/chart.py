"""The shares of successes with their 95 % intervals, as a drawing (SVG)."""

from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

from affordance_grasp.experiment.tables import title
from affordance_grasp.simulation.objects.imported import label

COLOURS = ("#0072b2", "#56b4e9", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#666666", "#000000")
"""Of the ways, in turn; told apart by the colour-blind too (Okabe and Ito)."""
LEFT, WIDTH, LINE, GAP = 150, 560, 13, 10
"""Pixels: where the axis begins, its length, the height of a way, the room between objects."""

Json = dict[str, Any]


def success_chart(summary: Json) -> str:
    """One row per object and one of all, in each a dot and a whisker per way."""
    rows = {label(each["family"]): each["ways"] for each in summary["objects"]}
    rows = {**rows, "all": summary["ways"]}
    ways = list(summary["ways"])
    top, row = 20 + LINE * len(ways), LINE * len(ways) + GAP
    bottom = top + row * len(rows)
    marks = [*_legend(ways), *_axis(top, bottom)]
    for i, (name, counts) in enumerate(rows.items()):
        marks += _row(name, counts, ways, top + i * row)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{LEFT + WIDTH + 30}" '
        f'height="{bottom + 24}" font-family="sans-serif" font-size="11">\n'
        '<rect width="100%" height="100%" fill="white"/>\n' + "\n".join(marks) + "\n</svg>\n"
    )


def _legend(ways: list[str]) -> Iterator[str]:
    for i, way in enumerate(ways):
        y = 14 + i * LINE
        yield f'<circle cx="{LEFT}" cy="{y}" r="4" fill="{_colour(i)}"/>'
        yield _text(LEFT + 10, y + 4, title(way), "start")


def _axis(top: float, bottom: float) -> Iterator[str]:
    for percent in range(0, 101, 20):
        x = _x(percent / 100)
        yield f'<path d="M{x:.1f} {top} V{bottom}" stroke="#ddd"/>'
        yield _text(x, bottom + 16, f"{percent} %", "middle")


def _row(name: str, counts: Mapping[str, Json], ways: list[str], top: float) -> Iterator[str]:
    yield _text(LEFT - 10, top + (LINE * len(ways) + GAP) / 2 + 4, name, "end")
    for i, way in enumerate(ways):
        found, y = counts[way], top + GAP / 2 + LINE * (i + 0.5)
        if not found["trials"]:
            continue
        low, high = (_x(bound) for bound in found["interval"])
        x = _x(found["success"] / found["trials"])
        yield f'<path d="M{low:.1f} {y} H{high:.1f}" stroke="{_colour(i)}" stroke-width="2"/>'
        yield f'<circle cx="{x:.1f}" cy="{y}" r="4" fill="{_colour(i)}"/>'


def _x(share: float) -> float:
    return LEFT + WIDTH * share


def _colour(i: int) -> str:
    return COLOURS[i % len(COLOURS)]


def _text(x: float, y: float, words: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(words)}</text>'
