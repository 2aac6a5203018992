"""Where the scans of a folder are: YCB's layout, LIBERO's, or plain files."""

from pathlib import Path

from affordance_grasp.errors import InvalidInput
from affordance_grasp.simulation.scans.mesh_files import FORMATS

YCB_MESH = "google_16k/textured.obj"
MAX_OBJECTS = 2000


def find_scans(place: Path) -> dict[str, Path]:
    """Object name -> its mesh, or its MJCF in LIBERO's layout.

    ``place``: a file; the folder of one object, ``NAME/google_16k/textured.obj`` (YCB) or
    ``NAME/NAME.xml`` (LIBERO); or a folder of such folders and of files.

    Raises:
        InvalidInput: there is none, or there are more than :data:`MAX_OBJECTS`.
    """
    if place.is_file():
        return {place.stem: place}
    if not place.is_dir():
        raise InvalidInput(f"{place} cannot be read (no such file or folder)")
    resolved = place.resolve()
    own = _scan_of(resolved.parent if resolved.name == "google_16k" else resolved)
    if own is not None:
        return {own[0]: own[1]}
    entries = sorted(resolved.iterdir())[: MAX_OBJECTS + 1]
    if len(entries) > MAX_OBJECTS:
        raise InvalidInput(f"{place} has over {MAX_OBJECTS} entries; import parts of it")
    found = dict(filter(None, map(_scan_of, entries)))
    if not found:
        raise InvalidInput(
            f"{place} holds no scan; expected NAME/{YCB_MESH}, NAME/NAME.xml with its meshes, or "
            f"files {', '.join('NAME' + kind for kind in FORMATS)}"
        )
    return found


def _scan_of(entry: Path) -> tuple[str, Path] | None:
    """Name and file of the one object that an entry of a folder is."""
    if entry.is_file():
        return (entry.stem, entry) if entry.suffix.lower() in FORMATS else None
    for file in (entry / YCB_MESH, entry / f"{entry.name}.xml"):
        if file.is_file():
            return entry.name, file
    return None
