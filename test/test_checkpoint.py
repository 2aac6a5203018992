"""Checkpoints: what is written comes back, and what is not one is refused."""

import json
import resource
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save, save_file
from tiny_encoders import TINY_NETWORK

from affordance_grasp.configuration.settings import settings_of
from affordance_grasp.errors import CheckpointError
from affordance_grasp.methods.checkpoint import (
    FORMAT,
    Checkpoint,
    CheckpointInfo,
    head_tensors,
    load_checkpoint,
    save_checkpoint,
)
from affordance_grasp.methods.method import find_method, make_network, restore_network
from affordance_grasp.methods.plsp.config import PlspConfig
from affordance_grasp.methods.plsp.network import Plsp
from affordance_grasp.methods.table import METHODS
from affordance_grasp.query.vocabulary import is_affordance_name

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
        ({"affordances": ["hold", "Fly off"]}, "names affordances 'Fly off'"),
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
        ({"mlp_ratio": torch.inf}, "mlp_ratio is inf; it must be a number"),
        ({"image_side": 224.0}, "image_side is 224.0; it must be a whole number"),
        ({"fuser_depth": True}, "fuser_depth is True; it must be a whole number"),
        ({"mlp_ratio": 1e300}, "mlp_ratio is 1e\\+300; it must be a number > 0 and <= 64"),
        ({"image_side": 14_000_000}, "it must be a whole number >= 1 and <= 1024"),
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


FIELDS = {
    name: tuple(setting.name for setting in settings_of(find_method(name).config))
    for name in METHODS
}
NUMBERS = st.sampled_from((-1, 0, 1, 2, 3, 16, 64, 1000, 8192, 10**6, 10**9, 10**18, 10**30))
ODD = st.one_of(NUMBERS, st.floats(), st.booleans(), st.none(), st.text(max_size=3))


@contextmanager
def two_gigabytes_more():
    """The process may not grow by more."""
    limits = resource.getrlimit(resource.RLIMIT_AS)
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * resource.getpagesize() + 2**31
    resource.setrlimit(resource.RLIMIT_AS, (most, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, limits)


@st.composite
def configurations(draw):
    method = draw(st.sampled_from(tuple(METHODS)))
    fields = st.dictionaries(st.sampled_from(FIELDS[method]), ODD, max_size=4)
    return method, draw(fields)


@given(configurations())
def test_any_configuration_is_one_sentence_before_it_takes_memory(drawn):
    method, fields = drawn
    info = replace(INFO, method=method, config=fields, affordances=("hold",))
    own = {"backbone.visual.cls_token": torch.zeros(1, 1, 384)}
    stored = Checkpoint(info, own, torch.zeros(1, 384))
    with two_gigabytes_more(), pytest.raises(CheckpointError) as refusal:
        restore_network(stored, "it")
    assert str(refusal.value).isprintable()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=6,
)
DTYPES = [
    getattr(torch, name)
    for name in ("float16", "bfloat16", "float64", "complex64", "uint8", "bool", "float8_e4m3fn")
]


@given(data=st.data())
def test_any_safetensors_file_is_a_checkpoint_or_one_sentence(tmp_path_factory, data):
    fields = {**vars(INFO), "affordances": list(INFO.affordances)}
    changed = data.draw(st.dictionaries(st.sampled_from(sorted(fields)), JSON, max_size=2))
    tensors = {"text_features": torch.eye(2, 384), "head.weight": torch.ones(3)}
    for name in data.draw(st.sets(st.sampled_from(sorted(tensors)))):
        tensors[name] = tensors[name].to(data.draw(st.sampled_from(DTYPES)))
    content = bytearray(
        save(tensors, {"format": FORMAT, "info": json.dumps({**fields, **changed})})
    )
    for at in data.draw(st.lists(st.integers(0, len(content) - 1), max_size=2)):
        content[at] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.getbasetemp() / "any.safetensors"
    path.write_bytes(content)
    try:
        stored = load_checkpoint(path)
    except CheckpointError as error:
        assert str(error).isprintable()
    else:
        assert all(map(is_affordance_name, stored.info.affordances))
        assert len(stored.text) == len(stored.info.affordances)


def test_configuration_of_another_method():
    with pytest.raises(CheckpointError, match="does not fit method plsp: .*clusters"):
        make_network("plsp", {"clusters": 4})
