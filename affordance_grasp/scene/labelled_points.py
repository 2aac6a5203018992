"""The segmented scene as points with colour and label, for programs that take clouds."""

import numpy as np
from numpy.typing import NDArray

from affordance_grasp.datatypes import RgbdFrame
from affordance_grasp.geometry import deproject

POINT = np.dtype(
    [
        ("x", "<f4"),
        ("y", "<f4"),
        ("z", "<f4"),
        ("blue", "u1"),
        ("green", "u1"),
        ("red", "u1"),
        ("alpha", "u1"),
        ("label", "<u4"),
    ]
)
THINNED = 3
"""Of what is on no object every third row and column is kept."""
PLY_TYPES = {"<f4": "float", "|u1": "uchar", "<u4": "uint"}


def scene_points(frame: RgbdFrame, labels: NDArray[np.int32]) -> NDArray[np.void]:
    """Points (N,) of type ``POINT`` in the optical frame [m].

    All readings on objects, and of table and background every third row and column.
    """
    kept = labels > 0
    kept[::THINNED, ::THINNED] = True
    v, u = np.nonzero(kept & (frame.depth_m > 0))
    points = np.zeros(len(v), POINT)
    for name, axis in zip(
        "xyz", deproject(frame.depth_m, frame.intrinsics.K)[v, u].T, strict=True
    ):
        points[name] = axis
    for name, channel in zip(("red", "green", "blue"), frame.color[v, u].T, strict=True):
        points[name] = channel
    points["alpha"], points["label"] = 255, labels[v, u]
    return points


def ply_bytes(points: NDArray[np.void]) -> bytes:
    """A binary PLY file of such points."""
    properties = (
        f"property {PLY_TYPES[kind.str]} {name}\n"
        for name, (kind, *_) in (points.dtype.fields or {}).items()
    )
    header = (
        f"ply\nformat binary_little_endian 1.0\nelement vertex {len(points)}\n"
        f"{''.join(properties)}end_header\n"
    )
    return header.encode() + points.tobytes()
