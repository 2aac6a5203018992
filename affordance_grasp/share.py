"""The package's own files (config, urdf, models), however it is installed."""

import os
from pathlib import Path
from sysconfig import get_default_scheme, get_path, get_preferred_scheme

from affordance_grasp.errors import InvalidInput

PACKAGE = "affordance_grasp"
DEFAULT_ROBOT = "config/aubo_i5.yaml"
USER_SCHEME = get_preferred_scheme("user")


def share_path(relative: str) -> Path:
    """Absolute path of a file or folder such as ``config/gripper_2f85.yaml``.

    Looks in the source checkout, then in every ROS prefix, then where pip puts data files.
    """
    roots = _roots()
    for root in roots:
        if exists(root / relative):
            return root / relative
    looked = ", ".join(str(root) for root in roots)
    raise InvalidInput(f"there is no file {relative}, neither here nor in the package ({looked})")


def find_file(path: Path | str) -> Path:
    """A file as it is given, or else the package's own of that name."""
    return Path(path) if exists(Path(path)) else share_path(str(path))


def exists(path: Path) -> bool:
    """Whether there is such a file; not where no file can have the name."""
    try:
        return path.exists()
    except (OSError, ValueError):  # too long, or with a NUL
        return False


def _roots() -> list[Path]:
    checkout = Path(__file__).resolve().parents[1]
    ros = [Path(p) for p in os.environ.get("AMENT_PREFIX_PATH", "").split(":") if p]
    # Not sys.prefix: Debian's own pip writes below /usr/local, and --user below the home folder.
    pip = [Path(get_path("data", scheme)) for scheme in (get_default_scheme(), USER_SCHEME)]
    installed = [prefix / "share" / PACKAGE for prefix in [*ros, *pip]]
    return ([checkout] if (checkout / "package.xml").exists() else []) + installed
