"""Files of named tensors: what is read of them, and that nothing in them is run."""

import zipfile
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save

from affordance_grasp.encoders.tensor_files import read_tensors
from affordance_grasp.errors import CheckpointError


def test_an_absent_file_and_a_folder(tmp_path):
    for path in (tmp_path / "nothing.safetensors", tmp_path):
        with pytest.raises(CheckpointError, match="does not exist"):
            read_tensors(path)


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
    with pytest.raises(CheckpointError, match="of 40000000000000000: they do not fit"):
        read_tensors(path)


def test_the_likeliest_of_several_dictionaries_is_taken_or_none(tmp_path):
    path = tmp_path / "several.pth"
    first, second = {"a": torch.ones(1)}, {"a": torch.zeros(1)}
    torch.save({"model_ema": second, "model": first}, path)
    assert read_tensors(path)["a"] == 1
    torch.save({"net": first}, path)
    assert read_tensors(path)["a"] == 1
    torch.save({"net": first, "net_ema": second}, path)
    with pytest.raises(CheckpointError, match=r"several dictionaries of tensors \(net, net_ema\)"):
        read_tensors(path)


def test_a_compressed_archive_is_refused_before_it_is_unpacked(tmp_path):
    path, packed = tmp_path / "plain.pth", tmp_path / "packed.pth"
    torch.save({"a": torch.zeros(100_000)}, path)
    with (
        zipfile.ZipFile(path) as plain,
        zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as zipped,
    ):
        for name in plain.namelist():
            zipped.writestr(name, plain.read(name))
    with pytest.raises(CheckpointError, match="its entries are compressed or overlap"):
        read_tensors(packed)


class Scripted(torch.nn.Module):
    """Nested modules, half precision, and attributes that are no tensors."""

    def __init__(self):
        super().__init__()
        self.visual = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 2), torch.nn.LayerNorm(4))
        self.text_projection = torch.nn.Parameter(torch.arange(6.0).reshape(2, 3).half())
        self.register_buffer("input_resolution", torch.tensor(224))
        self.sizes = [1, 2]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.visual[0](x) * self.sizes[0]


@pytest.mark.filterwarnings("ignore:.torch.jit:FutureWarning")
def test_tensors_are_read_out_of_a_torchscript_archive_but_its_code_is_not(tmp_path, monkeypatch):
    path, scripted = tmp_path / "ViT-B-16.pt", torch.jit.script(Scripted().eval())
    torch.jit.save(scripted, str(path))
    with zipfile.ZipFile(path) as archive:
        contents = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in contents.items():
            archive.writestr(name, b"no code" if "/code/" in name else content)
    monkeypatch.setattr(torch.jit, "load", lambda *_, **__: pytest.fail("code was loaded"))
    found, expected = read_tensors(path), scripted.state_dict()
    assert set(found) == set(expected)
    assert all(torch.equal(found[name], tensor) for name, tensor in expected.items())
    assert found["text_projection"].dtype == torch.float16


def test_a_class_of_a_torchscript_archive_is_never_imported(tmp_path, capsys):
    path = tmp_path / "evil.pt"
    torch.save({"weight": Payload()}, path)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("evil/constants.pkl", b"")
    with pytest.raises(CheckpointError, match="evil.pt"):
        read_tensors(path)
    assert "must never run" not in capsys.readouterr().out


def _samples(folder: Path) -> list[bytes]:
    """A few files of each kind, to be harmed."""
    tensors = {"a.weight": torch.arange(6.0).reshape(2, 3), "b": torch.ones(3).half()}
    paths = [folder / f"{i}.bin" for i in range(4)]
    torch.save({"state_dict": tensors, "epoch": 3}, paths[0])
    torch.save(tensors, paths[1], _use_new_zipfile_serialization=False)
    torch.jit.save(torch.jit.script(Scripted().eval()), str(paths[2]))
    paths[3].write_bytes(save(tensors))
    return [path.read_bytes() for path in paths]


@pytest.fixture(scope="module")
def samples(tmp_path_factory):
    return _samples(tmp_path_factory.mktemp("samples"))


@pytest.mark.filterwarnings("ignore:.torch.jit:FutureWarning")
@given(data=st.data())
def test_harmed_files_give_tensors_or_one_sentence(samples, tmp_path_factory, data):
    content = bytearray(data.draw(st.sampled_from(samples)))
    for _ in range(data.draw(st.integers(0, 4))):
        at = data.draw(st.integers(0, max(len(content) - 1, 0)))
        kind = data.draw(st.sampled_from(["set", "cut", "insert"]))
        some = data.draw(st.binary(min_size=1, max_size=9))
        if kind == "cut":
            del content[at : at + len(some) ** 3]
        else:
            content[at : at + (len(some) if kind == "set" else 0)] = some
    path = (
        tmp_path_factory.getbasetemp()
        / f"harmed{data.draw(st.sampled_from(['.pt', '.safetensors']))}"
    )
    path.write_bytes(content)
    try:
        tensors = read_tensors(path)
    except CheckpointError as error:
        assert "\n" not in str(error)
    else:
        assert sum(t.numel() * t.element_size() for t in tensors.values()) <= 2**30
