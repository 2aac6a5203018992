import sys
from dataclasses import replace

import numpy as np
import pytest
import segment_anything
import torch
from agd20k_tree import write_tree
from tiny_sam import tiny_sam

from affordance_grasp.cli import main
from affordance_grasp.errors import CheckpointError, InvalidInput, MissingPackage
from affordance_grasp.learning.labels import sam as sam_module
from affordance_grasp.learning.labels.sam import load_sam, sam_masker, sam_segmenter
from affordance_grasp.learning.labels.segments import find_masker, find_segmenter, load_sam_for


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    """A file that says ViT-B by its width; the registry is patched to build that small thing."""
    path = tmp_path_factory.mktemp("sam") / "small.pth"
    torch.save(tiny_sam(768).state_dict(), path)
    return path


@pytest.fixture
def small_registry(monkeypatch):
    monkeypatch.setitem(segment_anything.sam_model_registry, "vit_b", lambda: tiny_sam(768))


@pytest.fixture
def color():
    return np.random.default_rng(0).integers(0, 255, (48, 60, 3)).astype(np.uint8)


def test_box_prompt_gives_the_mask_that_sam_gives(color):
    model = tiny_sam()
    boxes = np.array([[10.0, 5, 40, 30], [3.0, 3, 20, 44]])
    predictor = segment_anything.SamPredictor(model)
    predictor.set_image(color)
    masker = sam_masker(model)
    assert masker.may_invert
    mask_of = masker.open_image(color, None)
    for box in boxes:
        expected = predictor.predict(box=box, multimask_output=False)[0][0]
        mask = mask_of(box)
        assert (mask.shape, mask.dtype) == ((48, 60), bool)
        np.testing.assert_array_equal(mask, expected)
    assert any(mask_of(box).any() for box in boxes)


def test_automatic_masks_come_from_sams_own_generator(color):
    segmenter = sam_segmenter(tiny_sam())
    assert isinstance(segmenter, segment_anything.SamAutomaticMaskGenerator)
    assert len(segmenter.point_grids[0]) == 8 * 8
    assert segmenter.min_mask_region_area == 100
    assert isinstance(segmenter.generate(color), list)


def test_checkpoint_loads_strictly_without_unpickling(checkpoint, small_registry, tmp_path):
    model = load_sam(checkpoint)
    stored = torch.load(checkpoint, weights_only=True)
    assert all(torch.equal(value, stored[name]) for name, value in model.state_dict().items())
    assert not any(p.requires_grad for p in model.parameters())
    del stored["mask_decoder.iou_token.weight"]
    torch.save(stored, tmp_path / "less.pth")
    with pytest.raises(CheckpointError, match=r"missing: mask_decoder\.iou_token\.weight"):
        load_sam(tmp_path / "less.pth")
    torch.save({"a": torch.zeros(2)}, tmp_path / "other.pth")
    with pytest.raises(CheckpointError, match="no checkpoint of Segment Anything"):
        load_sam(tmp_path / "other.pth")
    torch.save({"model": checkpoint}, tmp_path / "code.pth")
    with pytest.raises(CheckpointError, match="plain tensors"):
        load_sam(tmp_path / "code.pth")
    with pytest.raises(InvalidInput, match="device 'cuda:77' is not usable"):
        load_sam(checkpoint, "cuda:77")


def test_published_name_must_hold_the_published_file(checkpoint, tmp_path):
    path = tmp_path / "sam_vit_b_01ec64.pth"
    path.write_bytes(checkpoint.read_bytes())
    with pytest.raises(CheckpointError, match=r"sha256 is .* expected ec2df6273261"):
        load_sam(path)


def test_what_is_missing_is_said(monkeypatch):
    assert load_sam_for(["grabcut", "none"], None) is None
    with pytest.raises(InvalidInput, match="--sam PATH"):
        load_sam_for(["sam"], None)
    for find in (find_masker, find_segmenter):
        with pytest.raises(InvalidInput, match="loaded model"):
            find("sam")
    monkeypatch.setitem(sys.modules, "segment_anything", None)
    with pytest.raises(
        MissingPackage, match=r"needs the Python package segment-anything.*segment-anything alone"
    ):
        sam_masker(tiny_sam())


def test_command_labels_images_with_sam(checkpoint, small_registry, tmp_path, capsys):
    folder = write_tree(tmp_path)
    command = ["pseudo-labels", str(tmp_path), "--masker", "sam"]
    assert main(command) == 2
    assert "--sam PATH" in capsys.readouterr().err
    assert main([*command, "--sam", str(checkpoint)]) == 0
    assert "12 pseudo labels written" in capsys.readouterr().out
    assert len(list((folder / "trainset/PL").rglob("*_pl.png"))) == 12


def test_sizes_are_those_of_the_three_published_models():
    for width, name in sam_module.SIZES.items():
        with torch.device("meta"):
            model = segment_anything.sam_model_registry[name]()
        assert model.state_dict()[sam_module.WIDTH_KEY].shape[0] == width


def test_masker_is_a_value():
    masker = sam_masker(tiny_sam())
    assert replace(masker, may_invert=False).open_image is masker.open_image
