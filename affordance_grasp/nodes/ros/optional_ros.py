"""Parts of ROS 2 that not every installation has, imported where they are needed."""

from importlib import import_module
from types import ModuleType

from affordance_grasp.errors import MissingPackage


def require(module: str, wanted_by: str) -> ModuleType:
    """Import a module of ROS 2; where it is missing, the sentence names the package to install."""
    try:
        return import_module(module)
    except ImportError as error:
        package = module.partition(".")[0]
        raise MissingPackage(
            f"{wanted_by} needs {package}, which this ROS 2 does not have; install "
            f"ros-$ROS_DISTRO-{package.replace('_', '-')} ({error})"
        ) from error
