"""Python packages that only some commands need, and the extra of this package that brings each."""

from importlib import import_module
from typing import Any

from affordance_grasp.errors import MissingPackage

PACKAGES = {
    "torch": ("torch", "ground"),
    "transformers": ("transformers", "ground"),
    "tokenizers": ("tokenizers", "ground"),
    "safetensors": ("safetensors", "ground"),
    "huggingface_hub": ("huggingface_hub", "ground"),
    "onnx": ("onnx", "ground"),
    "mujoco": ("mujoco", "sim"),
    "OpenGL": ("pyopengl", "sim"),
    "open_clip": ("open_clip_torch", "clip"),
    "segment_anything": ("segment-anything", "sam"),
    "rosbags": ("rosbags", "replay"),
    "pyrealsense2": ("pyrealsense2", "realsense"),
    "msgpack": ("msgpack", "graspgen"),
    "zmq": ("pyzmq", "graspgen"),
    "trimesh": ("trimesh", "mesh"),
    "collada": ("pycollada", "mesh"),
    "open3d": ("open3d-cpu", "view"),
    "viser": ("viser", "page"),
    "ompl": ("ompl", "motion"),
    "distributed": ("distributed", "cluster"),
    "tensorboardX": ("tensorboardX", "tensorboard"),
}
"""Module -> (package on PyPI, extra)."""


def require(module: str, wanted_by: str) -> Any:
    """Import a module of :data:`PACKAGES`; where it is missing, a sentence names its package."""
    try:
        return import_module(module)
    except ImportError as error:
        raise missing(module, wanted_by, error) from error


def missing(module: str, wanted_by: str, error: ImportError) -> MissingPackage:
    """The error for a module of :data:`PACKAGES` that could not be imported."""
    package, extra = PACKAGES[module.partition(".")[0]]
    return MissingPackage(
        f"{wanted_by} needs the Python package {package}, which cannot be imported ({error}); "
        f"run: pip install 'affordance_grasp[{extra}]', or {package} alone"
    )
