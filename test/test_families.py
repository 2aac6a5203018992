"""What families look like: clusters with known answers, and the file that comes along."""

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from affordance_grasp.choice.families import load_families, write_families
from affordance_grasp.errors import CheckpointError, InvalidInput
from affordance_grasp.learning.families import Embedded, fit_families
from affordance_grasp.simulation.objects import FAMILIES

NAMES = ("mug", "knife", "bowl")
DIM = 12


def at(family, rng, n):
    middle = np.zeros(DIM)
    middle[NAMES.index(family)] = 5.0
    return (middle + rng.normal(0, 0.3, (n, DIM))).astype(np.float32)


@pytest.fixture(scope="module")
def model():
    rng = np.random.default_rng(0)
    scenes = [
        Embedded(i, np.concatenate([at(name, rng, 1) for name in NAMES]), NAMES) for i in range(30)
    ]
    return fit_families(scenes, "0" * 64, {"scenes": 30})


def test_clusters_are_told_apart_and_what_lies_elsewhere_is_not_known(model):
    rng = np.random.default_rng(1)
    assert set(model.families) == set(NAMES)
    for name in NAMES:
        probability, known = model.probabilities(at(name, rng, 50))
        best = np.array(model.families)[probability.argmax(axis=1)]
        assert (best == name).all() and known.mean() > 0.8
        np.testing.assert_allclose(probability.sum(axis=1), 1)
    middle = np.mean([at(name, rng, 1)[0] for name in NAMES], axis=0, dtype=np.float32)
    assert not model.probabilities(middle[None])[1].any()


def test_a_file_gives_the_model_back(model, tmp_path):
    write_families(tmp_path / "families.safetensors", model)
    read = load_families(tmp_path / "families.safetensors")
    vectors = at("knife", np.random.default_rng(2), 5)
    np.testing.assert_allclose(
        read.probabilities(vectors)[0], model.probabilities(vectors)[0], atol=1e-3
    )
    assert read.serves == model.serves and read.backbone_sha256 == "0" * 64


def test_too_few_objects_of_a_family_are_named():
    rng = np.random.default_rng(0)
    scenes = [Embedded(i, at("mug", rng, 1), ("mug",)) for i in range(12)]
    scenes.append(Embedded(12, at("bowl", rng, 1), ("bowl",)))
    with pytest.raises(InvalidInput, match="too few objects of bowl"):
        fit_families(scenes, "", {})


def test_files_that_lie_are_refused(model, tmp_path):
    path = tmp_path / "families.safetensors"
    path.write_bytes(b"not one")
    with pytest.raises(CheckpointError, match="cannot be used"):
        load_families(path)
    write_families(path, model)
    tensors = load_file(path)
    save_file(tensors, path)
    with pytest.raises(CheckpointError, match="format"):
        load_families(path)


def test_the_file_that_comes_along_knows_every_family():
    model = load_families()
    assert set(model.families) == set(FAMILIES)
    assert "cut_with" in model.serves["knife"] and "cut_with" not in model.serves["mug"]
