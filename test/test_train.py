import csv
import json
from dataclasses import replace
from importlib.util import find_spec

import numpy as np
import pytest
import torch
import yaml
from agd20k_tree import write_tree
from hypothesis import given
from hypothesis import strategies as st
from tiny_encoders import TINY_NETWORK, TinyEncoder, TinyText

from affordance_grasp.cli import main
from affordance_grasp.datasets.agd20k import load_split
from affordance_grasp.datasets.detections import RecordedDetector
from affordance_grasp.datasets.features import FeatureCache
from affordance_grasp.datasets.images import frozen_encoder, views_for_training
from affordance_grasp.datasets.stitching import StitchPlan
from affordance_grasp.encoders import text
from affordance_grasp.encoders.backbones import load_backbone
from affordance_grasp.errors import CheckpointError, InvalidInput
from affordance_grasp.learning.evaluation.evaluate import Evaluation, TestTruth
from affordance_grasp.learning.labels.pseudo_labels import write_pseudo_labels
from affordance_grasp.learning.training import loop as train_module
from affordance_grasp.learning.training.computing import Machine
from affordance_grasp.learning.training.optimizers import AdamW, Sgd
from affordance_grasp.learning.training.run_folder import RunFolder
from affordance_grasp.learning.training.train_config import TrainConfig, parse_config
from affordance_grasp.learning.training.training_run import Resources, train_method
from affordance_grasp.methods import method as methods
from affordance_grasp.methods.checkpoint import load_checkpoint
from affordance_grasp.methods.method import make_network
from affordance_grasp.methods.plsp.samples import (
    ExoPool,
    PairTexts,
    PlspSamples,
    SamplingConfig,
)
from affordance_grasp.methods.recipe import Draws

CONFIG = TrainConfig(
    epochs=3,
    batch=5,
    optimizer=AdamW(learning_rate=3e-3),
    seed=1,
    views=StitchPlan(crops=2, stitched=1),
    network=TINY_NETWORK,
)


@pytest.fixture(scope="module")
def resources(tmp_path_factory):
    root = tmp_path_factory.mktemp("tree")
    folder = write_tree(root)
    split = load_split(root, "Seen")
    detector = RecordedDetector(folder / "trainset/detections.json")
    write_pseudo_labels(split, detector)
    torch.set_num_threads(1)
    return Resources(split, TinyEncoder(), root / "cache", detector, TinyText())


@pytest.fixture(scope="module")
def finished(resources, tmp_path_factory):
    run = RunFolder(tmp_path_factory.mktemp("runs") / "whole")
    return run, train_method(resources, CONFIG, run)


def losses(run):
    with run.curves.open() as file:
        return [float(row["loss_total"]) for row in csv.DictReader(file)]


def test_loss_falls_and_the_run_folder_says_everything(finished):
    run, outcome = finished
    assert outcome.complete
    assert len(losses(run)) == 3
    assert losses(run)[-1] < 0.9 * losses(run)[0]
    about = json.loads(run.config.read_text())
    assert about["config"]["optimizer"]["learning_rate"] == CONFIG.optimizer.learning_rate
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


@pytest.mark.parametrize(
    ("scores", "best"),
    [
        ([(0.9, 0), (0.1, 5)], 1),  # what it could score of few maps is no better epoch
        ([(np.nan, 8), (0.9, 8), (0.9, 8)], 2),
        ([(np.nan, 8), (np.nan, 8)], 1),
    ],
)
def test_the_best_epoch_leaves_the_fewest_maps_undefined(
    resources, tmp_path, monkeypatch, scores, best
):
    left = iter(scores)

    def evaluate(self, maps):
        kld, undefined = next(left)
        return Evaluation(
            "reference",
            {"all": {"kld": kld, "sim": 0.5, "nss": 1.0, "maps": 8, "undefined": undefined}},
        )

    monkeypatch.setattr(TestTruth, "evaluate", evaluate)
    run = RunFolder(tmp_path / "run")
    outcome = train_method(resources, replace(CONFIG, epochs=len(scores)), run)
    training = load_checkpoint(run.best).info.training
    assert outcome.best_epoch == training["epoch"] == best
    assert training["test"]["undefined"] == scores[best - 1][1]
    with run.curves.open() as file:
        undefined = [int(row["test_undefined"]) for row in csv.DictReader(file)]
    assert undefined == [count for _, count in scores]


def test_a_loss_that_is_not_finite_ends_the_run_with_a_sentence(resources, tmp_path):
    run = RunFolder(tmp_path / "run")
    wild = replace(CONFIG, optimizer=Sgd(learning_rate=1e30))
    with pytest.raises(InvalidInput, match="the loss of epoch 1 is (nan|inf)"):
        train_method(resources, wild, run)
    assert not run.last.exists()


def test_a_state_without_the_count_of_undefined_maps_is_refused(resources, tmp_path):
    run = RunFolder(tmp_path / "run")
    train_method(resources, CONFIG, run, minutes=0)
    state = run.load_state()
    del state["rows"][0]["test_undefined"]
    run.save_state(state)
    with pytest.raises(CheckpointError, match="how many test maps were undefined"):
        train_method(resources, CONFIG, run, resume=True)


class Killed(Exception):
    pass


def test_killed_run_resumes_to_the_identical_network(resources, tmp_path, monkeypatch):
    config = replace(CONFIG, accumulate=2)  # of three batches: one gradient waits at every end
    whole, run = RunFolder(tmp_path / "whole"), RunFolder(tmp_path / "killed")
    train_method(resources, config, whole)
    steps = []
    step = train_module._Loop._step

    def dying(self, batch, share):
        steps.append(share)
        if len(steps) == 5:  # the middle of the second epoch
            raise Killed
        return step(self, batch, share)

    monkeypatch.setattr(train_module._Loop, "_step", dying)
    with pytest.raises(Killed):
        train_method(resources, config, run)
    monkeypatch.undo()
    assert run.load_state()["waiting"] == 1
    outcome = train_method(resources, config, run, resume=True)
    assert outcome.complete
    assert losses(run) == losses(whole)
    resumed, expected = (folder.load_state()["network"] for folder in (run, whole))
    assert all(torch.equal(resumed[name], expected[name]) for name in expected)


def test_another_seed_gives_another_network(resources, finished, tmp_path):
    run = RunFolder(tmp_path / "other")
    train_method(resources, replace(CONFIG, seed=2, epochs=1), run)
    assert losses(run)[0] != losses(finished[0])[0]


def test_time_limit_ends_after_an_epoch(resources, tmp_path):
    run, told = RunFolder(tmp_path / "short"), []
    outcome = train_method(resources, CONFIG, run, minutes=0, watch=told.append)
    assert (outcome.epochs, outcome.complete) == (1, False)
    assert told == [{**outcome.last, "learning_rate": CONFIG.optimizer.learning_rate}]


def test_a_used_folder_is_not_overwritten_nor_resumed_with_other_settings(resources, finished):
    run, _ = finished
    with pytest.raises(InvalidInput, match="--resume"):
        train_method(resources, CONFIG, run)
    with pytest.raises(InvalidInput, match="another config"):
        train_method(resources, replace(CONFIG, seed=9), run, resume=True)


def samples_of(resources, **sampling):
    split = resources.split
    encoder = frozen_encoder(make_network("plsp", CONFIG.network, resources.backbone))
    cache = FeatureCache(resources.cache, encoder)
    ego, exo = map(cache.features, views_for_training(split, CONFIG.views))
    texts = PairTexts(resources.text, split, resources.detector.prompt)
    pool = ExoPool(split, ego, exo, resources.detector, size=10)
    config = SamplingConfig(**sampling)
    return PlspSamples(split, ego, exo, pool, texts, squash=256, config=config)


def test_batch_holds_what_the_network_expects(resources):
    samples = samples_of(resources)
    assert len(samples) == 12
    batch = samples.batch(range(12), Draws(0, 0))
    assert batch.ego.shape == batch.exo.shape == (12, 257, 384)
    torch.testing.assert_close(batch.target.sum(dim=(1, 2)), torch.ones(12))
    assert batch.object_patches.shape == (12, 256)
    assert ((batch.object_patches.sum(dim=1) > 40) & (batch.object_patches.mean(dim=1) < 1)).all()
    expected = resources.text.encode(["hold the object", "part of the mug", "a mug"])
    mugs = [i for i, p in enumerate(samples.images) if p.pair == ("hold", "mug")]
    torch.testing.assert_close(batch.text[mugs[0]], expected[0])
    torch.testing.assert_close(batch.part[mugs[0]], expected[1])
    torch.testing.assert_close(batch.noun[mugs[0]], expected[2])


def test_without_the_mask_all_of_an_exocentric_image_counts(resources):
    masked, whole = (
        samples_of(resources, exo_mask=mask).batch(range(4), Draws(0, 0)) for mask in (True, False)
    )
    assert (whole.object_patches == 1).all() and (masked.object_patches == 0).any()
    assert torch.equal(whole.exo, masked.exo)


def hottest_token(batch, sample):
    row, column = divmod(int(batch.target[sample].argmax()), 224)
    return batch.ego[sample, 1:].unflatten(0, (16, 16))[row // 14, column // 14]


def test_target_is_hot_where_the_view_shows_the_part(resources):
    samples = samples_of(resources, stitched=0.0)
    batch = samples.batch(range(12), Draws(0, 0))
    hottest = [hottest_token(batch, i) for i in range(12)]
    for i, image in enumerate(samples.images):
        same = [
            j
            for j, other in enumerate(samples.images)
            if other.affordance == image.affordance and j != i
        ]
        ground = (hottest[i] - batch.ego[i, 1]).norm()
        assert min((hottest[i] - hottest[j]).norm() for j in same) < 0.5 * ground


def test_without_labels_there_is_nothing_to_train_on(resources, tmp_path):
    write_tree(tmp_path)
    bare = replace(resources, split=load_split(tmp_path, "Seen"), cache=tmp_path / "cache")
    with pytest.raises(InvalidInput, match="pseudo-labels"):
        train_method(bare, CONFIG, RunFolder(tmp_path / "run"))
    assert not (tmp_path / "cache").exists()
    assert not (tmp_path / "run").exists()


JUNK = st.sampled_from(
    [None, 3, -1, "x", [], {}, [{}], [1], {1: 2}, torch.ones(2), {"a": torch.ones(2, 3)}]
)


@given(data=st.data())
def test_any_training_state_is_taken_up_or_one_sentence(finished, data):
    run, network = (
        RunFolder(finished[0].path.parent / "junk"),
        CONFIG.make_network(36, TinyEncoder()),
    )
    state = finished[0].load_state()
    kind = data.draw(st.sampled_from(sorted(state)))
    inside = state[kind]
    if isinstance(inside, dict) and inside and data.draw(st.booleans()):
        inside[data.draw(st.sampled_from(sorted(inside)))] = data.draw(JUNK)
    elif data.draw(st.booleans()):
        state[kind] = data.draw(JUNK)
    else:
        del state[kind]
    run.path.mkdir(exist_ok=True)
    run.save_state(state)
    loop = train_module._Loop(network, None, CONFIG, run, None, Machine())
    try:
        loop.restore()
    except CheckpointError as error:
        assert str(error).isprintable()
    else:
        for parameter in network.parameters():
            parameter.grad = torch.zeros_like(parameter) if parameter.requires_grad else None
        loop.optimizer.step()
        assert len(loop.rows) == loop.epoch


def test_a_run_that_failed_in_its_first_epoch_is_begun_again_in_the_same_folder(
    resources, tmp_path, monkeypatch
):
    run, once = RunFolder(tmp_path / "run"), replace(CONFIG, epochs=1)
    with monkeypatch.context() as patch:
        patch.setattr(RunFolder, "save_state", lambda *_: pytest.fail("died"))
        with pytest.raises(pytest.fail.Exception, match="died"):
            train_method(resources, once, run)
    other = replace(once, seed=2)
    assert train_method(resources, other, run).complete
    assert json.loads(run.config.read_text())["config"]["seed"] == 2
    with pytest.raises(InvalidInput, match="already holds a run"):
        train_method(resources, other, run)


SMALL = {"image_side": 28}
LOCATE = {
    "epochs": 2,
    "batch": 4,
    "optimizer": {"name": "sgd"},
    "views": {"ego_crops": 1, "exo_crops": 1, "resized": 32, "side": 28},
    "network": SMALL,
}


def small_backbone():
    torch.manual_seed(0)
    backbone = load_backbone("dinov2_vits14", 28, pretrained=False)
    backbone.sha256 = "small"
    return backbone


@pytest.fixture(scope="module")
def small_sources(resources):
    return replace(resources, backbone=small_backbone())


@pytest.mark.parametrize("cached", [True, False])
@pytest.mark.parametrize("method", ["looptrans", "selectivecl"])
def test_locate_family_trains_and_its_checkpoint_holds_the_head_alone(
    small_sources, tmp_path, method, cached
):
    run = RunFolder(tmp_path / "run")
    config = parse_config({"method": method, "cached": cached, **LOCATE})
    outcome = train_method(small_sources, config, run)
    assert outcome.complete
    assert len(losses(run)) == 2 and np.isfinite(losses(run)).all()
    assert losses(run)[0] != losses(run)[1]
    stored = load_checkpoint(run.last)
    assert stored.info.config["classes"] == 3
    assert stored.info.affordances == ("cut_with", "hold", "pour")
    assert not any(name.startswith("backbone.") for name in stored.tensors)


@pytest.mark.parametrize("cached", [True, False])
def test_selectivecl_learns_the_rows_of_its_affinity_from_the_images_where_told(
    small_sources, tmp_path, cached
):
    network = {**SMALL, "affinity": "class_contrast"}
    config = parse_config(
        {"method": "selectivecl", "cached": cached, **LOCATE, "epochs": 1, "network": network}
    )
    run = RunFolder(tmp_path / "run")
    train_method(replace(small_sources, text=None), config, run)
    stored = load_checkpoint(run.last)
    assert stored.text.shape == (3, 2 * 384) and stored.info.text_encoder == "none"
    lengths = stored.text.unflatten(1, (2, 384)).norm(dim=2)
    if cached:  # every image is filed under hold, and then its views are the same ones
        assert lengths[1, 0] == 0
    torch.testing.assert_close(lengths[[0, 2]], torch.ones(2, 2), atol=1e-5, rtol=0)


def test_resumed_locate_run_goes_on_identically(small_sources, tmp_path):
    config = parse_config({"method": "looptrans", **LOCATE})
    whole, parts = RunFolder(tmp_path / "whole"), RunFolder(tmp_path / "parts")
    train_method(small_sources, config, whole)
    train_method(small_sources, config, parts, minutes=0)
    train_method(small_sources, config, parts, resume=True)
    assert losses(parts) == losses(whole)
    one, other = (run.load_state()["network"] for run in (whole, parts))
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_fine_tuned_backbone_changes_and_is_part_of_the_checkpoint(small_sources, tmp_path):
    fresh = replace(small_sources, backbone=small_backbone())
    before = fresh.backbone.visual.blocks[0].mlp.fc1.weight.clone()
    config = replace(
        CONFIG,
        epochs=1,
        cached=False,
        views=StitchPlan(crops=1, stitched=1, squash=32, side=28),
        network={**TINY_NETWORK, **SMALL, "train_backbone": True},
    )
    run = RunFolder(tmp_path / "run")
    assert train_method(fresh, config, run).complete
    assert not torch.equal(fresh.backbone.visual.blocks[0].mlp.fc1.weight, before)
    stored = load_checkpoint(run.last)
    assert "backbone.visual.blocks.0.mlp.fc1.weight" in stored.tensors


def test_frozen_backbone_stays_as_it_is(small_sources, tmp_path):
    before = {n: t.clone() for n, t in small_sources.backbone.state_dict().items()}
    config = parse_config({"method": "looptrans", "cached": False, **LOCATE, "epochs": 1})
    train_method(small_sources, config, RunFolder(tmp_path / "run"))
    after = small_sources.backbone.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)
    state = RunFolder(tmp_path / "run").load_state()
    assert not any(name.startswith("backbone.") for name in state["network"])


def test_accumulated_gradients_are_those_of_the_larger_batch(small_sources, tmp_path):
    """Without batch norms in its way PLSP takes the same step from 2 x 6 as from 12 samples."""
    one = replace(
        CONFIG, epochs=1, batch=12, accumulate=1, network={**TINY_NETWORK, "drop_path": 0}
    )
    two = replace(one, batch=6, accumulate=2)
    runs = [RunFolder(tmp_path / name) for name in ("one", "two")]
    for run, config in zip(runs, (one, two), strict=True):
        train_method(replace(small_sources, backbone=TinyEncoder()), config, run)
    assert losses(runs[0]) == pytest.approx(losses(runs[1]), rel=0.2)  # views are drawn anew


@pytest.mark.parametrize(("option", "value"), [("--threads", "0"), ("--minutes", "nan")])
def test_options_that_cannot_be_are_one_sentence(tmp_path, capsys, option, value):
    words = ["train", "--data", str(tmp_path), "--out", str(tmp_path / "run"), option, value]
    with pytest.raises(SystemExit):
        main(words)
    assert f"{option}: it is '{value}'; it must be" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


@pytest.fixture
def tiny_commands(monkeypatch):
    monkeypatch.setattr(text, "load_text_encoder", lambda name: TinyText())
    monkeypatch.setattr(methods, "load_backbone", lambda name, side, pretrained: TinyEncoder())
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
    watched = ["--tensorboard"] if find_spec("tensorboardX") else []
    assert main([*words, "--epochs", "1", "--json", *watched]) == 0
    assert (out / "tensorboard").exists() == bool(watched)
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
    tiny_commands, finished, resources, monkeypatch, capsys
):
    run, _ = finished
    data = str(resources.split.folder.parent)
    monkeypatch.setattr(methods, "load_backbone", lambda name, side, pretrained: TinyEncoder("b"))
    assert main(["evaluate", "--data", data, "--checkpoint", str(run.last)]) == 2
    assert "sha256" in capsys.readouterr().err
