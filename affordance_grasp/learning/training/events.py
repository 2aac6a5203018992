"""Curves of a training run as TensorBoard reads them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from affordance_grasp.extras import require


class ScalarEvents:
    """Every epoch's losses, test scores and learning rate, as scalars in a folder."""

    def __init__(self, folder: Path) -> None:
        """Nothing is written before the first epoch; a missing package is named at once."""
        self._folder = folder
        self._tensorboard = require("tensorboardX", "--tensorboard")
        self._writer: Any = None

    def add(self, row: Mapping[str, float]) -> None:
        """One row of the curves; ``loss_total`` is the scalar ``loss/total``.

        TensorBoard forgets what a killed run wrote of this epoch and later ones.
        """
        epoch = int(row["epoch"])
        if self._writer is None:
            folder = str(self._folder)
            self._writer = self._tensorboard.SummaryWriter(folder, purge_step=epoch)
        for name, value in row.items():
            if name != "epoch":
                tag = name.replace("_", "/", 1) if name.startswith(("loss_", "test_")) else name
                self._writer.add_scalar(tag, value, epoch)
        self._writer.flush()

    def close(self) -> None:
        """End the file."""
        if self._writer is not None:
            self._writer.close()
