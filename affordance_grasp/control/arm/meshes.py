"""Triangle meshes that a URDF names: where they lie, and what they hold.

``package://NAME/...`` is looked for as ROS does it, in the prefixes of ``AMENT_PREFIX_PATH`` and
the folders of ``ROS_PACKAGE_PATH``, and in the folders above the URDF, as a description package
that was only downloaded has it.
"""

import os
from contextlib import suppress
from pathlib import Path
from urllib.parse import unquote, urlsplit
from xml.etree import ElementTree

import numpy as np

from affordance_grasp.errors import InvalidInput, shown
from affordance_grasp.files import read_bytes
from affordance_grasp.geometry import Floats
from affordance_grasp.mesh_files import load_meshes
from affordance_grasp.share import exists

FORMATS = (".stl", ".dae", ".obj")
MAX_MANIFEST_BYTES = 2**20
MAX_TRIANGLES = 1_000_000
MAX_SIZE_M = 5.0
"""No link is wider: a larger mesh is in millimetres."""


def find_mesh(reference: str, urdf: Path, where: str) -> Path:
    """The file that a URDF's ``filename`` refers to; ``where`` names the link in errors.

    Raises:
        InvalidInput: it is not there, which names the paths that were looked at, or it is of
            another scheme or format.
    """
    try:
        url = urlsplit(reference)
    except ValueError as error:  # of brackets
        raise InvalidInput(f"{where}: mesh {shown(reference)} is no URL ({error})") from error
    if url.scheme == "package":
        looked = _of_package(unquote(url.netloc), unquote(url.path).lstrip("/"), urdf)
    elif url.scheme in ("", "file"):
        path = reference if url.scheme == "" else unquote(url.path)
        looked = [urdf.resolve().parent / path]
    else:
        raise InvalidInput(
            f"{where}: mesh {shown(reference)}; expected package://, file:// or a path"
        )
    if Path(url.path).suffix.lower() not in FORMATS:
        raise InvalidInput(
            f"{where}: mesh {shown(reference)}; expected a file of {', '.join(FORMATS)}"
        )
    for candidate in looked:
        if exists(candidate):
            return candidate
    places = ", ".join(map(str, looked))
    advice = "; source the workspace that has the package, or put its folder above the URDF"
    raise InvalidInput(
        f"{where}: mesh {shown(reference)} is not there; looked at {places}"
        f"{advice if url.scheme == 'package' else ''}"
    )


def _of_package(package: str, inside: str, urdf: Path) -> list[Path]:
    """Where a package's file may lie, the most deliberate place first."""
    ament = [Path(p) / "share" / package for p in _folders("AMENT_PREFIX_PATH")]
    listed = [Path(p) / package for p in _folders("ROS_PACKAGE_PATH")]
    above = urdf.resolve().parents
    own = [folder for folder in above if _package_name(folder) == package]
    return [root / inside for root in (*ament, *listed, *own, *(up / package for up in above))]


def _folders(variable: str) -> list[str]:
    return [folder for folder in os.environ.get(variable, "").split(os.pathsep) if folder]


def _package_name(folder: Path) -> str:
    """What its package.xml calls it, or else the folder's own name."""
    name = None
    with suppress(InvalidInput, ElementTree.ParseError):  # most folders are no packages
        manifest = read_bytes(folder / "package.xml", "package.xml", MAX_MANIFEST_BYTES)
        name = ElementTree.fromstring(manifest).findtext("name")
    return (name or folder.name).strip()


def read_triangles(path: Path, scale: Floats, where: str) -> Floats:
    """The corners (N, 3, 3) [m] of a mesh's triangles, scaled along its axes by ``scale`` (3,).

    The unit that a DAE states counts; the axis it calls up does not, as in RViz.

    Raises:
        InvalidInput: it cannot be read, holds no triangle, or is as large as no link is.
        MissingPackage: the library that reads it is not installed.
    """
    meshes = load_meshes(path, f"{where}: mesh", f"a mesh in {where}", MAX_TRIANGLES, looks=False)
    triangles = np.concatenate([mesh.vertices[mesh.faces] for mesh in meshes]) * scale
    size_m = float(np.ptp(triangles, axis=(0, 1)).max())
    if not 0 < size_m <= MAX_SIZE_M:
        raise InvalidInput(
            f"{where}: mesh {path} is {size_m:g} m wide; expected up to {MAX_SIZE_M:g} m (one in "
            'millimetres needs scale="0.001 0.001 0.001")'
        )
    return triangles
