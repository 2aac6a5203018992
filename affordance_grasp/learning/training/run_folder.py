"""The folder of a training run: configuration, versions, curves, state, checkpoints."""

import csv
import json
import platform
import subprocess
from collections.abc import Mapping
from contextlib import AbstractContextManager
from importlib.metadata import PackageNotFoundError, version
from io import BytesIO
from pathlib import Path
from typing import Any

import torch

from affordance_grasp.configuration.documents import read_json
from affordance_grasp.errors import CheckpointError, InvalidInput, reading, writing
from affordance_grasp.files import write_file

PACKAGES = ("numpy", "opencv-python", "safetensors", "torch")


class RunFolder:
    """The files of a run.

    ``config``: its settings, with versions and revision. ``curves``: losses and test metrics, one
    row per epoch. ``state``: all that is needed to resume. ``best``: the checkpoint of the epoch
    with the lowest KLD on the test split; ``last``: of the last finished epoch. ``sheet``: where
    there is no test set, heatmaps on train images. ``events``: a folder for TensorBoard.
    """

    def __init__(self, path: Path) -> None:
        """Nothing is made yet."""
        self.path = path
        self.config, self.curves = path / "run.json", path / "curves.csv"
        self.state = path / "state.pt"
        self.events = path / "tensorboard"
        self.sheet = path / "contact_sheet.png"
        self.best, self.last = path / "best.safetensors", path / "last.safetensors"

    def start(self, description: Mapping[str, Any], resume: bool) -> None:
        """Begin a run in a folder without a finished epoch, or resume one of the same settings."""
        if not self.state.exists():
            text = json.dumps({**description, **surroundings()}, indent=1) + "\n"
            write_file(self.config, text)
            return
        if not resume:
            raise InvalidInput(
                f"{self.path} already holds a run; pass --resume to continue it or another --out"
            )
        recorded = self._recorded()
        plain = json.loads(json.dumps(description))
        differing = [key for key in plain if recorded.get(key) != plain[key]]
        if differing:
            raise InvalidInput(
                f"{self.path} holds a run with another {', '.join(differing)}; resume with the "
                f"same settings or use another --out"
            )

    def _recorded(self) -> dict[str, Any]:
        try:
            return dict(read_json(self.config, "run"))
        except (InvalidInput, TypeError, ValueError) as error:
            raise InvalidInput(
                f"{self.config} is corrupt; remove {self.path} and start again"
            ) from error

    def save_state(self, state: Mapping[str, Any]) -> None:
        """Write the state in one step, so that a kill leaves the old or the new one."""
        content = BytesIO()
        torch.save(dict(state), content)
        write_file(self.state, content.getvalue())

    def load_state(self) -> dict[str, Any] | None:
        """The state of the last finished epoch; None before the first."""
        if not self.state.exists():
            return None
        with self.reading_state():
            return dict(torch.load(self.state, map_location="cpu", weights_only=True))

    def reading_state(self) -> AbstractContextManager[None]:
        """Whatever is wrong with the state where it is read or taken up is one sentence."""
        advice = f"remove {self.path} and start again"
        return reading(f"training state {self.state} is corrupt; {advice}", CheckpointError)

    def write_curves(self, rows: list[dict[str, float]]) -> None:
        """Rewrite the curves, so that a resumed run has every epoch once."""
        with writing(self.curves), self.curves.open("w", newline="") as file:
            writer = csv.DictWriter(file, fieldnames=list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)


def surroundings() -> dict[str, Any]:
    """Versions of what computes, and the git revision where there is one."""
    versions = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            versions[package] = "not installed"
    return {"versions": versions, "git_revision": git_revision(Path(__file__).parent)}


def git_revision(folder: Path) -> str | None:
    """The commit of the checkout with a mark for local changes; None outside a checkout."""
    command = ["git", "-C", str(folder), "describe", "--always", "--dirty", "--abbrev=12"]
    try:
        described = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return described.stdout.strip()
