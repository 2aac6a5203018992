import numpy as np
import pytest

from affordance_grasp.errors import InvalidInput, UnknownName
from affordance_grasp.learning.labels.region_tree import RegionTree, superpixels
from affordance_grasp.learning.labels.segments import find_segmenter, snap_in_boxes, snapped


def rectangle(left, top, right, bottom, side=40):
    mask = np.zeros((side, side), bool)
    mask[top:bottom, left:right] = True
    return mask


def overlap(one, other):
    return (one & other).sum() / (one | other).sum()


def test_segments_inside_the_label_are_kept_and_others_dropped():
    raw = rectangle(10, 10, 30, 20)
    inside = rectangle(10, 10, 20, 20)
    nearly = rectangle(20, 9, 29, 20)  # 10 of 11 rows: above 0.9 of the best
    half = rectangle(20, 10, 30, 32)  # less than that
    np.testing.assert_array_equal(snapped(raw, [inside, nearly, half]), inside | nearly)


def test_segment_that_holds_the_whole_label_is_rejected():
    raw = rectangle(10, 10, 30, 20)
    same, most = raw, rectangle(12, 10, 30, 20)  # covers 0.9 of the label
    assert not snapped(raw, [same, most]).any()
    small = rectangle(10, 10, 14, 14)
    np.testing.assert_array_equal(snapped(raw, [same, most, small]), small)


def test_segment_that_the_label_barely_touches_is_not_kept_even_if_it_is_the_best():
    raw = rectangle(0, 0, 40, 4)
    ratio_just_above = rectangle(0, 0, 10, 39)  # 4 of 39 rows
    ratio_at_threshold = rectangle(10, 0, 20, 40)  # 4 of 40 rows
    kept = snapped(raw, [ratio_just_above, ratio_at_threshold])
    np.testing.assert_array_equal(kept, ratio_just_above)
    assert not snapped(raw, [ratio_at_threshold]).any()
    assert not snapped(np.zeros_like(raw), [raw]).any()
    assert not snapped(raw, []).any()


def test_snapping_looks_at_object_boxes_only_and_joins_them():
    raw = rectangle(0, 0, 40, 40)
    seen = []

    class Halves:
        def generate(self, image):
            seen.append(image.shape)
            left = np.zeros(image.shape[:2], bool)
            left[:, : image.shape[1] // 2] = True
            return [{"segmentation": left}]

    boxes = np.array([[0, 0, 10, 10.0], [20, 20, 40, 30.0]])
    union = snap_in_boxes(raw, np.zeros((40, 40, 3), np.uint8), boxes, Halves())
    assert seen == [(10, 10, 3), (10, 20, 3)]
    np.testing.assert_array_equal(union, rectangle(0, 0, 5, 10) | rectangle(20, 20, 30, 30))


@pytest.fixture(scope="module")
def scene():
    """A red rectangle with a yellow end on grey ground."""
    color = np.random.default_rng(0).integers(100, 112, (96, 120, 3)).astype(np.uint8)
    body, end = np.zeros((2, 96, 120), bool)
    body[30:66, 20:70] = True
    end[40:56, 70:100] = True
    color[body], color[end] = (200, 40, 30), (240, 220, 40)
    return color, body, end


def test_tree_holds_the_parts_and_the_whole(scene):
    color, body, end = scene
    segments = [record["segmentation"] for record in RegionTree().generate(color)]
    for target in (body, end, body | end, np.ones_like(body)):
        assert max(overlap(s, target) for s in segments) > 0.85
    assert min(s.sum() for s in segments) >= 100


def test_label_that_reaches_too_far_is_cut_back_to_the_part(scene):
    color, _, end = scene
    raw = np.zeros_like(end)
    raw[38:58, 62:104] = True
    box = np.array([[18.0, 28, 102, 68]])
    refined = snap_in_boxes(raw, color, box, RegionTree())
    assert overlap(raw, end) < 0.6 < overlap(refined, end)


def test_superpixels_cover_every_pixel_also_of_tiny_images(scene):
    labels = superpixels(scene[0], 6)
    assert set(np.unique(labels)) == set(range(36))
    for shape in ((1, 1), (1, 40), (3, 2), (9, 300)):
        tiny = np.full((*shape, 3), 7, np.uint8)
        assert superpixels(tiny, 12).min() == 0
        assert all(r["segmentation"].shape == shape for r in RegionTree(12, 1).generate(tiny))


def test_names_and_settings_that_do_not_exist_are_refused():
    assert find_segmenter("none") is None
    assert isinstance(find_segmenter("region_tree"), RegionTree)
    with pytest.raises(UnknownName, match="region_tree, sam, none"):
        find_segmenter("slic")
    with pytest.raises(InvalidInput, match="at least 1"):
        RegionTree(seeds_per_side=0)
