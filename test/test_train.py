import csv
import json
from dataclasses import replace

import numpy as np
import pytest
import torch
import yaml
from agd20k_tree import write_tree
from tiny_encoders import TINY_NETWORK, TinyEncoder, TinyText

from affordance_grasp.cli import main
from affordance_grasp.commands import evaluate as evaluate_command
from affordance_grasp.commands import train as train_command
from affordance_grasp.errors import InvalidInput, UnknownName
from affordance_grasp.grounding.checkpoint import load_checkpoint
from affordance_grasp.learning import train as train_module
from affordance_grasp.learning.agd20k import load_split
from affordance_grasp.learning.detections import RecordedDetector
from affordance_grasp.learning.features import cache_features
from affordance_grasp.learning.plsp_run import Sources, train_plsp
from affordance_grasp.learning.plsp_samples import PairTexts, PlspSamples, SamplingConfig
from affordance_grasp.learning.pseudo_labels import write_pseudo_labels
from affordance_grasp.learning.run_folder import RunFolder
from affordance_grasp.learning.train_config import TrainConfig, load_config, parse_config
from affordance_grasp.learning.views import ViewPlan
from affordance_grasp.share import share_path

CONFIG = TrainConfig(
    epochs=3,
    batch=5,
    learning_rate=3e-3,
    seed=1,
    views=ViewPlan(crops=2, stitched=1),
    network=TINY_NETWORK,
)


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    root = tmp_path_factory.mktemp("tree")
    folder = write_tree(root)
    split = load_split(root, "Seen")
    detector = RecordedDetector(folder / "trainset/detections.json")
    write_pseudo_labels(split, detector)
    torch.set_num_threads(1)
    return Sources(split, detector, TinyEncoder(), TinyText(), root / "cache")


@pytest.fixture(scope="module")
def finished(sources, tmp_path_factory):
    run = RunFolder(tmp_path_factory.mktemp("runs") / "whole")
    return run, train_plsp(sources, CONFIG, run)


def losses(run):
    with run.curves.open() as file:
        return [float(row["loss_total"]) for row in csv.DictReader(file)]


def test_loss_falls_and_the_run_folder_says_everything(finished):
    run, outcome = finished
    assert outcome.complete
    assert len(losses(run)) == 3
    assert losses(run)[-1] < 0.9 * losses(run)[0]
    about = json.loads(run.config.read_text())
    assert about["config"]["learning_rate"] == CONFIG.learning_rate
    assert {"torch", "python"} <= set(about["versions"])
    assert "git_revision" in about


def test_best_and_last_checkpoint_say_which_they_are(finished):
    run, outcome = finished
    best, last = load_checkpoint(run.best), load_checkpoint(run.last)
    assert best.info.training["epoch"] == outcome.best_epoch
    assert "test split" in best.info.training["chosen_by"]
    assert last.info.training["chosen_by"] == "last epoch"
    assert last.info.backbone_sha256 == "tiny"
    assert last.info.affordances == ("cut_with", "hold", "pour")
    assert last.text.shape == (3, 384)


class Killed(Exception):
    pass


def test_killed_run_resumes_to_the_identical_network(sources, finished, tmp_path, monkeypatch):
    whole, _ = finished
    run = RunFolder(tmp_path / "killed")
    steps = []
    step = train_module._Loop._step

    def dying(self, chosen, rng):
        steps.append(chosen)
        if len(steps) == 5:  # the middle of the second epoch
            raise Killed
        return step(self, chosen, rng)

    monkeypatch.setattr(train_module._Loop, "_step", dying)
    with pytest.raises(Killed):
        train_plsp(sources, CONFIG, run)
    monkeypatch.undo()
    outcome = train_plsp(sources, CONFIG, run, resume=True)
    assert outcome.complete
    assert losses(run) == losses(whole)
    resumed, expected = (folder.load_state()["network"] for folder in (run, whole))
    assert all(torch.equal(resumed[name], expected[name]) for name in expected)


def test_another_seed_gives_another_network(sources, finished, tmp_path):
    run = RunFolder(tmp_path / "other")
    train_plsp(sources, replace(CONFIG, seed=2, epochs=1), run)
    assert losses(run)[0] != losses(finished[0])[0]


def test_time_limit_ends_after_an_epoch(sources, tmp_path):
    outcome = train_plsp(sources, CONFIG, RunFolder(tmp_path / "short"), minutes=0)
    assert (outcome.epochs, outcome.complete) == (1, False)


def test_a_used_folder_is_not_overwritten_nor_resumed_with_other_settings(sources, finished):
    run, _ = finished
    with pytest.raises(InvalidInput, match="--resume"):
        train_plsp(sources, CONFIG, run)
    with pytest.raises(InvalidInput, match="another config"):
        train_plsp(sources, replace(CONFIG, seed=9), run, resume=True)


def samples_of(sources, **sampling):
    split = sources.split
    features = cache_features(split, sources.encoder, CONFIG.views, sources.cache)
    texts = PairTexts(sources.text, split, sources.detector.prompt)
    return PlspSamples(split, features, sources.detector, texts, SamplingConfig(**sampling))


def test_batch_holds_what_the_network_expects(sources):
    samples = samples_of(sources)
    assert len(samples) == 12
    batch = samples.batch(range(12), np.random.default_rng(0))
    assert batch.ego.shape == batch.exo.shape == (12, 257, 384)
    torch.testing.assert_close(batch.target.sum(dim=(1, 2)), torch.ones(12))
    assert batch.object_patches.shape == (12, 256)
    assert ((batch.object_patches.sum(dim=1) > 40) & (batch.object_patches.mean(dim=1) < 1)).all()
    expected = sources.text.encode(["hold the object", "part of the mug", "a mug"])
    mugs = [i for i, p in enumerate(samples.pictures) if p.pair == ("hold", "mug")]
    torch.testing.assert_close(batch.text[mugs[0]], expected[0])
    torch.testing.assert_close(batch.part[mugs[0]], expected[1])
    torch.testing.assert_close(batch.noun[mugs[0]], expected[2])


def hottest_token(batch, sample):
    row, column = divmod(int(batch.target[sample].argmax()), 224)
    return batch.ego[sample, 1:].unflatten(0, (16, 16))[row // 14, column // 14]


def test_target_is_hot_where_the_view_shows_the_part(sources):
    samples = samples_of(sources, stitched=0.0)
    batch = samples.batch(range(12), np.random.default_rng(0))
    hottest = [hottest_token(batch, i) for i in range(12)]
    for i, picture in enumerate(samples.pictures):
        same = [
            j
            for j, other in enumerate(samples.pictures)
            if other.affordance == picture.affordance and j != i
        ]
        ground = (hottest[i] - batch.ego[i, 1]).norm()
        assert min((hottest[i] - hottest[j]).norm() for j in same) < 0.5 * ground


def test_without_labels_there_is_nothing_to_train_on(sources, tmp_path):
    write_tree(tmp_path)
    bare = replace(sources, split=load_split(tmp_path, "Seen"), cache=tmp_path / "cache")
    with pytest.raises(InvalidInput, match="pseudo-labels"):
        train_plsp(bare, CONFIG, RunFolder(tmp_path / "run"))


def test_shipped_configuration_is_the_published_recipe():
    config = load_config(share_path("config/train_plsp_simulated.yaml"))
    assert (config.method, config.learning_rate, config.betas) == ("plsp", 1e-4, (0.9, 0.95))
    assert (config.weight_decay, config.batch) == (0.01, 20)
    assert parse_config(config.to_dict()) == config


def test_bad_configuration_is_refused(tmp_path):
    with pytest.raises(InvalidInput, match="known keys: method"):
        parse_config({"learning_speed": 1})
    with pytest.raises(UnknownName, match="plsp"):
        parse_config({"method": "magic"})
    with pytest.raises(InvalidInput, match="cannot be read"):
        load_config(tmp_path / "none.yaml")
    (tmp_path / "picture.yaml").write_bytes(bytes(range(256)))
    with pytest.raises(InvalidInput, match="picture.yaml cannot be read"):
        load_config(tmp_path / "picture.yaml")


@pytest.mark.parametrize(
    "values",
    [
        {"epochs": "many"},
        {"epochs": True},
        {"batch": 1.5},
        {"learning_rate": float("nan")},
        {"betas": ["a", "b"]},
        {"betas": [0.9, 0.9, 0.9]},
        {"betas": 3},
        {"weight_decay": -1},
        {"seed": -1},
        {"seed": "x"},
        {"bfloat16": "maybe"},
        {"network": 3},
        {"views": 3},
    ],
    ids=str,
)
def test_settings_that_cannot_train_are_refused_before_anything_begins(values):
    with pytest.raises(InvalidInput) as refusal:
        parse_config(values)
    assert next(iter(values)).split("_")[-1] in str(refusal.value)


@pytest.mark.parametrize(("option", "value"), [("--threads", "0"), ("--minutes", "nan")])
def test_options_that_cannot_be_are_one_sentence(tmp_path, capsys, option, value):
    words = ["train", "--data", str(tmp_path), "--out", str(tmp_path / "run"), option, value]
    assert main(words) == 2
    assert f"{option} is {value}; it must be" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


@pytest.fixture
def tiny_commands(monkeypatch):
    for command in (train_command, evaluate_command):
        monkeypatch.setattr(command, "load_backbone", lambda name: TinyEncoder())
        monkeypatch.setattr(command, "load_text_encoder", lambda name: TinyText())
    yield
    torch.set_num_threads(1)


def test_from_boxes_to_figures_on_the_command_line(tiny_commands, tmp_path, capsys):
    write_tree(tmp_path)
    data, out = str(tmp_path), tmp_path / "run"
    config = tmp_path / "config.yaml"
    config.write_text(yaml.safe_dump(CONFIG.to_dict()))
    assert main(["pseudo-labels", data, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["written"] == 12
    words = ["train", "--data", data, "--out", str(out), "--config", str(config), "--threads", "1"]
    assert main([*words, "--epochs", "1", "--json"]) == 0
    outcome = json.loads(capsys.readouterr().out)
    assert outcome["complete"]
    assert main([*words, "--epochs", "1"]) == 2
    assert "--resume" in capsys.readouterr().err
    scoring = ["evaluate", "--data", data, "--checkpoint", str(out / "last.safetensors")]
    assert main([*scoring, "--threads", "1", "--json"]) == 0
    measured = json.loads(capsys.readouterr().out)["measured"]["all"]
    # the checkpoint is stored in float16
    assert measured["kld"] == pytest.approx(outcome["last"]["test_kld"], rel=1e-2)


def test_checkpoint_of_another_backbone_is_refused(
    tiny_commands, finished, sources, monkeypatch, capsys
):
    run, _ = finished
    data = str(sources.split.folder.parent)
    monkeypatch.setattr(TinyEncoder, "sha256", "other")
    assert main(["evaluate", "--data", data, "--checkpoint", str(run.last)]) == 2
    assert "sha256" in capsys.readouterr().err
