"""Examples of a part: what a person marks, and what is refused with a sentence."""

import json

import cv2
import numpy as np
import pytest

from affordance_grasp.errors import InvalidInput
from affordance_grasp.grounding.examples import Example, read_examples

COLOR = np.zeros((40, 60, 3), np.uint8)
PART = np.zeros((40, 60), bool)
PART[10:20, 30:40] = True


@pytest.fixture
def folder(tmp_path):
    """One picture whose part is a mask, and one with a point."""
    picture = np.zeros((40, 60, 3), np.uint8)
    picture[..., 2] = 200  # red, as OpenCV orders channels
    cv2.imwrite(str(tmp_path / "a.png"), picture)
    cv2.imwrite(str(tmp_path / "a_part.png"), PART.astype(np.uint8))
    cv2.imwrite(str(tmp_path / "b.jpg"), picture)
    (tmp_path / "b.json").write_text(json.dumps({"points": [[50, 10]]}))
    return tmp_path


def test_masks_and_points(folder):
    by_mask, by_point = read_examples(folder)
    assert (by_mask.name, by_point.name) == ("a.png", "b.jpg")
    assert (by_mask.color[0, 0] == [200, 0, 0]).all()
    np.testing.assert_array_equal(by_mask.part, PART)
    rows, columns = np.nonzero(by_point.part)
    assert (rows.mean(), columns.mean()) == (10, 50)
    assert np.ptp(rows) == np.ptp(columns) == 4, "2 pixels are 4 % of 40, to each side"


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("b.json", None, "b.jpg has no marked part; beside NAME.jpg expected NAME_part.png"),
        ("b.json", "{", "points .*b.json"),
        ("b.json", '{"points": []}', "1 to 100 within the 60x40 picture"),
        ("b.json", '{"points": [[60, 1]]}', "within the 60x40 picture"),
        ("b.json", '{"points": [[true, 1, 2]]}', "within the 60x40 picture"),
        ("b.json", '{"points": [["a", 1]]}', "within the 60x40 picture"),
        ("a_part.png", np.zeros((40, 60)), "a.png: nothing is marked"),
        ("a_part.png", np.ones((40, 60)), "a.png: all of the picture is marked"),
        ("a_part.png", np.ones((20, 60)), "60x40 and its part 60x20; both must have one size"),
        ("a.png", "no picture", "a.png"),
    ],
)
def test_what_is_no_example_is_one_sentence(folder, name, content, words):
    path = folder / name
    path.unlink()
    if isinstance(content, np.ndarray):
        cv2.imwrite(str(path), content)
    elif content is not None:
        path.write_text(content)
    with pytest.raises(InvalidInput, match=words):
        read_examples(folder)


def test_there_are_one_to_ten(folder, tmp_path):
    with pytest.raises(InvalidInput, match="there is no such folder"):
        read_examples(tmp_path / "none")
    for i in range(9):
        cv2.imwrite(str(folder / f"c{i}.png"), COLOR)
    with pytest.raises(InvalidInput, match="11 pictures; expected 1 to 10"):
        read_examples(folder)
    for path in folder.iterdir():
        path.unlink()
    with pytest.raises(InvalidInput, match="0 pictures"):
        read_examples(folder)


def test_a_small_part_is_looked_at_from_near():
    part = np.zeros((400, 600), bool)
    part[20:30, 580:600] = True
    near = Example("it", np.zeros((400, 600, 3), np.uint8), part).near()
    assert near.part.shape == (160, 160), "eight times its 20 columns"
    assert near.part[20:30, -20:].all() and near.part.sum() == part.sum()
    whole = Example("it", COLOR, PART)
    assert whole.near().part.shape == (40, 60)
