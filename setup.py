"""pip installation of the core and the command line; colcon uses CMakeLists.txt instead."""

from glob import glob
from pathlib import Path
from xml.etree import ElementTree

from setuptools import find_packages, setup

ROOT = Path(__file__).parent
SHARED = ("config", "urdf", "models", "launch")
# What the core imports; requirements/packages.txt pins the versions it is tested with.
REQUIRED = (
    "huggingface_hub",
    "msgspec",
    "mujoco",
    "numpy",
    "onnx",
    "open_clip_torch",
    "opencv-python",
    "pillow",
    "pyopengl",
    "pyyaml",
    "rosbags",
    "safetensors",
    "scipy",
    "timm",
    "tokenizers",
    "torch",
    "torchvision",
    "tqdm",
    "transformers",
)
EXTRAS = {
    "realsense": ["pyrealsense2"],
    "graspgen": ["msgpack", "pyzmq"],
    "sam": ["segment-anything"],
}
"""What single adapters import when they are used; each says so where it is missing."""

setup(
    name="affordance_grasp",
    version=ElementTree.parse(ROOT / "package.xml").findtext("version"),
    description="Affordance-guided grasping: take a thing by the right part.",
    license="Apache-2.0",
    python_requires=">=3.10",
    install_requires=list(REQUIRED),
    extras_require=EXTRAS,
    packages=find_packages(include=["affordance_grasp", "affordance_grasp.*"]),
    data_files=[
        (f"share/affordance_grasp/{folder}", [f for f in glob(f"{folder}/*") if Path(f).is_file()])
        for folder in SHARED
    ],
    entry_points={"console_scripts": ["affordance-grasp = affordance_grasp.cli:main"]},
)
