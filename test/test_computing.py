"""Two processes that share the batches of a training, and the options of precision."""

import csv
import os
import subprocess
import sys
from dataclasses import replace

import pytest
import torch
from agd20k_tree import write_tree
from tiny_encoders import TINY_NETWORK, TinyEncoder, TinyText

from affordance_grasp.datasets.agd20k import load_split
from affordance_grasp.datasets.detections import RecordedDetector
from affordance_grasp.datasets.stitching import StitchPlan
from affordance_grasp.learning.flags import Computing
from affordance_grasp.learning.labels.pseudo_labels import write_pseudo_labels
from affordance_grasp.learning.training import computing as computing_module
from affordance_grasp.learning.training.computing import Group, Machine, joined_group
from affordance_grasp.learning.training.optimizers import AdamW
from affordance_grasp.learning.training.run_folder import RunFolder
from affordance_grasp.learning.training.train_config import TrainConfig
from affordance_grasp.learning.training.training_run import Resources, train_method

CONFIG = TrainConfig(
    epochs=2,
    batch=5,  # of 12 samples: 3 and 2 of a batch for two processes, then 1 and 1
    optimizer=AdamW(learning_rate=3e-3),
    seed=1,
    views=StitchPlan(crops=2, stitched=1),
    network={**TINY_NETWORK, "drop_path": 0.0},  # what torch draws differs between processes
)


def resources_of(root, **machine):
    split = load_split(root, "Seen")
    detector = RecordedDetector(split.folder / "trainset/detections.json")
    torch.set_num_threads(1)
    return Resources(
        split, TinyEncoder(), root / "cache", detector, TinyText(), machine=Machine(**machine)
    )


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    root = tmp_path_factory.mktemp("tree")
    folder = write_tree(root)
    write_pseudo_labels(
        load_split(root, "Seen"), RecordedDetector(folder / "trainset/detections.json")
    )
    return root


@pytest.fixture(scope="module")
def alone(root):
    run = RunFolder(root / "alone")
    train_method(resources_of(root), CONFIG, run)
    return run


def curves(run):
    with run.curves.open() as file:
        rows = list(csv.DictReader(file))
    return torch.tensor([[float(v) for k, v in r.items() if k != "train_s"] for r in rows])


def one_of_two(root, out):
    """What each of the two processes does."""
    with joined_group("cpu") as (group, device):
        resources = resources_of(root, device=device, group=group)
        train_method(resources, CONFIG, RunFolder(out))


@pytest.mark.processes
def test_two_processes_train_as_one_does(root, alone, tmp_path):
    words = [sys.executable, "-c", "import sys; from pathlib import Path; from test_computing "
             "import one_of_two; one_of_two(*map(Path, sys.argv[1:]))"]  # fmt: skip
    about = {"MASTER_ADDR": "127.0.0.1", "WORLD_SIZE": "2", "OMP_NUM_THREADS": "1"}
    about |= {"MASTER_PORT": str(23456 + os.getpid() % 20000)}
    path = os.pathsep.join([os.path.dirname(__file__), *sys.path])
    processes = [
        subprocess.Popen(
            [*words, str(root), str(tmp_path / "run")],
            env={**os.environ, **about, "RANK": str(rank), "PYTHONPATH": path},
        )
        for rank in range(2)
    ]
    try:
        assert [process.wait(120) for process in processes] == [0, 0]
    finally:
        for process in processes:
            process.kill()
    torch.testing.assert_close(
        curves(RunFolder(tmp_path / "run")), curves(alone), rtol=1e-5, atol=1e-5
    )


def test_a_batch_is_divided_or_computed_by_all():
    groups = [Group(rank, 2) for rank in range(2)]
    assert [group.own([7, 8, 9]) for group in groups] == [([7, 9], 2 / 3), ([8], 1 / 3)]
    assert [group.own([7]) for group in groups] == [([7], 0.5), ([7], 0.5)]
    assert Group().own([7]) == ([7], 1.0)


def test_workers_change_nothing(root, alone):
    run = RunFolder(root / "workers")
    train_method(resources_of(root, workers=2), CONFIG, run)
    assert torch.equal(curves(run), curves(alone))
    one, other = (each.load_state()["network"] for each in (run, alone))
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_float16_scales_its_gradients_and_comes_near_float32(root):
    still = replace(CONFIG, epochs=1, optimizer=AdamW(learning_rate=1e-12))
    runs = []
    for options in (Computing(), Computing(float16=True, channels_last=True)):
        runs.append(RunFolder(root / f"float16_{options.float16}"))
        train_method(resources_of(root, computing=options), still, runs[-1])
    full, half = map(curves, runs)
    assert not torch.equal(full, half)
    torch.testing.assert_close(half, full, rtol=0.02, atol=0.02)
    assert [bool(run.load_state()["scaler"]) for run in runs] == [False, True]


def test_options_reach_torch(root, monkeypatch):
    compiled = []
    monkeypatch.setattr(torch, "compile", lambda module: compiled.append(module) or module)
    try:
        machine = {"computing": Computing(tf32=True, compile=True)}
        once = replace(CONFIG, epochs=1)
        train_method(resources_of(root, **machine), once, RunFolder(root / "options"))
        assert torch.get_float32_matmul_precision() == "high"
        assert isinstance(compiled[0], computing_module._Loss)
    finally:
        torch.set_float32_matmul_precision("highest")
