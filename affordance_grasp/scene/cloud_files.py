"""Point clouds as PLY and PCD files, by ``open3d``."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from affordance_grasp.errors import InvalidInput, NotWritable, writing
from affordance_grasp.extras import require
from affordance_grasp.files import check_file
from affordance_grasp.scene.point_cloud import GRAY, PointCloud

MAX_POINTS, MAX_BYTES = 20_000_000, 2**31
HEADER_BYTES = 8192
HEADERS = {
    ".ply": re.compile(rb"ply\s.*?\nelement vertex (\d+)\s", re.DOTALL),
    ".pcd": re.compile(rb"(?:#[^\n]*\n)*VERSION\s.*?\nPOINTS (\d+)\s", re.DOTALL),
}
"""Suffix -> how a file of that kind begins, up to its number of points."""


def read_cloud(path: Path) -> PointCloud:
    """Read a cloud; points without a usable colour are grey.

    Raises:
        InvalidInput: no such file, no PLY or PCD, too many points, or fewer than it announces.
        MissingPackage: ``open3d`` is not installed.
    """
    check_suffix(path)
    count = _announced(path)
    open3d = require("open3d", "reading a point cloud")
    try:
        with quiet(open3d) as said:
            cloud = open3d.t.io.read_point_cloud(str(path))
    except RuntimeError as error:  # it asks for as much memory as fields of the header claim
        raise InvalidInput(
            f"point cloud {path} cannot be read; its header claims sizes that do not go together"
        ) from error
    # where a file ends too early the rest of the points is whatever the memory held
    complete = "positions" in cloud.point and len(cloud.point.positions) == count > 0
    if said.getvalue() or not complete or _is_short_text(path, count):
        raise InvalidInput(
            f"point cloud {path} is cut short or damaged; it must hold the {count} points that "
            "it announces, and at least one"
        )
    return PointCloud(cloud.point.positions.numpy(), _colors(cloud, count))


def write_cloud(path: Path, cloud: PointCloud, **values: NDArray[np.float32]) -> Path:
    """Write a cloud as binary PLY or PCD; ``values`` (N,) become further fields of its points.

    Raises:
        InvalidInput: another suffix, or the path cannot be.
        NotWritable: the file cannot be written.
        MissingPackage: ``open3d`` is not installed.
    """
    check_suffix(path)
    open3d = require("open3d", "writing a point cloud")
    written = open3d.t.geometry.PointCloud(cloud.points_cam)
    written.point.colors = cloud.color
    for name, column in values.items():
        written.point[name] = np.ascontiguousarray(column[:, None], np.float32)
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")  # open3d gives no reason
    with quiet(open3d):
        done = open3d.t.io.write_point_cloud(str(path), written)
    if not done:
        raise NotWritable(f"{path} cannot be written by open3d; is there room on its disk?")
    return path


def check_suffix(path: Path) -> None:
    """Refuse what is named neither PLY nor PCD, before any work is done for it."""
    if path.suffix.lower() not in HEADERS:
        raise InvalidInput(f"point cloud {path} is named {path.suffix!r}; expected .ply or .pcd")


def _announced(path: Path) -> int:
    """The number of points that a file announces, before any room is made for them."""
    check_file(path, "point cloud", MAX_BYTES)
    with path.open("rb") as file:
        match = HEADERS[path.suffix.lower()].match(file.read(HEADER_BYTES))
    if match is None:
        raise InvalidInput(f"point cloud {path} does not begin as a {path.suffix[1:].upper()}")
    if (count := int(match[1])) > MAX_POINTS:
        raise InvalidInput(f"point cloud {path} has {count} points; at most {MAX_POINTS} are read")
    return count


def _is_short_text(path: Path, count: int) -> bool:
    """Whether a PCD in ASCII has fewer whole lines than points, which open3d does not report."""
    with path.open("rb") as file:
        part = file.read(HEADER_BYTES).partition(b"\nDATA ascii")[2]
        if path.suffix.lower() != ".pcd" or not part:
            return False
        ends = 0
        while part:
            ends, part = ends + part.count(b"\n"), file.read(HEADER_BYTES)
    return ends <= count  # the first one ends the header


def _colors(cloud: Any, count: int) -> NDArray[np.uint8]:
    """Colours (N, 3) from bytes or from 0..1; grey where there are none."""
    colors = cloud.point.colors.numpy() if "colors" in cloud.point else np.empty(0)
    if colors.shape != (count, 3):
        return np.full((count, 3), GRAY, np.uint8)
    if colors.dtype == np.uint8:
        return np.asarray(colors)
    return np.rint(np.clip(np.nan_to_num(colors), 0, 1) * 255).astype(np.uint8)


@contextmanager
def quiet(open3d: Any) -> Iterator[StringIO]:
    """Gather what open3d complains of, and silence its libraries; both go on all the same."""
    said, kept, nowhere = StringIO(), os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        level = open3d.utility.VerbosityLevel.Warning
        with redirect_stdout(said), open3d.utility.VerbosityContextManager(level):
            yield said
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
