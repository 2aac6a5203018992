"""Training configurations: whose method they are for, what is refused, what the shipped say."""

from pathlib import Path

import pytest

from affordance_grasp.cli import main
from affordance_grasp.commands.learning import train as train_command
from affordance_grasp.datasets.crops import CropPlan
from affordance_grasp.datasets.stitching import StitchPlan
from affordance_grasp.errors import InvalidInput, UnknownName
from affordance_grasp.learning.training import training_run
from affordance_grasp.learning.training.optimizers import AdamW, Sgd
from affordance_grasp.learning.training.train_config import TrainConfig, load_config, parse_config
from affordance_grasp.methods.locate.config import LocateConfig
from affordance_grasp.methods.looptrans.config import LoopTransConfig
from affordance_grasp.methods.plsp.config import PlspConfig
from affordance_grasp.methods.plsp.samples import SamplingConfig
from affordance_grasp.methods.selectivecl.config import SelectiveClConfig
from affordance_grasp.methods.shared.samples import TripletSampling

CONFIGS = Path(__file__).parents[1] / "config"


@pytest.fixture
def asked(monkeypatch, tmp_path):
    """The configuration that the words of a ``train`` command end in, and its exit code."""
    seen = []

    def record(resources, config, folder, **options):
        seen.append(config)
        raise InvalidInput("seen")

    for name in ("_split", "_resources"):
        monkeypatch.setattr(train_command, name, lambda *_: None)
    monkeypatch.setattr(training_run, "train_method", record)

    def ask(*words):
        seen.clear()
        common = ["train", "--data", str(tmp_path), "--out", str(tmp_path / "run")]
        assert main([*common, "--threads", "1", *words]) == 2
        return seen[0] if seen else None

    return ask


def test_the_method_is_the_configurations_unless_one_is_named(asked, tmp_path):
    shipped = CONFIGS / "train_looptrans_simulated.yaml"
    assert asked("--config", str(shipped)) == load_config(shipped)
    assert asked("--config", str(shipped), "--method", "looptrans") == load_config(shipped)
    assert asked("--method", "looptrans") == load_config(shipped)
    assert asked().method == "plsp"
    silent = tmp_path / "silent.yaml"
    silent.write_text("views: {ego_crops: 1}\n")
    assert asked("--config", str(silent), "--method", "selectivecl").method == "selectivecl"


@pytest.mark.parametrize("command", ["train", "ablation"])
def test_two_different_methods_are_one_sentence(command, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("affordance_grasp.commands.learning.ablation.load_split", lambda *_: None)
    config = str(CONFIGS / "train_looptrans_simulated.yaml")
    words = [command, "--data", str(tmp_path), "--out", str(tmp_path / "run"), "--config", config]
    assert main([*words, "--method", "plsp", "--threads", "1"]) == 2
    assert "is for method 'looptrans', but --method is plsp" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"views": {"seed": -1}}, "views: seed is -1"),
        ({"method": "looptrans", "views": {"seed": -1}}, "views: seed is -1"),
        ({"method": "looptrans", "views": {"ego_crops": 1.5}}, "views: ego_crops is 1.5"),
        ({"views": {"side": 56.0}}, "views: side is 56.0"),
        ({"views": {"crops": True}}, "views: crops is True"),
        ({"method": "looptrans", "sampling": {"exo_images": 2.5}}, "exo_images is 2.5"),
        ({"method": "looptrans", "sampling": {"ego_names": 5}}, "ego_names is 5; it must be text"),
        ({"method": "looptrans", "network": {"mse_weight": "x"}}, "mse_weight is 'x'"),
        ({"method": "looptrans", "network": {"mse_weight": float("inf")}}, "mse_weight is inf"),
        ({"method": "looptrans", "network": {"pixel": 1}}, "pixel is 1; it must be true or false"),
        ({"optimizer": {"name": "sgd", "step_epochs": 1.5}}, "optimizer: step_epochs is 1.5"),
        ({"method": ["a"]}, "method is"),
        ({"method": None}, "method is None"),
        ({"seed": 2**70}, "seed is"),
        ({"views": {"seed": 2**70}}, "views: seed is"),
    ],
    ids=str,
)
def test_values_of_another_kind_are_one_sentence(values, words):
    with pytest.raises(InvalidInput, match=words):
        parse_config(values)


def test_whole_numbers_serve_where_a_number_is_meant():
    config = parse_config({"method": "looptrans", "network": {"mse_weight": 5, "noise": 0}})
    assert config.network_config.mse_weight == 5
    with pytest.raises(InvalidInput, match="method is"):
        TrainConfig(method=["a"])


PUBLISHED = {
    "looptrans": TrainConfig(
        "looptrans",
        epochs=5,
        batch=16,
        optimizer=Sgd(1e-3, momentum=0.9, weight_decay=5e-4, step_epochs=5, decay=0.1),
        seed=42,
        views=CropPlan(1, 1, "squash", resized=256, side=224),
        sampling=TripletSampling(exo_images=3),
        network={"backbone": "dino_vits16"},
        cached=False,
    ),
    "locate": TrainConfig(
        "locate",
        epochs=15,
        batch=16,
        optimizer=Sgd(1e-3, momentum=0.9, weight_decay=5e-4, step_epochs=5, decay=0.1),
        seed=0,
        views=CropPlan(1, 1, "shorter_side", resized=256, side=224),
        sampling=TripletSampling(exo_images=3),
        network={"backbone": "dino_vits16"},
        cached=False,
    ),
    "plsp": TrainConfig(
        "plsp",
        text_encoder="clip_vitb16",
        epochs=40,
        batch=10,
        accumulate=2,
        optimizer=AdamW(1e-4, betas=(0.9, 0.95), weight_decay=0.01, step_epochs=5_000_000),
        seed=10000,
        views=StitchPlan(1, 1, squash=256, side=224),
        sampling=SamplingConfig(stitched=0.5, exo_pool=10, labels="refined"),
        network={
            "backbone": "clip_vitb16",
            "train_backbone": True,
            "dim": 512,
            "text_dim": 512,
            "fuser_heads": 16,
        },
        cached=False,
    ),
    "selectivecl": TrainConfig(
        "selectivecl",
        text_encoder="clip_vitb16",
        epochs=15,
        batch=8,
        optimizer=Sgd(1e-3, momentum=0.9, weight_decay=5e-4, step_epochs=50),
        seed=0,
        views=CropPlan(1, 1, "shorter_side", resized=256, side=224),
        sampling=TripletSampling(exo_images=3),
        network={
            "backbone": "dino_vits16",
            "affinity": "clearclip",
            "foreground": "attention",
        },
        cached=False,
    ),
}
"""The settings of the released code: optimiser, epochs, batches, seeds, resizing, encoders."""


@pytest.mark.parametrize(
    ("method", "network"),
    [
        ("locate", LocateConfig.paper()),
        ("looptrans", LoopTransConfig.paper()),
        ("plsp", PlspConfig.paper()),
        ("selectivecl", SelectiveClConfig.paper()),
    ],
)
def test_the_published_recipes_are_shipped(method, network):
    config = load_config(CONFIGS / f"train_{method}.yaml", method)
    assert config == PUBLISHED[method]
    assert config.network_config == network
    decays = {"locate": 0.01}  # after 5 and 10 epochs; the others never reach theirs
    assert config.optimizer.factor(config.epochs - 1) == pytest.approx(decays.get(method, 1))


SIMULATED = {
    "plsp": (20, AdamW(1e-4, (0.9, 0.95), 0.01, step_epochs=18)),
    "locate": (16, Sgd(4e-3, 0.9, 5e-4, step_epochs=11, decay=0.1)),
    "looptrans": (16, Sgd(4e-3, 0.9, 5e-4, step_epochs=11, decay=0.1)),
    "selectivecl": (8, Sgd(4e-3, 0.9, 5e-4, step_epochs=6, decay=0.1)),
}


@pytest.mark.parametrize("method", SIMULATED)
def test_shipped_configuration_is_the_published_recipe_but_for_the_rate(method):
    config = load_config(CONFIGS / f"train_{method}_simulated.yaml")
    assert (config.method, config.batch, config.optimizer) == (method, *SIMULATED[method])
    assert parse_config(config.to_dict()) == config


def test_bad_configuration_is_refused(tmp_path):
    with pytest.raises(InvalidInput, match="known: method"):
        parse_config({"learning_speed": 1})
    with pytest.raises(UnknownName, match="plsp"):
        parse_config({"method": "magic"})
    with pytest.raises(InvalidInput, match="side and network: image_side alike"):
        parse_config({"network": {"image_side": 28}})
    with pytest.raises(InvalidInput, match="cached: false"):
        parse_config({"network": {"train_backbone": True}})
    with pytest.raises(InvalidInput, match="settings .*none.yaml cannot be read"):
        load_config(tmp_path / "none.yaml")
    (tmp_path / "picture.yaml").write_bytes(bytes(range(256)))
    with pytest.raises(InvalidInput, match="settings .*picture.yaml cannot be read"):
        load_config(tmp_path / "picture.yaml")


@pytest.mark.parametrize(
    "values",
    [
        {"epochs": "many"},
        {"epochs": True},
        {"batch": 1.5},
        {"accumulate": 0},
        {"optimizer": {"name": "adamw", "betas": 3}},
        {"optimizer": {"name": "adamw", "learning_rate": "optimizer"}},
        {"cached": "maybe"},
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


@pytest.mark.parametrize(
    ("method", "optimizer"),
    [
        ("plsp", AdamW(1e-4, betas=(0.9, 0.95), weight_decay=0.01)),
        ("looptrans", Sgd(1e-3, step_epochs=5)),
        ("selectivecl", Sgd(1e-3, step_epochs=50)),
        ("locate", Sgd(1e-3, step_epochs=5)),
    ],
)
def test_a_configuration_that_names_no_optimizer_has_the_methods_published_one(method, optimizer):
    assert parse_config({"method": method}).optimizer == optimizer
    assert TrainConfig(method).optimizer == optimizer


def test_a_loss_gets_the_labels_it_is_made_for():
    sharp = load_config(CONFIGS / "train_plsp_simulated_sharp.yaml")
    assert sharp.network_config.map_loss == "logistic" and not sharp.sampling.blurred
    assert sharp.views.zoom and sharp.views.retaken
    with pytest.raises(InvalidInput, match="blurred true; set blurred: false"):
        parse_config({"network": {"map_loss": "logistic"}})
    with pytest.raises(InvalidInput, match="divergence .* set blurred: true"):
        parse_config({"sampling": {"blurred": False}})
