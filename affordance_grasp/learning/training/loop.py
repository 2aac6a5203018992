"""The training loop: one for all methods, which differ in their network, loss and batches."""

import math
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from affordance_grasp.errors import CheckpointError, InvalidInput
from affordance_grasp.learning.evaluation.evaluate import Evaluation
from affordance_grasp.learning.training.computing import (
    ALONE,
    Machine,
    gradient_scaler,
    loss_function,
    prepare,
)
from affordance_grasp.learning.training.loading import BatchLoader
from affordance_grasp.learning.training.optimizers import load_optimizer
from affordance_grasp.learning.training.run_folder import RunFolder
from affordance_grasp.learning.training.train_config import TrainConfig
from affordance_grasp.methods.checkpoint import head_tensors, load_head
from affordance_grasp.methods.network import GroundingNetwork
from affordance_grasp.methods.recipe import Draws, Samples

MEASURED = ("kld", "sim", "nss", "undefined")


@dataclass(frozen=True)
class Outcome:
    """The end of a run: epochs finished, whether all were, the best epoch and its test KLD.

    Without a test set no epoch is the best.
    """

    epochs: int
    complete: bool
    best_epoch: int | None
    best_kld: float | None
    last: Mapping[str, float]


@dataclass(frozen=True)
class Hooks:
    """Callbacks around the epochs.

    ``evaluate(network)`` scores the test split; None where there is none. ``save(network, path,
    training)`` writes a checkpoint; ``progress`` wraps the batches of an epoch; ``watch`` is told
    every epoch's row of the curves with its learning rate.
    """

    evaluate: Callable[[GroundingNetwork], Evaluation] | None
    save: Callable[[GroundingNetwork, Path, Mapping[str, Any]], None]
    progress: Callable[..., Iterable[Any]] | None = None
    watch: Callable[[Mapping[str, float]], None] | None = None


def train(
    network: GroundingNetwork,
    samples: Samples,
    config: TrainConfig,
    run: RunFolder,
    hooks: Hooks,
    *,
    minutes: float | None = None,
    machine: Machine = ALONE,
) -> Outcome:
    """Train from the run's saved state, or from the network as given, epoch by epoch.

    Every epoch draws its randomness from the seed and its own number, so a run that was killed
    and resumed repeats the unfinished epoch and ends with the identical network. ``minutes`` ends
    the run after the epoch in which the time is up.
    """
    started = time.monotonic()
    loop = _Loop(network, samples, config, run, hooks, machine)
    loop.restore()
    loop.begin()
    while loop.epoch < config.epochs:
        loop.run_epoch()
        out_of_time = minutes is not None and time.monotonic() - started > 60 * minutes
        if machine.group.share(out_of_time):
            break
    scored = hooks.evaluate is not None
    best = min(loop.rows, key=rank) if scored else None
    return Outcome(
        epochs=loop.epoch,
        complete=loop.epoch == config.epochs,
        best_epoch=None if best is None else int(best["epoch"]),
        best_kld=None if best is None else best["test_kld"],
        last=loop.rows[-1],
    )


def rank(row: Mapping[str, float]) -> tuple[float, float]:
    """The key by which epochs are ranked, lowest first: maps without a score, then KLD."""
    kld = row["test_kld"]
    return row["test_undefined"], kld if math.isfinite(kld) else math.inf


def draw_epoch(samples: int, batch: int, draws: Draws, rank: int = 0) -> list[list[int]]:
    """The batches of an epoch in random order; torch's numbers are seeded too, by process.

    All follow from the seed and the epoch's own number, so that an epoch that is repeated after
    a kill is the same.
    """
    rng = draws.order
    torch.manual_seed(int(rng.integers(2**63)) + rank)
    order = rng.permutation(samples)
    return [order[i : i + batch].tolist() for i in range(0, samples, batch)]


@dataclass
class _Loop:
    """A run between two epochs: network, optimiser, epochs done and their curve rows.

    ``waiting``: batches whose gradients no step has used yet.
    """

    network: GroundingNetwork
    samples: Samples
    config: TrainConfig
    run: RunFolder
    hooks: Hooks
    machine: Machine
    epoch: int = 0
    waiting: int = 0
    rows: list[dict[str, float]] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Make the optimiser; its groups' rates are those of the first epoch."""
        groups = self.network.parameter_groups(self.config.optimizer.learning_rate)
        self.optimizer = self.config.optimizer.build(groups)
        self.rates = [group["lr"] for group in self.optimizer.param_groups]
        self.scaler = gradient_scaler(self.machine)

    def begin(self) -> None:
        """Prepare what computes and what reads; the weights are those to begin with."""
        machine = self.machine
        prepare(self.network, machine.computing)
        self.loss = loss_function(self.network, machine)
        on_gpu = machine.device.startswith("cuda")
        self.loader = BatchLoader(self.samples, machine.workers, pinned=on_gpu)

    def restore(self) -> None:
        """Go to the end of the last finished epoch of an earlier run, if there is one."""
        state = self.run.load_state()
        if state is not None:
            with self.run.reading_state():
                self._take(state)

    def _take(self, state: Mapping[str, Any]) -> None:
        scored = self.hooks.evaluate is not None
        if scored and any("test_undefined" not in row for row in state["rows"]):
            raise CheckpointError(
                f"training state {self.run.state} does not say how many test maps were undefined, "
                "as states of earlier versions; start again with another --out"
            )
        load_head(self.network, state["network"], f"training state {self.run.state}")
        load_optimizer(self.optimizer, state["optimizer"])
        self.scaler.load_state_dict(state.get("scaler", {}))
        for name, parameter in self.network.named_parameters():
            if name in state["gradients"]:
                parameter.grad = state["gradients"][name].to(parameter)
        self.epoch, self.rows, self.waiting = state["epoch"], state["rows"], state["waiting"]
        if self.epoch != len(self.rows) or self.waiting not in range(self.config.accumulate):
            raise ValueError("an epoch is missing")

    def run_epoch(self) -> None:
        """One pass over the samples, one evaluation, one saved state."""
        started = time.monotonic()
        losses = self._pass_over_samples()
        trained_s = time.monotonic() - started
        group, metrics = self.machine.group, {}
        if group.first:
            self.network.eval()
            overall = self.hooks.evaluate(self.network).overall if self.hooks.evaluate else {}
            metrics = {f"test_{name}": overall[name] for name in MEASURED if name in overall}
        self.epoch += 1
        row = {"epoch": self.epoch, **losses, **metrics, "train_s": round(trained_s, 1)}
        self.rows.append(group.share(row))
        if group.first:
            self._save()

    def _pass_over_samples(self) -> dict[str, float]:
        """Mean of every loss term over the epoch's batches."""
        self.network.train()
        config, group = self.config, self.machine.group
        factor = config.optimizer.factor(self.epoch)
        for parameters, rate in zip(self.optimizer.param_groups, self.rates, strict=True):
            parameters["lr"] = rate * factor
        draws = Draws(config.seed, self.epoch)
        parts = [
            group.own(chosen)
            for chosen in draw_epoch(len(self.samples), config.batch, draws, group.rank)
        ]
        description = f"epoch {self.epoch + 1}/{config.epochs}"
        batches: Iterable[Any] = self.loader.batches(draws, [own for own, _ in parts])
        if self.hooks.progress and group.first:
            batches = self.hooks.progress(batches, desc=description, total=len(parts))
        sums: dict[str, float] = {}
        for batch, (_, share) in zip(batches, parts, strict=True):
            for name, value in self._step(batch, share).items():
                sums[name] = sums.get(name, 0.0) + value
        return {f"loss_{name}": total / len(parts) for name, total in sums.items()}

    def _step(self, batch: Any, share: float) -> dict[str, float]:
        """Gradients of one batch; the optimiser's step once enough batches have given theirs.

        Those that wait at the end of an epoch go into the next one (released code of PLSP).
        ``share``: the part of all processes' samples that are this one's. The device is waited for
        once, when all of the step but the optimiser is under way.
        """
        config, machine = self.config, self.machine
        kind = torch.device(machine.device).type
        low = torch.float16 if machine.computing.float16 else torch.bfloat16
        narrow = config.bfloat16 or machine.computing.float16
        with torch.autocast(kind, low, enabled=narrow):
            terms = self.loss(batch.to(machine.device), self.epoch)
        weight = share * machine.group.size / config.accumulate
        self.scaler.scale(terms["total"] * weight).backward()
        stacked = torch.stack([term.detach().float() for term in terms.values()])
        values = dict(zip(terms, machine.group.total(stacked * share).tolist(), strict=True))
        if not math.isfinite(values["total"]):
            raise InvalidInput(
                f"the loss of epoch {self.epoch + 1} is {values['total']}; the "
                f"learning rate may be too large ({self.run.path} is as the epoch before left it)"
            )
        self.waiting += 1
        if self.waiting == config.accumulate:
            self.scaler.step(self.optimizer)
            self.scaler.update()
            self.optimizer.zero_grad()
            self.waiting = 0
        return values

    def _gradients(self) -> dict[str, Tensor]:
        if not self.waiting:
            return {}
        named = self.network.named_parameters()
        return {name: p.grad for name, p in named if p.grad is not None}

    def _save(self) -> None:
        row = self.rows[-1]
        scores = {name: row[f"test_{name}"] for name in MEASURED if f"test_{name}" in row}
        measured = {"epoch": self.epoch, **({"test": scores} if scores else {})}
        if scores and all(rank(row) < rank(other) for other in self.rows[:-1]):
            chosen_by = "lowest KLD on the test split, as published results are chosen"
            self.hooks.save(self.network, self.run.best, {**measured, "chosen_by": chosen_by})
        self.hooks.save(self.network, self.run.last, {**measured, "chosen_by": "last epoch"})
        self.run.write_curves(self.rows)
        self.run.save_state(
            {
                "network": head_tensors(self.network),
                "optimizer": self.optimizer.state_dict(),
                "scaler": self.scaler.state_dict(),
                "gradients": self._gradients(),
                "waiting": self.waiting,
                "epoch": self.epoch,
                "rows": self.rows,
            }
        )
        if self.hooks.watch:
            optimizer = self.config.optimizer
            rate = optimizer.learning_rate * optimizer.factor(self.epoch - 1)
            self.hooks.watch({**row, "learning_rate": rate})
