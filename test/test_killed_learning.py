"""SIGKILL in the middle of learning loses nothing: the same command goes on to the same result.

``KILLS=20`` kills each command that often, at random moments, and prints the tally.
"""

import csv
import os
import subprocess
import sys
import time

import numpy as np
import pytest
import torch
from agd20k_tree import write_tree
from safetensors import safe_open

from affordance_grasp.learning.training.run_folder import RunFolder

KILLS = int(os.environ.get("KILLS", "1"))
LONGEST_S = 300
RECIPE = """\
epochs: 4
batch: 4
accumulate: 2
views: {ego_crops: 1, exo_crops: 1, resized: 32, side: 28}
network: {image_side: 28}
"""
pytestmark = [pytest.mark.processes, pytest.mark.timeout(LONGEST_S * (1 + KILLS))]


def started(words):
    command = [sys.executable, "-m", "affordance_grasp.cli", *map(str, words)]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def whole(words):
    process = started(words)
    assert process.wait(LONGEST_S) == 0


def killed(words, moment):
    """Whether SIGKILL came before the end; ``moment`` says when to send it."""
    process, end = started(words), time.monotonic() + LONGEST_S
    try:
        while process.poll() is None and not moment():
            assert time.monotonic() < end
            time.sleep(0.005)
    finally:
        process.kill()
    return process.wait() == -9


def moments(first, longest_s, rng):
    """When to kill: first where ``first`` is true, then at random times."""
    yield first
    for _ in range(KILLS - 1):
        at = time.monotonic() + rng.uniform(0, longest_s)
        yield lambda at=at: time.monotonic() > at


def tensors(path):
    with safe_open(path, framework="pt") as stored:
        return {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118


def result(run):
    """What a run leaves but times and the way it was started: weights, state, curves."""
    state = run.load_state()
    rows = [{k: v for k, v in row.items() if k != "train_s"} for row in state["rows"]]
    with run.curves.open() as file:
        assert len(list(csv.DictReader(file))) == len(rows)
    return tensors(run.last), tensors(run.best), {**state, "rows": rows}


def same(a, b):
    if isinstance(a, torch.Tensor):
        return torch.equal(a, b)
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[name], b[name]) for name in a)
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(same, a, b))
    return a == b


def test_training_that_was_killed_ends_with_the_same_weights(tmp_path):
    write_tree(tmp_path / "data")
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(RECIPE)
    words = ["train", "--method", "looptrans", "--data", tmp_path / "data", "--config", recipe]
    once, before = RunFolder(tmp_path / "once"), time.monotonic()
    whole([*words, "--out", once.path, "--cache", tmp_path / "a"])
    longest_s, expected = time.monotonic() - before, result(once)
    rng, kills, runs = np.random.default_rng(0), 0, 0
    while kills < KILLS:
        run, cache = RunFolder(tmp_path / f"run{runs}"), tmp_path / f"cache{runs}"
        again = [*words, "--out", run.path, "--cache", cache, "--resume"]
        for moment in moments(run.state.exists, longest_s, rng):
            kills += killed(again, moment)
        whole(again)
        assert same(result(run), expected)
        runs += 1
    print(f"train: killed {kills} times in {runs} runs, identical weights, state and curves")


def labels(folder):
    return {p.relative_to(folder): p.read_bytes() for p in sorted(folder.rglob("*.png"))}


def test_pseudo_labels_that_were_killed_are_the_same(tmp_path):
    for name in ("once", "again"):
        write_tree(tmp_path / name, train=8)
    before = time.monotonic()
    whole(["pseudo-labels", tmp_path / "once"])
    longest_s = time.monotonic() - before
    made = [tmp_path / name / "Seen/trainset/PL" for name in ("once", "again")]
    rng, kills, words = np.random.default_rng(0), 0, ["pseudo-labels", tmp_path / "again"]
    while kills < KILLS:
        for path in made[1].rglob("*.png"):
            path.unlink()
        for moment in moments(lambda: any(made[1].rglob("*.png")), longest_s, rng):
            kills += killed(words, moment)
        whole(words)
        assert labels(made[1]) == labels(made[0])
        assert len(labels(made[1])) == 32
    print(f"pseudo-labels: killed {kills} times, identical labels")
