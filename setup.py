"""The files that pip puts beside the package; all else about it stands in pyproject.toml."""

from glob import glob
from pathlib import Path

from setuptools import setup

SHARED = ("config", "urdf", "models", "launch")

setup(
    data_files=[
        (f"share/affordance_grasp/{folder}", [f for f in glob(f"{folder}/*") if Path(f).is_file()])
        for folder in SHARED
    ]
)
