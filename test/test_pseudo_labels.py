import json
from pathlib import Path

import numpy as np
import pytest
from agd20k_tree import write_tree
from hypothesis import given
from hypothesis import strategies as st

from affordance_grasp.datasets.agd20k import ImageFile, load_split
from affordance_grasp.datasets.detections import Detections, RecordedDetector
from affordance_grasp.datasets.labels import label_path
from affordance_grasp.errors import InvalidInput, UnknownName
from affordance_grasp.image_files import read_gray
from affordance_grasp.learning.labels.masking import MASKERS, box_region, fill_holes, turn_inverted
from affordance_grasp.learning.labels.pseudo_labels import (
    pseudo_label,
    write_pseudo_labels,
)
from affordance_grasp.learning.labels.segments import find_masker


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    root = tmp_path_factory.mktemp("tree")
    folder = write_tree(root)
    return load_split(root, "Seen"), RecordedDetector(folder / "trainset/detections.json")


def boxes(*rows, scores=None):
    return Detections(np.array(rows, float), np.array(scores or [0.9] * len(rows)))


def test_boxes_above_one_half_are_kept_else_the_best_one():
    rows = ([0, 0, 1, 1], [0, 0, 2, 2], [0, 0, 3, 3])
    assert len(boxes(*rows, scores=[0.6, 0.5, 0.51]).kept().boxes) == 2
    np.testing.assert_array_equal(
        boxes(*rows, scores=[0.2, 0.4, 0.1]).kept().boxes, [[0, 0, 2, 2]]
    )


def test_inverted_mask_is_turned_inside_its_box_only():
    mask = np.ones((20, 20), bool)
    mask[8:12, 8:12] = False
    mask[:5] = False
    turned = turn_inverted(mask, np.array([5, 5, 15, 15.0]))
    assert turned[8:12, 8:12].all()
    assert turned[5:15, 5:15].sum() == 16
    np.testing.assert_array_equal(turned[15:], mask[15:])
    upright = np.zeros((20, 20), bool)
    upright[8:12, 8:12] = True
    np.testing.assert_array_equal(turn_inverted(upright, np.array([5, 5, 15, 15.0])), upright)


def test_only_small_holes_are_filled():
    mask = np.zeros((60, 60), bool)
    mask[5:55, 5:55] = True
    mask[10:13, 10:13] = False
    mask[20:45, 20:45] = False
    filled = fill_holes(mask)
    assert filled[10:13, 10:13].all()
    assert not filled[20:45, 20:45].any()
    assert not filled[0, 0]
    cornered = np.ones((60, 60), bool)
    cornered[:19, :21] = False  # 399 pixels at the rim
    assert fill_holes(cornered).all()
    cornered[:20, :20] = False
    assert not fill_holes(cornered)[0, 0]
    from segment_anything.utils.amg import remove_small_regions

    speckled = np.random.default_rng(0).random((50, 50)) > 0.4
    theirs, _ = remove_small_regions(speckled, 40, mode="holes")
    np.testing.assert_array_equal(fill_holes(speckled, 40), theirs)


def test_box_region_is_clipped_and_never_empty():
    assert box_region(np.array([-5, 3, 200, 9.0]), (10, 20)) == (slice(3, 9), slice(0, 20))
    assert box_region(np.array([50, 50, 60, 60.0]), (10, 20)) == (slice(9, 10), slice(19, 20))


def test_union_over_boxes_and_rim_check():
    open_full = MASKERS["box"].open_image(np.zeros((30, 30, 3), np.uint8), None)
    detections = boxes([0, 0, 2, 2], [5, 5, 8, 8])
    assert pseudo_label(open_full, detections, may_invert=False).sum() == 4 + 9
    assert pseudo_label(open_full, detections, may_invert=True).sum() == 0


def test_grabcut_label_is_the_figure_inside_the_part_box():
    rng = np.random.default_rng(0)
    color = rng.integers(90, 120, (80, 100, 3)).astype(np.uint8)
    color[20:60, 30:50] = (200, 40, 30)
    mask_of = MASKERS["grabcut"].open_image(color, np.array([28, 18, 53, 62.0]))
    mask = mask_of(np.array([25.0, 15, 55, 40]))
    expected = np.zeros((80, 100), bool)
    expected[20:40, 30:50] = True
    assert (mask & expected).sum() / (mask | expected).sum() > 0.9


def test_labels_are_written_once_and_kept(tree):
    split, detector = tree
    count = write_pseudo_labels(split, detector)
    assert (count.written, count.kept, count.without_box) == (12, 0, 0)
    path = label_path(split, split.train_ego[0])
    assert path.parts[-4:-2] == ("PL", split.train_ego[0].affordance)
    assert set(np.unique(read_gray(path))) == {0, 255}
    path.unlink()
    again = write_pseudo_labels(split, detector)
    assert (again.written, again.kept) == (1, 11)


def test_images_without_box_get_no_label(tree, tmp_path):
    split, _ = tree
    empty = tmp_path / "boxes.json"
    empty.write_text(json.dumps({"parts": {}}))
    count = write_pseudo_labels(split, RecordedDetector(empty), overwrite=True)
    assert (count.written, count.without_box) == (0, 12)


KEYS = st.sampled_from(
    ("parts", "objects_ego", "prompts", "hold", "mug", "a.jpg", "boxes", "scores", "x")
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=12,
)


NUMBERS = st.integers() | st.floats()
BOXES = st.lists(st.lists(NUMBERS, min_size=4, max_size=4), max_size=2)
FOUND = st.fixed_dictionaries({"boxes": BOXES, "scores": st.lists(NUMBERS, max_size=2)})
TABLES = (FOUND | VALUES).map(lambda found: {"parts": {"hold": {"mug": {"a.jpg": found}}}})


@given(TABLES | st.dictionaries(KEYS, VALUES, max_size=4) | VALUES)
def test_any_boxes_file_is_a_detector_or_one_sentence(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "any.json"
    path.write_text(json.dumps(content))
    image = ImageFile("hold", "mug", Path("a.jpg"))
    try:
        detector = RecordedDetector(path)
    except InvalidInput as error:
        assert str(error).isprintable()
        return
    for found in (detector.parts(image), detector.object_ego(image), detector.object_exo(image)):
        assert found is None or np.isfinite(found.best).all()
    assert isinstance(detector.prompt("hold", "mug"), (str, type(None)))


def test_bad_boxes_file_and_unknown_mask_step(tmp_path):
    with pytest.raises(InvalidInput, match="no detector boxes at"):
        RecordedDetector(tmp_path / "none.json")
    (tmp_path / "bad.json").write_text("{")
    with pytest.raises(InvalidInput, match="not readable JSON"):
        RecordedDetector(tmp_path / "bad.json")
    with pytest.raises(InvalidInput, match="it is a folder"):
        RecordedDetector(tmp_path)
    box = '{"boxes": [[5, 5, 5, 9]], "scores": [1]}'
    for content, words in (
        ("[]", "Expected `object`, got `array`"),
        ("{}", "missing required field `parts`"),
        ('{"parts": {"hold": [1]}}', r"Expected `object`, got `array` - at `\$\.parts"),
        ('{"parts": {}, "prompts": {"hold": {"mug": 3}}}', "Expected `str`, got `int`"),
        (
            f'{{"parts": {{"hold": {{"mug": {{"a.jpg": {box}}}}}}}}}',
            "parts of hold/mug/a.jpg: .*<",
        ),
    ):
        (tmp_path / "bad.json").write_text(content)
        with pytest.raises(InvalidInput, match=f"bad.json.*{words}"):
            RecordedDetector(tmp_path / "bad.json")
    with pytest.raises(UnknownName, match="grabcut, box, sam"):
        find_masker("lasso")
    with pytest.raises(InvalidInput, match="left < right"):
        boxes([5, 5, 5, 9])
