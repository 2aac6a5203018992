"""The runs of an ablation on disk: folders, remaining commands, scores."""

import csv
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
import yaml

from affordance_grasp.configuration.documents import read_json
from affordance_grasp.datasets.affordances_file import read_affordances
from affordance_grasp.datasets.agd20k import find_layout
from affordance_grasp.encoders.weights import load_strictly
from affordance_grasp.errors import InvalidInput
from affordance_grasp.files import write_file
from affordance_grasp.learning.ablations.ablation import METRICS, Figures, Row, row_config
from affordance_grasp.learning.ablations.processes import Command
from affordance_grasp.learning.training.run_folder import RunFolder
from affordance_grasp.learning.training.train_config import TrainConfig
from affordance_grasp.methods.checkpoint import load_checkpoint, save_checkpoint
from affordance_grasp.methods.method import find_method, make_network


@dataclass(frozen=True)
class AblationSettings:
    """What all runs of an ablation have in common.

    ``base``: the full method's training. ``data`` (root of the tree) and ``split``; ``out``:
    folder of all runs. ``options`` go to training, ``scoring`` to evaluation, as command words.
    """

    base: TrainConfig
    data: Path
    split: str
    out: Path
    protocol: str = "reference"
    options: tuple[str, ...] = ()
    scoring: tuple[str, ...] = ()

    @property
    def data_identity(self) -> dict[str, Any]:
        """The split and its folder, as a run and a summary of scores record them."""
        layout = find_layout(self.data, self.split, read_affordances(self.data))
        folder = self.data / layout.folder
        return {"split": self.split, "data": str(folder.resolve())}


@dataclass(frozen=True)
class Run:
    """One row with one seed."""

    settings: AblationSettings
    name: str
    row: Row
    seed: int

    @property
    def folder(self) -> RunFolder:
        """Its folder ``OUT/ROW/seed_N``."""
        return RunFolder(self.settings.out / self.name / f"seed_{self.seed}")

    @property
    def config(self) -> TrainConfig:
        """Its training configuration; the seed draws weights and batches, not the cached views."""
        return replace(row_config(self.settings.base, self.row), seed=self.seed)

    @property
    def trained(self) -> bool:
        """Whether all epochs of this configuration are done."""
        folder = self.folder
        if not (folder.config.exists() and folder.curves.exists() and folder.last.exists()):
            return False
        with folder.curves.open(newline="") as file:
            epochs = sum(1 for _ in csv.DictReader(file))
        recorded, config = _read_json(folder.config), self.config
        if epochs < config.epochs:
            return False
        if any(recorded.get(name) != value for name, value in self._expected.items()):
            return False
        network: Any = config.network_config
        return bool(recorded.get("backbone_sha256") == _backbone_sha256(config.method, network))

    def training(self) -> Command:
        """The command that trains or resumes it; its configuration is written first."""
        path = self.folder.path
        plain = json.loads(json.dumps(self.config.to_dict()))
        recipe = write_file(path / "train.yaml", yaml.safe_dump(plain, sort_keys=False))
        settings = self.settings
        words = ["train", "--method", plain["method"], "--data", str(settings.data)]
        words += ["--split", settings.split, "--config", str(recipe), "--out", str(path)]
        words += ["--resume", "--protocol", settings.protocol, *settings.options]
        return Command(tuple(words), path / "train.log")

    def derive(self) -> None:
        """Make the checkpoint from the row that this one is ``trained_as``, if that is newer."""
        if self.row.trained_as is None:
            return
        source = replace(self, name=self.row.trained_as).folder.last
        target = self.folder.last
        if not target.exists() or target.stat().st_mtime < source.stat().st_mtime:
            reconfigure(source, target, self.row.network)

    @property
    def scored(self) -> bool:
        """Whether its last checkpoint has been scored on these test images."""
        summary, checkpoint = self._summary, self.folder.last
        if not summary.exists() or summary.stat().st_mtime < checkpoint.stat().st_mtime:
            return False
        recorded = _read_json(summary)
        return all(
            recorded.get(name) == value for name, value in self.settings.data_identity.items()
        )

    def evaluation(self) -> Command:
        """The command that scores its last epoch on the test split."""
        path, settings = self.folder.path, self.settings
        words = ["evaluate", "--checkpoint", str(self.folder.last), "--data", str(settings.data)]
        words += ["--split", settings.split, "--maps", str(self._summary.parent)]
        words += ["--protocol", settings.protocol, *settings.scoring]
        return Command(tuple(words), path / "evaluate.log")

    def figures(self) -> Figures:
        """KLD, SIM and NSS of the last epoch, mean over all test maps."""
        overall = _read_json(self._summary)["measured"]["all"]
        return {metric: float(overall[metric]) for metric in METRICS}

    @property
    def _expected(self) -> dict[str, Any]:
        return {
            "config": json.loads(json.dumps(self.config.to_dict())),
            **self.settings.data_identity,
            "bfloat16_tokens": "--bf16-tokens" in self.settings.options,
        }

    @property
    def _summary(self) -> Path:
        return self.folder.path / "maps" / f"summary_{self.settings.protocol}.json"


def reconfigure(source: Path, target: Path, changes: Mapping[str, Any]) -> None:
    """The checkpoint ``source`` with other fields of its configuration, the same weights."""
    stored = load_checkpoint(source)
    with torch.device("meta"):
        network = make_network(stored.info.method, {**stored.info.config, **changes})
    load_strictly(network, stored.tensors, f"checkpoint {source}")
    info = replace(stored.info, config=asdict(network.config))  # type: ignore[call-overload]
    save_checkpoint(target, network, info, stored.text)


@lru_cache
def _backbone_sha256(method: str, config: Any) -> str:
    """Of the installed weights; computed once for all rows of a network."""
    return find_method(method).backbone(config, True).sha256


def _read_json(path: Path) -> dict[str, Any]:
    try:
        return dict(read_json(path, "figures"))
    except (InvalidInput, TypeError, ValueError) as error:
        raise InvalidInput(f"{path} is not readable; remove its folder: {error}") from error
