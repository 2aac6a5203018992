"""The papers' ablations: rows, configurations, spreads, and a whole table of a tiny data set."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from agd20k_tree import write_tree

from affordance_grasp.cli import main
from affordance_grasp.commands.learning import ablation as command
from affordance_grasp.encoders.registry import REGISTRY
from affordance_grasp.errors import InvalidInput, UnknownName
from affordance_grasp.learning.ablations.ablation import (
    METRICS,
    Spread,
    choose_rows,
    markdown,
    reduced,
    row_config,
    trained_rows,
)
from affordance_grasp.learning.ablations.ablation_runs import AblationSettings, Run
from affordance_grasp.learning.training.train_config import load_config, parse_config
from affordance_grasp.methods.ablation import Row, find_rows
from affordance_grasp.methods.checkpoint import load_checkpoint
from affordance_grasp.methods.method import make_network
from affordance_grasp.methods.table import METHODS, methods_with

CONFIGS = Path(__file__).parents[1] / "config"


def base_config(method):
    return load_config(CONFIGS / f"train_{method}_simulated.yaml")


def test_every_method_has_rows_and_the_last_one_is_the_full_method():
    assert methods_with("ablation") == tuple(METHODS)
    for method in METHODS:
        base = base_config(method)
        *_, full = find_rows(method).values()
        assert row_config(base, full).network_config == base.network_config
        assert row_config(base, full).sampling == base.sampling


@pytest.mark.parametrize("method", METHODS)
def test_no_two_rows_are_trained_alike_unless_said_so(method):
    base = base_config(method)
    trained = [row_config(base, r) for r in find_rows(method).values() if r.trained_as is None]
    for i, config in enumerate(trained):
        assert config not in trained[:i]
        plain = json.loads(json.dumps(config.to_dict()))
        assert parse_config(plain).to_dict() == config.to_dict()


@pytest.mark.parametrize(
    ("method", "row", "present", "absent"),
    [
        ("looptrans", "none", {"aff_ego_proj", "aff_exo_proj"}, {"scam", "pixel_dec"}),
        ("looptrans", "S+P", {"scam", "pixel_dec"}, {"aff_ego_proj"}),
        ("selectivecl", "CE", set(), {"K_contrast_projection", "pixel_contrast_projection"}),
        ("selectivecl", "object", {"K_contrast_projection"}, {"pixel_contrast_projection"}),
        ("plsp", "baseline", {"verb_fuser"}, {"reason", "noun_transform", "exo_cls"}),
        ("plsp", "alignment", {"exo_cls"}, {"reason"}),
        ("plsp", "reasoning", {"reason"}, {"exo_cls"}),
    ],
)
def test_a_row_takes_its_modules_away(method, row, present, absent):
    config = row_config(base_config(method), find_rows(method)[row])
    network = make_network(method, config.network)
    modules = {name.split(".")[0] for name, _ in network.named_parameters()}
    assert present <= modules
    assert not absent & modules


def test_stitching_is_a_matter_of_sampling_and_leaves_the_views_alone():
    base = base_config("plsp")
    baseline, stitching = (
        row_config(base, find_rows("plsp")[n]) for n in ("baseline", "stitching")
    )
    assert (baseline.sampling.stitched, stitching.sampling.stitched) == (0.0, 0.5)
    assert baseline.views == stitching.views
    assert baseline.network == stitching.network


def test_rows_are_chosen_by_name_and_those_they_need_are_trained():
    chosen = choose_rows("selectivecl", ["calibration", "CE"])
    assert list(chosen) == ["CE", "calibration"]
    assert list(trained_rows("selectivecl", chosen)) == ["CE", "pixel"]
    assert list(choose_rows("looptrans")) == ["none", "S", "D", "S+P", "S+D", "all"]
    with pytest.raises(UnknownName, match="unknown row of plsp's ablation 'S'; known: baseline"):
        choose_rows("plsp", ["S"])


@pytest.mark.parametrize("method", METHODS)
def test_a_reduced_setting_scales_views_and_network_alike(method):
    base = base_config(method)
    small = reduced(base, 112)
    assert small.views.side == small.network_config.image_side == 112
    longer = getattr(small.views, "squash", None) or small.views.resized
    assert longer == 128
    assert replace(small, views=base.views, network=base.network) == base
    with pytest.raises(Exception, match="multiple of the patch size"):
        reduced(base, 100)


def test_spread_is_the_mean_and_the_sample_deviation():
    runs = [{"kld": 1.0, "sim": 0.2, "nss": k} for k in (1.0, 2.0, 3.0)]
    spread = Spread.of(runs)
    assert spread.mean == {"kld": 1.0, "sim": pytest.approx(0.2), "nss": 2.0}
    assert spread.std == {"kld": 0.0, "sim": pytest.approx(0.0), "nss": 1.0}
    assert Spread.of(runs[:1]).std is None
    with pytest.raises(InvalidInput, match="no runs"):
        Spread.of([])


def test_the_table_has_baselines_first_and_published_figures_last():
    rows = {"a": Row("with it", published=(1.1, 0.4, 1.2)), "b": Row("without it")}
    spreads = {
        "a": Spread(dict.fromkeys(METRICS, 1.0), dict.fromkeys(METRICS, 0.01)),
        "b": Spread(dict.fromkeys(METRICS, 2.0), None),
    }
    lines = markdown(rows, spreads, {"uniform": dict.fromkeys(METRICS, 3.0)}).split("\n")
    assert lines[2] == "| (uniform) | same for all affordances | 3.000 | 3.000 | 3.000 |  |"
    assert lines[3].startswith("| a | with it | 1.000 ± 0.010 | 1.000 ± 0.010 |")
    assert lines[3].endswith("| 1.100 / 0.400 / 1.200 |")
    assert lines[4] == "| b | without it | 2.000 | 2.000 | 2.000 |  |"
    assert len({line.count("|") for line in lines}) == 1


# A whole table, its commands run in this process one after the other.


@pytest.fixture
def commands(monkeypatch):
    """Words of every command that was run."""
    seen = []

    def run_here(commands, jobs, done=lambda _: None):
        for one in commands:
            seen.append(one.words)
            assert main(list(one.words)) == 0
            done(one)

    monkeypatch.setattr(command, "run_commands", run_here)
    threads = torch.get_num_threads()
    yield seen
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    root = tmp_path_factory.mktemp("tree")
    write_tree(root, "Unseen")
    return root


def ablation_words(tree, out, *more):
    words = ["ablation", "--method", "selectivecl", "--data", str(tree), "--out", str(out)]
    return [*words, "--split", "Unseen", "--image-side", "56", "--epochs", "1", *more]


def test_a_table_is_made_once_and_grows_by_what_is_new(tree, tmp_path, commands, capsys):
    words = ablation_words(tree, tmp_path, "--rows", "pixel", "calibration", "--seeds", "1")
    assert main(words) == 0
    assert [w[0] for w in commands] == ["train", "evaluate", "evaluate"]
    result = json.loads((tmp_path / "ablation.json").read_text())
    assert list(result["rows"]) == ["pixel", "calibration"]
    assert set(result["baselines"]) == {"uniform", "centred Gaussian", "DINO saliency"}
    figures = {name: row["runs"][0] for name, row in result["rows"].items()}
    assert figures["pixel"] != figures["calibration"]
    table = (tmp_path / "ablation.md").read_text()
    assert f"| {figures['pixel']['kld']:.3f} |" in table
    assert "last of 1 epochs, images of 56 pixels" in table

    before = len(commands)
    assert main([*words[:-1], "2"]) == 0  # a second seed
    assert [w[0] for w in commands[before:]] == ["train", "evaluate", "evaluate"]
    result = json.loads((tmp_path / "ablation.json").read_text())
    assert result["rows"]["pixel"]["runs"][0] == figures["pixel"]
    assert result["rows"]["pixel"]["std"]["kld"] > 0

    before = len(commands)
    assert main([*words[:-1], "2"]) == 0
    assert commands[before:] == []

    raw, calibrated = (
        load_checkpoint(tmp_path / row / "seed_0/last.safetensors")
        for row in ("pixel", "calibration")
    )
    assert (raw.info.config["output"], calibrated.info.config["output"]) == ("raw", "calibrated")
    for name, tensor in raw.tensors.items():
        assert torch.equal(calibrated.tensors[name], tensor)


def test_a_run_that_was_asked_for_otherwise_is_not_taken_for_done(tmp_path):
    base = replace(base_config("looptrans"), epochs=5)
    run = Run(
        AblationSettings(base, tmp_path, "Unseen", tmp_path), "S", find_rows("looptrans")["S"], 0
    )
    folder = run.folder
    folder.path.mkdir(parents=True)
    folder.last.touch()
    assert not run.trained
    recorded = {
        "config": run.config.to_dict(),
        "split": "Unseen",
        "data": str(tmp_path.resolve() / "Unseen"),
        "bfloat16_tokens": False,
        "backbone_sha256": REGISTRY["dinov2_vits14"].sha256,
    }
    folder.config.write_text(json.dumps(recorded))
    folder.curves.write_text("epoch,test_kld\n" + "".join(f"{i},1\n" for i in range(1, 5)))
    assert not run.trained  # four epochs of five
    folder.curves.write_text("epoch,test_kld\n" + "".join(f"{i},1\n" for i in range(1, 6)))
    assert run.trained
    assert not replace(run, seed=1).trained
    for other in (
        {"base": replace(base, batch=8)},
        {"split": "Seen"},
        {"data": tmp_path / "elsewhere"},
        {"options": ("--bf16-tokens",)},
    ):
        assert not replace(run, settings=replace(run.settings, **other)).trained
    folder.config.write_text(json.dumps({**recorded, "backbone_sha256": "of other weights"}))
    assert not run.trained


def test_scores_of_another_split_or_data_set_are_not_taken_for_these(tmp_path):
    settings = AblationSettings(base_config("looptrans"), tmp_path, "Unseen", tmp_path)
    run = Run(settings, "S", find_rows("looptrans")["S"], 0)
    summary = run.folder.path / "maps/summary_reference.json"
    summary.parent.mkdir(parents=True)
    run.folder.last.touch()
    assert not run.scored
    summary.write_text(json.dumps({"split": "Unseen", "data": str(tmp_path.resolve() / "Unseen")}))
    assert run.scored
    for other in ({"split": "Seen"}, {"data": tmp_path / "elsewhere"}):
        assert not replace(run, settings=replace(settings, **other)).scored


def test_training_writes_the_recipe_that_it_names(tmp_path):
    settings = AblationSettings(
        base_config("plsp"), Path("/data"), "Unseen", tmp_path, options=("--bf16-tokens",)
    )
    run = Run(settings, "baseline", find_rows("plsp")["baseline"], 2)
    words = run.training().words
    recipe = Path(words[words.index("--config") + 1])
    assert load_config(recipe).to_dict() == run.config.to_dict()
    assert run.config.seed == 2
    assert "--bf16-tokens" in words
    assert "--resume" in words


def test_no_seed_and_unknown_rows_are_refused(tree, tmp_path, capsys):
    with pytest.raises(SystemExit):
        main(ablation_words(tree, tmp_path, "--seeds", "0"))
    assert "--seeds: it is '0'; it must be a whole number >= 1" in capsys.readouterr().err
    assert main(ablation_words(tree, tmp_path, "--rows", "best")) == 2
    assert "unknown row of selectivecl's ablation 'best'" in capsys.readouterr().err
