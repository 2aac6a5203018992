"""Checkpoints: what is written comes back, and what is not one is refused."""

import json
from dataclasses import replace

import pytest
import torch
from safetensors.torch import save_file
from tiny_encoders import TINY_NETWORK

from affordance_grasp.errors import CheckpointError
from affordance_grasp.methods.checkpoint import (
    FORMAT,
    Checkpoint,
    CheckpointInfo,
    head_tensors,
    load_checkpoint,
    save_checkpoint,
)
from affordance_grasp.methods.method import make_network, restore_network
from affordance_grasp.methods.plsp.config import PlspConfig
from affordance_grasp.methods.plsp.network import Plsp

INFO = CheckpointInfo(
    method="plsp",
    config={**TINY_NETWORK, "train_backbone": False},
    backbone="dinov2_vits14",
    backbone_sha256="ab" * 32,
    affordances=("hold", "pour"),
    text_encoder="minilm",
    training={"command": "train --seed 1", "kld": {"Seen": 1.25}},
)


@pytest.fixture
def network():
    torch.manual_seed(0)
    return Plsp(PlspConfig(**TINY_NETWORK))


@pytest.fixture
def path(tmp_path, network):
    path = tmp_path / "models" / "tiny.safetensors"
    save_checkpoint(path, network, INFO, torch.eye(2, 384))
    return path


def test_comes_back_whole(path, network):
    stored = load_checkpoint(path)
    assert stored.info == INFO
    torch.testing.assert_close(stored.text, torch.eye(2, 384))
    again = make_network(stored.info.method, stored.info.config)
    again.load_state_dict(dict(stored.tensors))
    for name, tensor in network.state_dict().items():
        torch.testing.assert_close(again.state_dict()[name], tensor, atol=1e-3, rtol=1e-3)


def test_half_precision_is_for_parameters_only(path, tmp_path, network):
    matrix = "pred_decoder.pe_layer.positional_encoding_gaussian_matrix"
    torch.testing.assert_close(
        load_checkpoint(path).tensors[matrix], network.state_dict()[matrix], atol=0, rtol=0
    )
    whole = tmp_path / "whole.safetensors"
    save_checkpoint(whole, network, INFO, torch.eye(2, 384), half=False)
    assert whole.stat().st_size > 1.7 * path.stat().st_size
    for name, tensor in load_checkpoint(whole).tensors.items():
        torch.testing.assert_close(tensor, network.state_dict()[name], atol=0, rtol=0)


def test_a_frozen_backbone_is_left_out_and_a_trained_one_is_not():
    class Holder(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.backbone = torch.nn.Linear(2, 2)
            self.head = torch.nn.Linear(2, 2)

    holder = Holder()
    assert "backbone.weight" in head_tensors(holder)
    holder.backbone.requires_grad_(False)
    assert set(head_tensors(holder)) == {"head.weight", "head.bias"}


def test_absent(tmp_path):
    with pytest.raises(CheckpointError, match=r"nothing\.safetensors does not exist"):
        load_checkpoint(tmp_path / "nothing.safetensors")


@pytest.mark.parametrize(
    "damage", [lambda b: b[: len(b) // 2], lambda b: b"", lambda b: b"x" * 99]
)
def test_corrupt(path, damage):
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(CheckpointError, match="corrupt or not a safetensors file"):
        load_checkpoint(path)


def test_foreign_safetensors(tmp_path):
    path = tmp_path / "other.safetensors"
    save_file({"a": torch.zeros(1)}, path)
    with pytest.raises(CheckpointError, match="not a checkpoint of this package"):
        load_checkpoint(path)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"affordances": ["hold", "fly"]}, "names affordances fly"),
        ({"affordances": []}, r"names affordances \(none\)"),
        ({"affordances": ["hold"]}, "one row of floats for each of its 1 affordances"),
        ({"surprise": 1}, "unreadable metadata"),
        ({"affordances": [1, 2]}, "unreadable metadata"),
        ({"affordances": [["hold"], ["cut"]]}, "unreadable metadata"),
        ({"affordances": ["hold", "hold"]}, "more than once"),
        ({"backbone_sha256": None}, "backbone_sha256 is None"),
        ({"method": 5}, "method is 5"),
        ({"config": [1]}, "config is not a mapping"),
    ],
)
def test_metadata_that_does_not_fit(tmp_path, change, words):
    fields = {**vars(INFO), "affordances": list(INFO.affordances), **change}
    path = tmp_path / "odd.safetensors"
    metadata = {"format": FORMAT, "info": json.dumps(fields)}
    save_file({"text_features": torch.eye(2, 384)}, path, metadata)
    with pytest.raises(CheckpointError, match=words):
        load_checkpoint(path)


@pytest.mark.parametrize("value", [torch.nan, torch.inf])
@pytest.mark.parametrize("spoilt", ["text_features", "head.weight"])
def test_weights_that_are_not_finite_are_refused(tmp_path, value, spoilt):
    tensors = {"text_features": torch.eye(2, 384), "head.weight": torch.ones(3).half()}
    tensors[spoilt].view(-1)[-1] = value
    path = tmp_path / "spoilt.safetensors"
    info = {**vars(INFO), "affordances": list(INFO.affordances)}
    save_file(tensors, path, {"format": FORMAT, "info": json.dumps(info)})
    with pytest.raises(CheckpointError, match=f"{spoilt} holds NaN or infinity"):
        load_checkpoint(path)


def test_text_features_of_whole_numbers_are_refused(tmp_path):
    path = tmp_path / "whole.safetensors"
    info = {**vars(INFO), "affordances": list(INFO.affordances)}
    tensors = {"text_features": torch.eye(2, 384).int()}
    save_file(tensors, path, {"format": FORMAT, "info": json.dumps(info)})
    with pytest.raises(CheckpointError, match="row of floats"):
        load_checkpoint(path)


def test_metadata_nested_without_end_is_refused(tmp_path):
    path = tmp_path / "deep.safetensors"
    deep = "[" * 200_000 + "]" * 200_000
    save_file({"a": torch.zeros(1)}, path, {"format": FORMAT, "info": deep})
    with pytest.raises(CheckpointError, match="unreadable metadata"):
        load_checkpoint(path)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"fuser_heads": 0}, "does not fit method plsp"),
        ({"mlp_ratio": torch.inf}, "mlp_ratio is inf; it must be a number, finite"),
        ({"image_side": 224.0}, "image_side is 224.0; it must be a whole number"),
        ({"fuser_depth": True}, "fuser_depth is True; it must be a whole number"),
        ({"mlp_ratio": 1e300}, "makes no network of method plsp"),
        ({"image_side": 14_000_000}, "makes no network of method plsp"),
        ({"classes": 1}, "names 2 affordances, its network has 1 classes"),
        ({"text_dim": 512}, "text features of 384 channels, its network takes 512"),
    ],
    ids=str,
)
def test_configuration_that_makes_no_network_is_refused(change, words):
    config = {**INFO.config, "train_backbone": True, **change}
    stored = Checkpoint(replace(INFO, config=config), {}, torch.eye(2, 384))
    with pytest.raises(CheckpointError, match=words):
        restore_network(stored, "it")


def test_configuration_of_another_method():
    with pytest.raises(CheckpointError, match="does not fit method plsp: .*clusters"):
        make_network("plsp", {"clusters": 4})
