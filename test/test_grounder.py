"""Image and query to heatmap, with a head that was never trained."""

import json
import subprocess
import sys

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from seeded_weights import seeded_image

from affordance_grasp.datatypes import Region
from affordance_grasp.errors import CheckpointError, InvalidInput, UnknownName
from affordance_grasp.grounding.grounder import load_grounder
from affordance_grasp.grounding.maps import concentration
from affordance_grasp.methods.checkpoint import load_checkpoint
from affordance_grasp.methods.table import shipped_methods
from affordance_grasp.simulation.dataset.masked_images import egocentric
from affordance_grasp.simulation.objects import TEST_SEED_START, make_object


@pytest.fixture(scope="module")
def grounder(random_checkpoint):
    return load_grounder("plsp", random_checkpoint)


@pytest.fixture(scope="module")
def color():
    return np.ascontiguousarray(seeded_image(1, 320, 320)[:240])


def test_a_heatmap_has_the_images_size_and_peaks_at_one(grounder, color):
    heatmap = grounder.ground(color, "grab it")
    assert (heatmap.query, heatmap.affordance, heatmap.method) == ("grab it", "hold", "plsp")
    assert heatmap.values.shape == (240, 320)
    assert heatmap.values.dtype == np.float32
    assert heatmap.values.min() >= 0
    assert heatmap.values.max() == 1
    assert heatmap.raw.shape == (224, 224)
    assert heatmap.raw.sum() == pytest.approx(1, abs=1e-5)
    assert 0 <= heatmap.confidence <= 1
    u, v = heatmap.peak_uv
    assert heatmap.values[v, u] == 1


def test_a_region_is_grounded_as_if_it_were_the_image(grounder, color):
    region = Region(100, 40, 260, 200)
    heatmap = grounder.ground(color, "hold", region)
    alone = grounder.ground(np.ascontiguousarray(color[region.slices]), "hold")
    np.testing.assert_allclose(heatmap.values[region.slices], alone.values, atol=1e-6)
    outside = heatmap.values.copy()
    outside[region.slices] = 0
    assert outside.max() == 0


def test_many_queries_share_one_backbone_pass(grounder, color, monkeypatch):
    single = [grounder.ground(color, query) for query in ("hold", "cut")]
    backbone, passes = grounder._network.backbone, []
    tokens = backbone.tokens
    monkeypatch.setattr(backbone, "tokens", lambda images: passes.append(1) or tokens(images))
    many = grounder.ground_many(color, ["hold", "cut"])
    assert len(passes) == 1
    assert [heatmap.affordance for heatmap in many] == ["hold", "cut_with"]
    for one, other in zip(single, many, strict=True):
        np.testing.assert_allclose(one.values, other.values, atol=1e-5)
    assert grounder.ground_many(color, []) == []


def test_confidence_is_one_minus_the_share_of_the_image_that_is_hot():
    assert concentration(np.full((50, 50), 1 / 2500, np.float32)) == pytest.approx(0, abs=1e-6)
    quarter = np.zeros((50, 50), np.float32)
    quarter[:25, :25] = 1 / 625
    assert concentration(quarter) == pytest.approx(0.75, abs=1e-6)


def test_bad_queries_regions_and_images(grounder, color):
    with pytest.raises(UnknownName, match="unknown query 'asdf'; known: hold, cut_with"):
        grounder.ground(color, "asdf")
    with pytest.raises(InvalidInput, match="beyond the 320x240 image"):
        grounder.ground(color, "hold", Region(300, 0, 321, 100))
    with pytest.raises(InvalidInput, match="expected .* uint8 rgb"):
        grounder.ground(color[..., 0], "hold")


def test_unknown_method_and_device(random_checkpoint):
    with pytest.raises(UnknownName, match="unknown method 'magic'; known: plsp"):
        load_grounder("magic", random_checkpoint)
    for device in ("abacus", "meta"):
        with pytest.raises(InvalidInput, match=f"device '{device}'"):
            load_grounder("plsp", random_checkpoint, device)


def rewritten(source, target, change_info=None, change_tensors=None):
    """A copy of a checkpoint with changed metadata or tensors."""
    with safe_open(source, framework="pt") as stored:
        metadata = stored.metadata()
        tensors = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118
    info = {**json.loads(metadata["info"]), **(change_info or {})}
    tensors = (change_tensors or dict)(tensors)
    save_file(tensors, target, {**metadata, "info": json.dumps(info)})
    return target


def test_another_backbone_is_refused(random_checkpoint, tmp_path):
    path = rewritten(random_checkpoint, tmp_path / "c", {"backbone_sha256": "ab" * 32})
    with pytest.raises(CheckpointError, match=r"sha256 abababababab\.\.\., but the installed"):
        load_grounder("plsp", path)


def test_another_method_is_refused(random_checkpoint, tmp_path):
    path = rewritten(random_checkpoint, tmp_path / "c", {"method": "looptrans"})
    with pytest.raises(CheckpointError, match="belongs to method looptrans, not to plsp"):
        load_grounder("plsp", path)


@pytest.mark.parametrize(
    "change",
    [{"classes": -3}, {"decoder_depth": "two"}, {"mlp_ratio": -3}, {"train_backbone": "no"}],
    ids=str,
)
def test_a_configuration_that_makes_no_network_is_refused(random_checkpoint, tmp_path, change):
    config = load_checkpoint(random_checkpoint).info.config
    path = rewritten(random_checkpoint, tmp_path / "c", {"config": {**config, **change}})
    words = "makes no network of method plsp|does not fit method plsp|its network has -3 classes"
    with pytest.raises(CheckpointError, match=words):
        load_grounder("plsp", path)


def test_missing_and_unexpected_tensors_are_listed(random_checkpoint, tmp_path):
    def change(tensors):
        kept = {name: t for name, t in tensors.items() if name != "reason.0.bias"}
        return {**kept, "surplus.weight": torch.zeros(1)}

    path = rewritten(random_checkpoint, tmp_path / "c", change_tensors=change)
    words = r"missing: reason\.0\.bias; unexpected: surplus\.weight"
    with pytest.raises(CheckpointError, match=words):
        load_grounder("plsp", path)


def test_text_of_another_width_is_refused(random_checkpoint, tmp_path):
    def change(tensors):
        return {**tensors, "text_features": torch.eye(2, 512)}

    path = rewritten(random_checkpoint, tmp_path / "c", change_tensors=change)
    with pytest.raises(CheckpointError, match="512 channels, its network takes 384"):
        load_grounder("plsp", path)


def test_ordinary_use_does_not_import_the_sentence_encoder(random_checkpoint):
    program = (
        "import sys, numpy as np\n"
        "from affordance_grasp.grounding.grounder import load_grounder\n"
        f"grounder = load_grounder('plsp', {str(random_checkpoint)!r})\n"
        "grounder.ground(np.zeros((64, 64, 3), np.uint8), 'grab it')\n"
        "sys.exit('transformers' in sys.modules)\n"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


@pytest.fixture(scope="module")
def picture():
    """A mug alone, of an instance that no training image shows."""
    mug = make_object("mug", TEST_SEED_START + 400)
    rng = np.random.default_rng(3)
    return next(egocentric(mug, 1, 320, rng, ("handle",)))


@pytest.mark.parametrize("method", shipped_methods())
def test_shipped_heads_find_the_object(method, picture):
    heatmap = load_grounder(method).ground(picture.color, "hold")
    assert heatmap.method == method
    on_the_object = heatmap.values[picture.whole].mean()
    assert on_the_object > 2 * heatmap.values[~picture.whole].mean()
    row, column = np.unravel_index(heatmap.values.argmax(), heatmap.values.shape)
    assert picture.whole[row, column]
